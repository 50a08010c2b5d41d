//! JSON text as Jackson writes it: supplementary characters as escaped surrogate pairs, upper-case hex digits.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

struct Jackson;

impl Formatter for Jackson {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        let mut bytes = [0; 4];
        for letter in fragment.chars() {
            if letter > '\u{ffff}' {
                for unit in letter.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04X}")?;
                }
            } else {
                writer.write_all(letter.encode_utf8(&mut bytes).as_bytes())?;
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"\\/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04X}"),
        }
    }
}

/// `value` as Jackson writes it, without blanks.
pub(crate) fn render(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, Jackson));
    // Writing to memory cannot fail, and no type here has keys other than text.
    debug_assert!(written.is_ok());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_like_jackson() {
        let text = "é😀\u{1}\u{1f}\u{7f}\u{2028}/<\"\\\n";
        let expected = "\"é\\uD83D\\uDE00\\u0001\\u001F\u{7f}\u{2028}/<\\\"\\\\\\n\"";
        assert_eq!(String::from_utf8(render(&text)).unwrap(), expected);
    }
}
