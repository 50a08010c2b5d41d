//! Debezium's `CloudEventsConverter`: the envelope as a CloudEvent, in JSON.

use std::sync::Arc;

use super::json::{JsonConfig, JsonPlan};
use super::{Compiled, Scratch, Source, number_text};
use crate::data::{Field, Kind, Schema, Value, ValueBuilder};
use crate::error::{Error, Result};

/// The converter's options.
#[derive(Debug)]
pub struct Config {
    /// `extension.attributes.enable`.
    pub extensions: bool,
    /// `json.schemas.enable` and its neighbours: how the data is written.
    pub json: JsonConfig,
}

/// The converter compiled against a schema.
#[derive(Debug)]
pub struct CloudEvents {
    extensions: bool,
    envelope: Option<Arc<Schema>>,
    /// The event up to its data.
    head: Arc<Schema>,
    head_plan: JsonPlan,
    data: Compiled,
}

/// Names of the envelope's fields that are the event's data.
const DATA: [&str; 2] = ["before", "after"];

impl CloudEvents {
    /// Compiles the converter against a schema.
    pub(super) fn new(config: &Config, _topic: &Arc<str>, schema: Option<&Arc<Schema>>) -> Self {
        let envelope = schema.filter(|schema| schema.field_index("source").is_some()).cloned();
        let data = envelope.as_ref().map(|schema| Arc::new(data_schema(schema)));
        let head = Arc::new(head_schema(envelope.as_deref(), config.extensions));
        let bare = JsonConfig { schemas: false, ..config.json };
        Self {
            extensions: config.extensions,
            envelope,
            head_plan: JsonPlan::new(bare, Some(&head)),
            head,
            data: Compiled::Json(JsonPlan::new(config.json, data.as_ref())),
        }
    }

    /// Appends a value; `false` for none.
    pub(super) fn write<S: Source>(
        &self,
        source: &S,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let mut builder = ValueBuilder::new();
        source.drive(&mut builder);
        let value = builder.finish();
        if value.is_null() {
            return Ok(false);
        }
        let (Some(schema), Value::Struct(fields)) = (&self.envelope, &value) else {
            return Err(Error::data("The cloud events converter requires a change event envelope"));
        };
        let head = self.head(schema, fields);
        self.head_plan.write(&head, &mut scratch.stack, out)?;
        out.pop();
        out.extend_from_slice(b",\"data\":");
        let data = DATA
            .iter()
            .filter_map(|name| schema.field_index(name))
            .map(|index| fields.get(index).cloned().unwrap_or(Value::Null));
        self.data.write(&Value::Struct(data.collect()), scratch, out)?;
        out.push(b'}');
        Ok(true)
    }

    /// The event's attributes, in the order of [`head_schema`].
    fn head(&self, schema: &Schema, fields: &[Value]) -> Value {
        let text = |at: &[&str]| find(schema, fields, at).map(|value| number_text(&value));
        let plain = |at: &[&str]| text(at).unwrap_or_default();
        let millis = match find(schema, fields, &["source", "ts_ms"]) {
            Some(Value::Int64(ms)) => ms,
            _ => 0,
        };
        let time = jiff::Timestamp::from_millisecond(millis)
            .map(|at| format!("{at:.3}"))
            .unwrap_or_default();
        let part = |name: &str| text(&["source", name]).unwrap_or_else(|| "null".to_owned());
        let id = format!(
            "name:{};lsn:{};txId:{};sequence:{}",
            part("name"),
            part("lsn"),
            part("txId"),
            part("sequence")
        );
        let connector = plain(&["source", "connector"]);
        let mut values: Vec<Value> = [
            id,
            format!("/debezium/{connector}/{}", plain(&["source", "name"])),
            "1.0".to_owned(),
            format!("io.debezium.connector.{connector}.DataChangeEvent"),
            time,
            "application/json".to_owned(),
        ]
        .map(|text| text.as_str().into())
        .into();
        if self.extensions {
            for (_, path) in extensions(schema) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                values.push(text(&path).map_or(Value::Null, |text| text.as_str().into()));
            }
        }
        debug_assert_eq!(values.len(), self.head.fields().len());
        Value::Struct(values)
    }
}

fn find(schema: &Schema, fields: &[Value], path: &[&str]) -> Option<Value> {
    let (name, rest) = path.split_first()?;
    let index = schema.field_index(name)?;
    let field = &schema.fields().get(index)?.schema;
    let value = fields.get(index).filter(|value| !value.is_null()).or(field.default.as_ref())?;
    match (rest, value) {
        ([], value) => Some(value.clone()),
        (rest, Value::Struct(fields)) => find(field, fields, rest),
        _ => None,
    }
}

/// Names of the extension attributes, and where in the envelope they come from.
fn extensions(schema: &Schema) -> Vec<(String, Vec<String>)> {
    let nested = |name: &str| {
        let index = schema.field_index(name);
        let field = index.and_then(|index| schema.fields().get(index));
        field.map(|field| field.schema.fields()).unwrap_or_default()
    };
    let named = |prefix: &str, name: &str| {
        let plain: String = name.chars().filter(|c| *c != '_').collect();
        format!("iodebezium{prefix}{plain}")
    };
    let mut all = vec![("iodebeziumop".to_owned(), vec!["op".to_owned()])];
    for Field { name, .. } in nested("source") {
        all.push((named("", name), vec!["source".to_owned(), name.to_string()]));
    }
    for Field { name, .. } in nested("transaction") {
        all.push((named("tx", name), vec!["transaction".to_owned(), name.to_string()]));
    }
    all
}

fn head_schema(envelope: Option<&Schema>, extended: bool) -> Schema {
    let text = |optional| Arc::new(Schema::new(Kind::String).optional(optional));
    let fixed = ["id", "source", "specversion", "type", "time", "datacontenttype"];
    let mut fields: Vec<Field> =
        fixed.map(|name| Field { name: name.into(), schema: text(false) }).into();
    if let Some(envelope) = envelope.filter(|_| extended) {
        let extended = extensions(envelope).into_iter();
        fields.extend(
            extended.map(|(name, _)| Field { name: name.as_str().into(), schema: text(true) }),
        );
    }
    Schema::new(Kind::Struct(fields))
}

/// The rows' schema.
fn data_schema(envelope: &Schema) -> Schema {
    let kept = envelope.fields().iter().filter(|field| DATA.contains(&&*field.name));
    let source = envelope.field_index("source").and_then(|index| envelope.fields().get(index));
    let source = source.and_then(|field| field.schema.name.as_deref()).unwrap_or_default();
    let connector = source.strip_suffix(".Source").unwrap_or(source);
    Schema::new(Kind::Struct(kept.cloned().collect())).with_name(&format!("{connector}.Data"))
}
