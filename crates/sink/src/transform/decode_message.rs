//! `io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent`: the JSON in a logical message as
//! a row of its own.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::envelope::Envelope;
use super::json_value::{self, Gaps};
use super::{Record, Transform, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::{Definition, Options, Type};

/// The transform.
#[derive(Debug)]
pub(super) struct DecodeMessage {
    gaps: Gaps,
}

impl DecodeMessage {
    pub(super) const OPTIONS: &[Definition] = &[Definition::new(
        "fields.null.include",
        Type::Boolean,
        "Whether to include fields with null values in decoded logical decoding message content.",
    )
    .or("false")
    .medium()];

    pub(super) fn parse(options: &Options<'_>) -> Self {
        let keep_nulls = options.flag("fields.null.include");
        Self { gaps: Gaps { keep_nulls, keep_empty_arrays: false } }
    }
}

/// The message's text, in whichever form `binary.handling.mode` gave it.
fn text(content: &Value) -> Option<String> {
    let bytes = match content {
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::String(text) => {
            let hex = || {
                let pairs = text.as_bytes().chunks(2);
                let byte =
                    |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                pairs.map(byte).collect::<Option<Vec<u8>>>()
            };
            let plain =
                |bytes: &Vec<u8>| serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
            let decoded = [
                STANDARD.decode(text.as_bytes()).ok(),
                URL_SAFE.decode(text.as_bytes()).ok(),
                hex(),
            ];
            decoded.into_iter().flatten().find(plain).unwrap_or_else(|| text.as_bytes().to_vec())
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

impl Transform for DecodeMessage {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let Some(envelope) =
            Envelope::of(&record.value).filter(|envelope| envelope.op() == Some("m"))
        else {
            return Ok(Some(record));
        };
        let content = envelope
            .structure("message")
            .and_then(|(schema, values)| values.get(schema.field_index("content")?).and_then(text));
        let content = content.unwrap_or_default();
        let unreadable = |_error| {
            Error::debezium(format!(
                "Unable to parse logical decoding message content JSON string '{content}'"
            ))
        };
        let json: serde_json::Value = serde_json::from_str(&content).map_err(unreadable)?;
        let after = json_value::schema(None, &json, self.gaps)?;
        let after =
            after.unwrap_or_else(|| Arc::new(Schema::new(Kind::Struct(Vec::new())).optional(true)));
        let row = json_value::value(&json, &after);
        let (mut fields, mut values) = (Vec::new(), Vec::new());
        for (field, value) in envelope.schema.fields().iter().zip(envelope.values) {
            match &*field.name {
                "message" => continue,
                "op" => values.push("c".into()),
                _ => values.push(value.clone()),
            }
            fields.push(field.clone());
        }
        fields.push(Field { name: "after".into(), schema: after });
        values.push(row);
        let schema = Schema { kind: Kind::Struct(fields), ..Schema::clone(envelope.schema) };
        record.value = Typed { schema: Some(Arc::new(schema)), value: Value::Struct(values) };
        record.key = Typed::NOTHING;
        Ok(Some(record))
    }
}
