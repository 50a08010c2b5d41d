//! `io.debezium.transforms.ExtractSchemaToNewRecord`: the table's columns as a block of the envelope.

use std::sync::Arc;

use super::derived::Derived;
use super::envelope::Envelope;
use super::{Record, Transform, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};

/// The transform.
#[derive(Debug, Default)]
pub(super) struct ExtractSchema {
    made: Derived<(Arc<Schema>, Value)>,
}

fn column_schema() -> Schema {
    let text = |optional| Arc::new(Schema::new(Kind::String).optional(optional));
    let number = || Arc::new(Schema::new(Kind::Int32).optional(true));
    Schema::structure([
        ("name", text(false)),
        ("typeName", text(false)),
        ("length", number()),
        ("scale", number()),
        ("comment", text(true)),
    ])
    .with_name("io.debezium.connector.source.schema.Column")
    .with_version(1)
}

/// The block's schema.
fn block_schema() -> Schema {
    let columns = Arc::new(Schema::new(Kind::Array(Arc::new(column_schema()))));
    let table = Schema::structure([("columns", columns)])
        .with_name("io.debezium.connector.source.schema.Table")
        .with_version(1);
    Schema::structure([("id", Arc::new(Schema::new(Kind::String))), ("table", Arc::new(table))])
        .with_name("io.debezium.connector.source.schema.Schema")
        .with_version(1)
}

fn column(field: &Field) -> Result<Value> {
    let parameter = |name: &str| {
        let key = format!("__debezium.source.column.{name}");
        field.schema.parameters.iter().find(|(known, _)| **known == *key).map(|(_, value)| value)
    };
    let number = |name| {
        let value = parameter(name).and_then(|text| text.parse().ok());
        value.map_or(Value::Null, Value::Int32)
    };
    let text = |name| parameter(name).map(|text| Value::String(Arc::clone(text)));
    let missing = || {
        Error::debezium(
            "Ensure that enable configurations \"column.propagate.source.type\" or \"datatype.propagate.source.type\" and the value is set to \".*\"",
        )
    };
    Ok(Value::Struct(vec![
        text("name").ok_or_else(missing)?,
        text("type").ok_or_else(missing)?,
        number("length"),
        number("scale"),
        text("comment").unwrap_or(Value::Null),
    ]))
}

fn make(envelope: Envelope<'_>, row: &Schema) -> Result<(Arc<Schema>, Value)> {
    let table = envelope
        .structure("source")
        .and_then(|(schema, values)| values.get(schema.field_index("table")?).cloned());
    let columns = row.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    let block = Value::Struct(vec![
        table.unwrap_or(Value::Null),
        Value::Struct(vec![Value::Array(columns)]),
    ]);
    let mut fields = envelope.schema.fields().to_vec();
    fields.push(Field { name: "sourceSchema".into(), schema: Arc::new(block_schema()) });
    let schema = Schema { kind: Kind::Struct(fields), ..Schema::clone(envelope.schema) };
    Ok((Arc::new(schema), block))
}

impl Transform for ExtractSchema {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let Some(envelope) = Envelope::of(&record.value) else { return Ok(Some(record)) };
        let present = |name| envelope.structure(name).is_some();
        let Some((row, _)) =
            envelope.field("after").filter(|_| present("after") || present("before"))
        else {
            return Ok(Some(record));
        };
        let made = self.made.get(envelope.schema, || make(envelope, row))?;
        let mut values = envelope.values.to_vec();
        values.push(made.1.clone());
        record.value = Typed { schema: Some(Arc::clone(&made.0)), value: Value::Struct(values) };
        Ok(Some(record))
    }
}
