//! Money as integers: prices in pico-dollars a token, amounts in nano-dollars.
//!
//! The dearest price in use is 0.0006 $ a token, the cheapest 1e-9 $ and below, so a pico-dollar
//! (1e-12 $) holds them all exactly; an `i64` of nano-dollars holds nine billion dollars.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// A price for one token (or one unit), in pico-dollars: 1e-12 $.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct PicoDollars(pub i64);

/// An amount, in nano-dollars: 1e-9 $.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct NanoDollars(pub i64);

/// A product of prices and counts that has not been rounded yet, in pico-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PicoSum(i128);

impl PicoSum {
    /// Adds `count` units at `price` each.
    #[must_use]
    pub fn plus(self, count: u64, price: PicoDollars) -> Self {
        let product = i128::from(count).saturating_mul(i128::from(price.0));
        Self(self.0.saturating_add(product))
    }

    /// The amount, rounded half up to a nano-dollar; limited to what [`NanoDollars`] holds.
    pub fn round(self) -> NanoDollars {
        let nano = self.0.saturating_add(500).div_euclid(1_000);
        let limit = if nano < 0 { i64::MIN } else { i64::MAX };
        NanoDollars(i64::try_from(nano).unwrap_or(limit))
    }
}

impl NanoDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, limited to what the type holds.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for NanoDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

/// Exact decimal dollars, without trailing zeros: `0.000012345`.
impl fmt::Display for NanoDollars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let (dollars, rest) = (
            size.div_euclid(1_000_000_000),
            size.rem_euclid(1_000_000_000),
        );
        if self.0 < 0 {
            out.write_str("-")?;
        }
        write!(out, "{dollars}")?;
        if rest == 0 {
            return Ok(());
        }
        let digits = format!("{rest:09}");
        write!(out, ".{}", digits.trim_end_matches('0'))
    }
}

/// Why a text is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// Outside of what a price can hold.
    #[error("too large for a price")]
    TooLarge,
}

impl std::str::FromStr for PicoDollars {
    type Err = PriceError;

    /// Reads dollars as a decimal text, exponent allowed (`2.5e-06`), without passing through a float.
    /// Digits beyond a pico-dollar are rounded half up.
    fn from_str(text: &str) -> Result<Self, PriceError> {
        let text = text.trim();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (
                mantissa,
                exponent
                    .parse::<i32>()
                    .map_err(|_e| PriceError::NotANumber)?,
            ),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(PriceError::NotANumber);
        }
        let mut digits: i128 = 0;
        for byte in whole
            .bytes()
            .chain(fraction.bytes())
            .filter(|byte| *byte != b'_')
        {
            if !byte.is_ascii_digit() {
                return Err(PriceError::NotANumber);
            }
            let digit = i128::from(byte.saturating_sub(b'0'));
            digits = digits
                .checked_mul(10)
                .and_then(|shifted| shifted.checked_add(digit))
                .ok_or(PriceError::TooLarge)?;
        }
        let places = i32::try_from(fraction.len()).map_err(|_e| PriceError::TooLarge)?;
        let shift = exponent.saturating_sub(places).saturating_add(12);
        let size = scale(digits, shift).ok_or(PriceError::TooLarge)?;
        let signed = if negative {
            size.saturating_neg()
        } else {
            size
        };
        i64::try_from(signed)
            .map(PicoDollars)
            .map_err(|_e| PriceError::TooLarge)
    }
}

/// `digits × 10^shift`, rounded half up; `None` when it does not fit.
fn scale(digits: i128, shift: i32) -> Option<i128> {
    if digits == 0 {
        return Some(0);
    }
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return digits.checked_mul(power?);
    }
    let Some(power) = power else { return Some(0) };
    Some(digits.saturating_add(power.div_euclid(2)).div_euclid(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_exactly() {
        let pico = |text: &str| text.parse::<PicoDollars>().map(|price| price.0);
        assert_eq!(pico("2.5e-06"), Ok(2_500_000));
        assert_eq!(pico("1.5e-7"), Ok(150_000));
        assert_eq!(pico("0.00000015"), Ok(150_000));
        assert_eq!(pico("7.5E-9"), Ok(7_500));
        assert_eq!(pico("0"), Ok(0));
        assert_eq!(pico("0.0"), Ok(0));
        assert_eq!(pico("3"), Ok(3_000_000_000_000));
        assert_eq!(pico("1e-13"), Ok(0));
        assert_eq!(pico("6e-13"), Ok(1));
        assert_eq!(pico("abc"), Err(PriceError::NotANumber));
        assert_eq!(pico("."), Err(PriceError::NotANumber));
        assert_eq!(pico("1e30"), Err(PriceError::TooLarge));
    }

    #[test]
    fn a_sum_is_rounded_once() {
        let price = PicoDollars(150_000);
        assert_eq!(PicoSum::default().plus(1, price).round(), NanoDollars(150));
        assert_eq!(
            PicoSum::default().plus(3, PicoDollars(333)).round(),
            NanoDollars(1)
        );
        assert_eq!(
            PicoSum::default().plus(1, PicoDollars(499)).round(),
            NanoDollars(0)
        );
    }

    #[test]
    fn amounts_are_shown_exactly() {
        assert_eq!(NanoDollars(1_234_500_000).to_string(), "1.2345");
        assert_eq!(NanoDollars(-12_345).to_string(), "-0.000012345");
        assert_eq!(NanoDollars(4_000_000_000).to_string(), "4");
    }
}
