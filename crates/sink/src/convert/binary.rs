//! `bytea` in its four modes, `bit` and `varbit`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{BinaryMode, ConvertError, Result};
use crate::emit::Emit;

const BYTEA: ConvertError = ConvertError::new("a bytea in hex format");
const BITS: ConvertError = ConvertError::new("a bit string");

/// Emits the text form of a bytea, `\x…`, as `mode` asks.
///
/// # Errors
/// If it is in another format: `bytea_output=escape` is the session's, which asks for hex.
pub(super) fn emit_bytea<E: Emit>(text: &[u8], mode: BinaryMode, out: &mut E) -> Result<()> {
    let digits = text.strip_prefix(b"\\x").ok_or(BYTEA)?;
    if mode == BinaryMode::Hex {
        let is_hex = digits.len().is_multiple_of(2)
            && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let digits = std::str::from_utf8(digits).ok().filter(|_digits| is_hex).ok_or(BYTEA)?;
        out.string(digits);
        return Ok(());
    }
    emit_bytes(&decode_hex(digits).ok_or(BYTEA)?, mode, out);
    Ok(())
}

/// Emits bytes as `mode` asks.
pub(crate) fn emit_bytes<E: Emit>(bytes: &[u8], mode: BinaryMode, out: &mut E) {
    match mode {
        BinaryMode::Bytes => out.bytes(bytes),
        BinaryMode::Base64 => out.string(&STANDARD.encode(bytes)),
        BinaryMode::Base64UrlSafe => out.string(&URL_SAFE.encode(bytes)),
        BinaryMode::Hex => out.string(&encode_hex(bytes)),
    }
}

/// Decodes pairs of hexadecimal digits of either case.
pub(super) fn decode_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        bytes.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
    }
    Some(bytes)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn encode_hex(bytes: &[u8]) -> String {
    let digit = |nibble| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Parses a single bit.
pub(super) fn parse_bit(text: &[u8]) -> Result<bool> {
    match text {
        b"1" => Ok(true),
        b"0" => Ok(false),
        _ => Err(ConvertError::new("a single bit")),
    }
}

/// Emits a bit string as Debezium's `Bits`: least significant byte first, only as many bytes as the highest
/// set bit needs.
pub(super) fn emit_bits<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(8));
    for group in text.rchunks(8) {
        let byte = group.iter().try_fold(0_u8, |byte, bit| match bit {
            b'0' | b'1' => Some(byte << 1 | (bit - b'0')),
            _ => None,
        });
        bytes.push(byte.ok_or(BITS)?);
    }
    let len = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    out.bytes(bytes.get(..len).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn hex_round_trips(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(decode_hex(encode_hex(&bytes).as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn half_a_byte_is_refused() {
        assert_eq!(decode_hex(b"abc"), None);
        assert_eq!(decode_hex(b"zz"), None);
    }
}
