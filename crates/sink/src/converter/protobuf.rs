//! Confluent's `ProtobufConverter`, compiled against a schema.
//!
//! Values are those of proto3 without presence: nothing is written for zero, false, empty and null; a null where the
//! schema has a default is written as the default.

use std::sync::{Arc, OnceLock};

use prost::encoding::{WireType, encode_key, encode_varint};

use super::Source;
use super::registry::{self, Registry, Subject};
use crate::config_def::{ConfigKey, Default, Importance, Type};
use crate::data::{Decimal, Kind, Schema, Unscaled};
use crate::emit::Emit;
use crate::error::{Error, Result};
use crate::option::Options;

mod schema;

/// The converter's options.
#[derive(Debug)]
pub struct Config {
    registry: Registry,
}

const OWN: &[ConfigKey] = &[
    ConfigKey::new("enhanced.protobuf.schema.support", Type::Boolean, Default::Text("false"))
        .documented(Importance::Medium, "Has no effect on what is written here."),
    ConfigKey::new("schemas.cache.config", Type::Int, Default::Text("1000")).documented(
        Importance::Low,
        "Has no effect: schemas are remembered as long as the task runs.",
    ),
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
        Ok(Self { registry: Registry::parse(is_key, options)? })
    }
}

/// Kinds of values that are not what they are for Connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logical {
    None,
    Decimal,
    Date,
    Time,
    Timestamp,
}

#[derive(Debug)]
enum Shape {
    Scalar(Logical),
    Message(Box<[u32]>),
    /// Items, and whether they stand packed behind one key.
    Repeated(u32, bool),
    /// Entries with key and value.
    Map(u32, u32),
}

#[derive(Debug)]
struct Node {
    /// Its number in the message around; 0 for an item of packed ones.
    tag: u32,
    shape: Shape,
    default: Option<Box<[u8]>>,
    /// Whether zero is written as well: items and map entries are.
    explicit: bool,
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
    /// Values of a schema that is not a struct stand in a message of one field.
    wrapped: bool,
    head: OnceLock<Box<[u8]>>,
}

impl Plan {
    /// Compiles the converter against a schema.
    pub(super) fn new(
        config: &Arc<Config>,
        topic: &Arc<str>,
        schema: Option<&Arc<Schema>>,
    ) -> Self {
        let untyped = Arc::new(Schema::new(Kind::String).optional(true));
        let schema = schema.unwrap_or(&untyped);
        let wrapped = !matches!(schema.kind, Kind::Struct(_));
        let mut plan = Self {
            config: Arc::clone(config),
            topic: Arc::clone(topic),
            text: schema::text(schema).into(),
            record: schema::full_name(schema).map(Into::into),
            nodes: Vec::new(),
            root: 0,
            wrapped,
            head: OnceLock::new(),
        };
        plan.root = plan.add(1, false, schema);
        plan
    }

    fn add(&mut self, tag: u32, explicit: bool, schema: &Schema) -> u32 {
        let shape = match &schema.kind {
            Kind::Array(items) => {
                let packed = matches!(
                    items.kind,
                    Kind::Boolean
                        | Kind::Int8
                        | Kind::Int16
                        | Kind::Int32
                        | Kind::Int64
                        | Kind::Float32
                        | Kind::Float64
                ) && logical(items) == Logical::None;
                Shape::Repeated(self.add(if packed { 0 } else { tag }, true, items), packed)
            }
            Kind::Map(keys, values) => {
                Shape::Map(self.add(1, true, keys), self.add(2, true, values))
            }
            Kind::Struct(fields) => {
                let tagged = (1_u32..).zip(fields);
                Shape::Message(
                    tagged.map(|(tag, field)| self.add(tag, false, &field.schema)).collect(),
                )
            }
            _ => Shape::Scalar(logical(schema)),
        };
        let id = u32::try_from(self.nodes.len()).unwrap_or(0);
        self.nodes.push(Node { tag, shape, default: None, explicit });
        if let Some(default) = &schema.default {
            let mut out = Vec::new();
            let mut writer = self.writer(id, &mut out);
            default.emit(&mut writer);
            if let Some(node) = self.nodes.get_mut(id as usize) {
                node.default = Some(out.into());
            }
        }
        id
    }

    const fn writer<'a>(&'a self, root: u32, out: &'a mut Vec<u8>) -> Writer<'a> {
        Writer { plan: self, out, stack: Vec::new(), current: root, depth: 1, null_item: false }
    }

    fn head(&self) -> Result<&[u8]> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let registry = &self.config.registry;
        let subject = Subject { topic: &self.topic, record: self.record.as_deref() };
        let head = registry.head(subject, "PROTOBUF", &self.text).map_err(|error| {
            error.into_error("Protobuf", &self.topic, registry.registers(), &self.text)
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
        // The first message of the schema.
        out.push(0);
        let mut writer = self.writer(self.root, out);
        if !self.wrapped {
            writer.depth = 0;
        }
        source.drive(&mut writer);
        if writer.null_item {
            return Err(Error::java("java.lang.NullPointerException", ""));
        }
        // A schema whose first value cannot be written is not registered.
        registry::put_head(out, start, self.head()?);
        Ok(true)
    }
}

fn logical(schema: &Schema) -> Logical {
    let name =
        schema.name.as_deref().and_then(|name| name.strip_prefix("org.apache.kafka.connect.data."));
    match name {
        Some("Decimal") => Logical::Decimal,
        Some("Date") => Logical::Date,
        Some("Time") => Logical::Time,
        Some("Timestamp") => Logical::Timestamp,
        _ => Logical::None,
    }
}

/// A container that is being written.
struct Frame {
    node: u32,
    /// Where its bytes begin, if its length stands before them.
    start: Option<usize>,
    /// Where the bytes of the map entry that is being written begin.
    entry: usize,
}

struct Writer<'a> {
    plan: &'a Plan,
    out: &'a mut Vec<u8>,
    stack: Vec<Frame>,
    /// Node of the value that comes next.
    current: u32,
    /// 0 while the next struct is the message itself.
    depth: u32,
    null_item: bool,
}

/// Puts the length of what stands behind `start` before it.
fn prefix_length(out: &mut Vec<u8>, start: usize) {
    let mut length = Vec::with_capacity(10);
    encode_varint(u64::try_from(out.len() - start).unwrap_or(u64::MAX), &mut length);
    out.splice(start..start, length);
}

impl<'a> Writer<'a> {
    fn node(&self) -> Option<&'a Node> {
        self.plan.nodes.get(self.current as usize)
    }

    fn key(&mut self, wire: WireType) {
        if let Some(tag) = self.node().map(|node| node.tag).filter(|tag| *tag > 0) {
            encode_key(tag, wire, self.out);
        }
    }

    fn is_explicit(&self) -> bool {
        self.node().is_some_and(|node| node.explicit)
    }

    fn varint(&mut self, value: u64) {
        if value != 0 || self.is_explicit() {
            self.key(WireType::Varint);
            encode_varint(value, self.out);
        }
    }

    fn integer(&mut self, value: i64) {
        let logical = match self.node().map(|node| &node.shape) {
            Some(Shape::Scalar(logical)) => *logical,
            _ => Logical::None,
        };
        let parts: Vec<i64> = match logical {
            Logical::None | Logical::Decimal => return self.varint(value.cast_unsigned()),
            Logical::Timestamp => vec![value.div_euclid(1000), value.rem_euclid(1000) * 1_000_000],
            Logical::Date => match jiff::Timestamp::from_second(value.saturating_mul(86_400)) {
                Ok(at) => {
                    let date = jiff::tz::Offset::UTC.to_datetime(at);
                    vec![date.year().into(), date.month().into(), date.day().into()]
                }
                Err(_) => Vec::new(),
            },
            Logical::Time => {
                let seconds = value / 1000;
                vec![seconds / 3600, seconds / 60 % 60, seconds % 60, value % 1000 * 1_000_000]
            }
        };
        self.message(&parts);
    }

    /// A message of whole numbers.
    fn message(&mut self, parts: &[i64]) {
        self.key(WireType::LengthDelimited);
        let start = self.out.len();
        for (tag, part) in (1_u32..).zip(parts).filter(|(_, part)| **part != 0) {
            encode_key(tag, WireType::Varint, self.out);
            encode_varint(part.cast_unsigned(), self.out);
        }
        prefix_length(self.out, start);
    }

    fn frame(&self) -> Option<&'a Shape> {
        let frame = self.stack.last()?;
        self.plan.nodes.get(frame.node as usize).map(|node| &node.shape)
    }

    fn begin(&mut self, delimited: bool) {
        let start = delimited.then(|| {
            self.key(WireType::LengthDelimited);
            self.out.len()
        });
        self.stack.push(Frame { node: self.current, start, entry: 0 });
    }

    fn end(&mut self) {
        if let Some(Frame { start: Some(start), .. }) = self.stack.pop() {
            prefix_length(self.out, start);
        }
    }
}

impl Emit for Writer<'_> {
    fn null(&mut self) {
        match self.node() {
            Some(Node { default: Some(default), .. }) => self.out.extend_from_slice(default),
            Some(Node { explicit: true, .. }) => self.null_item = true,
            _ => {}
        }
    }
    fn boolean(&mut self, value: bool) {
        self.varint(value.into());
    }
    fn int8(&mut self, value: i8) {
        self.integer(value.into());
    }
    fn int16(&mut self, value: i16) {
        self.integer(value.into());
    }
    fn int32(&mut self, value: i32) {
        self.integer(value.into());
    }
    fn int64(&mut self, value: i64) {
        self.integer(value);
    }
    fn float32(&mut self, value: f32) {
        if value.to_bits() != 0 || self.is_explicit() {
            self.key(WireType::ThirtyTwoBit);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }
    fn float64(&mut self, value: f64) {
        if value.to_bits() != 0 || self.is_explicit() {
            self.key(WireType::SixtyFourBit);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }
    fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }
    fn bytes(&mut self, value: &[u8]) {
        if !value.is_empty() || self.is_explicit() {
            self.key(WireType::LengthDelimited);
            encode_varint(u64::try_from(value.len()).unwrap_or(u64::MAX), self.out);
            self.out.extend_from_slice(value);
        }
    }
    fn decimal(&mut self, value: &Decimal) {
        let digits = match &value.unscaled {
            Unscaled::Small(digits) => digits.unsigned_abs().to_string().len(),
            Unscaled::Big(digits) => digits.magnitude().to_string().len(),
        };
        self.key(WireType::LengthDelimited);
        let start = self.out.len();
        value.unscaled_bytes(|bytes| {
            encode_key(1, WireType::LengthDelimited, self.out);
            encode_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), self.out);
            self.out.extend_from_slice(bytes);
        });
        encode_key(2, WireType::Varint, self.out);
        encode_varint(u64::try_from(digits).unwrap_or(u64::MAX), self.out);
        if value.scale != 0 {
            encode_key(3, WireType::Varint, self.out);
            encode_varint(i64::from(value.scale).cast_unsigned(), self.out);
        }
        prefix_length(self.out, start);
    }
    fn begin_struct(&mut self) {
        self.begin(self.depth > 0);
        self.depth += 1;
    }
    fn field(&mut self, index: usize) {
        if let Some(Shape::Message(fields)) = self.frame()
            && let Some(node) = fields.get(index)
        {
            self.current = *node;
        }
    }
    fn end_struct(&mut self) {
        self.end();
    }
    fn begin_array(&mut self, len: usize) {
        let packed = matches!(self.node().map(|node| &node.shape), Some(Shape::Repeated(_, true)));
        self.begin(packed && len > 0);
        self.depth += 1;
    }
    fn item(&mut self) {
        if let Some(Shape::Repeated(items, _)) = self.frame() {
            self.current = *items;
        }
    }
    fn end_array(&mut self) {
        self.end();
    }
    fn begin_map(&mut self, _len: usize) {
        self.begin(false);
        self.depth += 1;
    }
    fn map_key(&mut self) {
        let Some(frame) = self.stack.last() else { return };
        self.current = frame.node;
        self.finish_entry();
        if let Some(Shape::Map(keys, _)) = self.frame() {
            let keys = *keys;
            self.key(WireType::LengthDelimited);
            let at = self.out.len();
            if let Some(frame) = self.stack.last_mut() {
                frame.entry = at;
            }
            self.current = keys;
        }
    }
    fn map_value(&mut self) {
        if let Some(Shape::Map(_, values)) = self.frame() {
            self.current = *values;
        }
    }
    fn end_map(&mut self) {
        self.finish_entry();
        self.end();
    }
}

impl Writer<'_> {
    fn finish_entry(&mut self) {
        if let Some(frame) = self.stack.last_mut().filter(|frame| frame.entry > 0) {
            let start = std::mem::take(&mut frame.entry);
            prefix_length(self.out, start);
        }
    }
}
