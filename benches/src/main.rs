//! Measures, and writes the report: what `cargo xtask bench` runs.
//!
//! ```text
//! measure [--quick] --command AIRLOCK --gate GATE    measures, and writes docs/performance* and the README's table;
//!                                                    quickly, writes target/bench instead
//! render                                             writes the report again from the samples
//! ```
#![forbid(unsafe_code)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use flux_airlock_benches::{
    Result, Scale, Tools, gate,
    julia::Julia,
    machine::Machine,
    measure::{self, Run},
    plot, report,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((command, rest)) if command == "measure" => measure(rest),
        Some((command, [])) if command == "render" => render(&measure::root().join("docs"), true),
        Some((command, rest)) if command == "memory" => measure::print_memory(rest),
        _ => Err("run this as `cargo xtask bench`".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &[String]) -> Result<()> {
    let value = |name: &str| {
        let place = options.iter().position(|option| option == name)?;
        options.get(place + 1).map(PathBuf::from)
    };
    let scale = if options.iter().any(|option| option == "--quick") { Scale::Quick } else { Scale::Full };
    let root = measure::root();
    let mut machine = Machine::this(&root)?;
    let julia = match (env::var_os("AIRLOCK_JULIA"), env::var_os("AIRLOCK_BSON_JL")) {
        (Some(julia), Some(bson_jl)) => Some(Julia::start(Path::new(&julia), Path::new(&bson_jl))?),
        _ => None,
    };
    machine.versions.extend(julia.iter().map(|julia| ("Julia".to_owned(), julia.version.clone())));

    let folder = tempfile::Builder::new().prefix("airlock-bench-").tempdir()?;
    let tools = Tools::new(folder.path(), value("--command"), julia)?;
    let sets = measure::run(folder.path(), &tools, scale)?;
    let gate = match value("--gate") {
        Some(program) => gate::load(folder.path(), &program, scale)?,
        None => None,
    };
    let docs = if scale == Scale::Full { root.join("docs") } else { root.join("target/bench") };
    fs::create_dir_all(docs.join("performance"))?;
    fs::write(
        docs.join(SAMPLES),
        serde_json::to_string(&Run { quick: scale == Scale::Quick, machine, sets, gate })? + "\n",
    )?;
    render(&docs, scale == Scale::Full)
}

/// Writes the report from the samples beside it, and the README's table if that is to change.
fn render(docs: &Path, is_for_readers: bool) -> Result<()> {
    let run: Run = serde_json::from_slice(&fs::read(docs.join(SAMPLES))?)?;
    let plots = plot::all(&run)?;
    for (name, svg) in &plots {
        fs::write(docs.join("performance").join(name), svg)?;
    }
    fs::write(docs.join("performance.md"), report::document(&run))?;
    println!("{}", docs.join("performance.md").display());
    if is_for_readers {
        let path = measure::root().join("README.md");
        let readme = fs::read_to_string(&path)?;
        fs::write(path, report::in_readme(&readme, &run).ok_or("the README has no place for the figures")?)?;
    }
    Ok(())
}

const SAMPLES: &str = "performance/samples.json";
