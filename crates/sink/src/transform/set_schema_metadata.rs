//! `org.apache.kafka.connect.transforms.SetSchemaMetadata`: another name or version of the schema.

use std::sync::Arc;

use super::derived::Derived;
use super::part::Part;
use super::{Record, Rewrite, Transform};
use crate::data::Schema;
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::RecordPlan;

/// The transform.
#[derive(Debug)]
pub(super) struct SetSchemaMetadata {
    part: Part,
    name: Option<Arc<str>>,
    version: Option<i32>,
    schemas: Derived<Arc<Schema>>,
}

impl SetSchemaMetadata {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let name: Option<Arc<str>> = options.text("schema.name").map(Into::into);
        let version = options.number("schema.version").and_then(|n| i32::try_from(n).ok());
        if name.is_none() && version.is_none() {
            return Err(Error::config("Neither schema name nor version configured"));
        }
        Ok(Self { part, name, version, schemas: Derived::default() })
    }

    fn schema(&self, schema: &Arc<Schema>) -> Result<Arc<Schema>> {
        let made = self.schemas.get(schema, || {
            let name = self.name.clone().or_else(|| schema.name.clone());
            let version = self.version.or(schema.version);
            Ok(Arc::new(Schema { name, version, ..Schema::clone(schema) }))
        })?;
        Ok(Arc::clone(&made))
    }
}

impl Transform for SetSchemaMetadata {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        let node = self.part.node_mut(&mut plan);
        let schema = node.schema.as_ref().map(|schema| self.schema(schema));
        match schema {
            None if node.expr.is_null() => {}
            Some(Ok(schema)) => node.schema = Some(schema),
            None | Some(Err(_)) => return Rewrite::Values(Box::new(plan)),
        }
        Rewrite::Plan(Box::new(plan))
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let typed = self.part.of_mut(&mut record);
        match &typed.schema {
            None if typed.value.is_null() => {}
            None => return Err(Error::data("Schema required for [updating schema metadata]")),
            Some(schema) => typed.schema = Some(self.schema(schema)?),
        }
        Ok(Some(record))
    }
}
