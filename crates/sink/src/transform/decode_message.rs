//! `io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent`: the JSON in a logical message as
//! a row of its own.

use std::sync::Arc;

use super::envelope::Envelope;
use super::json_value::{self, Gaps};
use super::{Record, Transform, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// The transform.
#[derive(Debug)]
pub(super) struct DecodeMessage {
    gaps: Gaps,
}

impl DecodeMessage {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        let keep_nulls = options.flag("fields.null.include");
        Self { gaps: Gaps { keep_nulls, keep_empty_arrays: false } }
    }
}

/// The schema of a logical message's record.
const MESSAGE: &str = "io.debezium.connector.postgresql.MessageValue";

impl DecodeMessage {
    /// The content as a struct, with its schema.
    fn decode(&self, content: &Value) -> Result<(Arc<Schema>, Value)> {
        let Value::Bytes(bytes) = content else {
            return Err(Error::debezium("The content of a logical decoding message is non-binary"));
        };
        let text = String::from_utf8_lossy(bytes);
        let unreadable = || {
            Error::debezium(format!(
                "Unable to parse logical decoding message content JSON string '{text}'"
            ))
        };
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|_not| unreadable())?;
        if !json.is_object() {
            return Err(unreadable());
        }
        let schema = json_value::schema(None, &json, self.gaps)?.ok_or_else(unreadable)?;
        let value = json_value::value(&json, &schema);
        Ok((schema, value))
    }
}

impl Transform for DecodeMessage {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let schema = record.value.schema.as_ref().filter(|s| s.name.as_deref() == Some(MESSAGE));
        let (Some(schema), Value::Struct(values)) = (schema, &record.value.value) else {
            return Ok(Some(record));
        };
        let message = Envelope { schema, values };
        let content = message
            .structure("message")
            .and_then(|(schema, values)| values.get(schema.field_index("content")?));
        let (after, row) = self.decode(content.unwrap_or(&Value::Null))?;
        let (mut fields, mut values) = (Vec::new(), Vec::new());
        for (field, value) in message.schema.fields().iter().zip(message.values) {
            match &*field.name {
                "message" => continue,
                // The record shall look like an insert.
                "op" => values.push("c".into()),
                _ => values.push(value.clone()),
            }
            fields.push(field.clone());
        }
        fields.push(Field { name: "after".into(), schema: after });
        values.push(row);
        // With such a name the outbox's transform takes it.
        let schema = Schema::new(Kind::Struct(fields)).with_name(&format!("{MESSAGE}.Envelope"));
        record.value = Typed { schema: Some(Arc::new(schema)), value: Value::Struct(values) };
        record.key = Typed::NOTHING;
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(content: &str) -> Record {
        let text = |optional| Arc::new(Schema::new(Kind::String).optional(optional));
        let inner = Schema::structure([
            ("prefix", text(true)),
            ("content", Arc::new(Schema::new(Kind::Bytes).optional(true))),
        ]);
        let schema = Schema::structure([("op", text(false)), ("message", Arc::new(inner))]);
        let content = Value::Bytes(bytes::Bytes::copy_from_slice(content.as_bytes()));
        let value = Value::Struct(vec!["m".into(), Value::Struct(vec!["a".into(), content])]);
        Record {
            topic: "t.message".into(),
            partition: None,
            timestamp_ms: None,
            key: Typed::NOTHING,
            value: Typed { schema: Some(Arc::new(schema.with_name(MESSAGE))), value },
            headers: Vec::new(),
            companion: Typed::NOTHING,
        }
    }

    fn decode(content: &str) -> Result<Option<Record>> {
        DecodeMessage { gaps: Gaps { keep_nulls: false, keep_empty_arrays: false } }
            .apply(message(content))
    }

    #[test]
    fn content_becomes_the_row_of_an_insert() {
        let record = decode(r#"{"id":1,"b":[1,2],"c":{"d":null},"e":1.5}"#).unwrap().unwrap();
        let numbers = Value::Array(vec![Value::Int32(1), Value::Int32(2)]);
        let row = vec![Value::Int32(1), numbers, Value::Struct(Vec::new()), Value::Float64(1.5)];
        assert_eq!(record.value.value, Value::Struct(vec!["c".into(), Value::Struct(row)]));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        assert_eq!(
            decode("not json").unwrap_err().to_string(),
            "io.debezium.DebeziumException: Unable to parse logical decoding message content JSON string 'not json'"
        );
    }
}
