//! `org.apache.kafka.connect.transforms.ExtractField`: one field instead of the struct.

use std::sync::Arc;

use super::field_path::FieldPath;
use super::part::{Part, default_of, or_default};
use super::{Record, Rewrite, Transform, Typed};
use crate::data::{Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::{Expr, Node, RecordPlan};

/// The transform.
#[derive(Debug)]
pub(super) struct ExtractField {
    part: Part,
    path: FieldPath,
    replace_null: bool,
}

impl ExtractField {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let v2 = options.text("field.syntax.version").is_some_and(|v| v.eq_ignore_ascii_case("V2"));
        Ok(Self {
            part,
            path: FieldPath::parse(options.text("field").unwrap_or_default(), v2)?,
            replace_null: options.flag("replace.null.with.default"),
        })
    }

    fn resolve(&self, schema: &Arc<Schema>) -> Result<(Vec<usize>, Arc<Schema>)> {
        let unknown = || Error::argument(format!("Unknown field: {}", self.path.text()));
        self.path.resolve(schema).ok_or_else(unknown)
    }

    fn expr(&self, node: &Node) -> Option<Node> {
        let (path, schema) = self.resolve(node.schema.as_ref()?).ok()?;
        if node.expr.is_null() {
            return Some(Node::new(schema, Expr::Null));
        }
        let expr = path.iter().try_fold(node.expr.clone(), |expr, index| expr.field(*index))?;
        let expr = expr.or(&default_of(&schema, self.replace_null))?;
        Some(Node::new(schema, expr))
    }
}

impl Transform for ExtractField {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        match self.expr(self.part.node(&plan)) {
            Some(node) => {
                *self.part.node_mut(&mut plan) = node;
                Rewrite::Plan(Box::new(plan))
            }
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let typed = self.part.of(&record);
        let extracted = match (&typed.schema, &typed.value) {
            (None, Value::Null) => Typed::NOTHING,
            (None, value @ Value::Map(_)) => {
                Typed { schema: None, value: self.path.find(value).cloned().unwrap_or(Value::Null) }
            }
            (Some(schema), Value::Null) => {
                Typed { schema: Some(self.resolve(schema)?.1), value: Value::Null }
            }
            _ => {
                let (schema, _) = typed.require_struct("field extraction")?;
                let (path, schema) = self.resolve(schema)?;
                let found = path.iter().try_fold(&typed.value, |value, index| match value {
                    Value::Struct(fields) => fields.get(*index),
                    _ => None,
                });
                let default = default_of(&schema, self.replace_null);
                let value = found.map_or(Value::Null, |value| or_default(value, &default));
                Typed { schema: Some(schema), value }
            }
        };
        *self.part.of_mut(&mut record) = extracted;
        Ok(Some(record))
    }
}
