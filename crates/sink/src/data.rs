//! Connect's data model: what a record is before a converter turns it into bytes.
//!
//! Names follow `org.apache.kafka.connect.data`. Logical types (Decimal, Date, Debezium's `io.debezium.*`) are
//! schemas with a name over one of the primitive types, as there.

use std::sync::Arc;

use bytes::Bytes;
use num_bigint::BigInt;

use crate::emit::Emit;

mod builder;

pub use builder::ValueBuilder;

/// The type of a [`Schema`].
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// INT8.
    Int8,
    /// INT16.
    Int16,
    /// INT32.
    Int32,
    /// INT64.
    Int64,
    /// FLOAT32.
    Float32,
    /// FLOAT64.
    Float64,
    /// BOOLEAN.
    Boolean,
    /// STRING.
    String,
    /// BYTES; also the base of Connect's Decimal.
    Bytes,
    /// ARRAY of the schema.
    Array(Arc<Schema>),
    /// MAP of key and value.
    Map(Arc<Schema>, Arc<Schema>),
    /// STRUCT of named fields, in order.
    Struct(Vec<Field>),
}

impl Kind {
    /// Connect's name of the type (`Schema.Type`).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Array(_) => "ARRAY",
            Self::Map(..) => "MAP",
            Self::Struct(_) => "STRUCT",
        }
    }
}

/// A named part of a struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// Its schema.
    pub schema: Arc<Schema>,
}

/// A Connect schema. Built once per relation and shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its type.
    pub kind: Kind,
    /// Whether a value may be missing.
    pub optional: bool,
    /// Its name, for structs and logical types.
    pub name: Option<Arc<str>>,
    /// Its version.
    pub version: Option<i32>,
    /// Its documentation.
    pub doc: Option<Arc<str>>,
    /// Its parameters, in order.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// What stands for a missing value.
    pub default: Option<Value>,
}

impl Schema {
    /// A required schema of that type, without name or default.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            optional: false,
            name: None,
            version: None,
            doc: None,
            parameters: Vec::new(),
            default: None,
        }
    }

    /// The same, with a name and version 1: a logical type.
    #[must_use]
    pub fn named(kind: Kind, name: &str) -> Self {
        Self { name: Some(name.into()), version: Some(1), ..Self::new(kind) }
    }

    /// The same, optional or not.
    #[must_use]
    pub fn optional(mut self, optional: bool) -> Self {
        self.optional = optional;
        self
    }

    /// The same, with one parameter more.
    #[must_use]
    pub fn parameter(mut self, key: &str, value: &str) -> Self {
        self.parameters.push((key.into(), value.into()));
        self
    }

    /// A required struct of those fields, in order.
    #[must_use]
    pub fn structure<'a>(fields: impl IntoIterator<Item = (&'a str, Arc<Self>)>) -> Self {
        let field = |(name, schema): (&str, _)| Field { name: name.into(), schema };
        Self::new(Kind::Struct(fields.into_iter().map(field).collect()))
    }

    /// The same, with that name.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same, with that version.
    #[must_use]
    pub const fn with_version(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }

    /// The same, with that default.
    #[must_use]
    pub fn with_default(mut self, default: Value) -> Self {
        self.default = Some(default);
        self
    }

    /// The fields, if this is a struct.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// The index of a struct's field.
    #[must_use]
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|f| &*f.name == name)
    }
}

/// Connect's Decimal: an unscaled number and a scale (`java.math.BigDecimal`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// The digits.
    pub unscaled: Unscaled,
    /// Digits after the point; may be negative.
    pub scale: i32,
}

/// The digits of a [`Decimal`]: without allocation where 128 bits do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unscaled {
    /// Fits 128 bits.
    Small(i128),
    /// Does not.
    Big(BigInt),
}

/// A value, schema aside.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// INT8.
    Int8(i8),
    /// INT16.
    Int16(i16),
    /// INT32.
    Int32(i32),
    /// INT64.
    Int64(i64),
    /// FLOAT32.
    Float32(f32),
    /// FLOAT64.
    Float64(f64),
    /// STRING.
    String(Arc<str>),
    /// BYTES.
    Bytes(Bytes),
    /// BYTES of the logical type Decimal.
    Decimal(Decimal),
    /// ARRAY.
    Array(Vec<Self>),
    /// MAP, in insertion order.
    Map(Vec<(Self, Self)>),
    /// STRUCT: one value per field of its schema, in order.
    Struct(Vec<Self>),
}

impl Value {
    /// Whether there is none.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Drives the value into a converter or builder.
    pub fn emit<E: Emit>(&self, emit: &mut E) {
        match self {
            Self::Null => emit.null(),
            Self::Boolean(value) => emit.boolean(*value),
            Self::Int8(value) => emit.int8(*value),
            Self::Int16(value) => emit.int16(*value),
            Self::Int32(value) => emit.int32(*value),
            Self::Int64(value) => emit.int64(*value),
            Self::Float32(value) => emit.float32(*value),
            Self::Float64(value) => emit.float64(*value),
            Self::String(value) => emit.string(value),
            Self::Bytes(value) => emit.bytes(value),
            Self::Decimal(value) => emit.decimal(value),
            Self::Array(items) => {
                emit.begin_array(items.len());
                for item in items {
                    emit.item();
                    item.emit(emit);
                }
                emit.end_array();
            }
            Self::Map(entries) => {
                emit.begin_map(entries.len());
                for (key, value) in entries {
                    emit.map_key();
                    key.emit(emit);
                    emit.map_value();
                    value.emit(emit);
                }
                emit.end_map();
            }
            Self::Struct(fields) => {
                emit.begin_struct();
                for (index, field) in fields.iter().enumerate() {
                    emit.field(index);
                    field.emit(emit);
                }
                emit.end_struct();
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl std::fmt::Display for Decimal {
    /// As `java.math.BigDecimal.toString`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match &self.unscaled {
            Unscaled::Small(value) => value.to_string(),
            Unscaled::Big(value) => value.to_string(),
        };
        let (sign, digits) =
            text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let exponent = length - 1 - i64::from(self.scale);
        if self.scale == 0 {
            return f.write_str(&text);
        }
        if self.scale < 0 || exponent < -6 {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
            let point = if rest.is_empty() { "" } else { "." };
            return write!(f, "{sign}{first}{point}{rest}E{exponent:+}");
        }
        let scale = usize::try_from(self.scale).unwrap_or(0);
        match digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
            Some(whole) => {
                let (whole, fraction) = digits.split_at_checked(whole).unwrap_or((digits, ""));
                write!(f, "{sign}{whole}.{fraction}")
            }
            None => write!(f, "{sign}0.{digits:0>scale$}"),
        }
    }
}

impl Decimal {
    /// The unscaled number as Connect's Decimal stores it: big-endian two's complement, as short as it goes.
    pub fn unscaled_bytes(&self, write: impl FnOnce(&[u8])) {
        match &self.unscaled {
            Unscaled::Small(value) => {
                let bytes = value.to_be_bytes();
                let sign = if *value < 0 { 0xFF } else { 0 };
                // A byte that only repeats the sign of the next one goes.
                let skip = bytes
                    .windows(2)
                    .take_while(|pair| matches!(pair, [high, low] if *high == sign && (low ^ sign) & 0x80 == 0))
                    .count();
                write(bytes.get(skip..).unwrap_or_default());
            }
            Unscaled::Big(value) => write(&value.to_signed_bytes_be()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(unscaled: i128, scale: i32) -> Decimal {
        Decimal { unscaled: Unscaled::Small(unscaled), scale }
    }

    #[test]
    fn decimals_print_as_java_prints_them() {
        let cases = [
            (1234, 2, "12.34"),
            (-100, 2, "-1.00"),
            (0, 2, "0.00"),
            (5, 3, "0.005"),
            (1, 8, "1E-8"),
            (0, 10, "0E-10"),
            (12, 8, "1.2E-7"),
            (1, 6, "0.000001"),
            (1, -3, "1E+3"),
            (-123, -2, "-1.23E+4"),
            (7, 0, "7"),
            (1234, 4, "0.1234"),
        ];
        for (unscaled, scale, text) in cases {
            assert_eq!(decimal(unscaled, scale).to_string(), text);
        }
    }

    #[test]
    fn unscaled_bytes_are_minimal() {
        for n in [
            0i128,
            1,
            -1,
            127,
            128,
            -128,
            -129,
            255,
            256,
            1234,
            i128::MAX,
            i128::MIN,
            -32768,
            32768,
        ] {
            decimal(n, 0).unscaled_bytes(|bytes| {
                assert_eq!(bytes, BigInt::from(n).to_signed_bytes_be(), "{n}");
            });
        }
    }
}
