//! Debezium's transforms that leave records of a PostgreSQL connector as they are, or that need what is not here.

use super::envelope::Envelope;
use super::{Record, Rewrite, Transform};
use crate::data::Value;
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::RecordPlan;

/// `io.debezium.transforms.SchemaChangeEventFilter`: drops schema change events, which this connector has none of; and
/// `io.debezium.transforms.openlineage.OpenLineage`, which reports on records and does not change them.
#[derive(Debug)]
pub(super) struct PassThrough;

impl Transform for PassThrough {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        Rewrite::Plan(Box::new(plan))
    }

    fn apply(&self, record: Record) -> Result<Option<Record>> {
        Ok(Some(record))
    }
}

/// `io.debezium.transforms.tracing.ActivateTracingSpan`: there is no OpenTelemetry here, as in most workers.
#[derive(Debug)]
pub(super) struct ActivateTracingSpan;

impl Transform for ActivateTracingSpan {
    fn apply(&self, record: Record) -> Result<Option<Record>> {
        if Envelope::of(&record.value).is_none() {
            return Ok(Some(record));
        }
        Err(Error::debezium(
            "Failed to record tracing information, tracing libraries not available\n\
             Caused by: java.lang.NoClassDefFoundError: io/opentelemetry/context/propagation/TextMapGetter\n\
             Caused by: java.lang.ClassNotFoundException: io.opentelemetry.context.propagation.TextMapGetter",
        ))
    }
}

/// `io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb`: passes what is not a chunk of a hypertable.
/// Which hypertable a chunk belongs to only the database knows; a record of a chunk is refused.
#[derive(Debug)]
pub(super) struct TimescaleDb {
    schemas: Vec<String>,
}

impl TimescaleDb {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        Self { schemas: options.list("schema.list").into_iter().map(str::to_owned).collect() }
    }
}

impl Transform for TimescaleDb {
    fn apply(&self, record: Record) -> Result<Option<Record>> {
        let schema = Envelope::of(&record.value)
            .and_then(|envelope| envelope.structure("source"))
            .and_then(|(schema, values)| values.get(schema.field_index("schema")?).cloned());
        match schema {
            Some(Value::String(name)) if self.schemas.iter().any(|known| **known == *name) => {
                Err(Error::debezium(format!(
                    "schema {name} holds chunks of hypertables, and walbridge cannot tell which hypertable they belong to; \
                     capture hypertables with publish.via.partition.root, or leave the schema out with schema.exclude.list"
                )))
            }
            _ => Ok(Some(record)),
        }
    }
}

/// What stands in for a class of Debezium's scripting add-on, which needs a script engine of Java's.
pub(super) fn scripting(class: &str) -> Option<Error> {
    let instead = match class {
        "io.debezium.transforms.Filter" => {
            "use org.apache.kafka.connect.transforms.Filter with a predicate, skipped.operations, or a row filter of the publication"
        }
        "io.debezium.transforms.ContentBasedRouter" => {
            "use route.by.field of io.debezium.transforms.ExtractNewRecordState, or io.debezium.transforms.outbox.EventRouter"
        }
        _ => return None,
    };
    Some(Error::config(format!(
        "Class {class} needs a script engine (language=jsr223.…), which walbridge does not have: {instead}"
    )))
}
