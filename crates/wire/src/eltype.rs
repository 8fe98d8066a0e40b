//! The numbers that an array or a scalar can be made of.

use serde::{Deserialize, Serialize};

macro_rules! eltypes {
    ($($variant:ident $name:literal $width:literal),+ $(,)?) => {
        /// The Julia `eltype` of an array of numbers, or the type of a scalar.
        ///
        /// `Complex` eltypes hold the real part, then the imaginary part. Everything is little-endian.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub enum Eltype { $(#[doc = concat!("Julia's `", $name, "`, ", $width, " bytes.")] $variant),+ }

        impl Eltype {
            /// Every eltype there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its place in [`Eltype::ALL`].
            pub(crate) const fn index(self) -> u8 {
                // The cast of a variant is its place.
                self as u8
            }

            /// Bytes of one element.
            #[must_use]
            pub const fn width(self) -> u32 {
                match self { $(Self::$variant => $width),+ }
            }

            /// Julia's name of it: `Float32`, `Complex{Float32}`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

eltypes! {
    BFloat16 "BFloat16" 2, Bool "Bool" 1, Char "Char" 4,
    Float16 "Float16" 2, Float32 "Float32" 4, Float64 "Float64" 8,
    Int8 "Int8" 1, Int16 "Int16" 2, Int32 "Int32" 4, Int64 "Int64" 8, Int128 "Int128" 16,
    UInt8 "UInt8" 1, UInt16 "UInt16" 2, UInt32 "UInt32" 4, UInt64 "UInt64" 8, UInt128 "UInt128" 16,
    ComplexBFloat16 "Complex{BFloat16}" 4, ComplexBool "Complex{Bool}" 2,
    ComplexFloat16 "Complex{Float16}" 4, ComplexFloat32 "Complex{Float32}" 8, ComplexFloat64 "Complex{Float64}" 16,
    ComplexInt8 "Complex{Int8}" 2, ComplexInt16 "Complex{Int16}" 4, ComplexInt32 "Complex{Int32}" 8,
    ComplexInt64 "Complex{Int64}" 16, ComplexInt128 "Complex{Int128}" 32,
    ComplexUInt8 "Complex{UInt8}" 2, ComplexUInt16 "Complex{UInt16}" 4, ComplexUInt32 "Complex{UInt32}" 8,
    ComplexUInt64 "Complex{UInt64}" 16, ComplexUInt128 "Complex{UInt128}" 32,
    Nothing "Nothing" 0,
}

impl Eltype {
    /// The eltype of this Julia name, without parameters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|e| e.name() == name)
    }

    /// `Complex{self}`, where Julia has it.
    #[must_use]
    pub const fn complex(self) -> Option<Self> {
        Some(match self {
            Self::BFloat16 => Self::ComplexBFloat16,
            Self::Bool => Self::ComplexBool,
            Self::Float16 => Self::ComplexFloat16,
            Self::Float32 => Self::ComplexFloat32,
            Self::Float64 => Self::ComplexFloat64,
            Self::Int8 => Self::ComplexInt8,
            Self::Int16 => Self::ComplexInt16,
            Self::Int32 => Self::ComplexInt32,
            Self::Int64 => Self::ComplexInt64,
            Self::Int128 => Self::ComplexInt128,
            Self::UInt8 => Self::ComplexUInt8,
            Self::UInt16 => Self::ComplexUInt16,
            Self::UInt32 => Self::ComplexUInt32,
            Self::UInt64 => Self::ComplexUInt64,
            Self::UInt128 => Self::ComplexUInt128,
            _ => return None,
        })
    }

    /// Is it a number that a weight can be made of: a float, an integer, or a complex of these?
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        !matches!(self, Self::Char | Self::Nothing | Self::Bool | Self::ComplexBool)
    }

    /// Is it a real floating-point number?
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::BFloat16 | Self::Float16 | Self::Float32 | Self::Float64)
    }

    /// Is it a real integer, `Bool` and `Char` excluded?
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Int8
                | Self::Int16
                | Self::Int32
                | Self::Int64
                | Self::Int128
                | Self::UInt8
                | Self::UInt16
                | Self::UInt32
                | Self::UInt64
                | Self::UInt128
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complex_number_is_two_of_its_parts() {
        for &part in Eltype::ALL {
            if let Some(complex) = part.complex() {
                assert_eq!(complex.width(), 2 * part.width());
                assert_eq!(complex.name(), alloc::format!("Complex{{{}}}", part.name()));
            }
        }
    }
}
