//! `org.apache.kafka.connect.transforms.ValueToKey`: a key made of fields of the value.

use std::sync::Arc;

use super::derived::Derived;
use super::part::{default_of, or_default};
use super::{Record, Rewrite, Transform, Typed};
use crate::data::{Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::{Expr, Node, RecordPlan};

/// The transform.
#[derive(Debug)]
pub(super) struct ValueToKey {
    fields: Vec<String>,
    replace_null: bool,
    layouts: Derived<Layout>,
}

#[derive(Debug)]
struct Layout {
    schema: Arc<Schema>,
    fields: Vec<(usize, Value)>,
}

impl ValueToKey {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        Self {
            fields: options.list("fields").into_iter().map(str::to_owned).collect(),
            replace_null: options.flag("replace.null.with.default"),
            layouts: Derived::default(),
        }
    }

    fn layout(&self, schema: &Arc<Schema>) -> Result<Arc<Layout>> {
        self.layouts.get(schema, || {
            let (mut parts, mut fields) = (Vec::new(), Vec::new());
            for name in &self.fields {
                let index = schema.field_index(name);
                let field = index.and_then(|index| Some((index, schema.fields().get(index)?)));
                let (index, field) =
                    field.ok_or_else(|| Error::data(format!("Field does not exist: {name}")))?;
                parts.push((name.as_str(), Arc::clone(&field.schema)));
                fields.push((index, default_of(&field.schema, self.replace_null)));
            }
            Ok(Layout { schema: Arc::new(Schema::structure(parts)), fields })
        })
    }
}

impl Transform for ValueToKey {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        let node = |value: &Node| {
            let layout = self.layout(value.schema.as_ref()?).ok()?;
            let Expr::Struct(old) = &value.expr else { return None };
            let fields = layout.fields.iter().map(|(index, default)| old.get(*index)?.or(default));
            let fields = fields.collect::<Option<Vec<_>>>()?;
            Some(Node::new(Arc::clone(&layout.schema), Expr::Struct(fields)))
        };
        match node(&plan.value) {
            Some(key) => {
                plan.key = key;
                Rewrite::Plan(Box::new(plan))
            }
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let (schema, values) = record.value.require_struct("copying fields from value to key")?;
        let layout = self.layout(schema)?;
        let field = |(index, default): &(usize, Value)| {
            values.get(*index).map_or(Value::Null, |value| or_default(value, default))
        };
        let value = Value::Struct(layout.fields.iter().map(field).collect());
        record.key = Typed { schema: Some(Arc::clone(&layout.schema)), value };
        Ok(Some(record))
    }
}
