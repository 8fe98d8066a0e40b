//! What the README and the report say is what was measured.

use std::fs;

use flux_airlock_benches::{
    measure::{Run, root},
    report,
};

#[test]
fn the_report_and_the_readme_say_what_the_samples_say() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let run: Run = serde_json::from_str(&read("docs/performance/samples.json")).unwrap();
    assert_eq!(read("docs/performance.md"), report::document(&run));
    let readme = read("README.md");
    assert_eq!(report::in_readme(&readme, &run).unwrap(), readme);
}

#[test]
fn every_picture_is_there() {
    let report = fs::read_to_string(root().join("docs/performance.md")).unwrap();
    let pictures: Vec<&str> = report.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert_eq!(pictures.len(), 3);
    for picture in pictures {
        assert!(fs::read_to_string(root().join("docs").join(picture)).unwrap().starts_with("<svg"), "{picture}");
    }
}
