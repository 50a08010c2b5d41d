//! `org.apache.kafka.connect.transforms.MaskField`: a fixed value in place of what a field holds.

use std::sync::Arc;

use num_bigint::BigInt;

use super::derived::Derived;
use super::literal;
use super::part::{Part, default_of, java_class};
use super::shape::{From, Shape};
use super::{Record, Rewrite, Transform};
use crate::data::{Decimal, Kind, Schema, Unscaled, Value};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::RecordPlan;

/// The transform.
#[derive(Debug)]
pub(super) struct MaskField {
    part: Part,
    fields: Vec<String>,
    replacement: Option<Arc<str>>,
    replace_null: bool,
    masks: Derived<Mask>,
}

/// How a struct is masked: fields that cannot be are refused only where they hold something.
#[derive(Debug)]
struct Mask {
    shape: Arc<Shape>,
    refused: Vec<(usize, Value, Error)>,
}

impl MaskField {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Self {
        Self {
            part,
            fields: options.list("fields").into_iter().map(str::to_owned).collect(),
            replacement: options.text("replacement").map(Into::into),
            replace_null: options.flag("replace.null.with.default"),
            masks: Derived::default(),
        }
    }

    fn mask(&self, schema: &Arc<Schema>) -> Result<Arc<Mask>> {
        self.masks.get(schema, || {
            let (mut sources, mut refused) = (Vec::new(), Vec::new());
            for (index, field) in schema.fields().iter().enumerate() {
                let default = default_of(&field.schema, self.replace_null);
                if !self.fields.iter().any(|name| **name == *field.name) {
                    sources.push(From::Field(index, default));
                    continue;
                }
                match masked(&field.schema, self.replacement.as_deref()) {
                    Ok(mask) => sources.push(From::Masked(index, default, mask)),
                    Err(error) => {
                        refused.push((index, default.clone(), error));
                        sources.push(From::Field(index, default));
                    }
                }
            }
            let shape = Arc::new(Shape { schema: Arc::clone(schema), fields: sources });
            Ok(Mask { shape, refused })
        })
    }
}

impl Transform for MaskField {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        let node = self.part.node(&plan);
        let mask = node.schema.as_ref().and_then(|schema| self.mask(schema).ok());
        match mask {
            // Refuses what is not a struct.
            _ if node.expr.is_null() => Rewrite::Values(Box::new(plan)),
            Some(mask) if mask.refused.is_empty() => {
                Shape::rewrite(self.part, plan, |_| Ok(Arc::clone(&mask.shape)))
            }
            _ => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, record: Record) -> Result<Option<Record>> {
        const PURPOSE: &str = "mask fields";
        let (schema, values) = self.part.of(&record).require_struct(PURPOSE)?;
        let mask = self.mask(schema)?;
        for (index, default, error) in &mask.refused {
            if values.get(*index).is_some_and(|value| !value.is_null() || !default.is_null()) {
                return Err(error.clone());
            }
        }
        Shape::apply(self.part, record, PURPOSE, |_| Ok(Arc::clone(&mask.shape))).map(Some)
    }
}

/// What stands for a value of that schema.
fn masked(schema: &Schema, replacement: Option<&str>) -> Result<Value> {
    match replacement {
        Some(text) => replaced(schema, text),
        None => zero(schema),
    }
}

fn zero(schema: &Schema) -> Result<Value> {
    Ok(match &schema.kind {
        Kind::Boolean => Value::Boolean(false),
        Kind::Int8 => Value::Int8(0),
        Kind::Int16 => Value::Int16(0),
        Kind::Int32 => Value::Int32(0),
        Kind::Int64 => Value::Int64(0),
        Kind::Float32 => Value::Float32(0.0),
        Kind::Float64 => Value::Float64(0.0),
        Kind::String => "".into(),
        Kind::Array(_) => Value::Array(Vec::new()),
        Kind::Map(..) => Value::Map(Vec::new()),
        Kind::Bytes if is_decimal(schema) => {
            decimal(schema, Decimal { unscaled: Unscaled::Small(0), scale: 0 })?
        }
        Kind::Bytes => {
            return Err(Error::data("Cannot mask value of type: class java.nio.HeapByteBuffer"));
        }
        Kind::Struct(_) => {
            return Err(Error::data(
                "Cannot mask value of type: class org.apache.kafka.connect.data.Struct",
            ));
        }
    })
}

fn replaced(schema: &Schema, text: &str) -> Result<Value> {
    let sample = match &schema.kind {
        Kind::Boolean => Value::Boolean(false),
        Kind::Array(_) => Value::Array(Vec::new()),
        Kind::Map(..) => Value::Map(Vec::new()),
        Kind::Struct(_) => Value::Struct(Vec::new()),
        Kind::Bytes if !is_decimal(schema) => Value::Bytes(bytes::Bytes::new()),
        Kind::Int32 => Value::Int32(0),
        Kind::Int64 => Value::Int64(0),
        _ => Value::Null,
    };
    let class = java_class(Some(schema), &sample);
    let refused =
        || Error::data(format!("Cannot mask value of type class {class} with custom replacement."));
    if class == "java.util.Date" {
        return Err(refused());
    }
    let unreadable =
        || Error::data(format!("Unable to convert {text} (class java.lang.String) to number"));
    let number = || literal::number(text).ok_or_else(unreadable);
    Ok(match &schema.kind {
        Kind::Int8 => {
            Value::Int8(narrow(number()?).and_then(|n| n.try_into().ok()).ok_or_else(unreadable)?)
        }
        Kind::Int16 => {
            Value::Int16(narrow(number()?).and_then(|n| n.try_into().ok()).ok_or_else(unreadable)?)
        }
        Kind::Int32 => {
            Value::Int32(narrow(number()?).and_then(|n| n.try_into().ok()).ok_or_else(unreadable)?)
        }
        Kind::Int64 => Value::Int64(narrow(number()?).ok_or_else(unreadable)?),
        Kind::Float32 => Value::Float32(text.trim().parse().map_err(|_not| unreadable())?),
        Kind::Float64 => Value::Float64(text.trim().parse().map_err(|_not| unreadable())?),
        Kind::String => text.into(),
        Kind::Bytes if is_decimal(schema) => {
            decimal(schema, literal::decimal(text).ok_or_else(unreadable)?)?
        }
        _ => return Err(refused()),
    })
}

fn narrow(value: Value) -> Option<i64> {
    match value {
        Value::Int8(n) => Some(n.into()),
        Value::Int16(n) => Some(n.into()),
        Value::Int32(n) => Some(n.into()),
        Value::Int64(n) => Some(n),
        _ => None,
    }
}

pub(super) fn is_decimal(schema: &Schema) -> bool {
    schema.name.as_deref() == Some("org.apache.kafka.connect.data.Decimal")
}

/// A number that the schema takes only in its own scale.
fn decimal(schema: &Schema, value: Decimal) -> Result<Value> {
    let scale = schema.parameters.iter().find(|(key, _)| &**key == "scale");
    let scale = scale.and_then(|(_, text)| text.parse::<i32>().ok());
    match scale {
        Some(scale) if scale != value.scale => Err(Error::data(format!(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale {scale}, value has scale {}.",
            value.scale
        ))),
        _ => Ok(Value::Decimal(value)),
    }
}

/// The digits as a big number.
pub(super) fn big(unscaled: &Unscaled) -> BigInt {
    match unscaled {
        Unscaled::Small(value) => BigInt::from(*value),
        Unscaled::Big(value) => value.clone(),
    }
}
