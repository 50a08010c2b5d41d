//! `io.debezium.transforms.VectorToJsonConverter`: pgvector's types as JSON text.

use std::fmt::Write;
use std::sync::Arc;

use super::derived::Derived;
use super::part::or_default;
use super::{Record, Transform};
use crate::converter::number_text;
use crate::data::{Field, Kind, Schema, Value};
use crate::error::Result;

/// The transform.
#[derive(Debug, Default)]
pub(super) struct VectorToJson {
    schemas: Derived<Arc<Schema>>,
}

fn is_dense(schema: &Schema) -> bool {
    matches!(
        schema.name.as_deref(),
        Some("io.debezium.data.DoubleVector" | "io.debezium.data.FloatVector")
    )
}

fn is_sparse(schema: &Schema) -> bool {
    schema.name.as_deref() == Some("io.debezium.data.SparseDoubleVector")
}

fn schema_of(schema: &Schema) -> Schema {
    let field = |field: &Field| {
        let made = match &field.schema.kind {
            _ if is_dense(&field.schema) || is_sparse(&field.schema) => {
                let json = Schema::named(Kind::String, "io.debezium.data.Json");
                Arc::new(json.optional(field.schema.optional))
            }
            Kind::Struct(_) => Arc::new(schema_of(&field.schema)),
            _ => Arc::clone(&field.schema),
        };
        Field { name: Arc::clone(&field.name), schema: made }
    };
    let fields = schema.fields().iter().map(field).collect();
    Schema { kind: Kind::Struct(fields), ..schema.clone() }
}

fn value_of(schema: &Schema, value: &Value) -> Value {
    let Value::Struct(values) = value else { return value.clone() };
    let fields = schema.fields().iter().zip(values).map(|(field, value)| {
        let schema = &field.schema;
        let value = or_default(value, schema.default.as_ref().unwrap_or(&Value::Null));
        match &value {
            Value::Array(items) if is_dense(schema) => {
                let items: Vec<String> = items.iter().map(number_text).collect();
                format!("{{ \"values\": [{}] }}", items.join(", ")).as_str().into()
            }
            Value::Struct(parts) if is_sparse(schema) => sparse(schema, parts),
            Value::Struct(_) => value_of(schema, &value),
            _ => value,
        }
    });
    Value::Struct(fields.collect())
}

fn sparse(schema: &Schema, parts: &[Value]) -> Value {
    let part = |name| schema.field_index(name).and_then(|index| parts.get(index));
    let dimensions = part("dimensions").map(number_text).unwrap_or_default();
    let mut entries: Vec<&(Value, Value)> = match part("vector") {
        Some(Value::Map(entries)) => entries.iter().collect(),
        _ => Vec::new(),
    };
    entries.sort_by_key(|(key, _)| match key {
        Value::Int16(index) => i64::from(*index),
        Value::Int32(index) => i64::from(*index),
        Value::Int64(index) => *index,
        _ => 0,
    });
    let mut text = String::new();
    for (index, (key, value)) in entries.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        write!(text, "{comma}\"{}\": {}", number_text(key), number_text(value)).ok();
    }
    format!("{{ \"dimensions\": {dimensions}, \"vector\": {{ {text} }} }}").as_str().into()
}

impl Transform for VectorToJson {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        if record.value.value.is_null() {
            return Ok(Some(record));
        }
        let (schema, _) = record.value.require_struct("Value should be a struct")?;
        let schema = Arc::clone(schema);
        let made = self.schemas.get(&schema, || Ok(Arc::new(schema_of(&schema))))?;
        record.value.value = value_of(&schema, &record.value.value);
        record.value.schema = Some(Arc::clone(&made));
        Ok(Some(record))
    }
}
