//! [`Reader`]: a bounds-checked cursor over one message, and [`Fault`]: where and how a message is wrong.
//!
//! The only code that slices what the server sent. Every read says what it reads, so that a fault can name it;
//! a fault is small and copies, so that the hot path pays nothing for it.

use std::fmt;

use memchr::memchr;

use crate::error::Error;
use crate::lsn::Lsn;
use crate::relation::Relation;

/// Microseconds from the Unix epoch to Postgres's, 2000-01-01 (`POSTGRES_EPOCH_JDATE`, `datatype/timestamp.h`).
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// How a message is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It ends inside the field.
    Short,
    /// The field has no terminating zero byte.
    Unterminated,
    /// The field is a name and not UTF-8.
    NotUtf8,
    /// The field has a value that its definition does not allow.
    Value(i64),
    /// Bytes follow the last field.
    LeftOver,
    /// Offsets or cells do not fit the batch's 32 bits.
    TooLarge,
    /// The kind of message needs this version of the protocol.
    NeedsProtocol(u8),
}

/// Where and how a message is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The kind of message.
    pub(crate) kind: &'static str,
    /// The relation it is about, if that was read.
    pub(crate) relation: Option<u32>,
    /// The field at fault.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) problem: Problem,
    /// Offset of the fault in the message, in bytes.
    pub(crate) at: u32,
}

impl Fault {
    /// The same fault, in a message about `relation`.
    pub(crate) const fn of(mut self, relation: u32) -> Self {
        self.relation = Some(relation);
        self
    }

    /// The crate's error; `relation` puts a name to the OID.
    #[cold]
    pub(crate) fn into_error(self, relation: Option<&Relation>) -> Error {
        let about = match (relation, self.relation) {
            (Some(relation), _) => format!(" for {}.{}", relation.schema, relation.name),
            (None, Some(oid)) => format!(" for relation {oid}"),
            (None, None) => String::new(),
        };
        Error::Protocol(format!("{}{about}, byte {}: {self}", self.kind, self.at))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match self.problem {
            Problem::Short => write!(f, "the message ends inside its {field}"),
            Problem::Unterminated => write!(f, "its {field} has no end"),
            Problem::NotUtf8 => write!(f, "its {field} is not UTF-8"),
            Problem::Value(value) => write!(f, "its {field} cannot be {value}"),
            Problem::LeftOver => f.write_str("bytes are left over after its last field"),
            Problem::TooLarge => write!(f, "its {field} does not fit into a batch"),
            Problem::NeedsProtocol(version) => {
                write!(f, "this kind needs protocol version {version}, which was not asked for")
            }
        }
    }
}

/// A cursor over one message.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of `rest` in the message.
    at: u32,
    /// Offset of the message in its batch; `base` plus the message's length fits 32 bits.
    base: u32,
    kind: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`, which lie at offset `base` of their batch.
    pub(crate) fn new(bytes: &'a [u8], base: u32) -> Result<Self, Fault> {
        let reader = Self { rest: bytes, at: 0, base, kind: "message" };
        match u32::try_from(bytes.len()).ok().and_then(|len| base.checked_add(len)) {
            Some(_) => Ok(reader),
            None => Err(reader.fault("length", Problem::TooLarge)),
        }
    }

    /// From here on faults name this kind of message.
    pub(crate) const fn set_kind(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// Offset in the batch of the next byte.
    pub(crate) const fn position(&self) -> u32 {
        self.base + self.at
    }

    /// How many bytes are left.
    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// A fault in `field`, here.
    #[cold]
    pub(crate) const fn fault(&self, field: &'static str, problem: Problem) -> Fault {
        Fault { kind: self.kind, relation: None, field, problem, at: self.at }
    }

    /// A value that `field`, read at `at`, cannot have.
    #[cold]
    fn bad_value(&self, field: &'static str, at: u32, value: i64) -> Fault {
        Fault { at, ..self.fault(field, Problem::Value(value)) }
    }

    /// A value that `field` cannot have and that was the last byte read.
    #[cold]
    pub(crate) fn bad_byte(&self, field: &'static str, value: u8) -> Fault {
        self.bad_value(field, self.at.saturating_sub(1), i64::from(value))
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: u32, field: &'static str) -> Result<&'a [u8], Fault> {
        match self.rest.split_at_checked(len as usize) {
            Some((head, rest)) => {
                self.rest = rest;
                self.at += len;
                Ok(head)
            }
            None => Err(self.fault(field, Problem::Short)),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Fault> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                #[expect(clippy::cast_possible_truncation, reason = "N is 1, 2, 4 or 8")]
                let len = N as u32;
                self.at += len;
                Ok(*head)
            }
            None => Err(self.fault(field, Problem::Short)),
        }
    }

    /// `Int8`.
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Fault> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// `Int32`, as an OID or a transaction id.
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// `Int32`, signed.
    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, Fault> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// `Int64`, as a position in the log.
    pub(crate) fn lsn(&mut self, field: &'static str) -> Result<Lsn, Fault> {
        self.array(field).map(|bytes| Lsn::new(u64::from_be_bytes(bytes)))
    }

    /// `Int64`, as a time: microseconds since 2000-01-01 there, since 1970-01-01 here.
    pub(crate) fn time_us(&mut self, field: &'static str) -> Result<i64, Fault> {
        let at = self.at;
        let value = self.array(field).map(i64::from_be_bytes)?;
        value.checked_add(POSTGRES_EPOCH_US).ok_or_else(|| self.bad_value(field, at, value))
    }

    /// `Int16`, as a number of things.
    pub(crate) fn count_u16(&mut self, field: &'static str) -> Result<u16, Fault> {
        let at = self.at;
        let value = self.array(field).map(i16::from_be_bytes)?;
        u16::try_from(value).ok().ok_or_else(|| self.bad_value(field, at, value.into()))
    }

    /// `Int32`, as a number of things or bytes.
    pub(crate) fn count_u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        let at = self.at;
        let value = self.i32(field)?;
        u32::try_from(value).ok().ok_or_else(|| self.bad_value(field, at, value.into()))
    }

    /// `Int8` of flags, none of which may stand outside `known`.
    pub(crate) fn flags(&mut self, known: u8, field: &'static str) -> Result<u8, Fault> {
        let flags = self.u8(field)?;
        if flags & !known == 0 { Ok(flags) } else { Err(self.bad_byte(field, flags)) }
    }

    /// `String`: UTF-8 up to a zero byte.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, Fault> {
        let len = memchr(0, self.rest).and_then(|len| u32::try_from(len).ok());
        let Some(len) = len else { return Err(self.fault(field, Problem::Unterminated)) };
        let at = self.at;
        let bytes = self.take(len, field)?;
        self.take(1, field)?;
        let text = std::str::from_utf8(bytes).ok();
        text.ok_or_else(|| Fault { at, ..self.fault(field, Problem::NotUtf8) })
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault("end", Problem::LeftOver)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader<'_> {
        Reader::new(bytes, 0).unwrap()
    }

    #[test]
    fn reads_only_what_is_there() {
        assert_eq!(reader(&[0, 0, 1]).u32("x").unwrap_err().problem, Problem::Short);
        assert_eq!(reader(&[1, 2]).take(3, "x").unwrap_err().problem, Problem::Short);
        assert_eq!(reader(&[1, 2]).take(u32::MAX, "x").unwrap_err().problem, Problem::Short);
        assert_eq!(reader(b"abc").text("x").unwrap_err().problem, Problem::Unterminated);
        assert_eq!(reader(b"").u8("x").unwrap_err().problem, Problem::Short);
    }

    #[test]
    fn refuses_negative_counts_and_lengths() {
        assert_eq!(reader(&[0xFF; 2]).count_u16("x").unwrap_err().problem, Problem::Value(-1));
        assert_eq!(reader(&[0xFF; 4]).count_u32("x").unwrap_err().problem, Problem::Value(-1));
    }

    #[test]
    fn converts_the_epoch_and_refuses_what_does_not_fit() {
        assert_eq!(reader(&[0; 8]).time_us("x").unwrap(), POSTGRES_EPOCH_US);
        assert_eq!(
            reader(&i64::MIN.to_be_bytes()).time_us("x").unwrap(),
            i64::MIN + POSTGRES_EPOCH_US
        );
        assert!(reader(&i64::MAX.to_be_bytes()).time_us("x").is_err());
    }

    #[test]
    fn refuses_names_that_are_not_utf8() {
        let fault = reader(b"\xFF\0").text("name").unwrap_err();
        assert_eq!((fault.problem, fault.at), (Problem::NotUtf8, 0));
    }

    #[test]
    fn refuses_a_message_past_the_32_bits_of_its_batch() {
        assert!(Reader::new(b"ab", u32::MAX - 2).is_ok());
        assert_eq!(Reader::new(b"ab", u32::MAX - 1).unwrap_err().problem, Problem::TooLarge);
    }

    #[test]
    fn an_error_names_kind_relation_offset_and_field() {
        let mut reader = reader(&[0; 3]);
        reader.set_kind("insert");
        reader.u8("x").unwrap();
        let fault = reader.u32("value length").unwrap_err().of(7);
        let text = fault.into_error(None).to_string();
        assert_eq!(
            text,
            "protocol: insert for relation 7, byte 1: the message ends inside its value length"
        );
    }
}
