//! Literals of configurations: what `org.apache.kafka.connect.data.Values.parseString` makes of a text.

use std::sync::Arc;

use num_bigint::BigInt;

use super::Typed;
use super::part::{DATE, TIME, TIMESTAMP};
use super::simple_date_format::SimpleDateFormat;
use crate::data::{Decimal, Kind, Schema, Unscaled, Value};

/// The value that the text stands for, with its schema; texts that stand for nothing else are strings.
pub(super) fn parse(text: &str) -> Typed {
    if text.is_empty() {
        return string(text);
    }
    let mut parser = Parser { rest: text.trim(), depth: 0 };
    match parser.value(false) {
        Some(typed) if parser.rest.trim().is_empty() => typed,
        _ => string(text),
    }
}

fn typed(schema: Schema, value: Value) -> Typed {
    Typed { schema: Some(Arc::new(schema)), value }
}

fn string(text: &str) -> Typed {
    typed(Schema::new(Kind::String), text.into())
}

/// How deep literals may nest.
const MAX_DEPTH: usize = 32;

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip();
        self.rest.strip_prefix(c).map(|rest| self.rest = rest).is_some()
    }

    /// One value; inside of another one, texts end at a delimiter and may be quoted.
    fn value(&mut self, embedded: bool) -> Option<Typed> {
        self.skip();
        if self.depth > MAX_DEPTH {
            return None;
        }
        match self.rest.chars().next()? {
            '[' => self.array(),
            '{' => self.map(),
            '"' if embedded => self.quoted().map(|text| string(&text)),
            _ => {
                let token = self.token(embedded);
                if embedded && token.is_empty() { None } else { Some(scalar(token)) }
            }
        }
    }

    fn token(&mut self, embedded: bool) -> &'a str {
        let end = if embedded { self.rest.find([',', ':', ']', '}']) } else { None };
        let (token, rest) =
            self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or((self.rest, ""));
        self.rest = rest;
        token.trim()
    }

    fn quoted(&mut self) -> Option<String> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => out.push(chars.next()?.1),
                '"' => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(out);
                }
                c => out.push(c),
            }
        }
        None
    }

    fn array(&mut self) -> Option<Typed> {
        self.depth += 1;
        self.eat('[');
        let mut items = Vec::new();
        if !self.eat(']') {
            loop {
                items.push(self.value(true)?);
                if self.eat(']') {
                    break;
                }
                if !self.eat(',') {
                    return None;
                }
            }
        }
        self.depth -= 1;
        let Some(schema) = common(&items) else {
            let values = items.into_iter().map(|item| item.value).collect();
            return Some(Typed { schema: None, value: Value::Array(values) });
        };
        let values = items.into_iter().map(|item| widened(item.value, &schema)).collect();
        Some(typed(Schema::new(Kind::Array(schema)), Value::Array(values)))
    }

    fn map(&mut self) -> Option<Typed> {
        self.depth += 1;
        self.eat('{');
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        if !self.eat('}') {
            loop {
                keys.push(self.value(true)?);
                if !self.eat(':') {
                    return None;
                }
                values.push(self.value(true)?);
                if self.eat('}') {
                    break;
                }
                if !self.eat(',') {
                    return None;
                }
            }
        }
        self.depth -= 1;
        let schemas = common(&keys).zip(common(&values));
        let entries = keys.into_iter().zip(values).map(|(key, value)| match &schemas {
            Some((k, v)) => (widened(key.value, k), widened(value.value, v)),
            None => (key.value, value.value),
        });
        let value = Value::Map(entries.collect());
        let schema = schemas.map(|(k, v)| Arc::new(Schema::new(Kind::Map(k, v))));
        Some(Typed { schema, value })
    }
}

fn scalar(token: &str) -> Typed {
    if token == "null" {
        return Typed::NOTHING;
    }
    if let Some(flag) = ["true", "false"].iter().position(|word| token.eq_ignore_ascii_case(word)) {
        return typed(Schema::new(Kind::Boolean), Value::Boolean(flag == 0));
    }
    if let Some(value) = number(token) {
        let kind = match value {
            Value::Int8(_) => Kind::Int8,
            Value::Int16(_) => Kind::Int16,
            Value::Int32(_) => Kind::Int32,
            Value::Int64(_) => Kind::Int64,
            Value::Float32(_) => Kind::Float32,
            Value::Float64(_) => Kind::Float64,
            _ => return string(token),
        };
        return typed(Schema::new(kind), value);
    }
    date(token).unwrap_or_else(|| string(token))
}

/// The three ISO forms that `Values` knows.
fn date(token: &str) -> Option<Typed> {
    let read = |pattern: &str| {
        let format = SimpleDateFormat::new(pattern).ok()?;
        format.parse(token).filter(|ms| format.format(*ms) == token)
    };
    const DAY_MS: i64 = 86_400_000;
    match token.len() {
        10 => {
            let day = i32::try_from(read("yyyy-MM-dd")?.div_euclid(DAY_MS)).ok()?;
            Some(typed(Schema::named(Kind::Int32, DATE), Value::Int32(day)))
        }
        13 => {
            let ms = i32::try_from(read("HH:mm:ss.SSS'Z'")?).ok()?;
            Some(typed(Schema::named(Kind::Int32, TIME), Value::Int32(ms)))
        }
        24 => {
            let ms = read("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")?;
            Some(typed(Schema::named(Kind::Int64, TIMESTAMP), Value::Int64(ms)))
        }
        _ => None,
    }
}

/// The smallest whole number that holds it, else a floating-point one.
pub(super) fn number(text: &str) -> Option<Value> {
    let decimal = decimal(text)?;
    if let Some(whole) = whole(&decimal) {
        let n: i64 = whole.try_into().ok()?;
        return Some(match (i8::try_from(n), i16::try_from(n), i32::try_from(n)) {
            (Ok(n), ..) => Value::Int8(n),
            (_, Ok(n), _) => Value::Int16(n),
            (.., Ok(n)) => Value::Int32(n),
            _ => Value::Int64(n),
        });
    }
    let single: f32 = text.parse().ok()?;
    if single.is_finite() {
        return Some(Value::Float32(single));
    }
    text.parse().ok().map(Value::Float64)
}

/// The number without its point, if nothing stands behind that.
fn whole(decimal: &Decimal) -> Option<BigInt> {
    let digits = super::mask_field::big(&decimal.unscaled);
    let power = BigInt::from(10).pow(decimal.scale.unsigned_abs());
    if decimal.scale <= 0 {
        return Some(digits * power);
    }
    let (quotient, rest) = (&digits / &power, &digits % &power);
    (rest == BigInt::ZERO).then_some(quotient)
}

/// `new BigDecimal(text)`, within exponents that a configuration can mean.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let plain = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit());
    if !plain || exponent.unsigned_abs() > 400 {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let unscaled = digits.parse::<i128>().map(Unscaled::Small);
    let unscaled = unscaled.or_else(|_| digits.parse::<BigInt>().map(Unscaled::Big)).ok()?;
    Some(Decimal { unscaled, scale })
}

/// The schema that all items fit; `None` where they have none in common or there is none.
fn common(items: &[Typed]) -> Option<Arc<Schema>> {
    let rank = |kind: &Kind| match kind {
        Kind::Int8 => Some(0),
        Kind::Int16 => Some(1),
        Kind::Int32 => Some(2),
        Kind::Int64 => Some(3),
        Kind::Float32 => Some(4),
        Kind::Float64 => Some(5),
        _ => None,
    };
    let schemas = items.iter().filter(|item| !item.value.is_null());
    let mut schemas = schemas.map(|item| item.schema.as_ref());
    let mut best = Arc::clone(schemas.next()??);
    for schema in schemas {
        let schema = schema?;
        match (rank(&best.kind), rank(&schema.kind)) {
            (Some(old), Some(new)) if new > old => best = Arc::clone(schema),
            (Some(_), Some(_)) => {}
            _ if best == *schema => {}
            _ => return None,
        }
    }
    if items.iter().any(|item| item.value.is_null()) {
        best = Arc::new(Schema::clone(&best).optional(true));
    }
    Some(best)
}

/// A number in the wider type that its neighbours need.
fn widened(value: Value, schema: &Schema) -> Value {
    let whole = match value {
        Value::Int8(n) => i64::from(n),
        Value::Int16(n) => i64::from(n),
        Value::Int32(n) => i64::from(n),
        Value::Int64(n) => n,
        Value::Float32(n) if schema.kind == Kind::Float64 => return Value::Float64(n.into()),
        other => return other,
    };
    let text = || whole.to_string();
    match &schema.kind {
        Kind::Int16 => i16::try_from(whole).map_or(value, Value::Int16),
        Kind::Int32 => i32::try_from(whole).map_or(value, Value::Int32),
        Kind::Int64 => Value::Int64(whole),
        Kind::Float32 => text().parse().map_or(value, Value::Float32),
        Kind::Float64 => text().parse().map_or(value, Value::Float64),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_the_smallest_type() {
        assert_eq!(parse("12").value, Value::Int8(12));
        assert_eq!(parse("300").value, Value::Int16(300));
        assert_eq!(parse("1.50").value, Value::Float32(1.5));
        assert_eq!(parse("TRUE").value, Value::Boolean(true));
        assert_eq!(parse("null"), Typed::NOTHING);
        assert_eq!(parse("\"quoted\"").value, "\"quoted\"".into());
        assert_eq!(parse("a, b").value, "a, b".into());
        assert_eq!(parse("[1, 300]").value, Value::Array(vec![Value::Int16(1), Value::Int16(300)]));
        assert_eq!(parse("[\"a\"]").value, Value::Array(vec!["a".into()]));
        assert_eq!(parse("{\"a\": 1}").value, Value::Map(vec![("a".into(), Value::Int8(1))]));
        assert_eq!(parse("2024-01-15T10:30:00.000Z").value, Value::Int64(1_705_314_600_000));
        assert_eq!(parse("[1, ").value, "[1, ".into());
    }
}
