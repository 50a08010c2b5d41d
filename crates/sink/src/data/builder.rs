//! [`ValueBuilder`]: whatever is driven into it becomes a [`Value`].

use std::sync::Arc;

use bytes::Bytes;

use super::{Decimal, Value};
use crate::emit::Emit;

#[derive(Debug)]
enum Frame {
    Struct(Vec<Value>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>, Option<Value>),
}

/// Builds a tree from what is driven into it.
#[derive(Debug, Default)]
pub struct ValueBuilder {
    stack: Vec<Frame>,
    root: Option<Value>,
}

impl ValueBuilder {
    /// A builder without a value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value that was driven in; [`Value::Null`] where there was none.
    #[must_use]
    pub fn finish(self) -> Value {
        self.root.unwrap_or(Value::Null)
    }

    fn put(&mut self, value: Value) {
        match self.stack.last_mut() {
            None => self.root = Some(value),
            Some(Frame::Struct(values) | Frame::Array(values)) => values.push(value),
            Some(Frame::Map(entries, key)) => match key.take() {
                None => *key = Some(value),
                Some(key) => entries.push((key, value)),
            },
        }
    }

    fn end(&mut self) {
        match self.stack.pop() {
            Some(Frame::Struct(values)) => self.put(Value::Struct(values)),
            Some(Frame::Array(values)) => self.put(Value::Array(values)),
            Some(Frame::Map(entries, _)) => self.put(Value::Map(entries)),
            None => {}
        }
    }
}

impl Emit for ValueBuilder {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn boolean(&mut self, value: bool) {
        self.put(Value::Boolean(value));
    }
    fn int8(&mut self, value: i8) {
        self.put(Value::Int8(value));
    }
    fn int16(&mut self, value: i16) {
        self.put(Value::Int16(value));
    }
    fn int32(&mut self, value: i32) {
        self.put(Value::Int32(value));
    }
    fn int64(&mut self, value: i64) {
        self.put(Value::Int64(value));
    }
    fn float32(&mut self, value: f32) {
        self.put(Value::Float32(value));
    }
    fn float64(&mut self, value: f64) {
        self.put(Value::Float64(value));
    }
    fn string(&mut self, value: &str) {
        self.put(Value::String(Arc::from(value)));
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(Value::Bytes(Bytes::copy_from_slice(value)));
    }
    fn decimal(&mut self, value: &Decimal) {
        self.put(Value::Decimal(value.clone()));
    }
    fn begin_struct(&mut self) {
        self.stack.push(Frame::Struct(Vec::new()));
    }
    fn field(&mut self, index: usize) {
        if let Some(Frame::Struct(values)) = self.stack.last_mut() {
            debug_assert_eq!(values.len(), index, "fields come in order and completely");
        }
    }
    fn end_struct(&mut self) {
        self.end();
    }
    fn begin_array(&mut self, len: usize) {
        self.stack.push(Frame::Array(Vec::with_capacity(len)));
    }
    fn item(&mut self) {}
    fn end_array(&mut self) {
        self.end();
    }
    fn begin_map(&mut self, len: usize) {
        self.stack.push(Frame::Map(Vec::with_capacity(len), None));
    }
    fn map_key(&mut self) {}
    fn map_value(&mut self) {}
    fn end_map(&mut self) {
        self.end();
    }
}
