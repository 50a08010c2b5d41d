//! A column's DEFAULT in its schema, as far as Debezium understands expressions: not at all.
//!
//! A call of a function, or the current date or time, stands for a zero of the type; else the first literal of
//! the expression counts, or without any literal the expression itself, if it reads as a value. Source:
//! `PostgresDefaultValueConverter` of Debezium 3.6, and captures of it.

use std::borrow::Cow;

use bytes::Bytes;
use pgoutput::{Column, TypeKind};

use super::{Rule, table, temporal};
use crate::data::{Decimal, Value};
use crate::emit::Emit;

/// The types whose defaults are shown, and what stands for a default that is the result of a function.
/// All others have none: money, name, bytea, timetz, inet, ranges, arrays, domains and so on.
const SHOWN: [(&str, &str); 19] = [
    ("bit", "00"),
    ("varbit", "0"),
    ("bool", "false"),
    ("bpchar", ""),
    ("varchar", ""),
    ("text", ""),
    ("numeric", "0.0"),
    ("float4", "0.0"),
    ("float8", "0.0"),
    ("int2", "0"),
    ("int4", "0"),
    ("int8", "0"),
    ("json", "{}"),
    ("jsonb", "{}"),
    ("xml", ""),
    ("uuid", "00000000-0000-0000-0000-000000000000"),
    ("date", "1970-01-01"),
    ("time", "00:00"),
    ("timestamp", "1970-01-01"),
];

/// The same, where what Debezium's driver reads is not what Postgres writes.
const SHOWN_IN_UTC: [(&str, &str); 2] =
    [("timestamptz", "1970-01-01 00:00:00+00"), ("interval", "00:00:00")];

/// The default of a column, if it has one that Debezium shows.
pub(super) fn default_value(column: &Column, rule: &Rule) -> Option<Value> {
    let expression = column.default.as_deref()?;
    if let TypeKind::Enum(_) = column.ty.kind {
        let label = enum_literal(expression, &column.ty.name)?;
        return Some(Value::String(label.into()));
    }
    if column.ty.schema != "pg_catalog" {
        return None;
    }
    let name = column.ty.name.as_str();
    let mut shown = SHOWN.iter().chain(&SHOWN_IN_UTC);
    let (_name, zero) = shown.find(|(shown, _zero)| *shown == name)?;
    let text = if is_function(expression) { Cow::Borrowed(*zero) } else { literal(expression)? };
    if name == "numeric" {
        return convert(&numeric_at_scale(&text, table::scale_of(column.typmod))?, name, rule);
    }
    convert(&text, name, rule)
}

/// A numeric with exactly as many decimals as the column's scale; none if it would have to be rounded.
fn numeric_at_scale(text: &str, scale: Option<usize>) -> Option<Cow<'_, str>> {
    let Some(scale) = scale else { return Some(Cow::Borrowed(text)) };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let kept = fraction.get(..scale).unwrap_or(fraction);
    if fraction.bytes().skip(scale).any(|digit| digit != b'0') {
        return None;
    }
    let point = if scale == 0 { "" } else { "." };
    Some(Cow::Owned(format!("{whole}{point}{kept:0<scale$}")))
}

fn convert(text: &str, type_name: &str, rule: &Rule) -> Option<Value> {
    let mut capture = Capture(None);
    match (type_name, rule) {
        ("bool", _) => return Some(Value::Boolean(text.eq_ignore_ascii_case("true"))),
        ("date", Rule::Date { iso, .. }) => {
            if !temporal::emit_infinite_date(text, *iso, &mut capture) {
                let infinite = temporal::InfiniteDays::JavaTime;
                temporal::emit_date(text.as_bytes(), infinite, *iso, &mut capture).ok()?;
            }
        }
        ("timestamp", Rule::Timestamp(unit)) if text.ends_with("infinity") => {
            temporal::emit_infinite_timestamp(text, *unit, &mut capture);
        }
        // Beyond what `java.time` can bring to UTC.
        ("timestamptz", _) if text.ends_with("infinity") => return None,
        _ => rule.emit_text(text.as_bytes(), &mut capture).ok()?,
    }
    capture.0
}

/// The literal that an expression begins with or has first; the expression itself if there is none.
fn literal(expression: &str) -> Option<Cow<'_, str>> {
    let Some((_before, after)) = expression.split_once('\'') else {
        return (!expression.starts_with("NULL::")).then_some(Cow::Borrowed(expression));
    };
    if expression.starts_with("NULL::") {
        return None;
    }
    let mut end = 0;
    loop {
        end += after.get(end..)?.find('\'')?;
        if !after.get(end + 1..)?.starts_with('\'') {
            return Some(Cow::Owned(after.get(..end)?.replace("''", "'")));
        }
        end += 2;
    }
}

/// Whether an expression begins, perhaps in parentheses, with a call of a function, or is the current date or
/// time: Debezium's `^[(]?[A-Za-z0-9_.]+\((?:.+(?:, ?.+)*)?\)`.
fn is_function(expression: &str) -> bool {
    const CURRENT: [&str; 5] =
        ["current_timestamp", "current_time", "current_date", "localtime", "localtimestamp"];
    if CURRENT.iter().any(|current| current.eq_ignore_ascii_case(expression)) {
        return true;
    }
    let start = expression.strip_prefix('(').unwrap_or(expression);
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '.';
    let arguments = start.trim_start_matches(is_name);
    arguments.len() < start.len()
        && arguments
            .strip_prefix('(')
            .is_some_and(|rest| rest.lines().next().is_some_and(|line| line.contains(')')))
}

/// The label of `'label'::type`. Doubled quotes stay doubled, as in Debezium.
fn enum_literal<'a>(expression: &'a str, type_name: &str) -> Option<&'a str> {
    let (literal, cast) = expression.rsplit_once("::")?;
    let name = match cast.rsplit_once('.') {
        Some((_schema, name)) => name,
        None => cast,
    };
    if name.trim_matches('"').replace("\"\"", "\"") != type_name {
        return None;
    }
    literal.strip_prefix('\'')?.strip_suffix('\'')
}

/// Keeps the one value it is given; a struct, which Connect cannot hold as a default, is none.
struct Capture(Option<Value>);

impl Emit for Capture {
    fn null(&mut self) {}
    fn boolean(&mut self, value: bool) {
        self.0 = Some(Value::Boolean(value));
    }
    fn int8(&mut self, value: i8) {
        self.0 = Some(Value::Int8(value));
    }
    fn int16(&mut self, value: i16) {
        self.0 = Some(Value::Int16(value));
    }
    fn int32(&mut self, value: i32) {
        self.0 = Some(Value::Int32(value));
    }
    fn int64(&mut self, value: i64) {
        self.0 = Some(Value::Int64(value));
    }
    fn float32(&mut self, value: f32) {
        self.0 = Some(Value::Float32(value));
    }
    fn float64(&mut self, value: f64) {
        self.0 = Some(Value::Float64(value));
    }
    fn string(&mut self, value: &str) {
        self.0 = Some(Value::String(value.into()));
    }
    fn bytes(&mut self, value: &[u8]) {
        self.0 = Some(Value::Bytes(Bytes::copy_from_slice(value)));
    }
    fn decimal(&mut self, value: &Decimal) {
        self.0 = Some(Value::Decimal(value.clone()));
    }
    fn begin_struct(&mut self) {}
    fn field(&mut self, _index: usize) {}
    fn end_struct(&mut self) {
        self.0 = None;
    }
    fn begin_array(&mut self, _len: usize) {}
    fn item(&mut self) {}
    fn end_array(&mut self) {
        self.0 = None;
    }
    fn begin_map(&mut self, _len: usize) {}
    fn map_key(&mut self) {}
    fn map_value(&mut self) {}
    fn end_map(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_literal_counts() {
        for (expression, expected) in [
            ("'it''s'::text", Some("it's")),
            ("('a'::text || 'b'::text)", Some("a")),
            ("CURRENT_USER", Some("CURRENT_USER")),
            ("NULL::character varying", None),
            ("'open", None),
            ("''::text", Some("")),
        ] {
            assert_eq!(literal(expression).as_deref(), expected, "{expression}");
        }
    }

    #[test]
    fn infinite_timestamps_are_those_of_java() {
        // Debezium 3.6.3's `MicroTimestamp.toEpochMicros` and `IsoTimestamp.toIsoString` of `OffsetDateTime.MAX`
        // and `MIN`; its `Timestamp` and `NanoTimestamp` throw.
        let default = |text, unit| convert(text, "timestamp", &Rule::Timestamp(unit));
        assert_eq!(
            default("infinity", temporal::Unit::Micros),
            Some(Value::Int64(-9_223_372_036_853_775_810))
        );
        assert_eq!(default("-infinity", temporal::Unit::Micros), Some(Value::Int64(i64::MIN)));
        assert_eq!(default("infinity", temporal::Unit::Millis), None);
        assert_eq!(default("infinity", temporal::Unit::Nanos), None);
        assert_eq!(
            default("-infinity", temporal::Unit::Iso),
            Some(Value::String("-999999999-01-01T00:00:00Z".into()))
        );
    }

    #[test]
    fn calls_are_told_from_values() {
        for expression in ["now()", "aux.txt()", "(EXTRACT(epoch FROM x))::bigint", "LOCALTIME"] {
            assert!(is_function(expression), "{expression}");
        }
        for expression in
            ["'f(x)'::text", "(1 + 2)", "5", "CURRENT_USER", "('n'::text || a)", "f(\n)"]
        {
            assert!(!is_function(expression), "{expression}");
        }
    }
}
