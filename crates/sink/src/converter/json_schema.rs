//! Confluent's `JsonSchemaConverter`: plain JSON behind the number of its JSON Schema.
//!
//! The schema's keywords are those of Confluent's `JsonSchemaData`: `connect.type`, `connect.index` and their kin carry
//! what JSON Schema has no words for.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json};

use super::json::{JsonConfig, JsonPlan};
use super::registry::{self, Registry, Subject};
use super::{Scratch, Source, avro};
use crate::config_def::{ConfigKey, Default, Importance, Type, Validator};
use crate::data::{Kind, Schema};
use crate::emit::Presence;
use crate::error::Result;
use crate::option::Options;

/// The converter's options.
#[derive(Debug)]
pub struct Config {
    registry: Registry,
    json: JsonConfig,
}

const OWN: &[ConfigKey] = &[
    ConfigKey::new("decimal.format", Type::String, Default::Text("BASE64"))
        .documented(Importance::Low, "How decimals are written: BASE64 or NUMERIC.")
        .checked(Validator::OneOfIgnoreCase(&["BASE64", "NUMERIC"])),
    ConfigKey::new("schemas.cache.size", Type::Int, Default::Text("1000")).documented(
        Importance::Low,
        "Has no effect: schemas are remembered as long as the task runs.",
    ),
    ConfigKey::new("json.fail.invalid.schema", Type::Boolean, Default::Text("false"))
        .documented(Importance::Low, "Has no effect: what is written fits its schema."),
];

const COUNT: usize = OWN.len() + registry::OPTIONS.len();

/// All options of the class.
pub(crate) const OPTIONS: &[ConfigKey] = &registry::joined::<COUNT>(OWN);

impl Config {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// What the registry's options refuse.
    pub(super) fn parse(is_key: bool, options: &Options<'_>) -> Result<Self> {
        let numeric =
            options.text("decimal.format").is_some_and(|f| f.eq_ignore_ascii_case("NUMERIC"));
        let json =
            JsonConfig { schemas: false, numeric_decimals: numeric, ..JsonConfig::default() };
        Ok(Self { registry: Registry::parse(is_key, options)?, json })
    }
}

/// The converter compiled against a schema.
#[derive(Debug)]
pub struct Plan {
    config: Arc<Config>,
    topic: Arc<str>,
    text: Arc<str>,
    record: Option<Arc<str>>,
    json: JsonPlan,
    head: OnceLock<Box<[u8]>>,
}

impl Plan {
    /// Compiles the converter against a schema.
    pub(super) fn new(
        config: &Arc<Config>,
        topic: &Arc<str>,
        schema: Option<&Arc<Schema>>,
    ) -> Self {
        let text = schema.map_or_else(|| "{}".to_owned(), |schema| document(schema).to_string());
        Self {
            config: Arc::clone(config),
            topic: Arc::clone(topic),
            text: text.into(),
            record: schema.and_then(|schema| schema.name.clone()),
            json: JsonPlan::new(config.json, schema),
            head: OnceLock::new(),
        }
    }

    /// Appends a value; `false` for none.
    pub(super) fn write<S: Source>(
        &self,
        source: &S,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let mut presence = Presence::default();
        source.drive(&mut presence);
        if !presence.is_present() {
            return Ok(false);
        }
        let head = match self.head.get() {
            Some(head) => head,
            None => {
                let registry = &self.config.registry;
                let subject = Subject { topic: &self.topic, record: self.record.as_deref() };
                let head = registry.head(subject, "JSON", &self.text).map_err(|error| {
                    error.into_error("JSON", &self.topic, registry.registers(), &self.text)
                })?;
                self.head.get_or_init(|| head)
            }
        };
        out.extend_from_slice(head);
        self.json.write(source, &mut scratch.stack, out)
    }
}

/// The schema's document.
fn document(schema: &Schema) -> Json {
    let typed = Json::Object(bare(schema));
    if !schema.optional {
        return typed;
    }
    let null = Json::Object(Map::from_iter([("type".to_owned(), Json::from("null"))]));
    Json::Object(Map::from_iter([("oneOf".to_owned(), Json::Array(vec![null, typed]))]))
}

fn bare(schema: &Schema) -> Map<String, Json> {
    let is_decimal = schema.name.as_deref() == Some("org.apache.kafka.connect.data.Decimal");
    let (kind, connect) = match &schema.kind {
        Kind::Int8 => ("integer", Some("int8")),
        Kind::Int16 => ("integer", Some("int16")),
        Kind::Int32 => ("integer", Some("int32")),
        Kind::Int64 => ("integer", Some("int64")),
        Kind::Float32 => ("number", Some("float32")),
        Kind::Float64 => ("number", Some("float64")),
        Kind::Boolean => ("boolean", None),
        Kind::String => ("string", None),
        Kind::Bytes if is_decimal => ("number", Some("bytes")),
        Kind::Bytes => ("string", Some("bytes")),
        Kind::Array(_) => ("array", None),
        Kind::Map(keys, _) if keys.kind == Kind::String => ("object", Some("map")),
        Kind::Map(..) => ("array", Some("map")),
        Kind::Struct(_) => ("object", None),
    };
    let mut out = Map::new();
    let mut put = |key: &str, value: Json| out.insert(key.to_owned(), value);
    put("type", kind.into());
    if let Some(name) = &schema.name {
        put("title", Json::from(&**name));
    }
    if let Some(version) = schema.version {
        put("connect.version", version.into());
    }
    if let Some(doc) = &schema.doc {
        put("description", Json::from(&**doc));
    }
    if let Some(connect) = connect {
        put("connect.type", connect.into());
    }
    if !schema.parameters.is_empty() {
        let parameters = schema.parameters.iter().map(|(k, v)| (k.to_string(), Json::from(&**v)));
        put("connect.parameters", Json::Object(parameters.collect()));
    }
    if let Some(default) = &schema.default {
        put("default", avro::default_json(default));
    }
    match &schema.kind {
        Kind::Array(items) => {
            put("items", document(items));
        }
        Kind::Map(keys, values) if keys.kind == Kind::String => {
            put("additionalProperties", document(values));
        }
        Kind::Map(keys, values) => {
            let pair = [("key".to_owned(), document(keys)), ("value".to_owned(), document(values))];
            let entry = [
                ("type".to_owned(), Json::from("object")),
                ("properties".to_owned(), Json::Object(Map::from_iter(pair))),
            ];
            put("items", Json::Object(Map::from_iter(entry)));
        }
        Kind::Struct(fields) => {
            let mut properties = Map::new();
            for (index, field) in fields.iter().enumerate() {
                let mut property = document(&field.schema);
                if let Json::Object(entries) = &mut property {
                    entries.insert("connect.index".to_owned(), index.into());
                }
                properties.insert(field.name.to_string(), property);
            }
            put("properties", Json::Object(properties));
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_optionality() {
        let schema = Schema::structure([
            ("id", Arc::new(Schema::new(Kind::Int32))),
            ("name", Arc::new(Schema::new(Kind::String).optional(true))),
        ])
        .with_name("a.Value");
        let expected = serde_json::json!({
            "type": "object",
            "title": "a.Value",
            "properties": {
                "id": {"type": "integer", "connect.type": "int32", "connect.index": 0},
                "name": {"oneOf": [{"type": "null"}, {"type": "string"}], "connect.index": 1},
            },
        });
        assert_eq!(document(&schema), expected);
    }
}
