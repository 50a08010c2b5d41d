//! Connect's `SimpleHeaderConverter`: text that a person reads; structs look like JSON without being it.
//!
//! Facts from `org.apache.kafka.connect.data.Values.convertToString`.

use super::{Source, text};
use crate::data::{Decimal, Kind, Schema};
use crate::emit::Emit;

/// Appends the value's text; `false` where there is no value.
pub(super) fn write<S: Source>(schema: Option<&Schema>, source: &S, out: &mut Vec<u8>) -> bool {
    let mut writer = Writer { out, stack: Vec::new(), current: schema, null: false };
    source.drive(&mut writer);
    !writer.null
}

struct Frame<'a> {
    schema: Option<&'a Schema>,
    count: usize,
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    stack: Vec<Frame<'a>>,
    current: Option<&'a Schema>,
    /// The value as a whole is missing.
    null: bool,
}

impl Writer<'_> {
    const fn embedded(&self) -> bool {
        !self.stack.is_empty()
    }

    fn begin(&mut self, open: u8) {
        self.out.push(open);
        self.stack.push(Frame { schema: self.current, count: 0 });
    }

    fn end(&mut self, close: u8) {
        self.stack.pop();
        self.out.push(close);
    }

    fn separate(&mut self) {
        if let Some(frame) = self.stack.last_mut() {
            if frame.count > 0 {
                self.out.push(b',');
            }
            frame.count += 1;
        }
    }

    fn integer(&mut self, value: i64) {
        match self.current.and_then(|schema| date_text(schema, value)) {
            Some(date) => self.out.extend_from_slice(date.as_bytes()),
            None => self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }
}

/// Backslash and quote are all that is escaped.
fn write_escaped(value: &str, out: &mut Vec<u8>) {
    for byte in value.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// Connect's own Date, Time and Timestamp are `java.util.Date` and print as one; the form depends on the value.
fn date_text(schema: &Schema, value: i64) -> Option<String> {
    const DAY_MS: i64 = 86_400_000;
    let ms = match schema.name.as_deref()? {
        "org.apache.kafka.connect.data.Date" => value.checked_mul(DAY_MS)?,
        "org.apache.kafka.connect.data.Time" | "org.apache.kafka.connect.data.Timestamp" => value,
        _ => return None,
    };
    let (day, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (hour, minute, second, milli) =
        (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60, in_day % 1000);
    let time = format!("{hour:02}:{minute:02}:{second:02}.{milli:03}Z");
    let (y, m, d) = civil(day);
    Some(match (ms, in_day) {
        (ms, _) if ms < DAY_MS => time,
        (_, 0) => format!("{y:04}-{m:02}-{d:02}"),
        _ => format!("{y:04}-{m:02}-{d:02}T{time}"),
    })
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
const fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

impl Emit for Writer<'_> {
    fn null(&mut self) {
        // `Struct.get` gives a field's default; the value as a whole has none.
        if !self.embedded() {
            self.null = true;
        } else if let Some(default) = self.current.and_then(|schema| schema.default.as_ref()) {
            default.emit(self);
        } else {
            self.out.extend_from_slice(b"null");
        }
    }
    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
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
        text::write_f32(value, self.out);
    }
    fn float64(&mut self, value: f64) {
        text::write_f64(value, self.out);
    }
    fn string(&mut self, value: &str) {
        if self.embedded() {
            self.quoted(|out| write_escaped(value, out));
        } else {
            self.out.extend_from_slice(value.as_bytes());
        }
    }
    fn bytes(&mut self, value: &[u8]) {
        if self.embedded() {
            self.quoted(|out| text::write_base64(value, out));
        } else {
            text::write_base64(value, self.out);
        }
    }
    fn decimal(&mut self, value: &Decimal) {
        self.out.extend_from_slice(value.to_string().as_bytes());
    }
    fn begin_struct(&mut self) {
        self.begin(b'{');
    }
    fn field(&mut self, index: usize) {
        self.separate();
        let schema = self.stack.last().and_then(|frame| frame.schema);
        if let Some(field) = schema.and_then(|schema| schema.fields().get(index)) {
            self.quoted(|out| write_escaped(&field.name, out));
            self.out.push(b':');
            self.current = Some(&field.schema);
        }
    }
    fn end_struct(&mut self) {
        self.end(b'}');
    }
    fn begin_array(&mut self, _len: usize) {
        self.begin(b'[');
    }
    fn item(&mut self) {
        self.separate();
        let schema = self.stack.last().and_then(|frame| frame.schema);
        self.current = schema.and_then(|schema| match &schema.kind {
            Kind::Array(items) => Some(&**items),
            _ => None,
        });
    }
    fn end_array(&mut self) {
        self.end(b']');
    }
    fn begin_map(&mut self, _len: usize) {
        self.begin(b'{');
    }
    fn map_key(&mut self) {
        self.separate();
        let schema = self.stack.last().and_then(|frame| frame.schema);
        self.current = schema.and_then(|schema| match &schema.kind {
            Kind::Map(keys, _) => Some(&**keys),
            _ => None,
        });
    }
    fn map_value(&mut self) {
        self.out.push(b':');
        let schema = self.stack.last().and_then(|frame| frame.schema);
        self.current = schema.and_then(|schema| match &schema.kind {
            Kind::Map(_, values) => Some(&**values),
            _ => None,
        });
    }
    fn end_map(&mut self) {
        self.end(b'}');
    }
}
