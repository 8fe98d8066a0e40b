//! What one file may cost, granted by name.
//!
//! Every limit has a default that admits the models people have, and each is charged before the work it stands for is
//! done. [`LimitsBuilder::build`] refuses grants that could never work and adjusts none of them silently.

use flux_airlock_wire as wire;

/// What one file may cost. [`Limits::default`] admits every model that is known to us.
///
/// ```
/// use flux_airlock::Limits;
///
/// let limits = Limits::builder().memory_bytes(64 << 20).depth(128).build()?;
/// assert_eq!(limits.depth(), 128);
/// # Ok::<(), flux_airlock::LimitsError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    answer_bytes: u32,
    depth: u32,
    elements: u32,
    file_bytes: u64,
    /// `None`: as [`Limits::fuel`] says.
    fuel: Option<u64>,
    /// What [`Limits::fuel`] never exceeds.
    fuel_most: u64,
    memory_bytes: u64,
    name_bytes: u32,
    names_bytes: u32,
    nodes: u32,
    path_bytes: u64,
    tensors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let wire::Limits { answer_bytes, depth, elements, name_bytes, names_bytes, nodes, tensors } =
            wire::Limits::DEFAULT;
        Self {
            answer_bytes,
            depth,
            elements,
            file_bytes: MOST_FILE_BYTES,
            fuel: None,
            fuel_most: u64::MAX,
            memory_bytes: 256 << 20,
            name_bytes,
            names_bytes,
            nodes,
            path_bytes: 16 << 20,
            tensors,
        }
    }
}

impl Limits {
    /// Begins with the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder(Self::default())
    }

    /// See [`LimitsBuilder::answer_bytes`].
    #[must_use]
    pub const fn answer_bytes(&self) -> u32 {
        self.answer_bytes
    }

    /// See [`LimitsBuilder::depth`].
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// See [`LimitsBuilder::elements`].
    #[must_use]
    pub const fn elements(&self) -> u32 {
        self.elements
    }

    /// See [`LimitsBuilder::file_bytes`].
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The fuel for a file of so many bytes. See [`LimitsBuilder::fuel`].
    #[must_use]
    pub fn fuel(&self, file_bytes: u64) -> u64 {
        let by_size = FUEL_BASE.saturating_add(FUEL_PER_BYTE.saturating_mul(file_bytes)).min(FUEL_CAP);
        self.fuel.unwrap_or(by_size).min(self.fuel_most)
    }

    /// These limits, each lowered to what a policy allows at most and never raised. `ceiling` gives that by the name of the
    /// builder's method.
    #[cfg(feature = "policy")]
    pub(crate) fn at_most(&self, ceiling: impl Fn(&str) -> Option<u64>) -> Self {
        let wide = |name, granted: u64| ceiling(name).map_or(granted, |most| granted.min(most));
        let counted =
            |name, granted: u32| u32::try_from(wide(name, granted.into())).map_or(granted, |most| granted.min(most));
        Self {
            answer_bytes: counted("answer_bytes", self.answer_bytes),
            depth: counted("depth", self.depth),
            elements: counted("elements", self.elements),
            file_bytes: wide("file_bytes", self.file_bytes),
            fuel: self.fuel,
            fuel_most: wide("fuel", self.fuel_most),
            memory_bytes: wide("memory_bytes", self.memory_bytes),
            name_bytes: counted("name_bytes", self.name_bytes),
            names_bytes: counted("names_bytes", self.names_bytes),
            nodes: counted("nodes", self.nodes),
            path_bytes: wide("path_bytes", self.path_bytes),
            tensors: counted("tensors", self.tensors),
        }
    }

    /// See [`LimitsBuilder::memory_bytes`].
    #[must_use]
    pub const fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// See [`LimitsBuilder::name_bytes`].
    #[must_use]
    pub const fn name_bytes(&self) -> u32 {
        self.name_bytes
    }

    /// See [`LimitsBuilder::names_bytes`].
    #[must_use]
    pub const fn names_bytes(&self) -> u32 {
        self.names_bytes
    }

    /// See [`LimitsBuilder::nodes`].
    #[must_use]
    pub const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// See [`LimitsBuilder::path_bytes`].
    #[must_use]
    pub const fn path_bytes(&self) -> u64 {
        self.path_bytes
    }

    /// See [`LimitsBuilder::tensors`].
    #[must_use]
    pub const fn tensors(&self) -> u32 {
        self.tensors
    }

    /// The part that the decoder counts itself.
    pub(crate) const fn counted(&self) -> wire::Limits {
        wire::Limits {
            answer_bytes: self.answer_bytes,
            depth: self.depth,
            elements: self.elements,
            name_bytes: self.name_bytes,
            names_bytes: self.names_bytes,
            nodes: self.nodes,
            tensors: self.tensors,
        }
    }
}

/// Grants limits by name. Begin with [`Limits::builder`].
///
/// What is said to be the most was measured over 471 files: 253 that four generations of Flux wrote for this project, and
/// 218 that others published.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct LimitsBuilder(Limits);

macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $ty:ty),+ $(,)?) => {
        $($(#[$doc])*
        pub const fn $field(mut self, most: $ty) -> Self {
            self.0.$field = most;
            self
        })+
    };
}

impl LimitsBuilder {
    setters! {
        /// Bytes of the guest's answer. The host keeps it as long as the model. Default: 32 MiB; 263 KiB were the most.
        answer_bytes: u32,
        /// Levels of nesting: of documents in the file, and of the values they build. Default: 256; 105 were the most, in 24
        /// nested `Chain`s. At most 65,535.
        depth: u32,
        /// Elements of all documents and arrays of the file. Default: 4,194,304; 56,193 were the most. At most 16,777,215.
        /// A list of 300,000 `Float32` has 2,700,000, since each is a struct with a type.
        elements: u32,
        /// Bytes of the file. A larger one is refused unread. Default, and most: 2³¹ − 1, the longest BSON document.
        file_bytes: u64,
        /// Linear memory the guest may grow to, in bytes. It depends on the elements of the file, not on its weights.
        /// Default: 256 MiB, which the other defaults cannot exhaust; 2.4 MiB were the most. At least 1 MiB, at most 4 GiB.
        memory_bytes: u64,
        /// Bytes of one name: a key, a symbol, a part of a type's path. Default: 4,096. At least 16, so that BSON.jl's own
        /// words fit.
        name_bytes: u32,
        /// Bytes of all different names together. Default: 16 MiB.
        names_bytes: u32,
        /// Values that the file's variables reach. Default: 4,194,304; 30,024 were the most.
        nodes: u32,
        /// Bytes of all paths of a report together. Default: 16 MiB; 13 KB of arrays' paths were the most.
        path_bytes: u64,
        /// Arrays. Default: 65,536; 504 were the most.
        tensors: u32,
    }

    /// Fuel: what the guest's instructions and the bytes it reads cost, about one per instruction. It is the only clock,
    /// so that the same file gets the same verdict on every machine.
    ///
    /// Default: 10,000,000 and 2,000 more for each byte of the file, at most 10,000,000,000. Honest files used up to 30,000
    /// and 150 for each byte, 7 % of their grant at most; 4,194,300 elements and as many values use 5,140,000,000, which took
    /// 2.5 s on a busy machine.
    pub const fn fuel(mut self, most: u64) -> Self {
        self.0.fuel = Some(most);
        self
    }

    /// Grants a limit by what it is: the same as the method of its name.
    ///
    /// ```
    /// use flux_airlock::{Limit, Limits};
    ///
    /// let limit = Limit::from_name("depth").ok_or("no such limit")?;
    /// assert_eq!(Limits::builder().grant(limit, 128)?.build()?, Limits::builder().depth(128).build()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LimitsError`] if it is more than the limit can hold.
    pub fn grant(self, limit: Limit, most: u64) -> Result<Self, LimitsError> {
        let beyond = |_| LimitsError { limit, granted: most, least: 1, most: u32::MAX.into() };
        let short = || u32::try_from(most).map_err(beyond);
        Ok(match limit {
            Limit::AnswerBytes => self.answer_bytes(short()?),
            Limit::Depth => self.depth(short()?),
            Limit::Elements => self.elements(short()?),
            Limit::FileBytes => self.file_bytes(most),
            Limit::Fuel => self.fuel(most),
            Limit::MemoryBytes => self.memory_bytes(most),
            Limit::NameBytes => self.name_bytes(short()?),
            Limit::NamesBytes => self.names_bytes(short()?),
            Limit::Nodes => self.nodes(short()?),
            Limit::PathBytes => self.path_bytes(most),
            Limit::Tensors => self.tensors(short()?),
        })
    }

    /// The limits as they were granted.
    ///
    /// # Errors
    ///
    /// [`LimitsError`] for the first one under which no file could be opened, or which is beyond what can be granted.
    pub fn build(self) -> Result<Limits, LimitsError> {
        let Self(limits) = self;
        let counted = |limit, granted: u32, least| (limit, u64::from(granted), least, u64::from(u32::MAX));
        let ranges = [
            counted(Limit::AnswerBytes, limits.answer_bytes, LEAST_ANSWER_BYTES),
            (Limit::Depth, limits.depth.into(), 1, u16::MAX.into()),
            (Limit::Elements, limits.elements.into(), 1, MOST_ELEMENTS),
            (Limit::FileBytes, limits.file_bytes, 1, MOST_FILE_BYTES),
            (Limit::Fuel, limits.fuel.unwrap_or(FUEL_BASE), 1, u64::MAX),
            (Limit::MemoryBytes, limits.memory_bytes, 1 << 20, 1 << 32),
            counted(Limit::NameBytes, limits.name_bytes, LEAST_NAME_BYTES),
            counted(Limit::NamesBytes, limits.names_bytes, 1),
            counted(Limit::Nodes, limits.nodes, 1),
            (Limit::PathBytes, limits.path_bytes, 1, u64::MAX),
            counted(Limit::Tensors, limits.tensors, 1),
        ];
        match ranges.into_iter().find(|&(_, granted, least, most)| granted < least || granted > most) {
            Some((limit, granted, least, most)) => Err(LimitsError { limit, granted, least, most }),
            None => Ok(limits),
        }
    }
}

/// A grant that could never work.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a limit of {granted} for {} is not between {least} and {most}", limit.name())]
#[non_exhaustive]
pub struct LimitsError {
    /// Which limit.
    pub limit: Limit,
    /// What was to be granted.
    pub granted: u64,
    /// The least that works.
    pub least: u64,
    /// The most that can be granted.
    pub most: u64,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident $name:literal $noun:literal),+ $(,)?) => {
        /// A limit that a file can exceed.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Limit { $($(#[$doc])* $variant),+ }

        impl Limit {
            /// Every limit there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name: that of its builder method, in kebab case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The limit of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|limit| limit.name() == name)
            }

            /// The code of a refusal for its sake: its name and `-limit`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => concat!($name, "-limit")),+ }
            }

            /// What it counts.
            pub(crate) const fn noun(self) -> &'static str {
                match self { $(Self::$variant => $noun),+ }
            }
        }
    };
}

limits! {
    /// [`LimitsBuilder::answer_bytes`].
    AnswerBytes "answer-bytes" "bytes of answer",
    /// [`LimitsBuilder::depth`].
    Depth "depth" "levels of nesting",
    /// [`LimitsBuilder::elements`].
    Elements "elements" "elements",
    /// [`LimitsBuilder::file_bytes`].
    FileBytes "file-bytes" "bytes of file",
    /// [`LimitsBuilder::fuel`].
    Fuel "fuel" "fuel",
    /// [`LimitsBuilder::memory_bytes`].
    MemoryBytes "memory-bytes" "bytes of memory",
    /// [`LimitsBuilder::name_bytes`].
    NameBytes "name-bytes" "bytes in one name",
    /// [`LimitsBuilder::names_bytes`].
    NamesBytes "names-bytes" "bytes in all names",
    /// [`LimitsBuilder::nodes`].
    Nodes "nodes" "values",
    /// [`LimitsBuilder::path_bytes`].
    PathBytes "path-bytes" "bytes of paths",
    /// [`LimitsBuilder::tensors`].
    Tensors "tensors" "arrays",
}

impl From<wire::Limit> for Limit {
    fn from(limit: wire::Limit) -> Self {
        match limit {
            wire::Limit::AnswerBytes => Self::AnswerBytes,
            wire::Limit::Depth => Self::Depth,
            wire::Limit::Elements => Self::Elements,
            wire::Limit::NameBytes => Self::NameBytes,
            wire::Limit::NamesBytes => Self::NamesBytes,
            wire::Limit::Nodes => Self::Nodes,
            wire::Limit::Tensors => Self::Tensors,
        }
    }
}

/// The longest BSON document: its length is an `int32`.
const MOST_FILE_BYTES: u64 = 0x7fff_ffff;
/// An answer without entries: version, verdict, seven counts, and that three versions are not known.
const LEAST_ANSWER_BYTES: u64 = 12;

/// The tags that say what a document stands for are names too.
const LEAST_NAME_BYTES: u64 = 16;
/// The decoder counts them in 24 bits.
const MOST_ELEMENTS: u64 = (1 << 24) - 1;
const FUEL_BASE: u64 = 10_000_000;
const FUEL_PER_BYTE: u64 = 2_000;
const FUEL_CAP: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_granted() {
        assert_eq!(Limits::builder().build(), Ok(Limits::default()));
    }

    #[test]
    fn what_could_never_work_is_refused_by_name() {
        let refused = |builder: LimitsBuilder| builder.build().map_err(|error| error.limit).unwrap_err();
        assert_eq!(refused(Limits::builder().memory_bytes((1 << 20) - 1)), Limit::MemoryBytes);
        assert_eq!(refused(Limits::builder().memory_bytes((1 << 32) + 1)), Limit::MemoryBytes);
        assert_eq!(refused(Limits::builder().depth(0)), Limit::Depth);
        assert_eq!(refused(Limits::builder().depth(65_536)), Limit::Depth);
        assert_eq!(refused(Limits::builder().file_bytes(1 << 31)), Limit::FileBytes);
        assert_eq!(refused(Limits::builder().fuel(0)), Limit::Fuel);
        let nothing = flux_airlock_wire::answer::Sections::new(64).finish(64).unwrap();
        let least = u32::try_from(nothing.len()).unwrap();
        assert_eq!(refused(Limits::builder().answer_bytes(least - 1)), Limit::AnswerBytes);
        assert!(Limits::builder().answer_bytes(least).build().is_ok());
        assert_eq!(refused(Limits::builder().name_bytes(15)), Limit::NameBytes);
        assert!(Limits::builder().name_bytes(16).build().is_ok());
    }

    #[test]
    fn every_limit_is_granted_by_its_name() {
        let names: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        let refused: Vec<Limit> = names
            .iter()
            .map(|name| {
                let limit = Limit::from_name(name).unwrap();
                // Nothing can be granted none of it, so that the refusal says which one it was.
                Limits::builder().grant(limit, 0).unwrap().build().unwrap_err().limit
            })
            .collect();
        assert_eq!(refused, Limit::ALL);
        let beyond = Limits::builder().grant(Limit::Nodes, 1 << 32).unwrap_err();
        assert_eq!((beyond.limit, beyond.granted, beyond.most), (Limit::Nodes, 1 << 32, u32::MAX.into()));
        assert_eq!(Limit::from_name("depth-limit"), None);
    }

    #[test]
    fn fuel_follows_the_file_up_to_a_cap() {
        let limits = Limits::default();
        assert_eq!(limits.fuel(0), FUEL_BASE);
        assert_eq!(limits.fuel(1000), FUEL_BASE + 1000 * FUEL_PER_BYTE);
        assert_eq!(limits.fuel(u64::MAX), FUEL_CAP);
        assert_eq!(Limits::builder().fuel(7).build().unwrap().fuel(1000), 7);
    }

    #[test]
    fn the_codes_of_counted_limits_are_those_of_the_wire() {
        for &limit in wire::Limit::ALL {
            assert_eq!(Limit::from(limit).name(), limit.name());
            assert_eq!(Limit::from(limit).code(), limit.code());
        }
    }
}
