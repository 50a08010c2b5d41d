//! Connect's `JsonConverter`, compiled against a schema.
//!
//! The schema's whole text and every `,"name":` are ready bytes; a row only adds its values between them.

use std::sync::Arc;

use super::{Source, text};
use crate::data::{Decimal, Kind, Schema, Value};
use crate::emit::Emit;
use crate::error::{Error, Result};

mod escape;
mod schema;

pub use escape::write_string;

/// Options of the converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonConfig {
    /// `schemas.enable`.
    pub schemas: bool,
    /// `decimal.format=NUMERIC`.
    pub numeric_decimals: bool,
    /// `replace.null.with.default`.
    pub replace_null_with_default: bool,
}

impl Default for JsonConfig {
    fn default() -> Self {
        Self { schemas: true, numeric_decimals: false, replace_null_with_default: true }
    }
}

/// Text of a value without a schema: arrays and maps of the same.
const ANY: u32 = 0;

#[derive(Debug)]
struct Node {
    /// What a missing value looks like; `None` where it must not be missing.
    null: Option<Box<[u8]>>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Scalar,
    Any,
    Array(u32),
    /// Key and value; an object where the keys are strings, else a list of pairs.
    Map(u32, u32, bool),
    /// What stands before each field's value, and its node.
    Struct(Box<[(Box<[u8]>, u32)]>),
}

/// The converter compiled against a schema.
#[derive(Debug)]
pub struct JsonPlan {
    config: JsonConfig,
    nodes: Vec<Node>,
    root: u32,
    open: Box<[u8]>,
    close: &'static [u8],
    schemaless: bool,
}

impl JsonPlan {
    /// Compiles the converter against a schema.
    #[must_use]
    pub fn new(config: JsonConfig, schema: Option<&Arc<Schema>>) -> Self {
        let mut plan = Self {
            config,
            nodes: vec![Node { null: Some(Box::from(*b"null")), shape: Shape::Any }],
            root: ANY,
            open: Box::default(),
            close: b"",
            schemaless: schema.is_none(),
        };
        if config.schemas {
            let mut open = b"{\"schema\":".to_vec();
            match schema {
                Some(schema) => schema::write(schema, None, config, &mut open),
                None => open.extend_from_slice(b"null"),
            }
            open.extend_from_slice(b",\"payload\":");
            plan.open = open.into();
            plan.close = b"}";
        }
        if let Some(schema) = schema {
            plan.root = plan.add(schema);
        }
        plan
    }

    fn add(&mut self, schema: &Schema) -> u32 {
        let shape = match &schema.kind {
            Kind::Array(items) => Shape::Array(self.add(items)),
            Kind::Map(keys, values) => {
                let object = matches!(keys.kind, Kind::String);
                Shape::Map(self.add(keys), self.add(values), object)
            }
            Kind::Struct(fields) => {
                let mut parts = Vec::with_capacity(fields.len());
                for field in fields {
                    let mut before = vec![if parts.is_empty() { b'{' } else { b',' }];
                    write_string(&field.name, &mut before);
                    before.push(b':');
                    parts.push((before.into(), self.add(&field.schema)));
                }
                Shape::Struct(parts.into())
            }
            _ => Shape::Scalar,
        };
        let null = match &schema.default {
            Some(default) if self.config.replace_null_with_default => {
                Some(value_text(self.config, schema, default).into())
            }
            _ => schema.optional.then(|| Box::from(*b"null")),
        };
        self.nodes.push(Node { null, shape });
        u32::try_from(self.nodes.len() - 1).unwrap_or(ANY)
    }

    /// Appends a value; `false` for neither schema nor value.
    pub(super) fn write<S: Source>(
        &self,
        source: &S,
        stack: &mut Vec<Frame>,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let start = out.len();
        out.extend_from_slice(&self.open);
        stack.clear();
        let payload = out.len();
        let mut writer = JsonWriter { plan: self, out, stack, current: self.root, missing: false };
        source.drive(&mut writer);
        if writer.missing {
            return Err(Error::data(
                "Conversion error: null value for field that is required and has no default value",
            ));
        }
        if self.schemaless && out.get(payload..) == Some(b"null") {
            out.truncate(start);
            return Ok(false);
        }
        out.extend_from_slice(self.close);
        Ok(true)
    }
}

/// A value's JSON, apart from any envelope.
fn value_text(config: JsonConfig, schema: &Schema, value: &Value) -> Vec<u8> {
    // A default's own nulls are written with the same rules; its schema must not ask for itself again.
    let bare = Schema { default: None, ..schema.clone() };
    let plan = JsonPlan::new(JsonConfig { schemas: false, ..config }, Some(&Arc::new(bare)));
    let mut out = Vec::new();
    let mut stack = Vec::new();
    let mut writer = JsonWriter {
        plan: &plan,
        out: &mut out,
        stack: &mut stack,
        current: plan.root,
        missing: false,
    };
    value.emit(&mut writer);
    out
}

/// A container that is being written.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    node: u32,
    count: u32,
}

/// Writes one value.
#[derive(Debug)]
pub struct JsonWriter<'a> {
    plan: &'a JsonPlan,
    out: &'a mut Vec<u8>,
    stack: &'a mut Vec<Frame>,
    /// Node of the value that comes next.
    current: u32,
    missing: bool,
}

impl<'a> JsonWriter<'a> {
    fn shape(&self, node: u32) -> &'a Shape {
        self.plan.nodes.get(node as usize).map_or(&Shape::Any, |node| &node.shape)
    }

    fn begin(&mut self) {
        self.stack.push(Frame { node: self.current, count: 0 });
    }

    fn next(&mut self) -> (&'a Shape, u32) {
        let Some(frame) = self.stack.last_mut() else { return (&Shape::Any, 0) };
        let (node, count) = (frame.node, frame.count);
        frame.count += 1;
        (self.shape(node), count)
    }

    fn end(&mut self) -> (&'a Shape, u32) {
        self.stack.pop().map_or((&Shape::Any, 0), |frame| (self.shape(frame.node), frame.count))
    }

    fn integer(&mut self, value: i64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }
}

impl Emit for JsonWriter<'_> {
    fn null(&mut self) {
        match self.plan.nodes.get(self.current as usize).and_then(|node| node.null.as_deref()) {
            Some(text) => self.out.extend_from_slice(text),
            None => self.missing = true,
        }
    }
    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
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
        if value.is_finite() {
            text::write_f32(value, self.out);
        } else {
            self.quoted(|out| text::write_f32(value, out));
        }
    }
    fn float64(&mut self, value: f64) {
        if value.is_finite() {
            text::write_f64(value, self.out);
        } else {
            self.quoted(|out| text::write_f64(value, out));
        }
    }
    fn string(&mut self, value: &str) {
        write_string(value, self.out);
    }
    fn bytes(&mut self, value: &[u8]) {
        self.quoted(|out| text::write_base64(value, out));
    }
    fn decimal(&mut self, value: &Decimal) {
        if self.plan.config.numeric_decimals {
            self.out.extend_from_slice(value.to_string().as_bytes());
        } else {
            self.quoted(|out| value.unscaled_bytes(|bytes| text::write_base64(bytes, out)));
        }
    }
    fn begin_struct(&mut self) {
        self.begin();
    }
    fn field(&mut self, index: usize) {
        let frame = self.stack.last().map_or(ANY, |frame| frame.node);
        if let Shape::Struct(fields) = self.shape(frame)
            && let Some((before, node)) = fields.get(index)
        {
            self.out.extend_from_slice(before);
            self.current = *node;
        }
    }
    fn end_struct(&mut self) {
        let empty = matches!(self.end(), (Shape::Struct(fields), _) if fields.is_empty());
        self.out.extend_from_slice(if empty { b"{}" } else { b"}" });
    }
    fn begin_array(&mut self, _len: usize) {
        self.begin();
        self.out.push(b'[');
    }
    fn item(&mut self) {
        let (shape, count) = self.next();
        if count > 0 {
            self.out.push(b',');
        }
        self.current = if let Shape::Array(items) = shape { *items } else { ANY };
    }
    fn end_array(&mut self) {
        self.end();
        self.out.push(b']');
    }
    fn begin_map(&mut self, _len: usize) {
        self.begin();
        let pairs = matches!(self.shape(self.current), Shape::Map(_, _, false));
        self.out.push(if pairs { b'[' } else { b'{' });
    }
    fn map_key(&mut self) {
        let (shape, count) = self.next();
        let pairs = matches!(shape, Shape::Map(_, _, false));
        let before: &[u8] = match (count, pairs) {
            (0, false) => b"",
            (0, true) => b"[",
            (_, false) => b",",
            (_, true) => b"],[",
        };
        self.out.extend_from_slice(before);
        self.current = if let Shape::Map(keys, ..) = shape { *keys } else { ANY };
    }
    fn map_value(&mut self) {
        let frame = self.stack.last().map_or(ANY, |frame| frame.node);
        let (between, values) = match self.shape(frame) {
            Shape::Map(_, values, object) => (if *object { b':' } else { b',' }, *values),
            _ => (b':', ANY),
        };
        self.out.push(between);
        self.current = values;
    }
    fn end_map(&mut self) {
        let close: &[u8] = match self.end() {
            (Shape::Map(_, _, false), 0) => b"]",
            (Shape::Map(_, _, false), _) => b"]]",
            _ => b"}",
        };
        self.out.extend_from_slice(close);
    }
}
