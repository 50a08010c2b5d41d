//! `org.apache.kafka.connect.transforms.HoistField`: the whole as the one field of a struct.

use std::sync::Arc;

use super::derived::Derived;
use super::part::Part;
use super::{Record, Rewrite, Transform, Typed};
use crate::data::{Schema, Value};
use crate::error::Result;
use crate::option::Options;
use crate::plan::{Expr, Node, RecordPlan};

/// The transform.
#[derive(Debug)]
pub(super) struct HoistField {
    part: Part,
    field: Arc<str>,
    schemas: Derived<Arc<Schema>>,
}

impl HoistField {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Self {
        Self {
            part,
            field: options.text("field").unwrap_or_default().into(),
            schemas: Derived::default(),
        }
    }

    fn schema(&self, schema: &Arc<Schema>) -> Result<Arc<Schema>> {
        let made = self.schemas.get(schema, || {
            Ok(Arc::new(Schema::structure([(&*self.field, Arc::clone(schema))])))
        })?;
        Ok(Arc::clone(&made))
    }
}

impl Transform for HoistField {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        let node = self.part.node_mut(&mut plan);
        let Some(Ok(schema)) = node.schema.as_ref().map(|schema| self.schema(schema)) else {
            return Rewrite::Values(Box::new(plan));
        };
        let expr = std::mem::replace(&mut node.expr, Expr::Null);
        *node = Node::new(schema, Expr::Struct(vec![expr]));
        Rewrite::Plan(Box::new(plan))
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let typed = self.part.of_mut(&mut record);
        let Typed { schema, value } = std::mem::replace(typed, Typed::NOTHING);
        *typed = match schema {
            Some(schema) => {
                Typed { schema: Some(self.schema(&schema)?), value: Value::Struct(vec![value]) }
            }
            None => {
                let name = Value::String(Arc::clone(&self.field));
                Typed { schema: None, value: Value::Map(vec![(name, value)]) }
            }
        };
        Ok(Some(record))
    }
}
