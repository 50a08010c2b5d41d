//! Kafka's primitive types, read with every length checked.

use crate::error::{Context, Error, Result};

/// What is left of some bytes.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, n_bytes: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(n_bytes)
            .ok_or_else(|| Error::new(format!("ends {n_bytes} bytes early")))?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().context("integer")
    }

    pub(super) fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.fixed()?))
    }

    pub(super) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    pub(super) fn string(&mut self) -> Result<String> {
        self.nullable_string()?.ok_or_else(|| Error::new("null where a string must be"))
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>> {
        let length = i32::from(self.i16()?);
        self.text(length)
    }

    pub(super) fn nullable_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let length = self.i32()?;
        self.bytes(length.into())
    }

    /// An array; a null one is empty.
    pub(super) fn array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.i32()?.max(0);
        (0..count).map(|_| item(self)).collect()
    }

    /// A zigzag varint of a record, up to 64 bits.
    pub(super) fn varint(&mut self) -> Result<i64> {
        let mut bits: u64 = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let magnitude = i64::try_from(bits >> 1).context("varint")?;
                return Ok(magnitude ^ -i64::from(bits & 1 == 1));
            }
        }
        Err(Error::new("varint: longer than 64 bits"))
    }

    /// Bytes after a varint length; -1 is null.
    pub(super) fn varint_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let length = self.varint()?;
        self.bytes(length)
    }

    fn text(&mut self, length: i32) -> Result<Option<String>> {
        let bytes = self.bytes(length.into())?;
        bytes.map(String::from_utf8).transpose().context("string")
    }

    fn bytes(&mut self, length: i64) -> Result<Option<Vec<u8>>> {
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).context("length")?;
        Ok(Some(self.take(length)?.to_vec()))
    }
}
