//! A record as one line for a person: topic, what happened, key, before → after.

use std::fmt;

use serde_json::{Map, Value};

use crate::kafka::Record;

/// What a record says, as far as it can be understood.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    record: &'a Record,
    event: Option<Value>,
}

impl<'a> Change<'a> {
    /// Understands `record`.
    pub(crate) fn of(record: &'a Record) -> Self {
        let parsed = record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
        // With schemas, the event is the payload.
        let event = parsed.map(|value: Value| match value.get("payload") {
            Some(payload) if value.get("schema").is_some() => payload.clone(),
            _ => value,
        });
        Self { record, event }
    }

    /// The envelope's `op` in words; a record that is none says what it is instead.
    pub(crate) fn op(&self) -> &str {
        match (&self.record.value, self.text("op")) {
            (None, _) => "tombstone",
            (_, Some("c")) => "insert",
            (_, Some("r")) => "snapshot",
            (_, Some("u")) => "update",
            (_, Some("d")) => "delete",
            (_, Some("t")) => "truncate",
            (_, Some("m")) => "message",
            _ => "record",
        }
    }

    /// The key as it stands in the topic.
    pub(crate) fn key(&self) -> String {
        self.record.key.as_deref().map_or("null".to_owned(), lossy)
    }

    /// The row after the change.
    pub(crate) fn after(&self) -> Option<&Map<String, Value>> {
        self.row("after")
    }

    /// Milliseconds from the commit in Postgres to the record's time in Kafka.
    fn delay_ms(&self) -> Option<i64> {
        let committed = self.event.as_ref()?.get("source")?.get("ts_ms")?.as_i64()?;
        Some(self.record.timestamp_ms - committed)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.event.as_ref()?.get(name)?.as_str()
    }

    fn row(&self, name: &str) -> Option<&Map<String, Value>> {
        self.event.as_ref()?.get(name)?.as_object()
    }

    fn story(&self) -> String {
        match (self.op(), self.row("before"), self.after()) {
            ("tombstone", ..) => "(null)".to_owned(),
            ("record", ..) => self.record.value.as_deref().map_or_else(String::new, lossy),
            ("update", None, Some(after)) => format!("(key only) → {}", fields(after)),
            ("update", Some(before), Some(after)) => {
                format!("{} → {}", fields(before), fields(after))
            }
            ("delete", Some(before), _) => format!("{} → gone", fields(before)),
            (_, _, Some(after)) => format!("→ {}", fields(after)),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, op) = (&self.record.topic, self.op());
        write!(f, "{topic:<24} {op:<9} {:<9} {}", self.key(), self.story())?;
        match self.delay_ms() {
            Some(delay) => write!(f, "   [{delay} ms]"),
            None => Ok(()),
        }
    }
}

/// Fields that have a value; a deleted row of default replica identity has a key and nulls.
fn fields(row: &Map<String, Value>) -> String {
    let with_value = row.iter().filter(|(_, value)| !value.is_null());
    with_value.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Change;
    use crate::kafka::Record;

    fn line(value: Option<&str>) -> String {
        let record = Record {
            topic: "shop.public.orders".to_owned(),
            timestamp_ms: 1_007,
            key: Some(br#"{"id":1}"#.to_vec()),
            value: value.map(|text| text.as_bytes().to_vec()),
        };
        Change::of(&record).to_string()
    }

    #[test]
    fn update_shows_both_rows_and_the_delay() {
        let value =
            r#"{"before":{"id":1,"n":2},"after":{"id":1,"n":3},"source":{"ts_ms":1000},"op":"u"}"#;
        let line = line(Some(value));
        assert!(line.contains(r#"update    {"id":1}  id=1 n=2 → id=1 n=3   [7 ms]"#), "{line}");
    }

    #[test]
    fn schema_around_the_event_changes_nothing() {
        let bare = r#"{"before":{"id":1,"n":null},"after":null,"op":"d"}"#;
        let wrapped = format!(r#"{{"schema":{{}},"payload":{bare}}}"#);
        assert_eq!(line(Some(bare)), line(Some(&wrapped)));
        assert!(line(Some(bare)).contains("id=1 → gone"));
    }

    #[test]
    fn null_value_is_a_tombstone() {
        assert!(line(None).contains("tombstone"));
    }
}
