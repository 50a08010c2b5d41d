//! Integers, floats and booleans.

use super::{ConvertError, Result};

/// Parses an integer: an optional sign and digits, nothing else.
///
/// # Errors
/// If the text is anything else, or does not fit.
pub(super) fn parse_integer<T: TryFrom<i64>>(text: &[u8], what: &'static str) -> Result<T> {
    parse_i64(text).and_then(|value| T::try_from(value).ok()).ok_or(ConvertError::new(what))
}

fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    // Counted downwards: the most negative number has no positive twin.
    let mut value = 0_i64;
    if digits.len() < 19 {
        for digit in digits {
            let digit = digit.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 - i64::from(digit);
        }
    } else {
        for digit in digits {
            let digit = digit.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
        }
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Parses a bool: `t` or `f`.
pub(super) fn parse_bool(text: &[u8]) -> Result<bool> {
    match text {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(ConvertError::new("a bool")),
    }
}

/// Parses a float4; `NaN` and `Infinity` as Postgres writes them.
pub(super) fn parse_f32(text: &[u8]) -> Result<f32> {
    ascii(text).and_then(|text| text.parse().ok()).ok_or(ConvertError::new("a float4"))
}

/// Parses a float8; `NaN` and `Infinity` as Postgres writes them.
pub(super) fn parse_f64(text: &[u8]) -> Result<f64> {
    ascii(text).and_then(|text| text.parse().ok()).ok_or(ConvertError::new("a float8"))
}

fn ascii(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}

/// `Double.toString` of Java: at least one digit on either side of the point, an exponent outside of
/// 10⁻³ to 10⁷.
pub(super) fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn integer_round_trips(value in any::<i64>()) {
            prop_assert_eq!(parse_integer::<i64>(value.to_string().as_bytes(), "an int8"), Ok(value));
            let narrow = i32::try_from(value).map_err(|_out_of_range| ConvertError::new("an int4"));
            prop_assert_eq!(parse_integer::<i32>(value.to_string().as_bytes(), "an int4"), narrow);
        }

        #[test]
        fn arbitrary_bytes_parse_as_the_standard_library_does(text in any::<Vec<u8>>()) {
            let expected = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<i64>().ok());
            if text.first() != Some(&b'+') && text.len() < 19 {
                prop_assert_eq!(parse_integer::<i64>(&text, "an int8").ok(), expected);
            }
        }
    }

    #[test]
    fn limits_fit_and_their_neighbours_do_not() {
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_i64(b"9223372036854775808"), None);
        assert_eq!(parse_i64(b"-9223372036854775809"), None);
        assert_eq!(parse_i64(b"-"), None);
        assert_eq!(parse_i64(b""), None);
    }

    #[test]
    fn double_is_written_as_java_does() {
        for (value, text) in
            [(1.0, "1.0"), (-0.0, "-0.0"), (1e7, "1.0E7"), (1.5e-4, "1.5E-4"), (0.001, "0.001")]
        {
            assert_eq!(java_double(value), text);
        }
    }
}
