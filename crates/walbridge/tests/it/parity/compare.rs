//! What of two sets of records must be equal: topics, order within a topic-partition, keys, headers, values and the
//! order of their fields. Of times, positions and transaction ids only the kind is compared.

use std::collections::BTreeMap;
use std::time::Duration;

use fancy_regex::Regex;
use serde_json::{Value, json};

use crate::avro;
use crate::json::Json;
use crate::kafka::Record;
use crate::lab::Outcome;

/// What differs with every run of anything.
const VOLATILE: &str = r"(^|\.)(__)?(source[._])?(ts_ms|ts_us|ts_ns|lsn|txId|xmin|sequence)$|(^|\.)transaction(_|\.)id$";
/// A map whose order changes with every start of a JVM.
const UNORDERED: &str = r"(^|\.)additional_data$";
/// Header whose value is another with every run.
const RUN_ID: &str = "__debezium.context.runId";

/// `case.json`, understood.
pub(super) struct Compare {
    volatile: Vec<Regex>,
    unordered_fields: Regex,
    volatile_headers: Vec<String>,
    unordered: bool,
    /// Whether the bytes of keys and values are compared as the Avro that they hold.
    pub(super) is_avro: bool,
    /// Topics in which neighbours that are equal once masked count as one, and that nobody waits for: heartbeats.
    quiet: Option<Regex>,
    pub(super) topics: Option<String>,
    pub(super) idle: Duration,
}

impl Compare {
    pub(super) fn parse(meta: &Value) -> Outcome<Self> {
        let mut compare = Self {
            volatile: vec![Regex::new(VOLATILE)?],
            unordered_fields: Regex::new(UNORDERED)?,
            volatile_headers: vec![RUN_ID.to_owned()],
            unordered: false,
            is_avro: false,
            quiet: None,
            topics: None,
            idle: Duration::from_secs(1),
        };
        let texts = |value: &Value| -> Vec<String> {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        for (key, value) in meta.as_object().ok_or("case.json: not an object")? {
            match key.as_str() {
                "why" | "extension" | "postgres" | "registry" | "worker" => {}
                "decode" if value == "avro" => compare.is_avro = true,
                "topics" => compare.topics = value.as_str().map(str::to_owned),
                "idle" => {
                    let seconds = value.as_f64().ok_or("case.json: idle is not a number")?;
                    compare.idle = Duration::from_secs_f64(seconds);
                }
                "collapse" => {
                    let pattern = value.as_str().ok_or("case.json: collapse is not a text")?;
                    let pattern = pattern.replace("${name}", ".*");
                    compare.quiet = Some(Regex::new(&format!("^(?:{pattern})$"))?);
                }
                "unordered" => compare.unordered = value == true,
                "volatile_headers" => compare.volatile_headers.extend(texts(value)),
                "volatile" => {
                    for pattern in texts(value) {
                        compare.volatile.push(Regex::new(&pattern)?);
                    }
                }
                other => return Err(format!("case.json: {other} is not known here").into()),
            }
        }
        Ok(compare)
    }

    /// The pattern of the topics that nobody waits for.
    pub(super) const fn quiet(&self) -> Option<&Regex> {
        self.quiet.as_ref()
    }

    pub(super) fn is_quiet(&self, topic: &str) -> bool {
        self.quiet.as_ref().is_some_and(|quiet| quiet.is_match(topic).unwrap_or(false))
    }

    fn is_volatile(&self, path: &str) -> bool {
        let path = path.strip_prefix("payload.").unwrap_or(path);
        self.volatile.iter().any(|pattern| pattern.is_match(path).unwrap_or(false))
    }

    fn mask(&self, value: Json, path: &str) -> Json {
        match value {
            Json::Object(fields) => {
                let masked = fields.into_iter().map(|(name, value)| {
                    let inner =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    (name, self.mask(value, &inner))
                });
                let mut fields: Vec<_> = masked.collect();
                if self.unordered_fields.is_match(path).unwrap_or(false) {
                    fields.sort_by(|a, b| a.0.cmp(&b.0));
                }
                Json::Object(fields)
            }
            Json::Array(items) => {
                Json::Array(items.into_iter().map(|item| self.mask(item, path)).collect())
            }
            Json::Null => Json::Null,
            plain if self.is_volatile(path) => Json::Text(plain.kind().to_owned()),
            plain => plain,
        }
    }

    fn field(&self, field: &Field) -> Masked {
        match field {
            Field::Text(text) => match Json::parse(text) {
                Some(json) => Masked::Json(self.mask(json, "")),
                None => Masked::Raw(field.clone()),
            },
            Field::Avro(id, value) => Masked::Avro(*id, self.mask(value.clone(), "")),
            other => Masked::Raw(other.clone()),
        }
    }

    fn shape(&self, shown: &Shown) -> Shape {
        let headers = shown.headers.iter().map(|(name, value)| {
            let hidden = self.volatile_headers.contains(name);
            let value = if hidden { Masked::Raw(Field::Null) } else { self.field(value) };
            (name.clone(), value)
        });
        Shape {
            key: self.field(&shown.key),
            value: self.field(&shown.value),
            headers: headers.collect(),
        }
    }

    fn lanes(&self, records: &[Shown]) -> BTreeMap<(String, i64), Vec<Shape>> {
        let mut lanes = BTreeMap::<_, Vec<_>>::new();
        for record in records {
            let lane = (record.topic.clone(), record.partition);
            lanes.entry(lane).or_default().push(self.shape(record));
        }
        for ((topic, _), lane) in &mut lanes {
            if self.is_quiet(topic) {
                lane.dedup();
            }
        }
        if self.unordered {
            for lane in lanes.values_mut() {
                lane.sort_by_cached_key(|shape| format!("{shape:?}"));
            }
        }
        lanes
    }
}

/// Bytes of a record, as `expected.jsonl` writes them: text, or hex of what is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Null,
    Text(String),
    Hex(String),
    /// What the bytes of either hold, by the schema of an id.
    Avro(u32, Json),
}

impl Field {
    fn of(bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::Null };
        std::str::from_utf8(bytes)
            .map_or_else(|_not_text| Self::Hex(hex(bytes)), |text| Self::Text(text.to_owned()))
    }

    fn parse(value: &Value) -> Outcome<Self> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::String(text) => Ok(Self::Text(text.clone())),
            other => match other["hex"].as_str() {
                Some(hex) => Ok(Self::Hex(hex.to_owned())),
                None => Err(format!("expected.jsonl: neither text nor hex: {other}").into()),
            },
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::from(text.as_str()),
            Self::Hex(hex) => json!({ "hex": hex }),
            Self::Avro(id, _) => json!({ "avro": id }),
        }
    }

    /// Bytes without the frame of a registry's schema, or of a schema that is not among these, stay as they are.
    fn decoded(self, schemas: &Schemas) -> Outcome<Self> {
        let bytes = match &self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Hex(hex) => unhex(hex).ok_or("expected.jsonl: not hex")?,
            Self::Null | Self::Avro(..) => return Ok(self),
        };
        let [0, a, b, c, d, rest @ ..] = bytes.as_slice() else { return Ok(self) };
        let id = u32::from_be_bytes([*a, *b, *c, *d]);
        match schemas.get(&u64::from(id)) {
            Some(schema) => Ok(Self::Avro(id, avro::decode(schema, rest)?)),
            None => Ok(self),
        }
    }

    fn renamed(self, from: &str, to: &str) -> Self {
        match self {
            // The second time as `schema.name.adjustment.mode=avro_unicode` writes it.
            Self::Text(text) => {
                let escaped = |name: &str| name.replace('_', "_u005f");
                Self::Text(text.replace(from, to).replace(&escaped(from), &escaped(to)))
            }
            Self::Hex(bytes) => Self::Hex(bytes.replace(&hex(from), &hex(to))),
            other => other,
        }
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

/// Schemas of a registry by their ids.
pub(super) type Schemas = BTreeMap<u64, Value>;

/// The schemas in `registered.json`, or in what a registry kept of a case.
pub(super) fn schemas(registered: &[Value]) -> Outcome<Schemas> {
    let schema = |said: &Value| {
        let id = said["id"].as_u64().ok_or("registered.json: no id")?;
        let text = said["schema"].as_str().ok_or("registered.json: no schema")?;
        Ok((id, serde_json::from_str(text)?))
    };
    registered.iter().map(schema).collect()
}

/// A record, as `expected.jsonl` writes it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) topic: String,
    partition: i64,
    key: Field,
    value: Field,
    headers: Vec<(String, Field)>,
}

impl Shown {
    pub(super) fn parse(line: &str) -> Outcome<Self> {
        let value: Value = serde_json::from_str(line)?;
        let headers = value["headers"].as_array().ok_or("expected.jsonl: no headers")?;
        let header = |pair: &Value| -> Outcome<_> {
            let name = pair[0].as_str().ok_or("expected.jsonl: header without a name")?;
            Ok((name.to_owned(), Field::parse(&pair[1])?))
        };
        Ok(Self {
            topic: value["topic"].as_str().ok_or("expected.jsonl: no topic")?.to_owned(),
            partition: value["partition"].as_i64().ok_or("expected.jsonl: no partition")?,
            key: Field::parse(&value["key"])?,
            value: Field::parse(&value["value"])?,
            headers: headers.iter().map(header).collect::<Outcome<_>>()?,
        })
    }

    /// The line of `expected.jsonl`.
    pub(super) fn line(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| json!([name, value.to_json()]));
        let (topic, partition) = (&self.topic, self.partition);
        let (key, value) = (self.key.to_json(), self.value.to_json());
        let headers = Value::Array(headers.collect());
        format!(
            "{{\"topic\": {}, \"partition\": {partition}, \"key\": {key}, \"value\": {value}, \"headers\": {headers}}}",
            json!(topic)
        )
    }

    pub(super) fn record(record: &Record) -> Self {
        let header =
            |(name, value): &(String, Option<Vec<u8>>)| (name.clone(), Field::of(value.as_deref()));
        Self {
            topic: record.topic.clone(),
            partition: record.partition.into(),
            key: Field::of(record.key.as_deref()),
            value: Field::of(record.value.as_deref()),
            headers: record.headers.iter().map(header).collect(),
        }
    }

    /// An answer of the REST port.
    pub(super) fn answer(topic: String, status: u16, body: String) -> Self {
        Self {
            topic,
            partition: 0,
            key: Field::Text(status.to_string()),
            value: Field::Text(body),
            headers: Vec::new(),
        }
    }

    /// The record with its key and value read as Avro.
    pub(super) fn decoded(self, schemas: &Schemas) -> Outcome<Self> {
        let (key, value) = (self.key.decoded(schemas)?, self.value.decoded(schemas)?);
        Ok(Self { key, value, ..self })
    }

    /// The record as it would be under another name of the case.
    pub(super) fn renamed(self, from: &str, to: &str) -> Self {
        let header = |(name, value): (String, Field)| (name, value.renamed(from, to));
        Self {
            topic: self.topic.replace(from, to),
            partition: self.partition,
            key: self.key.renamed(from, to),
            value: self.value.renamed(from, to),
            headers: self.headers.into_iter().map(header).collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Masked {
    Raw(Field),
    Json(Json),
    Avro(u32, Json),
}

#[derive(Debug, PartialEq, Eq)]
struct Shape {
    key: Masked,
    value: Masked,
    headers: Vec<(String, Masked)>,
}

/// The first registration that differs.
pub(super) fn registrations(expected: &[Value], got: &[Value]) -> Option<String> {
    if expected == got {
        return None;
    }
    let same = expected.iter().zip(got).take_while(|(due, has)| due == has).count();
    let what = format!("registration {same} of {}", expected.len());
    Some(told(&what, &expected.get(same), &got.get(same)))
}

/// The first difference of each topic-partition.
pub(super) fn differences(compare: &Compare, expected: &[Shown], got: &[Shown]) -> Vec<String> {
    let (expected, got) = (compare.lanes(expected), compare.lanes(got));
    let lanes: std::collections::BTreeSet<_> = expected.keys().chain(got.keys()).collect();
    let mut wrong = Vec::new();
    for lane @ (topic, partition) in lanes {
        let due = expected.get(lane).map_or(&[][..], Vec::as_slice);
        let has = got.get(lane).map_or(&[][..], Vec::as_slice);
        let first = due.iter().zip(has).enumerate().find(|(_, (due, has))| due != has);
        if let Some((i, (due, has))) = first {
            wrong.push(format!("{topic}[{partition}] record {i}: {}", place(due, has)));
        }
        if due.len() != has.len() {
            let (due, has) = (due.len(), has.len());
            wrong.push(format!("{topic}[{partition}]: {due} records expected, got {has}"));
        }
    }
    wrong
}

fn place(due: &Shape, has: &Shape) -> String {
    for (part, due, has) in [("key", &due.key, &has.key), ("value", &due.value, &has.value)] {
        if due != has {
            return match (due, has) {
                (Masked::Json(due), Masked::Json(has)) => place_in(due, has, part),
                (Masked::Avro(due_id, due), Masked::Avro(has_id, has)) if due_id == has_id => {
                    place_in(due, has, part)
                }
                _ => told(part, due, has),
            };
        }
    }
    told("headers", &due.headers, &has.headers)
}

fn place_in(due: &Json, has: &Json, path: &str) -> String {
    match (due, has) {
        (Json::Object(due_fields), Json::Object(has_fields)) => {
            let names = |fields: &[(String, Json)]| -> Vec<String> {
                fields.iter().map(|(name, _)| name.clone()).collect()
            };
            let (due_names, has_names) = (names(due_fields), names(has_fields));
            if due_names != has_names {
                return told(&format!("{path}: fields"), &due_names, &has_names);
            }
            let mut pairs = due_fields.iter().zip(has_fields);
            let other = pairs.find(|(due, has)| due != has);
            other.map_or_else(String::new, |((name, due), (_, has))| {
                place_in(due, has, &format!("{path}.{name}"))
            })
        }
        (Json::Array(due_items), Json::Array(has_items)) if due_items.len() == has_items.len() => {
            let mut pairs = due_items.iter().zip(has_items).enumerate();
            let other = pairs.find(|(_, (due, has))| due != has);
            other.map_or_else(String::new, |(i, (due, has))| {
                place_in(due, has, &format!("{path}[{i}]"))
            })
        }
        _ => told(path, due, has),
    }
}

fn told(path: &str, due: &impl std::fmt::Debug, has: &impl std::fmt::Debug) -> String {
    let short = |text: String| text.chars().take(800).collect::<String>();
    format!("{path}: expected {}, got {}", short(format!("{due:?}")), short(format!("{has:?}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Compare, Shown, differences};

    fn wrong(due: &str, has: &str) -> usize {
        let compare = Compare::parse(&json!({"volatile": ["made_at$"]})).unwrap();
        let shown = |value: &str| Shown::answer("t".to_owned(), 200, value.to_owned());
        differences(&compare, &[shown(due)], &[shown(has)]).len()
    }

    #[test]
    fn compare_masks_positions_and_times_by_kind() {
        assert_eq!(wrong(r#"{"source":{"lsn":1}}"#, r#"{"source":{"lsn":2}}"#), 0);
        assert_eq!(wrong(r#"{"source":{"lsn":1}}"#, r#"{"source":{"lsn":null}}"#), 1);
        assert_eq!(wrong(r#"{"ts_ms":1}"#, r#"{"ts_ms":"1"}"#), 1);
        assert_eq!(wrong(r#"{"payload":{"ts_ms":1}}"#, r#"{"payload":{"ts_ms":2}}"#), 0);
        assert_eq!(wrong(r#"{"a":{"made_at":1}}"#, r#"{"a":{"made_at":2}}"#), 0);
    }

    #[test]
    fn compare_sees_order_digits_and_absence() {
        assert_eq!(wrong(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), 1);
        assert_eq!(wrong("1.0", "1.00"), 1);
        assert_eq!(wrong("plain", "plain"), 0);
        let compare = Compare::parse(&json!({})).unwrap();
        let one = Shown::answer("t".to_owned(), 200, String::new());
        assert_eq!(differences(&compare, &[one.clone(), one.clone()], &[one]).len(), 1);
    }

    #[test]
    fn recorded_line_is_read_as_it_was() {
        let line = r#"{"topic": "t", "partition": 3, "key": null, "value": "ä\n\"", "headers": [["h",{"hex":"ff"}]]}"#;
        assert_eq!(Shown::parse(line).unwrap().line(), line);
    }

    #[test]
    fn compare_refuses_an_unknown_key() {
        assert!(Compare::parse(&json!({"colapse": "t"})).is_err());
    }
}
