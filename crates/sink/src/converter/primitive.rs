//! Connect's converters of one primitive type: numbers and booleans as Kafka's own serializers write them, and bytes.

use std::sync::Arc;

use super::Source;
use crate::data::{Kind, Schema, Value, ValueBuilder};
use crate::error::{Error, Result};
use crate::transform::java_class;

/// What a converter of one type takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primitive {
    /// `ShortConverter`.
    Short,
    /// `IntegerConverter`.
    Integer,
    /// `LongConverter`.
    Long,
    /// `FloatConverter`.
    Float,
    /// `DoubleConverter`.
    Double,
    /// `BooleanConverter`.
    Boolean,
    /// `ByteArrayConverter`.
    Bytes,
}

impl Primitive {
    /// Its name in Connect's texts, and the class that it takes.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Short => ("short", "java.lang.Short"),
            Self::Integer => ("integer", "java.lang.Integer"),
            Self::Long => ("long", "java.lang.Long"),
            Self::Float => ("float", "java.lang.Float"),
            Self::Double => ("double", "java.lang.Double"),
            Self::Boolean => ("boolean", "java.lang.Boolean"),
            Self::Bytes => ("bytes", "java.nio.ByteBuffer"),
        }
    }
}

/// Appends the value's bytes, most significant first; `false` where there is no value.
pub(super) fn write<S: Source>(
    primitive: Primitive,
    schema: Option<&Arc<Schema>>,
    source: &S,
    out: &mut Vec<u8>,
) -> Result<bool> {
    let mut builder = ValueBuilder::new();
    source.drive(&mut builder);
    let value = builder.finish();
    let schema = schema.map(|schema| &**schema);
    if primitive == Primitive::Bytes
        && let Some(schema) = schema.filter(|schema| schema.kind != Kind::Bytes)
    {
        return Err(Error::data(format!(
            "Invalid schema type for ByteArrayConverter: {}",
            schema.kind.name()
        )));
    }
    match (primitive, &value) {
        (_, Value::Null) => return Ok(false),
        (Primitive::Short, Value::Int16(n)) => out.extend_from_slice(&n.to_be_bytes()),
        // A date is another class.
        (Primitive::Integer, Value::Int32(n))
            if java_class(schema, &value) == "java.lang.Integer" =>
        {
            out.extend_from_slice(&n.to_be_bytes());
        }
        (Primitive::Long, Value::Int64(n)) if java_class(schema, &value) == "java.lang.Long" => {
            out.extend_from_slice(&n.to_be_bytes());
        }
        (Primitive::Float, Value::Float32(n)) => {
            out.extend_from_slice(&if n.is_nan() { f32::NAN } else { *n }.to_bits().to_be_bytes());
        }
        (Primitive::Double, Value::Float64(n)) => {
            out.extend_from_slice(&if n.is_nan() { f64::NAN } else { *n }.to_bits().to_be_bytes());
        }
        (Primitive::Boolean, Value::Boolean(flag)) => out.push(u8::from(*flag)),
        (Primitive::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
        (Primitive::Bytes, value) => {
            return Err(Error::data(format!(
                "ByteArrayConverter is not compatible with objects of type class {}",
                java_class(schema, value)
            )));
        }
        (_, value) => return Err(mismatch(primitive, java_class(schema, value))),
    }
    Ok(true)
}

/// Java casts to `Number` first, then to the serializer's type.
fn mismatch(primitive: Primitive, class: &str) -> Error {
    const NUMBERS: [&str; 7] =
        ["Byte", "Short", "Integer", "Long", "Float", "Double", "math.BigDecimal"];
    let (name, wanted) = primitive.names();
    let converter = wanted.rsplit('.').next().unwrap_or_default();
    let plain = class.strip_prefix("java.lang.").or_else(|| class.strip_prefix("java."));
    let is_number = plain.is_some_and(|plain| NUMBERS.contains(&plain));
    let wanted = match primitive {
        Primitive::Boolean => wanted,
        _ if is_number => wanted,
        _ => "java.lang.Number",
    };
    let modules = if class.starts_with("java.") {
        format!("{class} and {wanted} are in module java.base of loader 'bootstrap'")
    } else {
        format!(
            "{class} is in unnamed module of loader 'app'; {wanted} is in module java.base of loader 'bootstrap'"
        )
    };
    Error::data(format!(
        "Failed to serialize to {name} (was class {class}): \n\
         \tat org.apache.kafka.connect.converters.{converter}Converter.fromConnectData(walbridge)\n\
         Caused by: java.lang.ClassCastException: class {class} cannot be cast to class {wanted} ({modules})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_types_are_refused_in_javas_words() {
        let string = Arc::new(Schema::new(Kind::String));
        let error = write(Primitive::Integer, Some(&string), &Value::from("x"), &mut Vec::new());
        assert_eq!(
            error.unwrap_err().to_string(),
            "org.apache.kafka.connect.errors.DataException: Failed to serialize to integer (was class java.lang.String): \n\
             \tat org.apache.kafka.connect.converters.IntegerConverter.fromConnectData(walbridge)\n\
             Caused by: java.lang.ClassCastException: class java.lang.String cannot be cast to class java.lang.Number (java.lang.String and java.lang.Number are in module java.base of loader 'bootstrap')"
        );
        let error = write(Primitive::Long, None, &Value::Int32(1), &mut Vec::new());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("Integer cannot be cast to class java.lang.Long")
        );
        let error = write(Primitive::Bytes, Some(&string), &Value::from("x"), &mut Vec::new());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .ends_with("Invalid schema type for ByteArrayConverter: STRING")
        );
    }
}
