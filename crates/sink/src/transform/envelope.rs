//! A record's value as Debezium's transforms see it: an envelope, by its schema's name.

use std::sync::Arc;

use super::Typed;
use crate::data::{Schema, Value};

/// An envelope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) schema: &'a Arc<Schema>,
    pub(super) values: &'a [Value],
}

impl<'a> Envelope<'a> {
    /// The value, if it is one (`SmtManager.isValidEnvelope`).
    pub(super) fn of(typed: &'a Typed) -> Option<Self> {
        let schema = typed.schema.as_ref()?;
        let Value::Struct(values) = &typed.value else { return None };
        schema
            .name
            .as_ref()
            .filter(|name| name.ends_with(".Envelope") || &***name == "Envelope")?;
        Some(Self { schema, values })
    }

    /// A field, with its schema.
    pub(super) fn field(&self, name: &str) -> Option<(&'a Arc<Schema>, &'a Value)> {
        let index = self.schema.field_index(name)?;
        Some((&self.schema.fields().get(index)?.schema, self.values.get(index)?))
    }

    /// A field that is a struct, with its schema.
    pub(super) fn structure(&self, name: &str) -> Option<(&'a Arc<Schema>, &'a [Value])> {
        match self.field(name)? {
            (schema, Value::Struct(values)) => Some((schema, values)),
            _ => None,
        }
    }

    /// The operation's letter.
    pub(super) fn op(&self) -> Option<&'a str> {
        match self.field("op")? {
            (_, Value::String(op)) => Some(op),
            _ => None,
        }
    }
}
