//! A schema's text in Avro, as Confluent's `AvroData` makes it and `Schema.toString` writes it.

use std::collections::HashSet;

use super::default_json;
use crate::converter::json::write_string;
use crate::data::{Kind, Schema, Value};

/// What decides about a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) meta: bool,
    pub(super) scrub: bool,
}

const DEFAULT_NAMESPACE: &str = "io.confluent.connect.avro";

/// The full name of a struct's record.
pub(super) fn full_name(schema: &Schema, rules: Rules) -> String {
    let name = schema.name.as_deref().unwrap_or("io.confluent.connect.avro.ConnectDefault");
    if rules.scrub {
        name.split('.').map(scrubbed).collect::<Vec<_>>().join(".")
    } else {
        name.to_owned()
    }
}

/// A name with what Avro does not allow replaced (`scrub.invalid.names`).
fn scrubbed(name: &str) -> String {
    let mut out: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, 'x');
    }
    out
}

/// The schema's text.
pub(super) fn text(schema: &Schema, rules: Rules) -> String {
    let mut writer =
        Writer { rules, out: Vec::new(), space: None, known: HashSet::new(), nameless: 0 };
    writer.schema(schema);
    String::from_utf8(writer.out).unwrap_or_default()
}

struct Writer {
    rules: Rules,
    out: Vec<u8>,
    /// The namespace around.
    space: Option<String>,
    /// Records that have been written.
    known: HashSet<String>,
    nameless: u32,
}

impl Writer {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.raw(key);
        write_string(value, &mut self.out);
    }

    fn json(&mut self, value: &Value) {
        match value {
            Value::Float64(n) if n.is_finite() => super::super::text::write_f64(*n, &mut self.out),
            Value::Float32(n) if n.is_finite() => super::super::text::write_f32(*n, &mut self.out),
            Value::String(text) => write_string(text, &mut self.out),
            value => match default_json(value) {
                serde_json::Value::String(text) => write_string(&text, &mut self.out),
                json => self.raw(&json.to_string()),
            },
        }
    }

    /// A union around it where it is optional; the default's branch comes first.
    fn schema(&mut self, schema: &Schema) {
        match (schema.optional, &schema.default) {
            (false, _) => self.bare(schema),
            (true, None) => {
                self.raw("[\"null\",");
                self.bare(schema);
                self.raw("]");
            }
            (true, Some(_)) => {
                self.raw("[");
                self.bare(schema);
                self.raw(",\"null\"]");
            }
        }
    }

    fn bare(&mut self, schema: &Schema) {
        if matches!(schema.kind, Kind::Struct(_)) {
            return self.record(schema);
        }
        let start = self.out.len();
        self.raw("{\"type\":");
        let before = self.out.len();
        match &schema.kind {
            Kind::Array(items) => {
                self.raw("\"array\",\"items\":");
                self.schema(items);
            }
            Kind::Map(keys, values) if keys.kind == Kind::String && !keys.optional => {
                self.raw("\"map\",\"values\":");
                self.schema(values);
            }
            Kind::Map(keys, values) => self.entries(keys, values),
            kind => self.raw(&format!("\"{}\"", primitive(kind))),
        }
        let name = self.out.get(before..).unwrap_or_default().to_vec();
        let plain = self.out.len();
        let is_decimal = schema.name.as_deref() == Some("org.apache.kafka.connect.data.Decimal");
        if is_decimal {
            let parameter = |key: &str| {
                schema
                    .parameters
                    .iter()
                    .find(|(known, _)| &**known == key)
                    .map(|(_, value)| value.to_string())
            };
            let scale = parameter("scale").unwrap_or_else(|| "0".to_owned());
            let precision =
                parameter("connect.decimal.precision").unwrap_or_else(|| "64".to_owned());
            self.raw(&format!(",\"scale\":{scale},\"precision\":{precision}"));
        }
        if self.rules.meta {
            match schema.kind {
                Kind::Int8 => self.raw(",\"connect.type\":\"int8\""),
                Kind::Int16 => self.raw(",\"connect.type\":\"int16\""),
                _ => {}
            }
        }
        self.meta(schema);
        if let Some(logical) = logical(schema) {
            self.pair(",\"logicalType\":", logical);
        }
        let is_simple = !matches!(schema.kind, Kind::Array(_) | Kind::Map(..));
        if is_simple && self.out.len() == plain {
            // Nothing to say about it but its type.
            self.out.truncate(start);
            self.out.extend_from_slice(&name);
        } else {
            self.raw("}");
        }
    }

    /// What Connect knows of the schema.
    fn meta(&mut self, schema: &Schema) {
        if !self.rules.meta {
            return;
        }
        if let Some(doc) = &schema.doc {
            self.pair(",\"connect.doc\":", doc);
        }
        if let Some(version) = schema.version {
            self.raw(&format!(",\"connect.version\":{version}"));
        }
        for (index, (key, value)) in schema.parameters.iter().enumerate() {
            self.raw(if index == 0 { ",\"connect.parameters\":{" } else { "," });
            write_string(key, &mut self.out);
            self.pair(":", value);
        }
        if !schema.parameters.is_empty() {
            self.raw("}");
        }
        if let Some(default) = &schema.default {
            self.raw(",\"connect.default\":");
            self.json(default);
        }
        if let Some(name) = &schema.name {
            self.pair(",\"connect.name\":", name);
        }
    }

    fn record(&mut self, schema: &Schema) {
        let full = match &schema.name {
            Some(_) => full_name(schema, self.rules),
            None => {
                self.nameless += 1;
                let number =
                    if self.nameless > 1 { self.nameless.to_string() } else { String::new() };
                format!("{DEFAULT_NAMESPACE}.ConnectDefault{number}")
            }
        };
        let (space, name) = match full.rsplit_once('.') {
            Some((space, name)) => (Some(space.to_owned()), name.to_owned()),
            None => (None, full.clone()),
        };
        if !self.known.insert(full.clone()) {
            let shown = if space == self.space { &name } else { &full };
            return write_string(shown, &mut self.out);
        }
        self.raw("{\"type\":\"record\"");
        self.pair(",\"name\":", &name);
        if let Some(space) = space.as_ref().filter(|space| self.space.as_ref() != Some(space)) {
            self.pair(",\"namespace\":", space);
        }
        self.raw(",\"fields\":[");
        let outer = std::mem::replace(&mut self.space, space);
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            let name =
                if self.rules.scrub { scrubbed(&field.name) } else { field.name.to_string() };
            self.pair("{\"name\":", &name);
            self.raw(",\"type\":");
            self.schema(&field.schema);
            match &field.schema.default {
                Some(default) => {
                    self.raw(",\"default\":");
                    self.json(default);
                }
                None if field.schema.optional => self.raw(",\"default\":null"),
                None => {}
            }
            self.raw("}");
        }
        self.space = outer;
        self.raw("]");
        self.meta(schema);
        self.raw("}");
    }

    /// A map with other keys than texts.
    fn entries(&mut self, keys: &Schema, values: &Schema) {
        self.raw("\"array\",\"items\":{\"type\":\"record\",\"name\":\"MapEntry\"");
        if self.space.as_deref() != Some(DEFAULT_NAMESPACE) {
            self.pair(",\"namespace\":", DEFAULT_NAMESPACE);
        }
        let outer = self.space.replace(DEFAULT_NAMESPACE.to_owned());
        for (name, schema) in
            [(",\"fields\":[{\"name\":\"key\"", keys), (",{\"name\":\"value\"", values)]
        {
            self.raw(name);
            self.raw(",\"type\":");
            self.schema(schema);
            self.raw(if schema.optional { ",\"default\":null}" } else { "}" });
        }
        self.space = outer;
        self.raw("],\"connect.internal.type\":\"MapEntry\"}");
    }
}

const fn primitive(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 => "int",
        Kind::Int64 => "long",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Boolean => "boolean",
        Kind::Bytes => "bytes",
        Kind::String | Kind::Array(_) | Kind::Map(..) | Kind::Struct(_) => "string",
    }
}

fn logical(schema: &Schema) -> Option<&'static str> {
    match schema.name.as_deref()?.strip_prefix("org.apache.kafka.connect.data.")? {
        "Decimal" => Some("decimal"),
        "Date" => Some("date"),
        "Time" => Some("time-millis"),
        "Timestamp" => Some("timestamp-millis"),
        _ => None,
    }
}
