//! One record as a line.

use std::io::{self, Write};

use pgoutput::Lsn;
use serde_json::{Map, Value};

use super::Operation;
use crate::report::printable;

/// A record, and the change that it comes from.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) operation: Operation,
    pub(super) topic: &'a str,
    /// `schema.table`, of a truncate all of them.
    pub(super) table: String,
    pub(super) lsn: Lsn,
    /// Commit time, in microseconds since the Unix epoch.
    pub(super) time_us: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
        }
    }

    fn color(self) -> &'static str {
        match self {
            Self::Create => "\x1b[32m",
            Self::Update => "\x1b[33m",
            Self::Delete => "\x1b[31m",
            Self::Truncate => "\x1b[35m",
        }
    }
}

impl Shown<'_> {
    /// For people: commit time, operation, table, LSN, key, and what is new.
    pub(super) fn text(&self, color: bool) -> String {
        let paint = |code: &str, text: &str| {
            if color { format!("{code}{text}{RESET}") } else { text.to_owned() }
        };
        let word = if self.value.is_none() { "tombstone" } else { self.operation.word() };
        let mut line = format!(
            "{}  {}  {}  {}",
            paint(DIM, &clock(self.time_us)),
            paint(self.operation.color(), &format!("{word:<9}")),
            printable(&self.table),
            paint(DIM, &self.lsn.to_string()),
        );
        if let Some(key) = self.key {
            let key = serde_json::from_slice(key)
                .map_or_else(|_| lossy(key), |json| compact(payload(&json)));
            line.extend(["  ", &printable(&key)]);
        }
        if let Some(value) = self.value {
            let text = serde_json::from_slice(value)
                .map_or_else(|_| lossy(value), |json| content(payload(&json)));
            line.extend(["  ", &printable(&text)]);
        }
        line
    }

    /// For machines: key and value are JSON already, and stay as the converter wrote them.
    pub(super) fn write_record(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{{\"topic\":{},\"key\":", Value::from(self.topic))?;
        out.write_all(self.key.unwrap_or(b"null"))?;
        out.write_all(b",\"value\":")?;
        out.write_all(self.value.unwrap_or(b"null"))?;
        out.write_all(b"}\n")
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the JSON converter wraps in a schema.
fn payload(json: &Value) -> &Value {
    match json.as_object() {
        Some(object) if object.len() == 2 && object.contains_key("schema") => {
            object.get("payload").unwrap_or(json)
        }
        _ => json,
    }
}

fn compact(json: &Value) -> String {
    json.to_string()
}

/// Of an envelope what is new: of an update with an old row the columns that differ.
fn content(json: &Value) -> String {
    let envelope = json.as_object().filter(|object| object.contains_key("op"));
    let Some(envelope) = envelope else { return compact(json) };
    let row = |side: &str| envelope.get(side).and_then(Value::as_object);
    match (row("before"), row("after")) {
        (Some(before), Some(after)) => changed(before, after),
        (None, Some(row)) | (Some(row), None) => columns(row),
        (None, None) => String::new(),
    }
}

fn columns(row: &Map<String, Value>) -> String {
    let shown: Vec<String> = row.iter().map(|(name, value)| format!("{name}={value}")).collect();
    shown.join(" ")
}

fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let differing = after.iter().filter_map(|(name, new)| {
        let old = before.get(name).unwrap_or(&Value::Null);
        (old != new).then(|| format!("{name}={old}→{new}"))
    });
    let shown: Vec<String> = differing.collect();
    if shown.is_empty() { "(no column differs)".to_owned() } else { shown.join(" ") }
}

/// `HH:MM:SS.mmm`, in UTC.
fn clock(time_us: i64) -> String {
    let millis = time_us.div_euclid(1000).rem_euclid(86_400_000);
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'a>(key: Option<&'a str>, value: Option<&'a str>) -> Shown<'a> {
        Shown {
            operation: Operation::Update,
            topic: "p.public.a",
            table: "public.a".to_owned(),
            lsn: Lsn::new(0x1_0000_00AB),
            time_us: 1_700_000_000_123_456,
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
        }
    }

    #[test]
    fn update_shows_what_differs() {
        let value = r#"{"before":{"id":1,"a":"x","b":2},"after":{"id":1,"a":"y","b":2},"source":{},"op":"u"}"#;
        assert_eq!(
            shown(Some(r#"{"id":1}"#), Some(value)).text(false),
            "22:13:20.123  update     public.a  1/AB  {\"id\":1}  a=\"x\"→\"y\""
        );
    }

    #[test]
    fn schemas_are_left_out_and_flat_records_shown_whole() {
        let value =
            r#"{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1},"op":"c"}}"#;
        let line = shown(Some(r#"{"schema":{},"payload":{"id":1}}"#), Some(value)).text(false);
        assert!(line.ends_with("{\"id\":1}  id=1"), "{line}");
        let line = shown(None, Some(r#"{"id":1,"__deleted":"false"}"#)).text(false);
        assert!(line.ends_with(r#"{"id":1,"__deleted":"false"}"#), "{line}");
        assert!(shown(None, None).text(false).contains("tombstone"));
    }

    #[test]
    fn values_cannot_steer_the_terminal() {
        let line = shown(None, Some("\u{9b}31m\u{7f}")).text(false);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }

    #[test]
    fn record_keeps_the_converters_bytes() {
        let mut out = Vec::new();
        shown(Some("{ \"id\":1}"), None).write_record(&mut out).unwrap();
        assert_eq!(out, b"{\"topic\":\"p.public.a\",\"key\":{ \"id\":1},\"value\":null}\n");
    }
}
