//! The parsers behind [`parse`](super::parse), one a kind of message.

use crate::batch::{Cell, CellKind, Old, OldKind, Tuple};
use crate::reader::{Fault, Problem, Reader};
use crate::relation::ReplicaIdentity;

use super::{AbortPoint, Format, Message, RelationColumn, RelationMessage};

type Parsed<T> = Result<T, Fault>;

/// As [`parse`](super::parse), with the fault still to be worded.
pub(crate) fn read<'a>(
    bytes: &'a [u8],
    base: u32,
    cells: &mut Vec<Cell>,
    format: Format,
) -> Parsed<Message<'a>> {
    let n_cells = cells.len();
    let mut reader = Reader::new(bytes, base)?;
    let parsed =
        message(&mut reader, cells, format).and_then(|message| reader.finish().map(|()| message));
    if parsed.is_err() {
        cells.truncate(n_cells);
    }
    parsed
}

/// The name of a kind of message, and the version of the protocol that brought it.
const fn kind(tag: u8) -> Option<(&'static str, u8)> {
    Some(match tag {
        b'B' => ("begin", 1),
        b'C' => ("commit", 1),
        b'O' => ("origin", 1),
        b'R' => ("relation", 1),
        b'Y' => ("type", 1),
        b'I' => ("insert", 1),
        b'U' => ("update", 1),
        b'D' => ("delete", 1),
        b'T' => ("truncate", 1),
        b'M' => ("logical message", 1),
        b'S' => ("stream start", 2),
        b'E' => ("stream stop", 2),
        b'c' => ("stream commit", 2),
        b'A' => ("stream abort", 2),
        b'b' => ("begin prepare", 3),
        b'P' => ("prepare", 3),
        b'K' => ("commit prepared", 3),
        b'r' => ("rollback prepared", 3),
        b'p' => ("stream prepare", 3),
        _ => return None,
    })
}

fn message<'a>(
    reader: &mut Reader<'a>,
    cells: &mut Vec<Cell>,
    format: Format,
) -> Parsed<Message<'a>> {
    let tag = reader.u8("tag")?;
    let Some((name, version)) = kind(tag) else { return Err(reader.bad_byte("tag", tag)) };
    reader.set_kind(name);
    if format.protocol < version {
        return Err(reader.fault("tag", Problem::NeedsProtocol(version)));
    }
    match tag {
        b'B' => begin(reader),
        b'C' => commit(reader),
        b'O' => Ok(Message::Origin { lsn: reader.lsn("LSN")?, name: reader.text("name")? }),
        b'R' => {
            let xid = data_xid(reader, format)?;
            Ok(Message::Relation { xid, relation: relation(reader)? })
        }
        b'Y' => type_(reader, format),
        b'I' => insert(reader, cells, format),
        b'U' => update(reader, cells, format),
        b'D' => delete(reader, cells, format),
        b'T' => truncate(reader, format),
        b'M' => logical_message(reader, format),
        b'S' => stream_start(reader),
        b'E' => Ok(Message::StreamStop),
        b'c' => stream_commit(reader),
        b'A' => stream_abort(reader, format),
        b'b' => begin_prepare(reader),
        b'P' => prepare(reader),
        b'K' => commit_prepared(reader),
        b'r' => rollback_prepared(reader),
        b'p' => stream_prepare(reader),
        _ => Err(reader.bad_byte("tag", tag)),
    }
}

/// The id that data messages carry while streaming.
fn data_xid(reader: &mut Reader<'_>, format: Format) -> Parsed<Option<u32>> {
    if format.streaming { reader.u32("transaction id").map(Some) } else { Ok(None) }
}

/// Flags of which none is defined yet.
fn no_flags(reader: &mut Reader<'_>) -> Parsed<()> {
    reader.flags(0, "flags").map(|_| ())
}

fn begin<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    Ok(Message::Begin {
        final_lsn: reader.lsn("final LSN")?,
        commit_time_us: reader.time_us("commit time")?,
        xid: reader.u32("transaction id")?,
    })
}

fn commit<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    no_flags(reader)?;
    Ok(Message::Commit {
        commit_lsn: reader.lsn("commit LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        commit_time_us: reader.time_us("commit time")?,
    })
}

/// A schema: the server writes `pg_catalog` as nothing (`logicalrep_write_namespace`).
fn schema<'a>(reader: &mut Reader<'a>) -> Parsed<&'a str> {
    reader.text("schema").map(|schema| if schema.is_empty() { "pg_catalog" } else { schema })
}

fn relation(reader: &mut Reader<'_>) -> Parsed<RelationMessage> {
    let oid = reader.u32("OID")?;
    relation_body(reader, oid).map_err(|fault| fault.of(oid))
}

fn relation_body(reader: &mut Reader<'_>, oid: u32) -> Parsed<RelationMessage> {
    /// `LOGICALREP_IS_REPLICA_IDENTITY`.
    const IDENTITY: u8 = 1;
    /// Flags, an empty name, type OID and modifier.
    const COLUMN_BYTES_MIN: usize = 1 + 1 + 4 + 4;

    let schema = schema(reader)?.to_owned();
    let name = reader.text("name")?.to_owned();
    let letter = reader.u8("replica identity")?;
    let identity = ReplicaIdentity::from_letter(letter)
        .ok_or_else(|| reader.bad_byte("replica identity", letter))?;
    let count = usize::from(reader.count_u16("number of columns")?);
    if count * COLUMN_BYTES_MIN > reader.remaining() {
        return Err(reader.fault("columns", Problem::Short));
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let flags = reader.flags(IDENTITY, "column flags")?;
        columns.push(RelationColumn {
            name: reader.text("column name")?.to_owned(),
            type_oid: reader.u32("type OID")?,
            typmod: reader.i32("type modifier")?,
            identity: flags & IDENTITY != 0,
        });
    }
    Ok(RelationMessage { oid, schema, name, identity, columns })
}

fn type_<'a>(reader: &mut Reader<'a>, format: Format) -> Parsed<Message<'a>> {
    Ok(Message::Type {
        xid: data_xid(reader, format)?,
        oid: reader.u32("OID")?,
        schema: schema(reader)?,
        name: reader.text("name")?,
    })
}

fn insert<'a>(
    reader: &mut Reader<'a>,
    cells: &mut Vec<Cell>,
    format: Format,
) -> Parsed<Message<'a>> {
    let xid = data_xid(reader, format)?;
    let relation = reader.u32("relation")?;
    let new = new_tuple(reader, cells).map_err(|fault| fault.of(relation))?;
    Ok(Message::Insert { xid, relation, new })
}

fn update<'a>(
    reader: &mut Reader<'a>,
    cells: &mut Vec<Cell>,
    format: Format,
) -> Parsed<Message<'a>> {
    let xid = data_xid(reader, format)?;
    let relation = reader.u32("relation")?;
    let (old, new) = images(reader, cells).map_err(|fault| fault.of(relation))?;
    Ok(Message::Update { xid, relation, old, new })
}

fn images(reader: &mut Reader<'_>, cells: &mut Vec<Cell>) -> Parsed<(Option<Old>, Tuple)> {
    let letter = reader.u8("tuple letter")?;
    if letter == b'N' {
        return Ok((None, tuple(reader, cells)?));
    }
    let old = old_tuple(reader, cells, letter)?;
    Ok((Some(old), new_tuple(reader, cells)?))
}

fn delete<'a>(
    reader: &mut Reader<'a>,
    cells: &mut Vec<Cell>,
    format: Format,
) -> Parsed<Message<'a>> {
    let xid = data_xid(reader, format)?;
    let relation = reader.u32("relation")?;
    let old = reader
        .u8("tuple letter")
        .and_then(|letter| old_tuple(reader, cells, letter))
        .map_err(|fault| fault.of(relation))?;
    Ok(Message::Delete { xid, relation, old })
}

fn new_tuple(reader: &mut Reader<'_>, cells: &mut Vec<Cell>) -> Parsed<Tuple> {
    match reader.u8("tuple letter")? {
        b'N' => tuple(reader, cells),
        letter => Err(reader.bad_byte("tuple letter", letter)),
    }
}

fn old_tuple(reader: &mut Reader<'_>, cells: &mut Vec<Cell>, letter: u8) -> Parsed<Old> {
    let kind = match letter {
        b'K' => OldKind::Key,
        b'O' => OldKind::Full,
        _ => return Err(reader.bad_byte("tuple letter", letter)),
    };
    Ok(Old { kind, tuple: tuple(reader, cells)? })
}

/// `TupleData`. The hot path: one pass, no allocation beyond the shared vector.
fn tuple(reader: &mut Reader<'_>, cells: &mut Vec<Cell>) -> Parsed<Tuple> {
    let count = reader.count_u16("number of columns")?;
    let len = u32::from(count);
    // A column has at least its kind.
    if usize::from(count) > reader.remaining() {
        return Err(reader.fault("columns", Problem::Short));
    }
    let first = u32::try_from(cells.len()).ok().filter(|first| first.checked_add(len).is_some());
    let Some(first) = first else { return Err(reader.fault("columns", Problem::TooLarge)) };
    cells.reserve(usize::from(count));
    for _ in 0..count {
        let kind = match reader.u8("column kind")? {
            b't' => CellKind::Text,
            b'n' => CellKind::Null,
            b'u' => CellKind::Unchanged,
            b'b' => CellKind::Binary,
            letter => return Err(reader.bad_byte("column kind", letter)),
        };
        let (start, len) = match kind {
            CellKind::Null | CellKind::Unchanged => (0, 0),
            CellKind::Text | CellKind::Binary => {
                let len = reader.count_u32("value length")?;
                let start = reader.position();
                reader.take(len, "value")?;
                (start, len)
            }
        };
        cells.push(Cell { kind, start, len });
    }
    Ok(Tuple { first, len })
}

fn truncate<'a>(reader: &mut Reader<'a>, format: Format) -> Parsed<Message<'a>> {
    /// `TRUNCATE_CASCADE` and `TRUNCATE_RESTART_SEQS`.
    const CASCADE: u8 = 1;
    const RESTART: u8 = 2;

    let xid = data_xid(reader, format)?;
    let count = reader.count_u32("number of relations")? as usize;
    let flags = reader.flags(CASCADE | RESTART, "options")?;
    if count > reader.remaining() / 4 {
        return Err(reader.fault("relations", Problem::Short));
    }
    let mut relations = Vec::with_capacity(count);
    for _ in 0..count {
        relations.push(reader.u32("relation")?);
    }
    Ok(Message::Truncate {
        xid,
        cascade: flags & CASCADE != 0,
        restart_identity: flags & RESTART != 0,
        relations,
    })
}

fn logical_message<'a>(reader: &mut Reader<'a>, format: Format) -> Parsed<Message<'a>> {
    /// `MESSAGE_TRANSACTIONAL`.
    const TRANSACTIONAL: u8 = 1;

    Ok(Message::Message {
        xid: data_xid(reader, format)?,
        transactional: reader.flags(TRANSACTIONAL, "flags")? != 0,
        lsn: reader.lsn("LSN")?,
        prefix: reader.text("prefix")?,
        content: {
            let len = reader.count_u32("content length")?;
            reader.take(len, "content")?
        },
    })
}

fn stream_start<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    Ok(Message::StreamStart {
        xid: reader.u32("transaction id")?,
        first: reader.flags(1, "first segment")? != 0,
    })
}

fn stream_commit<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    let xid = reader.u32("transaction id")?;
    no_flags(reader)?;
    Ok(Message::StreamCommit {
        xid,
        commit_lsn: reader.lsn("commit LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        commit_time_us: reader.time_us("commit time")?,
    })
}

fn stream_abort<'a>(reader: &mut Reader<'a>, format: Format) -> Parsed<Message<'a>> {
    let xid = reader.u32("transaction id")?;
    let subxid = reader.u32("subtransaction id")?;
    // Version 4 alone does not say: the server writes the point only with `streaming` = `parallel`.
    let point = if format.protocol >= 4 && reader.remaining() > 0 {
        Some(AbortPoint { lsn: reader.lsn("abort LSN")?, time_us: reader.time_us("abort time")? })
    } else {
        None
    };
    Ok(Message::StreamAbort { xid, subxid, point })
}

fn begin_prepare<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    Ok(Message::BeginPrepare {
        prepare_lsn: reader.lsn("prepare LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        prepare_time_us: reader.time_us("prepare time")?,
        xid: reader.u32("transaction id")?,
        gid: reader.text("gid")?,
    })
}

fn prepare<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    no_flags(reader)?;
    Ok(Message::Prepare {
        prepare_lsn: reader.lsn("prepare LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        prepare_time_us: reader.time_us("prepare time")?,
        xid: reader.u32("transaction id")?,
        gid: reader.text("gid")?,
    })
}

fn commit_prepared<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    no_flags(reader)?;
    Ok(Message::CommitPrepared {
        commit_lsn: reader.lsn("commit LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        commit_time_us: reader.time_us("commit time")?,
        xid: reader.u32("transaction id")?,
        gid: reader.text("gid")?,
    })
}

fn rollback_prepared<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    no_flags(reader)?;
    Ok(Message::RollbackPrepared {
        prepare_end_lsn: reader.lsn("end LSN of the prepare")?,
        rollback_end_lsn: reader.lsn("end LSN of the rollback")?,
        prepare_time_us: reader.time_us("prepare time")?,
        rollback_time_us: reader.time_us("rollback time")?,
        xid: reader.u32("transaction id")?,
        gid: reader.text("gid")?,
    })
}

fn stream_prepare<'a>(reader: &mut Reader<'a>) -> Parsed<Message<'a>> {
    no_flags(reader)?;
    Ok(Message::StreamPrepare {
        prepare_lsn: reader.lsn("prepare LSN")?,
        end_lsn: reader.lsn("end LSN")?,
        prepare_time_us: reader.time_us("prepare time")?,
        xid: reader.u32("transaction id")?,
        gid: reader.text("gid")?,
    })
}
