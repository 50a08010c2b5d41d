//! Record batches, format 2 (<https://kafka.apache.org/documentation/#recordbatch>).

use super::Record;
use super::cursor::Cursor;
use crate::error::{Error, Result};

/// What stands before the length's end: base offset and the length itself.
const PREFIX_BYTES: usize = 12;

const COMPRESSION: i16 = 0b111;
const CONTROL: i16 = 1 << 5;

/// Gives every record of some batches; answers with the offset after the last whole batch.
/// Records carry no topic yet. The broker may cut the last batch short: it comes again.
pub(super) fn parse(bytes: &[u8], mut give: impl FnMut(Record)) -> Result<Option<i64>> {
    let mut rest = Cursor::new(bytes);
    let mut next = None;
    while rest.len() >= PREFIX_BYTES {
        let base = rest.i64()?;
        let length = usize::try_from(rest.i32()?).unwrap_or(usize::MAX);
        if rest.len() < length {
            break;
        }
        next = Some(parse_batch(base, &mut Cursor::new(rest.take(length)?), &mut give)?);
    }
    Ok(next)
}

fn parse_batch(base: i64, batch: &mut Cursor<'_>, give: &mut impl FnMut(Record)) -> Result<i64> {
    batch.i32()?; // Leader epoch.
    let magic = batch.i8()?;
    if magic != 2 {
        return Err(Error::new(format!("record batch of format {magic}")));
    }
    batch.i32()?; // Checksum: TCP's suffices between two processes of a machine.
    let attributes = batch.i16()?;
    let last = i64::from(batch.i32()?);
    let timestamp_ms = batch.i64()?;
    batch.take(8 + 8 + 2 + 4)?; // Last timestamp; producer id, epoch and sequence.
    let count = batch.i32()?;
    if attributes & CONTROL == 0 {
        if attributes & COMPRESSION != 0 {
            return Err(Error::new("compressed records, which are not understood here"));
        }
        for _ in 0..count {
            give(parse_record(base, timestamp_ms, batch)?);
        }
        if !batch.is_empty() {
            return Err(Error::new("record batch: bytes are left over"));
        }
    }
    Ok(base + last + 1)
}

fn parse_record(base: i64, timestamp_ms: i64, batch: &mut Cursor<'_>) -> Result<Record> {
    batch.varint()?; // Length.
    batch.i8()?; // Attributes, none of which is in use.
    let timestamp_ms = timestamp_ms.wrapping_add(batch.varint()?);
    let kafka_offset = base.wrapping_add(batch.varint()?);
    let key = batch.varint_bytes()?;
    let value = batch.varint_bytes()?;
    let headers = (0..batch.varint()?)
        .map(|_| {
            let name = batch.varint_bytes()?.unwrap_or_default();
            Ok((String::from_utf8_lossy(&name).into_owned(), batch.varint_bytes()?))
        })
        .collect::<Result<_>>()?;
    let (topic, partition) = (String::new(), 0);
    Ok(Record { topic, partition, kafka_offset, timestamp_ms, key, value, headers })
}

#[cfg(test)]
mod tests {
    use super::{Record, parse};

    /// Two records from offset 5 on: `a` → `x` with a header, and a tombstone of `b`.
    fn batch() -> Vec<u8> {
        let records: &[u8] = &[
            24, 0, 0, 0, 2, b'a', 2, b'x', 2, 2, b'h', 2, b'v', // Lengths are zigzag: 2 is 1.
            14, 0, 20, 2, 2, b'b', 1, 0,
        ];
        let mut body = vec![0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
        body.extend_from_slice(&1_i32.to_be_bytes());
        body.extend_from_slice(&1000_i64.to_be_bytes());
        body.extend_from_slice(&[0; 22]);
        body.extend_from_slice(&2_i32.to_be_bytes());
        body.extend_from_slice(records);
        let mut batch = 5_i64.to_be_bytes().to_vec();
        batch.extend_from_slice(&i32::try_from(body.len()).unwrap().to_be_bytes());
        batch.extend_from_slice(&body);
        batch
    }

    fn read(bytes: &[u8]) -> (Vec<Record>, Option<i64>) {
        let mut records = Vec::new();
        let next = parse(bytes, |record| records.push(record)).unwrap();
        (records, next)
    }

    #[test]
    fn records_keep_offsets_times_headers_and_nulls() {
        let (records, next) = read(&batch());
        assert_eq!(next, Some(7));
        assert_eq!((records[0].kafka_offset, records[0].timestamp_ms), (5, 1000));
        assert_eq!(records[0].headers, [("h".to_owned(), Some(b"v".to_vec()))]);
        assert_eq!((records[1].kafka_offset, records[1].timestamp_ms), (6, 1010));
        assert_eq!((records[1].key.as_deref(), &records[1].value), (Some(&b"b"[..]), &None));
    }

    #[test]
    fn batch_cut_short_is_left_for_later() {
        let whole = batch();
        let mut two = whole.clone();
        two.extend_from_slice(&whole[..whole.len() - 1]);
        let (records, next) = read(&two);
        assert_eq!((records.len(), next), (2, Some(7)));
    }

    #[test]
    fn compressed_batch_is_an_error() {
        let mut compressed = batch();
        compressed[22] = 1;
        assert!(parse(&compressed, |_| ()).is_err());
    }
}
