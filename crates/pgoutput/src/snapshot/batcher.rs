//! Rows to batches, one row behind: a row's mark depends on whether another follows. Pure.

use std::sync::Arc;

use bytes::BytesMut;

use crate::batch::{Batch, Cell, Change, Event, Op, Position, ReadKind, ReadMark};
use crate::copy::parse_text_row;
use crate::error::{Error, Result};
use crate::relation::Relation;

/// Text that a batch holds, about; one row may be larger.
const BATCH_BYTES: usize = 256 * 1024;
/// Rows that a batch holds at most: their events weigh more than short rows do.
const BATCH_ROWS: usize = 2048;

/// Gathers rows. The last one always stays here until it is known what comes after it: another row, another table,
/// or nothing.
#[derive(Debug)]
pub(super) struct Batcher {
    position: Position,
    kind: ReadKind,
    table: Option<Table>,
    bytes: BytesMut,
    cells: Vec<Cell>,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Table {
    relation: Arc<Relation>,
    /// The first of the snapshot.
    is_first: bool,
    has_rows: bool,
}

impl Batcher {
    pub(super) fn new(position: Position, kind: ReadKind) -> Self {
        Self {
            position,
            kind,
            table: None,
            bytes: BytesMut::new(),
            cells: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn begin_table(&mut self, relation: Arc<Relation>, is_first: bool) {
        self.table = Some(Table { relation, is_first, has_rows: false });
    }

    /// Takes a row; gives the batch that it no longer fits in.
    pub(super) fn push(&mut self, row: &[u8]) -> Result<Option<Batch>> {
        let full = self.bytes.len() + row.len() > BATCH_BYTES || self.events.len() >= BATCH_ROWS;
        let batch = (full && !self.events.is_empty()).then(|| self.take());
        let table = self
            .table
            .as_mut()
            .ok_or_else(|| Error::Protocol("row outside of a table".to_owned()))?;
        let start = self.bytes.len();
        let base = u32::try_from(start)
            .ok()
            .filter(|_| u32::try_from(start + row.len()).is_ok())
            .ok_or_else(|| Error::Protocol("row of more than 4 GiB".to_owned()))?;
        if self.bytes.capacity() - start < row.len() {
            self.bytes.reserve(BATCH_BYTES.max(row.len()));
        }
        self.bytes.extend_from_slice(row);
        let copied = self.bytes.get_mut(start..).unwrap_or_default();
        let columns = table.relation.columns.len();
        let new = parse_text_row(copied, base, &mut self.cells, columns)?;
        let first = !table.has_rows;
        table.has_rows = true;
        self.events.push(Event::Change(Change {
            op: Op::Read,
            relation: Arc::clone(&table.relation),
            old: None,
            new: Some(new),
            position: self.position,
            mark: ReadMark {
                kind: self.kind,
                first: first && table.is_first,
                first_in_table: first,
                ..ReadMark::default()
            },
        }));
        self.position.ordinal += 1;
        Ok(batch)
    }

    /// No more rows of this table.
    pub(super) fn end_table(&mut self) {
        if self.table.take().is_some_and(|table| table.has_rows) {
            self.mark(|mark| mark.last_in_table = true);
        }
    }

    /// No more rows at all: the row that was last is the last, even if empty tables came after it.
    pub(super) fn finish(mut self) -> Batch {
        self.mark(|mark| mark.last = true);
        self.take()
    }

    fn mark(&mut self, set: impl FnOnce(&mut ReadMark)) {
        if let Some(Event::Change(change)) = self.events.last_mut() {
            set(&mut change.mark);
        }
    }

    fn take(&mut self) -> Batch {
        Batch {
            bytes: self.bytes.split().freeze(),
            cells: std::mem::take(&mut self.cells),
            events: std::mem::take(&mut self.events),
            decoded: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsn::Lsn;
    use crate::relation::{Column, ReplicaIdentity, Type, TypeKind};

    fn relation(name: &str) -> Arc<Relation> {
        let ty = Type {
            oid: 25,
            schema: "pg_catalog".to_owned(),
            name: "text".to_owned(),
            kind: TypeKind::Base,
        };
        let column = Column {
            name: "a".to_owned(),
            ty: Arc::new(ty),
            typmod: -1,
            nullable: true,
            default: None,
            identity: false,
        };
        Arc::new(Relation {
            oid: 1,
            schema: "public".to_owned(),
            name: name.to_owned(),
            identity: ReplicaIdentity::Default,
            columns: vec![column],
            key: Vec::new(),
        })
    }

    fn position() -> Position {
        Position {
            commit_lsn: Lsn::new(9),
            lsn: Lsn::new(9),
            ordinal: 0,
            xid: Some(1),
            commit_time_us: 0,
        }
    }

    /// Marks of a snapshot of tables with so many rows, written `f`, `l`, `F`, `L` for first, last, first and last
    /// in table.
    fn marks(tables: &[usize]) -> Vec<String> {
        let mut batcher = Batcher::new(position(), ReadKind::Initial);
        let mut batches = Vec::new();
        for (index, rows) in tables.iter().enumerate() {
            batcher.begin_table(relation("t"), index == 0);
            for _ in 0..*rows {
                batches.extend(batcher.push(b"x\n").unwrap());
            }
            batcher.end_table();
        }
        batches.push(batcher.finish());
        let events = batches.into_iter().flat_map(|batch| batch.events);
        let flags = |mark: ReadMark| {
            [
                (mark.first, 'f'),
                (mark.last, 'l'),
                (mark.first_in_table, 'F'),
                (mark.last_in_table, 'L'),
            ]
            .iter()
            .filter_map(|(set, letter)| set.then_some(*letter))
            .collect()
        };
        events
            .filter_map(|event| {
                if let Event::Change(change) = event { Some(flags(change.mark)) } else { None }
            })
            .collect()
    }

    #[test]
    fn marks_follow_the_tables_that_have_rows() {
        assert_eq!(marks(&[3, 2]), ["fF", "", "L", "F", "lL"]);
        assert_eq!(marks(&[1]), ["flFL"]);
        assert_eq!(marks(&[0, 1, 0, 0]), ["lFL"], "no first when the first table is empty");
        assert_eq!(marks(&[2, 0]), ["fF", "lL"]);
        assert_eq!(marks(&[0, 0]), [""; 0]);
    }

    #[test]
    fn last_row_of_a_full_batch_is_still_marked() {
        let marks = marks(&[BATCH_ROWS, 0]);
        assert_eq!((marks.len(), marks.last().map(String::as_str)), (BATCH_ROWS, Some("lL")));
        let mut batcher = Batcher::new(position(), ReadKind::Initial);
        batcher.begin_table(relation("t"), true);
        for _ in 0..BATCH_ROWS {
            assert!(batcher.push(b"x\n").unwrap().is_none());
        }
        let full = batcher.push(b"x\n").unwrap().expect("the batch is full");
        assert_eq!((full.events.len(), full.cells.len()), (BATCH_ROWS, BATCH_ROWS));
        assert_eq!(batcher.finish().events.len(), 1);
    }

    #[test]
    fn cells_lie_where_their_batch_has_them() {
        let mut batcher = Batcher::new(position(), ReadKind::Initial);
        batcher.begin_table(relation("t"), true);
        for row in [b"one\n".as_slice(), b"three\n", b"\\N\n"] {
            assert!(batcher.push(row).unwrap().is_none());
        }
        let batch = batcher.finish();
        let values: Vec<_> = batch
            .events
            .iter()
            .filter_map(|event| if let Event::Change(change) = event { change.new } else { None })
            .map(|tuple| format!("{:?}", batch.row(tuple).get(0)))
            .collect();
        assert_eq!(
            values,
            [format!("Text({:?})", b"one"), format!("Text({:?})", b"three"), "Null".to_owned()]
        );
    }
}
