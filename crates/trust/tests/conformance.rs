//! OpenSSF Model Signing, case by case: our verdict, the reference's, and the table of both in `docs/oms-conformance.md`.
//!
//! Where `AIRLOCK_MODEL_SIGNING` names a Python that has `model-signing` 1.1, the reference itself is asked, about every case;
//! otherwise its verdicts are taken from the table. `AIRLOCK_WRITE_TABLE=1` writes the table.

mod lab;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flux_airlock_trust::{Algorithms, Clock, Hasher, PublicKey, Roots, Signature, SignedBy};
use lab::{Case, Lab, Signer};

/// What we say: `None`, or the code.
fn ours(case: &Case, lab: &Lab) -> Option<String> {
    let by = match &case.signer {
        Signer::Key(path) => PublicKey::read(path).map(SignedBy::from),
        Signer::Roots(path) => Roots::read(path).map(SignedBy::from),
    };
    let by = match by {
        Ok(by) => by,
        Err(error) => return Some(error.code().to_owned()),
    };
    let signature = match Signature::read(&case.signature) {
        Ok(signature) => signature,
        Err(error) => return Some(error.code().to_owned()),
    };
    let signature = match &case.opened {
        None => signature,
        Some(name) => {
            let own = case.signature.strip_prefix(&case.model).ok().and_then(Path::to_str);
            signature.of_folder(&case.model, *name, own.as_slice())
        }
    };
    let path = case.opened.map_or_else(|| case.model.clone(), |name| case.model.join(name));
    let bytes = fs::read(path).unwrap();
    let digests = Hasher::hash(&bytes, Algorithms::SHA256);
    let verified = signature.verify(&by, &bytes, &digests, Clock::fixed(lab.now));
    verified.err().map(|error| {
        // A sentence for people: one line, and nothing that hides.
        let sentence = error.to_string();
        assert!(!sentence.is_empty() && !sentence.contains(char::is_control), "{sentence:?}");
        error.code().to_owned()
    })
}

#[test]
fn every_case_has_the_verdict_of_the_table() {
    let lab = Lab::new("conformance");
    let cases = lab.cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    assert!(cases.len() >= 67, "{} cases", cases.len());

    let mut wrong = String::new();
    for case in &cases {
        let found = ours(case, &lab);
        if found.as_deref() != case.ours {
            writeln!(wrong, "{}: {found:?}, and not {:?}", case.name, case.ours).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");

    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/oms-conformance.md");
    let text = fs::read_to_string(&docs).unwrap_or_default();
    let reference: Vec<bool> = match reference(&lab, &cases) {
        Some(verdicts) => verdicts,
        None => cases.iter().map(|case| recorded(&text, case.name)).collect(),
    };
    let table = table(&cases, &reference);
    let (before, rest) = text.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("AIRLOCK_WRITE_TABLE").is_some() {
        fs::write(&docs, &expected).unwrap();
    }
    let text = fs::read_to_string(&docs).unwrap();
    assert!(
        text == expected,
        "docs/oms-conformance.md is not what is found; AIRLOCK_WRITE_TABLE=1 writes it:\n{table}"
    );
}

/// What the reference says: does it accept?
fn reference(lab: &Lab, cases: &[Case]) -> Option<Vec<bool>> {
    let asked: Vec<_> = cases
        .iter()
        .map(|case| {
            let (roots, signer) = match &case.signer {
                Signer::Key(path) => (false, path),
                Signer::Roots(path) => (true, path),
            };
            serde_json::json!({
                "do": "verify", "model": case.model, "signature": case.signature, "roots": roots, "signer": signer,
            })
        })
        .collect();
    let verdicts = lab::ask(lab, &asked)?;
    if std::env::var_os("AIRLOCK_WRITE_TABLE").is_some() {
        for (case, verdict) in cases.iter().zip(&verdicts) {
            println!("{}: {verdict:?}", case.name);
        }
    }
    Some(verdicts.iter().map(Option::is_none).collect())
}

/// What the table says of the reference.
fn recorded(text: &str, name: &str) -> bool {
    let row = text.lines().find(|line| line.contains(&format!("| {name} |")));
    let row = row.unwrap_or_else(|| panic!("the table has no row for: {name}"));
    row.trim_end().ends_with("| accepts |")
}

fn table(cases: &[Case], reference: &[bool]) -> String {
    let mut table = String::from("\n| | case | airlock | reference |\n| --- | --- | --- | --- |\n");
    for (number, (case, accepts)) in cases.iter().zip(reference).enumerate() {
        let ours = case.ours.map_or_else(|| "accepts".to_owned(), |code| format!("`{code}`"));
        let theirs = if *accepts { "accepts" } else { "refuses" };
        writeln!(table, "| {} | {} | {ours} | {theirs} |", number + 1, case.name).unwrap();
    }
    let (mut both, mut neither, mut stricter, mut laxer) = (0, 0, 0, 0);
    for (case, accepts) in cases.iter().zip(reference) {
        match (case.ours.is_none(), accepts) {
            (true, true) => both += 1,
            (false, false) => neither += 1,
            (false, true) => stricter += 1,
            (true, false) => laxer += 1,
        }
    }
    writeln!(
        table,
        "\n{} cases: {both} that both accept, {neither} that both refuse, {stricter} that only airlock refuses, {laxer} that only \
         the reference refuses.",
        cases.len()
    )
    .unwrap();
    table
}

const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end -->\n";

/// What we sign, the reference accepts, and what it signs, we accept.
#[test]
fn either_verifies_what_the_other_signs() {
    let lab = Lab::new("interoperability");
    let signed = lab.signed_here();
    let Some(verdicts) = lab::ask(&lab, &signed.iter().map(|(case, _)| case.clone()).collect::<Vec<_>>()) else {
        println!("not asked: AIRLOCK_MODEL_SIGNING does not name a Python with the reference");
        return;
    };
    for ((_, name), verdict) in signed.iter().zip(verdicts) {
        assert_eq!(verdict, None, "{name}");
    }

    let to_sign = lab.to_be_signed_there();
    let asked: Vec<_> = to_sign.iter().map(|(asked, _)| asked.clone()).collect();
    for ((_, case), verdict) in to_sign.iter().zip(lab::ask(&lab, &asked).unwrap()) {
        assert_eq!(verdict, None, "{}", case.name);
        assert_eq!(ours(case, &lab).as_deref(), None, "{}", case.name);
        // And the tampered twin of each is refused.
        let file: PathBuf = case.opened.map_or_else(|| case.model.clone(), |name| case.model.join(name));
        let mut bytes = fs::read(&file).unwrap();
        bytes[0] ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(ours(case, &lab).as_deref(), Some("signature-mismatch"), "{}", case.name);
    }
}

/// The machinery of these tests asks a Python that is there.
#[test]
fn the_reference_that_is_named_is_there() {
    let Some(python) = std::env::var_os("AIRLOCK_MODEL_SIGNING") else { return };
    let output = Command::new(python).args(["-c", "import model_signing; print(model_signing.__version__)"]).output();
    let output = output.unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    assert!(version.starts_with("1.1."), "{version} {}", String::from_utf8_lossy(&output.stderr));
}
