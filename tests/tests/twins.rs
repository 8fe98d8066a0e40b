//! The guest and the native decoder are one program: they give the same answers, byte for byte.

use std::path::PathBuf;

use flux_airlock::{Airlock, Error};
use flux_airlock_tests::{DEFAULTS, native};

use crate::support::{corpus, each, files, none, read};

/// Every file there is, good and bad.
fn all() -> Vec<PathBuf> {
    let published = crate::corpus::found().into_iter().map(|found| found.path);
    files(&corpus("")).into_iter().chain(published).collect()
}

#[test]
fn the_guest_answers_as_the_native_decoder_does() {
    let airlock = Airlock::new().unwrap();
    none(&each(&all(), |path| {
        let file = read(path);
        let answer = match airlock.raw_answer(file.as_slice()) {
            Ok(answer) => answer,
            // Nothing is not decoded at all.
            Err(Error::Malformed(error)) if file.is_empty() && error.code.name() == "empty-file" => return Ok(()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        if answer == native(&file, &DEFAULTS) { Ok(()) } else { Err(format!("{}: another answer", path.display())) }
    }));
}

#[test]
fn the_guest_answers_as_the_native_decoder_does_to_files_that_are_cut_or_changed() {
    let airlock = Airlock::new().unwrap();
    let small: Vec<PathBuf> = files(&corpus("accept/made"));
    none(&each(&small, |path| {
        let file = read(path);
        // A few places in each: all of them are tried natively elsewhere.
        for step in 1..16 {
            let at = file.len() * step / 16;
            let mut changed = file.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte = byte.wrapping_add(1);
            }
            for bytes in [&file[..at], &changed] {
                match airlock.raw_answer(bytes) {
                    Ok(answer) if answer == native(bytes, &DEFAULTS) => {}
                    Err(Error::Malformed(_)) if bytes.is_empty() => {}
                    Ok(_) => return Err(format!("{}: another answer at {at}", path.display())),
                    Err(error) => return Err(format!("{}: {error} at {at}", path.display())),
                }
            }
        }
        Ok(())
    }));
}
