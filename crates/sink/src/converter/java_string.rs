//! Connect's `StringConverter`, and Java's `toString` of Connect's data behind it.
//!
//! Fields without a value are left out of a struct's text, and defaults do not stand in for them.

use std::sync::Arc;

use super::{Source, text};
use crate::data::{Decimal, Kind, Schema};
use crate::emit::Emit;

/// `converter.encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-16 with a byte order mark, big-endian.
    Utf16,
    /// UTF-16, big-endian, without a mark.
    Utf16Be,
    /// UTF-16, little-endian, without a mark.
    Utf16Le,
    /// ISO-8859-1; what it does not have is `?`.
    Latin1,
    /// ASCII; what it does not have is `?`.
    Ascii,
}

impl Encoding {
    /// By Java's name of the charset; `None` for one that is not known here.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_uppercase().replace('_', "-").as_str() {
            "UTF-8" | "UTF8" => Self::Utf8,
            "UTF-16" | "UTF16" => Self::Utf16,
            "UTF-16BE" => Self::Utf16Be,
            "UTF-16LE" => Self::Utf16Le,
            "ISO-8859-1" | "ISO8859-1" | "LATIN1" => Self::Latin1,
            "US-ASCII" | "ASCII" => Self::Ascii,
            _ => return None,
        })
    }

    /// Puts what stands behind `start`, which is UTF-8, into the encoding.
    fn encode(self, out: &mut Vec<u8>, start: usize) {
        if self == Self::Utf8 {
            return;
        }
        let text = String::from_utf8_lossy(out.get(start..).unwrap_or_default()).into_owned();
        out.truncate(start);
        let narrow = |c: char, last: u32| match u8::try_from(u32::from(c)) {
            Ok(byte) if u32::from(byte) <= last => byte,
            _ => b'?',
        };
        match self {
            Self::Utf16 => {
                out.extend_from_slice(&[0xFE, 0xFF]);
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            Self::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::Utf16Le => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            Self::Latin1 => out.extend(text.chars().map(|c| narrow(c, 0xFF))),
            Self::Ascii => out.extend(text.chars().map(|c| narrow(c, 0x7F))),
            Self::Utf8 => {}
        }
    }
}

/// Appends the value's text; `false` where there is no value.
pub(super) fn write<S: Source>(
    schema: Option<&Arc<Schema>>,
    encoding: Encoding,
    source: &S,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let mut writer = Writer {
        out,
        stack: Vec::new(),
        current: schema.map(|schema| &**schema),
        pending: None,
        null: false,
    };
    source.drive(&mut writer);
    if writer.null {
        return false;
    }
    encoding.encode(out, start);
    true
}

enum Frame<'a> {
    Struct(Option<&'a Schema>, bool),
    Array(Option<&'a Schema>, bool),
    Map(Option<&'a Schema>, bool),
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    stack: Vec<Frame<'a>>,
    current: Option<&'a Schema>,
    /// Name of the field whose value comes next: it is written only if there is one.
    pending: Option<&'a str>,
    /// The value as a whole is missing.
    null: bool,
}

impl Writer<'_> {
    /// Before a value that is there.
    fn name(&mut self) {
        if let Some(name) = self.pending.take() {
            if let Some(Frame::Struct(_, any)) = self.stack.last_mut() {
                if *any {
                    self.out.push(b',');
                }
                *any = true;
            }
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'=');
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.name();
        self.out.extend_from_slice(text);
    }

    fn integer(&mut self, value: i64) {
        match self.current.and_then(|schema| date_text(schema, value)) {
            Some(date) => self.text(date.as_bytes()),
            None => self.text(itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    /// Whether Debezium has bytes as an array here: in its own types. A column's are a buffer.
    fn is_array(&self) -> bool {
        let debezium = |schema: &Schema| {
            schema.name.as_deref().is_some_and(|name| name.starts_with("io.debezium.data."))
        };
        let around = match self.stack.last() {
            Some(Frame::Struct(schema, _)) => *schema,
            _ => None,
        };
        self.current.is_some_and(debezium) || around.is_some_and(debezium)
    }

    fn separate(&mut self) {
        if let Some(Frame::Array(_, any) | Frame::Map(_, any)) = self.stack.last_mut() {
            if *any {
                self.out.extend_from_slice(b", ");
            }
            *any = true;
        }
    }
}

/// `java.util.Date.toString` in UTC: `Mon Jan 15 10:30:00 UTC 2024`.
fn date_text(schema: &Schema, value: i64) -> Option<String> {
    let seconds = match schema.name.as_deref()? {
        "org.apache.kafka.connect.data.Date" => value.checked_mul(86_400)?,
        "org.apache.kafka.connect.data.Time" | "org.apache.kafka.connect.data.Timestamp" => {
            value.div_euclid(1000)
        }
        _ => return None,
    };
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(at).strftime("%a %b %d %H:%M:%S UTC %Y").to_string())
}

impl Emit for Writer<'_> {
    fn null(&mut self) {
        match self.stack.last() {
            None => self.null = true,
            Some(Frame::Struct(..)) => self.pending = None,
            Some(Frame::Array(..) | Frame::Map(..)) => self.out.extend_from_slice(b"null"),
        }
    }
    fn boolean(&mut self, value: bool) {
        self.text(if value { b"true" } else { b"false" });
    }
    fn int8(&mut self, value: i8) {
        self.integer(value.into());
    }
    fn int16(&mut self, value: i16) {
        self.integer(value.into());
    }
    fn int32(&mut self, value: i32) {
        self.integer(value.into());
    }
    fn int64(&mut self, value: i64) {
        self.integer(value);
    }
    fn float32(&mut self, value: f32) {
        self.name();
        text::write_f32(value, self.out);
    }
    fn float64(&mut self, value: f64) {
        self.name();
        text::write_f64(value, self.out);
    }
    fn string(&mut self, value: &str) {
        self.text(value.as_bytes());
    }
    fn bytes(&mut self, value: &[u8]) {
        if self.is_array() {
            // Java shows an array's identity; here it is a hash of what it holds.
            let hash = value.iter().fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
            });
            return self.text(format!("[B@{hash:08x}").as_bytes());
        }
        let len = value.len();
        self.text(format!("java.nio.HeapByteBuffer[pos=0 lim={len} cap={len}]").as_bytes());
    }
    fn decimal(&mut self, value: &Decimal) {
        self.text(value.to_string().as_bytes());
    }
    fn begin_struct(&mut self) {
        self.text(b"Struct{");
        self.stack.push(Frame::Struct(self.current, false));
    }
    fn field(&mut self, index: usize) {
        if let Some(Frame::Struct(Some(schema), _)) = self.stack.last()
            && let Some(field) = schema.fields().get(index)
        {
            self.pending = Some(&field.name);
            self.current = Some(&field.schema);
        }
    }
    fn end_struct(&mut self) {
        self.stack.pop();
        self.pending = None;
        self.out.push(b'}');
    }
    fn begin_array(&mut self, _len: usize) {
        self.text(b"[");
        let items = self.current.and_then(|schema| match &schema.kind {
            Kind::Array(items) => Some(&**items),
            _ => None,
        });
        self.stack.push(Frame::Array(items, false));
    }
    fn item(&mut self) {
        self.separate();
        if let Some(Frame::Array(items, _)) = self.stack.last() {
            self.current = *items;
        }
    }
    fn end_array(&mut self) {
        self.stack.pop();
        self.out.push(b']');
    }
    fn begin_map(&mut self, _len: usize) {
        self.text(b"{");
        self.stack.push(Frame::Map(self.current, false));
    }
    fn map_key(&mut self) {
        self.separate();
        if let Some(Frame::Map(schema, _)) = self.stack.last() {
            self.current = schema.and_then(|schema| match &schema.kind {
                Kind::Map(keys, _) => Some(&**keys),
                _ => None,
            });
        }
    }
    fn map_value(&mut self) {
        self.out.push(b'=');
        if let Some(Frame::Map(schema, _)) = self.stack.last() {
            self.current = schema.and_then(|schema| match &schema.kind {
                Kind::Map(_, values) => Some(&**values),
                _ => None,
            });
        }
    }
    fn end_map(&mut self) {
        self.stack.pop();
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Value;

    #[test]
    fn fields_without_a_value_are_left_out() {
        let field = |kind| Arc::new(Schema::new(kind).optional(true));
        let list = Kind::Array(field(Kind::String));
        let schema = Arc::new(Schema::structure([
            ("a", field(Kind::Int32)),
            ("b", field(Kind::Float64)),
            ("c", field(list)),
        ]));
        let list = Value::Array(vec!["x".into(), Value::Null]);
        let value = Value::Struct(vec![Value::Null, Value::Float64(1e7), list]);
        let mut out = Vec::new();
        assert!(write(Some(&schema), Encoding::Utf8, &value, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "Struct{b=1.0E7,c=[x, null]}");
    }

    #[test]
    fn utf_16_begins_with_its_mark() {
        let mut out = b"x".to_vec();
        assert!(write(None, Encoding::Utf16, &Value::from("a"), &mut out));
        assert_eq!(out, [b'x', 0xFE, 0xFF, 0, b'a']);
    }
}
