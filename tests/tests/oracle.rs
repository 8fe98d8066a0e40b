//! The `bson` crate reads the same raw documents: as many elements, and every array is one of its binary values.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bson::{RawBsonRef, RawDocument};
use flux_airlock_tests::{DEFAULTS, Verdict};

use crate::genuine::genuine;
use crate::support::{corpus, each, files, limit, none, open, read, verdict};

/// What a walk over the raw documents finds.
#[derive(Default)]
struct Walk {
    elements: u32,
    deepest: u32,
    /// Where binary values lie, and how long they are.
    binaries: BTreeSet<(usize, usize)>,
}

impl Walk {
    fn document(&mut self, file: &[u8], document: &RawDocument, depth: u32) -> Result<(), bson::error::Error> {
        self.deepest = self.deepest.max(depth);
        document.iter().try_for_each(|element| self.value(file, element?.1, depth))
    }

    fn value(&mut self, file: &[u8], value: RawBsonRef<'_>, depth: u32) -> Result<(), bson::error::Error> {
        self.elements += 1;
        match value {
            RawBsonRef::Array(array) => {
                self.deepest = self.deepest.max(depth + 1);
                array.into_iter().try_for_each(|value| self.value(file, value?, depth + 1))?;
            }
            RawBsonRef::Binary(binary) => {
                let offset = binary.bytes.as_ptr().addr() - file.as_ptr().addr();
                self.binaries.insert((offset, binary.bytes.len()));
            }
            RawBsonRef::Document(document) => self.document(file, document, depth + 1)?,
            _ => {}
        }
        Ok(())
    }
}

fn all() -> Vec<PathBuf> {
    let published = crate::corpus::found().into_iter();
    let published = published.filter(|found| found.kind == crate::corpus::Kind::BsonJl).map(|found| found.path);
    // BSON's own rule is that strings are UTF-8; Julia's strings need not be.
    let made = files(&corpus("accept/made")).into_iter().filter(|path| !path.ends_with("string_that_is_not_utf8.bson"));
    genuine().into_iter().chain(made).chain(published).collect()
}

#[test]
fn another_reader_finds_the_same_elements_depths_and_binaries() {
    none(&each(&all(), |path| {
        let file = read(path);
        let opened = open(path, &file)?;
        let mut walk = Walk::default();
        let document = RawDocument::from_bytes(&file).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Err(error) = walk.document(&file, document, 1) {
            return Err(format!("{}: {error}", path.display()));
        }
        let arrays = opened.arrays.iter().filter(|array| array.bytes > 0);
        for array in arrays {
            let (offset, bytes) =
                (flux_airlock_tests::to_usize(array.offset), flux_airlock_tests::to_usize(array.bytes));
            if !walk.binaries.contains(&(offset, bytes)) {
                return Err(format!("{}: {array:?} is no binary value", path.display()));
            }
        }
        // The decoder counts the elements: one less than there are is one too few.
        if walk.elements > 0 {
            let fits = verdict(&file, &limit(DEFAULTS, "elements", walk.elements))?;
            let beyond = verdict(&file, &limit(DEFAULTS, "elements", walk.elements - 1))?;
            let is_refused = matches!(&beyond, Verdict::Refused(refusal) if refusal.code.name() == "elements-limit");
            if !matches!(fits, Verdict::Opened(_)) || !is_refused {
                return Err(format!("{}: {} elements: {fits:?}, {beyond:?}", path.display(), walk.elements));
            }
        }
        let shallow = verdict(&file, &limit(DEFAULTS, "depth", walk.deepest - 1))?;
        if matches!(shallow, Verdict::Opened(_)) {
            return Err(format!("{}: {} levels opened with one less", path.display(), walk.deepest));
        }
        Ok(())
    }));
}
