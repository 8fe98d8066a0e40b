//! The wall around the chamber: what the guest can reach, what is linked outside, and what ends it.

use std::{fs, path::Path, process::Command};

use flux_airlock::{Airlock, Error, GUEST_SHA256, Limits};
use flux_airlock_wire::VERSION;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

const GUEST: &[u8] = include_bytes!("../guest/flux_airlock_guest.wasm");

#[test]
fn the_guest_imports_nothing_but_read() {
    let imports: Vec<_> = payloads()
        .filter_map(|payload| match payload {
            Payload::ImportSection(section) => Some(section.into_imports()),
            _ => None,
        })
        .flatten()
        .map(Result::unwrap)
        .collect();
    let [import] = imports.as_slice() else { panic!("{imports:?}") };
    assert_eq!((import.module, import.name), ("airlock", "read"));
    assert!(matches!(import.ty, TypeRef::Func(_)));
}

#[test]
fn the_guest_exports_its_memory_and_decode() {
    let exports: Vec<_> = payloads()
        .filter_map(|payload| match payload {
            Payload::ExportSection(section) => Some(section.into_iter()),
            _ => None,
        })
        .flatten()
        .map(|export| export.map(|export| (export.name, export.kind)).unwrap())
        .collect();
    assert_eq!(exports, [("memory", ExternalKind::Memory), ("decode", ExternalKind::Func)]);
}

#[test]
fn nothing_runs_before_decode_is_called() {
    assert!(!payloads().any(|payload| matches!(payload, Payload::StartSection { .. })));
}

#[test]
fn the_guest_is_small() {
    assert!(GUEST.len() <= 250_000, "{} bytes", GUEST.len());
}

#[test]
fn the_guest_says_what_made_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest");
    let digest = fs::read_to_string(folder.join("flux_airlock_guest.wasm.sha256")).unwrap();
    assert_eq!(digest, format!("{GUEST_SHA256}  flux_airlock_guest.wasm\n"));
    assert!(fs::read_to_string(folder.join("compiler.txt")).unwrap().starts_with("rustc "));
}

#[test]
fn the_decoder_is_not_linked_outside_of_the_guest() {
    for package in public_packages() {
        let tree = tree(&package, "normal,build");
        assert!(!tree.iter().any(|name| name == "flux-airlock-decode"), "{package}");
    }
}

#[test]
fn no_compiler_is_linked_into_the_library() {
    for package in public_packages() {
        let tree = tree(&package, "normal");
        for compiler in ["cranelift-codegen", "regalloc2", "wasmtime-internal-cranelift", "wasmtime-internal-winch"] {
            assert!(!tree.iter().any(|name| name == compiler), "{package}: {compiler}");
        }
        if tree.iter().any(|name| name == "flux-airlock") {
            assert!(self::tree(&package, "normal,build").iter().any(|name| name == "cranelift-codegen"), "{package}");
        }
    }
}

#[test]
fn signatures_are_linked_only_where_they_are_asked_for() {
    let cryptography =
        ["aws-lc-rs", "aws-lc-sys", "minisign", "minisign-verify", "pkcs8", "rustls-webpki", "x509-cert"];
    for package in public_packages() {
        let tree = tree(&package, "normal,build");
        let linked: Vec<_> = cryptography.iter().filter(|&&name| tree.iter().any(|linked| linked == name)).collect();
        let is_command = package.ends_with("cli/Cargo.toml");
        assert_eq!(linked.len(), if is_command { cryptography.len() } else { 0 }, "{package}: {linked:?}");
    }
}

#[test]
fn the_guest_opens_a_document_and_refuses_another() {
    let airlock = Airlock::new().unwrap();
    // Dict(:a => 1), as BSON.jl writes it.
    let opened = airlock.raw_answer(*b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0\0").unwrap();
    assert_eq!(opened[..2], [VERSION, 0]);
    let refused = airlock.raw_answer(*b"\x10\0\0\0\x12a\0\x01\0\0\0\0\0\0\0").unwrap();
    assert_eq!(refused[..2], [VERSION, 1]);
    assert_eq!(airlock.instances_started(), 2);
}

#[test]
fn a_pool_gives_the_same_answers() {
    let file = wide(1000, 4);
    let of = |instances| Airlock::builder().pooling(instances).build().unwrap();
    let expected = of(0).raw_answer(file.clone()).unwrap();
    let airlock = of(2);
    for _ in 0..5 {
        assert_eq!(airlock.raw_answer(file.clone()).unwrap(), expected);
    }
}

#[test]
fn what_a_file_left_in_a_pool_is_not_there_for_the_next_one() {
    let alone = Airlock::builder().pooling(0).build().unwrap();
    let used = |airlock: &Airlock, file: &[u8]| {
        let (_, answer, figures) = airlock.raw(file.to_vec()).unwrap();
        (answer.unwrap(), figures.fuel_used, figures.memory_bytes)
    };
    // In places for small files and for large ones: a file that needs what is there from the start, and others that need more,
    // one of them more than stays in use.
    let large = include_bytes!("../../tests/corpus/accept/flux-0.16.9/lenet.bson").to_vec();
    let small = (wide(10, 4), [(192 << 10, wide(2000, 0)), (512 << 10, wide(4000, 0))]);
    for (little, much) in [small, (large, [(192 << 10, wide(100_000, 4)), (32 << 20, wide(500_000, 4))])] {
        let pooled = Airlock::builder().pooling(1).build().unwrap();
        let expected = used(&alone, &little);
        assert_eq!(expected.2, 192 << 10);
        let is_as_before = || assert_eq!(used(&pooled, &little), expected);
        is_as_before();
        for (least, much) in much {
            let found = used(&pooled, &much);
            assert!(found.2 > least, "{}", found.2);
            assert_eq!(found, used(&alone, &much));
            is_as_before();
            // Out of fuel in the midst of it.
            let strict = Limits::builder().fuel(found.1 - 1000).build().unwrap();
            assert_eq!(pooled.with_limits(strict).unwrap().raw_answer(much).unwrap_err().code(), "fuel-limit");
            is_as_before();
        }
        let mut refused = little.clone();
        refused.pop();
        assert_eq!(pooled.raw_answer(refused).unwrap()[..2], [VERSION, 1]);
        is_as_before();
    }
}

#[test]
fn what_has_no_room_in_a_pool_has_memory_of_its_own() {
    // More than 64 MiB of memory, from a file that does not look like it.
    let file = wide(920_000, 0);
    assert!(file.len() < 8 << 20);
    let limits = |bytes| {
        let limits = Limits::builder().elements(1_000_000).nodes(1_000_000).answer_bytes(64 << 20);
        limits.memory_bytes(bytes).build().unwrap()
    };
    let pooled = Airlock::builder().pooling(1).limits(limits(512 << 20)).build().unwrap();
    let (_, answer, figures) = pooled.raw(file.clone()).unwrap();
    assert_eq!(answer.unwrap()[..2], [VERSION, 0]);
    assert!(figures.memory_bytes > 64 << 20, "{}", figures.memory_bytes);
    assert_eq!(pooled.instances_started(), 2);
    // What was not granted is not had elsewhere.
    let granted = pooled.with_limits(limits(64 << 20)).unwrap();
    assert_eq!(granted.raw_answer(file.clone()).unwrap_err().code(), "memory-bytes-limit");
    assert_eq!(pooled.instances_started(), 3);
    let granted = pooled.with_limits(limits(65 << 20)).unwrap();
    assert_eq!(granted.raw_answer(file).unwrap_err().code(), "memory-bytes-limit");
}

#[test]
fn large_files_are_decoded_once_outside_of_the_pool() {
    let limits = Limits::builder().elements(1_000_000).nodes(1_000_000).answer_bytes(64 << 20).build().unwrap();
    let pooled = Airlock::builder().pooling(1).limits(limits.clone()).build().unwrap();
    let alone = Airlock::builder().pooling(0).limits(limits).build().unwrap();
    let (_, answer, figures) = pooled.raw(wide(900_000, 4)).unwrap();
    assert!(figures.memory_bytes > 64 << 20, "{}", figures.memory_bytes);
    assert_eq!(pooled.instances_started(), 1);
    assert_eq!(answer.unwrap(), alone.raw_answer(wide(900_000, 4)).unwrap());
}

#[test]
fn more_threads_than_a_pool_has_instances_are_all_served() {
    // Of one place, of one for each core, and of fewer than there are threads on each; a small file, and one that takes time.
    for (instances, elements) in [(1, 100_000), (1, 1000), (2, 1000), (3, 1000)] {
        let airlock = Airlock::builder().pooling(instances).build().unwrap();
        let file = wide(elements, 4);
        let expected = airlock.raw_answer(file.clone()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_eq!(airlock.raw_answer(file.clone()).unwrap(), expected);
                    }
                });
            }
        });
        assert_eq!(airlock.instances_started(), 81);
    }
}

#[test]
fn an_airlock_is_shared_between_threads() {
    let airlock = Airlock::new().unwrap();
    let expected = airlock.raw_answer(wide(100, 4)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(airlock.raw_answer(wide(100, 4)).unwrap(), expected));
        }
    });
    assert_eq!(airlock.instances_started(), 5);
}

#[test]
fn memory_is_denied_beyond_the_grant() {
    let file = wide(200_000, 4);
    let granted = |bytes| {
        let limits = Limits::builder().memory_bytes(bytes).build().unwrap();
        Airlock::builder().limits(limits).build().unwrap().raw_answer(file.clone())
    };
    assert_eq!(granted(256 << 20).unwrap()[..2], [VERSION, 0]);
    let Err(Error::Limit(error)) = granted(1 << 20) else { panic!("denied") };
    assert_eq!((error.limit.name(), error.granted), ("memory-bytes", 1 << 20));
}

/// A document of so many integers, or of so many nulls, whose payloads have no bytes.
fn wide(elements: u32, payload_bytes: usize) -> Vec<u8> {
    let mut file = vec![0; 4];
    for i in 0..elements {
        file.push(if payload_bytes == 0 { 0x0a } else { 0x10 });
        file.extend_from_slice(format!("k{i}\0").as_bytes());
        file.extend_from_slice(&i.to_le_bytes()[..payload_bytes]);
    }
    file.push(0);
    let len = u32::try_from(file.len()).unwrap();
    file[..4].copy_from_slice(&len.to_le_bytes());
    file
}

fn payloads() -> impl Iterator<Item = Payload<'static>> {
    Parser::new(0).parse_all(GUEST).map(Result::unwrap)
}

/// The packages that end up in somebody's program.
fn public_packages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = ["export", "cli"].map(|name| root.join("crates").join(name));
    let manifests = [root.join("host")].into_iter().chain(crates).map(|folder| folder.join("Cargo.toml"));
    manifests.filter(|manifest| manifest.exists()).map(|manifest| manifest.to_str().unwrap().to_owned()).collect()
}

/// The names of all packages that this one depends on over such edges.
fn tree(manifest: &str, edges: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--edges", edges, "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}
