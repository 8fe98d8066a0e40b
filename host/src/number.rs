//! Numbers of a file: what their bytes mean, and how Julia writes them.
//!
//! Bytes are little-endian, whatever this machine is. Every pattern of bits has a meaning or is shown as the bits it is;
//! none is undefined behaviour.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

use std::fmt;

use flux_airlock_wire::Eltype;

use crate::text::Escaped;

mod sealed {
    pub trait Sealed {}
}

/// The numbers of Rust that an array's elements can be read as.
pub trait Number: bytemuck::Pod + sealed::Sealed {
    /// The eltype that has exactly these numbers.
    const ELTYPE: Eltype;

    /// The number in these bytes; `None` unless there are as many as it has.
    fn from_le_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ident $eltype:ident),+ $(,)?) => {
        $(impl sealed::Sealed for $type {}

        impl Number for $type {
            const ELTYPE: Eltype = Eltype::$eltype;

            fn from_le_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_le_bytes)
            }
        })+
    };
}

numbers! {
    f32 Float32, f64 Float64,
    i8 Int8, i16 Int16, i32 Int32, i64 Int64, i128 Int128,
    u8 UInt8, u16 UInt16, u32 UInt32, u64 UInt64, u128 UInt128,
}

/// One number of the file: its eltype and its bytes.
///
/// It displays as Julia prints it: `0.5`, `1.0e-5`, `1.0 + 2.0im`, `'a'`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scalar<'a> {
    eltype: Eltype,
    bytes: &'a [u8],
}

/// The meaning of a real number's bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Real {
    /// A `Float16` or `BFloat16`: the decimal number with the fewest digits that is nearest to no other.
    Half(f64),
    Single(f32),
    Double(f64),
    Signed(i128),
    Unsigned(u128),
    Bool(u8),
    Char(u32),
    Nothing,
}

impl<'a> Scalar<'a> {
    /// These bytes as a number; `None` unless there are as many as it has.
    pub(crate) fn new(eltype: Eltype, bytes: &'a [u8]) -> Option<Self> {
        let fits = usize::try_from(eltype.width()).is_ok_and(|width| width == bytes.len());
        fits.then_some(Self { eltype, bytes })
    }

    /// What it is.
    #[must_use]
    pub const fn eltype(self) -> Eltype {
        self.eltype
    }

    /// Its bytes in the file, little-endian.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// It as an integer, if it is one (`Bool` and `Char` excluded) that fits.
    #[must_use]
    pub fn to_i128(self) -> Option<i128> {
        match self.real()? {
            Real::Signed(number) => Some(number),
            Real::Unsigned(number) => number.try_into().ok(),
            _ => None,
        }
    }

    /// It as a floating-point number, if it is one. No conversion loses anything.
    #[must_use]
    pub fn to_f64(self) -> Option<f64> {
        match self.eltype {
            Eltype::BFloat16 => self.half_bits().map(bfloat16),
            Eltype::Float16 => self.half_bits().map(float16),
            Eltype::Float32 => <f32 as Number>::from_le_bytes(self.bytes).map(f64::from),
            Eltype::Float64 => <f64 as Number>::from_le_bytes(self.bytes),
            _ => None,
        }
    }

    /// It as a boolean, if it is one.
    #[must_use]
    pub fn to_bool(self) -> Option<bool> {
        match self.real()? {
            Real::Bool(byte) if byte < 2 => Some(byte == 1),
            _ => None,
        }
    }

    fn half_bits(self) -> Option<u16> {
        <u16 as Number>::from_le_bytes(self.bytes)
    }

    /// What a real number means; `None` for a complex one.
    pub(crate) fn real(self) -> Option<Real> {
        real(self.eltype, self.bytes)
    }

    /// The two parts of a complex number.
    pub(crate) fn parts(self) -> Option<(Real, Real)> {
        let part = Eltype::ALL.iter().copied().find(|part| part.complex() == Some(self.eltype))?;
        let (re, im) = self.bytes.split_at_checked(usize::try_from(part.width()).ok()?)?;
        Some((real(part, re)?, real(part, im)?))
    }
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(real) = self.real() {
            return real.fmt(f);
        }
        let Some((re, im)) = self.parts() else { return Ok(()) };
        let im = im.to_string();
        let (sign, size) = match im.strip_prefix('-') {
            Some(size) => ('-', size),
            None => ('+', im.as_str()),
        };
        // Julia writes the product where `2im` would read as a name.
        let times = if size.ends_with(|c: char| c.is_ascii_digit()) { "" } else { "*" };
        write!(f, "{re} {sign} {size}{times}im")
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Half(number) | Self::Double(number) => float(f, number, &format!("{number:e}")),
            Self::Single(number) => float(f, number, &format!("{number:e}")),
            Self::Signed(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Bool(0) => f.write_str("false"),
            Self::Bool(1) => f.write_str("true"),
            Self::Bool(byte) => write!(f, "reinterpret(Bool, {byte:#04x})"),
            Self::Char(bits) => char_bytes(bits, |bytes| write!(f, "'{}'", Escaped(bytes))),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// Gives the bytes of a Julia `Char`, which are UTF-8 from the highest byte on, if it is a character at all.
pub(crate) fn char_bytes<T>(bits: u32, act: impl FnOnce(&[u8]) -> T) -> T {
    let bytes = bits.to_be_bytes();
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count().min(3);
    act(bytes.get(..bytes.len().saturating_sub(zeros)).unwrap_or_default())
}

fn real(eltype: Eltype, bytes: &[u8]) -> Option<Real> {
    let signed = |number: i128| Some(Real::Signed(number));
    let unsigned = |number: u128| Some(Real::Unsigned(number));
    match eltype {
        Eltype::BFloat16 => Number::from_le_bytes(bytes).map(|bits| Real::Half(shortest(bits, bfloat16))),
        Eltype::Float16 => Number::from_le_bytes(bytes).map(|bits| Real::Half(shortest(bits, float16))),
        Eltype::Float32 => Number::from_le_bytes(bytes).map(Real::Single),
        Eltype::Float64 => Number::from_le_bytes(bytes).map(Real::Double),
        Eltype::Bool => Number::from_le_bytes(bytes).map(Real::Bool),
        Eltype::Char => Number::from_le_bytes(bytes).map(Real::Char),
        Eltype::Int8 => signed(i8::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::Int16 => signed(i16::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::Int32 => signed(i32::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::Int64 => signed(i64::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::Int128 => signed(i128::from_le_bytes(bytes.try_into().ok()?)),
        Eltype::UInt8 => unsigned(u8::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::UInt16 => unsigned(u16::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::UInt32 => unsigned(u32::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::UInt64 => unsigned(u64::from_le_bytes(bytes.try_into().ok()?).into()),
        Eltype::UInt128 => unsigned(u128::from_le_bytes(bytes.try_into().ok()?)),
        Eltype::Nothing => Some(Real::Nothing),
        _ => None,
    }
}

/// Writes a floating-point number as Julia does; `scientific` has its shortest digits.
fn float(f: &mut fmt::Formatter<'_>, number: impl fmt::Display + Into<f64> + Copy, scientific: &str) -> fmt::Result {
    let wide: f64 = number.into();
    if wide.is_nan() {
        return f.write_str("NaN");
    }
    if wide.is_infinite() {
        return f.write_str(if wide > 0.0 { "Inf" } else { "-Inf" });
    }
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let positional = exponent.parse::<i32>().is_ok_and(|exponent| (-4..6).contains(&exponent));
    let (digits, exponent) =
        if positional { (number.to_string(), String::new()) } else { (digits.to_owned(), format!("e{exponent}")) };
    let point = if digits.contains('.') { "" } else { ".0" };
    write!(f, "{digits}{point}{exponent}")
}

fn float16(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let size = match bits >> 10 & 0x1f {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent).saturating_sub(25)),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

fn bfloat16(bits: u16) -> f64 {
    f32::from_bits(u32::from(bits) << 16).into()
}

/// The decimal number with the fewest digits that lies nearer to this one than to its neighbours.
fn shortest(bits: u16, value: fn(u16) -> f64) -> f64 {
    let number = value(bits);
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    // The sign is the highest bit, and sizes grow with the others.
    let below = number - value(bits.saturating_sub(1));
    let above = value(bits.saturating_add(1)) - number;
    let near = if above.is_finite() { above.abs().min(below.abs()) } else { below.abs() } / 2.0;
    let candidates = (0..8_usize).filter_map(|digits| format!("{number:.digits$e}").parse::<f64>().ok());
    candidates.into_iter().find(|candidate| (candidate - number).abs() < near).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(eltype: Eltype, bytes: &[u8]) -> String {
        Scalar::new(eltype, bytes).unwrap().to_string()
    }

    #[test]
    fn floats_are_written_as_julia_writes_them() {
        for (number, text) in [
            (0.5, "0.5"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e-4, "0.0001"),
            (1e-5, "1.0e-5"),
            (123_456.0, "123456.0"),
            (1e6, "1.0e6"),
            (1.5e300, "1.5e300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(shown(Eltype::Float64, &number.to_le_bytes()), text);
        }
        assert_eq!(shown(Eltype::Float32, &0.1_f32.to_le_bytes()), "0.1");
        assert_eq!(shown(Eltype::Float32, &1e-5_f32.to_le_bytes()), "1.0e-5");
    }

    #[test]
    fn half_precision_is_written_with_the_fewest_digits() {
        for (bits, text) in [
            (0x2e66_u16, "0.1"),
            (0x3c00, "1.0"),
            (0xbc00, "-1.0"),
            (0x7bff, "65500.0"),
            (0x0001, "6.0e-8"),
            (0x8000, "-0.0"),
            (0x7c00, "Inf"),
            (0x7e00, "NaN"),
            (0x3555, "0.3333"),
        ] {
            assert_eq!(shown(Eltype::Float16, &bits.to_le_bytes()), text, "{bits:#x}");
        }
        assert_eq!(shown(Eltype::BFloat16, &0x3dcd_u16.to_le_bytes()), "0.1");
        assert_eq!(shown(Eltype::BFloat16, &0x3f80_u16.to_le_bytes()), "1.0");
    }

    #[test]
    fn every_half_comes_back_from_its_digits() {
        for bits in 0..=u16::MAX {
            let number = float16(bits);
            if number.is_finite() {
                let digits = shortest(bits, float16);
                // Nearer to it than to both neighbours, which in this format differ by at least 2^-24.
                let step = number.abs().max(2_f64.powi(-14)).log2().floor();
                assert!((digits - number).abs() <= 2_f64.powf(step - 11.0), "{bits:#x}");
            }
        }
    }

    #[test]
    fn complex_numbers_have_a_sign_between_their_parts() {
        let complex = |re: f32, im: f32| [re.to_le_bytes(), im.to_le_bytes()].concat();
        assert_eq!(shown(Eltype::ComplexFloat32, &complex(1.0, 2.0)), "1.0 + 2.0im");
        assert_eq!(shown(Eltype::ComplexFloat32, &complex(1.0, -2.5)), "1.0 - 2.5im");
        assert_eq!(shown(Eltype::ComplexFloat32, &complex(1.0, f32::NAN)), "1.0 + NaN*im");
        assert_eq!(shown(Eltype::ComplexInt8, &[1, 0xff]), "1 - 1im");
    }

    #[test]
    fn characters_are_quoted_and_escaped() {
        let char = |c: char| {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes);
            u32::from_be_bytes(bytes).to_le_bytes()
        };
        for (c, text) in [('a', "'a'"), ('σ', "'σ'"), ('\u{202e}', r"'\u202e'"), ('\0', r"'\x00'"), ('😀', "'😀'")]
        {
            assert_eq!(shown(Eltype::Char, &char(c)), text);
        }
        assert_eq!(shown(Eltype::Char, &[0xff; 4]), r"'\xff\xff\xff\xff'");
    }

    #[test]
    fn integers_and_booleans_are_what_they_are() {
        assert_eq!(shown(Eltype::Int128, &i128::MIN.to_le_bytes()), i128::MIN.to_string());
        assert_eq!(shown(Eltype::UInt128, &[0xff; 16]), u128::MAX.to_string());
        assert_eq!(shown(Eltype::Bool, &[1]), "true");
        assert_eq!(shown(Eltype::Bool, &[2]), "reinterpret(Bool, 0x02)");
        assert_eq!(Scalar::new(Eltype::UInt128, &[0xff; 16]).unwrap().to_i128(), None);
        assert_eq!(Scalar::new(Eltype::Int8, &[0, 0]), None);
    }
}
