//! `org.apache.kafka.connect.transforms.InsertField`: fields from the record's metadata, or always the same.

use std::sync::Arc;

use super::derived::Derived;
use super::part::{Part, TIMESTAMP, default_of, rebuilt};
use super::shape::{From, Shape};
use super::{Record, Rewrite, Transform};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::RecordPlan;

/// The transform.
#[derive(Debug)]
pub(super) struct InsertField {
    part: Part,
    topic: Option<Insertion>,
    partition: Option<Insertion>,
    offset: bool,
    timestamp: Option<Insertion>,
    fixed: Option<(Insertion, Value)>,
    replace_null: bool,
    shapes: Derived<Shape>,
}

/// A field's name, and whether it is optional.
#[derive(Debug)]
struct Insertion {
    name: Arc<str>,
    optional: bool,
}

impl Insertion {
    fn parse(text: &str) -> Self {
        match (text.strip_suffix('!'), text.strip_suffix('?')) {
            (Some(name), _) => Self { name: name.into(), optional: false },
            (None, name) => Self { name: name.unwrap_or(text).into(), optional: true },
        }
    }

    fn field(&self, schema: Schema) -> Field {
        let schema = Arc::new(schema.optional(self.optional));
        Field { name: Arc::clone(&self.name), schema }
    }
}

impl InsertField {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let insertion = |name: &str| options.given(name).map(Insertion::parse);
        let fixed = match (insertion("static.field"), options.text("static.value")) {
            (Some(field), Some(value)) => Some((field, Value::from(value))),
            (Some(_), None) => {
                return Err(Error::config(
                    "Invalid value null for configuration static.value: No value specified for static field: static.field",
                ));
            }
            (None, _) => None,
        };
        let parsed = Self {
            part,
            topic: insertion("topic.field"),
            partition: insertion("partition.field"),
            offset: options.given("offset.field").is_some(),
            timestamp: insertion("timestamp.field"),
            fixed,
            replace_null: options.flag("replace.null.with.default"),
            shapes: Derived::default(),
        };
        let any = parsed.topic.is_some() || parsed.partition.is_some() || parsed.offset;
        if !any && parsed.timestamp.is_none() && parsed.fixed.is_none() {
            return Err(Error::config("No field insertion configured"));
        }
        Ok(parsed)
    }

    fn shape(&self, schema: &Arc<Schema>) -> Result<Arc<Shape>> {
        if self.offset {
            return Err(Error::data(
                "Only SinkRecord supported for [field insertion], found: org.apache.kafka.connect.source.SourceRecord",
            ));
        }
        self.shapes.get(schema, || {
            let mut fields = schema.fields().to_vec();
            let copy = |(index, field): (usize, &Field)| {
                From::Field(index, default_of(&field.schema, self.replace_null))
            };
            let mut sources: Vec<From> = fields.iter().enumerate().map(copy).collect();
            let mut insert = |insertion: Option<&Insertion>, schema: Schema, source: From| {
                if let Some(insertion) = insertion {
                    fields.push(insertion.field(schema));
                    sources.push(source);
                }
            };
            insert(self.topic.as_ref(), Schema::new(Kind::String), From::Topic);
            insert(self.partition.as_ref(), Schema::new(Kind::Int32), From::Partition);
            insert(self.timestamp.as_ref(), Schema::named(Kind::Int64, TIMESTAMP), From::Timestamp);
            if let Some((insertion, value)) = &self.fixed {
                insert(Some(insertion), Schema::new(Kind::String), From::Constant(value.clone()));
            }
            Ok(Shape { schema: Arc::new(rebuilt(schema, fields)), fields: sources })
        })
    }
}

impl Transform for InsertField {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        // A record without a value stays as it is, its key too.
        if plan.value.expr.is_null() {
            return Rewrite::Plan(Box::new(plan));
        }
        Shape::rewrite(self.part, plan, |schema| self.shape(schema))
    }

    fn apply(&self, record: Record) -> Result<Option<Record>> {
        if record.value.value.is_null() {
            return Ok(Some(record));
        }
        Shape::apply(self.part, record, "field insertion", |schema| self.shape(schema)).map(Some)
    }
}
