//! What real servers wrote: `tests/golden/*.hex`, and how it is rendered to be compared with `*.txt`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::batch::{Cell, CellKind, Old, Row, Tuple};
use crate::lsn::Lsn;

use super::{Format, Message};

/// One capture.
pub(crate) struct Capture {
    pub(crate) name: String,
    /// `proto_version` that it was made with.
    pub(crate) protocol: u8,
    /// LSN and bytes of each message.
    pub(crate) messages: Vec<(Lsn, Vec<u8>)>,
}

/// Where the captures are.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All captures, by name.
pub(crate) fn captures() -> Vec<Capture> {
    let mut captures: Vec<Capture> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .map(|path| read(&path))
        .collect();
    captures.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!captures.is_empty());
    captures
}

fn read(path: &Path) -> Capture {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let (head, body) = text.split_once('\n').unwrap();
    let mut words = head.split_whitespace().skip_while(|word| *word != "proto_version");
    let protocol = words.nth(1).unwrap().parse().unwrap();
    let messages = body.lines().map(|line| {
        let (lsn, hex) = line.split_once(' ').unwrap();
        (lsn.parse().unwrap(), unhex(hex))
    });
    Capture { name, protocol, messages: messages.collect() }
}

/// Bytes from their hexadecimal digits.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2));
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

impl Capture {
    /// The messages, each with the format that those before it imply.
    pub(crate) fn formatted(&self) -> impl Iterator<Item = (Format, &[u8])> {
        let mut streaming = false;
        self.messages.iter().map(move |(_, bytes)| {
            streaming = match bytes[0] {
                b'S' => true,
                b'E' => false,
                _ => streaming,
            };
            (Format { streaming, protocol: self.protocol }, bytes.as_slice())
        })
    }
}

/// Compares `rendered` with `NAME.txt`; with `UPDATE_GOLDEN` set, writes it.
pub(crate) fn check(name: &str, rendered: &str) {
    let path = directory().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, rendered).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == rendered, "{name}.txt differs; UPDATE_GOLDEN=1 rewrites it:\n{rendered}");
}

/// A message in one line, values included.
pub(crate) fn render(message: &Message<'_>, bytes: &[u8], cells: &[Cell]) -> String {
    let row = |tuple: Tuple| render_tuple(tuple, bytes, cells);
    let old = |old: &Old| format!("{:?}{}", old.kind, row(old.tuple));
    let xid = |xid: &Option<u32>| xid.map(|xid| format!(" in {xid}")).unwrap_or_default();
    match message {
        Message::Insert { xid: x, relation, new } => {
            format!("Insert {relation}{} new{}", xid(x), row(*new))
        }
        Message::Update { xid: x, relation, old: before, new } => {
            let before = before.as_ref().map_or_else(|| "no old".to_owned(), old);
            format!("Update {relation}{} {before} new{}", xid(x), row(*new))
        }
        Message::Delete { xid: x, relation, old: before } => {
            format!("Delete {relation}{} {}", xid(x), old(before))
        }
        Message::Relation { xid: x, relation } => {
            let mut text = format!(
                "Relation {}{} {:?}.{:?} {:?}",
                relation.oid,
                xid(x),
                relation.schema,
                relation.name,
                relation.identity
            );
            for column in &relation.columns {
                let mark = if column.identity { "*" } else { "" };
                let (name, oid, typmod) = (&column.name, column.type_oid, column.typmod);
                write!(text, " {mark}{name:?}:{oid}/{typmod}").unwrap();
            }
            text
        }
        Message::Message { xid: x, transactional, lsn, prefix, content } => {
            let content = content.escape_ascii();
            format!(
                "Message{} {lsn} transactional={transactional} {prefix:?} \"{content}\"",
                xid(x)
            )
        }
        other => format!("{other:?}"),
    }
}

/// Values in brackets; a run of one character in a long one is counted.
pub(crate) fn render_tuple(tuple: Tuple, bytes: &[u8], cells: &[Cell]) -> String {
    let first = tuple.first as usize;
    let cells = &cells[first..first + tuple.len as usize];
    let row = Row::new(bytes, cells);
    let values: Vec<String> = (0..row.len())
        .map(|index| match row.get(index) {
            crate::Datum::Text(value) if value.len() > 100 => format!("text of {}", value.len()),
            crate::Datum::Text(value) => format!("{:?}", std::str::from_utf8(value).unwrap()),
            crate::Datum::Binary(value) if value.len() > 100 => {
                format!("binary of {}", value.len())
            }
            crate::Datum::Binary(value) => {
                value.iter().fold("x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
            }
            crate::Datum::Null => "null".to_owned(),
            crate::Datum::Unchanged => "unchanged".to_owned(),
        })
        .collect();
    assert!(
        cells
            .iter()
            .all(|cell| matches!(cell.kind, CellKind::Text | CellKind::Binary) || cell.len == 0)
    );
    format!("({})", values.join(", "))
}
