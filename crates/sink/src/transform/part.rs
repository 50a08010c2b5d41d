//! The part of a record that a `$Key` or `$Value` transform works on, and what it may expect of it.

use std::sync::Arc;

use super::{Record, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::plan::{Node, RecordPlan};

/// Key or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
}

impl Part {
    pub(super) const fn of(self, record: &Record) -> &Typed {
        match self {
            Self::Key => &record.key,
            Self::Value => &record.value,
        }
    }

    pub(super) const fn of_mut(self, record: &mut Record) -> &mut Typed {
        match self {
            Self::Key => &mut record.key,
            Self::Value => &mut record.value,
        }
    }

    pub(super) const fn node(self, plan: &RecordPlan) -> &Node {
        match self {
            Self::Key => &plan.key,
            Self::Value => &plan.value,
        }
    }

    pub(super) const fn node_mut(self, plan: &mut RecordPlan) -> &mut Node {
        match self {
            Self::Key => &mut plan.key,
            Self::Value => &mut plan.value,
        }
    }
}

impl Typed {
    /// The struct, with its schema.
    ///
    /// # Errors
    ///
    /// Connect's `Requirements.requireStruct` or `requireMap`: this is neither.
    pub(super) fn require_struct(&self, purpose: &str) -> Result<(&Arc<Schema>, &[Value])> {
        match (&self.schema, &self.value) {
            (Some(schema), Value::Struct(values)) => Ok((schema, values)),
            (Some(_), value) => Err(Error::data(format!(
                "Only Struct objects supported for [{purpose}], found: {}",
                class_or_null(self.schema.as_deref(), value)
            ))),
            (None, value) => Err(Error::data(format!(
                "Only Map objects supported in absence of schema for [{purpose}], found: {}",
                class_or_null(None, value)
            ))),
        }
    }
}

/// Connect's `nullSafeClassName`.
fn class_or_null(schema: Option<&Schema>, value: &Value) -> &'static str {
    if value.is_null() { "null" } else { java_class(schema, value) }
}

/// The Java class of what Debezium puts into such a field.
pub(crate) fn java_class(schema: Option<&Schema>, value: &Value) -> &'static str {
    if schema.and_then(|schema| schema.name.as_deref()).is_some_and(is_date)
        && matches!(value, Value::Int32(_) | Value::Int64(_))
    {
        return "java.util.Date";
    }
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "java.lang.Boolean",
        Value::Int8(_) => "java.lang.Byte",
        Value::Int16(_) => "java.lang.Short",
        Value::Int32(_) => "java.lang.Integer",
        Value::Int64(_) => "java.lang.Long",
        Value::Float32(_) => "java.lang.Float",
        Value::Float64(_) => "java.lang.Double",
        Value::String(_) => "java.lang.String",
        Value::Bytes(_) => "java.nio.HeapByteBuffer",
        Value::Decimal(_) => "java.math.BigDecimal",
        Value::Array(_) => "java.util.ArrayList",
        Value::Map(_) => "java.util.HashMap",
        Value::Struct(_) => "org.apache.kafka.connect.data.Struct",
    }
}

/// Names of Connect's logical types whose values are `java.util.Date`.
pub(super) const DATE: &str = "org.apache.kafka.connect.data.Date";
/// Milliseconds of a day.
pub(super) const TIME: &str = "org.apache.kafka.connect.data.Time";
/// Milliseconds since the epoch.
pub(super) const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";

fn is_date(name: &str) -> bool {
    [DATE, TIME, TIMESTAMP].contains(&name)
}

/// The fields of a struct on their way into a new one: Connect's `SchemaUtil.copySchemaBasics`, which leaves
/// optionality and default behind.
pub(super) fn rebuilt(schema: &Schema, fields: Vec<Field>) -> Schema {
    Schema { kind: Kind::Struct(fields), optional: false, default: None, ..schema.clone() }
}

/// What stands for a null of the field.
pub(super) fn default_of(schema: &Schema, replace_null: bool) -> Value {
    schema.default.clone().filter(|_| replace_null).unwrap_or(Value::Null)
}

/// The value with its default in place of null (`Struct.get`).
pub(super) fn or_default(value: &Value, default: &Value) -> Value {
    if value.is_null() { default.clone() } else { value.clone() }
}
