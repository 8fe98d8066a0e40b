//! The functions that may stand in a model: a closed enumeration, so that no name of a file is ever looked up.

use serde::{Deserialize, Serialize};

macro_rules! functions {
    ($($variant:ident $module:literal $name:literal),+ $(,)?) => {
        /// A function known by name. Its home is the module that *defines* it, as a file spells it.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        pub enum Function { $(#[doc = concat!("`", $module, ".", $name, "`.")] $variant),+ }

        impl Function {
            /// Every function there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name as Flux users write it: `relu`, `σ`, `flatten`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The module that defines it: `NNlib`, `Base`, `Flux`.
            #[must_use]
            pub const fn module(self) -> &'static str {
                match self { $(Self::$variant => $module),+ }
            }

            /// The function of this home and name.
            #[must_use]
            pub fn find(module: &str, name: &str) -> Option<Self> {
                match (module, name) { $(($module, $name) => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

functions! {
    Abs "Base" "abs", Abs2 "Base" "abs2", Broadcast "Base.Broadcast" "broadcast", Cat "Base" "cat", Cos "Base" "cos",
    Divide "Base" "/", Dropdims "Base" "dropdims", Exp "Base" "exp", First "Base" "first", Hcat "Base" "hcat", Identity "Base" "identity", Lastindex "Base" "lastindex",
    Log "Base" "log", Max "Base" "max", Maximum "Base" "maximum", Min "Base" "min", Minimum "Base" "minimum",
    Minus "Base" "-", Permutedims "Base" "permutedims", Plus "Base" "+", Prod "Base" "prod", Reshape "Base" "reshape",
    Sin "Base" "sin", Sqrt "Base" "sqrt", Sum "Base" "sum", Tan "Base" "tan", Tanh "Base" "tanh", Times "Base" "*",
    Vcat "Base" "vcat", Vec "Base" "vec",
    Mean "Statistics" "mean",
    Cpu "Flux" "cpu", Flatten "Flux" "flatten", Gpu "Flux" "gpu", Normalise "Flux" "normalise",
    MlutilsFlatten "MLUtils" "flatten", MlutilsUnsqueeze "MLUtils" "unsqueeze",
    Unsqueeze "Flux" "unsqueeze",
    Celu "NNlib" "celu", Elu "NNlib" "elu", GeluErf "NNlib" "gelu_erf",
    GeluSigmoid "NNlib" "gelu_sigmoid", GeluTanh "NNlib" "gelu_tanh", HardSigma "NNlib" "hardσ",
    Hardswish "NNlib" "hardswish", Hardtanh "NNlib" "hardtanh", Leakyrelu "NNlib" "leakyrelu", Lisht "NNlib" "lisht",
    LogSigma "NNlib" "logσ", Logcosh "NNlib" "logcosh", Logsoftmax "NNlib" "logsoftmax", Maxpool "NNlib" "maxpool",
    Meanpool "NNlib" "meanpool", Mish "NNlib" "mish", Relu "NNlib" "relu", Relu6 "NNlib" "relu6",
    Rrelu "NNlib" "rrelu", Selu "NNlib" "selu", Sigma "NNlib" "σ", SigmoidFast "NNlib" "sigmoid_fast",
    Softmax "NNlib" "softmax", Softplus "NNlib" "softplus", Softshrink "NNlib" "softshrink",
    Softsign "NNlib" "softsign", Swish "NNlib" "swish", TanhFast "NNlib" "tanh_fast",
    Tanhshrink "NNlib" "tanhshrink", Trelu "NNlib" "trelu",
    BinaryFocalLoss "Flux.Losses" "binary_focal_loss", Binarycrossentropy "Flux.Losses" "binarycrossentropy",
    Crossentropy "Flux.Losses" "crossentropy", DiceCoeffLoss "Flux.Losses" "dice_coeff_loss",
    FocalLoss "Flux.Losses" "focal_loss", HingeLoss "Flux.Losses" "hinge_loss", HuberLoss "Flux.Losses" "huber_loss",
    Kldivergence "Flux.Losses" "kldivergence", Logitbinarycrossentropy "Flux.Losses" "logitbinarycrossentropy",
    Logitcrossentropy "Flux.Losses" "logitcrossentropy", Mae "Flux.Losses" "mae", Mse "Flux.Losses" "mse",
    Msle "Flux.Losses" "msle", PoissonLoss "Flux.Losses" "poisson_loss",
    SiameseContrastiveLoss "Flux.Losses" "siamese_contrastive_loss",
    SquaredHingeLoss "Flux.Losses" "squared_hinge_loss", TverskyLoss "Flux.Losses" "tversky_loss",
}
