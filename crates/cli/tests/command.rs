//! The command as scripts see it: every sentence of its contract, on real files.

#[allow(dead_code, reason = "shared by the tests of this folder, which use different parts of it")]
mod support;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};
use support::{airlock, bson_of_bytes, copy, corpus, folder, genuine, run, run_in, run_with_stdin, with};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn sha256(path: &Path) -> String {
    hex(&Sha256::digest(fs::read(path).unwrap()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// A file that is refused.
fn bad() -> String {
    corpus("reject/truncated_by_one.bson")
}

mod inspect {
    use super::*;

    #[test]
    fn shows_tree_arrays_and_figures_on_standard_output() {
        let ran = run(&["inspect", &genuine("lenet.bson")]);
        ran.ends_with(0).says_nothing_else();
        for part in [
            "187,275 bytes, bson.jl, sha256:edcbc5ba9382be277e7039a808f0b3b8076aeff4aa368998c1d99c01b5a5e7a2",
            "verdict   opened",
            "unverified: nothing vouches for these bytes",
            "fuel ",
            " granted, memory 192KiB, ",
            "guest     sha256:",
            "model = Chain(\n  Conv((5, 5), 1 => 6, relu),           # 156 parameters\n  MaxPool((2, 2)),\n",
            "# Total: 10 arrays, 44_426 parameters, 174.344 KiB.",
            "10 arrays\n  PATH                    ELTYPE   SIZE       BYTES  SHA-256\n",
            "  model.layers[1].weight  Float32  5×5×1×6      600  35eb8c3b89e70231354ef7f753a4c0cb24bd2a3cd1c64b7d7405202bbb8c86c7\n",
            "numbers and texts beside the arrays",
        ] {
            assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
        }
    }

    #[test]
    fn shows_more_if_asked() {
        let ran = run(&["inspect", "-v", &genuine("checkpoint.bson")]);
        ran.ends_with(0);
        assert!(ran.stdout.contains("  PATH") && ran.stdout.contains("TYPE     VALUE"), "{}", ran.stdout);
        assert!(ran.stdout.contains("  epoch "), "{}", ran.stdout);
    }

    #[test]
    fn gives_a_report_for_a_refused_file_too() {
        let ran = run(&["inspect", &bad()]);
        ran.ends_with(1).says_nothing_else();
        assert!(ran.stdout.contains("verdict   REFUSED truncated at byte 0x"), "{}", ran.stdout);

        let ran = run(&["inspect", "--json", &bad()]);
        ran.ends_with(1).says_nothing_else();
        let report = json(&ran.stdout);
        assert_eq!(report["verdict"], "refused");
        assert_eq!(report["refusal"]["code"], "truncated");
        assert_eq!(report["file"]["sha256"], sha256(Path::new(&bad())));
        assert_eq!(report["tensors"], json("[]"));
    }

    #[test]
    fn gives_the_report_in_one_line_where_there_is_no_terminal() {
        let ran = run(&["inspect", "--json", &genuine("lenet.bson")]);
        ran.ends_with(0).says_nothing_else();
        assert_eq!(ran.stdout.lines().count(), 1);
        let report = json(&ran.stdout);
        assert_eq!(report["schema"], "airlock.report/1");
        assert_eq!(report["evidence"], json("[]"));
        assert_eq!(report["tensors"].as_array().unwrap().len(), 10);
    }

    #[test]
    fn gives_json_lines_for_several_files_and_one_bad_one_stops_none() {
        let ran = run(&["inspect", "--json", &genuine("dense.bson"), &bad(), &genuine("lenet.bson")]);
        ran.ends_with(1).says_nothing_else();
        let verdicts: Vec<Value> = ran.stdout.lines().map(|line| json(line)["verdict"].clone()).collect();
        assert_eq!(verdicts, ["opened", "refused", "opened"]);
    }

    /// The output of many files is that of each, one after another, whatever is worked on at the same time.
    #[test]
    fn says_of_many_files_what_it_says_of_each() {
        let folder = folder();
        let large = folder.path().join("large.bson");
        // Larger than what is worked on ahead of its turn, and refused for its end.
        fs::write(&large, bson_of_bytes(&["weights"]).into_iter().chain(vec![0; 5 << 20]).collect::<Vec<u8>>())
            .unwrap();
        let (large, missing) = (large.to_str().unwrap().to_owned(), folder.path().join("none.bson"));
        let missing = missing.to_str().unwrap().to_owned();
        let one = [genuine("lenet.bson"), bad(), genuine("dense.bson"), missing, large, genuine("mlp.bson")];
        let many: Vec<&str> = (0..5).flat_map(|_| &one).map(String::as_str).collect();
        // How long it took is another number each time.
        let timeless = |ran: &str| {
            let mut lines: Vec<String> = ran.lines().map(str::to_owned).collect();
            for line in &mut lines {
                if let Ok(mut report) = serde_json::from_str::<Value>(line) {
                    report["sandbox"]["wall_us"] = Value::Null;
                    *line = report.to_string();
                } else if line.starts_with("  sandbox ") {
                    line.truncate(line.rfind(", ").unwrap());
                }
            }
            lines.join("\n")
        };
        for arguments in [&["inspect"][..], &["inspect", "--json"], &["verify", "--unverified"]] {
            let of = |files: &[&str]| {
                let ran = run(&[arguments, files].concat());
                ran.ends_with(if files.len() > 1 { 2 } else { ran.code.unwrap() });
                (timeless(&ran.stdout), ran.stderr)
            };
            let each: Vec<_> = many.iter().map(|file| of(&[file])).collect();
            let said = |part: fn(&(String, String)) -> &str, between: &str| {
                each.iter().map(part).filter(|said| !said.is_empty()).collect::<Vec<_>>().join(between)
            };
            let blank = if arguments == ["inspect"] { "\n\n" } else { "\n" };
            assert_eq!(of(&many), (said(|(out, _)| out, blank), said(|(_, errors)| errors, "")), "{arguments:?}");
        }
    }

    #[test]
    fn checks_evidence_if_there_is_any() {
        let file = genuine("dense.bson");
        let pin = sha256(Path::new(&file));
        let ran = run(&["inspect", "--json", "--pin", &pin, &file]);
        ran.ends_with(0);
        assert_eq!(json(&ran.stdout)["evidence"][0]["digest"], format!("sha256:{pin}"));
        let ran = run(&["inspect", "--pin", &pin, &genuine("lenet.bson")]);
        ran.ends_with(1);
        assert!(ran.stdout.contains("REFUSED digest-mismatch"), "{}", ran.stdout);
    }

    #[test]
    fn reads_standard_input() {
        let file = fs::read(genuine("dense.bson")).unwrap();
        let ran = run_with_stdin(&["inspect", "--json", "-"], &file);
        ran.ends_with(0).says_nothing_else();
        let report = json(&ran.stdout);
        assert_eq!(report["file"]["path"], "-");
        assert_eq!(report["file"]["bytes"], file.len());
        run_with_stdin(&["inspect", "-"], b"").ends_with(1);
        run_with_stdin(&["inspect", "-", "-"], b"").ends_with(2).complains("standard input can be read once");
    }

    #[test]
    fn knows_other_formats_by_their_content() {
        let folder = folder();
        for (content, format) in
            [(&b""[..], "empty"), (b"hello", "text"), (b"{}", "json"), (b"7JL\x0f", "julia-serialization")]
        {
            let path = folder.path().join("model.bson");
            fs::write(&path, content).unwrap();
            let ran = run(&["inspect", "--json", path.to_str().unwrap()]);
            ran.ends_with(1);
            assert_eq!(json(&ran.stdout)["format"], format);
        }
    }
}

mod verify {
    use super::*;

    #[test]
    fn prints_one_line_a_file_and_nothing_else() {
        let (one, other) = (genuine("dense.bson"), genuine("lenet.bson"));
        let ran = run(&["verify", "--unverified", &one, &bad(), &other]);
        ran.ends_with(1).says_nothing_else();
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), 3, "{}", ran.stdout);
        assert_eq!(lines[0], format!("OK {one} sha256:{} 2 arrays, unverified", sha256(Path::new(&one))));
        assert!(lines[1].starts_with(&format!("REFUSED {} truncated at byte 0x", bad())), "{}", lines[1]);
        assert_eq!(lines[2], format!("OK {other} sha256:{} 10 arrays, unverified", sha256(Path::new(&other))));
    }

    #[test]
    fn needs_evidence_and_says_which_there_is() {
        let ran = run(&["verify", &genuine("dense.bson")]);
        ran.ends_with(2);
        for option in ["--pin", "--lock", "--unverified"] {
            assert!(ran.stderr.contains(option), "{}", ran.stderr);
        }
        assert_eq!(ran.stdout, "");
    }

    #[test]
    fn accepts_pins_with_and_without_their_algorithm() {
        let file = genuine("dense.bson");
        let bytes = fs::read(&file).unwrap();
        let (short, long) = (hex(&Sha256::digest(&bytes)), hex(&Sha512::digest(&bytes)));
        for pins in [
            &[short.clone()][..],
            &[format!("sha256:{short}")],
            std::slice::from_ref(&long),
            &[format!("sha512:{long}")],
            &[short.to_uppercase(), long.clone()],
        ] {
            let mut arguments = vec!["verify", &file];
            for pin in pins {
                arguments.extend(["--pin", pin]);
            }
            let ran = run(&arguments);
            ran.ends_with(0).says_nothing_else();
            assert!(ran.stdout.ends_with(" 2 arrays\n"), "{}", ran.stdout);
        }
    }

    #[test]
    fn wants_all_of_the_evidence_to_hold() {
        let file = genuine("dense.bson");
        let good = sha256(Path::new(&file));
        let wrong = "0".repeat(128);
        let ran = run(&["verify", "--pin", &good, "--pin", &wrong, &file]);
        ran.ends_with(1).says_nothing_else();
        assert!(ran.stdout.starts_with(&format!("REFUSED {file} digest-mismatch: ")), "{}", ran.stdout);
        run(&["verify", "--pin", &good, "--unverified", &file]).ends_with(2).complains("--unverified");
    }

    #[test]
    fn takes_a_pin_for_exactly_one_file() {
        let (file, pin) = (genuine("dense.bson"), "0".repeat(64));
        run(&["verify", "--pin", &pin, &file, &file]).ends_with(2).complains("exactly one FILE");
        run(&["verify", "--pin", "sha1:00", &file]).ends_with(2).complains("sha256:");
        run(&["verify", "--pin", &"0".repeat(63), &file]).ends_with(2).complains("64 hexadecimal digits");
    }

    #[test]
    fn gives_reports_as_inspect_does() {
        let ran = run(&["verify", "--json", "--unverified", &genuine("dense.bson")]);
        ran.ends_with(0).says_nothing_else();
        assert_eq!(json(&ran.stdout)["verdict"], "opened");
        let ran = run(&["verify", "--json", "--unverified", &bad(), &genuine("dense.bson"), "/"]);
        ran.ends_with(2).complains("directory");
        let verdicts: Vec<Value> = ran.stdout.lines().map(|line| json(line)["verdict"].clone()).collect();
        assert_eq!(verdicts, ["refused", "opened"]);
    }

    #[test]
    fn reads_standard_input() {
        let file = fs::read(genuine("dense.bson")).unwrap();
        let pin = hex(&Sha256::digest(&file));
        let ran = run_with_stdin(&["verify", "--pin", &pin, "-"], &file);
        ran.ends_with(0);
        assert_eq!(ran.stdout, format!("OK - sha256:{pin} 2 arrays\n"));
        run_with_stdin(&["verify", "--pin", &pin, "-"], &file[1..]).ends_with(1);
        run_with_stdin(&["verify", "--lock", "x", "-"], b"").ends_with(2).complains("no name");
    }

    #[test]
    fn shows_figures_only_if_asked_and_beside_the_result() {
        let ran = run(&["verify", "-v", "--unverified", &genuine("dense.bson")]);
        ran.ends_with(0).complains("fuel ");
        assert_eq!(ran.stdout.lines().count(), 1);
    }

    #[test]
    fn keeps_to_its_limits() {
        let file = genuine("lenet.bson");
        for (limit, code) in [
            (["--fuel", "1000"], "fuel-limit"),
            (["--depth", "3"], "depth-limit"),
            (["--elements", "10"], "elements-limit"),
            (["--max-file", "1KiB"], "file-bytes-limit"),
        ] {
            let ran = run(&[&["verify", "--unverified", &file][..], &limit].concat());
            ran.ends_with(1).says_nothing_else();
            assert!(ran.stdout.starts_with(&format!("REFUSED {file} {code}")), "{}", ran.stdout);
        }
        run(&["verify", "--unverified", "--memory", "64MiB", &file]).ends_with(0);
        run(&["verify", "--unverified", "--memory", "1", &file]).ends_with(2).complains("memory-bytes");
        run(&["verify", "--unverified", "--memory", "1.5GiB", &file]).ends_with(2).complains("size");
    }

    #[test]
    fn refuses_a_file_over_the_limit_unread() {
        let folder = folder();
        let path = folder.path().join("huge.bson");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let ran = run(&["inspect", "--json", path.to_str().unwrap()]);
        ran.ends_with(1).says_nothing_else();
        let report = json(&ran.stdout);
        assert_eq!(report["file"]["sha256"], Value::Null);
        assert_eq!(report["file"]["bytes"], 1_u64 << 40);
        assert_eq!(report["refusal"]["code"], "file-bytes-limit");
        assert_eq!(report["refusal"]["value"], 0x7fff_ffff);
    }

    #[test]
    fn does_not_say_how_long_an_input_is_that_it_did_not_read() {
        let arguments = ["inspect", "--max-file", "1KiB", "-"];
        let ran = run_with_stdin(&arguments, &[7; 5000]);
        ran.ends_with(1);
        assert!(ran.stdout.contains("more than 1,024 bytes, unknown, not read"), "{}", ran.stdout);
        let report = json(&run_with_stdin(&[&arguments[..], &["--json"]].concat(), &[7; 5000]).stdout);
        assert_eq!((&report["file"]["bytes"], &report["file"]["more"]), (&json("1024"), &json("true")));
    }
}

mod types {
    use super::*;

    const TYPES: &str = "version = 1\n[[type]]\npath = \"Main.Residual\"\nfields = [\"connection\", \"layers\"]\n\
                         acts_as = \"SkipConnection\"\n";

    fn described(text: &str) -> (tempfile::TempDir, String) {
        let folder = folder();
        let types = folder.path().join("types.toml");
        fs::write(&types, text).unwrap();
        let types = types.to_str().unwrap().to_owned();
        (folder, types)
    }

    #[test]
    fn have_their_names_with_every_command() {
        let (folder, types) = described(TYPES);
        let file = corpus("accept/made/own_structs.bson");
        let ran = run(&["inspect", "--types", &types, &file]);
        ran.ends_with(0).says_nothing_else();
        assert!(ran.stdout.contains("\nresidual = SkipConnection("), "{}", ran.stdout);
        assert!(ran.stdout.contains("\n  residual type-acts-as: Main.Residual, "), "{}", ran.stdout);
        let ran = run(&["verify", "--json", "--unverified", "--types", &types, &file]);
        ran.ends_with(0);
        let paths = json(&ran.stdout)["tensors"].to_string();
        assert!(
            paths.contains("\"residual.layers.weight\"") && paths.contains("\"policy.fields[2].weight\""),
            "{paths}"
        );
        let out = folder.path().join("out.json");
        let out = out.to_str().unwrap();
        run(&["convert", "--unverified", "--types", &types, "--to", "json", "-o", out, &file]).ends_with(0);
        assert!(fs::read_to_string(out).unwrap().contains("residual.layers.weight"));
    }

    #[test]
    fn that_are_described_wrongly_are_an_error_and_nothing_is_opened() {
        let file = corpus("accept/made/own_structs.bson");
        let (_folder, types) = described(&TYPES.replace("acts_as", "acts-as"));
        let ran = run(&["inspect", "--types", &types, &file]);
        ran.ends_with(2).has_no_result().complains("line 5: version 1 of a description of types has no such key");
        ran.complains("(types-unknown-key)");
        run(&["verify", "--unverified", "--types", "missing.toml", &file]).ends_with(2).complains("(types-io)");
    }
}

mod what_cannot_be_done {
    use super::*;

    #[test]
    fn is_named_and_wins_over_what_is_refused() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        for (file, code) in [
            (path("missing"), "not-found"),
            (path("missing/below"), "not-found"),
            (path(""), "directory"),
            (path("dangling"), "not-found"),
            ("/dev/null".to_owned(), "device"),
            ("/dev/zero".to_owned(), "device"),
        ] {
            let ran = run(&["verify", "--unverified", &bad(), &file, &genuine("dense.bson")]);
            ran.ends_with(2).complains(&format!("({code})"));
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
            assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
            run(&["inspect", &file]).ends_with(2).complains(code).has_no_result();
            run(&["convert", "--unverified", &file, "-o", &path("out")]).ends_with(2).complains(code);
            run_in(folder.path(), &["pin", &file]).ends_with(2).complains(code);
            assert!(!Path::new(&path("out")).exists() && !Path::new(&path("airlock.lock")).exists());
        }
    }

    #[test]
    fn does_not_wait_for_a_fifo() {
        let folder = folder();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let fifo = fifo.to_str().unwrap();
        // Nobody writes into it: waiting would never end.
        run(&["inspect", fifo]).ends_with(2).complains("fifo").has_no_result();
        run(&["verify", "--unverified", fifo]).ends_with(2).complains("fifo").has_no_result();
        run_in(folder.path(), &["pin", fifo]).ends_with(2).complains("fifo").has_no_result();
    }

    #[test]
    fn an_unreadable_file_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder();
        let path = copy(&genuine("dense.bson"), &folder.path().join("secret.bson"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&path).is_ok() {
            // Nothing is unreadable for this user.
            return;
        }
        run(&["inspect", &path]).ends_with(2).complains("permission-denied").has_no_result();
    }

    #[test]
    fn arguments_that_are_none_are_explained() {
        run(&[]).ends_with(2).complains("Usage:").has_no_result();
        run(&["inspect"]).ends_with(2).complains("<FILE>").has_no_result();
        run(&["inspect", ""]).ends_with(2).has_no_result();
        run(&["open", "x"]).ends_with(2).complains("unrecognized subcommand").has_no_result();
        run(&["inspect", "--trust-everything", "x"]).ends_with(2).complains("--trust-everything").has_no_result();
    }

    #[test]
    fn a_full_disk_under_the_output_is_an_error() {
        let ran = with(&["inspect", &genuine("lenet.bson")], |command| {
            command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        });
        ran.ends_with(2).complains("standard output cannot be written");
    }

    #[test]
    fn a_reader_that_went_away_ends_the_work_quietly() {
        let file = corpus("accept/made/list_of_600_arrays.bson");
        let arguments = [&["inspect"][..], &[file.as_str(); 20]].concat();
        let mut child = airlock(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        // The pipe is closed here.
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(2), &b""[..]));
    }
}

mod hostile_text {
    use super::*;

    const NAMES: [&str; 6] = ["\u{1b}[2J", "a\nOK forged", "a\rb", "a\tb", "\u{202e}gnp", "a\u{200b}b"];

    /// No character that moves the cursor, hides, reverses, or begins a line.
    fn is_harmless(text: &str) -> bool {
        text.chars().all(|c| {
            !matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
    }

    #[test]
    fn of_a_file_is_escaped() {
        let folder = folder();
        let path = folder.path().join("hostile.bson");
        fs::write(&path, bson_of_bytes(&NAMES)).unwrap();
        let path = path.to_str().unwrap();
        for arguments in [&["inspect", path][..], &["inspect", "-v", path], &["inspect", "--json", path]] {
            let ran = run(arguments);
            ran.ends_with(0);
            assert!(ran.stdout.lines().all(is_harmless), "{:?}", ran.stdout);
            assert!(!ran.stdout.contains("\nOK forged"), "{}", ran.stdout);
        }
        let ran = run(&["inspect", "--json", path]);
        let names: Vec<String> = json(&ran.stdout)["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, NAMES, "the report has the names themselves");

        let out = folder.path().join("out.safetensors");
        run(&["convert", "--unverified", path, "-o", out.to_str().unwrap()]).ends_with(0);
        let bytes = fs::read(&out).unwrap();
        let header = &bytes[8..8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap()];
        assert!(is_harmless(str::from_utf8(header).unwrap()));
        let ran = run(&["convert", "--unverified", path, "--variable", "\u{1b}x", "-o", "never"]);
        ran.ends_with(2).complains("there is no variable");
        assert!(ran.stderr.lines().all(is_harmless) && ran.stderr.lines().count() == 1, "{:?}", ran.stderr);
    }

    #[test]
    fn of_a_refused_file_is_escaped() {
        for file in ["reject/very_long_key.bson", "reject/text.bson", "reject/symbol_not_utf8.bson"] {
            for arguments in [["inspect", "--color=never"], ["verify", "--unverified"], ["inspect", "--json"]] {
                let ran = run(&[&arguments[..], &[&corpus(file)]].concat());
                ran.ends_with(1);
                assert!(ran.stdout.lines().all(is_harmless), "{:?}", ran.stdout);
            }
        }
    }

    #[test]
    fn in_the_name_of_a_file_is_escaped() {
        let folder = folder();
        for name in NAMES.iter().copied().chain(["a b", "-x\u{1b}", "--\u{1b}y\nz", "\"q\""]) {
            let good = copy(&genuine("dense.bson"), &folder.path().join(name));
            // As a shell would give it in its own folder, where it can look like an option.
            for arguments in [
                &["inspect", name][..],
                &["inspect", "--", name],
                &["inspect", "--json", "--", name],
                &["verify", "--unverified", "--", name],
                &["verify", "--unverified", "--", "missing\u{1b}", name],
                &["verify", "--pin", name, "--", name],
                &["verify", "--lock", name, "--", name],
                &["convert", "--unverified", "--", name],
                &["convert", "--unverified", "-o", name, "--", name],
                &["pin", "--", name],
                &[name],
                &["man", name],
                &["completions", name],
                &["inspect", "--color", name, "--", name],
                &["inspect", "--fuel", name, "--", name],
            ] {
                let ran = run_in(folder.path(), arguments);
                assert!(ran.stdout.lines().chain(ran.stderr.lines()).all(is_harmless), "{arguments:?}: {ran:?}");
                assert!(!ran.stdout.contains("\nOK forged") && !ran.stderr.contains("\nOK forged"), "{ran:?}");
                assert!(!ran.stderr.contains("panicked"), "{ran:?}");
            }
            let ran = run_in(folder.path(), &["verify", "--unverified", "--", name]);
            assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
            assert!(ran.stdout.starts_with("OK \""), "{}", ran.stdout);
            fs::remove_file(good).unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_outside_utf8_opens() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = folder();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff.bson"));
        fs::copy(genuine("dense.bson"), &path).unwrap();
        let ran = with(&["verify", "--unverified"], |command| {
            command.arg(&path);
        });
        ran.ends_with(0);
        assert!(ran.stdout.contains("/a\\xff.bson\" sha256:"), "{}", ran.stdout);
    }
}

mod pin {
    use super::*;

    #[test]
    fn loses_nothing_if_it_runs_many_times_at_once() {
        let folder = folder();
        let names: Vec<String> = (0..8).map(|at| format!("{at}.bson")).collect();
        for name in &names {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let pin =
            |name: &String| airlock(&["pin", name]).current_dir(folder.path()).stdout(Stdio::null()).spawn().unwrap();
        let all: Vec<_> = names.iter().map(pin).collect();
        for mut pin in all {
            assert!(pin.wait().unwrap().success());
        }
        let lock = fs::read_to_string(folder.path().join("airlock.lock")).unwrap();
        for name in &names {
            assert!(lock.contains(&format!("name = \"{name}\"")), "{lock}");
        }
    }

    #[test]
    fn blames_the_lock_file_if_that_has_no_folder() {
        let folder = folder();
        copy(&genuine("dense.bson"), &folder.path().join("dense.bson"));
        let ran = run_in(folder.path(), &["pin", "--lock", "no/airlock.lock", "dense.bson"]);
        ran.ends_with(2).has_no_result().complains("no/airlock.lock: the lock file cannot be").complains("lock-io");
        assert!(!ran.stderr.contains("dense.bson"), "{ran:?}");
    }

    #[test]
    fn writes_what_verify_accepts() {
        let folder = folder();
        copy(&genuine("dense.bson"), &folder.path().join("dense.bson"));
        fs::create_dir(folder.path().join("sub")).unwrap();
        copy(&genuine("lenet.bson"), &folder.path().join("sub/lenet.bson"));
        let ran = run_in(folder.path(), &["pin", "dense.bson", "sub/lenet.bson"]);
        ran.ends_with(0).says_nothing_else();
        let digest = sha256(&folder.path().join("dense.bson"));
        assert!(ran.stdout.starts_with(&format!("ADDED dense.bson sha256:{digest}\nADDED sub/lenet.bson ")), "{ran:?}");
        let lock = fs::read_to_string(folder.path().join("airlock.lock")).unwrap();
        assert!(lock.contains("name = \"dense.bson\"") && lock.contains("name = \"sub/lenet.bson\""), "{lock}");
        assert!(lock.contains(&format!("sha256 = \"{digest}\"")), "{lock}");

        let verify = ["verify", "--lock", "airlock.lock", "dense.bson", "sub/lenet.bson"];
        let ran = run_in(folder.path(), &verify);
        ran.ends_with(0).says_nothing_else();
        assert!(!ran.stdout.contains("unverified"));
        // Names are relative to the lock file, wherever the command is.
        let (lock, file) = (folder.path().join("airlock.lock"), folder.path().join("sub/lenet.bson"));
        run(&["verify", "--lock", lock.to_str().unwrap(), file.to_str().unwrap()]).ends_with(0);
        let ran = run_in(&folder.path().join("sub"), &["inspect", "--json", "--lock", "../airlock.lock", "lenet.bson"]);
        ran.ends_with(0);
        assert_eq!(json(&ran.stdout)["evidence"][0]["lock"], "sub/lenet.bson");
    }

    #[test]
    fn replaces_a_digest_only_if_asked() {
        let folder = folder();
        let path = folder.path().join("model.bson");
        copy(&genuine("dense.bson"), &path);
        run_in(folder.path(), &["pin", "model.bson"]).ends_with(0);
        let before = fs::read_to_string(folder.path().join("airlock.lock")).unwrap();
        let ran = run_in(folder.path(), &["pin", "model.bson"]);
        assert!(ran.ends_with(0).stdout.starts_with("KEPT model.bson "), "{ran:?}");

        copy(&genuine("lenet.bson"), &path);
        copy(&genuine("conv.bson"), &folder.path().join("new.bson"));
        run_in(folder.path(), &["verify", "--lock", "airlock.lock", "model.bson"]).ends_with(1);
        let ran = run_in(folder.path(), &["pin", "model.bson"]);
        ran.ends_with(1).complains("model.bson").complains("lock-conflict").complains("--update").has_no_result();
        assert_eq!(fs::read_to_string(folder.path().join("airlock.lock")).unwrap(), before);
        let ran = run_in(folder.path(), &["pin", "model.bson", "new.bson"]);
        assert!(
            ran.ends_with(1).stdout.starts_with("ADDED new.bson "),
            "one bad file stops none of the others: {ran:?}"
        );
        let ran = run_in(folder.path(), &["pin", "model.bson", "--update"]);
        assert!(ran.ends_with(0).stdout.starts_with("UPDATED model.bson "), "{ran:?}");
        run_in(folder.path(), &["verify", "--lock", "airlock.lock", "model.bson", "new.bson"]).ends_with(0);
    }

    #[test]
    fn leaves_a_lock_file_alone_that_says_it_already() {
        let folder = folder();
        copy(&genuine("dense.bson"), &folder.path().join("model.bson"));
        run_in(folder.path(), &["pin", "model.bson"]).ends_with(0);
        let lock = folder.path().join("airlock.lock");
        let text = format!("# by hand\n{}", fs::read_to_string(&lock).unwrap());
        fs::write(&lock, &text).unwrap();
        run_in(folder.path(), &["pin", "model.bson"]).ends_with(0);
        assert_eq!(fs::read_to_string(&lock).unwrap(), text);
    }

    #[test]
    fn hashes_and_does_not_parse() {
        let folder = folder();
        fs::write(folder.path().join("junk.bson"), "junk").unwrap();
        run_in(folder.path(), &["pin", "junk.bson"]).ends_with(0);
        let ran = run_in(folder.path(), &["verify", "--lock", "airlock.lock", "junk.bson"]);
        assert!(ran.ends_with(1).stdout.starts_with("REFUSED junk.bson not-bson"), "{ran:?}");
    }

    #[test]
    fn takes_files_below_the_lock_file_only() {
        let folder = folder();
        fs::create_dir(folder.path().join("sub")).unwrap();
        copy(&genuine("dense.bson"), &folder.path().join("model.bson"));
        let ran = run_in(&folder.path().join("sub"), &["pin", "../model.bson"]);
        ran.ends_with(2).complains("lock-outside").has_no_result();
        run_in(folder.path(), &["pin", "-"]).ends_with(2).complains("standard input").has_no_result();
        let ran = run_in(folder.path(), &["pin", "--lock", "sub/airlock.lock", "model.bson"]);
        ran.ends_with(2).complains("lock-outside");
        assert!(!folder.path().join("sub/airlock.lock").exists());
    }

    #[test]
    fn a_file_that_the_lock_file_does_not_name_is_refused() {
        let folder = folder();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["model.bson", "other.bson", "sub/model.bson"] {
            copy(&genuine("dense.bson"), &folder.path().join(name));
        }
        run_in(folder.path(), &["pin", "model.bson"]).ends_with(0);
        let ran = run_in(folder.path(), &["verify", "--lock", "airlock.lock", "other.bson", "sub/model.bson"]);
        ran.ends_with(1).says_nothing_else();
        let all = ran.stdout.lines().all(|line| line.starts_with("REFUSED ") && line.contains(" not-in-lock: "));
        assert!(all && ran.stdout.lines().count() == 2, "{ran:?}");
        // A file outside is not one that has the same name inside.
        let ran = run_in(folder.path(), &["pin", "--lock", "sub/airlock.lock", "sub/model.bson"]);
        ran.ends_with(0);
        let ran = run_in(folder.path(), &["verify", "--lock", "sub/airlock.lock", "model.bson"]);
        assert!(ran.ends_with(1).stdout.contains(" not-in-lock: "), "{ran:?}");
    }

    #[test]
    fn a_lock_file_that_is_none_is_not_believed() {
        let folder = folder();
        copy(&genuine("dense.bson"), &folder.path().join("model.bson"));
        let verify = ["verify", "--lock", "airlock.lock", "model.bson"];
        run_in(folder.path(), &verify).ends_with(2).complains("airlock.lock").has_no_result();
        fs::write(folder.path().join("airlock.lock"), "version = 2\n").unwrap();
        run_in(folder.path(), &verify).ends_with(2).complains("lock-version").has_no_result();
        run_in(folder.path(), &["pin", "model.bson"]).ends_with(2).complains("lock-version").has_no_result();
        assert_eq!(fs::read_to_string(folder.path().join("airlock.lock")).unwrap(), "version = 2\n");
    }
}

mod convert {
    use super::*;

    /// The truth about a genuine file: its arrays by path of its time.
    fn arrays_of_report(file: &str) -> Vec<Value> {
        json(&run(&["inspect", "--json", file]).stdout)["tensors"].as_array().unwrap().clone()
    }

    fn converted(file: &str, more: &[&str]) -> (tempfile::TempDir, Vec<u8>) {
        let folder = folder();
        let out = folder.path().join("out");
        let arguments = [&["convert", "--unverified", file, "-o", out.to_str().unwrap()][..], more].concat();
        run(&arguments).ends_with(0).has_no_result();
        let bytes = fs::read(out).unwrap();
        (folder, bytes)
    }

    #[test]
    fn gives_arrays_of_the_same_size_and_the_same_indices() {
        for file in [genuine("lenet.bson"), genuine("conv3d.bson"), corpus("accept/made/arrays_of_every_form.bson")] {
            let (_folder, bytes) = converted(&file, &["--omit"]);
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            let model = fs::read(&file).unwrap();
            let arrays = arrays_of_report(&file);
            assert!(!arrays.is_empty());
            for array in &arrays {
                let tensor = tensors.tensor(array["path"].as_str().unwrap()).unwrap();
                let size: Vec<usize> = array["size"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|n| usize::try_from(n.as_u64().unwrap()).unwrap())
                    .collect();
                assert_eq!(tensor.shape(), size);
                let offset = usize::try_from(array["offset"].as_u64().unwrap()).unwrap();
                let column_major = &model[offset..][..tensor.data().len()];
                let count: usize = size.iter().product();
                if count == 0 {
                    continue;
                }
                let width = tensor.data().len() / count;
                // One by one: element [i, j, …] here is element [i, j, …] there.
                for at in 0..count {
                    let (mut left, mut stride, mut from) = (at, count, 0);
                    for dim in size.iter().rev() {
                        stride /= dim;
                        from += left % dim * stride;
                        left /= dim;
                    }
                    assert_eq!(tensor.data()[at * width..][..width], column_major[from * width..][..width]);
                }
            }
        }
    }

    #[test]
    fn gives_everything_else_as_metadata() {
        let file = genuine("lenet.bson");
        let (_folder, bytes) = converted(&file, &[]);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().as_ref().unwrap();
        let report = json(&run(&["inspect", "--json", &file]).stdout);
        assert_eq!(metadata["format"], "airlock.safetensors/1");
        assert_eq!(metadata["flux_airlock"], env!("CARGO_PKG_VERSION"));
        assert_eq!(metadata["source_sha256"], report["file"]["sha256"]);
        assert_eq!(metadata["source_bytes"], report["file"]["bytes"].to_string());
        assert_eq!(metadata["guest_sha256"], report["sandbox"]["guest_sha256"]);
        assert_eq!(json(&metadata["spec"]), report["layers"]);
        assert!(!metadata.contains_key("omitted"));
    }

    #[test]
    fn gives_the_same_bytes_every_time() {
        let (_one, one) = converted(&genuine("gan.bson"), &[]);
        let (_other, other) = converted(&genuine("gan.bson"), &[]);
        assert_eq!(one, other);
    }

    #[test]
    fn begins_the_arrays_aligned() {
        let (_folder, bytes) = converted(&corpus("accept/made/arrays_of_every_number.bson"), &["--omit"]);
        let (header, _) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header % 8, 0);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert!(tensors.len() > 10);
        for (name, tensor) in tensors.tensors() {
            let at = tensor.data().as_ptr().addr() - bytes.as_ptr().addr();
            assert_eq!(at % (tensor.dtype().bitsize() / 8), 0, "{name}");
        }
    }

    #[test]
    fn names_what_the_format_lacks_and_leaves_it_out_if_asked() {
        let folder = folder();
        let file = corpus("accept/made/arrays_of_every_number.bson");
        let out = folder.path().join("out.safetensors");
        let arguments = ["convert", "--unverified", &file, "-o", out.to_str().unwrap()];
        let ran = run(&arguments);
        ran.ends_with(1).complains("of_int128 (Int128)").complains("of_char (Char)").complains("--omit");
        ran.complains("of_bool (a Bool that is neither true nor false)").complains("unfit-arrays: ");
        ran.has_no_result();
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
        let ran = run(&["convert", "--unverified", &genuine("dense_int8.bson"), "-o", out.to_str().unwrap()]);
        ran.ends_with(1).complains("no-dtype: safetensors cannot hold").complains("(Char)");

        run(&[&arguments[..], &["--omit"]].concat()).ends_with(0);
        let bytes = fs::read(&out).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let omitted = json(&header.metadata().as_ref().unwrap()["omitted"]);
        let arrays = arrays_of_report(&file);
        let lacking = omitted.as_array().unwrap();
        assert!(lacking.iter().any(|entry| entry["why"] == "no-dtype" && entry["eltype"] == "Int128"));
        assert_eq!(lacking.len() + header.tensors().len(), arrays.len());
        for entry in lacking {
            let same = |array: &&Value| ["path", "eltype", "size"].iter().all(|key| array[key] == entry[key]);
            assert!(arrays.iter().any(|array| same(&array)), "{entry}");
        }
    }

    #[test]
    fn keeps_the_name_of_the_metadata_for_the_metadata() {
        let folder = folder();
        let path = folder.path().join("m.bson");
        fs::write(&path, bson_of_bytes(&["__metadata__", "w"])).unwrap();
        let path = path.to_str().unwrap();
        run_in(folder.path(), &["convert", "--unverified", path]).ends_with(1).complains("reserved-name");
        run_in(folder.path(), &["convert", "--unverified", "--omit", path]).ends_with(0);
        let bytes = fs::read(folder.path().join("m.safetensors")).unwrap();
        assert_eq!(SafeTensors::deserialize(&bytes).unwrap().names(), ["w"]);
    }

    #[test]
    fn gives_layers_and_arrays_without_weights_as_json() {
        let file = genuine("lenet.bson");
        let (_folder, bytes) = converted(&file, &["--to", "json"]);
        let spec: Value = serde_json::from_slice(&bytes).unwrap();
        let report = json(&run(&["inspect", "--json", &file]).stdout);
        assert_eq!(spec["schema"], "airlock.spec/1");
        assert_eq!(spec["source"]["sha256"], report["file"]["sha256"]);
        for part in ["variables", "tensors", "omitted", "scalars", "layers", "opaque", "notes"] {
            assert_eq!(spec[part], report[part], "{part}");
        }
    }

    #[test]
    fn puts_the_output_beside_the_file() {
        let folder = folder();
        fs::create_dir(folder.path().join("sub")).unwrap();
        copy(&genuine("dense.bson"), &folder.path().join("sub/model.bson"));
        let ran = run_in(folder.path(), &["convert", "--unverified", "sub/model.bson"]);
        ran.ends_with(0).complains("wrote sub/model.safetensors: 2 arrays");
        let ran = run_in(folder.path(), &["convert", "-q", "--unverified", "--to", "json", "sub/model.bson"]);
        ran.ends_with(0).says_nothing_else();
        let mut names: Vec<_> =
            fs::read_dir(folder.path().join("sub")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["model.bson", "model.json", "model.safetensors"]);
        // Only the ending of a BSON file gives way.
        copy(&genuine("dense.bson"), &folder.path().join("model.v1"));
        let ran = run_in(folder.path(), &["convert", "--unverified", "model.v1"]);
        ran.ends_with(0).complains("wrote model.v1.safetensors");
    }

    #[test]
    fn says_how_many_arrays_are_no_part_of_the_model() {
        let folder = folder();
        let file = corpus("accept/flux-0.11.6/lstm_used.bson");
        let omitted = json(&run(&["inspect", "--json", &file]).stdout)["omitted"].as_array().unwrap().len();
        assert!(omitted > 1);
        let out = folder.path().join("out.safetensors");
        let ran = run(&["convert", "--unverified", &file, "-o", out.to_str().unwrap()]);
        ran.ends_with(0).complains(&format!("; {omitted} arrays are no part of the model and were omitted"));
    }

    #[test]
    fn offers_to_replace_only_what_it_would_replace() {
        let folder = folder();
        copy(&genuine("dense.bson"), &folder.path().join("model.bson"));
        let ran = run_in(folder.path(), &["convert", "--unverified", "model.bson", "-o", "."]);
        ran.ends_with(2).complains("output-not-a-file");
        assert!(!ran.stderr.contains("--force"), "{ran:?}");
    }

    #[test]
    fn does_not_name_its_temporary_file() {
        let folder = folder();
        copy(&genuine("dense.bson"), &folder.path().join("model.bson"));
        let ran = run_in(folder.path(), &["convert", "--unverified", "model.bson", "-o", "no/model.safetensors"]);
        ran.ends_with(2).complains("no/model.safetensors: the output cannot be written");
        assert!(!ran.stderr.contains(".tmp"), "{ran:?}");
    }

    #[test]
    fn keeps_an_output_that_exists() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        copy(&genuine("dense.bson"), &path("model.bson"));
        fs::write(path("model.safetensors"), "mine").unwrap();
        let convert = ["convert", "--unverified", "model.bson"];
        let ran = run_in(folder.path(), &convert);
        ran.ends_with(2).complains("model.safetensors").complains("output-exists").complains("--force");
        assert_eq!(fs::read(path("model.safetensors")).unwrap(), b"mine");
        run_in(folder.path(), &[&convert[..], &["--force"]].concat()).ends_with(0);
        assert!(SafeTensors::deserialize(&fs::read(path("model.safetensors")).unwrap()).is_ok());

        // Neither is a link followed, be it to nowhere.
        std::os::unix::fs::symlink(path("nowhere"), path("link")).unwrap();
        run_in(folder.path(), &[&convert[..], &["-o", "link"]].concat()).ends_with(2).complains("output-exists");
        assert!(!path("nowhere").exists());
        run_in(folder.path(), &[&convert[..], &["-o", "/dev/null", "--force"]].concat())
            .ends_with(2)
            .complains("output-not-a-file");
    }

    #[test]
    fn never_writes_over_its_input() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        copy(&genuine("dense.bson"), &path("model.bson"));
        let before = fs::read(path("model.bson")).unwrap();
        std::os::unix::fs::symlink(path("model.bson"), path("link")).unwrap();
        for out in ["model.bson", "./model.bson", "link"] {
            let ran = run_in(folder.path(), &["convert", "--unverified", "--force", "model.bson", "-o", out]);
            ran.ends_with(2).complains("is the input");
        }
        // A name that is not that of a BSON file stays whole.
        copy(&genuine("dense.bson"), &path("model.safetensors"));
        let ran = run_in(folder.path(), &["convert", "--unverified", "--force", "model.safetensors"]);
        ran.ends_with(0).complains("wrote model.safetensors.safetensors");
        assert_eq!(fs::read(path("model.safetensors")).unwrap(), before);
        assert_eq!(fs::read(path("model.bson")).unwrap(), before);
    }

    #[test]
    fn writes_nothing_for_a_file_that_is_refused() {
        let folder = folder();
        let out = folder.path().join("out");
        let out = out.to_str().unwrap();
        let ran = run(&["convert", "--unverified", &bad(), "-o", out]);
        ran.ends_with(1).complains("refused: truncated at byte 0x").has_no_result();
        let ran = run(&["convert", "--pin", &"0".repeat(64), &genuine("dense.bson"), "-o", out]);
        ran.ends_with(1).complains("digest-mismatch").has_no_result();
        run(&["convert", &genuine("dense.bson"), "-o", out]).ends_with(2).complains("--pin").complains("--lock");
        run(&["convert", "--unverified", &genuine("dense.bson"), "-o", "-"]).ends_with(2);
        let missing = folder.path().join("no/where");
        run(&["convert", "--unverified", &genuine("dense.bson"), "-o", missing.to_str().unwrap()])
            .ends_with(2)
            .complains("output-io");
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn reads_standard_input_if_it_is_told_where_to_write() {
        let folder = folder();
        let file = fs::read(genuine("dense.bson")).unwrap();
        run_with_stdin(&["convert", "--unverified", "-"], &file).ends_with(2).complains("-o");
        let out = folder.path().join("out");
        run_with_stdin(&["convert", "--unverified", "-", "-o", out.to_str().unwrap()], &file).ends_with(0);
        assert_eq!(SafeTensors::deserialize(&fs::read(out).unwrap()).unwrap().len(), 2);
    }

    #[test]
    fn takes_one_of_several_variables() {
        let file = genuine("checkpoint.bson");
        let (_folder, bytes) = converted(&file, &["--variable", "model"]);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.len(), 4);
        assert!(tensors.names().iter().all(|name| name.starts_with("model.")), "{:?}", tensors.names());
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let spec = json(&header.metadata().as_ref().unwrap()["spec"]);
        assert_eq!(spec.as_array().unwrap().len(), 1);
        assert_eq!(spec[0]["name"], "model");
        let ran = run(&["convert", "--unverified", &file, "--variable", "other", "-o", "never"]);
        ran.ends_with(2).complains("there is no variable other").complains("opt_state");
    }

    #[test]
    fn a_variable_has_all_its_arrays_by_its_own_paths() {
        // The second variable has nothing but what the first one has too.
        let file = genuine("tied_array.bson");
        let report = json(&run(&["inspect", "--json", &file]).stdout);
        for variable in report["variables"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            let (_folder, bytes) = converted(&file, &["--variable", name]);
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            assert!(!tensors.is_empty());
            assert!(tensors.names().iter().all(|path| path.starts_with(name)), "{:?}", tensors.names());
        }
    }
}

mod display {
    use super::*;

    fn colored(arguments: &[&str], variables: &[(&str, &str)]) -> bool {
        let ran = with(arguments, |command| {
            command.env_remove("NO_COLOR").envs(variables.iter().copied());
        });
        ran.stdout.contains('\u{1b}')
    }

    #[test]
    fn colours_are_for_terminals_and_those_who_ask() {
        let file = genuine("dense.bson");
        assert!(!colored(&["inspect", &file], &[]));
        assert!(!colored(&["inspect", "--color", "never", &file], &[]));
        assert!(colored(&["inspect", "--color", "always", &file], &[]));
        assert!(colored(&["--color=always", "verify", "--unverified", &file], &[]));
        assert!(!colored(&["inspect", &file], &[("NO_COLOR", "1")]));
        assert!(colored(&["--help", "--color=always"], &[]));
        assert!(!colored(&["--help"], &[]));
    }

    #[test]
    fn quiet_and_verbose_exclude_each_other() {
        run(&["inspect", "-q", "-v", &genuine("dense.bson")]).ends_with(2).complains("cannot be used with");
    }

    #[test]
    fn nothing_but_errors_is_said_where_there_is_no_terminal() {
        run(&["verify", "--unverified", &genuine("big.bson")]).ends_with(0).says_nothing_else();
    }

    #[test]
    fn the_version_tells_what_decodes_and_isolates() {
        for option in ["--version", "-V"] {
            let ran = run(&[option]);
            ran.ends_with(0).says_nothing_else();
            let lines: Vec<&str> = ran.stdout.lines().collect();
            assert_eq!(lines[0], concat!("airlock ", env!("CARGO_PKG_VERSION")));
            let guest = lines[1].strip_prefix("guest sha256:").unwrap();
            assert!(guest.len() == 64 && guest.chars().all(|c| c.is_ascii_hexdigit()), "{guest}");
            assert!(lines[2].starts_with("wasmtime 48."), "{}", lines[2]);
        }
    }

    #[test]
    fn help_has_examples_for_everything() {
        for command in ["inspect", "verify", "convert", "pin", "completions", "man"] {
            let ran = run(&[command, "--help"]);
            ran.ends_with(0).says_nothing_else();
            assert!(ran.stdout.contains(&format!("Examples:\n  airlock {command} ")), "{}", ran.stdout);
        }
        let ran = run(&["--help"]);
        assert!(ran.ends_with(0).stdout.contains("Exit status: 0 every file was opened, 1 "), "{}", ran.stdout);
    }

    #[test]
    fn completions_and_manual_pages_come_from_the_same_definition() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let ran = run(&["completions", shell]);
            ran.ends_with(0).says_nothing_else();
            assert!(ran.stdout.contains("unverified") && ran.stdout.contains("max-file"), "{shell}");
        }
        let ran = run(&["man"]);
        ran.ends_with(0).says_nothing_else();
        assert!(ran.stdout.contains(".TH airlock 1") && ran.stdout.contains("inspect"), "{}", ran.stdout);
        let ran = run(&["man", "convert"]);
        assert!(ran.ends_with(0).stdout.contains("omit"), "{}", ran.stdout);
        run(&["man", "trust"]).ends_with(2).complains("there is no command trust");
    }
}
