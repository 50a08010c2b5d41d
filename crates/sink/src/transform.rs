//! Transforms: what happens to a record between the connector and the converters.
//!
//! A transform that only rearranges rewrites the plan, once per relation; one that looks at values runs on trees.
//! Every transform can do the latter, and the result must not depend on which way was taken.

use std::sync::Arc;

use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::plan::RecordPlan;

mod extract_new_record_state;

pub use extract_new_record_state::ExtractNewRecordState;

/// A value with its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    /// Its schema; `None` for schemaless values and for none at all.
    pub schema: Option<Arc<Schema>>,
    /// The value.
    pub value: Value,
}

impl Typed {
    /// Neither schema nor value.
    pub const NOTHING: Self = Self { schema: None, value: Value::Null };

    /// Keeps only some fields of a struct; anything else stays as it is.
    pub fn retain_fields(&mut self, keep: impl Fn(&Field) -> bool) {
        let (Some(schema), Value::Struct(values)) = (&self.schema, &mut self.value) else { return };
        if schema.fields().iter().all(&keep) {
            return;
        }
        let mut fields = schema.fields().iter();
        values.retain(|_| fields.next().is_some_and(&keep));
        let fields = schema.fields().iter().filter(|field| keep(field)).cloned().collect();
        self.schema =
            Some(Arc::new(Schema { kind: Kind::Struct(fields), ..Schema::clone(schema) }));
    }
}

/// A record as a tree, before its converters.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition, where one is set.
    pub partition: Option<i32>,
    /// Its timestamp in milliseconds, where one is set.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Typed,
    /// Its value.
    pub value: Typed,
    /// Its headers, in order; names may repeat.
    pub headers: Vec<(Arc<str>, Typed)>,
    /// Of a tombstone: the delete's value as the connector made it. Their headers are one list in Debezium.
    pub companion: Typed,
}

/// What a transform makes of a plan.
#[derive(Debug)]
pub enum Rewrite {
    /// Another plan.
    Plan(Box<RecordPlan>),
    /// All records of the plan are dropped.
    Drop,
    /// What becomes of a record depends on its values: the chain goes on with trees from here.
    Values(Box<RecordPlan>),
}

/// A single message transform.
pub trait Transform: std::fmt::Debug + Send + Sync {
    /// Rewrites a plan.
    fn compile(&self, plan: RecordPlan) -> Rewrite;

    /// Transforms a record; `None` drops it.
    ///
    /// # Errors
    ///
    /// What the transform refuses, in Connect's words.
    fn apply(&self, record: Record) -> Result<Option<Record>>;
}

/// The transforms of a connector, in order.
#[derive(Debug, Clone, Default)]
pub struct Chain(Arc<[Box<dyn Transform>]>);

/// What a chain makes of a plan.
#[derive(Debug)]
pub enum Compiled {
    /// The plan, and how many transforms are done with it.
    Plan(Box<RecordPlan>, usize),
    /// All records of the plan are dropped.
    Drop,
}

impl Chain {
    /// A chain of those transforms.
    #[must_use]
    pub fn new(transforms: Vec<Box<dyn Transform>>) -> Self {
        Self(transforms.into())
    }

    /// Reads `transforms` and `transforms.<name>.*` of a connector's configuration.
    ///
    /// # Errors
    ///
    /// An unknown class or a bad option, in Connect's words.
    pub fn parse<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self> {
        let names = get("transforms").unwrap_or_default();
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let transforms = names.map(|name| {
            let class = get(&format!("transforms.{name}.type"));
            let option = |key: &str| get(&format!("transforms.{name}.{key}"));
            let class = class.ok_or_else(|| missing_class(name))?;
            if option("predicate").is_some() {
                return Err(Error::config(format!(
                    "transforms.{name}.predicate: predicates are not supported yet"
                )));
            }
            create(name, class, &option)
        });
        Ok(Self::new(transforms.collect::<Result<_>>()?))
    }

    /// Number of transforms.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Rewrites a plan as far as values are not needed.
    #[must_use]
    pub fn compile(&self, mut plan: RecordPlan) -> Compiled {
        for (done, transform) in self.0.iter().enumerate() {
            match transform.compile(plan) {
                Rewrite::Plan(next) => plan = *next,
                Rewrite::Drop => return Compiled::Drop,
                Rewrite::Values(same) => return Compiled::Plan(same, done),
            }
        }
        Compiled::Plan(Box::new(plan), self.len())
    }

    /// Runs the transforms from the one with index `from` on.
    ///
    /// # Errors
    ///
    /// What a transform refuses, in Connect's words.
    pub fn apply(&self, from: usize, mut record: Record) -> Result<Option<Record>> {
        for transform in self.0.get(from..).unwrap_or_default() {
            match transform.apply(record)? {
                Some(next) => record = next,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }
}

fn missing_class(name: &str) -> Error {
    Error::config(format!(
        "Missing required configuration \"transforms.{name}.type\" which has no default value."
    ))
}

/// One transform by its class. A new one adds its line here.
fn create<'a>(
    name: &str,
    class: &str,
    option: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Box<dyn Transform>> {
    match class {
        "io.debezium.transforms.ExtractNewRecordState" => {
            Ok(Box::new(ExtractNewRecordState::parse(option)?))
        }
        _ => Err(Error::config(format!(
            "Invalid value {class} for configuration transforms.{name}.type: Class {class} could not be found."
        ))),
    }
}
