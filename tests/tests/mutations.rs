//! Files with something wrong anywhere: whatever it is, decoding ends, within its limits, with a well-formed answer.

use flux_airlock_tests::{DEFAULTS, Verdict, judged, native};

use crate::support::{corpus, each, files, none, read};

fn small(folder: &str, most: usize) -> Vec<(String, Vec<u8>)> {
    let small = files(&corpus(folder)).into_iter().map(|path| (path.display().to_string(), read(&path)));
    small.filter(|(_, file)| file.len() <= most).collect()
}

#[test]
fn every_prefix_is_refused() {
    let mut files = small("accept/made", 2500);
    files.extend(small("accept/flux-0.16.9", 3000));
    assert!(files.len() > 50);
    none(&each(&files, |(name, file)| {
        for len in 0..file.len() {
            match judged(&file[..len], &DEFAULTS).map_err(|error| format!("{name}: first {len} bytes: {error}"))? {
                Verdict::Refused(refusal) if flux_airlock_tests::to_usize(refusal.offset) <= len => {}
                verdict => return Err(format!("{name}: first {len} bytes: {verdict:?}")),
            }
        }
        Ok(())
    }));
}

#[test]
fn two_readers_judge_every_small_file_alike() {
    let mut files = small("accept", 300_000);
    files.extend(small("reject", 300_000));
    none(&each(&files, |(name, file)| judged(file, &DEFAULTS).map(drop).map_err(|error| format!("{name}: {error}"))));
}

#[test]
fn every_prefix_of_a_bad_file_ends() {
    none(&each(&small("reject", 600), |(name, file)| {
        for len in 0..file.len() {
            judged(&file[..len], &DEFAULTS).map_err(|error| format!("{name}: first {len} bytes: {error}"))?;
        }
        Ok(())
    }));
}

#[test]
fn every_change_of_one_byte_ends() {
    let mut files = small("accept/made", 1200);
    files.extend(small("reject", 250));
    none(&each(&files, |(name, file)| {
        let mut changed = file.clone();
        for at in 0..file.len() {
            let was = file[at];
            for byte in [0x00, 0x01, 0x7f, 0x80, 0xff, was ^ 0x01, was ^ 0x10, was.wrapping_add(1), was.wrapping_sub(1)]
            {
                changed[at] = byte;
                judged(&changed, &DEFAULTS).map_err(|error| format!("{name}: {byte:#04x} at {at}: {error}"))?;
            }
            changed[at] = was;
        }
        Ok(())
    }));
}

#[test]
fn every_length_replaced_ends() {
    let files = small("accept/made", 2500);
    none(&each(&files, |(name, file)| {
        for at in 0..file.len().saturating_sub(4) {
            for length in [0, 1, 4, 5, 0x7fff_ffff, -1, i32::MIN, i32::try_from(file.len()).unwrap()] {
                let mut changed = file.clone();
                changed[at..at + 4].copy_from_slice(&length.to_le_bytes());
                judged(&changed, &DEFAULTS).map_err(|error| format!("{name}: {length} at {at}: {error}"))?;
            }
        }
        Ok(())
    }));
}

#[test]
fn the_same_file_gets_the_same_answer() {
    let files: Vec<_> = small("accept/made", 100_000).into_iter().chain(small("reject", 100_000)).collect();
    none(&each(&files, |(name, file)| {
        let same = native(file, &DEFAULTS) == native(file, &DEFAULTS);
        if same { Ok(()) } else { Err(name.clone()) }
    }));
}
