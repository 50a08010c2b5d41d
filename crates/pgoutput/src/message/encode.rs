//! The opposite of [`parse`](super::parse), for tests: what the server would write.

use crate::batch::{Cell, CellKind, Old, OldKind, Row, Tuple};
use crate::lsn::Lsn;

use super::{Format, Message, RelationMessage};

/// Writes messages.
struct Writer<'a> {
    out: Vec<u8>,
    format: Format,
    /// What `cells` index.
    bytes: &'a [u8],
    cells: &'a [Cell],
}

/// The bytes of `message`, whose cells are in `cells` and index `bytes`.
pub(crate) fn encode(
    message: &Message<'_>,
    bytes: &[u8],
    cells: &[Cell],
    format: Format,
) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), format, bytes, cells };
    match message {
        Message::Insert { .. }
        | Message::Update { .. }
        | Message::Delete { .. }
        | Message::Relation { .. }
        | Message::Type { .. }
        | Message::Truncate { .. }
        | Message::Message { .. } => writer.data(message),
        Message::Begin { .. }
        | Message::Commit { .. }
        | Message::Origin { .. }
        | Message::StreamStart { .. }
        | Message::StreamStop
        | Message::StreamCommit { .. }
        | Message::StreamAbort { .. } => writer.boundary(message),
        Message::BeginPrepare { .. }
        | Message::Prepare { .. }
        | Message::CommitPrepared { .. }
        | Message::RollbackPrepared { .. }
        | Message::StreamPrepare { .. } => writer.two_phase(message),
    }
    writer.out
}

impl Writer<'_> {
    fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.out.extend(value.to_be_bytes());
    }

    fn lsn(&mut self, value: Lsn) {
        self.out.extend(value.get().to_be_bytes());
    }

    fn time(&mut self, unix_us: i64) {
        self.out.extend((unix_us - 946_684_800_000_000).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.out.extend(text.as_bytes());
        self.out.push(0);
    }

    fn schema(&mut self, schema: &str) {
        self.text(if schema == "pg_catalog" { "" } else { schema });
    }

    fn xid(&mut self, xid: Option<u32>) {
        assert_eq!(xid.is_some(), self.format.streaming);
        if let Some(xid) = xid {
            self.u32(xid);
        }
    }

    fn tuple(&mut self, tuple: Tuple) {
        let first = tuple.first as usize;
        let cells = &self.cells[first..first + tuple.len as usize];
        self.out.extend(u16::try_from(cells.len()).unwrap().to_be_bytes());
        for (index, cell) in cells.iter().enumerate() {
            let kind = match cell.kind {
                CellKind::Null => b'n',
                CellKind::Unchanged => b'u',
                CellKind::Text => b't',
                CellKind::Binary => b'b',
            };
            self.u8(kind);
            match Row::new(self.bytes, cells).get(index) {
                crate::Datum::Text(value) | crate::Datum::Binary(value) => {
                    self.u32(u32::try_from(value.len()).unwrap());
                    self.out.extend(value);
                }
                crate::Datum::Null | crate::Datum::Unchanged => {}
            }
        }
    }

    fn old(&mut self, old: &Old) {
        self.u8(if old.kind == OldKind::Key { b'K' } else { b'O' });
        self.tuple(old.tuple);
    }

    fn row(&mut self, new: Tuple) {
        self.u8(b'N');
        self.tuple(new);
    }

    /// The tag, the streaming id and the OID that most data messages start with.
    fn head(&mut self, tag: u8, xid: Option<u32>, oid: u32) {
        self.u8(tag);
        self.xid(xid);
        self.u32(oid);
    }

    fn data(&mut self, message: &Message<'_>) {
        match message {
            Message::Insert { xid, relation, new } => {
                self.head(b'I', *xid, *relation);
                self.row(*new);
            }
            Message::Update { xid, relation, old, new } => {
                self.head(b'U', *xid, *relation);
                if let Some(old) = old {
                    self.old(old);
                }
                self.row(*new);
            }
            Message::Delete { xid, relation, old } => {
                self.head(b'D', *xid, *relation);
                self.old(old);
            }
            Message::Relation { xid, relation } => {
                self.head(b'R', *xid, relation.oid);
                self.relation(relation);
            }
            Message::Type { xid, oid, schema, name } => {
                self.head(b'Y', *xid, *oid);
                self.schema(schema);
                self.text(name);
            }
            Message::Truncate { xid, cascade, restart_identity, relations } => {
                self.head(b'T', *xid, u32::try_from(relations.len()).unwrap());
                self.u8(u8::from(*cascade) | u8::from(*restart_identity) << 1);
                relations.iter().for_each(|oid| self.u32(*oid));
            }
            Message::Message { xid, transactional, lsn, prefix, content } => {
                self.u8(b'M');
                self.xid(*xid);
                self.u8(u8::from(*transactional));
                self.lsn(*lsn);
                self.text(prefix);
                self.u32(u32::try_from(content.len()).unwrap());
                self.out.extend(*content);
            }
            other => panic!("not a data message: {other:?}"),
        }
    }

    fn relation(&mut self, relation: &RelationMessage) {
        self.schema(&relation.schema);
        self.text(&relation.name);
        self.u8(relation.identity.letter());
        self.out.extend(u16::try_from(relation.columns.len()).unwrap().to_be_bytes());
        for column in &relation.columns {
            self.u8(u8::from(column.identity));
            self.text(&column.name);
            self.u32(column.type_oid);
            self.out.extend(column.typmod.to_be_bytes());
        }
    }

    fn boundary(&mut self, message: &Message<'_>) {
        match message {
            Message::Begin { final_lsn, commit_time_us, xid } => {
                self.u8(b'B');
                self.lsn(*final_lsn);
                self.time(*commit_time_us);
                self.u32(*xid);
            }
            Message::Commit { commit_lsn, end_lsn, commit_time_us } => {
                self.out.extend([b'C', 0]);
                self.lsn(*commit_lsn);
                self.lsn(*end_lsn);
                self.time(*commit_time_us);
            }
            Message::Origin { lsn, name } => {
                self.u8(b'O');
                self.lsn(*lsn);
                self.text(name);
            }
            Message::StreamStart { xid, first } => {
                self.u8(b'S');
                self.u32(*xid);
                self.u8(u8::from(*first));
            }
            Message::StreamStop => self.u8(b'E'),
            Message::StreamCommit { xid, commit_lsn, end_lsn, commit_time_us } => {
                self.u8(b'c');
                self.u32(*xid);
                self.u8(0);
                self.lsn(*commit_lsn);
                self.lsn(*end_lsn);
                self.time(*commit_time_us);
            }
            Message::StreamAbort { xid, subxid, point } => {
                self.u8(b'A');
                self.u32(*xid);
                self.u32(*subxid);
                if let Some(point) = point {
                    self.lsn(point.lsn);
                    self.time(point.time_us);
                }
            }
            other => panic!("not a boundary: {other:?}"),
        }
    }

    fn two_phase(&mut self, message: &Message<'_>) {
        let (head, lsns, times, xid, gid): (&[u8], _, _, _, _) = match message {
            Message::BeginPrepare { prepare_lsn, end_lsn, prepare_time_us, xid, gid } => {
                (b"b", [prepare_lsn, end_lsn], vec![prepare_time_us], xid, gid)
            }
            Message::Prepare { prepare_lsn, end_lsn, prepare_time_us, xid, gid } => {
                (b"P\0", [prepare_lsn, end_lsn], vec![prepare_time_us], xid, gid)
            }
            Message::StreamPrepare { prepare_lsn, end_lsn, prepare_time_us, xid, gid } => {
                (b"p\0", [prepare_lsn, end_lsn], vec![prepare_time_us], xid, gid)
            }
            Message::CommitPrepared { commit_lsn, end_lsn, commit_time_us, xid, gid } => {
                (b"K\0", [commit_lsn, end_lsn], vec![commit_time_us], xid, gid)
            }
            Message::RollbackPrepared {
                prepare_end_lsn,
                rollback_end_lsn,
                prepare_time_us,
                rollback_time_us,
                xid,
                gid,
            } => {
                let times = vec![prepare_time_us, rollback_time_us];
                (b"r\0", [prepare_end_lsn, rollback_end_lsn], times, xid, gid)
            }
            other => panic!("not of two-phase commit: {other:?}"),
        };
        self.out.extend(head);
        lsns.into_iter().for_each(|lsn| self.lsn(*lsn));
        times.into_iter().for_each(|time| self.time(*time));
        self.u32(*xid);
        self.text(gid);
    }
}
