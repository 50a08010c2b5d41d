//! The order in which Connect lists offsets: that of the Java maps which they pass through
//! (`OffsetStorageReaderImpl.offsets`, `KafkaOffsetBackingStore.get` of Kafka 4.3).

use serde_json::Value;
use sink::java_map::{sort_as_map, text_hash};

use super::SourceOffset;

/// A map that Java makes without a capacity.
const DEFAULT: usize = 16;

/// Sorts the offsets of one connector.
pub(super) fn sort(offsets: &mut [SourceOffset]) {
    let count = offsets.len();
    let partition = |known: &SourceOffset| {
        known
            .partition
            .iter()
            .fold(0, |sum: u32, (name, value)| sum.wrapping_add(entry(name, value)))
    };
    let key = |known: &SourceOffset| buffer(&known.key);
    // Partitions of the connector, their keys, what the store answers, its copy, and that by partition.
    sort_as_map(offsets, DEFAULT, partition);
    sort_as_map(offsets, count, key);
    sort_as_map(offsets, DEFAULT, key);
    sort_as_map(offsets, count * 4 / 3 + 1, key);
    sort_as_map(offsets, count, partition);
}

fn entry(name: &str, value: &Value) -> u32 {
    text_hash(name) ^ hash(value)
}

/// `hashCode` of what Connect's `JsonConverter` makes of a value.
fn hash(value: &Value) -> u32 {
    match value {
        Value::Null => 0,
        Value::Bool(true) => 1231,
        Value::Bool(false) => 1237,
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => fold(whole.cast_unsigned()),
            (None, Some(float)) => fold(float.to_bits()),
            (None, None) => text_hash(&number.to_string()),
        },
        Value::String(text) => text_hash(text),
        Value::Array(items) => {
            items.iter().fold(1_u32, |sum, item| sum.wrapping_mul(31).wrapping_add(hash(item)))
        }
        Value::Object(map) => {
            map.iter().fold(0, |sum, (name, value)| sum.wrapping_add(entry(name, value)))
        }
    }
}

/// `Long.hashCode` and, of its bits, `Double.hashCode`.
fn fold(bits: u64) -> u32 {
    let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]) ^ u32::from_be_bytes([e, f, g, h])
}

/// `ByteBuffer.hashCode`.
fn buffer(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(1_u32, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(i32::from(byte.cast_signed()).cast_unsigned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(partition: &str) -> SourceOffset {
        let parsed = serde_json::from_str(partition).unwrap();
        let key = format!("[\"c\",{partition}]").into_bytes();
        SourceOffset { key, partition: parsed, offset: Value::Null }
    }

    /// Shown by Connect 4.3.0.
    #[test]
    fn partitions_are_listed_as_connect_lists_them() {
        let shown = [r#"{"srv":"x"}"#, r#"{"server":"other"}"#];
        for sent in [[0, 1], [1, 0]] {
            let mut offsets: Vec<SourceOffset> = sent.iter().map(|&at| offset(shown[at])).collect();
            sort(&mut offsets);
            assert_eq!(offsets, shown.map(offset));
        }
    }

    /// Computed by Java 17.
    #[test]
    fn hashes_are_javas() {
        for (text, expected) in [
            ("null", 0),
            ("true", 1231),
            ("1", 1),
            ("-1", 0),
            ("4294967296", 1),
            ("\"ab\"", 3105),
            ("[1,\"ab\"]", 4097),
        ] {
            assert_eq!(hash(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
        assert_eq!(buffer(b"ab"), 4096);
        assert_eq!(buffer(&[0xff]), 30);
    }
}
