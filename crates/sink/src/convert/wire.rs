//! Cells in the binary form that `binary 'true'` of pgoutput and binary COPY give.
//!
//! Numbers and text go straight out; the rest is first written as the text that the server would have sent,
//! so that there is one statement of what a value becomes. Arrays, intervals, addresses and the other rarer
//! types are refused: whoever asks for the binary form must ask for text in these columns' tables.

use pgoutput::{Type, TypeKind};

use super::calendar::Civil;
use super::stack::StackText;
use super::temporal::push_time;
use super::{ConvertError, Result, Rule};
use crate::emit::Emit;

/// The binary form of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// One that is not read.
    Unread,
    Bool,
    /// Two's complement of two, four or eight bytes.
    Integer,
    /// An unsigned integer of four bytes.
    Oid,
    Float4,
    Float8,
    /// The same as the text form.
    Text,
    /// A version and the text form.
    Jsonb,
    Uuid,
    Bytea,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Numeric,
}

impl Wire {
    /// The binary form of a type or of that under its domains.
    pub(super) fn of(ty: &Type) -> Self {
        match &ty.kind {
            TypeKind::Domain { base, .. } => Self::of(base),
            TypeKind::Enum(_) => Self::Text,
            TypeKind::Base if ty.schema == "pg_catalog" => match ty.name.as_str() {
                "bool" => Self::Bool,
                "int2" | "int4" | "int8" => Self::Integer,
                "oid" => Self::Oid,
                "float4" => Self::Float4,
                "float8" => Self::Float8,
                "text" | "varchar" | "bpchar" | "char" | "name" | "json" | "xml" => Self::Text,
                "jsonb" => Self::Jsonb,
                "uuid" => Self::Uuid,
                "bytea" => Self::Bytea,
                "date" => Self::Date,
                "time" => Self::Time,
                "timetz" => Self::TimeTz,
                "timestamp" => Self::Timestamp,
                "timestamptz" => Self::TimestampTz,
                "numeric" => Self::Numeric,
                _ => Self::Unread,
            },
            TypeKind::Base if ty.name == "citext" => Self::Text,
            _ => Self::Unread,
        }
    }

    /// Emits a cell in this form by the rule of its column.
    pub(super) fn emit<E: Emit>(self, bytes: &[u8], rule: &Rule, out: &mut E) -> Result<()> {
        let mut text = StackText::new();
        match self {
            Self::Unread => return Err(ConvertError::new("of a type whose binary form is read")),
            Self::Text => return rule.emit_text(bytes, out),
            Self::Jsonb => return rule.emit_text(bytes.strip_prefix(&[1]).ok_or(MALFORMED)?, out),
            Self::Bytea => {
                let Rule::Bytea(mode) = rule else { return Err(MALFORMED) };
                super::binary::emit_bytes(bytes, *mode, out);
                return Ok(());
            }
            Self::Float4 => {
                out.float32(f32::from_be_bytes(exact(bytes)?));
                return Ok(());
            }
            Self::Float8 => {
                out.float64(f64::from_be_bytes(exact(bytes)?));
                return Ok(());
            }
            Self::Numeric => {
                return rule.emit_text(numeric(bytes).ok_or(MALFORMED)?.as_bytes(), out);
            }
            Self::Bool => text.push(match bytes {
                [0] => b'f',
                [1] => b't',
                _ => return Err(MALFORMED),
            }),
            Self::Integer => text.number(integer(bytes)?),
            Self::Oid => text.number(i64::from(u32::from_be_bytes(exact(bytes)?))),
            Self::Uuid => push_uuid(exact(bytes)?, &mut text),
            Self::Date => push_date(i32::from_be_bytes(exact(bytes)?), &mut text),
            Self::Time => push_time(time_of_day(exact(bytes)?)?, None, &mut text),
            Self::TimeTz => push_timetz(bytes, &mut text)?,
            Self::Timestamp | Self::TimestampTz => {
                let zoned = self == Self::TimestampTz;
                push_timestamp(i64::from_be_bytes(exact(bytes)?), zoned, &mut text);
            }
        }
        rule.emit_text(text.as_str().as_bytes(), out)
    }
}

const MALFORMED: ConvertError = ConvertError::new("in its type's binary form");

/// Days from 1970-01-01 to 2000-01-01, where Postgres begins to count.
const EPOCH_DAYS: i64 = 10_957;
const DAY: i64 = 86_400_000_000;

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_wrong_length| MALFORMED)
}

fn integer(bytes: &[u8]) -> Result<i64> {
    match bytes.len() {
        2 => Ok(i64::from(i16::from_be_bytes(exact(bytes)?))),
        4 => Ok(i64::from(i32::from_be_bytes(exact(bytes)?))),
        8 => Ok(i64::from_be_bytes(exact(bytes)?)),
        _ => Err(MALFORMED),
    }
}

fn push_uuid(bytes: [u8; 16], text: &mut StackText) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push_str(DIGITS.get(usize::from(nibble)).unwrap_or(&'0').encode_utf8(&mut [0; 4]));
        }
    }
}

fn push_date(days: i32, text: &mut StackText) {
    match days {
        i32::MAX => text.push_str("infinity"),
        i32::MIN => text.push_str("-infinity"),
        days => push_day(i64::from(days), "", text),
    }
}

/// A day since 2000-01-01, what follows it, and the era.
fn push_day(days: i64, rest: &str, text: &mut StackText) {
    let civil = Civil::from_epoch_days(days + EPOCH_DAYS);
    text.padded(if civil.year <= 0 { 1 - civil.year } else { civil.year }, 4);
    text.push(b'-');
    text.padded(civil.month, 2);
    text.push(b'-');
    text.padded(civil.day, 2);
    text.push_str(rest);
    if civil.year <= 0 {
        text.push_str(" BC");
    }
}

fn time_of_day(bytes: [u8; 8]) -> Result<i64> {
    Some(i64::from_be_bytes(bytes)).filter(|micros| (0..=DAY).contains(micros)).ok_or(MALFORMED)
}

fn push_timetz(bytes: &[u8], text: &mut StackText) -> Result<()> {
    let (micros, zone) = bytes.split_first_chunk().ok_or(MALFORMED)?;
    push_time(time_of_day(*micros)?, None, text);
    // Seconds west of Greenwich.
    let west = i64::from(i32::from_be_bytes(exact(zone)?));
    text.push(if west > 0 { b'-' } else { b'+' });
    text.padded(west.abs() / 3_600, 2);
    text.push(b':');
    text.padded(west.abs() / 60 % 60, 2);
    if west % 60 != 0 {
        text.push(b':');
        text.padded(west.abs() % 60, 2);
    }
    Ok(())
}

fn push_timestamp(micros: i64, zoned: bool, text: &mut StackText) {
    match micros {
        i64::MAX => text.push_str("infinity"),
        i64::MIN => text.push_str("-infinity"),
        micros => {
            let mut rest = StackText::new();
            rest.push(b' ');
            push_time(micros.rem_euclid(DAY), None, &mut rest);
            if zoned {
                rest.push_str("+00");
            }
            push_day(micros.div_euclid(DAY), rest.as_str(), text);
        }
    }
}

/// The text of a numeric: groups of four digits, the weight of the first, the sign, the decimals shown.
fn numeric(bytes: &[u8]) -> Option<String> {
    let (head, digits) = bytes.as_chunks::<2>().0.split_first_chunk::<4>()?;
    let [count, weight, sign, scale] = *head;
    let weight = i32::from(i16::from_be_bytes(weight));
    let scale = usize::from(u16::from_be_bytes(scale));
    if digits.len() != usize::from(u16::from_be_bytes(count)) || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let mut text = match u16::from_be_bytes(sign) {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let group = |position: i32| -> u16 {
        let index = usize::try_from(weight - position).ok();
        let digits = index.and_then(|index| digits.get(index)).copied();
        digits.map_or(0, u16::from_be_bytes)
    };
    text.push_str(&group(weight.max(0)).to_string());
    for position in (0..weight.max(0)).rev() {
        text.push_str(&format!("{:04}", group(position)));
    }
    if scale > 0 {
        text.push('.');
        let whole = text.len();
        let groups = i32::try_from(scale.div_ceil(4)).ok()?;
        for position in 1..=groups {
            text.push_str(&format!("{:04}", group(-position)));
        }
        text.truncate(whole + scale);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numeric_send` of Postgres 15, in hexadecimal.
    #[test]
    fn numeric_is_written_as_the_server_does() {
        for (hex, text) in [
            ("0000000000000000", "0"),
            ("00010000000000000001", "1"),
            ("000200004000000200011388", "-1.50"),
            ("0003000100000003000109291a7c", "12345.678"),
            ("00010001000000000001", "10000"),
            ("0001ffff000000040001", "0.0001"),
            ("0001fffe0000000804d2", "0.00001234"),
            (
                "000b00070000000c000c0d801ed204d2162e23340d801ed204d2162e2328",
                "123456789012345678901234567890.123456789000",
            ),
            ("00000000c0000000", "NaN"),
            ("00000000d0000020", "Infinity"),
            ("00000000f0000020", "-Infinity"),
            ("00010005000000000001", "100000000000000000000"),
            ("0000000000000003", "0.000"),
            ("0003000100000002270f270f26ac", "99999999.99"),
        ] {
            let bytes = super::super::binary::decode_hex(hex.as_bytes()).unwrap();
            assert_eq!(numeric(&bytes).as_deref(), Some(text), "{hex}");
        }
    }

    #[test]
    fn truncated_numeric_is_refused() {
        assert_eq!(numeric(&[0, 1, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(numeric(&[]), None);
    }
}
