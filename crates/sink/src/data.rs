//! Connect's data model: what a record is before a converter turns it into bytes.
//!
//! Names follow `org.apache.kafka.connect.data`. Logical types (Decimal, Date, Debezium's `io.debezium.*`) are
//! schemas with a name over one of the primitive types, as there.

use std::sync::Arc;

use bytes::Bytes;
use num_bigint::BigInt;

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
        Self { kind, optional: false, name: None, version: None, doc: None, parameters: Vec::new(), default: None }
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
