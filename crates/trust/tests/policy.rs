//! Policies: what they allow, that a second one only ever forbids, and that what is not understood is not used.
#![cfg(feature = "policy")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flux_airlock_trust::{Algorithms, Allowance, Digests, Hasher, Kind, Policy, PolicyError, Source, Subject, Vouched};

const HTTPS: &str = "https://models.example.org/flux/net.bson";

fn policy(text: &str) -> Policy {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

fn read(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(&format!("version = 1\n{text}"), Path::new("/etc/airlock/policy.toml"))
}

fn code(text: &str) -> String {
    match read(text) {
        Ok(_) => panic!("{text} is a policy"),
        Err(error) => error.code().to_owned(),
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn days(days: u64) -> Duration {
    Duration::from_hours(days * 24)
}

fn digests() -> Digests {
    Hasher::hash(b"abc", Algorithms::ALL)
}

/// Of the registry's root.
const ROOT: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const PIN: Vouched<'static> = Vouched { kind: Kind::Pin, time: None };
const REGISTRY: Vouched<'static> = Vouched { kind: Kind::Registry { root: ROOT }, time: None };

fn signature(key: &str) -> Vouched<'_> {
    Vouched { kind: Kind::Signature { key, identity: None, roots: &[] }, time: None }
}

/// `ok`, or the code of the refusal.
fn decide(policy: &Policy, source: &str, vouched: &[Vouched<'_>]) -> &'static str {
    ask(policy, source, vouched, Allowance::Evidence)
}

fn ask(policy: &Policy, source: &str, vouched: &[Vouched<'_>], allowance: Allowance) -> &'static str {
    let source = if source == "memory" { Source::memory() } else { Source::parse(source).unwrap() };
    let subject = Subject { source: &source, digests: &digests(), vouched, allowance };
    policy.decide(&subject, now()).map_or_else(|denied| denied.code(), |_| "ok")
}

#[test]
fn only_listed_sources_are_allowed() {
    let policy = policy("[[source]]\nurl = \"https://models.example.org/flux/\"\n[[source]]\nmemory = true\n");
    assert_eq!(decide(&policy, HTTPS, &[PIN]), "ok");
    assert_eq!(decide(&policy, "memory", &[PIN]), "ok");
    for source in ["https://models.example.org/m.bson", "https://evil.example/flux/m.bson", "file:///flux/m.bson"] {
        assert_eq!(decide(&policy, source, &[PIN]), "policy-source", "{source}");
        assert!(policy.check_source(&Source::parse(source).unwrap()).is_err());
    }
    // Without a list, the evidence is all that counts.
    assert_eq!(decide(&read("").unwrap(), "https://anywhere.example/m", &[PIN]), "ok");
}

#[cfg(unix)]
#[test]
fn a_place_is_where_its_links_lead() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("real")).unwrap();
    std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
    std::os::unix::fs::symlink(at("circle"), at("circle")).unwrap();
    let rule = |path: &str| {
        Policy::parse(&format!("version = 1\n[[source]]\npath = {path:?}\n"), &folder.path().join("policy.toml"))
    };
    let real = std::fs::canonicalize(at("real")).unwrap();
    let file = |name: &str| Source::parse(&format!("file://{}", real.join(name).display())).unwrap();
    // What is not there yet lies where the links before it lead.
    assert!(rule("link/new/").unwrap().check_source(&file("new/m.bson")).is_ok());
    assert!(rule("link/new").unwrap().check_source(&file("new")).is_ok());
    assert!(rule("link/").unwrap().check_source(&file("m.bson")).is_ok());
    // A rule for a link that leads nowhere yet would not hold for where it leads later.
    for path in ["dangling", "dangling/", "dangling/m.bson", "circle", "circle/x"] {
        let error = rule(path).unwrap_err();
        assert_eq!(error.code(), "policy-value", "{path}");
        assert!(error.to_string().contains("cannot be followed"), "{error}");
    }
}

#[test]
fn a_query_is_part_of_what_a_server_is_asked_for() {
    let rule = "[[source]]\nurl = \"https://models.example.org/flux/\"\n";
    let with_query = format!("{HTTPS}?file=/private/m.bson");
    assert_eq!(decide(&policy(rule), &with_query, &[PIN]), "policy-source");
    assert_eq!(decide(&policy(&format!("{rule}query = true\n")), &with_query, &[PIN]), "ok");
}

#[test]
fn the_narrowest_rule_decides_whatever_the_order() {
    let wide = "[[source]]\nurl = \"https://models.example.org/\"\n";
    let narrow = "[[source]]\nurl = \"https://models.example.org/secret/\"\nevidence = [\"registry\"]\n";
    for text in [format!("{wide}{narrow}"), format!("{narrow}{wide}")] {
        let policy = policy(&text);
        assert_eq!(decide(&policy, HTTPS, &[PIN]), "ok");
        assert_eq!(decide(&policy, "https://models.example.org/secret/m.bson", &[PIN]), "policy-evidence");
        // Another spelling of the same place meets the same rule.
        assert_eq!(decide(&policy, "https://models.example.org/%73ecret/m.bson", &[PIN]), "policy-evidence");
        assert_eq!(decide(&policy, "https://models.example.org/secret/m.bson", &[REGISTRY]), "ok");
    }
}

#[test]
fn all_of_the_evidence_or_so_many_of_it() {
    let signers = "[signer.a]\nkeys = [\"sha256:aa\"]\n[signer.b]\nkeys = [\"sha256:bb\", \"sha256:b2\"]\n[signer.c]\nidentities = [\"CN=c\"]\nroots = [\"sha256:r1\", \"sha256:r2\"]\n";
    let rule = "[[source]]\nurl = \"https://models.example.org/flux/\"\nevidence = [\"pin\", \"registry\", \"signature:a\", \"signature:b\", \"signature:c\"]\n";
    let (a, b, b2) = (signature("sha256:aa"), signature("sha256:bb"), signature("sha256:b2"));
    let certified =
        |identity, roots| Vouched { kind: Kind::Signature { key: "sha256:cc", identity, roots }, time: None };
    let (known, unknown) = (["sha256:r1".to_owned()], ["sha256:r1".to_owned(), "sha256:r3".to_owned()]);
    let c = certified(Some("CN=c"), &known);
    let all = policy(&format!("{signers}{rule}"));
    assert_eq!(decide(&all, HTTPS, &[PIN, REGISTRY, a, b, c]), "ok");
    assert_eq!(decide(&all, HTTPS, &[PIN, REGISTRY, a, b]), "policy-evidence");
    let two = policy(&format!("{signers}{rule}at_least = 2\n"));
    for vouched in [[PIN, REGISTRY], [a, b], [b2, a], [c, PIN]] {
        assert_eq!(decide(&two, HTTPS, &vouched), "ok");
    }
    // One signer is one, with however many keys, and so is one pin given twice.
    // Anybody can make a certificate for any name: its root must be one that the policy names, and no other was believed.
    for other in [certified(Some("CN=c"), &unknown), certified(Some("CN=c"), &[]), certified(Some("CN=d"), &known)] {
        assert_eq!(decide(&two, HTTPS, &[other, PIN]), "policy-evidence");
    }
    for vouched in [&[b, b2][..], &[a, a], &[PIN, PIN, PIN], &[a], &[], &[signature("sha256:zz"), PIN]] {
        assert_eq!(decide(&two, HTTPS, vouched), "policy-evidence", "{vouched:?}");
    }
}

#[test]
fn a_registry_is_known_by_its_root() {
    let other = format!("sha256:{}", "ab".repeat(32));
    let theirs = Vouched { kind: Kind::Registry { root: &other }, time: None };
    let registries = format!("[registry.team]\nroots = [{ROOT:?}]\n[registry.theirs]\nroots = [{other:?}]\n");
    let rule = |evidence| {
        policy(&format!("{registries}[[source]]\nurl = \"https://models.example.org/flux/\"\nevidence = {evidence}\n"))
    };
    // Whoever asks brings the root along: a registry of anybody's is no registry that counts.
    assert_eq!(decide(&rule("[\"registry:team\"]"), HTTPS, &[REGISTRY]), "ok");
    assert_eq!(decide(&rule("[\"registry:team\"]"), HTTPS, &[theirs, PIN]), "policy-evidence");
    assert_eq!(decide(&rule("[\"registry\"]"), HTTPS, &[theirs]), "ok");
    let both = rule("[\"registry:team\", \"registry:theirs\"]");
    assert_eq!(decide(&both, HTTPS, &[REGISTRY, REGISTRY]), "policy-evidence");
    assert_eq!(decide(&both, HTTPS, &[theirs, REGISTRY]), "ok");
    assert!(both.sentences().iter().any(|sentence| sentence.contains("all of an entry of the registry team, ")));
}

#[test]
fn evidence_that_is_too_old_or_says_no_time_does_not_count() {
    let rule = "[[source]]\nurl = \"https://models.example.org/flux/\"\nevidence = [\"registry\"]\nmax_age_days = 90\n";
    let policy = policy(rule);
    let at = |time| [Vouched { kind: Kind::Registry { root: ROOT }, time }];
    assert_eq!(decide(&policy, HTTPS, &at(Some(now() - days(90)))), "ok");
    assert_eq!(decide(&policy, HTTPS, &at(Some(now() - days(90) - Duration::from_secs(1)))), "policy-age");
    assert_eq!(decide(&policy, HTTPS, &at(None)), "policy-age");
    assert_eq!(decide(&policy, HTTPS, &at(Some(now() + Duration::from_mins(5)))), "ok");
    assert_eq!(decide(&policy, HTTPS, &at(Some(now() + Duration::from_secs(301)))), "policy-age");
    assert_eq!(decide(&policy, HTTPS, &[PIN]), "policy-evidence");
}

#[test]
fn a_denied_digest_is_refused_whatever_vouches_for_it() {
    let abc = digests();
    let [sha256, sha512] =
        [abc.sha256.map(flux_airlock_trust::Digest::Sha256), abc.sha512.map(flux_airlock_trust::Digest::Sha512)];
    for digest in [sha256.unwrap(), sha512.unwrap()] {
        let policy = policy(&format!("unverified = \"open\"\ndenied = [\"{digest}\"]\n"));
        for allowance in [Allowance::Evidence, Allowance::Inspect, Allowance::Unverified] {
            assert_eq!(ask(&policy, HTTPS, &[PIN, REGISTRY], allowance), "policy-digest");
        }
        assert!(policy.algorithms().and(Algorithms::SHA256) == policy.algorithms());
    }
    // A digest that nobody computed could be the one.
    let policy = policy(&format!("denied = [\"sha512:{}\"]\n", "0".repeat(128)));
    assert!(policy.algorithms().sha512);
    let source = Source::memory();
    let digests = Hasher::hash(b"abc", Algorithms::SHA256);
    let subject = Subject { source: &source, digests: &digests, vouched: &[PIN], allowance: Allowance::Evidence };
    assert_eq!(policy.decide(&subject, now()).unwrap_err().code(), "policy-digest");
}

#[test]
fn without_evidence_a_file_gets_as_far_as_the_policy_says() {
    let may = |text: &str, source: &str| {
        let policy = policy(text);
        [Allowance::Inspect, Allowance::Unverified].map(|allowance| ask(&policy, source, &[], allowance))
    };
    assert_eq!(may("unverified = \"never\"", HTTPS), ["policy-unverified", "policy-unverified"]);
    assert_eq!(may("unverified = \"inspect\"", HTTPS), ["ok", "policy-unverified"]);
    assert_eq!(may("", HTTPS), ["ok", "policy-unverified"]);
    assert_eq!(may("unverified = \"open\"", HTTPS), ["ok", "ok"]);
    let scratch = "unverified = \"never\"\n[[source]]\npath = \"/scratch/\"\nunverified = \"open\"\n";
    assert_eq!(may(scratch, "file:///scratch/m.bson"), ["ok", "ok"]);
    assert_eq!(may(scratch, HTTPS), ["policy-unverified", "policy-source"]);
}

#[test]
fn a_second_policy_forbids_and_never_allows() {
    let base = "unverified = \"never\"\ndenied = [\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]\n[limits]\ndepth = 100\nfile_bytes = 5000\n[[source]]\nurl = \"https://models.example.org/flux/\"\nevidence = [\"registry\"]\nmax_bytes = 900\nmax_age_days = 1\n";
    // Everything that could be said to get more.
    let lax = "unverified = \"open\"\ndenied = []\n[limits]\ndepth = 65535\nfile_bytes = 2147483647\n[[source]]\nurl = \"https://models.example.org/\"\nquery = true\nunverified = \"open\"\nmax_bytes = 9000000\n[[source]]\nurl = \"https://evil.example/\"\nunverified = \"open\"\n[[source]]\npath = \"/\"\nunverified = \"open\"\n[[source]]\nmemory = true\nunverified = \"open\"\n";
    let strict = policy(base);
    let fresh = Vouched { kind: Kind::Registry { root: ROOT }, time: Some(now()) };
    let sources =
        [HTTPS, "https://models.example.org/flux/net.bson?x", "https://evil.example/m", "file:///m", "memory"];
    let vouched: [&[Vouched<'_>]; 4] = [&[], &[PIN], &[REGISTRY], &[fresh]];
    for both in [policy(base).and(policy(lax)), policy(lax).and(policy(base))] {
        for source in sources {
            for vouched in vouched {
                for allowance in [Allowance::Evidence, Allowance::Inspect, Allowance::Unverified] {
                    if ask(&strict, source, vouched, allowance) != "ok" {
                        assert_ne!(ask(&both, source, vouched, allowance), "ok", "{source} {vouched:?} {allowance:?}");
                    }
                }
            }
        }
        assert_eq!((both.ceiling("depth"), both.ceiling("file_bytes")), (Some(100), Some(5000)));
        assert_eq!(both.max_bytes(&Source::parse(HTTPS).unwrap()), Some(900));
        assert!(both.check_source(&Source::parse("https://evil.example/m").unwrap()).is_err());
    }
    let tighter = policy("").and(policy("[limits]\ndepth = 7\n[[source]]\npath = \"/srv/\"\n"));
    assert_eq!(tighter.ceiling("depth"), Some(7));
    assert_eq!(decide(&tighter, "file:///srv/m", &[PIN]), "ok");
    assert_eq!(decide(&tighter, HTTPS, &[PIN]), "policy-source");
}

#[test]
fn what_is_not_understood_is_not_used() {
    let source = "[[source]]\nurl = \"https://h.example/\"\n";
    for (text, flaw) in [
        ("sources = []", "policy-unknown-key"),
        ("[limits]\nfules = 1", "policy-unknown-key"),
        ("[signer.a]\nkeys = [\"k\"]\nkey = \"k\"", "policy-unknown-key"),
        (&format!("{source}trust = true"), "policy-unknown-key"),
        ("unverified = true", "policy-wrong-type"),
        ("unverified = \"always\"", "policy-value"),
        ("denied = \"sha256:00\"", "policy-wrong-type"),
        ("denied = [\"sha256:00\"]", "policy-value"),
        ("denied = [\"md5:00\"]", "policy-value"),
        ("[limits]\ndepth = 0", "policy-value"),
        ("[limits]\ndepth = -1", "policy-value"),
        ("[limits]\ndepth = 99999999999999999999999", "policy-value"),
        ("[limits]\ndepth = 1.5", "policy-wrong-type"),
        ("[limits]\nmemory_bytes = 1000", "policy-value"),
        ("source = 1", "policy-wrong-type"),
        ("[source]\nurl = \"https://h.example/\"", "policy-wrong-type"),
        ("[[source]]\n", "policy-missing-key"),
        ("[[source]]\nmemory = false", "policy-value"),
        (&format!("{source}path = \"/srv/\""), "policy-value"),
        (&format!("{source}[[source]]\nurl = \"https://H.example:443/\""), "policy-repeated"),
        ("[[source]]\nurl = \"https://user@h.example/\"", "policy-value"),
        ("[[source]]\nurl = \"https://h\u{435}.example/\"", "policy-value"),
        ("[[source]]\nurl = \"https://h.example/../\"", "policy-value"),
        ("[[source]]\nurl = \"https://*.example/\"", "policy-value"),
        ("[[source]]\npath = \"../\"", "policy-value"),
        (&format!("{source}evidence = [\"hope\"]"), "policy-value"),
        (&format!("{source}evidence = [\"signature:nobody\"]"), "policy-value"),
        (&format!("{source}evidence = [\"pin\", \"pin\"]"), "policy-repeated"),
        (&format!("{source}evidence = [\"pin\"]\nat_least = 2"), "policy-value"),
        (&format!("{source}evidence = [\"pin\"]\nat_least = 0"), "policy-value"),
        (&format!("{source}at_least = 1"), "policy-value"),
        (&format!("{source}formats = [\"pickle\"]"), "policy-value"),
        ("[signer.a]\n", "policy-missing-key"),
        ("[signer.a]\nkeys = []", "policy-missing-key"),
        ("[signer.a]\nkeys = [\"a\\nb\"]", "policy-value"),
        ("[signer.a]\nidentities = [\"CN=a\"]", "policy-missing-key"),
        ("[signer.a]\nkeys = [\"k\"]\nroots = [\"r\"]", "policy-missing-key"),
        ("[signer.\"a\\nb\"]\nkeys = [\"k\"]", "policy-value"),
        // One key under two names would count twice.
        ("[signer.a]\nkeys = [\"k\"]\n[signer.b]\nkeys = [\"k\"]", "policy-repeated"),
        ("[signer.a]\nkeys = [\"k\", \"k\"]", "policy-repeated"),
        ("[registry.a]\nroots = []", "policy-missing-key"),
        ("[registry.a]\nroots = [\"sha256:aa\"]", "policy-value"),
        (&format!("[registry.a]\nroots = [\"{}\"]", ROOT.to_uppercase()), "policy-value"),
        (&format!("[registry.a]\nroots = [{ROOT:?}]\n[registry.b]\nroots = [{ROOT:?}]"), "policy-repeated"),
        (&format!("[registry.a]\nroots = [{ROOT:?}]\nkeys = []"), "policy-unknown-key"),
        (&format!("[registry.\"a:b\"]\nroots = [{ROOT:?}]"), "policy-value"),
        (&format!("{source}evidence = [\"registry:a\"]"), "policy-value"),
        (
            &format!("[registry.a]\nroots = [{ROOT:?}]\n{source}evidence = [\"registry:a\", \"registry\"]"),
            "policy-repeated",
        ),
        (
            &format!("[registry.a]\nroots = [{ROOT:?}]\n{source}evidence = [\"registry\", \"registry:a\"]"),
            "policy-repeated",
        ),
        ("unverified = \"never\"\nunverified = \"open\"", "policy-syntax"),
        ("x", "policy-syntax"),
    ] {
        assert_eq!(code(text), flaw, "{text}");
    }
    for text in ["", "version = 2", "version = \"1\"", "unverified = \"open\"", "version = 1\u{0}"] {
        let error = Policy::parse(text, Path::new("p")).unwrap_err();
        assert!(matches!(error.code(), "policy-version" | "policy-syntax"), "{text}: {error}");
    }
}

#[test]
fn a_flaw_has_its_file_and_line() {
    let error = read("\n[limits]\ndepth = 1\nfuels = 2\n").unwrap_err();
    assert_eq!(error.to_string(), "the policy /etc/airlock/policy.toml: line 5: there is no key \"fuels\"");
    let error = Policy::parse("version = 1\n\"a\u{202e}b\" = 1", Path::new("a\u{202e}b\n")).unwrap_err();
    assert!(error.to_string().is_ascii(), "{error}");
}

#[test]
fn size_and_depth_are_bounded() {
    let most = usize::try_from(Policy::MAX_BYTES).unwrap();
    assert_eq!(code(&"\n".repeat(most)), "policy-too-large");
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let text = format!("denied = {}1{}", open.repeat(40_000), close.repeat(40_000));
        assert_eq!(code(&text), "policy-syntax");
    }
    assert_ne!(code(&format!("[{}a]", "a.".repeat(60_000))), "");
}

#[test]
fn a_policy_is_explained_in_sentences() {
    let policy = policy(
        "unverified = \"never\"\n[limits]\ndepth = 64\n[signer.release]\nkeys = [\"sha256:aa\"]\n[[source]]\nurl = \"https://models.example.org/flux/\"\nevidence = [\"registry\", \"signature:release\"]\nat_least = 1\nmax_age_days = 90\nmax_bytes = 1000\n",
    );
    let said = policy.sentences().join("\n");
    for part in [
        "files without evidence are not even described",
        "at most 64 of the limit depth",
        "line 7: files from https://models.example.org/flux/ need 1 of an entry of a registry, a signature by release, given at most 90 days ago; they have at most 1000 bytes",
        "files from anywhere else are refused",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let rules = policy.rules_for(&Source::parse(HTTPS).unwrap());
    assert!(rules.len() == 1 && rules[0].starts_with("/etc/airlock/policy.toml, line 7: files from "), "{rules:?}");
    let rules = policy.rules_for(&Source::memory());
    assert_eq!(rules, ["/etc/airlock/policy.toml: no rule lists memory: it is refused"]);
}

#[cfg(unix)]
#[test]
fn the_named_policy_the_users_and_those_of_the_working_tree() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("airlock-policy-{}", std::process::id()));
    let inner = folder.join("tree/inner");
    fs::create_dir_all(&inner).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, format!("version = 1\n{text}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    };
    let origins = |policy: Option<Policy>| -> Vec<String> {
        let origins = policy.iter().flat_map(Policy::origins).map(|path| path.file_name().unwrap().to_owned());
        origins.map(|name| name.into_string().unwrap()).collect()
    };
    let (named, user) = (write("named.toml", ""), write("user.toml", ""));
    assert_eq!(origins(Policy::find(Some(&named), Some(&user), &inner).unwrap()), ["named.toml"]);
    assert_eq!(origins(Policy::find(None, Some(&user), &inner).unwrap()), ["user.toml"]);
    write("tree/airlock.toml", "[[source]]\npath = \"inner\"\n");
    write("tree/inner/airlock.toml", "[limits]\ndepth = 9\n");
    let found = Policy::find(Some(&named), None, &inner).unwrap();
    assert_eq!(found.as_ref().unwrap().ceiling("depth"), Some(9));
    // A relative path begins where its policy lies.
    fs::write(inner.join("m.bson"), "x").unwrap();
    let source = Source::of_file(&inner.join("m.bson")).unwrap();
    assert!(found.as_ref().unwrap().check_source(&source).is_ok());
    assert!(found.as_ref().unwrap().check_source(&Source::of_file(&named).unwrap()).is_err());
    assert_eq!(origins(found), ["named.toml", "airlock.toml", "airlock.toml"]);
    // What is there and cannot be used is no reason to do without.
    let refused = |find: Result<Option<Policy>, PolicyError>| find.unwrap_err().code().to_owned();
    fs::write(inner.join("airlock.toml"), "version = 1\nallow = \"all\"\n").unwrap();
    assert_eq!(refused(Policy::find(Some(&named), None, &inner)), "policy-unknown-key");
    fs::remove_file(inner.join("airlock.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", inner.join("airlock.toml")).unwrap();
    assert_eq!(refused(Policy::find(Some(&named), None, &inner)), "policy-io");
    fs::remove_file(inner.join("airlock.toml")).unwrap();
    fs::create_dir(inner.join("airlock.toml")).unwrap();
    assert_eq!(refused(Policy::find(Some(&named), None, &inner)), "policy-io");
    fs::remove_dir(inner.join("airlock.toml")).unwrap();
    assert_eq!(refused(Policy::find(Some(&folder.join("nowhere.toml")), None, &inner)), "policy-io");
    fs::set_permissions(&user, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(refused(Policy::find(None, Some(&user), &inner)), "policy-writable");
    fs::write(&named, b"version = 1\n#\xff\n").unwrap();
    assert_eq!(refused(Policy::find(Some(&named), None, &inner)), "policy-not-utf8");
    fs::remove_dir_all(folder).unwrap();
    let path =
        |config: Option<&str>, home: Option<&str>| Policy::user_path(config.map(Into::into), home.map(Into::into));
    assert_eq!(path(Some("/c"), Some("/h")), Some("/c/airlock/policy.toml".into()));
    assert_eq!(path(None, Some("/h")), Some("/h/.config/airlock/policy.toml".into()));
    assert_eq!(path(Some("relative"), Some("/h")), Some("/h/.config/airlock/policy.toml".into()));
    assert_eq!(path(None, None), None);
}
