//! Java's text of numbers, and base64: what several converters write alike.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends `Double.toString` of the value: shortest digits that read back, at least one after the point,
/// scientific outside 10^-3 … 10^7.
pub(super) fn write_f64(value: f64, out: &mut Vec<u8>) {
    if let Some(text) = special(value.is_nan(), value.is_infinite(), value.is_sign_negative()) {
        out.extend_from_slice(text.as_bytes());
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0.0" } else { b"0.0" });
    } else if value.is_subnormal() {
        // A subnormal may have one digit only; Java then gives the two digits that are closest.
        write_scientific(
            &two_digits(ryu::Buffer::new().format_finite(value), || format!("{value:.1e}")),
            out,
        );
    } else {
        write_scientific(ryu::Buffer::new().format_finite(value), out);
    }
}

/// Appends `Float.toString` of the value.
pub(super) fn write_f32(value: f32, out: &mut Vec<u8>) {
    if let Some(text) = special(value.is_nan(), value.is_infinite(), value.is_sign_negative()) {
        out.extend_from_slice(text.as_bytes());
    } else if value == 0.0 {
        out.extend_from_slice(if value.is_sign_negative() { b"-0.0" } else { b"0.0" });
    } else if value.is_subnormal() {
        write_scientific(
            &two_digits(ryu::Buffer::new().format_finite(value), || format!("{value:.1e}")),
            out,
        );
    } else {
        write_scientific(ryu::Buffer::new().format_finite(value), out);
    }
}

const fn special(nan: bool, infinite: bool, negative: bool) -> Option<&'static str> {
    match (nan, infinite, negative) {
        (true, ..) => Some("NaN"),
        (_, true, false) => Some("Infinity"),
        (_, true, true) => Some("-Infinity"),
        _ => None,
    }
}

fn two_digits(shortest: &str, closest: impl FnOnce() -> String) -> String {
    let mantissa = shortest.split('e').next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits <= 1 || mantissa.ends_with(".0") && digits == 2 {
        closest()
    } else {
        shortest.to_owned()
    }
}

/// From any decimal text of a finite, non-zero number to Java's.
fn write_scientific(text: &str, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.push(b'-');
            rest
        }
        None => mantissa,
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // Digits without leading and trailing zeros, and where the point stands in them.
    let mut digits = [0u8; 64];
    let mut len = 0;
    let mut leading = 0i32;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if len == 0 && digit == b'0' {
            leading += 1;
        } else if let Some(slot) = digits.get_mut(len) {
            *slot = digit;
            len += 1;
        }
    }
    while len > 1 && digits.get(len - 1) == Some(&b'0') {
        len -= 1;
    }
    let digits = digits.get(..len).unwrap_or_default();
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let point = exponent + i32::try_from(whole.len()).unwrap_or(0) - leading;
    write_digits(digits, point, out);
}

/// Digits `d1 d2 …` with the value `0.d1d2… × 10^point`.
fn write_digits(digits: &[u8], point: i32, out: &mut Vec<u8>) {
    match point {
        1..=7 => {
            let whole = usize::try_from(point).unwrap_or(0);
            let split = whole.min(digits.len());
            let (head, tail) = digits.split_at_checked(split).unwrap_or((digits, &[]));
            out.extend_from_slice(head);
            out.resize(out.len() + whole - split, b'0');
            out.push(b'.');
            out.extend_from_slice(if tail.is_empty() { b"0" } else { tail });
        }
        -2..=0 => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + usize::try_from(-point).unwrap_or(0), b'0');
            out.extend_from_slice(digits);
        }
        _ => {
            let (head, tail) = digits.split_at_checked(1).unwrap_or((digits, &[]));
            out.extend_from_slice(head);
            out.push(b'.');
            out.extend_from_slice(if tail.is_empty() { b"0" } else { tail });
            out.push(b'E');
            out.extend_from_slice(itoa::Buffer::new().format(point - 1).as_bytes());
        }
    }
}

/// Appends standard base64 with padding.
pub(super) fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let target = out.get_mut(start..).unwrap_or_default();
    let written = STANDARD.encode_slice(bytes, target).unwrap_or(0);
    out.truncate(start + written);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn float(value: f32) -> String {
        let mut out = Vec::new();
        write_f32(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_print_as_java_prints_them() {
        let cases = [
            (1.0, "1.0"),
            (-0.25, "-0.25"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (123_456.789, "123456.789"),
            (1e-5, "1.0E-5"),
            (4.9e-324, "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
            (1e21, "1.0E21"),
            (100.0, "100.0"),
            (1.5e300, "1.5E300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (-0.0, "-0.0"),
            (1e16, "1.0E16"),
            (2e-323, "2.0E-323"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (9.5e-323, "9.4E-323"),
        ];
        for (value, text) in cases {
            assert_eq!(double(value), text);
        }
        for (value, text) in [
            (1e-45f32, "1.4E-45"),
            (3.4e38, "3.4E38"),
            (0.1, "0.1"),
            (1.175_494_4e-38, "1.1754944E-38"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn base64_is_padded() {
        let mut out = b"x".to_vec();
        write_base64(&[0xFF, 0xFF, 0xC1, 1], &mut out);
        assert_eq!(out, b"x///BAQ==");
    }
}
