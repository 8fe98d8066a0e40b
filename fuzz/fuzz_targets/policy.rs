//! Bytes → a policy: reading it ends, and whatever it says, a second policy allows nothing that it forbids, and a source has
//! one form.
#![no_main]

use std::path::Path;
use std::time::SystemTime;

use flux_airlock_trust::{Allowance, Digests, Kind, Policy, Source, Subject, Vouched};
use libfuzzer_sys::fuzz_target;

const STRICT: &str = "version = 1\nunverified = \"never\"\n[limits]\ndepth = 7\n\
                      [[source]]\nurl = \"https://models.example.org/flux/\"\nevidence = [\"registry\"]\n";

fuzz_target!(|input: &[u8]| {
    let Ok(text) = core::str::from_utf8(input) else { return };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let source = Source::parse(first).ok();
    if let Some(source) = &source {
        let again = Source::parse(&source.to_string()).expect("the form of a source is a source");
        assert_eq!(again, *source);
        assert_eq!(again.to_string(), source.to_string());
    }
    let Ok(policy) = Policy::parse(rest, Path::new("/p/policy.toml")) else { return };
    let strict = Policy::parse(STRICT, Path::new("/s/policy.toml")).expect("this is a policy");
    let source = source.unwrap_or(Source::memory());
    let digests = Digests { sha256: Some([0; 32]), sha512: Some([0; 64]) };
    let vouched = [Vouched { kind: Kind::Pin, time: None }];
    for allowance in [Allowance::Evidence, Allowance::Inspect, Allowance::Unverified] {
        let subject = Subject { source: &source, digests: &digests, vouched: &vouched, allowance };
        let now = SystemTime::UNIX_EPOCH;
        let alone = policy.decide(&subject, now).is_ok();
        let both = policy.clone().and(strict.clone()).decide(&subject, now).is_ok();
        assert!(!both || (alone && strict.decide(&subject, now).is_ok()), "two policies allow what one forbids");
    }
    assert!(policy.clone().and(strict).ceiling("depth").is_some_and(|depth| depth <= 7));
    for sentence in policy.sentences().into_iter().chain(policy.rules_for(&source)) {
        assert!(!sentence.chars().any(char::is_control), "a sentence has a control character");
    }
});
