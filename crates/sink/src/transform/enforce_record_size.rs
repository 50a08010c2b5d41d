//! `io.debezium.transforms.EnforceRecordSize`: long texts and bytes of a row cut so that the record fits a limit.

use std::sync::Arc;

use super::envelope::Envelope;
use super::part::or_default;
use super::{Record, Transform};
use crate::data::{Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// Debezium counts 100 bytes for each entry of the source's partition (one) and offset (seven while streaming).
const OFFSET_SIZE: f64 = 800.0;
const TIMESTAMP_SIZE: f64 = 8.0;
const HEADER_SIZE: f64 = 100.0;

/// The transform. Sizes are estimates and small enough for a double to hold.
#[derive(Debug)]
pub(super) struct EnforceRecordSize {
    max_bytes: f64,
    ratio: f64,
    min_field_size: usize,
}

impl EnforceRecordSize {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let number = |name| options.text(name).and_then(|text| text.parse::<f64>().ok());
        let ratio = number("compression.ratio").unwrap_or(1.0);
        if ratio <= 0.0 {
            return Err(Error::config(format!(
                "Invalid value {ratio} for configuration compression.ratio: Must be a positive number"
            )));
        }
        let min_field_size = options.number("min.field.size").and_then(|n| usize::try_from(n).ok());
        Ok(Self {
            max_bytes: number("max.bytes").unwrap_or(f64::MAX),
            ratio,
            min_field_size: min_field_size.unwrap_or(25_000),
        })
    }

    /// Sizes of the row's fields that may be cut, by index.
    fn cuttable(&self, schema: &Schema, row: &[Value]) -> Vec<(usize, f64)> {
        let fields = schema.fields().iter().zip(row).enumerate();
        let sizes = fields.filter_map(|(index, (field, value))| {
            let default = field.schema.default.as_ref().unwrap_or(&Value::Null);
            let size = match or_default(value, default) {
                Value::String(text) => text.encode_utf16().count(),
                Value::Bytes(bytes) => bytes.len(),
                _ => return None,
            };
            (size > self.min_field_size).then(|| (index, as_f64(size)))
        });
        sizes.collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of what is in memory are far below 2^53")]
const fn as_f64(size: usize) -> f64 {
    size as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size that is not negative"
)]
fn as_usize(size: f64) -> usize {
    size.max(0.0) as usize
}

/// `ApproximateStructSizeCalculator`: what the value costs on Java's heap, about.
fn size(schema: &Schema, value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::String(text) => 56.0 + as_f64(text.len()),
        Value::Bytes(bytes) => 24.0 + as_f64(bytes.len()),
        Value::Decimal(decimal) => {
            let mut length = 0;
            decimal.unscaled_bytes(|bytes| length = bytes.len());
            24.0 + as_f64(length)
        }
        Value::Struct(values) => {
            let fields = schema.fields().iter().zip(values);
            56.0 + fields.map(|(field, value)| 8.0 + size(&field.schema, value)).sum::<f64>()
        }
        Value::Array(items) => {
            64.0 + items.iter().map(|item| 8.0 + size(schema, item)).sum::<f64>()
        }
        Value::Map(entries) => {
            let entry =
                |(key, value): &(Value, Value)| 16.0 + size(schema, key) + size(schema, value);
            88.0 + entries.iter().map(entry).sum::<f64>()
        }
        _ => 24.0,
    }
}

fn part_size(schema: Option<&Arc<Schema>>, value: &Value) -> f64 {
    schema.map_or(0.0, |schema| size(schema, value))
}

/// Cuts the listed fields in proportion to their sizes.
fn cut(row: &mut [Value], fields: &[(usize, f64)], excess: f64) {
    let total: f64 = fields.iter().map(|(_, size)| size).sum();
    for (index, size) in fields {
        let keep = as_usize(size - (size / total * excess).ceil());
        let Some(value) = row.get_mut(*index) else { continue };
        match value {
            Value::String(text) => {
                let mut units = 0;
                let cut = text.chars().take_while(|c| {
                    units += c.len_utf16();
                    units <= keep
                });
                *value = Value::String(cut.collect::<String>().into());
            }
            Value::Bytes(bytes) => bytes.truncate(keep),
            _ => {}
        }
    }
}

impl Transform for EnforceRecordSize {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let Value::Struct(values) = &record.value.value else { return Ok(Some(record)) };
        let raw = OFFSET_SIZE
            + TIMESTAMP_SIZE
            + HEADER_SIZE * as_f64(record.headers.len())
            + as_f64(record.topic.len())
            + part_size(record.key.schema.as_ref(), &record.key.value)
            + part_size(record.value.schema.as_ref(), &record.value.value);
        let excess = (raw * self.ratio).ceil() - self.max_bytes;
        if excess <= 0.0 {
            return Ok(Some(record));
        }
        let Some(schema) = &record.value.schema else { return Ok(Some(record)) };
        let typed = Envelope { schema, values };
        let fields = |part: &str| {
            typed
                .structure(part)
                .map(|(schema, row)| self.cuttable(schema, row))
                .unwrap_or_default()
        };
        let (before, after) = (fields("before"), fields("after"));
        let sum = |fields: &[(usize, f64)]| fields.iter().map(|(_, size)| size).sum::<f64>();
        let total = sum(&before) + sum(&after);
        if total <= 0.0 {
            return Ok(Some(record));
        }
        let mut values = values.clone();
        for (part, fields) in [("before", before), ("after", after)] {
            let share = (sum(&fields) / total * excess).ceil();
            let row = schema.field_index(part).and_then(|index| values.get_mut(index));
            if let Some(Value::Struct(row)) = row {
                cut(row, &fields, share);
            }
        }
        record.value.value = Value::Struct(values);
        Ok(Some(record))
    }
}
