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
    /// A rule of an optimiser, or its state.
    Optimiser,
    /// A generator of random numbers: the arrays in it are its state, and no weights.
    Random,
    /// A view of an array, or an array of another form.
    Wrapper,
}

kinds! {
    Layer {
        AdaptiveMaxPool "AdaptiveMaxPool" ["out"],
        AdaptiveMeanPool "AdaptiveMeanPool" ["out"],
        AlphaDropout "AlphaDropout" ["p", "active", "rng"],
        BatchNorm "BatchNorm" ["λ", "β", "γ", "μ", "σ²", "ϵ", "momentum", "affine", "track_stats", "active", "chs"],
        Bilinear "Bilinear" ["weight", "bias", "σ"],
        Chain "Chain" ["layers"],
        Conv "Conv" ["σ", "weight", "bias", "stride", "pad", "dilation", "groups"],
        ConvTranspose "ConvTranspose" ["σ", "weight", "bias", "stride", "pad", "outpad", "dilation", "groups"],
        CrossCor "CrossCor" ["σ", "weight", "bias", "stride", "pad", "dilation"],
        Dense "Dense" ["weight", "bias", "σ"],
        DepthwiseConv "DepthwiseConv" ["σ", "weight", "bias", "stride", "pad", "dilation"],
        Dropout "Dropout" ["p", "dims", "active", "rng"],
        Embedding "Embedding" ["weight", "padding_idx"],
        EmbeddingBag "EmbeddingBag" ["weight", "reduction"],
        GlobalMaxPool "GlobalMaxPool" [],
        GlobalMeanPool "GlobalMeanPool" [],
        Gru "GRU" ["cell", "return_state"],
        GruCell "GRUCell" ["Wi", "Wh", "b"],
        GruV3 "GRUv3" ["cell", "return_state"],
        GruV3Cell "GRUv3Cell" ["Wi", "Wh", "b", "Wh_h\u{303}"],
        GroupNorm "GroupNorm" ["G", "λ", "β", "γ", "μ", "σ²", "ϵ", "momentum", "affine", "track_stats", "active", "chs"],
        InstanceNorm "InstanceNorm" ["λ", "β", "γ", "μ", "σ²", "ϵ", "momentum", "affine", "track_stats", "active", "chs"],
        LayerNorm "LayerNorm" ["λ", "diag", "ϵ", "size", "affine"],
        Lstm "LSTM" ["cell", "return_state"],
        LstmCell "LSTMCell" ["Wi", "Wh", "bias"],
        MaxPool "MaxPool" ["k", "pad", "stride"],
        Maxout "Maxout" ["layers"],
        MeanPool "MeanPool" ["k", "pad", "stride"],
        MultiHeadAttention "MultiHeadAttention" ["nheads", "q_proj", "k_proj", "v_proj", "attn_drop", "out_proj"],
        PairwiseFusion "PairwiseFusion" ["connection", "layers"],
        Parallel "Parallel" ["connection", "layers"],
        PixelShuffle "PixelShuffle" ["r"],
        Recurrence "Recurrence" ["cell", "return_state"],
        Rnn "RNN" ["cell", "return_state"],
        RnnCell "RNNCell" ["σ", "Wi", "Wh", "bias"],
        Scale "Scale" ["scale", "bias", "σ"],
        SkipConnection "SkipConnection" ["layers", "connection"],
        Upsample "Upsample" ["mode", "scale", "size"],
        WeightNorm "WeightNorm" ["layer", "g", "which", "dims"],
    }
    Callable {
        BroadcastFunction "Base.Broadcast.BroadcastFunction" ["f"],
        Cat "FluxAirlock.Cat" ["dims"],
        ComposedFunction "Base.ComposedFunction" ["outer", "inner"],
        Dropdims "FluxAirlock.Dropdims" ["dims"],
        Fix1 "Base.Fix1" ["f", "x"],
        Fix2 "Base.Fix2" ["f", "x"],
        Getindex "FluxAirlock.Getindex" ["indices"],
        Logsoftmax "FluxAirlock.Logsoftmax" ["dims"],
        Permutedims "FluxAirlock.Permutedims" ["perm"],
        Reshape "FluxAirlock.Reshape" ["dims"],
        Softmax "FluxAirlock.Softmax" ["dims"],
        Restructure "Optimisers.Restructure" ["model", "offsets", "length"],
    }
    Data {
        BigInt "Base.GMP.BigInt" ["alloc", "size", "d"],
        Colon "Base.Colon" [],
        Complex "Base.Complex" ["re", "im"],
        Date "Dates.Date" ["instant"],
        DateTime "Dates.DateTime" ["instant"],
        Day "Dates.Day" ["value"],
        Dict "Base.Dict" ["keys", "values"],
        GenericMemory "Core.GenericMemory" ["length", "ptr"],
        IdDict "Base.IdDict" ["keys", "values"],
        IdSet "Base.IdSet" ["dict"],
        LinRange "Base.LinRange" ["start", "stop", "len", "lendiv"],
        Millisecond "Dates.Millisecond" ["value"],
        Missing "Base.Missing" [],
        OneTo "Base.OneTo" ["stop"],
        Pair "Base.Pair" ["first", "second"],
        Rational "Base.Rational" ["num", "den"],
        RefValue "Base.RefValue" ["x"],
        Set "Base.Set" ["dict"],
        SignedMultiplicativeInverse "Base.MultiplicativeInverses.SignedMultiplicativeInverse"
            ["divisor", "multiplier", "addmul", "shift"],
        Slice "Base.Slice" ["indices"],
        Some "Base.Some" ["value"],
        StepRange "Base.StepRange" ["start", "step", "stop"],
        StepRangeLen "Base.StepRangeLen" ["ref", "step", "len", "offset"],
        SubString "Base.SubString" ["string", "offset", "ncodeunits"],
        TwicePrecision "Base.TwicePrecision" ["hi", "lo"],
        Undef "BSON.Undef" [],
        UnitRange "Base.UnitRange" ["start", "stop"],
        UtInstant "Dates.UTInstant" ["periods"],
        VersionNumber "Base.VersionNumber" ["major", "minor", "patch", "prerelease", "build"],
        LuxBatchNorm "Lux.BatchNorm"
            ["activation", "epsilon", "momentum", "chs", "init_bias", "init_scale", "affine", "track_stats"],
        LuxChain "Lux.Chain" ["layers", "name"],
        LuxConv "Lux.Conv"
            ["activation", "in_chs", "out_chs", "kernel_size", "stride", "pad", "dilation", "groups", "init_weight",
            "init_bias", "use_bias", "cross_correlation"],
        LuxDense "Lux.Dense" ["activation", "in_dims", "out_dims", "init_weight", "init_bias", "use_bias"],
        LuxGruCell "Lux.GRUCell"
            ["train_state", "in_dims", "out_dims", "init_bias", "init_weight", "init_recurrent_weight", "init_state",
            "use_bias"],
        LuxLstmCell "Lux.LSTMCell"
            ["train_state", "train_memory", "in_dims", "out_dims", "init_bias", "init_weight", "init_recurrent_weight",
            "init_state", "init_memory", "use_bias"],
        LuxRnnCell "Lux.RNNCell"
            ["train_state", "activation", "in_dims", "out_dims", "init_bias", "init_weight", "init_recurrent_weight",
            "init_state", "use_bias"],
        LuxSkipConnection "Lux.SkipConnection" ["layers", "connection", "name"],
        StaticFalse "Static.False" [],
        StaticTrue "Static.True" [],
        TrackerCall "Tracker.Call" ["func", "args"],
        TrackerParams "Tracker.Params" ["order", "params"],
        TrackerTracked "Tracker.Tracked" ["ref", "f", "isleaf", "grad"],
        ZygoteBuffer "Zygote.Buffer" ["data", "freeze"],
        ZygoteParams "Zygote.Params" ["order", "params"],
    }
    Optimiser {
        AccumGrad "Optimisers.AccumGrad" ["n"],
        AdaBelief "Optimisers.AdaBelief" ["eta", "beta", "epsilon"],
        AdaDelta "Optimisers.AdaDelta" ["rho", "epsilon"],
        AdaGrad "Optimisers.AdaGrad" ["eta", "epsilon"],
        AdaMax "Optimisers.AdaMax" ["eta", "beta", "epsilon"],
        Adam "Optimisers.Adam" ["eta", "beta", "epsilon"],
        AdamW "Optimisers.AdamW" ["eta", "beta", "lambda", "epsilon", "couple"],
        AmsGrad "Optimisers.AMSGrad" ["eta", "beta", "epsilon"],
        ClipGrad "Optimisers.ClipGrad" ["delta"],
        ClipNorm "Optimisers.ClipNorm" ["omega", "p", "throw"],
        Descent "Optimisers.Descent" ["eta"],
        Leaf "Optimisers.Leaf" ["rule", "state", "frozen"],
        Lion "Optimisers.Lion" ["eta", "beta"],
        MixedPrecision "Optimisers.MixedPrecision" ["rule"],
        Momentum "Optimisers.Momentum" ["eta", "rho"],
        NAdam "Optimisers.NAdam" ["eta", "beta", "epsilon"],
        Nesterov "Optimisers.Nesterov" ["eta", "rho"],
        OAdam "Optimisers.OAdam" ["eta", "beta", "epsilon"],
        OptimiserChain "Optimisers.OptimiserChain" ["opts"],
        RAdam "Optimisers.RAdam" ["eta", "beta", "epsilon"],
        RmsProp "Optimisers.RMSProp" ["eta", "rho", "epsilon", "centred"],
        Rprop "Optimisers.Rprop" ["eta", "ell", "gamma"],
        SignDecay "Optimisers.SignDecay" ["lambda"],
        WeightDecay "Optimisers.WeightDecay" ["lambda"],
        OldAdaBelief "Flux.Optimise.AdaBelief" ["eta", "beta", "epsilon", "state"],
        OldAdaDelta "Flux.Optimise.AdaDelta" ["rho", "epsilon", "state"],
        OldAdaGrad "Flux.Optimise.AdaGrad" ["eta", "epsilon", "acc"],
        OldAdaMax "Flux.Optimise.AdaMax" ["eta", "beta", "epsilon", "state"],
        OldAdam "Flux.Optimise.Adam" ["eta", "beta", "epsilon", "state"],
        OldAmsGrad "Flux.Optimise.AMSGrad" ["eta", "beta", "epsilon", "state"],
        OldClipNorm "Flux.Optimise.ClipNorm" ["thresh"],
        OldClipValue "Flux.Optimise.ClipValue" ["thresh"],
        OldDescent "Flux.Optimise.Descent" ["eta"],
        OldExpDecay "Flux.Optimise.ExpDecay" ["eta", "decay", "step", "clip", "start", "current"],
        OldInvDecay "Flux.Optimise.InvDecay" ["gamma", "state"],
        OldMomentum "Flux.Optimise.Momentum" ["eta", "rho", "velocity"],
        OldNAdam "Flux.Optimise.NAdam" ["eta", "beta", "epsilon", "state"],
        OldNesterov "Flux.Optimise.Nesterov" ["eta", "rho", "velocity"],
        OldOAdam "Flux.Optimise.OAdam" ["eta", "beta", "epsilon", "state"],
        OldOptimiser "Flux.Optimise.Optimiser" ["os"],
        OldRAdam "Flux.Optimise.RAdam" ["eta", "beta", "epsilon", "state"],
        OldRmsProp "Flux.Optimise.RMSProp" ["eta", "rho", "epsilon", "acc"],
        OldSignDecay "Flux.Optimise.SignDecay" ["lambda"],
        OldWeightDecay "Flux.Optimise.WeightDecay" ["wd"],
    }
    Random {
        DsfmtState "Random.DSFMT.DSFMT_state" ["val"],
        MersenneTwister "Random.MersenneTwister"
            ["seed", "state", "vals", "ints", "idxF", "idxI", "adv", "adv_jump", "adv_vals", "adv_ints"],
        RandomDevice "Random.RandomDevice" [],
        TaskLocalRng "Random.TaskLocalRNG" [],
        Xoshiro "Random.Xoshiro" ["s0", "s1", "s2", "s3", "s4"],
    }
    Wrapper {
        Adjoint "LinearAlgebra.Adjoint" ["parent"],
        BitArray "Base.BitArray" ["chunks", "len", "dims"],
        Diagonal "LinearAlgebra.Diagonal" ["diag"],
        OneHotArray "OneHotArrays.OneHotArray" ["indices", "nlabels"],
        OneHotMatrix "Flux.OneHotMatrix" ["height", "data"],
        OneHotVector "Flux.OneHotVector" ["ix", "of"],
        PermutedDimsArray "Base.PermutedDimsArrays.PermutedDimsArray" ["parent"],
        ReinterpretArray "Base.ReinterpretArray" ["parent", "readable", "writable"],
        ReshapedArray "Base.ReshapedArray" ["parent", "dims", "mi"],
        SArray "StaticArrays.SArray" ["data"],
        SparseMatrixCsc "SparseArrays.SparseMatrixCSC" ["m", "n", "colptr", "rowval", "nzval"],
        Squared "FluxAirlock.Squared" ["root"],
        SubArray "Base.SubArray" ["parent", "indices", "offset1", "stride1"],
        Symmetric "LinearAlgebra.Symmetric" ["data", "uplo"],
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
