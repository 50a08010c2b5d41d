//! Apache's three transforms of headers: `DropHeaders`, `InsertHeader` and `HeaderFrom`.

use std::sync::Arc;

use super::derived::Derived;
use super::part::{Part, default_of, or_default, rebuilt};
use super::{Record, Rewrite, Transform, Typed, literal};
use crate::data::{Field, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::{Expr, Node, RecordPlan};

/// `org.apache.kafka.connect.transforms.DropHeaders`.
#[derive(Debug)]
pub(super) struct DropHeaders(Vec<String>);

impl DropHeaders {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        Self(options.list("headers").into_iter().map(str::to_owned).collect())
    }

    fn drops(&self, name: &str) -> bool {
        self.0.iter().any(|dropped| dropped == name)
    }
}

impl Transform for DropHeaders {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        plan.headers.retain(|(name, _)| !self.drops(name));
        Rewrite::Plan(Box::new(plan))
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        record.headers.retain(|(name, _)| !self.drops(name));
        Ok(Some(record))
    }
}

/// `org.apache.kafka.connect.transforms.InsertHeader`.
#[derive(Debug)]
pub(super) struct InsertHeader {
    name: Arc<str>,
    value: Typed,
}

impl InsertHeader {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        let name = options.text("header").unwrap_or_default().into();
        Self { name, value: literal::parse(options.raw("value.literal").unwrap_or_default()) }
    }
}

impl Transform for InsertHeader {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        let Typed { schema, value } = self.value.clone();
        plan.headers.push((Arc::clone(&self.name), Node { schema, expr: Expr::Constant(value) }));
        Rewrite::Plan(Box::new(plan))
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        record.headers.push((Arc::clone(&self.name), self.value.clone()));
        Ok(Some(record))
    }
}

/// `org.apache.kafka.connect.transforms.HeaderFrom`.
#[derive(Debug)]
pub(super) struct HeaderFrom {
    part: Part,
    /// Fields and the headers that they become.
    pairs: Vec<(Box<str>, Arc<str>)>,
    moves: bool,
    replace_null: bool,
    layouts: Derived<Layout>,
}

/// The new schema, and the fields that stay: where they were, and what stands for their null.
type Rest = (Arc<Schema>, Vec<(usize, Value)>);

#[derive(Debug)]
struct Layout {
    headers: Vec<(Arc<str>, Arc<Schema>, usize, Value)>,
    /// What stays, with the new schema; `None` where everything does.
    rest: Option<Rest>,
}

impl HeaderFrom {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let (fields, headers) = (options.list("fields"), options.list("headers"));
        if fields.len() != headers.len() {
            return Err(Error::config(
                "'fields' config must have the same number of elements as 'headers' config.",
            ));
        }
        let pairs = fields.into_iter().zip(headers).map(|(f, h)| (f.into(), h.into())).collect();
        Ok(Self {
            part,
            pairs,
            moves: options.text("operation") == Some("move"),
            replace_null: options.flag("replace.null.with.default"),
            layouts: Derived::default(),
        })
    }

    fn layout(&self, schema: &Arc<Schema>) -> Result<Arc<Layout>> {
        self.layouts.get(schema, || {
            let header = |(field, header): &(Box<str>, Arc<str>)| {
                let index = schema.field_index(field);
                let found = index.and_then(|index| Some((index, schema.fields().get(index)?)));
                let (index, found) =
                    found.ok_or_else(|| Error::data(format!("Unknown field: {field}")))?;
                let default = default_of(&found.schema, self.replace_null);
                Ok((Arc::clone(header), Arc::clone(&found.schema), index, default))
            };
            let headers = self.pairs.iter().map(header).collect::<Result<Vec<_>>>()?;
            let rest = self.moves.then(|| {
                let stays = |(_, field): &(usize, &Field)| {
                    !self.pairs.iter().any(|(moved, _)| **moved == *field.name)
                };
                let kept: Vec<_> = schema.fields().iter().enumerate().filter(stays).collect();
                let fields = kept.iter().map(|(_, field)| Field::clone(field)).collect();
                let sources = kept
                    .iter()
                    .map(|(index, field)| (*index, default_of(&field.schema, self.replace_null)));
                (Arc::new(rebuilt(schema, fields)), sources.collect())
            });
            Ok(Layout { headers, rest })
        })
    }

    fn rewrite(&self, plan: &RecordPlan) -> Option<RecordPlan> {
        let node = self.part.node(plan);
        let layout = self.layout(node.schema.as_ref()?).ok()?;
        let Expr::Struct(fields) = &node.expr else { return None };
        let mut next = plan.clone();
        for (name, schema, index, default) in &layout.headers {
            let expr = fields.get(*index)?.or(default)?;
            next.headers.push((Arc::clone(name), Node::new(Arc::clone(schema), expr)));
        }
        if let Some((schema, kept)) = &layout.rest {
            let kept = kept.iter().map(|(index, default)| fields.get(*index)?.or(default));
            let expr = Expr::Struct(kept.collect::<Option<Vec<_>>>()?);
            *self.part.node_mut(&mut next) = Node::new(Arc::clone(schema), expr);
        }
        Some(next)
    }
}

impl Transform for HeaderFrom {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        match self.rewrite(&plan) {
            Some(next) => Rewrite::Plan(Box::new(next)),
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let purpose = if self.moves { "header move" } else { "header copy" };
        let (schema, values) = self.part.of(&record).require_struct(purpose)?;
        let layout = self.layout(schema)?;
        let field = |index: &usize, default: &Value| {
            values.get(*index).map_or(Value::Null, |value| or_default(value, default))
        };
        let headers: Vec<_> = layout
            .headers
            .iter()
            .map(|(name, schema, index, default)| {
                let schema = Some(Arc::clone(schema));
                (Arc::clone(name), Typed { schema, value: field(index, default) })
            })
            .collect();
        let rest = layout.rest.as_ref().map(|(schema, kept)| {
            let values = kept.iter().map(|(index, default)| field(index, default)).collect();
            Typed { schema: Some(Arc::clone(schema)), value: Value::Struct(values) }
        });
        record.headers.extend(headers);
        if let Some(rest) = rest {
            *self.part.of_mut(&mut record) = rest;
        }
        Ok(Some(record))
    }
}
