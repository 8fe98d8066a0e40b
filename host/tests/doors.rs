//! Both doors: what is verified before anything is decoded, and what a refusal says.

use flux_airlock::{Airlock, Digest, Error, Evidence, Format, Input, Limits, NotVerifiedError, Pin, report::Verdict};
use sha2::{Digest as _, Sha256, Sha512};

/// `Dict(:a => 1)`, as BSON.jl writes it.
const FILE: &[u8] = b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0\0";

fn sha256(bytes: &[u8]) -> Pin {
    Pin::new(Digest::Sha256(Sha256::digest(bytes).into()))
}

fn sha512(bytes: &[u8]) -> Pin {
    Pin::new(Digest::Sha512(Sha512::digest(bytes).into()))
}

#[test]
fn a_pinned_file_opens() {
    let airlock = Airlock::new().unwrap();
    let evidence = Evidence::pin(sha256(FILE)).and_pin(sha512(FILE));
    let model = airlock.open(Input::bytes(FILE), &evidence).unwrap();
    assert_eq!(model.variables().len(), 1);
    let report = model.report();
    assert_eq!((report.verdict(), report.evidence.len()), (Verdict::Opened, 2));
    assert_eq!(report.evidence[0].digest(), sha256(FILE).digest().to_string());
    let figures = report.sandbox.unwrap();
    assert_eq!(figures.guest_sha256, flux_airlock::GUEST_SHA256);
    assert!(figures.fuel_used > 0 && figures.fuel_used < figures.fuel_limit && figures.memory_bytes > 0);
}

#[test]
fn the_guest_is_never_started_for_a_file_that_is_not_verified() {
    let airlock = Airlock::new().unwrap();
    let open = |evidence: &Evidence| airlock.open(Input::bytes(FILE), evidence).unwrap_err();
    for (evidence, code) in [
        (Evidence::pin(sha256(b"other")), "digest-mismatch"),
        (Evidence::pin(sha512(b"other")), "digest-mismatch"),
        (Evidence::pin(sha256(FILE)).and_pin(sha512(b"other")), "digest-mismatch"),
        (Evidence::pin(sha256(FILE)).and_lock(&flux_airlock::LockFile::default(), "m.bson"), "not-in-lock"),
        (Evidence::new(), "no-evidence"),
    ] {
        let error = open(&evidence);
        assert_eq!(error.code(), code);
        assert!(matches!(error, Error::NotVerified(_)) && error.is_refusal());
        let report = airlock.inspect_verified(Input::bytes(FILE), &evidence).unwrap();
        let refusal = report.refusal.as_ref().unwrap();
        assert_eq!((refusal.code.as_str(), report.format), (code, Format::Unknown.name()));
        assert!(report.evidence.is_empty() && report.sandbox.is_none());
        // What it is instead, a person may want to know.
        assert_eq!(report.file.sha256, Some(sha256(FILE).digest().to_hex()));
    }
    assert_eq!(airlock.instances_started(), 0);
    assert!(airlock.open(Input::bytes(FILE), &Evidence::pin(sha256(FILE))).is_ok());
    assert_eq!(airlock.instances_started(), 1);
}

#[test]
fn what_has_no_evidence_is_opened_only_by_name() {
    let airlock = Airlock::new().unwrap();
    let error = airlock.open(Input::bytes(FILE), &Evidence::default()).unwrap_err();
    assert!(matches!(error, Error::NotVerified(NotVerifiedError::NoEvidence)));
    assert!(airlock.open_unverified(Input::bytes(FILE)).unwrap().report().evidence.is_empty());
    assert!(airlock.inspect(Input::bytes(FILE)).unwrap().evidence.is_empty());
}

#[test]
fn a_file_that_is_no_model_is_named() {
    let airlock = Airlock::new().unwrap();
    for (file, code, format) in [
        (&b""[..], "empty-file", Format::Empty),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0\0\0\0\0", "not-bson", Format::Jld2),
        (b"7JL\x0d\xfe\0\0\x004\x10\x01\x04Pair\x1fN\x9eD", "not-bson", Format::JuliaSerialization),
        (b"{\"a\": [1, 2, 3]}\n", "not-bson", Format::Json),
        (b"Hello there.\n", "not-bson", Format::Text),
    ] {
        let report = airlock.inspect(Input::bytes(file)).unwrap();
        let refusal = report.refusal.as_ref().unwrap();
        assert_eq!((refusal.code.as_str(), report.format), (code, format.name()));
        assert_eq!((report.verdict(), report.file.bytes), (Verdict::Refused, file.len().try_into().unwrap()));
        let Error::Malformed(error) = airlock.open_unverified(Input::bytes(file)).unwrap_err() else {
            panic!("{code}")
        };
        assert_eq!((error.code.name(), error.format), (code, format));
    }
}

#[test]
fn a_refusal_has_its_place() {
    let airlock = Airlock::new().unwrap();
    // A boolean of 7.
    let error = airlock.open_unverified(Input::bytes(*b"\x09\0\0\0\x08a\0\x07\0")).unwrap_err();
    assert_eq!((error.code(), error.path()), ("boolean-value", Some("a")));
    assert!(error.offset().is_some_and(|offset| (4..=8).contains(&offset)), "{error}");
}

#[test]
fn a_file_over_the_limit_is_refused_unread() {
    let limits = Limits::builder().file_bytes(15).build().unwrap();
    let airlock = Airlock::builder().limits(limits).build().unwrap();
    let report = airlock.inspect(Input::bytes(FILE)).unwrap();
    let refusal = report.refusal.unwrap();
    assert_eq!(
        (refusal.code.as_str(), refusal.limit.as_deref(), refusal.value),
        ("file-bytes-limit", Some("file-bytes"), Some(15))
    );
    assert_eq!((report.file.bytes, report.file.sha256), (16, None));
    assert_eq!(airlock.instances_started(), 0);
}

#[test]
fn one_engine_serves_under_several_limits() {
    let airlock = Airlock::new().unwrap();
    let strict = airlock.with_limits(Limits::builder().file_bytes(15).build().unwrap()).unwrap();
    assert_eq!((strict.limits().file_bytes(), airlock.limits()), (15, &Limits::default()));
    assert_eq!(strict.open_unverified(Input::slice(FILE)).unwrap_err().code(), "file-bytes-limit");
    assert!(airlock.open_unverified(Input::slice(FILE)).is_ok());
    // Instances are counted together: it is the same engine.
    assert_eq!((strict.instances_started(), airlock.instances_started()), (1, 1));
}

#[test]
fn fuel_ends_a_run_at_the_same_place_every_time() {
    let used = |fuel: Option<u64>| {
        let builder = Limits::builder();
        let limits = fuel.map_or(builder.clone(), |fuel| builder.fuel(fuel)).build().unwrap();
        let airlock = Airlock::builder().limits(limits).build().unwrap();
        airlock.open_unverified(Input::bytes(FILE)).map(|model| model.sandbox().fuel_used)
    };
    let enough = used(None).unwrap();
    assert_eq!(used(Some(enough)).unwrap(), enough);
    let error = used(Some(enough - 1)).unwrap_err();
    assert_eq!((error.code(), error.limit().map(|(_, granted)| granted)), ("fuel-limit", Some(enough - 1)));
    assert_eq!(used(Some(1)).unwrap_err().code(), "fuel-limit");
}

#[test]
fn what_cannot_be_read_has_no_verdict() {
    let airlock = Airlock::new().unwrap();
    let error = airlock.inspect(Input::path(env!("CARGO_MANIFEST_DIR"))).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("directory", false));
    let error = airlock.inspect(Input::path("/nowhere/model.bson")).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("not-found", false));
}

#[test]
fn what_is_refused_is_described_as_inspecting_describes_it() {
    let airlock = Airlock::new().unwrap();
    let truncated = &FILE[..FILE.len() - 1];
    let evidence = Evidence::pin(sha256(truncated));
    let rejected = airlock.examine(Input::bytes(truncated), &evidence).unwrap_err();
    let report = airlock.inspect_verified(Input::bytes(truncated), &evidence).unwrap();
    let described = rejected.report.unwrap();
    assert_eq!((&described.refusal, &described.evidence), (&report.refusal, &report.evidence));
    assert_eq!(described.refusal.unwrap().code, rejected.error.code());
    // What says nothing about the file describes nothing.
    let rejected = airlock.examine_unverified(Input::path("no/such/file")).unwrap_err();
    assert!(rejected.report.is_none() && matches!(rejected.error, Error::Input(_)));
    assert!(airlock.examine_unverified(Input::bytes(FILE)).unwrap().evidence().is_empty());
}

#[test]
fn one_variable_of_several_can_be_had_alone() {
    // Dict(:a => UInt8[1], Symbol("b c") => UInt8[2]).
    let file = b"\x19\0\0\0\x05a\0\x01\0\0\0\0\x01\x05b c\0\x01\0\0\0\0\x02\0";
    let mut file = file.to_vec();
    file[0] = file.len().try_into().unwrap();
    let model = Airlock::new().unwrap().open_unverified(Input::bytes(file)).unwrap();
    assert_eq!(model.tensors().count(), 2);
    for name in ["b c", "var\"b c\""] {
        let one = model.only(name).unwrap().unwrap();
        let paths: Vec<&str> = one.tensors().map(|tensor| tensor.path()).collect();
        assert_eq!((paths, one.variables().len()), (vec!["var\"b c\""], 1));
        assert_eq!(one.tensor("var\"b c\"").unwrap().bytes(), [2]);
        assert!(one.tensor("a").is_none());
        assert_eq!(one.layers().to_json(), "[{\"name\":\"b c\",\"node\":{\"tensor\":\"var\\\"b c\\\"\"}}]");
        assert_eq!(one.file(), model.file());
    }
    assert!(model.only("c").unwrap().is_none());
}
