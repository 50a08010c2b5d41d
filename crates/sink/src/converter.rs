//! Converters: how keys, values and headers become bytes.
//!
//! A [`Converter`] is a choice with its options. Compiled against a schema it is a [`Compiled`], which writes any
//! number of values of that schema: rows driven from a plan, and trees, through the same [`Emit`] implementation.

use std::sync::Arc;

use crate::data::{Schema, Value};
use crate::emit::Emit;
use crate::error::Result;

mod choice;
pub mod json;
pub mod simple_header;
mod text;

use json::{JsonConfig, JsonPlan};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Converter {
    /// `org.apache.kafka.connect.json.JsonConverter`.
    Json(JsonConfig),
    /// `org.apache.kafka.connect.storage.SimpleHeaderConverter`.
    SimpleHeader,
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
    /// Compiles the converter against a schema; `None` for values without one.
    #[must_use]
    pub fn compile(&self, schema: Option<&Arc<Schema>>) -> Compiled {
        match self {
            Self::Json(config) => Compiled::Json(JsonPlan::new(*config, schema)),
            Self::SimpleHeader => Compiled::SimpleHeader(schema.cloned()),
        }
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
        }
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
