//! Confluent's `AvroConverter`, compiled against a schema: the registered text is made once, rows become Avro's binary
//! form without a tree in between.
//!
//! A null where the schema has a default is written as the default, as Confluent's `AvroData` does.

use std::sync::{Arc, OnceLock};

use prost::encoding::encode_varint;

use super::Source;
use super::registry::{self, Registry, Subject};
use crate::config_def::{ConfigKey, Default, Importance, Type};
use crate::data::{Decimal, Kind, Schema, Value};
use crate::emit::Emit;
use crate::error::{Error, Result};
use crate::option::Options;

mod schema;

/// The converter's options.
#[derive(Debug)]
pub struct Config {
    registry: Registry,
    /// `connect.meta.data`: what Connect knows of a schema is written into it.
    meta: bool,
    /// `scrub.invalid.names`.
    scrub: bool,
}

/// Options of the class itself.
const OWN: &[ConfigKey] = &[
    ConfigKey::new("enhanced.avro.schema.support", Type::Boolean, Default::Text("false")).documented(Importance::Medium, "Has no effect on what is written here: Debezium's enums are texts."),
    ConfigKey::new("connect.meta.data", Type::Boolean, Default::Text("true")).documented(Importance::Low, "Toggle for enabling/disabling connect converter to add its meta data to the output schema or not"),
    ConfigKey::new("scrub.invalid.names", Type::Boolean, Default::Text("false")).documented(Importance::Medium, "Whether to scrub invalid names by replacing invalid characters with valid characters"),
    ConfigKey::new("schemas.cache.config", Type::Int, Default::Text("1000")).documented(Importance::Low, "Has no effect: schemas are remembered as long as the task runs."),
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
        Ok(Self {
            registry: Registry::parse(is_key, options)?,
            meta: options.flag("connect.meta.data"),
            scrub: options.flag("scrub.invalid.names"),
        })
    }

    /// Reads the options of Apicurio's converter.
    ///
    /// # Errors
    ///
    /// What the registry's options refuse.
    pub(super) fn parse_apicurio(is_key: bool, options: &Options<'_>) -> Result<Self> {
        let registry = Registry::parse_apicurio(is_key, options)?;
        Ok(Self { registry, meta: true, scrub: false })
    }
}

#[derive(Debug)]
enum Null {
    /// There is something that stands for it.
    Bytes(Box<[u8]>),
    /// There must be a value: the field's name and Connect's name of its type.
    Missing(Box<str>, &'static str),
}

#[derive(Debug)]
enum Shape {
    Scalar,
    Record(Box<[u32]>),
    Array(u32),
    Map(u32),
    /// A map whose keys are not texts: an array of records.
    Entries(u32, u32),
}

#[derive(Debug)]
struct Node {
    null: Null,
    /// The branch of the union that a value stands in.
    lead: Option<u8>,
    shape: Shape,
}

/// The converter compiled against a schema.
#[derive(Debug)]
pub struct Plan {
    config: Arc<Config>,
    topic: Arc<str>,
    text: Arc<str>,
    record: Option<Box<str>>,
    nodes: Vec<Node>,
    root: u32,
    /// The magic byte and the schema's number, once it is known.
    head: OnceLock<Box<[u8]>>,
}

/// The key of a map of texts.
const TEXT: u32 = 0;

impl Plan {
    /// Compiles the converter against a schema.
    pub(super) fn new(
        config: &Arc<Config>,
        topic: &Arc<str>,
        schema: Option<&Arc<Schema>>,
    ) -> Self {
        let untyped = Arc::new(Schema::new(Kind::String).optional(true));
        let schema = schema.unwrap_or(&untyped);
        let rules = schema::Rules { meta: config.meta, scrub: config.scrub };
        let mut plan = Self {
            config: Arc::clone(config),
            topic: Arc::clone(topic),
            text: schema::text(schema, rules).into(),
            record: matches!(schema.kind, Kind::Struct(_))
                .then(|| schema::full_name(schema, rules).into()),
            nodes: vec![Node {
                null: Null::Missing("key".into(), "STRING"),
                lead: None,
                shape: Shape::Scalar,
            }],
            root: TEXT,
            head: OnceLock::new(),
        };
        plan.root = plan.add("", schema);
        plan
    }

    fn add(&mut self, name: &str, schema: &Schema) -> u32 {
        let shape = match &schema.kind {
            Kind::Array(items) => Shape::Array(self.add(name, items)),
            Kind::Map(keys, values) if keys.kind == Kind::String && !keys.optional => {
                Shape::Map(self.add(name, values))
            }
            Kind::Map(keys, values) => Shape::Entries(self.add(name, keys), self.add(name, values)),
            Kind::Struct(fields) => Shape::Record(
                fields.iter().map(|field| self.add(&field.name, &field.schema)).collect(),
            ),
            _ => Shape::Scalar,
        };
        let (lead, null) = match (&schema.default, schema.optional) {
            (Some(_), true) => (Some(0), Vec::new()),
            (None, true) => (Some(2), vec![0]),
            (_, false) => (None, Vec::new()),
        };
        let missing = Null::Missing(name.into(), schema.kind.name());
        let null = if schema.optional { Null::Bytes(null.into()) } else { missing };
        let id = u32::try_from(self.nodes.len()).unwrap_or(TEXT);
        self.nodes.push(Node { null, lead, shape });
        if let Some(default) = &schema.default {
            let mut out = Vec::new();
            let mut writer = self.writer(id, &mut out);
            default.emit(&mut writer);
            if let Some(node) = self.nodes.get_mut(id as usize) {
                node.null = Null::Bytes(out.into());
            }
        }
        id
    }

    const fn writer<'a>(&'a self, root: u32, out: &'a mut Vec<u8>) -> Writer<'a> {
        Writer { plan: self, out, stack: Vec::new(), current: root, missing: None }
    }

    fn head(&self) -> Result<&[u8]> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let registry = &self.config.registry;
        let subject = Subject { topic: &self.topic, record: self.record.as_deref() };
        let head = registry.head(subject, "AVRO", &self.text).map_err(|error| {
            error.into_error("Avro", &self.topic, registry.registers(), &self.text)
        })?;
        Ok(self.head.get_or_init(|| head))
    }

    /// Appends a value; `false` for none.
    pub(super) fn write<S: Source>(&self, source: &S, out: &mut Vec<u8>) -> Result<bool> {
        let mut presence = crate::emit::Presence::default();
        source.drive(&mut presence);
        if !presence.is_present() {
            return Ok(false);
        }
        let start = self.config.registry.reserve(out);
        let mut writer = self.writer(self.root, out);
        source.drive(&mut writer);
        if let Some((name, kind)) = writer.missing {
            return Err(Error::data(format!(
                "Invalid value: null used for required field: \"{name}\", schema type: {kind}"
            )));
        }
        // A schema whose first value cannot be written is not registered.
        registry::put_head(out, start, self.head()?);
        Ok(true)
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    out: &'a mut Vec<u8>,
    /// Nodes of the containers that are being written.
    stack: Vec<u32>,
    /// Node of the value that comes next.
    current: u32,
    missing: Option<(&'a str, &'static str)>,
}

/// Appends a whole number in Avro's form: zigzag, seven bits a byte.
fn write_long(n: i64, out: &mut Vec<u8>) {
    encode_varint(((n << 1) ^ (n >> 63)).cast_unsigned(), out);
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    write_long(i64::try_from(len).unwrap_or(i64::MAX), out);
}

impl<'a> Writer<'a> {
    fn node(&self, id: u32) -> Option<&'a Node> {
        self.plan.nodes.get(id as usize)
    }

    fn lead(&mut self) {
        if let Some(lead) = self.node(self.current).and_then(|node| node.lead) {
            self.out.push(lead);
        }
    }

    fn long(&mut self, n: i64) {
        self.lead();
        write_long(n, self.out);
    }

    fn begin(&mut self, len: usize) {
        self.lead();
        self.stack.push(self.current);
        if len > 0 {
            write_len(len, self.out);
        }
    }

    fn shape(&self) -> Option<&'a Shape> {
        self.node(*self.stack.last()?).map(|node| &node.shape)
    }
}

impl Emit for Writer<'_> {
    fn null(&mut self) {
        match self.node(self.current).map(|node| &node.null) {
            Some(Null::Bytes(bytes)) => self.out.extend_from_slice(bytes),
            Some(Null::Missing(name, kind)) => self.missing = Some((name, kind)),
            None => {}
        }
    }
    fn boolean(&mut self, value: bool) {
        self.lead();
        self.out.push(u8::from(value));
    }
    fn int8(&mut self, value: i8) {
        self.long(value.into());
    }
    fn int16(&mut self, value: i16) {
        self.long(value.into());
    }
    fn int32(&mut self, value: i32) {
        self.long(value.into());
    }
    fn int64(&mut self, value: i64) {
        self.long(value);
    }
    fn float32(&mut self, value: f32) {
        self.lead();
        self.out.extend_from_slice(&value.to_le_bytes());
    }
    fn float64(&mut self, value: f64) {
        self.lead();
        self.out.extend_from_slice(&value.to_le_bytes());
    }
    fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }
    fn bytes(&mut self, value: &[u8]) {
        self.lead();
        write_len(value.len(), self.out);
        self.out.extend_from_slice(value);
    }
    fn decimal(&mut self, value: &Decimal) {
        value.unscaled_bytes(|bytes| self.bytes(bytes));
    }
    fn begin_struct(&mut self) {
        self.lead();
        self.stack.push(self.current);
    }
    fn field(&mut self, index: usize) {
        if let Some(Shape::Record(fields)) = self.shape()
            && let Some(node) = fields.get(index)
        {
            self.current = *node;
        }
    }
    fn end_struct(&mut self) {
        self.stack.pop();
    }
    fn begin_array(&mut self, len: usize) {
        self.begin(len);
    }
    fn item(&mut self) {
        if let Some(Shape::Array(items)) = self.shape() {
            self.current = *items;
        }
    }
    fn end_array(&mut self) {
        self.stack.pop();
        self.out.push(0);
    }
    fn begin_map(&mut self, len: usize) {
        self.begin(len);
    }
    fn map_key(&mut self) {
        self.current = if let Some(Shape::Entries(keys, _)) = self.shape() { *keys } else { TEXT };
    }
    fn map_value(&mut self) {
        if let Some(Shape::Map(values) | Shape::Entries(_, values)) = self.shape() {
            self.current = *values;
        }
    }
    fn end_map(&mut self) {
        self.stack.pop();
        self.out.push(0);
    }
}

/// A default as JSON, in the form that schemas have it; bytes are texts of the characters 0 to 255.
pub(super) fn default_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    let latin =
        |bytes: &[u8]| Json::from(bytes.iter().copied().map(char::from).collect::<String>());
    match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Int8(n) => (*n).into(),
        Value::Int16(n) => (*n).into(),
        Value::Int32(n) => (*n).into(),
        Value::Int64(n) => (*n).into(),
        Value::Float32(n) => f64::from(*n).into(),
        Value::Float64(n) => (*n).into(),
        Value::String(text) => Json::from(&**text),
        Value::Bytes(bytes) => latin(bytes),
        Value::Decimal(decimal) => {
            let mut text = Json::Null;
            decimal.unscaled_bytes(|bytes| text = latin(bytes));
            text
        }
        Value::Array(items) => items.iter().map(default_json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| (super::number_text(key), default_json(value)))
            .collect(),
        Value::Struct(_) => Json::Object(serde_json::Map::new()),
    }
}
