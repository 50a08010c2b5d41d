//! Captures of real servers, a round trip through the encoder, and hostile bytes.

use std::collections::BTreeSet;

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

use super::encode::encode;
use super::golden::{captures, check, render};
use super::{AbortPoint, Format, Message, RelationColumn, RelationMessage, parse};
use crate::batch::{Cell, CellKind, Datum, Old, OldKind, Row, Tuple};
use crate::lsn::Lsn;
use crate::relation::ReplicaIdentity;

const TAGS: &[u8] = b"BCORYIUDTMSEcAbPKrp";

/// The error of parsing these bytes, if they are no message; what every message must hold is checked: that its
/// bytes, and no other, say it.
fn error_of(bytes: &[u8], format: Format) -> Option<String> {
    let mut cells = Vec::new();
    match parse(bytes, 0, &mut cells, format) {
        Ok(message) => {
            assert_eq!(encode(&message, bytes, &cells, format), bytes, "{message:?}");
            None
        }
        Err(error) => {
            assert!(cells.is_empty(), "cells of a broken message are left");
            Some(error.to_string())
        }
    }
}

#[test]
fn captures_are_parsed_as_recorded() {
    for capture in captures() {
        let mut rendered = String::new();
        for (format, bytes) in capture.formatted() {
            let mut cells = Vec::new();
            let message = parse(bytes, 0, &mut cells, format).unwrap();
            assert_eq!(
                encode(&message, bytes, &cells, format),
                bytes,
                "{}: {message:?}",
                capture.name
            );
            rendered.push_str(&render(&message, bytes, &cells));
            rendered.push('\n');
        }
        check(&capture.name, &rendered);
    }
}

#[test]
fn captures_hold_every_kind_of_every_version() {
    let mut seen = BTreeSet::new();
    for capture in captures() {
        for (format, bytes) in capture.formatted() {
            seen.insert((
                capture.name.rsplit('-').next().unwrap().split('.').next().unwrap().to_owned(),
                bytes[0],
            ));
            assert!(TAGS.contains(&bytes[0]), "{format:?}");
        }
    }
    for version in ["14", "15", "16", "17", "18"] {
        for tag in TAGS {
            let expected = version != "14" || !b"bPKrp".contains(tag);
            assert_eq!(
                seen.contains(&(version.to_owned(), *tag)),
                expected,
                "{version} {}",
                char::from(*tag)
            );
        }
    }
}

#[test]
fn truncated_captures_are_errors() {
    for capture in captures() {
        for (format, bytes) in capture.formatted() {
            for len in 0..bytes.len() {
                // With version 4 the point of an abort may be left out.
                if bytes[0] == b'A' && len == 9 && format.protocol == 4 {
                    continue;
                }
                assert!(error_of(&bytes[..len], format).is_some(), "{} {len}", capture.name);
            }
        }
    }
}

#[test]
fn left_over_bytes_are_errors() {
    for capture in captures() {
        for (format, bytes) in capture.formatted() {
            let error = error_of(&[bytes, b"\0"].concat(), format).unwrap();
            assert!(error.contains("left over") || bytes[0] == b'A', "{error}");
        }
    }
}

#[test]
fn mutated_captures_do_not_panic_and_mean_what_they_say() {
    for capture in captures() {
        for (format, bytes) in capture.formatted() {
            let mut mutated = bytes.to_vec();
            for at in 0..bytes.len().min(300) {
                for byte in
                    [0, 1, b'n', b't', 0x7F, 0x80, 0xFF, bytes[at] ^ 1, bytes[at].wrapping_add(1)]
                {
                    mutated[at] = byte;
                    let error = error_of(&mutated, format);
                    assert!(error.is_none_or(|error| error.starts_with("protocol: ")));
                }
                mutated[at] = bytes[at];
            }
        }
    }
}

#[test]
fn errors_name_kind_relation_and_offset() {
    let plain = |bytes: &[u8]| error_of(bytes, Format::PLAIN).unwrap();
    let insert = b"I\0\0\0\x07N\0\x01t\0\0\0\x05abc";
    assert_eq!(
        plain(insert),
        "protocol: insert for relation 7, byte 13: the message ends inside its value"
    );
    let kind = b"I\0\0\0\x07N\0\x01z";
    assert_eq!(
        plain(kind),
        "protocol: insert for relation 7, byte 8: its column kind cannot be 122"
    );
    assert_eq!(plain(b"Z"), "protocol: message, byte 0: its tag cannot be 90");
    assert_eq!(plain(b""), "protocol: message, byte 0: the message ends inside its tag");
    assert_eq!(
        plain(b"E"),
        "protocol: stream stop, byte 1: this kind needs protocol version 2, which was not asked for"
    );
    let negative = b"D\0\0\0\x07K\0\x01t\xFF\xFF\xFF\xFFabc";
    assert_eq!(
        plain(negative),
        "protocol: delete for relation 7, byte 9: its value length cannot be -1"
    );
    assert_eq!(plain(b"C\x01"), "protocol: commit, byte 1: its flags cannot be 1");
    assert_eq!(
        plain(b"O\0\0\0\0\0\0\0\0\xFF\0"),
        "protocol: origin, byte 9: its name is not UTF-8"
    );
}

#[test]
fn counts_beyond_the_message_allocate_nothing() {
    let columns = [b"R\0\0\0\x07s\0t\0d\x7F\xFF".as_slice(), &[0; 20]].concat();
    assert!(error_of(&columns, Format::PLAIN).unwrap().contains("inside its columns"));
    let relations = b"T\x7F\xFF\xFF\xFF\0\0\0\0\x07";
    assert!(error_of(relations, Format::PLAIN).unwrap().contains("inside its relations"));
    let mut cells = Vec::new();
    assert!(parse(b"I\0\0\0\x07N\x7F\xFFn", 0, &mut cells, Format::PLAIN).is_err());
    assert_eq!(cells.capacity(), 0);
}

/// A tuple: kinds, and the bytes of those kinds that have any.
type Values = Vec<(CellKind, Vec<u8>)>;

/// What a message is made of; which parts a kind uses is [`build`]'s matter.
#[derive(Debug, Clone)]
struct Parts {
    tag: u8,
    format: Format,
    lsns: [u64; 2],
    times: [i64; 2],
    ids: [u32; 2],
    flags: [bool; 2],
    names: [String; 2],
    content: Vec<u8>,
    identity: ReplicaIdentity,
    columns: Vec<RelationColumn>,
    relations: Vec<u32>,
    old: Option<(OldKind, Values)>,
    new: Values,
}

fn tuple() -> impl Strategy<Value = Values> {
    let kind = prop::sample::select(vec![
        CellKind::Null,
        CellKind::Unchanged,
        CellKind::Text,
        CellKind::Binary,
    ]);
    prop::collection::vec((kind, prop::collection::vec(any::<u8>(), 0..8)), 0..6)
}

fn parts() -> impl Strategy<Value = Parts> {
    let format =
        (any::<bool>(), 1..=4_u8).prop_map(|(streaming, protocol)| Format { streaming, protocol });
    let name = || "[a-zA-Zя\" ]{0,6}";
    let column = (any::<bool>(), name(), any::<u32>(), any::<i32>()).prop_map(
        |(identity, name, type_oid, typmod)| RelationColumn { name, type_oid, typmod, identity },
    );
    let identity = prop::sample::select(vec![
        ReplicaIdentity::Default,
        ReplicaIdentity::Nothing,
        ReplicaIdentity::Full,
        ReplicaIdentity::Index,
    ]);
    let old_kind = prop::sample::select(vec![OldKind::Key, OldKind::Full]);
    let time = || i64::MIN + 946_684_800_000_000..=i64::MAX;
    let scalars = (
        prop::sample::select(TAGS.to_vec()),
        format,
        any::<[u64; 2]>(),
        (time(), time()),
        any::<[u32; 2]>(),
        any::<[bool; 2]>(),
    );
    let vectors = (
        (name(), name()),
        prop::collection::vec(any::<u8>(), 0..20),
        identity,
        prop::collection::vec(column, 0..5),
        prop::collection::vec(any::<u32>(), 0..5),
        prop::option::of((old_kind, tuple())),
        tuple(),
    );
    (scalars, vectors).prop_map(|((tag, format, lsns, times, ids, flags), vectors)| {
        let (names, content, identity, columns, relations, old, new) = vectors;
        let (times, names) = (times.into(), names.into());
        Parts {
            tag,
            format,
            lsns,
            times,
            ids,
            flags,
            names,
            content,
            identity,
            columns,
            relations,
            old,
            new,
        }
    })
}

/// The tuples' values in one run of bytes, as a batch holds them.
fn lay_out(parts: &Parts) -> (Vec<u8>, Vec<Cell>, Option<Old>, Tuple) {
    let (mut bytes, mut cells) = (Vec::new(), Vec::new());
    let mut tuple = |values: &[(CellKind, Vec<u8>)]| {
        let first = u32::try_from(cells.len()).unwrap();
        for (kind, value) in values {
            let start = u32::try_from(bytes.len()).unwrap();
            let len = u32::try_from(value.len()).unwrap();
            bytes.extend(value);
            cells.push(Cell { kind: *kind, start, len });
        }
        Tuple { first, len: u32::try_from(values.len()).unwrap() }
    };
    // Only these kinds have an old tuple; its cells come first.
    let old = parts.old.as_ref().filter(|_| parts.tag != b'I');
    let old = old.map(|(kind, values)| Old { kind: *kind, tuple: tuple(values) });
    let new = tuple(&parts.new);
    (bytes, cells, old, new)
}

fn build<'a>(parts: &'a Parts, old: Option<Old>, new: Tuple) -> Option<Message<'a>> {
    let xid = parts.format.streaming.then_some(parts.ids[0]);
    let schema = if parts.names[0].is_empty() { "pg_catalog" } else { &parts.names[0] };
    Some(match parts.tag {
        b'I' => Message::Insert { xid, relation: parts.ids[1], new },
        b'U' => Message::Update { xid, relation: parts.ids[1], old, new },
        b'D' => Message::Delete { xid, relation: parts.ids[1], old: old? },
        b'R' => Message::Relation {
            xid,
            relation: RelationMessage {
                oid: parts.ids[1],
                schema: schema.to_owned(),
                name: parts.names[1].clone(),
                identity: parts.identity,
                columns: parts.columns.clone(),
            },
        },
        b'Y' => Message::Type { xid, oid: parts.ids[1], schema, name: &parts.names[1] },
        b'T' => Message::Truncate {
            xid,
            cascade: parts.flags[0],
            restart_identity: parts.flags[1],
            relations: parts.relations.clone(),
        },
        b'M' => Message::Message {
            xid,
            transactional: parts.flags[0],
            lsn: Lsn::new(parts.lsns[0]),
            prefix: &parts.names[0],
            content: &parts.content,
        },
        _ => build_boundary(parts),
    })
}

fn build_boundary(parts: &Parts) -> Message<'_> {
    let [xid, subxid] = parts.ids;
    let [first, second] = parts.lsns.map(Lsn::new);
    let [time, other_time] = parts.times;
    let gid = parts.names[0].as_str();
    let (prepare_lsn, commit_lsn, end_lsn) = (first, first, second);
    let (prepare_time_us, commit_time_us) = (time, time);
    match parts.tag {
        b'B' => Message::Begin { final_lsn: first, commit_time_us, xid },
        b'C' => Message::Commit { commit_lsn, end_lsn, commit_time_us },
        b'O' => Message::Origin { lsn: first, name: gid },
        b'S' => Message::StreamStart { xid, first: parts.flags[0] },
        b'E' => Message::StreamStop,
        b'c' => Message::StreamCommit { xid, commit_lsn, end_lsn, commit_time_us },
        b'A' => {
            let given = parts.flags[0] && parts.format.protocol == 4;
            let point = given.then_some(AbortPoint { lsn: first, time_us: time });
            Message::StreamAbort { xid, subxid, point }
        }
        b'b' => Message::BeginPrepare { prepare_lsn, end_lsn, prepare_time_us, xid, gid },
        b'P' => Message::Prepare { prepare_lsn, end_lsn, prepare_time_us, xid, gid },
        b'K' => Message::CommitPrepared { commit_lsn, end_lsn, commit_time_us, xid, gid },
        b'r' => Message::RollbackPrepared {
            prepare_end_lsn: first,
            rollback_end_lsn: second,
            prepare_time_us,
            rollback_time_us: other_time,
            xid,
            gid,
        },
        b'p' => Message::StreamPrepare { prepare_lsn, end_lsn, prepare_time_us, xid, gid },
        tag => panic!("no such tag: {tag}"),
    }
}

const fn version_of(tag: u8) -> u8 {
    match tag {
        b'S' | b'E' | b'c' | b'A' => 2,
        b'b' | b'P' | b'K' | b'r' | b'p' => 3,
        _ => 1,
    }
}

proptest! {
    #[test]
    fn what_was_encoded_is_parsed(parts in parts(), before in 0..3_usize, base in 0..1000_u32) {
        let (values, cells, old, new) = lay_out(&parts);
        if let Some(message) = build(&parts, old, new) {
            // Deletes have no new tuple, though one was laid out behind the old.
            let n_cells = match &message {
                Message::Insert { .. } | Message::Update { .. } => cells.len(),
                Message::Delete { old, .. } => old.tuple.len as usize,
                _ => 0,
            };
            let encoded = encode(&message, &values, &cells, parts.format);
            // As in a batch: bytes and cells of others before it.
            let other = Cell { kind: CellKind::Null, start: 0, len: 0 };
            let mut parsed_cells = vec![other; before];
            let parsed = parse(&encoded, base, &mut parsed_cells, parts.format);
            if parts.format.protocol < version_of(parts.tag) {
                proptest::prop_assert!(parsed.is_err());
            } else {
                let bytes = [vec![0; base as usize], encoded.clone()].concat();
                let parsed_cells = parsed_cells.split_off(before);
                prop_assert_eq!(shift(parsed.unwrap(), before), message);
                prop_assert_eq!(parsed_cells.len(), n_cells);
                for index in 0..n_cells {
                    let was: Datum<'_> = Row::new(&values, &cells).get(index);
                    prop_assert_eq!(Row::new(&bytes, &parsed_cells).get(index), was);
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        tag in prop::sample::select(TAGS.to_vec()),
        rest in prop::collection::vec(prop::sample::select(b"\0\0\0\0\x01\x02\x03NKOtnubdf\x7F\xFF".to_vec()), 0..60),
        streaming in any::<bool>(), protocol in 0..6_u8
    ) {
        error_of(&[&[tag], rest.as_slice()].concat(), Format { streaming, protocol });
    }
}

/// The message as it would be without `before` cells in front of its own.
fn shift(message: Message<'_>, before: usize) -> Message<'_> {
    let before = u32::try_from(before).unwrap();
    let tuple = |tuple: Tuple| Tuple { first: tuple.first - before, ..tuple };
    let image = |old: Old| Old { tuple: tuple(old.tuple), ..old };
    match message {
        Message::Insert { xid, relation, new } => {
            Message::Insert { xid, relation, new: tuple(new) }
        }
        Message::Update { xid, relation, old, new } => {
            Message::Update { xid, relation, old: old.map(image), new: tuple(new) }
        }
        Message::Delete { xid, relation, old } => {
            Message::Delete { xid, relation, old: image(old) }
        }
        other => other,
    }
}
