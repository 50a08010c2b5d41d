//! `hstore`, as JSON text or as a map, in the order of Java's `HashMap`.

use super::{ConvertError, Result};
use crate::emit::Emit;

const HSTORE: ConvertError = ConvertError::new("an hstore");

/// A key and its value.
type Entry = (String, Option<String>);

/// Emits JSON text: the map as Jackson writes it.
pub(super) fn emit_json<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    out.string(&json(&parse(text)?));
    Ok(())
}

/// Emits a map of text to text or null.
pub(super) fn emit_map<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let entries = parse(text)?;
    out.begin_map(entries.len());
    for (key, value) in &entries {
        out.map_key();
        out.string(key);
        out.map_value();
        match value {
            Some(value) => out.string(value),
            None => out.null(),
        }
    }
    out.end_map();
    Ok(())
}

/// The JSON object of the entries, in their order.
pub(super) fn json(entries: &[Entry]) -> String {
    let mut json = String::from("{");
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_quoted(key, &mut json);
        json.push(':');
        match value {
            Some(value) => push_quoted(value, &mut json),
            None => json.push_str("null"),
        }
    }
    json.push('}');
    json
}

/// A JSON string as Jackson escapes it: hexadecimal digits in upper case, nothing beyond ASCII.
fn push_quoted(text: &str, json: &mut String) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04X}", u32::from(char))),
            _ => json.push(char),
        }
    }
    json.push('"');
}

/// Parses `"key"=>"value", "key"=>NULL` into the order of Java's `HashMap`.
fn parse(text: &[u8]) -> Result<Vec<Entry>> {
    let text = std::str::from_utf8(text).map_err(|_not_text| HSTORE)?;
    let mut entries = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after_key) = quoted(rest).ok_or(HSTORE)?;
        let after_key = after_key.strip_prefix("=>").ok_or(HSTORE)?;
        let (value, after) = match after_key.strip_prefix("NULL") {
            Some(after) => (None, after),
            None => quoted(after_key).map(|(value, after)| (Some(value), after)).ok_or(HSTORE)?,
        };
        entries.push((key, value));
        rest = match after.strip_prefix(", ") {
            Some(next) if !next.is_empty() => next,
            None if after.is_empty() => after,
            _ => return Err(HSTORE),
        };
    }
    order_as_java(&mut entries);
    Ok(entries)
}

/// Reads a quoted text from the start: what it says, and what is after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut plain = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((plain, chars.as_str())),
            '\\' => plain.push(chars.next()?),
            char => plain.push(char),
        }
    }
}

/// Orders entries as iterating over a `HashMap` does into which they were put one by one: by bucket, then
/// by insertion. The table doubles from 16 whenever it is more than three quarters full. (A bucket of eight
/// or more collisions becomes a tree there, which may put its root first; no ordinary keys do that.)
fn order_as_java(entries: &mut [Entry]) {
    let mut buckets = 16_usize;
    while entries.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    let mask = u32::try_from(buckets - 1).unwrap_or(u32::MAX);
    entries.sort_by_key(|(key, _value)| {
        let hash = java_hash(key);
        (hash ^ hash >> 16) & mask
    });
}

/// `String.hashCode` of Java, over UTF-16 units.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn entry_round_trips(key in any::<String>(), value in any::<String>()) {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("\"{}\"=>\"{}\"", escape(&key), escape(&value));
            prop_assert_eq!(parse(text.as_bytes()), Ok(vec![(key.clone(), Some(value.clone()))]));
            let json: serde_json::Value = serde_json::from_str(&json(&[(key.clone(), Some(value.clone()))])).unwrap();
            prop_assert_eq!(json.get(&key).and_then(serde_json::Value::as_str), Some(value.as_str()));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text in any::<Vec<u8>>()) {
            prop_assert_eq!(parse(&text).is_err(), parse(&text).map(|entries| json(&entries)).is_err());
        }
    }

    #[test]
    fn hash_is_that_of_java() {
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("🦀"), 1_772_802);
    }

    #[test]
    fn malformed_hstore_is_refused() {
        for text in
            ["a", "\"a\"", "\"a\"=>", "\"a\"=>\"b\",", "\"a\"=>\"b\", ", "\"a\"=>\"b\"\"c\"=>\"d\""]
        {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
