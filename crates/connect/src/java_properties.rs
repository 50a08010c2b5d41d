//! Java's `.properties` text, as `java.util.Properties.load` reads it.

use std::iter::Peekable;
use std::str::Chars;

/// The file is not of that form; says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: malformed \\uXXXX escape")]
pub struct PropertiesError {
    line: usize,
}

/// Keys and values in the order of the file; a key given twice keeps its last value.
///
/// # Errors
/// An escape is broken.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, PropertiesError> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let text = text.replace("\r\n", "\n");
    let mut lines = text.split(['\n', '\r']).enumerate();
    while let Some((number, line)) = lines.next() {
        let mut logical = line.trim_start_matches([' ', '\t', '\x0C']).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while continues(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches([' ', '\t', '\x0C'])),
                None => break,
            }
        }
        let (key, value) = entry(&logical).ok_or(PropertiesError { line: number + 1 })?;
        match entries.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => entries.push((key, value)),
        }
    }
    Ok(entries)
}

/// An odd number of backslashes at the end joins the next line.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

fn entry(line: &str) -> Option<(String, String)> {
    let mut chars = line.chars().peekable();
    let key = unescape(&mut chars, |c| matches!(c, '=' | ':' | ' ' | '\t' | '\x0C'))?;
    let blank = |c: &char| matches!(c, ' ' | '\t' | '\x0C');
    while chars.next_if(blank).is_some() {}
    if chars.next_if(|c| matches!(c, '=' | ':')).is_some() {
        while chars.next_if(blank).is_some() {}
    }
    let value = unescape(&mut chars, |_| false)?;
    Some((key, value))
}

fn unescape(chars: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> Option<String> {
    let mut units: Vec<u16> = Vec::new();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next_if(|c| !ends(*c)) {
        let c = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                    units.push(u16::from_str_radix(plain.then_some(&digits)?, 16).ok()?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0C',
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend_from_slice(c.encode_utf16(&mut buffer));
    }
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (String, String) {
        parse(line).unwrap().remove(0)
    }

    #[test]
    fn reads_what_java_reads() {
        for (line, key, value) in [
            ("a=b", "a", "b"),
            ("  a = b ", "a", "b "),
            ("a:b=c", "a", "b=c"),
            ("a b", "a", "b"),
            ("a", "a", ""),
            ("a\\ b = c", "a b", "c"),
            ("a\\=b=c", "a=b", "c"),
            ("k=\\u00e9\\uD83D\\uDE00", "k", "é😀"),
            ("k=tab\\tx\\\\y", "k", "tab\tx\\y"),
            ("k=one,\\\n    two", "k", "one,two"),
            ("k=one,\\\r\n    two", "k", "one,two"),
            ("k=v\\\\", "k", "v\\"),
        ] {
            assert_eq!(one(line), (key.to_owned(), value.to_owned()), "{line:?}");
        }
    }

    #[test]
    fn comments_and_blank_lines_do_not_count_and_the_last_value_stays() {
        let text = "# c\r\n! d\n\n a=1\n   # e\na=2\nb=3";
        let pairs = parse(text).unwrap();
        assert_eq!(pairs, [("a".to_owned(), "2".to_owned()), ("b".to_owned(), "3".to_owned())]);
    }

    #[test]
    fn broken_escape_names_its_line() {
        assert_eq!(
            parse("a=1\nb=\\u12G4").unwrap_err().to_string(),
            "line 2: malformed \\uXXXX escape"
        );
    }
}
