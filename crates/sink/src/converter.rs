//! Converters: how keys, values and headers become bytes.
//!
//! A [`Converter`] is a choice with its options. Compiled against a schema it is a [`Compiled`], which writes any
//! number of values of that schema: rows driven from a plan, and trees, through the same [`Emit`] implementation.

use std::sync::Arc;

use crate::data::{Schema, Value};
use crate::emit::Emit;
use crate::error::Result;

pub mod avro;
mod choice;
mod cloud_events;
pub mod delegate;
pub mod java_string;
pub mod json;
pub mod json_schema;
pub mod primitive;
pub mod protobuf;
pub mod registry;
pub mod simple_header;
mod text;

pub(crate) use choice::CLOUD_EVENTS_OPTIONS;
use cloud_events::CloudEvents;
use java_string::Encoding;
use json::{JsonConfig, JsonPlan};
use primitive::Primitive;

/// What can be driven into a converter.
pub trait Source {
    /// Drives the value.
    fn drive<E: Emit>(&self, emit: &mut E);
}

impl Source for Value {
    fn drive<E: Emit>(&self, emit: &mut E) {
        self.emit(emit);
    }
}

/// A converter and its options.
#[derive(Debug, Clone)]
pub enum Converter {
    /// `org.apache.kafka.connect.json.JsonConverter`.
    Json(JsonConfig),
    /// `org.apache.kafka.connect.storage.SimpleHeaderConverter`.
    SimpleHeader,
    /// `org.apache.kafka.connect.storage.StringConverter`.
    String(Encoding),
    /// `org.apache.kafka.connect.converters.*`.
    Primitive(Primitive),
    /// `io.debezium.converters.BinaryDataConverter` and `ByteArrayConverter`.
    Delegate(Arc<delegate::Config>),
    /// `io.debezium.converters.CloudEventsConverter`.
    CloudEvents(Arc<cloud_events::Config>),
    /// `io.confluent.connect.avro.AvroConverter`.
    Avro(Arc<avro::Config>),
    /// `io.confluent.connect.protobuf.ProtobufConverter`.
    Protobuf(Arc<protobuf::Config>),
    /// `io.confluent.connect.json.JsonSchemaConverter`.
    JsonSchema(Arc<json_schema::Config>),
}

/// The converters of a connector.
#[derive(Debug, Clone)]
pub struct Converters {
    /// `key.converter`.
    pub key: Converter,
    /// `value.converter`.
    pub value: Converter,
    /// `header.converter`.
    pub header: Converter,
}

impl Default for Converters {
    /// Connect's defaults: JSON with schemas, and simple headers.
    fn default() -> Self {
        let json = Converter::Json(JsonConfig::default());
        Self { key: json.clone(), value: json, header: Converter::SimpleHeader }
    }
}

impl Converter {
    /// Compiles the converter against a schema, for records of a topic; `None` for values without one.
    #[must_use]
    pub fn compile(&self, topic: &Arc<str>, schema: Option<&Arc<Schema>>) -> Compiled {
        match self {
            Self::Json(config) => Compiled::Json(JsonPlan::new(*config, schema)),
            Self::SimpleHeader => Compiled::SimpleHeader(schema.cloned()),
            Self::String(encoding) => Compiled::String(*encoding, schema.cloned()),
            Self::Primitive(primitive) => Compiled::Primitive(*primitive, schema.cloned()),
            Self::Delegate(config) => {
                Compiled::Delegate(Box::new(delegate::Plan::new(config, topic, schema)))
            }
            Self::CloudEvents(config) => {
                Compiled::CloudEvents(Box::new(CloudEvents::new(config, topic, schema)))
            }
            Self::Avro(config) => Compiled::Avro(Box::new(avro::Plan::new(config, topic, schema))),
            Self::Protobuf(config) => {
                Compiled::Protobuf(Box::new(protobuf::Plan::new(config, topic, schema)))
            }
            Self::JsonSchema(config) => {
                Compiled::JsonSchema(Box::new(json_schema::Plan::new(config, topic, schema)))
            }
        }
    }

    /// Whether what is compiled for one topic is not right for another.
    #[must_use]
    pub const fn knows_topics(&self) -> bool {
        !matches!(self, Self::Json(_) | Self::SimpleHeader | Self::String(_) | Self::Primitive(_))
    }
}

/// Memory that writers reuse.
#[derive(Debug, Default)]
pub struct Scratch {
    stack: Vec<json::Frame>,
}

/// A converter compiled against a schema.
#[derive(Debug)]
pub enum Compiled {
    /// JSON.
    Json(JsonPlan),
    /// Simple headers.
    SimpleHeader(Option<Arc<Schema>>),
    /// Java's text.
    String(Encoding, Option<Arc<Schema>>),
    /// One primitive type.
    Primitive(Primitive, Option<Arc<Schema>>),
    /// Bytes as they are, all else by another converter.
    Delegate(Box<delegate::Plan>),
    /// CloudEvents.
    CloudEvents(Box<CloudEvents>),
    /// Avro with a registry.
    Avro(Box<avro::Plan>),
    /// Protobuf with a registry.
    Protobuf(Box<protobuf::Plan>),
    /// JSON with a registry.
    JsonSchema(Box<json_schema::Plan>),
}

impl Compiled {
    /// Appends the value's bytes to `out`. Says whether there are any: `false` is Kafka's null.
    ///
    /// # Errors
    ///
    /// What the converter cannot write, in Connect's words; `out` then ends in rubbish.
    pub fn write<S: Source>(
        &self,
        source: &S,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        match self {
            Self::Json(plan) => plan.write(source, &mut scratch.stack, out),
            Self::SimpleHeader(schema) => Ok(simple_header::write(schema.as_deref(), source, out)),
            Self::String(encoding, schema) => {
                Ok(java_string::write(schema.as_ref(), *encoding, source, out))
            }
            Self::Primitive(kind, schema) => primitive::write(*kind, schema.as_ref(), source, out),
            Self::Delegate(plan) => plan.write(source, scratch, out),
            Self::CloudEvents(plan) => plan.write(source, scratch, out),
            Self::Avro(plan) => plan.write(source, out),
            Self::Protobuf(plan) => plan.write(source, out),
            Self::JsonSchema(plan) => plan.write(source, scratch, out),
        }
    }
}

/// Java's text of a value: what error messages show.
pub(crate) fn struct_text(schema: Option<&Arc<Schema>>, value: &Value) -> String {
    let mut out = Vec::new();
    if java_string::write(schema, Encoding::Utf8, value, &mut out) {
        String::from_utf8(out).unwrap_or_default()
    } else {
        "null".to_owned()
    }
}

/// A value without parts as Java prints it; bytes as base64.
pub(crate) fn number_text(value: &Value) -> String {
    let mut out = Vec::new();
    match value {
        Value::Boolean(flag) => return flag.to_string(),
        Value::Int8(n) => return n.to_string(),
        Value::Int16(n) => return n.to_string(),
        Value::Int32(n) => return n.to_string(),
        Value::Int64(n) => return n.to_string(),
        Value::Decimal(n) => return n.to_string(),
        Value::String(text) => return text.to_string(),
        Value::Float32(n) => text::write_f32(*n, &mut out),
        Value::Float64(n) => text::write_f64(*n, &mut out),
        Value::Bytes(bytes) => text::write_base64(bytes, &mut out),
        Value::Null | Value::Array(_) | Value::Map(_) | Value::Struct(_) => {}
    }
    String::from_utf8(out).unwrap_or_default()
}
