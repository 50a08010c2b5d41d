//! JSON strings as Jackson writes them for Connect.

const HEX: [u8; 16] = *b"0123456789ABCDEF";

/// What has to be done about a byte: 0 nothing, `u` an escape by code, `s` the lead of a supplementary
/// character, else the letter of a short escape.
#[expect(
    clippy::indexing_slicing,
    reason = "const evaluation: an index out of bounds does not compile"
)]
const ESCAPE: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte {
            0x08 => b'b',
            0x09 => b't',
            0x0A => b'n',
            0x0C => b'f',
            0x0D => b'r',
            0..0x20 => b'u',
            0x22 => b'"',
            0x5C => b'\\',
            0xF0..=0xF4 => b's',
            _ => 0,
        };
        byte += 1;
    }
    table
};

fn escape_of(byte: u8) -> u8 {
    ESCAPE.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Appends a JSON string: C0 as `\u001F` in capitals, supplementary characters as escaped surrogates, all else raw.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = find_special(rest.as_bytes()) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            write_escaped(c, out);
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Where the first byte is that cannot be copied as it is: eight bytes at a time.
fn find_special(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let chunk = chunks.iter().position(|chunk| has_special(u64::from_le_bytes(*chunk)));
    let (start, tail) = match chunk {
        Some(chunk) => (chunk * 8, bytes.get(chunk * 8..).unwrap_or_default()),
        None => (bytes.len() - rest.len(), rest),
    };
    tail.iter().position(|byte| escape_of(*byte) != 0).map(|at| start + at)
}

/// Whether one of eight bytes is below 0x20, a quote, a backslash, or the lead of a supplementary character.
const fn has_special(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5C);
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let equal = (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    // The upper four bits of a byte are all set.
    let lead = word & (word << 1) & (word << 2) & (word << 3);
    (low | equal | lead) & HIGH != 0
}

fn write_escaped(c: char, out: &mut Vec<u8>) {
    match u8::try_from(c).map(escape_of) {
        Ok(letter) if letter != b'u' => out.extend_from_slice(&[b'\\', letter]),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let digit = |shift: u32| {
                    HEX.get(usize::from(*unit >> shift & 0xF)).copied().unwrap_or(b'0')
                };
                out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_special_exactly_where_a_byte_is() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = *b"abcdefgh";
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
                assert_eq!(
                    has_special(u64::from_le_bytes(bytes)),
                    escape_of(byte) != 0 || byte > 0xF4,
                    "{byte:#x}"
                );
            }
        }
    }

    #[test]
    fn escapes_as_jackson_does() {
        let cases = [
            ("", r#""""#),
            ("plain é \u{2028}/<\u{7f}", "\"plain é \u{2028}/<\u{7f}\""),
            ("\"\\\u{8}\u{c}\n\r\t", r#""\"\\\b\f\n\r\t""#),
            ("\u{1f}\u{0}", r#""\u001F\u0000""#),
            ("a😀b", r#""a\uD83D\uDE00b""#),
            (
                "twelve bytes\"and more\tthan that, кириллица 中文",
                "\"twelve bytes\\\"and more\\tthan that, кириллица 中文\"",
            ),
        ];
        for (text, json) in cases {
            let mut out = Vec::new();
            write_string(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), json);
        }
    }
}
