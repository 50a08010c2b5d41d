//! A schema's text in Connect's JSON envelope.

use super::{JsonConfig, value_text, write_string};
use crate::data::{Kind, Schema};

/// Appends the schema's text; `field` is its name inside a struct. The order of the keys is Connect's.
pub(super) fn write(schema: &Schema, field: Option<&str>, config: JsonConfig, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(type_name(&schema.kind).as_bytes());
    out.push(b'"');
    write_parts(&schema.kind, config, out);
    out.extend_from_slice(if schema.optional {
        b",\"optional\":true"
    } else {
        b",\"optional\":false"
    });
    if let Some(name) = &schema.name {
        out.extend_from_slice(b",\"name\":");
        write_string(name, out);
    }
    if let Some(version) = schema.version {
        out.extend_from_slice(b",\"version\":");
        out.extend_from_slice(itoa::Buffer::new().format(version).as_bytes());
    }
    if let Some(doc) = &schema.doc {
        out.extend_from_slice(b",\"doc\":");
        write_string(doc, out);
    }
    for (index, (key, value)) in schema.parameters.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"parameters\":{" } else { b"," });
        write_string(key, out);
        out.push(b':');
        write_string(value, out);
    }
    if !schema.parameters.is_empty() {
        out.push(b'}');
    }
    if let Some(default) = &schema.default {
        out.extend_from_slice(b",\"default\":");
        out.extend_from_slice(&value_text(config, schema, default));
    }
    if let Some(field) = field {
        out.extend_from_slice(b",\"field\":");
        write_string(field, out);
    }
    out.push(b'}');
}

fn write_parts(kind: &Kind, config: JsonConfig, out: &mut Vec<u8>) {
    match kind {
        Kind::Array(items) => {
            out.extend_from_slice(b",\"items\":");
            write(items, None, config, out);
        }
        Kind::Map(keys, values) => {
            out.extend_from_slice(b",\"keys\":");
            write(keys, None, config, out);
            out.extend_from_slice(b",\"values\":");
            write(values, None, config, out);
        }
        Kind::Struct(fields) => {
            out.extend_from_slice(b",\"fields\":[");
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(&field.schema, Some(&field.name), config, out);
            }
            out.push(b']');
        }
        _ => {}
    }
}

const fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) => "array",
        Kind::Map(..) => "map",
        Kind::Struct(_) => "struct",
    }
}
