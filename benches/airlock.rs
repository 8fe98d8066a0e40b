//! The cases of the report under criterion, for whoever changes the code: `cargo bench -p flux-airlock-benches`.
//!
//! Criterion keeps baselines (`-- --save-baseline NAME`, then `-- --baseline NAME`) and says whether a change is one.
#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "criterion's macros write public functions")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flux_airlock_benches::{Group, Scale, Tools, measure};

fn all(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let tools = Tools::new(folder.path(), None, None).expect("the engines start");
    for (group, files) in measure::plan(folder.path(), Scale::Quick).expect("the files are made") {
        if matches!(group, Group::Julia | Group::Convert) {
            continue;
        }
        let mut benches = c.benchmark_group(group.name());
        for file in files {
            benches.throughput(match file.elements {
                0..1000 => Throughput::Bytes(file.bytes),
                elements => Throughput::Elements(elements),
            });
            for mut case in tools.cases(group, &file).expect("the cases are made") {
                benches.bench_function(BenchmarkId::new(case.subject, file.name()), |b| {
                    b.iter_custom(|runs| {
                        (0..runs)
                            .map(|_| case.run().expect("it works"))
                            .fold(Duration::ZERO, |sum, outcome| sum + outcome.time / outcome.times)
                    });
                });
            }
        }
        benches.finish();
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
