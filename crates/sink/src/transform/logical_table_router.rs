//! `io.debezium.transforms.ByLogicalTableRouter`: the shards of a table into one topic, with a key that stays unique.

use std::sync::Arc;

use super::derived::Derived;
use super::java::Replacement;
use super::part::rebuilt;
use super::regex_router::Routes;
use super::{Record, Rewrite, Transform};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::name::NameAdjustment;
use crate::option::Options;
use crate::plan::{Expr, RecordPlan};

/// The transform.
#[derive(Debug)]
pub(super) struct ByLogicalTableRouter {
    routes: Routes,
    adjustment: NameAdjustment,
    /// Name of the key's new field, and what of the old topic's name it holds.
    identifier: Option<(Arc<str>, Option<Replacement>)>,
    keys: Derived<(Arc<str>, Arc<Schema>)>,
    values: Derived<(Arc<str>, Arc<Schema>)>,
}

impl ByLogicalTableRouter {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let text = |name| options.text(name).unwrap_or_default();
        let replacement =
            Replacement::parse("topic.regex", text("topic.regex"), text("topic.replacement"))?;
        let identifier = match (
            options.given("key.field.regex"),
            options.text("key.field.replacement"),
        ) {
            (Some(regex), Some(replacement)) => {
                Some(Replacement::parse("key.field.regex", regex, replacement)?)
            }
            (None, None) => None,
            _ => {
                return Err(Error::config(
                    "key.field.replacement: key.field.regex and key.field.replacement must be given together",
                ));
            }
        };
        let name = text("key.field.name").into();
        Ok(Self {
            routes: Routes::new(replacement),
            adjustment: match options.text("schema.name.adjustment.mode") {
                Some("avro") => NameAdjustment::Avro,
                Some("avro_unicode") => NameAdjustment::AvroUnicode,
                _ => NameAdjustment::None,
            },
            identifier: options.flag("key.enforce.uniqueness").then_some((name, identifier)),
            keys: Derived::default(),
            values: Derived::default(),
        })
    }

    /// What the key says of the topic that the record would have had.
    fn identifier(&self, topic: &str) -> Result<Option<Value>> {
        let Some((_, replacement)) = &self.identifier else { return Ok(None) };
        let replaced =
            replacement.as_ref().map(|replacement| replacement.apply(topic)).transpose()?;
        Ok(Some(replaced.flatten().as_deref().unwrap_or(topic).into()))
    }

    fn key_schema(&self, schema: &Arc<Schema>, topic: &Arc<str>) -> Result<Arc<Schema>> {
        let made = self.keys.get_if(
            schema,
            |(made, _)| made == topic,
            || {
                let mut fields = schema.fields().to_vec();
                if let Some((name, _)) = &self.identifier {
                    let schema = Arc::new(Schema::new(Kind::String));
                    fields.push(Field { name: Arc::clone(name), schema });
                }
                let name = Some(self.adjustment.schema_name(&format!("{topic}.Key")).into());
                Ok((Arc::clone(topic), Arc::new(Schema { name, ..rebuilt(schema, fields) })))
            },
        )?;
        Ok(Arc::clone(&made.1))
    }

    fn value_schema(&self, schema: &Arc<Schema>, topic: &Arc<str>) -> Result<Arc<Schema>> {
        let made = self.values.get_if(
            schema,
            |(made, _)| made == topic,
            || {
                let named = |schema: &Schema, suffix: &str, kind: Kind| {
                    let name = format!("{topic}.{suffix}");
                    let name = Some(self.adjustment.schema_name(&name).into());
                    Arc::new(Schema { name, kind, ..Schema::clone(schema) })
                };
                if schema.name.as_deref().is_none_or(|name| !name.ends_with(".Envelope")) {
                    return Ok((Arc::clone(topic), named(schema, "Value", schema.kind.clone())));
                }
                let mut row: Option<Arc<Schema>> = None;
                let mut fields = schema.fields().to_vec();
                for field in &mut fields {
                    if matches!(&*field.name, "before" | "after") {
                        let kind = field.schema.kind.clone();
                        let renamed =
                            row.get_or_insert_with(|| named(&field.schema, "Value", kind));
                        field.schema = Arc::clone(renamed);
                    }
                }
                Ok((Arc::clone(topic), named(schema, "Envelope", Kind::Struct(fields))))
            },
        )?;
        Ok(Arc::clone(&made.1))
    }

    fn rewrite(&self, mut plan: RecordPlan) -> Result<RecordPlan> {
        let Some(topic) = self.routes.route(&plan.topic)? else { return Ok(plan) };
        let identifier = self.identifier(&plan.topic)?;
        if let Some(schema) = plan.key.schema.clone() {
            let Expr::Struct(fields) = &mut plan.key.expr else {
                return Err(Error::data("the key is not known in advance"));
            };
            fields.extend(identifier.map(Expr::Constant));
            plan.key.schema = Some(self.key_schema(&schema, &topic)?);
        }
        if !plan.value.expr.is_null()
            && let Some(schema) = &plan.value.schema
        {
            plan.value.schema = Some(self.value_schema(schema, &topic)?);
        }
        plan.topic = topic;
        Ok(plan)
    }
}

impl Transform for ByLogicalTableRouter {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        match self.rewrite(plan.clone()) {
            Ok(next) => Rewrite::Plan(Box::new(next)),
            Err(_) => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        const PURPOSE: &str = "Updating schema";
        let Some(topic) = self.routes.route(&record.topic)? else { return Ok(Some(record)) };
        if !record.key.value.is_null() {
            let (schema, values) = record.key.require_struct(PURPOSE)?;
            let schema = self.key_schema(schema, &topic)?;
            let mut values = values.to_vec();
            values.extend(self.identifier(&record.topic)?);
            record.key.schema = Some(schema);
            record.key.value = Value::Struct(values);
        }
        if !record.value.value.is_null() {
            let (schema, _) = record.value.require_struct(PURPOSE)?;
            record.value.schema = Some(self.value_schema(schema, &topic)?);
        }
        record.topic = topic;
        Ok(Some(record))
    }
}
