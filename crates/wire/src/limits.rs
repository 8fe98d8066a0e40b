//! The limits that the decoder counts itself.

use serde::{Deserialize, Serialize};

/// Levels that the layouts of today may add to those of the file: a padding that is given for each side, a function that is
/// composed of two.
pub const SUPPLIED_LEVELS: u32 = 4;

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident $variant:ident $name:literal),+ $(,)?) => {
        /// What the decoder may spend on one file. Each is charged before the work it stands for.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub struct Limits { $($(#[$doc])* pub $field: u32),+ }

        /// A limit that the decoder counts.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        pub enum Limit { $($(#[$doc])* $variant),+ }

        impl Limit {
            /// Every limit there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name, as the command, the report and the builder spell it (with `-` or `_` as each does).
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The code of a refusal for its sake: its name and `-limit`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => concat!($name, "-limit")),+ }
            }

            /// The value granted to it.
            #[must_use]
            pub const fn of(self, limits: &Limits) -> u32 {
                match self { $(Self::$variant => limits.$field),+ }
            }
        }
    };
}

limits! {
    /// Bytes of the answer.
    answer_bytes AnswerBytes "answer-bytes",
    /// Levels of nesting: of documents in the file, and of values that back references build.
    depth Depth "depth",
    /// Elements of all documents and arrays of the file.
    elements Elements "elements",
    /// Bytes of one name: a key, a symbol, a part of a path.
    name_bytes NameBytes "name-bytes",
    /// Bytes of all different names together.
    names_bytes NamesBytes "names-bytes",
    /// Nodes of the answer, and numbers of its runs.
    nodes Nodes "nodes",
    /// Arrays of the answer.
    tensors Tensors "tensors",
}

impl Limits {
    /// What is granted where nothing else is said. The host's documentation says what was measured to choose it.
    pub const DEFAULT: Self = Self {
        answer_bytes: 32 << 20,
        depth: 256,
        elements: 1 << 22,
        name_bytes: 4096,
        names_bytes: 16 << 20,
        nodes: 1 << 22,
        tensors: 1 << 16,
    };
}
