//! `numeric` and `money`: decimal text to unscaled number and scale.

use num_bigint::BigInt;

use super::{ConvertError, Result, number};
use crate::data::{Decimal, Unscaled};
use crate::emit::Emit;

const NUMERIC: ConvertError = ConvertError::new("a numeric");
const MONEY: ConvertError = ConvertError::new("a money");

/// A number as it was written: sign, digits before and after the point.
#[derive(Debug, Clone, Copy)]
struct Written<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Written<'a> {
    fn parse(text: &'a [u8]) -> Result<Self> {
        let (negative, digits) = match text.split_first() {
            Some((b'-', digits)) => (true, digits),
            _ => (false, text),
        };
        let (whole, fraction) = match memchr::memchr(b'.', digits) {
            Some(point) => {
                let (whole, rest) = digits.split_at(point);
                (whole, rest.split_first().map_or(rest, |(_point, fraction)| fraction))
            }
            None => (digits, [].as_slice()),
        };
        let is_number = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        if whole.is_empty() && fraction.is_empty() || !is_number(whole) || !is_number(fraction) {
            return Err(NUMERIC);
        }
        Ok(Self { negative, whole, fraction })
    }

    /// The digits and `zeros` more as one number.
    fn unscaled(self, zeros: usize) -> Unscaled {
        let fits = self.whole.len() + self.fraction.len() + zeros <= 38;
        if fits {
            let digits = self.whole.iter().chain(self.fraction);
            let value = digits.fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
            let value = (0..zeros).fold(value, |value, _zero| value * 10);
            return Unscaled::Small(if self.negative { -value } else { value });
        }
        let mut digits = Vec::with_capacity(self.whole.len() + self.fraction.len() + zeros + 1);
        digits.extend_from_slice(self.whole);
        digits.extend_from_slice(self.fraction);
        digits.resize(digits.len() + zeros, b'0');
        let value = BigInt::parse_bytes(&digits, 10).unwrap_or_default();
        let value = if self.negative { -value } else { value };
        i128::try_from(&value).map_or(Unscaled::Big(value), Unscaled::Small)
    }
}

/// Parses a numeric at the scale of its column.
///
/// # Errors
/// If it is NaN or infinite, which Connect's Decimal cannot hold; if it has more decimals than `scale`.
pub(super) fn parse_decimal(text: &[u8], scale: i32) -> Result<Decimal> {
    let written = Written::parse(text)?;
    let zeros = usize::try_from(scale)
        .ok()
        .and_then(|scale| scale.checked_sub(written.fraction.len()))
        .ok_or(ConvertError::new("a numeric of the column's scale"))?;
    Ok(Decimal { unscaled: written.unscaled(zeros), scale })
}

/// Parses a numeric at the least scale that holds it.
///
/// # Errors
/// If it is NaN or infinite.
pub(super) fn parse_stripped(text: &[u8]) -> Result<Decimal> {
    let mut written = Written::parse(text)?;
    while let Some((b'0', rest)) = written.fraction.split_last() {
        written.fraction = rest;
    }
    let scale = i32::try_from(written.fraction.len()).map_err(|_too_long| NUMERIC)?;
    Ok(Decimal { unscaled: written.unscaled(0), scale })
}

/// Emits a `VariableScaleDecimal` at the least scale that holds the number.
pub(super) fn emit_variable<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let decimal = parse_stripped(text)?;
    out.begin_struct();
    out.field(0);
    out.int32(decimal.scale);
    out.field(1);
    with_signed_bytes(&decimal.unscaled, |bytes| out.bytes(bytes));
    out.end_struct();
    Ok(())
}

/// The nearest double; infinite beyond the range of doubles, as in Java.
pub(super) fn parse_double(text: &[u8]) -> Result<f64> {
    plain_text(text)?;
    number::parse_f64(text).map_err(|_not_a_double| NUMERIC)
}

/// A numeric's text in `decimal.handling.mode=string`: as Postgres writes it, which is without exponent;
/// what is no number has Debezium's name (`SpecialValueDecimal`).
pub(super) fn plain_text(text: &[u8]) -> Result<&str> {
    match text {
        b"NaN" => Ok("NAN"),
        b"Infinity" => Ok("POSITIVE_INFINITY"),
        b"-Infinity" => Ok("NEGATIVE_INFINITY"),
        _ => {
            Written::parse(text)?;
            std::str::from_utf8(text).map_err(|_not_text| NUMERIC)
        }
    }
}

/// Big-endian two's complement in as few bytes as hold it, as `BigInteger.toByteArray` gives.
fn with_signed_bytes<R>(unscaled: &Unscaled, use_bytes: impl FnOnce(&[u8]) -> R) -> R {
    match unscaled {
        Unscaled::Small(value) => {
            let bytes = value.to_be_bytes();
            let sign_bits = if *value < 0 { value.leading_ones() } else { value.leading_zeros() };
            // The last sign bit must stay.
            let spare = usize::try_from(sign_bits.saturating_sub(1) / 8).unwrap_or_default();
            use_bytes(bytes.get(spare..).unwrap_or(&bytes))
        }
        Unscaled::Big(value) => use_bytes(&value.to_signed_bytes_be()),
    }
}

/// Parses a money as it is written in a locale with a decimal point: `$1,234.50`, `-$0.99`. Its own scale.
pub(super) fn parse_money(text: &[u8]) -> Result<Decimal> {
    let negative = matches!(text.first(), Some(b'-' | b'('));
    let (mut value, mut scale, mut digits) = (0_i128, None, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10).ok_or(MONEY)? + i128::from(byte - b'0');
                scale = scale.map(|scale: i32| scale + 1);
                digits += 1;
            }
            b'.' if scale.is_none() => scale = Some(0),
            b'.' => return Err(MONEY),
            _ => {}
        }
    }
    if digits == 0 || digits > 30 {
        return Err(MONEY);
    }
    let value = if negative { -value } else { value };
    Ok(Decimal { unscaled: Unscaled::Small(value), scale: scale.unwrap_or(0) })
}

/// A money at another scale, half rounded away from zero.
pub(super) fn rescale_money(money: &Decimal, scale: i32) -> Result<Decimal> {
    let Unscaled::Small(value) = money.unscaled else { return Err(MONEY) };
    let power = |exponent: i32| 10_i128.checked_pow(exponent.unsigned_abs()).ok_or(MONEY);
    let unscaled = if scale >= money.scale {
        value.checked_mul(power(scale - money.scale)?).ok_or(MONEY)?
    } else {
        let divisor = power(money.scale - scale)?;
        let (quotient, remainder) = (value / divisor, value % divisor);
        if remainder.abs() * 2 >= divisor { quotient + remainder.signum() } else { quotient }
    };
    Ok(Decimal { unscaled: Unscaled::Small(unscaled), scale })
}

/// A money without exponent, all its decimals shown.
pub(super) fn money_text(money: &Decimal) -> Result<String> {
    let Unscaled::Small(value) = money.unscaled else { return Err(MONEY) };
    Ok(plain_string(value, money.scale))
}

/// `BigDecimal.toPlainString` for a scale that is not negative.
pub(super) fn plain_string(unscaled: i128, scale: i32) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let scale = usize::try_from(scale).unwrap_or_default();
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    match digits.split_at_checked(digits.len() - scale) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn big(unscaled: &Unscaled) -> BigInt {
        match unscaled {
            Unscaled::Small(value) => BigInt::from(*value),
            Unscaled::Big(value) => value.clone(),
        }
    }

    proptest! {
        #[test]
        fn decimal_equals_the_same_digits_as_a_big_integer(
            negative in any::<bool>(), whole in "[0-9]{1,60}", fraction in "[0-9]{0,40}", more in 0_usize..30,
        ) {
            let sign = if negative { "-" } else { "" };
            let text = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
            let scale = i32::try_from(fraction.len() + more).unwrap();
            let expected: BigInt = format!("{sign}{whole}{fraction}{}", "0".repeat(more)).parse().unwrap();
            let decimal = parse_decimal(text.as_bytes(), scale).unwrap();
            prop_assert_eq!(big(&decimal.unscaled), expected);
            // One form per number, so that equal decimals compare equal.
            prop_assert_eq!(matches!(decimal.unscaled, Unscaled::Big(_)), i128::try_from(big(&decimal.unscaled)).is_err());
            let stripped = parse_stripped(text.as_bytes()).unwrap();
            let difference = u32::try_from(decimal.scale - stripped.scale).unwrap();
            prop_assert_eq!(big(&stripped.unscaled) * BigInt::from(10).pow(difference), big(&decimal.unscaled));
        }

        #[test]
        fn signed_bytes_are_those_of_a_big_integer(value in any::<i128>(), shift in 0_u32..127) {
            let value = value >> shift;
            let bytes = with_signed_bytes(&Unscaled::Small(value), <[u8]>::to_vec);
            prop_assert_eq!(bytes, BigInt::from(value).to_signed_bytes_be());
        }

        #[test]
        fn plain_string_parses_back(value in any::<i64>(), scale in 0_i32..25) {
            let text = plain_string(i128::from(value), scale);
            prop_assert_eq!(parse_decimal(text.as_bytes(), scale).unwrap().unscaled, Unscaled::Small(i128::from(value)));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text in any::<Vec<u8>>(), scale in any::<i16>()) {
            let results = (parse_decimal(&text, i32::from(scale)), parse_stripped(&text), parse_money(&text));
            prop_assert!(results.0.is_err() || results.1.is_ok());
        }
    }

    #[test]
    fn special_values_have_no_decimal() {
        for text in ["NaN", "Infinity", "-Infinity", "", "-", ".", "1.2.3", "1e5"] {
            assert!(parse_decimal(text.as_bytes(), 40).is_err(), "{text}");
        }
    }

    #[test]
    fn more_decimals_than_the_scale_are_refused() {
        assert!(parse_decimal(b"3.14159", 2).is_err());
    }

    #[test]
    fn money_rounds_half_away_from_zero() {
        for (text, scale, unscaled) in
            [("$1.25", 1, 13), ("-$1.25", 1, -13), ("$1.24", 1, 12), ("$0.50", 0, 1)]
        {
            let money = rescale_money(&parse_money(text.as_bytes()).unwrap(), scale).unwrap();
            assert_eq!(money.unscaled, Unscaled::Small(unscaled), "{text}");
        }
    }
}
