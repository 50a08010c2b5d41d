//! Java's text of numbers, and base64: what several converters write alike.

mod java_float;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends `Double.toString` of the value, as Java before 19 prints it.
pub(super) fn write_f64(value: f64, out: &mut Vec<u8>) {
    if write_special(
        value.is_nan(),
        value.is_sign_negative(),
        value.is_infinite(),
        value == 0.0,
        out,
    ) {
        return;
    }
    let digits = java_float::of_f64(value.abs());
    write_digits(digits.as_bytes(), digits.point, out);
}

/// Appends `Float.toString` of the value, as Java before 19 prints it.
pub(super) fn write_f32(value: f32, out: &mut Vec<u8>) {
    if write_special(
        value.is_nan(),
        value.is_sign_negative(),
        value.is_infinite(),
        value == 0.0,
        out,
    ) {
        return;
    }
    let digits = java_float::of_f32(value.abs());
    write_digits(digits.as_bytes(), digits.point, out);
}

/// Writes the sign, and the whole text where it has no digits of its own.
fn write_special(nan: bool, negative: bool, infinite: bool, zero: bool, out: &mut Vec<u8>) -> bool {
    if nan {
        out.extend_from_slice(b"NaN");
        return true;
    }
    if negative {
        out.push(b'-');
    }
    match (infinite, zero) {
        (true, _) => out.extend_from_slice(b"Infinity"),
        (_, true) => out.extend_from_slice(b"0.0"),
        _ => return false,
    }
    true
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
            (1.175_494_4e-38, "1.17549435E-38"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    /// Captured from `Float.toString` and `Double.toString` of OpenJDK 17: type, bits in hexadecimal, text.
    #[test]
    fn digits_are_those_of_java_17() {
        for line in include_str!("text/java17.txt").lines() {
            let mut parts = line.split(' ');
            let (kind, bits, text) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
            let ours = match kind {
                Some("d") => double(f64::from_bits(u64::from_str_radix(bits, 16).unwrap())),
                Some("f") => float(f32::from_bits(u32::from_str_radix(bits, 16).unwrap())),
                _ => panic!("{line}"),
            };
            assert_eq!(ours, text, "{line}");
        }
    }

    #[test]
    fn base64_is_padded() {
        let mut out = b"x".to_vec();
        write_base64(&[0xFF, 0xFF, 0xC1, 1], &mut out);
        assert_eq!(out, b"x///BAQ==");
    }
}
