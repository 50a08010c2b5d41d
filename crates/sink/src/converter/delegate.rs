//! Debezium's `BinaryDataConverter` and `ByteArrayConverter`: bytes as they are, all else by another converter.

use std::sync::Arc;

use super::{Compiled, Converter, Scratch, Source, struct_text};
use crate::data::{Kind, Schema, Value, ValueBuilder};
use crate::error::{Error, Result};

/// The converter's options.
#[derive(Debug)]
pub struct Config {
    /// `delegate.converter.type` with its own options.
    pub delegate: Option<Converter>,
    /// `ByteArrayConverter` takes Java's arrays only, and a column's bytes are a buffer.
    pub arrays_only: bool,
}

/// The converter compiled against a schema.
#[derive(Debug)]
pub struct Plan {
    config: Arc<Config>,
    topic: Arc<str>,
    schema: Option<Arc<Schema>>,
    delegate: Option<Compiled>,
}

impl Plan {
    /// Compiles the converter against a schema.
    pub(super) fn new(
        config: &Arc<Config>,
        topic: &Arc<str>,
        schema: Option<&Arc<Schema>>,
    ) -> Self {
        let is_bytes =
            schema.is_some_and(|schema| schema.kind == Kind::Bytes && schema.name.is_none());
        let delegate = config.delegate.as_ref().filter(|_| !is_bytes || config.arrays_only);
        Self {
            delegate: delegate.map(|delegate| delegate.compile(topic, schema)),
            config: Arc::clone(config),
            topic: Arc::clone(topic),
            schema: schema.cloned(),
        }
    }

    /// Appends a value; `false` for none.
    pub(super) fn write<S: Source>(
        &self,
        source: &S,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        if let Some(delegate) = &self.delegate {
            return delegate.write(source, scratch, out);
        }
        let mut builder = ValueBuilder::new();
        source.drive(&mut builder);
        match builder.finish() {
            Value::Null => Ok(false),
            Value::Bytes(bytes) if !self.config.arrays_only => {
                out.extend_from_slice(&bytes);
                Ok(true)
            }
            value => {
                let text = struct_text(self.schema.as_ref(), &value);
                Err(Error::data(format!(
                    "A {} of type '{text}' requires a delegate.converter.type to be configured",
                    self.topic
                )))
            }
        }
    }
}
