//! JSON as Connect data with a schema that is made up from it (Debezium's `JsonSchemaData`).

use std::sync::Arc;

use serde_json::Value as Json;

use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};

/// How JSON's gaps are represented.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gaps {
    /// A null is a field of optional bytes; else there is no field.
    pub(super) keep_nulls: bool,
    /// An empty array is one of texts; else there is no field.
    pub(super) keep_empty_arrays: bool,
}

fn connect(message: String) -> Error {
    Error::java("org.apache.kafka.connect.errors.ConnectException", message)
}

/// The schema of a document; `None` for what is left out.
///
/// # Errors
///
/// An array whose items are not alike.
pub(super) fn schema(name: Option<&str>, json: &Json, gaps: Gaps) -> Result<Option<Arc<Schema>>> {
    let optional = |kind| Some(Arc::new(Schema::new(kind).optional(true)));
    Ok(match json {
        Json::Null if gaps.keep_nulls => optional(Kind::Bytes),
        Json::Null => None,
        Json::Bool(_) => optional(Kind::Boolean),
        Json::Number(number) => optional(match number.as_i64() {
            Some(n) if i32::try_from(n).is_ok() => Kind::Int32,
            Some(_) => Kind::Int64,
            None => Kind::Float64,
        }),
        Json::String(_) => optional(Kind::String),
        Json::Array(items) if items.is_empty() => {
            let text = || Arc::new(Schema::new(Kind::String).optional(true));
            if gaps.keep_empty_arrays { optional(Kind::Array(text())) } else { None }
        }
        Json::Array(items) => optional(Kind::Array(item_schema(name, items, gaps)?)),
        Json::Object(entries) => {
            let mut fields = Vec::new();
            for (key, value) in entries {
                let path = match name {
                    Some(name) if !name.is_empty() => format!("{name}.{key}"),
                    _ => key.clone(),
                };
                if let Some(schema) = schema(Some(&path), value, gaps)? {
                    fields.push(Field { name: key.as_str().into(), schema });
                }
            }
            let made = Schema { name: name.map(Into::into), ..Schema::new(Kind::Struct(fields)) };
            Some(Arc::new(made.optional(true)))
        }
    })
}

fn item_schema(name: Option<&str>, items: &[Json], gaps: Gaps) -> Result<Arc<Schema>> {
    let mut made: Option<Arc<Schema>> = None;
    for item in items.iter().filter(|item| !item.is_null()) {
        let name = name.filter(|_| item.is_object());
        let Some(next) = schema(name, item, gaps)? else { continue };
        made = Some(match made {
            None => next,
            Some(first) => match (&first.kind, &next.kind) {
                (Kind::Struct(left), Kind::Struct(right)) => Arc::new(Schema {
                    kind: Kind::Struct(merged(left, right)),
                    ..Schema::clone(&first)
                }),
                _ if first.kind == next.kind => first,
                (left, right) => {
                    return Err(connect(format!(
                        "Field is not a homogenous array ({} x {}).",
                        left.name(),
                        right.name()
                    )));
                }
            },
        });
    }
    made.ok_or_else(|| connect("Array '' has unrecognized member schema.".to_owned()))
}

/// The fields of both; what is only bytes for want of a value takes the other's schema.
fn merged(left: &[Field], right: &[Field]) -> Vec<Field> {
    let mut fields = left.to_vec();
    for field in right {
        match fields.iter_mut().find(|known| known.name == field.name) {
            None => fields.push(field.clone()),
            Some(known) if known.schema.kind == Kind::Bytes => *known = field.clone(),
            Some(_) => {}
        }
    }
    fields
}

/// The document as data of its schema.
pub(super) fn value(json: &Json, schema: &Schema) -> Value {
    match (json, &schema.kind) {
        (Json::Bool(flag), _) => Value::Boolean(*flag),
        (Json::String(text), _) => text.as_str().into(),
        (Json::Number(number), Kind::Int32) => {
            number.as_i64().and_then(|n| i32::try_from(n).ok()).map_or(Value::Null, Value::Int32)
        }
        (Json::Number(number), Kind::Int64) => number.as_i64().map_or(Value::Null, Value::Int64),
        (Json::Number(number), _) => number.as_f64().map_or(Value::Null, Value::Float64),
        (Json::Array(items), Kind::Array(schema)) => {
            Value::Array(items.iter().map(|item| value(item, schema)).collect())
        }
        (Json::Object(entries), Kind::Struct(fields)) => {
            let field = |field: &Field| {
                entries.get(&*field.name).map_or(Value::Null, |json| value(json, &field.schema))
            };
            Value::Struct(fields.iter().map(field).collect())
        }
        _ => Value::Null,
    }
}
