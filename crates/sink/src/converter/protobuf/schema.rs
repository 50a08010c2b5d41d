//! A schema's text in proto3, as Confluent's `ProtobufData` makes it and `ProtobufSchema` prints it.

use std::collections::BTreeSet;

use crate::data::{Field, Kind, Schema};

/// The full name of a struct's message.
pub(super) fn full_name(schema: &Schema) -> Option<String> {
    let name = schema.name.as_deref().unwrap_or("ConnectDefault1");
    matches!(schema.kind, Kind::Struct(_)).then(|| name.to_owned())
}

/// The schema's text.
pub(super) fn text(schema: &Schema) -> String {
    let full = full_name(schema).unwrap_or_else(|| "ConnectDefault1".to_owned());
    let (package, name) =
        full.rsplit_once('.').map_or((None, full.as_str()), |(p, n)| (Some(p), n));
    let mut imports = BTreeSet::new();
    let wrapped;
    let fields = match &schema.kind {
        Kind::Struct(fields) => fields.as_slice(),
        _ => {
            let field = std::sync::Arc::new(schema.clone());
            wrapped = [Field { name: "ConnectDefault1Value".into(), schema: field }];
            &wrapped
        }
    };
    let mut body = String::new();
    message(name, fields, 0, &mut body, &mut imports);
    let mut out = String::from("syntax = \"proto3\";\n");
    if let Some(package) = package {
        out.push_str(&format!("package {package};\n"));
    }
    out.push('\n');
    for import in &imports {
        out.push_str(&format!("import \"{import}\";\n"));
    }
    if !imports.is_empty() {
        out.push('\n');
    }
    out + &body
}

/// A message with those that it needs within.
fn message(
    name: &str,
    fields: &[Field],
    depth: usize,
    out: &mut String,
    imports: &mut BTreeSet<&'static str>,
) {
    let outer = "  ".repeat(depth);
    let inner = "  ".repeat(depth + 1);
    out.push_str(&format!("{outer}message {name} {{\n"));
    let mut nested: Vec<(&str, &[Field])> = Vec::new();
    for (tag, field) in (1_u32..).zip(fields) {
        let (label, item) = match &field.schema.kind {
            Kind::Array(items) => ("repeated ", &**items),
            _ => ("", &*field.schema),
        };
        let kind = type_name(item, imports);
        out.push_str(&format!("{inner}{label}{kind} {} = {tag}", field.name));
        options(item, depth + 1, out);
        out.push_str(";\n");
        for (name, fields) in messages(item) {
            if !nested.iter().any(|(known, _)| *known == name) {
                nested.push((name, fields));
            }
        }
    }
    if !nested.is_empty() {
        out.push('\n');
    }
    for (name, fields) in nested {
        message(name, fields, depth + 1, out, imports);
    }
    out.push_str(&format!("{outer}}}\n"));
}

/// The messages that a type brings.
fn messages(schema: &Schema) -> Vec<(&str, &[Field])> {
    match &schema.kind {
        Kind::Struct(fields) => vec![(short_name(schema), fields.as_slice())],
        Kind::Map(_, values) => messages(values),
        Kind::Array(items) => messages(items),
        _ => Vec::new(),
    }
}

fn short_name(schema: &Schema) -> &str {
    let name = schema.name.as_deref().unwrap_or("ConnectDefault1");
    name.rsplit('.').next().unwrap_or(name)
}

fn logical(schema: &Schema) -> Option<(&'static str, &'static str)> {
    match schema.name.as_deref()?.strip_prefix("org.apache.kafka.connect.data.")? {
        "Decimal" => Some(("confluent.type.Decimal", "confluent/type/decimal.proto")),
        "Date" => Some(("google.type.Date", "google/type/date.proto")),
        "Time" => Some(("google.type.TimeOfDay", "google/type/timeofday.proto")),
        "Timestamp" => Some(("google.protobuf.Timestamp", "google/protobuf/timestamp.proto")),
        _ => None,
    }
}

fn type_name(schema: &Schema, imports: &mut BTreeSet<&'static str>) -> String {
    if let Some((name, import)) = logical(schema) {
        imports.insert(import);
        return name.to_owned();
    }
    match &schema.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 => "int32".to_owned(),
        Kind::Int64 => "int64".to_owned(),
        Kind::Float32 => "float".to_owned(),
        Kind::Float64 => "double".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::String => "string".to_owned(),
        Kind::Bytes => "bytes".to_owned(),
        Kind::Struct(_) => short_name(schema).to_owned(),
        Kind::Array(items) => type_name(items, imports),
        Kind::Map(keys, values) => {
            format!("map<{}, {}>", type_name(keys, imports), type_name(values, imports))
        }
    }
}

/// What Connect knows of a field and Protobuf does not. The order within a pair is that of Confluent's maps.
fn options(schema: &Schema, depth: usize, out: &mut String) {
    let parameter = |key: &str| {
        schema
            .parameters
            .iter()
            .find(|(known, _)| &**known == key)
            .map(|(_, value)| value.to_string())
    };
    let is_decimal = schema.name.as_deref() == Some("org.apache.kafka.connect.data.Decimal");
    let mut pairs: Vec<[(&str, String); 2]> = Vec::new();
    if is_decimal {
        for (name, from) in [("precision", "connect.decimal.precision"), ("scale", "scale")] {
            if let Some(value) = parameter(from) {
                pairs.push([("value", value), ("key", name.to_owned())]);
            }
        }
    }
    let narrow = match schema.kind {
        Kind::Int8 => Some("int8"),
        Kind::Int16 => Some("int16"),
        _ => None,
    };
    if let Some(kind) = narrow {
        pairs.push([("key", "connect.type".to_owned()), ("value", kind.to_owned())]);
    }
    if pairs.is_empty() {
        return;
    }
    let indent = |extra: usize| "  ".repeat(depth + extra);
    out.push_str(&format!(" [(confluent.field_meta) = {{\n{}params: [\n", indent(1)));
    for (index, [first, second]) in pairs.iter().enumerate() {
        let comma = if index + 1 < pairs.len() { "," } else { "" };
        out.push_str(&format!(
            "{open}{{\n{line}{}: \"{}\",\n{line}{}: \"{}\"\n{open}}}{comma}\n",
            first.0,
            first.1,
            second.0,
            second.1,
            open = indent(2),
            line = indent(3),
        ));
    }
    out.push_str(&format!("{}]\n{}}}]", indent(1), indent(0)));
}
