//! What each type of Postgres becomes: the one table of types.

use std::sync::Arc;

use bytes::Bytes;
use pgoutput::{Column, Type, TypeKind};

use super::array::ArrayRule;
use super::temporal::{InfiniteDays, Unit};
use super::{BinaryMode, DecimalMode, Options, Origin, Rule, TimeMode};
use super::{geometric, numeric, placeholder};
use crate::data::{Decimal, Field, Kind, Schema, Unscaled, Value};

/// A type's representation, nullability and default aside.
#[derive(Debug)]
pub(super) struct Mapping {
    /// Required, unless the type always is optional.
    pub(super) schema: Schema,
    /// How a value converts.
    pub(super) rule: Rule,
    /// What stands for NULL in a NOT NULL column.
    pub(super) fallback: Value,
    /// What stands for unchanged TOAST, where the schema can hold it.
    pub(super) unchanged: Option<Value>,
}

impl Mapping {
    fn new(schema: Schema, rule: Rule, fallback: Value) -> Self {
        Self { schema, rule, fallback, unchanged: None }
    }

    fn plain(kind: Kind, rule: Rule, fallback: Value) -> Self {
        Self::new(Schema::new(kind), rule, fallback)
    }

    fn named(kind: Kind, name: &str, rule: Rule, fallback: Value) -> Self {
        Self::new(Schema::named(kind, name), rule, fallback)
    }

    fn unchanged(mut self, value: Value) -> Self {
        self.unchanged = Some(value);
        self
    }
}

/// Looks a column's type up.
pub(super) fn map(column: &Column, options: &Options, origin: Origin) -> Option<Mapping> {
    let (ty, typmod) = base_type(&column.ty, column.typmod);
    Table { options, origin, in_array: false }.map(ty, typmod)
}

/// The type under a domain, and the modifier that the nearest domain gives it.
pub(super) fn base_type(ty: &Type, typmod: i32) -> (&Type, i32) {
    let (mut ty, mut modifier) = (ty, typmod);
    while let TypeKind::Domain { base, typmod, .. } = &ty.kind {
        if modifier == -1 {
            modifier = *typmod;
        }
        ty = base;
    }
    (ty, modifier)
}

fn string(text: &str) -> Value {
    Value::String(text.into())
}

/// The table, for one column.
#[derive(Debug, Clone, Copy)]
struct Table<'a> {
    options: &'a Options,
    origin: Origin,
    /// Whether an element of an array is looked up.
    in_array: bool,
}

impl Table<'_> {
    fn map(self, ty: &Type, typmod: i32) -> Option<Mapping> {
        let builtin = ty.schema == "pg_catalog";
        let known = match &ty.kind {
            TypeKind::Base if builtin => self.builtin(&ty.name, typmod),
            TypeKind::Base => self.extension(&ty.name),
            TypeKind::Enum(labels) => Some(self.enumeration(labels)),
            TypeKind::Range(_) if builtin => Some(self.text()),
            TypeKind::Array(element) => return self.array(ty, element, typmod),
            _ => None,
        };
        known.or_else(|| self.options.include_unknown.then(|| self.unknown(&ty.name)))
    }

    /// Types of `pg_catalog`.
    fn builtin(self, name: &str, typmod: i32) -> Option<Mapping> {
        Some(match name {
            "bool" => Mapping::plain(Kind::Boolean, Rule::Boolean, Value::Boolean(false)),
            "int2" => Mapping::plain(Kind::Int16, Rule::Int16, Value::Int16(0)),
            "int4" => Mapping::plain(Kind::Int32, Rule::Int32, Value::Int32(0)),
            "int8" | "oid" => Mapping::plain(Kind::Int64, Rule::Int64, Value::Int64(0)),
            "float4" => Mapping::plain(Kind::Float32, Rule::Float32, Value::Float32(0.0)),
            "float8" => Mapping::plain(Kind::Float64, Rule::Float64, Value::Float64(0.0)),
            "numeric" => self.numeric(typmod),
            "money" => self.money(),
            "text" | "varchar" | "bpchar" | "char" | "name" | "inet" | "cidr" | "macaddr"
            | "macaddr8" => self.text(),
            "json" | "jsonb" => self.named_text("io.debezium.data.Json"),
            "xml" => self.named_text("io.debezium.data.Xml"),
            "uuid" => self.named_text("io.debezium.data.Uuid"),
            "tsvector" => self.named_text("io.debezium.data.Tsvector"),
            "bytea" => self.bytea(),
            "bit" | "varbit" => bits(typmod),
            "date" => self.date(),
            "time" => self.time(typmod),
            "timetz" => Mapping::named(
                Kind::String,
                "io.debezium.time.ZonedTime",
                Rule::TimeTz,
                string("00:00:00Z"),
            ),
            "timestamp" => self.timestamp(typmod),
            "timestamptz" => self.timestamptz(typmod),
            "interval" => self.interval(),
            "point" => point(),
            _ => return None,
        })
    }

    /// Types that extensions bring: known by name, in whichever schema they were put.
    fn extension(self, name: &str) -> Option<Mapping> {
        Some(match name {
            "citext" | "isbn" => self.text(),
            "ltree" => self.named_text("io.debezium.data.Ltree"),
            "hstore" => self.hstore(),
            "geometry" => geometry("Geometry"),
            "geography" => geometry("Geography"),
            "vector" => dense(Kind::Float64, "io.debezium.data.DoubleVector", Rule::Doubles),
            "halfvec" => dense(Kind::Float32, "io.debezium.data.FloatVector", Rule::Floats),
            "sparsevec" => sparse(),
            _ => return None,
        })
    }

    fn text(self) -> Mapping {
        let placeholder = placeholder::text(&self.options.unavailable_placeholder);
        Mapping::plain(Kind::String, Rule::Text, string("")).unchanged(placeholder)
    }

    fn named_text(self, name: &str) -> Mapping {
        Mapping { schema: Schema::named(Kind::String, name), ..self.text() }
    }

    fn enumeration(self, labels: &[String]) -> Mapping {
        let mapping = self.named_text("io.debezium.data.Enum");
        let schema = mapping.schema.parameter("allowed", &labels.join(","));
        Mapping { schema, ..mapping }
    }

    fn numeric(self, typmod: i32) -> Mapping {
        let precision = precision_and_scale(typmod);
        let scale = precision.map_or(0, |(_precision, scale)| scale);
        match (self.options.decimal, precision) {
            (DecimalMode::Double, _) => {
                Mapping::plain(Kind::Float64, Rule::DecimalDouble, Value::Float64(0.0))
            }
            (DecimalMode::String, _) => {
                let zero = string(&numeric::plain_string(0, scale));
                Mapping { rule: Rule::DecimalText, fallback: zero, ..self.text() }
            }
            (DecimalMode::Precise, Some((precision, scale))) => {
                let mapping = decimal(Rule::Decimal(scale), scale);
                let schema =
                    mapping.schema.parameter("connect.decimal.precision", &precision.to_string());
                Mapping { schema, ..mapping }
            }
            (DecimalMode::Precise, None) => variable_decimal(),
        }
    }

    fn money(self) -> Mapping {
        let scale = i32::from(self.options.money_fraction_digits);
        match self.options.decimal {
            DecimalMode::Precise => decimal(Rule::Money(scale), scale),
            DecimalMode::Double => {
                Mapping::plain(Kind::Float64, Rule::MoneyDouble, Value::Float64(0.0))
            }
            DecimalMode::String => Mapping::plain(
                Kind::String,
                Rule::MoneyText,
                string(&numeric::plain_string(0, scale)),
            ),
        }
    }

    fn binary(self, rule: Rule) -> Mapping {
        match self.options.binary {
            BinaryMode::Bytes => Mapping::plain(Kind::Bytes, rule, Value::Bytes(Bytes::new()))
                .unchanged(placeholder::bytes(&self.options.unavailable_placeholder)),
            BinaryMode::Base64 | BinaryMode::Base64UrlSafe | BinaryMode::Hex => {
                Mapping::plain(Kind::String, rule, string(""))
                    .unchanged(placeholder::text(&self.options.unavailable_placeholder))
            }
        }
    }

    fn bytea(self) -> Mapping {
        self.binary(Rule::Bytea(self.options.binary))
    }

    /// A type that is not mapped: its text as bytes.
    fn unknown(self, name: &str) -> Mapping {
        self.binary(match name {
            "line" | "lseg" | "box" | "path" | "polygon" | "circle" => {
                Rule::Geometric(self.options.binary)
            }
            _ => Rule::Opaque(self.options.binary),
        })
    }

    fn date(self) -> Mapping {
        let infinite = if self.in_array || self.origin == Origin::Snapshot {
            InfiniteDays::Jdbc
        } else {
            InfiniteDays::JavaTime
        };
        let rule = |iso| Rule::Date { infinite, iso };
        match self.options.time {
            TimeMode::IsoString => Mapping::named(
                Kind::String,
                "io.debezium.time.IsoDate",
                rule(true),
                string("1970-01-01Z"),
            ),
            TimeMode::Connect => Mapping::named(
                Kind::Int32,
                "org.apache.kafka.connect.data.Date",
                rule(false),
                Value::Int32(0),
            ),
            _ => Mapping::named(Kind::Int32, "io.debezium.time.Date", rule(false), Value::Int32(0)),
        }
    }

    fn time(self, typmod: i32) -> Mapping {
        let unit = self.time_unit(typmod, self.options.time == TimeMode::Adaptive);
        let rule = Rule::Time(unit);
        match unit {
            Unit::Iso => {
                Mapping::named(Kind::String, "io.debezium.time.IsoTime", rule, string("00:00:00Z"))
            }
            Unit::Millis => {
                let name = match self.options.time {
                    TimeMode::Connect => "org.apache.kafka.connect.data.Time",
                    _ => "io.debezium.time.Time",
                };
                Mapping::named(Kind::Int32, name, rule, Value::Int32(0))
            }
            Unit::Micros => {
                Mapping::named(Kind::Int64, "io.debezium.time.MicroTime", rule, Value::Int64(0))
            }
            Unit::Nanos => {
                Mapping::named(Kind::Int64, "io.debezium.time.NanoTime", rule, Value::Int64(0))
            }
        }
    }

    fn timestamp(self, typmod: i32) -> Mapping {
        let unit = self.time_unit(typmod, true);
        let rule = Rule::Timestamp(unit);
        let name = match (unit, self.options.time) {
            (Unit::Iso, _) => {
                let zero = string("1970-01-01T00:00:00Z");
                return Mapping::named(Kind::String, "io.debezium.time.IsoTimestamp", rule, zero);
            }
            (Unit::Millis, TimeMode::Connect) => "org.apache.kafka.connect.data.Timestamp",
            (Unit::Millis, _) => "io.debezium.time.Timestamp",
            (Unit::Micros, _) => "io.debezium.time.MicroTimestamp",
            (Unit::Nanos, _) => "io.debezium.time.NanoTimestamp",
        };
        Mapping::named(Kind::Int64, name, rule, Value::Int64(0))
    }

    /// The unit of a column of that precision; `adapt`: whether an adaptive mode goes down to milliseconds.
    fn time_unit(self, typmod: i32, adapt: bool) -> Unit {
        match self.options.time {
            TimeMode::Adaptive | TimeMode::AdaptiveTimeMicroseconds => {
                if adapt && (0..=3).contains(&typmod) { Unit::Millis } else { Unit::Micros }
            }
            TimeMode::Connect => Unit::Millis,
            TimeMode::IsoString => Unit::Iso,
            TimeMode::Microseconds => Unit::Micros,
            TimeMode::Nanoseconds => Unit::Nanos,
        }
    }

    fn timestamptz(self, typmod: i32) -> Mapping {
        let digits = usize::try_from(typmod).unwrap_or(6);
        Mapping::named(
            Kind::String,
            "io.debezium.time.ZonedTimestamp",
            Rule::TimestampTz(digits),
            string("1970-01-01T00:00:00Z"),
        )
    }

    fn interval(self) -> Mapping {
        if self.options.interval_string {
            let zero = string("P0Y0M0DT0H0M0S");
            return Mapping::named(
                Kind::String,
                "io.debezium.time.Interval",
                Rule::IntervalText,
                zero,
            );
        }
        let name = "io.debezium.time.MicroDuration";
        Mapping::named(Kind::Int64, name, Rule::Interval, Value::Int64(0))
    }

    fn hstore(self) -> Mapping {
        let placeholder = &self.options.unavailable_placeholder;
        let mapping = if self.options.hstore_map {
            let value = Schema::new(Kind::String).optional(true);
            let kind = Kind::Map(Arc::new(Schema::new(Kind::String)), Arc::new(value));
            Mapping::plain(kind, Rule::HstoreMap, Value::Map(Vec::new()))
        } else {
            Mapping {
                rule: Rule::HstoreJson,
                fallback: string("{}"),
                ..self.named_text("io.debezium.data.Json")
            }
        };
        mapping.unchanged(placeholder::hstore(placeholder, self.options.hstore_map))
    }

    fn array(self, ty: &Type, element: &Type, typmod: i32) -> Option<Mapping> {
        let builtin = element.schema == "pg_catalog";
        match (ty.name.as_str(), element.name.as_str()) {
            ("int2vector", _) => return Some(vector(Kind::Int16, Rule::Int16)),
            ("oidvector", _) => return Some(vector(Kind::Int64, Rule::Int64)),
            // Left out even with `include.unknown.datatypes`.
            (_, "money" | "name" | "interval" | "varbit" | "xml" | "point") if builtin => {
                return None;
            }
            // Taken for a scalar, whose values then do not convert.
            (_, "bit") if builtin => {
                return Some(Mapping { rule: Rule::Never, ..bits(typmod) });
            }
            _ => {}
        }
        let mapped = match &element.kind {
            TypeKind::Base => !matches!(
                element.name.as_str(),
                "tsvector" | "isbn" | "vector" | "halfvec" | "sparsevec"
            ),
            TypeKind::Enum(_) => true,
            TypeKind::Range(_) => builtin,
            _ => false,
        };
        let known = Table {
            in_array: true,
            options: &Options { include_unknown: false, ..self.options.clone() },
            ..self
        };
        let item = mapped.then(|| known.map(element, typmod)).flatten();
        let (mut item, required) = match item {
            Some(item) => (item, matches!(element.kind, TypeKind::Enum(_))),
            None if !self.options.include_unknown => return None,
            None => {
                (known.map(element, typmod).unwrap_or_else(|| self.unknown(&element.name)), true)
            }
        };
        item.schema.optional = !required;
        let delimiter = match element.name.as_str() {
            "box" if builtin => b';',
            "geometry" | "geography" => b':',
            _ => b',',
        };
        let rule = ArrayRule { element: item.rule, null_elements: !required, delimiter };
        let kind = Kind::Array(Arc::new(item.schema));
        let mut mapping =
            Mapping::plain(kind, Rule::Array(Box::new(rule)), Value::Array(Vec::new()));
        mapping.unchanged = self.array_placeholder(element);
        Some(mapping)
    }

    /// What stands for an unchanged array: few element types have anything.
    fn array_placeholder(self, element: &Type) -> Option<Value> {
        let bytes = &self.options.unavailable_placeholder;
        if element.schema != "pg_catalog" {
            return None;
        }
        match element.name.as_str() {
            "text" | "varchar" | "bpchar" | "json" | "jsonb" => {
                Some(Value::Array(vec![placeholder::text(bytes)]))
            }
            "bytea" if self.options.binary == BinaryMode::Bytes => {
                Some(Value::Array(vec![placeholder::bytes(bytes)]))
            }
            "int4" => Some(placeholder::int32s(bytes)),
            "date" if self.options.time != TimeMode::IsoString => Some(placeholder::int32s(bytes)),
            "int8" => Some(placeholder::int64s(bytes)),
            "uuid" => Some(Value::Array(vec![placeholder::uuid(bytes)])),
            _ => None,
        }
    }
}

/// Precision and scale of a numeric's modifier. A negative scale comes out as what its eleven bits are
/// without sign, as in Debezium.
pub(super) fn precision_and_scale(typmod: i32) -> Option<(i32, i32)> {
    let modifier = typmod.checked_sub(4).filter(|modifier| *modifier >= 0)?;
    Some((modifier >> 16 & 0xffff, modifier & 0x7ff))
}

/// The scale of a numeric column, if it has one.
pub(super) fn scale_of(typmod: i32) -> Option<usize> {
    precision_and_scale(typmod).and_then(|(_precision, scale)| usize::try_from(scale).ok())
}

fn decimal(rule: Rule, scale: i32) -> Mapping {
    let zero = Value::Decimal(Decimal { unscaled: Unscaled::Small(0), scale });
    let schema = Schema::named(Kind::Bytes, "org.apache.kafka.connect.data.Decimal")
        .parameter("scale", &scale.to_string());
    Mapping::new(schema, rule, zero)
}

fn variable_decimal() -> Mapping {
    let kind = Kind::Struct(vec![
        field("scale", Schema::new(Kind::Int32)),
        field("value", Schema::new(Kind::Bytes)),
    ]);
    let mut schema = Schema::named(kind, "io.debezium.data.VariableScaleDecimal");
    schema.doc = Some("Variable scaled decimal".into());
    let zero = Value::Struct(vec![Value::Int32(0), Value::Bytes(Bytes::from_static(&[0]))]);
    Mapping::new(schema, Rule::VariableDecimal, zero)
}

fn bits(typmod: i32) -> Mapping {
    if typmod == 1 {
        return Mapping::plain(Kind::Boolean, Rule::Bit, Value::Boolean(false));
    }
    let length = if typmod < 0 { i32::MAX } else { typmod };
    let schema = Schema::named(Kind::Bytes, "io.debezium.data.Bits")
        .parameter("length", &length.to_string());
    Mapping::new(schema, Rule::Bits, Value::Bytes(Bytes::new()))
}

fn point() -> Mapping {
    let kind = Kind::Struct(vec![
        field("x", Schema::new(Kind::Float64)),
        field("y", Schema::new(Kind::Float64)),
        field("wkb", Schema::new(Kind::Bytes).optional(true)),
        field("srid", Schema::new(Kind::Int32).optional(true)),
    ]);
    let mut schema = Schema::named(kind, "io.debezium.data.geometry.Point");
    schema.doc = Some("Geometry (POINT)".into());
    let origin = Value::Struct(vec![
        Value::Float64(0.0),
        Value::Float64(0.0),
        Value::Bytes(Bytes::copy_from_slice(&geometric::well_known_binary(0.0, 0.0))),
        Value::Null,
    ]);
    Mapping::new(schema, Rule::Point, origin)
}

/// PostGIS's types: always optional, and an empty collection where a value is missing.
fn geometry(name: &str) -> Mapping {
    let kind = Kind::Struct(vec![
        field("wkb", Schema::new(Kind::Bytes)),
        field("srid", Schema::new(Kind::Int32).optional(true)),
    ]);
    let empty = Bytes::from_static(&[1, 7, 0, 0, 0, 0, 0, 0, 0]);
    let fallback = Value::Struct(vec![Value::Bytes(empty), Value::Null]);
    let mut schema =
        Schema::named(kind, &format!("io.debezium.data.geometry.{name}")).optional(true);
    schema.doc = Some(name.into());
    Mapping::new(schema, Rule::Geometry, fallback)
}

/// pgvector's types with a number for every dimension.
fn dense(item: Kind, name: &str, rule: Rule) -> Mapping {
    let kind = Kind::Array(Arc::new(Schema::new(item)));
    Mapping::named(kind, name, rule, Value::Array(Vec::new()))
}

fn sparse() -> Mapping {
    let numbers =
        Kind::Map(Arc::new(Schema::new(Kind::Int16)), Arc::new(Schema::new(Kind::Float64)));
    let kind = Kind::Struct(vec![
        field("dimensions", Schema::new(Kind::Int16)),
        field("vector", Schema::new(numbers)),
    ]);
    let mut schema = Schema::named(kind, "io.debezium.data.SparseDoubleVector");
    schema.doc = Some("Sparse double vector".into());
    let empty = Value::Struct(vec![Value::Int16(0), Value::Map(Vec::new())]);
    Mapping::new(schema, Rule::SparseDoubles, empty)
}

/// `int2vector` and `oidvector`.
fn vector(item: Kind, rule: Rule) -> Mapping {
    let kind = Kind::Array(Arc::new(Schema::new(item)));
    Mapping::plain(kind, Rule::Vector(Box::new(rule)), Value::Array(Vec::new()))
}

fn field(name: &str, schema: Schema) -> Field {
    Field { name: name.into(), schema: Arc::new(schema) }
}
