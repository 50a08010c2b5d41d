//! `io.debezium.transforms.ExtractChangedRecordState`: headers that list what an update changed.

use std::sync::Arc;

use super::envelope::Envelope;
use super::part::or_default;
use super::{Record, Transform, Typed};
use crate::data::{Kind, Schema, Value};
use crate::error::Result;
use crate::option::Options;

/// The transform.
#[derive(Debug)]
pub(super) struct ExtractChangedRecordState {
    changed: Option<Arc<str>>,
    unchanged: Option<Arc<str>>,
    schema: Arc<Schema>,
}

impl ExtractChangedRecordState {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        let name = |option| options.given(option).map(Into::into);
        let items = Arc::new(Schema::new(Kind::String));
        Self {
            changed: name("header.changed.name"),
            unchanged: name("header.unchanged.name"),
            schema: Arc::new(Schema::new(Kind::Array(items)).optional(true)),
        }
    }
}

/// Names of the fields that changed, and of those that did not; nothing where there is no row before or after.
fn compare(record: &Record) -> (Vec<Value>, Vec<Value>) {
    let rows = Envelope::of(&record.value)
        .and_then(|envelope| Some((envelope.structure("before")?, envelope.structure("after")?)));
    let Some(((_, before), (schema, after))) = rows else { return (Vec::new(), Vec::new()) };
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    for (field, (before, after)) in schema.fields().iter().zip(before.iter().zip(after)) {
        let default = field.schema.default.as_ref().unwrap_or(&Value::Null);
        let same = or_default(before, default) == or_default(after, default);
        let list = if same { &mut unchanged } else { &mut changed };
        list.push(Value::String(Arc::clone(&field.name)));
    }
    (changed, unchanged)
}

impl Transform for ExtractChangedRecordState {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let (changed, unchanged) = compare(&record);
        for (name, list) in [(&self.changed, changed), (&self.unchanged, unchanged)] {
            if let Some(name) = name {
                let schema = Some(Arc::clone(&self.schema));
                record
                    .headers
                    .push((Arc::clone(name), Typed { schema, value: Value::Array(list) }));
            }
        }
        Ok(Some(record))
    }
}
