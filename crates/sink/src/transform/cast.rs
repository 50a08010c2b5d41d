//! `org.apache.kafka.connect.transforms.Cast`: fields, or the whole, as another primitive type.
//!
//! Numbers narrow as in Java: whole ones lose their high bits, floating-point ones are cut to the int or long range
//! first; only texts can fail.

use std::collections::HashMap;
use std::sync::Arc;

use num_bigint::BigInt;

use super::derived::Derived;
use super::mask_field::{big, is_decimal};
use super::part::{DATE, Part, TIME, TIMESTAMP, default_of, or_default, rebuilt};
use super::simple_date_format::SimpleDateFormat;
use super::{Record, Transform, Typed};
use crate::converter::number_text;
use crate::data::{Decimal, Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// What is cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
}

/// The transform.
#[derive(Debug)]
pub(super) struct Cast {
    part: Part,
    fields: HashMap<Box<str>, Target>,
    whole: Option<Target>,
    replace_null: bool,
    layouts: Derived<Layout>,
}

#[derive(Debug)]
struct Layout {
    schema: Arc<Schema>,
    /// Of each field: its old schema, what stands for its null, and what it is cast to.
    fields: Vec<(Arc<Schema>, Value, Option<Target>)>,
}

impl Cast {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let shown = options.text("spec").unwrap_or_default();
        let wrong = |problem: String| {
            Error::config(format!("Invalid value {shown} for configuration spec: {problem}"))
        };
        let target = |text: &str| {
            Target::parse(text).ok_or_else(|| wrong(format!("Invalid cast type: {text}")))
        };
        let (mut fields, mut whole) = (HashMap::new(), None);
        for item in options.list("spec") {
            match item.split(':').collect::<Vec<_>>().as_slice() {
                [field, text] => {
                    fields.insert((*field).trim().into(), target(text.trim())?);
                }
                [text] => whole = Some(target(text)?),
                _ => return Err(wrong(format!("Invalid transform specification: {item}"))),
            }
        }
        if whole.is_some() && !fields.is_empty() {
            return Err(wrong(
                "Cast transformations that specify a type to cast the entire value to may ony specify a single cast in their spec".to_owned(),
            ));
        }
        let replace_null = options.flag("replace.null.with.default");
        Ok(Self { part, fields, whole, replace_null, layouts: Derived::default() })
    }

    fn layout(&self, schema: &Arc<Schema>) -> Result<Arc<Layout>> {
        self.layouts.get(schema, || {
            if let Some(target) = self.whole {
                let cast = target.schema(schema)?;
                let named = Schema {
                    name: schema.name.clone(),
                    version: schema.version,
                    doc: schema.doc.clone(),
                    parameters: schema.parameters.clone(),
                    ..cast
                };
                return Ok(Layout { schema: Arc::new(named), fields: Vec::new() });
            }
            let (mut fields, mut sources) = (Vec::new(), Vec::new());
            for Field { name, schema } in schema.fields() {
                let target = self.fields.get(&**name).copied();
                let cast = match target {
                    Some(target) => Arc::new(target.schema(schema)?),
                    None => Arc::clone(schema),
                };
                fields.push(Field { name: Arc::clone(name), schema: cast });
                sources.push((Arc::clone(schema), default_of(schema, self.replace_null), target));
            }
            let made = Schema { optional: schema.optional, ..rebuilt(schema, fields) };
            Ok(Layout { schema: Arc::new(made), fields: sources })
        })
    }
}

impl Transform for Cast {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let typed = self.part.of(&record);
        if typed.value.is_null() {
            return Ok(Some(record));
        }
        let Some(schema) = &typed.schema else {
            return Err(Error::data("Schema required for [cast types]"));
        };
        let value = match self.whole {
            Some(target) => target.cast(schema, &typed.value)?,
            None => {
                let (schema, values) = typed.require_struct("cast types")?;
                let layout = self.layout(schema)?;
                let mut cast = Vec::with_capacity(values.len());
                for (value, (schema, default, target)) in values.iter().zip(&layout.fields) {
                    let value = or_default(value, default);
                    cast.push(match target {
                        Some(target) => target.cast(schema, &value)?,
                        None => value,
                    });
                }
                Value::Struct(cast)
            }
        };
        let schema = Some(Arc::clone(&self.layout(schema)?.schema));
        *self.part.of_mut(&mut record) = Typed { schema, value };
        Ok(Some(record))
    }
}

/// A primitive value on its way.
enum Number {
    Whole(i64),
    Float(f64),
    Decimal(Decimal),
    Text(Arc<str>),
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float32" => Self::Float32,
            "float64" => Self::Float64,
            "boolean" => Self::Boolean,
            "string" => Self::String,
            _ => return None,
        })
    }

    /// The schema of what was of that schema.
    fn schema(self, old: &Schema) -> Result<Schema> {
        let kind = match self {
            Self::Int8 => Kind::Int8,
            Self::Int16 => Kind::Int16,
            Self::Int32 => Kind::Int32,
            Self::Int64 => Kind::Int64,
            Self::Float32 => Kind::Float32,
            Self::Float64 => Kind::Float64,
            Self::Boolean => Kind::Boolean,
            Self::String => Kind::String,
        };
        let default = old.default.as_ref().map(|default| self.cast(old, default)).transpose()?;
        Ok(Schema { default, optional: old.optional, ..Schema::new(kind) })
    }

    fn cast(self, schema: &Schema, value: &Value) -> Result<Value> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        if self == Self::String {
            return text(schema, value).map(|text| Value::String(text.into()));
        }
        let number = match value {
            Value::Boolean(flag) => Number::Whole(i64::from(*flag)),
            Value::Int8(n) => Number::Whole((*n).into()),
            Value::Int16(n) => Number::Whole((*n).into()),
            Value::Int32(n) => Number::Whole((*n).into()),
            Value::Int64(n) => Number::Whole(*n),
            Value::Float32(n) => Number::Float((*n).into()),
            Value::Float64(n) => Number::Float(*n),
            Value::Decimal(n) => Number::Decimal(n.clone()),
            Value::String(text) => Number::Text(Arc::clone(text)),
            Value::Bytes(_) | Value::Array(_) | Value::Map(_) | Value::Struct(_) | Value::Null => {
                return Err(unsupported(schema, value));
            }
        };
        self.number(&number, value)
    }

    fn number(self, number: &Number, value: &Value) -> Result<Value> {
        Ok(match self {
            Self::Int8 => Value::Int8(match number {
                Number::Text(text) => parsed(text, "Byte")?,
                _ => low_bits(number, true)
                    .to_le_bytes()
                    .first()
                    .map_or(0, |byte| byte.cast_signed()),
            }),
            Self::Int16 => Value::Int16(match number {
                Number::Text(text) => parsed(text, "Short")?,
                _ => {
                    let bytes = low_bits(number, true).to_le_bytes();
                    bytes.first_chunk().map_or(0, |low| i16::from_le_bytes(*low))
                }
            }),
            Self::Int32 => Value::Int32(match number {
                Number::Text(text) => parsed(text, "Integer")?,
                _ => {
                    let bytes = low_bits(number, true).to_le_bytes();
                    bytes.first_chunk().map_or(0, |low| i32::from_le_bytes(*low))
                }
            }),
            Self::Int64 => Value::Int64(match number {
                Number::Text(text) => parsed(text, "Long")?,
                _ => low_bits(number, false),
            }),
            Self::Float32 => Value::Float32(floating(number, value)?.1),
            Self::Float64 => Value::Float64(floating(number, value)?.0),
            Self::Boolean => Value::Boolean(match number {
                Number::Text(text) => text.eq_ignore_ascii_case("true"),
                _ => low_bits(number, false) != 0,
            }),
            Self::String => Value::Null,
        })
    }
}

/// Java's `longValue`, or for narrower types the way over `intValue`.
fn low_bits(number: &Number, narrow: bool) -> i64 {
    match number {
        Number::Whole(n) => *n,
        #[expect(clippy::cast_possible_truncation, reason = "Java cuts to the range as `as` does")]
        Number::Float(n) if narrow => i64::from(*n as i32),
        #[expect(clippy::cast_possible_truncation, reason = "Java cuts to the range as `as` does")]
        Number::Float(n) => *n as i64,
        Number::Decimal(n) => {
            let power = BigInt::from(10).pow(n.scale.unsigned_abs());
            let whole =
                if n.scale > 0 { big(&n.unscaled) / power } else { big(&n.unscaled) * power };
            let mask = (BigInt::from(1) << 64_u8) - 1_u8;
            u64::try_from(whole & mask).unwrap_or(0).cast_signed()
        }
        Number::Text(_) => 0,
    }
}

/// As double and as float.
fn floating(number: &Number, value: &Value) -> Result<(f64, f32)> {
    let of_text = |text: &str| {
        let plain = text.trim().trim_end_matches(['f', 'F', 'd', 'D']);
        let known = !plain.eq_ignore_ascii_case("inf")
            && !plain.eq_ignore_ascii_case("infinity")
            && !plain.eq_ignore_ascii_case("nan")
            || matches!(plain.trim_start_matches(['+', '-']), "Infinity" | "NaN");
        let parsed = plain.parse::<f64>().ok().zip(plain.parse::<f32>().ok()).filter(|_| known);
        parsed.ok_or_else(|| {
            let cause = if text.trim().is_empty() {
                "empty String".to_owned()
            } else {
                format!("For input string: \"{text}\"")
            };
            out_of_range(text, &cause)
        })
    };
    match number {
        Number::Text(text) => of_text(text),
        Number::Decimal(decimal) => of_text(&decimal.to_string()),
        Number::Float(n) => {
            let single = if let Value::Float32(single) = value {
                *single
            } else {
                n.to_string().parse().unwrap_or(f32::NAN)
            };
            Ok((*n, single))
        }
        Number::Whole(n) => of_text(&n.to_string()),
    }
}

fn parsed<T: std::str::FromStr>(text: &str, class: &str) -> Result<T> {
    text.parse().map_err(|_not| {
        let cause = match (class, text.parse::<i32>()) {
            ("Byte" | "Short", Ok(_)) => format!("Value out of range. Value:\"{text}\" Radix:10"),
            _ => format!("For input string: \"{text}\""),
        };
        out_of_range(text, &cause)
    })
}

fn out_of_range(text: &str, cause: &str) -> Error {
    Error::data(format!(
        "Value ({text}) was out of range for requested data type\nCaused by: java.lang.NumberFormatException: {cause}"
    ))
}

fn unsupported(schema: &Schema, value: &Value) -> Error {
    match value {
        Value::Bytes(_) if !is_decimal(schema) => {
            Error::data("Unexpected type in Cast transformation: java.nio.HeapByteBuffer")
        }
        _ => Error::data(format!(
            "Cast transformation does not support casting to/from {}; supported types are [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]",
            schema.kind.name()
        )),
    }
}

/// As Java prints it; times of Connect's own types in their ISO form.
fn text(schema: &Schema, value: &Value) -> Result<String> {
    let date =
        |pattern: &str, ms: i64| SimpleDateFormat::new(pattern).map(|format| format.format(ms));
    const TIMESTAMP_FORM: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";
    match (schema.name.as_deref(), value) {
        (Some(DATE), Value::Int32(days)) => {
            let ms = i64::from(*days) * 86_400_000;
            date(if *days < 1 { "HH:mm:ss.SSS'Z'" } else { "yyyy-MM-dd" }, ms)
        }
        (Some(TIME), Value::Int32(ms)) => date("HH:mm:ss.SSS'Z'", (*ms).into()),
        (Some(TIMESTAMP), Value::Int64(ms)) => {
            match (*ms < 86_400_000, ms.rem_euclid(86_400_000)) {
                (true, _) => date("HH:mm:ss.SSS'Z'", *ms),
                (_, 0) => date("yyyy-MM-dd", *ms),
                _ => date(TIMESTAMP_FORM, *ms),
            }
        }
        (_, Value::String(text)) => Ok(text.to_string()),
        (_, Value::Array(_) | Value::Map(_) | Value::Struct(_)) => Err(unsupported(schema, value)),
        _ => Ok(number_text(value)),
    }
}
