//! Opens a model under a digest, and prints what it is and where its arrays are.
//!
//! `cargo run --release -p flux-airlock --example open -- MODEL.bson [sha256:DIGEST]`

use std::{env, error::Error};

use flux_airlock::{Airlock, Evidence, Input, Pin};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1);
    let path = args.next().ok_or("which file?")?;
    let airlock = Airlock::new()?;
    let model = match args.next() {
        Some(digest) => {
            let pin: Pin = digest.to_str().ok_or("a digest is text")?.parse()?;
            airlock.open(Input::path(&path), &Evidence::pin(pin))?
        }
        // Nothing vouches for the file: it is isolated and checked all the same.
        None => airlock.open_unverified(Input::path(&path))?,
    };
    for variable in model.variables() {
        println!("{} = {}", variable.path(), variable.value.summary());
    }
    for tensor in model.tensors() {
        println!("{}: {} bytes at {}", tensor.path(), tensor.bytes().len(), tensor.offset());
    }
    Ok(())
}
