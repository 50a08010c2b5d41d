//! Signals: what a row, a record or a line of a file asks for. Pure.
//!
//! The names are those of Debezium's `StandardActionProvider` and its actions. What is malformed is told apart from
//! what is unknown only in the log: both are ignored.

use fancy_regex::Regex;
use serde_json::{Map, Value};

/// A signal as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) id: Option<String>,
    pub(crate) kind: String,
    /// JSON; empty for none.
    pub(crate) data: String,
}

/// A signal that is understood.
#[derive(Debug)]
pub(super) enum Signal {
    /// `execute-snapshot`.
    Execute(Execute),
    /// `stop-snapshot` of these tables, or of all.
    Stop(Option<Vec<String>>),
    /// `pause-snapshot`.
    Pause,
    /// `resume-snapshot`.
    Resume,
    /// `snapshot-window-open`: ours, of that id.
    Open(String),
    /// `snapshot-window-close`: likewise.
    Close(String),
    /// `log`.
    Log(String),
    /// `schema-changes`: nothing to do, since a row's schema comes with the row.
    SchemaChanges,
}

/// What `execute-snapshot` asks for.
#[derive(Debug)]
pub(super) struct Execute {
    pub(super) id: Option<String>,
    /// Patterns over `schema.table`.
    pub(super) tables: Vec<String>,
    pub(super) is_blocking: bool,
    /// Pattern over `schema.table`, and what its rows must fulfil (incremental) or a statement to read it by (blocking).
    conditions: Vec<(String, String)>,
    pub(super) surrogate_key: Option<String>,
}

impl Execute {
    /// The condition of a table: the first whose pattern matches, in any case.
    pub(super) fn condition(&self, table: &str) -> Option<&str> {
        let matches = |pattern: &str| {
            let regex = Regex::new(&format!("(?i)^(?:{pattern})$"));
            regex.is_ok_and(|regex| regex.is_match(table).unwrap_or(false))
        };
        let found = self.conditions.iter().find(|(pattern, _)| matches(pattern));
        found.map(|(_, condition)| condition.as_str()).filter(|c| !c.trim().is_empty())
    }
}

/// Why a signal is ignored. The text never holds its data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ignored {
    /// No such type.
    #[error("its type is not recognised")]
    Unknown,
    /// The data is no JSON object.
    #[error("its data cannot be parsed as a JSON object")]
    NotJson,
    /// A field is missing or is not what it should be.
    #[error("the field {0} of its data is missing, empty or of another type than expected")]
    Field(&'static str),
}

impl Signal {
    pub(super) fn parse(raw: &Raw) -> Result<Self, Ignored> {
        let id = || raw.id.clone().unwrap_or_default();
        match raw.kind.as_str() {
            "snapshot-window-open" => return Ok(Self::Open(id())),
            "snapshot-window-close" => return Ok(Self::Close(id())),
            "execute-snapshot" | "stop-snapshot" | "pause-snapshot" | "resume-snapshot" | "log"
            | "schema-changes" => {}
            _ => return Err(Ignored::Unknown),
        }
        let data = match raw.data.as_str() {
            "" => Map::new(),
            text => match serde_json::from_str(text) {
                Ok(Value::Object(data)) => data,
                Ok(_) | Err(_) => return Err(Ignored::NotJson),
            },
        };
        match raw.kind.as_str() {
            "execute-snapshot" => execute(raw, &data).map(Self::Execute),
            "stop-snapshot" => {
                is_blocking(&data)?;
                tables(&data).map(Self::Stop)
            }
            "pause-snapshot" => Ok(Self::Pause),
            "resume-snapshot" => Ok(Self::Resume),
            "log" => match data.get("message").and_then(Value::as_str) {
                Some(message) if !message.is_empty() => Ok(Self::Log(message.to_owned())),
                _ => Err(Ignored::Field("message")),
            },
            _ => Ok(Self::SchemaChanges),
        }
    }
}

fn execute(raw: &Raw, data: &Map<String, Value>) -> Result<Execute, Ignored> {
    let text = |value: &Value, field| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let conditions = match data.get("additional-conditions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(conditions)) => conditions
            .iter()
            .map(|condition| text(condition, "data-collection").zip(text(condition, "filter")))
            .collect::<Option<_>>()
            .ok_or(Ignored::Field("additional-conditions"))?,
        Some(_) => return Err(Ignored::Field("additional-conditions")),
    };
    let surrogate_key = data.get("surrogate-key").and_then(Value::as_str);
    Ok(Execute {
        id: raw.id.clone(),
        tables: tables(data)?.ok_or(Ignored::Field("data-collections"))?,
        is_blocking: is_blocking(data)?,
        conditions,
        surrogate_key: surrogate_key.filter(|key| !key.trim().is_empty()).map(str::to_owned),
    })
}

/// `data-collections`; `None` where there is none.
fn tables(data: &Map<String, Value>) -> Result<Option<Vec<String>>, Ignored> {
    let list = match data.get("data-collections") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) if list.is_empty() => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Ignored::Field("data-collections")),
    };
    let names = list.iter().map(|name| name.as_str().map(|name| name.trim().to_owned()));
    names.collect::<Option<_>>().map(Some).ok_or(Ignored::Field("data-collections"))
}

/// `type`: incremental unless it says otherwise.
fn is_blocking(data: &Map<String, Value>) -> Result<bool, Ignored> {
    let kind = data.get("type").and_then(Value::as_str).unwrap_or("INCREMENTAL");
    match kind.to_uppercase().as_str() {
        "INCREMENTAL" => Ok(false),
        "BLOCKING" => Ok(true),
        _ => Err(Ignored::Field("type")),
    }
}

/// A signal as a record of the signal topic or a line of the signal file has it: one JSON object, in which `data` is an
/// object.
pub(super) fn parse_document(text: &str) -> Result<Raw, Ignored> {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else {
        return Err(Ignored::NotJson);
    };
    let word = |field: &str| document.get(field).and_then(Value::as_str).map(str::to_owned);
    let data = match document.get("data") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(data)) => data.clone(),
        Some(data) => data.to_string(),
    };
    Ok(Raw { id: word("id"), kind: word("type").ok_or(Ignored::Field("type"))?, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, data: &str) -> Result<Signal, Ignored> {
        let raw = Raw { id: Some("s".to_owned()), kind: kind.to_owned(), data: data.to_owned() };
        Signal::parse(&raw)
    }

    fn ignored(kind: &str, data: &str) -> Ignored {
        parse(kind, data).unwrap_err()
    }

    #[test]
    fn execute_reads_tables_type_conditions_and_key() {
        let data = r#"{"data-collections":[" public.a ","s.b"],"type":"blocking","surrogate-key":"x",
            "additional-conditions":[{"data-collection":"PUBLIC\\..","filter":"pk > 1"},{"data-collection":"s.b","filter":""}]}"#;
        let Ok(Signal::Execute(execute)) = parse("execute-snapshot", data) else {
            panic!("not understood");
        };
        assert_eq!(execute.tables, ["public.a", "s.b"]);
        assert_eq!((execute.is_blocking, execute.surrogate_key.as_deref()), (true, Some("x")));
        assert_eq!(execute.condition("public.a"), Some("pk > 1"));
        assert_eq!((execute.condition("public.ab"), execute.condition("s.b")), (None, None));
    }

    #[test]
    fn what_is_malformed_is_told_without_its_data() {
        assert_eq!(ignored("nonsense", "{}"), Ignored::Unknown);
        assert_eq!(ignored("execute-snapshot", "{broken"), Ignored::NotJson);
        assert_eq!(ignored("execute-snapshot", "[1]"), Ignored::NotJson);
        assert_eq!(ignored("execute-snapshot", ""), Ignored::Field("data-collections"));
        assert_eq!(
            ignored("execute-snapshot", r#"{"data-collections":[]}"#),
            Ignored::Field("data-collections")
        );
        assert_eq!(
            ignored("execute-snapshot", r#"{"data-collections":[1]}"#),
            Ignored::Field("data-collections")
        );
        assert_eq!(
            ignored("execute-snapshot", r#"{"data-collections":["a.b"],"type":"x"}"#),
            Ignored::Field("type")
        );
        assert_eq!(ignored("log", "{}"), Ignored::Field("message"));
    }

    #[test]
    fn stop_without_tables_is_a_stop_of_all() {
        assert!(matches!(parse("stop-snapshot", ""), Ok(Signal::Stop(None))));
        let some = parse("stop-snapshot", r#"{"data-collections":["a.b"],"type":"incremental"}"#);
        assert!(matches!(some, Ok(Signal::Stop(Some(tables))) if tables == ["a.b"]));
    }

    #[test]
    fn a_document_holds_its_data_as_an_object() {
        let raw = parse_document(r#"{"type":"log","data":{"message":"x"}}"#).unwrap();
        assert_eq!(
            raw,
            Raw { id: None, kind: "log".to_owned(), data: r#"{"message":"x"}"#.to_owned() }
        );
        assert_eq!(parse_document("{}"), Err(Ignored::Field("type")));
        assert_eq!(parse_document("x"), Err(Ignored::NotJson));
    }
}
