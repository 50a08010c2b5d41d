//! `org.apache.kafka.connect.transforms.Flatten`: fields of nested structs as fields of one.

use std::sync::Arc;

use super::derived::Derived;
use super::part::{Part, or_default, rebuilt};
use super::{Record, Rewrite, Transform};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::{Expr, Node, RecordPlan};

/// The transform.
#[derive(Debug)]
pub(super) struct Flatten {
    part: Part,
    delimiter: Box<str>,
    layouts: Derived<Layout>,
}

/// The flat schema, and where each field is: its path, and what stands for its null.
#[derive(Debug)]
struct Layout {
    schema: Arc<Schema>,
    paths: Vec<(Vec<usize>, Value)>,
}

/// The struct that is being flattened.
struct Outer<'a> {
    prefix: Option<&'a str>,
    path: &'a [usize],
    optional: bool,
    default: Option<&'a [Value]>,
}

impl Flatten {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Self {
        let delimiter = options.text("delimiter").unwrap_or(".").into();
        Self { part, delimiter, layouts: Derived::default() }
    }

    fn layout(&self, schema: &Arc<Schema>) -> Result<Arc<Layout>> {
        self.layouts.get(schema, || {
            let (mut fields, mut paths) = (Vec::new(), Vec::new());
            let default = match &schema.default {
                Some(Value::Struct(values)) => Some(values.as_slice()),
                _ => None,
            };
            let outer = Outer { prefix: None, path: &[], optional: schema.optional, default };
            self.add(schema, &outer, &mut fields, &mut paths)?;
            Ok(Layout { schema: Arc::new(rebuilt(schema, fields)), paths })
        })
    }

    fn add(
        &self,
        schema: &Schema,
        outer: &Outer<'_>,
        fields: &mut Vec<Field>,
        paths: &mut Vec<(Vec<usize>, Value)>,
    ) -> Result<()> {
        for (index, field) in schema.fields().iter().enumerate() {
            let name: Arc<str> = match outer.prefix {
                Some(prefix) => format!("{prefix}{}{}", self.delimiter, field.name).into(),
                None => Arc::clone(&field.name),
            };
            let optional = outer.optional || field.schema.optional;
            let inherited = outer.default.and_then(|values| values.get(index));
            let default =
                field.schema.default.as_ref().or(inherited).filter(|value| !value.is_null());
            let path: Vec<usize> = outer.path.iter().copied().chain([index]).collect();
            match &field.schema.kind {
                Kind::Struct(_) => {
                    let default = match default {
                        Some(Value::Struct(values)) => Some(values.as_slice()),
                        _ => None,
                    };
                    let outer = Outer { prefix: Some(&name), path: &path, optional, default };
                    self.add(&field.schema, &outer, fields, paths)?;
                }
                Kind::Map(..) => {
                    return Err(Error::data(format!(
                        "Flatten transformation does not support MAP for record with schemas (for field {name})."
                    )));
                }
                _ => {
                    let own = field.schema.default.clone().unwrap_or(Value::Null);
                    let schema = Schema {
                        optional,
                        default: default.cloned(),
                        ..Schema::clone(&field.schema)
                    };
                    fields.push(Field { name, schema: Arc::new(schema) });
                    paths.push((path, own));
                }
            }
        }
        Ok(())
    }

    fn node(&self, node: &Node) -> Option<Node> {
        let layout = self.layout(node.schema.as_ref()?).ok()?;
        let flat = layout.paths.iter().map(|(path, default)| {
            let mut expr = node.expr.clone();
            for index in path {
                // Where the struct around it is missing, so is the field, default or not.
                if expr.is_null() {
                    return Some(Expr::Null);
                }
                expr = expr.field(*index)?;
            }
            match expr {
                Expr::IfImage(image, inner) => {
                    Some(Expr::IfImage(image, Box::new(inner.or(default)?)))
                }
                expr => expr.or(default),
            }
        });
        let fields = flat.collect::<Option<Vec<_>>>()?;
        Some(Node::new(Arc::clone(&layout.schema), Expr::Struct(fields)))
    }
}

impl Transform for Flatten {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        let node = self.part.node(&plan);
        if node.expr.is_null() {
            return Rewrite::Plan(Box::new(plan));
        }
        match self.node(node).filter(|_| matches!(node.expr, Expr::Struct(_))) {
            Some(flat) => {
                *self.part.node_mut(&mut plan) = flat;
                Rewrite::Plan(Box::new(plan))
            }
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let typed = self.part.of(&record);
        if typed.value.is_null() {
            return Ok(Some(record));
        }
        let (schema, _) = typed.require_struct("flattening")?;
        let layout = self.layout(schema)?;
        let field = |(path, default): &(Vec<usize>, Value)| {
            let found = path.iter().try_fold(&typed.value, |value, index| match value {
                Value::Struct(fields) => fields.get(*index),
                _ => None,
            });
            found.map_or(Value::Null, |value| or_default(value, default))
        };
        let value = Value::Struct(layout.paths.iter().map(field).collect());
        let typed = self.part.of_mut(&mut record);
        typed.schema = Some(Arc::clone(&layout.schema));
        typed.value = value;
        Ok(Some(record))
    }
}
