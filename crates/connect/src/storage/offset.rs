//! The offset topic: source offsets by exact key bytes, `["<connector>",{<partition>}]`.

mod order;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::json::render;
use super::log::{Copy, Log, LogError, Malformed, Record};
use crate::connector::OffsetError;

/// The key under which Connect looks up: other bytes for the same partition are another offset.
fn key_bytes(connector: &str, partition: &Map<String, Value>) -> Vec<u8> {
    render(&(connector, partition))
}

/// One offset of a connector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceOffset {
    /// The bytes of its key as they are in the topic.
    pub(crate) key: Vec<u8>,
    pub(crate) partition: Map<String, Value>,
    pub(crate) offset: Value,
}

/// What a key says, if it is of Connect's shape.
fn parse_key(key: &[u8]) -> Result<(String, Map<String, Value>), Malformed> {
    serde_json::from_slice(key)
        .map_err(|_error| Malformed("key is not [name, partition]".to_owned()))
}

/// By key bytes, the value bytes: parsed when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct OffsetCopy {
    values: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

impl Copy for OffsetCopy {
    fn apply(&self, record: Record<'_>) -> Result<(), Malformed> {
        let Some(key) = record.key else {
            return Err(Malformed("no key".to_owned()));
        };
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match record.value {
            Some(value) => drop(values.insert(key.to_vec(), value.to_vec())),
            None => drop(values.remove(key)),
        }
        drop(values);
        parse_key(key)?;
        match record.value.map(parse_value) {
            Some(Err(_error)) => Err(Malformed("value is not a JSON object".to_owned())),
            _ => Ok(()),
        }
    }
}

fn parse_value(value: &[u8]) -> Result<Option<Map<String, Value>>, serde_json::Error> {
    serde_json::from_slice(value)
}

impl OffsetCopy {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Every offset of `connector` that can be read, in Connect's order.
    fn of(&self, connector: &str) -> Vec<SourceOffset> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offsets: Vec<SourceOffset> = values
            .iter()
            .filter_map(|(key, value)| {
                let (name, partition) = parse_key(key).ok()?;
                let offset = serde_json::from_slice(value).ok()?;
                (name == connector).then(|| SourceOffset { key: key.clone(), partition, offset })
            })
            .collect();
        offsets.sort_by(|left, right| left.key.cmp(&right.key));
        order::sort(&mut offsets);
        offsets
    }
}

/// The offset topic.
#[derive(Debug)]
pub(crate) struct OffsetStorage {
    copy: Arc<OffsetCopy>,
    log: Log,
}

impl OffsetStorage {
    pub(crate) fn new(copy: Arc<OffsetCopy>, log: Log) -> Self {
        Self { copy, log }
    }

    /// The offset of one partition, after reading the topic to its end.
    pub(crate) async fn read(
        &self,
        connector: &str,
        partition: &Map<String, Value>,
    ) -> Result<Option<Map<String, Value>>, OffsetError> {
        self.log.read_to_end().await.map_err(|error| OffsetError(error.to_string()))?;
        let key = key_bytes(connector, partition);
        let Some(value) = self.copy.get(&key) else { return Ok(None) };
        parse_value(&value).map_err(|_error| {
            let key = String::from_utf8_lossy(&key).into_owned();
            OffsetError(format!("the offset stored for {key} is not a JSON object; reset it"))
        })
    }

    /// Writes one offset, or its tombstone, and waits for the brokers.
    pub(crate) async fn write(
        &self,
        connector: &str,
        partition: Map<String, Value>,
        offset: Option<Map<String, Value>>,
    ) -> Result<(), OffsetError> {
        let key = key_bytes(connector, &partition);
        let value = offset.map(|offset| render(&offset));
        let sent = self.log.send(&key, value.as_deref()).await;
        sent.map(drop).map_err(|error| OffsetError(error.to_string()))
    }

    /// Every offset of `connector`, after reading the topic to its end.
    pub(crate) async fn list(&self, connector: &str) -> Result<Vec<SourceOffset>, LogError> {
        self.log.read_to_end().await?;
        Ok(self.copy.of(connector))
    }

    /// Writes offsets (none: tombstones) and reads them back. A partition that is stored already keeps the bytes
    /// of its key.
    pub(crate) async fn alter(
        &self,
        connector: &str,
        offsets: Vec<(Value, Option<Value>)>,
    ) -> Result<(), LogError> {
        let known = self.list(connector).await?;
        for (partition, offset) in offsets {
            let same =
                known.iter().find(|known| Value::Object(known.partition.clone()) == partition);
            let key =
                same.map_or_else(|| render(&(connector, &partition)), |known| known.key.clone());
            let value = offset.map(|offset| render(&offset));
            self.log.write(&key, value.as_deref()).await?;
        }
        Ok(())
    }

    /// Writes a tombstone for every offset of `connector` and reads them back.
    pub(crate) async fn reset(&self, connector: &str) -> Result<(), LogError> {
        for known in self.list(connector).await? {
            self.log.write(&known.key, None).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> Record<'a> {
        Record { key: Some(key), value, partition: 0, offset: 0, live: false }
    }

    #[test]
    fn the_key_has_connects_bytes() {
        let partition = serde_json::from_str(r#"{"server":"é😀"}"#).unwrap();
        let expected = "[\"a b\",{\"server\":\"é\\uD83D\\uDE00\"}]";
        assert_eq!(String::from_utf8(key_bytes("a b", &partition)).unwrap(), expected);
    }

    #[test]
    fn a_key_with_other_bytes_is_another_offset() {
        let copy = OffsetCopy::default();
        copy.apply(record(br#"["c", {"server":"s"}]"#, Some(br#"{"lsn":1}"#))).unwrap();
        let partition = serde_json::from_str(r#"{"server":"s"}"#).unwrap();
        assert_eq!(copy.get(&key_bytes("c", &partition)), None);
        assert_eq!(copy.of("c").len(), 1, "it is listed, with the bytes it has");
    }

    #[test]
    fn a_malformed_value_replaces_the_last_good_one() {
        let copy = OffsetCopy::default();
        let key = br#"["c",{"server":"s"}]"#;
        copy.apply(record(key, Some(br#"{"lsn":1}"#))).unwrap();
        copy.apply(record(key, Some(b"{"))).unwrap_err();
        assert_eq!(
            copy.get(key).as_deref(),
            Some(&b"{"[..]),
            "an old position must not come back silently"
        );
        copy.apply(record(key, None)).unwrap();
        assert_eq!(copy.get(key), None);
    }

    #[test]
    fn offsets_of_other_connectors_are_not_listed() {
        let copy = OffsetCopy::default();
        copy.apply(record(br#"["a",{"server":"s"}]"#, Some(b"{}"))).unwrap();
        copy.apply(record(br#"["ab",{"server":"s"}]"#, Some(b"{}"))).unwrap();
        copy.apply(record(b"garbage", Some(b"{}"))).unwrap_err();
        assert_eq!(copy.of("a").len(), 1);
    }
}
