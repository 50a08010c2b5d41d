//! What stands for a TOASTed value that was not changed: `unavailable.value.placeholder` in each type.
//!
//! The option is bytes. Where a type needs text they are read as UTF-8, what is invalid replaced; numbers are
//! the bytes one by one, with sign; a uuid is the MD5 of all.

use std::fmt::Write as _;

use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::hstore;
use crate::data::Value;
use crate::emit::Emit;

/// The placeholder as text.
pub(super) fn text(placeholder: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(placeholder).into())
}

/// The placeholder as bytes.
pub(super) fn bytes(placeholder: &[u8]) -> Value {
    Value::Bytes(Bytes::copy_from_slice(placeholder))
}

/// One number of 32 bits for each byte of the placeholder.
pub(super) fn int32s(placeholder: &[u8]) -> Value {
    let number = |byte: &u8| Value::Int32(i32::from(byte.cast_signed()));
    Value::Array(placeholder.iter().map(number).collect())
}

/// One number of 64 bits for each byte of the placeholder.
pub(super) fn int64s(placeholder: &[u8]) -> Value {
    let number = |byte: &u8| Value::Int64(i64::from(byte.cast_signed()));
    Value::Array(placeholder.iter().map(number).collect())
}

/// Java's `UUID.nameUUIDFromBytes`: MD5, with version 3 and the variant of RFC 4122 set.
pub(super) fn uuid(placeholder: &[u8]) -> Value {
    let mut digest: [u8; 16] = Md5::digest(placeholder).into();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut digest;
    *version = *version & 0x0f | 0x30;
    *variant = *variant & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        if write!(text, "{byte:02x}").is_err() {
            return Value::Null;
        }
    }
    Value::String(text.into())
}

/// The placeholder as an hstore's only key and its value.
pub(super) fn hstore(placeholder: &[u8], map: bool) -> Value {
    let text = String::from_utf8_lossy(placeholder);
    if map {
        let text = Value::String(text.into());
        return Value::Map(vec![(text.clone(), text)]);
    }
    Value::String(hstore::json(&[(text.clone().into_owned(), Some(text.into_owned()))]).into())
}

/// Emits a placeholder: one of the shapes above, or an array of one of them.
pub(super) fn emit<E: Emit>(value: &Value, out: &mut E) {
    match value {
        Value::String(text) => out.string(text),
        Value::Bytes(bytes) => out.bytes(bytes),
        Value::Int32(number) => out.int32(*number),
        Value::Int64(number) => out.int64(*number),
        Value::Array(items) => {
            out.begin_array(items.len());
            for item in items {
                out.item();
                emit(item, out);
            }
            out.end_array();
        }
        Value::Map(entries) => {
            out.begin_map(entries.len());
            for (key, value) in entries {
                out.map_key();
                emit(key, out);
                out.map_value();
                emit(value, out);
            }
            out.end_map();
        }
        _ => out.null(),
    }
}
