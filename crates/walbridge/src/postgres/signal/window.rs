//! The rows of one chunk that wait for their window to close: what streams past meanwhile is newer. Pure.

use std::collections::HashMap;

use pgoutput::chunk::Chunk;
use pgoutput::{Batch, Change, Datum, Event, Op, Position, ReadKind, ReadMark, Row, Tuple};

/// The values of a record's key; `None` where the table has none: then all rows share it.
type RecordKey = Option<Vec<Option<Vec<u8>>>>;

fn record_key(row: Row<'_>, columns: &[usize]) -> RecordKey {
    let value = |index: &usize| match row.get(*index) {
        Datum::Text(bytes) | Datum::Binary(bytes) => Some(bytes.to_vec()),
        Datum::Null | Datum::Unchanged => None,
    };
    (!columns.is_empty()).then(|| columns.iter().map(value).collect())
}

/// Rows by the key of their records, in the order in which each key came first: what Debezium's `LinkedHashMap` is.
/// A later row with the same key takes the place of the one before it.
#[derive(Debug, Default)]
pub(super) struct Window {
    chunk: Option<Chunk>,
    rows: Vec<Option<Tuple>>,
    places: HashMap<RecordKey, usize>,
}

impl Window {
    /// Holds the rows of a chunk, and those before it no more.
    pub(super) fn load(&mut self, chunk: Chunk, key: &[usize]) {
        self.clear();
        for tuple in &chunk.rows {
            let place =
                *self.places.entry(record_key(chunk.row(*tuple), key)).or_insert(self.rows.len());
            match self.rows.get_mut(place) {
                Some(row) => *row = Some(*tuple),
                None => self.rows.push(Some(*tuple)),
            }
        }
        self.chunk = Some(chunk);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The row with that key is no longer needed. A row without a key is never the same as another.
    pub(super) fn remove(&mut self, row: Row<'_>, key: &[usize]) {
        let key = record_key(row, key);
        if key.is_some()
            && let Some(place) = self.places.remove(&key)
            && let Some(row) = self.rows.get_mut(place)
        {
            *row = None;
        }
    }

    /// The rows that are left, as a batch of an incremental snapshot, and its chunk; `None` where there are none.
    pub(super) fn take(&mut self, position: Position) -> Option<(Batch, Chunk)> {
        let Self { chunk, rows, .. } = std::mem::take(self);
        let mut chunk = chunk?;
        chunk.rows = rows.into_iter().flatten().collect();
        if chunk.rows.is_empty() {
            return None;
        }
        let event = |row: &Tuple| {
            Event::Change(Change {
                op: Op::Read,
                relation: std::sync::Arc::clone(&chunk.relation),
                old: None,
                new: Some(*row),
                position,
                mark: ReadMark { kind: ReadKind::Incremental, ..ReadMark::default() },
            })
        };
        let events = chunk.rows.iter().map(event).collect();
        let cells = std::mem::take(&mut chunk.cells);
        let batch = Batch { bytes: chunk.bytes.clone(), cells, events, ..Batch::default() };
        // The keys are read from the chunk afterwards: it shares the bytes, and needs its cells.
        chunk.cells.clone_from(&batch.cells);
        Some((batch, chunk))
    }
}
