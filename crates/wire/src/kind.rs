//! Every struct that has a meaning here: layers by the names and fields of Flux of today, and Julia's own data types.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($group:ident { $($variant:ident $name:literal [$($field:literal),*]),+ $(,)? })+) => {
        /// A struct known by name, with the fields it has in Flux 0.16 or Julia 1.12.
        ///
        /// A file has no field names: they come from this table, on the host's side of the wall.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        pub enum Kind { $($(#[doc = concat!("`", $name, "`.")] $variant),+),+ }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &[Self] = &[$($(Self::$variant),+),+];

            /// Its name: a layer as Flux exports it (`Dense`), data with its module (`Base.Dict`).
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name),+),+ }
            }

            /// Its fields, in the order of declaration.
            #[must_use]
            pub const fn fields(self) -> &'static [&'static str] {
                match self { $($(Self::$variant => &[$($field),*]),+),+ }
            }

            /// What sort of thing it is.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $($(Self::$variant => Group::$group),+),+ }
            }
        }
    };
}

/// What sort of thing a [`Kind`] is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Group {
    /// A value of Julia's own library.
    Data,
    /// A callable struct, such as `Base.Fix2`.
    Callable,
    /// A layer of Flux.
    Layer,
    /// A view of an array, or an array of another form.
    Wrapper,
}

kinds! {
    Layer {
        AdaptiveMaxPool "AdaptiveMaxPool" ["out"],
        AdaptiveMeanPool "AdaptiveMeanPool" ["out"],
        BatchNorm "BatchNorm" ["λ", "β", "γ", "μ", "σ²", "ϵ", "momentum", "affine", "track_stats", "active", "chs"],
        Chain "Chain" ["layers"],
        Conv "Conv" ["σ", "weight", "bias", "stride", "pad", "dilation", "groups"],
        Dense "Dense" ["weight", "bias", "σ"],
        Dropout "Dropout" ["p", "dims", "active", "rng"],
        GlobalMaxPool "GlobalMaxPool" [],
        GlobalMeanPool "GlobalMeanPool" [],
        MaxPool "MaxPool" ["k", "pad", "stride"],
        MeanPool "MeanPool" ["k", "pad", "stride"],
    }
    Callable {
        BroadcastFunction "Base.Broadcast.BroadcastFunction" ["f"],
        ComposedFunction "Base.ComposedFunction" ["outer", "inner"],
        Fix1 "Base.Fix1" ["f", "x"],
        Fix2 "Base.Fix2" ["f", "x"],
    }
    Data {
        Colon "Base.Colon" [],
        Complex "Base.Complex" ["re", "im"],
        Date "Dates.Date" ["instant"],
        DateTime "Dates.DateTime" ["instant"],
        Dict "Base.Dict" ["keys", "values"],
        IdDict "Base.IdDict" ["keys", "values"],
        LinRange "Base.LinRange" ["start", "stop", "len", "lendiv"],
        Missing "Base.Missing" [],
        OneTo "Base.OneTo" ["stop"],
        Pair "Base.Pair" ["first", "second"],
        Rational "Base.Rational" ["num", "den"],
        RefValue "Base.RefValue" ["x"],
        Set "Base.Set" ["dict"],
        Some "Base.Some" ["value"],
        StepRange "Base.StepRange" ["start", "step", "stop"],
        StepRangeLen "Base.StepRangeLen" ["ref", "step", "len", "offset"],
        SubString "Base.SubString" ["string", "offset", "ncodeunits"],
        TaskLocalRng "Random.TaskLocalRNG" [],
        TwicePrecision "Base.TwicePrecision" ["hi", "lo"],
        Undef "BSON.Undef" [],
        UnitRange "Base.UnitRange" ["start", "stop"],
        UtInstant "Dates.UTInstant" ["periods"],
        Day "Dates.Day" ["value"],
        Millisecond "Dates.Millisecond" ["value"],
        VersionNumber "Base.VersionNumber" ["major", "minor", "patch", "prerelease", "build"],
    }
    Wrapper {
        Adjoint "LinearAlgebra.Adjoint" ["parent"],
        BitArray "Base.BitArray" ["chunks", "len", "dims"],
        Transpose "LinearAlgebra.Transpose" ["parent"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_has_a_field_twice() {
        for kind in Kind::ALL {
            for (i, field) in kind.fields().iter().enumerate() {
                assert!(!kind.fields()[..i].contains(field), "{} in {}", field, kind.name());
            }
        }
    }
}
