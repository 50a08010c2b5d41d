//! `io.debezium.transforms.outbox.EventRouter`: rows of an outbox table as events of their own.

use std::sync::Arc;

use super::derived::Derived;
use super::envelope::Envelope;
use super::java::Replacement;
use super::json_value::{self, Gaps};
use super::part::or_default;
use super::regex_router::Routes;
use super::{Record, Transform, Typed};
use crate::converter::struct_text;
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// Where a further column goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Envelope,
    Partition,
}

#[derive(Debug)]
struct Additional {
    field: Box<str>,
    place: Place,
    alias: Arc<str>,
}

/// `table.op.invalid.behavior`.
#[derive(Debug, Clone, Copy)]
enum OnUpdate {
    Warn,
    Error,
    Fatal,
}

/// The transform.
#[derive(Debug)]
pub(super) struct EventRouter {
    id: Box<str>,
    key: Box<str>,
    payload: Box<str>,
    timestamp: Option<Box<str>>,
    schema_version: Option<Box<str>>,
    route_by: Box<str>,
    routes: Routes,
    additional: Vec<Additional>,
    missing_is_error: bool,
    on_update: OnUpdate,
    tombstones: bool,
    expand: Option<Gaps>,
    schemas: Derived<EnvelopeSchema>,
}

/// The schema of a payload with further columns, and what it was made for.
#[derive(Debug)]
struct EnvelopeSchema {
    payload: Arc<Schema>,
    version: Option<i32>,
    schema: Arc<Schema>,
}

impl EventRouter {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let text = |name| options.text(name).unwrap_or_default();
        let word = |name, word: &str| text(name).eq_ignore_ascii_case(word);
        let regex = text("route.topic.regex");
        let replacement =
            Replacement::parse("route.topic.regex", regex, text("route.topic.replacement"))?;
        let additional = options.list("table.fields.additional.placement");
        Ok(Self {
            id: text("table.field.event.id").into(),
            key: text("table.field.event.key").into(),
            payload: text("table.field.event.payload").into(),
            timestamp: options.given("table.field.event.timestamp").map(Into::into),
            schema_version: options.given("table.field.event.schema.version").map(Into::into),
            route_by: text("route.by.field").into(),
            routes: Routes::new(replacement),
            additional: additional.into_iter().map(Additional::parse).collect::<Result<_>>()?,
            missing_is_error: !word("table.field.additional.missing", "ignore"),
            on_update: match text("table.op.invalid.behavior").to_ascii_lowercase().as_str() {
                "fatal" => OnUpdate::Fatal,
                "error" => OnUpdate::Error,
                _ => OnUpdate::Warn,
            },
            tombstones: options.flag("route.tombstone.on.empty.payload"),
            expand: options.flag("table.expand.json.payload").then(|| Gaps {
                keep_nulls: word("table.json.payload.null.behavior", "optional_bytes"),
                keep_empty_arrays: word(
                    "table.json.payload.empty.array.behavior",
                    "optional_string",
                ),
            }),
            schemas: Derived::default(),
        })
    }

    fn updated(&self, record: &Record) -> Result<Option<Record>> {
        match self.on_update {
            OnUpdate::Warn => {
                tracing::warn!(topic = %record.topic, "unexpected update of an outbox table ignored");
            }
            OnUpdate::Error => {
                tracing::error!(topic = %record.topic, "unexpected update of an outbox table ignored");
            }
            OnUpdate::Fatal => {
                let key = struct_text(record.key.schema.as_ref(), &record.key.value);
                return Err(Error::java(
                    "java.lang.IllegalStateException",
                    format!("Unexpected update message received {key}, fail."),
                ));
            }
        }
        Ok(None)
    }

    /// JSON text as a struct; what is not JSON stays as it is.
    fn expanded(&self, payload: Typed) -> Result<Typed> {
        let (Some(gaps), Value::String(text)) = (self.expand, &payload.value) else {
            return Ok(payload);
        };
        let json = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(json) if text.starts_with(['{', '[']) => json,
            _ => {
                tracing::warn!(column = %self.payload, "the outbox payload is not JSON and stays text");
                return Ok(payload);
            }
        };
        if json.is_array() {
            return Err(Error::data("Invalid type for ARRAY: class java.lang.String"));
        }
        let schema = json_value::schema(Some(&self.payload), &json, gaps)?;
        let value = schema.as_ref().map_or(Value::Null, |schema| json_value::value(&json, schema));
        Ok(Typed { schema, value })
    }

    fn timestamp_ms(&self, envelope: Envelope<'_>, row: &Row<'_>) -> Result<Option<i64>> {
        let processed = || match envelope.field("ts_ms") {
            Some((_, Value::Int64(ms))) => Some(*ms),
            _ => None,
        };
        let Some(name) = &self.timestamp else { return Ok(processed()) };
        let Some((schema, value)) = row.find(name) else {
            return Err(connect(format!("Unable to find timestamp field {name} in event")));
        };
        if schema.kind != Kind::Int64 {
            return Err(Error::data(format!("Field '{name}' is not of type INT64")));
        }
        let Value::Int64(time) = value else { return Ok(processed()) };
        match schema.name.as_deref() {
            Some("io.debezium.time.Timestamp") => Ok(Some(time)),
            Some("io.debezium.time.MicroTimestamp") => Ok(Some(time / 1000)),
            Some("io.debezium.time.NanoTimestamp") => Ok(Some(time / 1_000_000)),
            Some(name) => {
                Err(connect(format!("Unsupported field type {name} for event timestamp")))
            }
            None => Err(connect(
                "Unsupported field type INT64 (without logical schema name) for event timestamp"
                    .to_owned(),
            )),
        }
    }

    /// The payload with the columns that go next to it.
    fn enveloped(&self, row: &Row<'_>, payload: Typed, route: &str) -> Result<Typed> {
        let columns = self.additional.iter().filter(|column| column.place == Place::Envelope);
        let columns: Vec<_> =
            columns.filter(|column| self.missing_is_error || row.has(&column.field)).collect();
        let version = match &self.schema_version {
            Some(name) => match row.get(name)? {
                (_, Value::Int32(version)) => Some(version),
                (_, Value::Null) => None,
                _ => return Err(Error::data(format!("Field '{name}' is not of type INT32"))),
            },
            None => None,
        };
        let payload_schema =
            payload.schema.unwrap_or_else(|| Arc::new(Schema::new(Kind::String).optional(true)));
        let same =
            |made: &EnvelopeSchema| made.payload == payload_schema && made.version == version;
        let made = self.schemas.get_if(row.schema, same, || {
            let mut fields =
                vec![Field { name: "payload".into(), schema: Arc::clone(&payload_schema) }];
            for column in &columns {
                let (schema, _) = row.find(&column.field).ok_or_else(|| {
                    connect(format!("Unable to find field {} in event", column.field))
                })?;
                fields.push(Field { name: Arc::clone(&column.alias), schema: Arc::clone(schema) });
            }
            let name =
                match row.schema.name.as_deref().map(|name| name.rsplit_once('.').ok_or(name)) {
                    Some(Ok((before, last))) => format!("{before}.{route}.{last}"),
                    Some(Err(name)) => format!("{route}.{name}"),
                    None => route.to_owned(),
                };
            let schema = Schema { version, ..Schema::new(Kind::Struct(fields)).with_name(&name) };
            Ok(EnvelopeSchema {
                payload: Arc::clone(&payload_schema),
                version,
                schema: Arc::new(schema),
            })
        })?;
        let mut values = vec![payload.value];
        for column in &columns {
            values.push(row.get(&column.field)?.1);
        }
        Ok(Typed { schema: Some(Arc::clone(&made.schema)), value: Value::Struct(values) })
    }

    fn event(&self, record: &Record, envelope: Envelope<'_>, row: &Row<'_>) -> Result<Record> {
        let (payload_schema, payload) = row.find(&self.payload).ok_or_else(|| {
            connect(format!("Unable to find payload field {} in event", self.payload))
        })?;
        let timestamp_ms = self.timestamp_ms(envelope, row)?;
        let (id_schema, id) = row.get(&self.id)?;
        let mut headers = record.headers.clone();
        headers.push(("id".into(), Typed { schema: Some(Arc::clone(id_schema)), value: id }));
        let payload =
            self.expanded(Typed { schema: Some(Arc::clone(payload_schema)), value: payload })?;
        let mut partition = None;
        for column in &self.additional {
            if !self.missing_is_error && !row.has(&column.field) {
                continue;
            }
            let (schema, value) = row.get(&column.field)?;
            match (column.place, value) {
                (Place::Envelope, _) | (Place::Partition, Value::Null) => {}
                (Place::Header, value) => {
                    let schema = Some(Arc::clone(schema));
                    headers.push((Arc::clone(&column.alias), Typed { schema, value }));
                }
                (Place::Partition, Value::Int32(number)) => partition = Some(number),
                (Place::Partition, _) => {
                    return Err(Error::data(format!(
                        "Field '{}' is not of type INT32",
                        column.field
                    )));
                }
            }
        }
        let route = match row.get(&self.route_by)? {
            (_, Value::String(route)) => route,
            (_, Value::Null) => {
                return Err(Error::java(
                    "java.lang.NullPointerException",
                    "the routing column is null",
                ));
            }
            _ => {
                return Err(Error::data(format!(
                    "Field '{}' is not of type STRING",
                    self.route_by
                )));
            }
        };
        let is_empty = match &payload.value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            _ => false,
        };
        let value = if is_empty && self.tombstones {
            Typed::NOTHING
        } else if self.additional.iter().any(|column| column.place == Place::Envelope) {
            self.enveloped(row, payload, &route)?
        } else {
            payload
        };
        let key = row.get(&self.key)?;
        Ok(Record {
            topic: self.routes.route(&route)?.unwrap_or(route),
            partition,
            timestamp_ms,
            key: Typed { schema: Some(Arc::clone(key.0)), value: key.1 },
            value,
            headers,
            companion: Typed::NOTHING,
        })
    }
}

fn connect(message: String) -> Error {
    Error::java("org.apache.kafka.connect.errors.ConnectException", message)
}

impl Additional {
    fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let wrong = || {
            Error::config(format!(
                "The 'table.fields.additional.placement' value is invalid: {text} must be field:placement[:alias] with placement header, envelope or partition"
            ))
        };
        let (field, place, alias) = match parts.as_slice() {
            [field, place] => (field, place, field),
            [field, place, alias] => (field, place, alias),
            _ => return Err(wrong()),
        };
        let place = match place.to_ascii_lowercase().as_str() {
            "header" => Place::Header,
            "envelope" => Place::Envelope,
            "partition" => Place::Partition,
            _ => return Err(wrong()),
        };
        Ok(Self { field: (*field).into(), place, alias: (*alias).into() })
    }
}

/// The row that was inserted.
struct Row<'a> {
    schema: &'a Arc<Schema>,
    values: &'a [Value],
}

impl<'a> Row<'a> {
    fn has(&self, name: &str) -> bool {
        self.schema.field_index(name).is_some()
    }

    /// A column with its default in place of null.
    fn find(&self, name: &str) -> Option<(&'a Arc<Schema>, Value)> {
        let index = self.schema.field_index(name)?;
        let schema = &self.schema.fields().get(index)?.schema;
        let value = self.values.get(index)?;
        Some((schema, or_default(value, schema.default.as_ref().unwrap_or(&Value::Null))))
    }

    fn get(&self, name: &str) -> Result<(&'a Arc<Schema>, Value)> {
        self.find(name).ok_or_else(|| Error::data(format!("{name} is not a valid field name")))
    }
}

impl Transform for EventRouter {
    fn apply(&self, record: Record) -> Result<Option<Record>> {
        if record.value.value.is_null() {
            return Ok(None);
        }
        let Some(envelope) = Envelope::of(&record.value) else { return Ok(Some(record)) };
        match envelope.op() {
            Some("d") => return Ok(None),
            Some("u") => return self.updated(&record),
            _ => {}
        }
        let Some((schema, values)) = envelope.structure("after") else {
            return Err(Error::data(
                "Only Struct objects supported for [Read Outbox Event], found: null",
            ));
        };
        self.event(&record, envelope, &Row { schema, values }).map(Some)
    }
}
