//! [`Shape`]: a struct made of another one by its schema alone. Stated once, run over plans and over trees.

use std::sync::Arc;

use super::part::{Part, or_default};
use super::{Record, Rewrite};
use crate::data::{Schema, Value};
use crate::error::Result;
use crate::plan::{Expr, Node, RecordPlan};

/// Where a field of the new struct comes from.
#[derive(Debug)]
pub(super) enum From {
    /// The old field with that index, and what stands for its null.
    Field(usize, Value),
    /// Always the same.
    Constant(Value),
    /// The same wherever the old field has a value.
    Masked(usize, Value, Value),
    /// The record's topic.
    Topic,
    /// The record's partition, where it has one.
    Partition,
    /// The record's timestamp, where it has one.
    Timestamp,
}

/// A struct made of another one.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) schema: Arc<Schema>,
    pub(super) fields: Vec<From>,
}

impl Shape {
    /// Over a plan; `None` where that is not a matter of structure alone.
    fn expr(&self, old: &Expr, topic: &Arc<str>) -> Option<Expr> {
        let Expr::Struct(old) = old else { return None };
        let field = |from: &From| match from {
            From::Field(index, default) => old.get(*index)?.or(default),
            From::Constant(value) => Some(Expr::Constant(value.clone())),
            From::Masked(index, default, mask) => match old.get(*index)?.or(default)? {
                Expr::Constant(_) | Expr::Struct(_) => Some(Expr::Constant(mask.clone())),
                Expr::Null => Some(Expr::Null),
                value => Some(Expr::Masked(Box::new(value), mask.clone())),
            },
            From::Topic => Some(Expr::Constant(Value::String(Arc::clone(topic)))),
            // No plan has one.
            From::Partition | From::Timestamp => Some(Expr::Null),
        };
        self.fields.iter().map(field).collect::<Option<Vec<_>>>().map(Expr::Struct)
    }

    /// Over a tree.
    fn value(&self, old: &[Value], record: &Record) -> Value {
        let field = |index: usize, default: &Value| {
            old.get(index).map_or(Value::Null, |value| or_default(value, default))
        };
        let fields = self.fields.iter().map(|from| match from {
            From::Field(index, default) => field(*index, default),
            From::Constant(value) => value.clone(),
            From::Masked(index, default, mask) => {
                if field(*index, default).is_null() {
                    Value::Null
                } else {
                    mask.clone()
                }
            }
            From::Topic => Value::String(Arc::clone(&record.topic)),
            From::Partition => record.partition.map_or(Value::Null, Value::Int32),
            From::Timestamp => record.timestamp_ms.map_or(Value::Null, Value::Int64),
        });
        Value::Struct(fields.collect())
    }

    /// Puts the new struct into a plan; a plan without a value stays as it is.
    pub(super) fn rewrite(
        part: Part,
        mut plan: RecordPlan,
        shape: impl FnOnce(&Arc<Schema>) -> Result<Arc<Self>>,
    ) -> Rewrite {
        let node = part.node(&plan);
        if node.expr.is_null() {
            return Rewrite::Plan(Box::new(plan));
        }
        let made = node.schema.as_ref().and_then(|schema| shape(schema).ok());
        let rewritten = made.and_then(|shape| {
            let expr = shape.expr(&node.expr, &plan.topic)?;
            Some(Node::new(Arc::clone(&shape.schema), expr))
        });
        match rewritten {
            Some(node) => {
                *part.node_mut(&mut plan) = node;
                Rewrite::Plan(Box::new(plan))
            }
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    /// Puts the new struct into a record.
    ///
    /// # Errors
    ///
    /// The part is not a struct, in Connect's words; or what `shape` refuses.
    pub(super) fn apply(
        part: Part,
        mut record: Record,
        purpose: &str,
        shape: impl FnOnce(&Arc<Schema>) -> Result<Arc<Self>>,
    ) -> Result<Record> {
        let (schema, values) = part.of(&record).require_struct(purpose)?;
        let shape = shape(schema)?;
        let value = shape.value(values, &record);
        let typed = part.of_mut(&mut record);
        typed.schema = Some(Arc::clone(&shape.schema));
        typed.value = value;
        Ok(record)
    }
}
