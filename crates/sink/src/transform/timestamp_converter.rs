//! `org.apache.kafka.connect.transforms.TimestampConverter`: a time in another representation.

use std::sync::Arc;

use super::derived::Derived;
use super::part::{DATE, Part, TIME, TIMESTAMP, default_of, or_default, rebuilt};
use super::simple_date_format::SimpleDateFormat;
use super::{Record, Transform, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

const DAY_MS: i64 = 86_400_000;

/// How a time is represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    String,
    Unix,
    Date,
    Time,
    Timestamp,
}

/// `unix.precision`.
#[derive(Debug, Clone, Copy)]
enum Precision {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// The transform.
#[derive(Debug)]
pub(super) struct TimestampConverter {
    part: Part,
    field: Option<Box<str>>,
    target: Form,
    format: Option<(Box<str>, SimpleDateFormat)>,
    precision: Precision,
    replace_null: bool,
    layouts: Derived<Layout>,
}

#[derive(Debug)]
struct Layout {
    schema: Arc<Schema>,
    /// What stands for the null of each field.
    defaults: Vec<Value>,
    /// The field, and how it is represented; `None` where the struct has no such field.
    field: Option<(usize, Form)>,
}

impl TimestampConverter {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let target = match options.text("target.type") {
            Some("string") => Form::String,
            Some("unix") => Form::Unix,
            Some("Date") => Form::Date,
            Some("Time") => Form::Time,
            _ => Form::Timestamp,
        };
        let precision = match options.text("unix.precision") {
            Some("seconds") => Precision::Seconds,
            Some("microseconds") => Precision::Microseconds,
            Some("nanoseconds") => Precision::Nanoseconds,
            _ => Precision::Milliseconds,
        };
        let format = options.given("format");
        if target == Form::String && format.is_none() {
            return Err(Error::config(
                "TimestampConverter requires format option to be specified when using string timestamps",
            ));
        }
        let format =
            format.map(|text| SimpleDateFormat::new(text).map(|format| (text.into(), format)));
        Ok(Self {
            part,
            field: options.given("field").map(Into::into),
            target,
            format: format.transpose()?,
            precision,
            replace_null: options.flag("replace.null.with.default"),
            layouts: Derived::default(),
        })
    }

    fn target_schema(&self, optional: bool) -> Schema {
        match self.target {
            Form::String => Schema::new(Kind::String),
            Form::Unix => Schema::new(Kind::Int64),
            Form::Date => Schema::named(Kind::Int32, DATE),
            Form::Time => Schema::named(Kind::Int32, TIME),
            Form::Timestamp => Schema::named(Kind::Int64, TIMESTAMP),
        }
        .optional(optional)
    }

    fn layout(&self, schema: &Arc<Schema>) -> Result<Arc<Layout>> {
        self.layouts.get(schema, || {
            let Some(name) = &self.field else {
                let field = Some((0, form(schema)?));
                let schema = Arc::new(self.target_schema(schema.optional));
                return Ok(Layout { schema, defaults: Vec::new(), field });
            };
            let mut fields = schema.fields().to_vec();
            let defaults =
                fields.iter().map(|f| default_of(&f.schema, self.replace_null)).collect();
            let mut found = None;
            for (index, field) in fields.iter_mut().enumerate() {
                if *field.name == **name {
                    found = Some((index, form(&field.schema)?));
                    let schema = Arc::new(self.target_schema(field.schema.optional));
                    *field = Field { name: Arc::clone(&field.name), schema };
                }
            }
            let made = Schema {
                optional: schema.optional,
                default: schema.default.clone(),
                ..rebuilt(schema, fields)
            };
            Ok(Layout { schema: Arc::new(made), defaults, field: found })
        })
    }

    fn convert(&self, value: &Value, form: Form) -> Result<Value> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let ms = self.instant(value, form)?;
        let too_large = || Error::data("Timestamp is out of the range of its representation");
        let day = ms.div_euclid(DAY_MS);
        Ok(match self.target {
            Form::String => {
                let format = self.format.as_ref();
                format.map_or(Value::Null, |(_, format)| format.format(ms).as_str().into())
            }
            Form::Unix => Value::Int64(match self.precision {
                Precision::Seconds => ms / 1000,
                Precision::Milliseconds => ms,
                Precision::Microseconds => ms.saturating_mul(1000),
                Precision::Nanoseconds => ms.saturating_mul(1_000_000),
            }),
            Form::Date => Value::Int32(day.try_into().map_err(|_range| too_large())?),
            Form::Time => {
                Value::Int32(ms.rem_euclid(DAY_MS).try_into().map_err(|_range| too_large())?)
            }
            Form::Timestamp => Value::Int64(ms),
        })
    }

    /// Milliseconds since the epoch.
    fn instant(&self, value: &Value, form: Form) -> Result<i64> {
        match (form, value) {
            (Form::String, Value::String(text)) => {
                let Some((pattern, format)) = &self.format else {
                    return Err(Error::data(format!(
                        "Could not parse timestamp: value ({text}) does not match pattern ()"
                    )));
                };
                format.parse(text).ok_or_else(|| {
                    Error::data(format!(
                        "Could not parse timestamp: value ({text}) does not match pattern ({pattern})\nCaused by: java.text.ParseException: Unparseable date: \"{text}\""
                    ))
                })
            }
            (Form::Date, Value::Int32(days)) => Ok(i64::from(*days) * DAY_MS),
            (Form::Time, Value::Int32(ms)) => Ok(i64::from(*ms)),
            (Form::Timestamp, Value::Int64(ms)) => Ok(*ms),
            (Form::Unix, Value::Int64(unix)) => Ok(match self.precision {
                Precision::Seconds => unix.saturating_mul(1000),
                Precision::Milliseconds => *unix,
                Precision::Microseconds => unix / 1000,
                Precision::Nanoseconds => unix / 1_000_000,
            }),
            _ => Err(Error::data("Schema does not correspond to a known timestamp type format")),
        }
    }
}

/// How values of that schema represent a time.
fn form(schema: &Schema) -> Result<Form> {
    match (schema.name.as_deref(), &schema.kind) {
        (Some(TIMESTAMP), _) => Ok(Form::Timestamp),
        (Some(DATE), _) => Ok(Form::Date),
        (Some(TIME), _) => Ok(Form::Time),
        (_, Kind::String) => Ok(Form::String),
        (_, Kind::Int64) => Ok(Form::Unix),
        (name, kind) => {
            let schema = name
                .map_or_else(|| kind.name().to_owned(), |name| format!("{name}:{}", kind.name()));
            Err(Error::data(format!(
                "Schema Schema{{{schema}}} does not correspond to a known timestamp type format"
            )))
        }
    }
}

impl Transform for TimestampConverter {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let typed = self.part.of(&record);
        let Some(schema) = &typed.schema else {
            if typed.value.is_null() {
                return Ok(Some(record));
            }
            return Err(Error::data("Schema required for [converting timestamp formats]"));
        };
        if typed.value.is_null() && self.field.is_some() {
            return Ok(Some(record));
        }
        let layout = self.layout(schema)?;
        let value = if self.field.is_none() {
            let form = layout.field.map_or(Form::Unix, |(_, form)| form);
            self.convert(&typed.value, form)?
        } else {
            let (_, values) = typed.require_struct("converting timestamp formats")?;
            let mut converted = Vec::with_capacity(values.len());
            for (index, (value, default)) in values.iter().zip(&layout.defaults).enumerate() {
                let value = or_default(value, default);
                converted.push(match layout.field {
                    Some((at, form)) if at == index => self.convert(&value, form)?,
                    _ => value,
                });
            }
            Value::Struct(converted)
        };
        let schema = Some(Arc::clone(&layout.schema));
        *self.part.of_mut(&mut record) = Typed { schema, value };
        Ok(Some(record))
    }
}
