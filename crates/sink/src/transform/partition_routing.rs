//! `io.debezium.transforms.partitions.PartitionRouting`: the partition from fields of the change.

use super::envelope::Envelope;
use super::hash::{java_hash, murmur3};
use super::part::or_default;
use super::{Record, Transform};
use crate::data::{Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// The transform.
#[derive(Debug)]
pub(super) struct PartitionRouting {
    fields: Vec<Vec<Box<str>>>,
    partitions: i32,
    murmur: bool,
}

impl PartitionRouting {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        let path = |field: &str| field.split('.').map(|step| step.trim().into()).collect();
        let partitions = options.number("partition.topic.num").and_then(|n| i32::try_from(n).ok());
        Self {
            fields: options.list("partition.payload.fields").into_iter().map(path).collect(),
            partitions: partitions.unwrap_or(1),
            murmur: options
                .text("partition.hash.function")
                .is_some_and(|f| f.eq_ignore_ascii_case("murmur")),
        }
    }
}

/// The value behind a path; `None` where there is none.
fn find<'v>(
    schema: &'v Schema,
    value: &'v Value,
    path: &[Box<str>],
    change: &str,
) -> Option<(Value, &'v Schema)> {
    let (step, rest) = path.split_first()?;
    let name = if &**step == "change" && !rest.is_empty() { change } else { step };
    let index = schema.field_index(name)?;
    let field = &schema.fields().get(index)?.schema;
    let Value::Struct(values) = value else { return None };
    let value = values.get(index)?;
    if rest.is_empty() {
        let value = or_default(value, field.default.as_ref().unwrap_or(&Value::Null));
        return (!value.is_null()).then_some((value, field));
    }
    find(field, value, rest, change)
}

impl Transform for PartitionRouting {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let Some(envelope) = Envelope::of(&record.value) else { return Ok(Some(record)) };
        let op = envelope.op().unwrap_or_default();
        if matches!(op, "m" | "t") {
            return Ok(Some(record));
        }
        let change = if op == "d" { "before" } else { "after" };
        let mut total: Option<i32> = None;
        for path in &self.fields {
            if let Some((value, schema)) = find(envelope.schema, &record.value.value, path, change)
            {
                let hash =
                    if self.murmur { murmur3(schema, &value) } else { java_hash(schema, &value) };
                let hash = hash.ok_or_else(|| {
                    Error::debezium(format!(
                        "Unprocessable message: {} has no stable hash",
                        path.join(".")
                    ))
                })?;
                total = Some(total.unwrap_or(0).wrapping_add(hash));
            }
        }
        if let Some(total) = total {
            let hash = total & i32::MAX;
            record.partition = Some(if hash == i32::MAX { 0 } else { hash } % self.partitions);
        }
        Ok(Some(record))
    }
}
