//! Captures of real servers, and transactions that keep or break the order of a stream.

use std::fmt::Write as _;

use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::batch::{Cell, CellKind};
use crate::message::encode::encode;
use crate::message::golden::{captures, check, render_tuple};
use crate::relation::{Column, ReplicaIdentity, Type, TypeKind};

/// What the catalog would say, as far as the assembler cares.
fn describe(message: &RelationMessage) -> Arc<Relation> {
    let columns = message.columns.iter().map(|column| {
        let ty = Type {
            oid: column.type_oid,
            schema: "pg_catalog".to_owned(),
            name: "unknown".to_owned(),
            kind: TypeKind::Base,
        };
        Column {
            name: column.name.clone(),
            ty: Arc::new(ty),
            typmod: column.typmod,
            nullable: true,
            default: None,
            identity: column.identity,
        }
    });
    Arc::new(Relation {
        oid: message.oid,
        schema: message.schema.clone(),
        name: message.name.clone(),
        identity: message.identity,
        columns: columns.collect(),
        key: Vec::new(),
    })
}

/// A stream under test, all of it in one batch.
#[derive(Default)]
struct Stream {
    assembler: Assembler,
    batch: Batch,
}

impl Stream {
    /// Pushes bytes that lie in a batch; describes what must be.
    fn bytes(&mut self, start: u64, bytes: &[u8]) -> Result<()> {
        let before = self.batch.bytes.len();
        self.batch.bytes = [&self.batch.bytes, bytes].concat().into();
        let shared = self.batch.bytes.slice(before..);
        let base = u32::try_from(before).unwrap();
        let announced = self.assembler.push(Lsn::new(start), &shared, base, &mut self.batch)?;
        if let Some(message) = announced {
            self.assembler.define(describe(&message));
        }
        Ok(())
    }

    fn push(&mut self, start: u64, message: &Message<'_>) -> Result<()> {
        let text = Cell { kind: CellKind::Text, start: 0, len: 1 };
        self.bytes(start, &encode(message, b"v", &[text; 8], Format::PLAIN))
    }

    fn refuses(&mut self, message: &Message<'_>) -> String {
        let (events, cells) = (self.batch.events.len(), self.batch.cells.len());
        let error = self.push(1, message).unwrap_err().to_string();
        assert_eq!((self.batch.events.len(), self.batch.cells.len()), (events, cells));
        error
    }

    fn last(&self) -> &Event {
        self.batch.events.last().unwrap()
    }
}

const fn begin(lsn: u64) -> Message<'static> {
    Message::Begin { final_lsn: Lsn::new(lsn), commit_time_us: 5, xid: 9 }
}

const fn commit(lsn: u64) -> Message<'static> {
    Message::Commit { commit_lsn: Lsn::new(lsn), end_lsn: Lsn::new(lsn + 8), commit_time_us: 5 }
}

const fn insert(relation: u32, columns: u32) -> Message<'static> {
    Message::Insert { xid: None, relation, new: Tuple { first: 0, len: columns } }
}

const fn logical(transactional: bool, lsn: u64) -> Message<'static> {
    Message::Message {
        xid: None,
        transactional,
        lsn: Lsn::new(lsn),
        prefix: "p",
        content: b"content",
    }
}

const fn truncate(relations: Vec<u32>) -> Message<'static> {
    Message::Truncate { xid: None, cascade: true, restart_identity: false, relations }
}

fn announce(oid: u32, columns: usize) -> Message<'static> {
    let column =
        message::RelationColumn { name: "c".to_owned(), type_oid: 23, typmod: -1, identity: true };
    let relation = RelationMessage {
        oid,
        schema: "public".to_owned(),
        name: format!("t{oid}"),
        identity: ReplicaIdentity::Default,
        columns: vec![column; columns],
    };
    Message::Relation { xid: None, relation }
}

fn place(event: &Event) -> Position {
    match event {
        Event::Begin(position)
        | Event::Change(Change { position, .. })
        | Event::Truncate { position, .. }
        | Event::Message { position, .. }
        | Event::Commit { position, .. } => *position,
        other => panic!("no position: {other:?}"),
    }
}

fn render_event(event: &Event, batch: &Batch) -> String {
    let row = |tuple: Tuple| render_tuple(tuple, &batch.bytes, &batch.cells);
    let at = |position: &Position| {
        let xid = position.xid.map_or_else(|| "none".to_owned(), |xid| xid.to_string());
        let Position { commit_lsn, lsn, ordinal, commit_time_us, .. } = position;
        format!("[{lsn} of {commit_lsn} xid {xid} #{ordinal} at {commit_time_us}]")
    };
    match event {
        Event::Begin(position) => format!("Begin {}", at(position)),
        Event::Change(change) => {
            let relation = format!("{}.{}", change.relation.schema, change.relation.name);
            let mut text = format!("{:?} {} {relation}", change.op, at(&change.position));
            if let Some(old) = change.old {
                write!(text, " {:?}{}", old.kind, row(old.tuple)).unwrap();
            }
            if let Some(new) = change.new {
                write!(text, " new{}", row(new)).unwrap();
            }
            text
        }
        Event::Truncate { relations, cascade, restart_identity, position } => {
            let names: Vec<&str> =
                relations.iter().map(|relation| relation.name.as_str()).collect();
            format!(
                "Truncate {} {names:?} cascade={cascade} restart={restart_identity}",
                at(position)
            )
        }
        Event::Message { transactional, prefix, content, position } => {
            let content = content.escape_ascii();
            format!(
                "Message {} transactional={transactional} {prefix:?} \"{content}\"",
                at(position)
            )
        }
        Event::Commit { position, end_lsn } => format!("Commit {} end {end_lsn}", at(position)),
        other => format!("{other:?}"),
    }
}

#[test]
fn captures_are_assembled_as_recorded() {
    for capture in captures().into_iter().filter(|capture| capture.protocol == 1) {
        let mut stream = Stream::default();
        for (start, bytes) in &capture.messages {
            stream.bytes(start.get(), bytes).unwrap();
        }
        assert!(!stream.assembler.in_transaction());
        let events = stream.batch.events.iter();
        let lines: Vec<String> = events.map(|event| render_event(event, &stream.batch)).collect();
        check(&format!("{}.events", capture.name), &format!("{}\n", lines.join("\n")));
    }
}

#[test]
fn captures_of_later_protocols_are_refused() {
    for capture in captures().into_iter().filter(|capture| capture.protocol > 1) {
        let mut stream = Stream::default();
        let pushed =
            capture.messages.iter().try_for_each(|(start, bytes)| stream.bytes(start.get(), bytes));
        assert!(
            pushed.unwrap_err().to_string().contains("needs protocol version"),
            "{}",
            capture.name
        );
    }
}

#[test]
fn ordinals_count_rows_truncates_and_transactional_messages() {
    let mut stream = Stream::default();
    stream.push(10, &begin(100)).unwrap();
    stream.push(0, &announce(1, 2)).unwrap();
    stream.push(20, &insert(1, 2)).unwrap();
    stream.push(30, &logical(true, 30)).unwrap();
    stream.push(40, &truncate(vec![1])).unwrap();
    stream.push(50, &insert(1, 2)).unwrap();
    stream.push(108, &commit(100)).unwrap();
    let places: Vec<Position> = stream.batch.events.iter().map(place).collect();
    assert_eq!(places.iter().map(|place| place.ordinal).collect::<Vec<_>>(), [0, 0, 1, 2, 3, 4]);
    assert_eq!(
        places.iter().map(|place| place.lsn.get()).collect::<Vec<_>>(),
        [10, 20, 30, 40, 50, 100]
    );
    assert!(places.iter().all(|place| place.commit_lsn == Lsn::new(100) && place.xid == Some(9)));
    assert!(matches!(stream.last(), Event::Commit { end_lsn, .. } if end_lsn.get() == 108));
}

#[test]
fn a_start_of_zero_is_as_the_one_before() {
    let mut stream = Stream::default();
    stream.push(10, &begin(100)).unwrap();
    stream.push(0, &announce(1, 1)).unwrap();
    stream.push(0, &insert(1, 1)).unwrap();
    assert_eq!(place(stream.last()).lsn, Lsn::new(10));
    stream.push(20, &insert(1, 1)).unwrap();
    stream.push(0, &insert(1, 1)).unwrap();
    assert_eq!(place(stream.last()).lsn, Lsn::new(20));
}

#[test]
fn begin_hidden_by_an_origin_does_not_take_the_position_of_the_transaction_before() {
    let mut stream = Stream::default();
    stream.push(10, &begin(100)).unwrap();
    stream.push(108, &commit(100)).unwrap();
    stream.push(0, &begin(200)).unwrap();
    assert_eq!(place(stream.last()).lsn, Lsn::new(200));
    stream.push(110, &Message::Origin { lsn: Lsn::new(7), name: "o" }).unwrap();
    assert!(matches!(stream.last(), Event::Origin { lsn, name } if lsn.get() == 7 && name == "o"));
}

#[test]
fn keepalive_inside_a_transaction_says_nothing() {
    let mut stream = Stream::default();
    let idle = |stream: &mut Stream| {
        let before = stream.batch.events.len();
        stream.assembler.keepalive(Lsn::new(500), true, &mut stream.batch);
        stream.batch.events.len() > before
    };
    assert!(idle(&mut stream));
    assert!(matches!(stream.last(), Event::Idle { lsn, reply: true } if lsn.get() == 500));
    stream.push(10, &begin(100)).unwrap();
    assert!(!idle(&mut stream));
    stream.push(108, &commit(100)).unwrap();
    assert!(idle(&mut stream));
}

#[test]
fn a_relation_must_be_defined_before_the_next_message() {
    let mut stream = Stream::default();
    stream.push(10, &begin(100)).unwrap();
    let bytes = encode(&announce(1, 1), &[], &[], Format::PLAIN);
    let announced =
        stream.assembler.push(Lsn::INVALID, &bytes, 0, &mut stream.batch).unwrap().unwrap();
    assert!(stream.refuses(&insert(1, 1)).contains("relation 1 was announced and not defined"));
    let other = RelationMessage { oid: 2, ..announced.clone() };
    stream.assembler.define(describe(&other));
    assert!(stream.refuses(&insert(2, 1)).contains("not defined"));
    stream.assembler.define(describe(&announced));
    stream.push(20, &insert(1, 1)).unwrap();
}

#[test]
fn a_row_carries_its_relation_as_last_announced() {
    let mut stream = Stream::default();
    stream.push(10, &begin(100)).unwrap();
    stream.push(0, &announce(1, 1)).unwrap();
    stream.push(20, &insert(1, 1)).unwrap();
    stream.push(0, &announce(1, 2)).unwrap();
    stream.push(30, &insert(1, 2)).unwrap();
    let widths: Vec<usize> = stream
        .batch
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Change(change) => Some(change.relation.columns.len()),
            _ => None,
        })
        .collect();
    assert_eq!(widths, [1, 2]);
    assert_eq!(
        stream.refuses(&insert(1, 1)),
        "protocol: insert for public.t1: a row of 1 columns where the relation has 2"
    );
    assert!(stream.refuses(&insert(1, 3)).contains("a row of 3 columns"));
}

#[test]
fn what_breaks_the_order_of_a_stream_is_refused() {
    let mut stream = Stream::default();
    stream.push(0, &announce(1, 1)).unwrap();
    assert_eq!(stream.refuses(&insert(1, 1)), "protocol: insert outside a transaction");
    assert_eq!(stream.refuses(&commit(100)), "protocol: commit outside a transaction");
    assert_eq!(stream.refuses(&truncate(vec![1])), "protocol: truncate outside a transaction");
    assert!(stream.refuses(&logical(true, 5)).contains("outside a transaction"));
    let origin = Message::Origin { lsn: Lsn::new(1), name: "o" };
    assert_eq!(stream.refuses(&origin), "protocol: origin outside a transaction");
    stream.push(10, &begin(100)).unwrap();
    assert!(stream.refuses(&begin(200)).contains("begin of transaction 9 inside transaction 9"));
    assert!(
        stream.refuses(&insert(2, 1)).contains("insert for relation 2, which was not announced")
    );
    assert!(stream.refuses(&truncate(vec![1, 2])).contains("truncate for relation 2"));
    assert!(stream.refuses(&commit(101)).contains("its begin said 0/64"));
    stream.push(108, &commit(100)).unwrap();
}

#[test]
fn an_unparsable_row_is_named_by_its_table() {
    let mut stream = Stream::default();
    stream.push(0, &announce(1, 1)).unwrap();
    stream.push(10, &begin(100)).unwrap();
    let error = stream.bytes(20, b"I\0\0\0\x01N\0\x01t\0\0\0\x09abc").unwrap_err();
    assert_eq!(
        error.to_string(),
        "protocol: insert for public.t1, byte 13: the message ends inside its value"
    );
    assert!(stream.batch.cells.is_empty());
}

#[test]
fn a_message_outside_a_transaction_is_its_own_place_and_shares_the_bytes() {
    let mut stream = Stream::default();
    stream.push(77, &logical(false, 77)).unwrap();
    let Event::Message { transactional: false, content, position, .. } = stream.last() else {
        panic!("{:?}", stream.last())
    };
    let lsn = Lsn::new(77);
    let expected = Position { commit_lsn: lsn, lsn, ordinal: 0, xid: None, commit_time_us: 0 };
    assert_eq!((&content[..], *position), (b"content".as_slice(), expected));
    assert!(stream.batch.bytes.as_ptr_range().contains(&content.as_ptr()));
    assert!(!stream.assembler.in_transaction());
}

#[test]
fn content_is_copied_when_the_batch_has_no_bytes_yet() {
    let bytes = encode(&logical(false, 77), &[], &[], Format::PLAIN);
    let mut batch = Batch::default();
    Assembler::new().push(Lsn::INVALID, &bytes, 0, &mut batch).unwrap();
    let content = batch.events.iter().find_map(|event| match event {
        Event::Message { content, .. } => Some(content.clone()),
        _ => None,
    });
    assert_eq!(content.unwrap(), b"content".as_slice());
}

/// Any message that may stand somewhere in a stream.
fn any_message() -> impl Strategy<Value = Message<'static>> {
    let lsn = || 1..4_u64;
    prop::strategy::Union::new([
        lsn().prop_map(begin).boxed(),
        lsn().prop_map(commit).boxed(),
        (1..3_u32, 0..3_u32).prop_map(|(relation, columns)| insert(relation, columns)).boxed(),
        (1..3_u32, 0..3_usize).prop_map(|(relation, columns)| announce(relation, columns)).boxed(),
        prop::collection::vec(1..3_u32, 0..3).prop_map(truncate).boxed(),
        (any::<bool>(), lsn()).prop_map(|(transactional, lsn)| logical(transactional, lsn)).boxed(),
    ])
}

proptest! {
    #[test]
    fn events_keep_the_order_of_transactions(
        messages in prop::collection::vec((0..50_u64, any_message()), 0..60)
    ) {
        let mut stream = Stream::default();
        for (start, message) in &messages {
            let before = stream.batch.events.len();
            let outcome = stream.push(*start, message);
            prop_assert!(outcome.is_ok() || stream.batch.events.len() == before);
        }
        let mut open: Option<(Lsn, u64)> = None;
        let mut n_cells = 0;
        for event in &stream.batch.events {
            let position = place(event);
            match event {
                Event::Begin(_) => {
                    prop_assert!(open.is_none());
                    prop_assert_eq!(position.ordinal, 0);
                    open = Some((position.commit_lsn, 0));
                }
                Event::Message { transactional: false, .. } => prop_assert_eq!(position.xid, None),
                _ => {
                    let (commit_lsn, ordinal) = open.unwrap();
                    prop_assert_eq!((position.commit_lsn, position.ordinal), (commit_lsn, ordinal));
                    let ended = matches!(event, Event::Commit { .. });
                    open = (!ended).then_some((commit_lsn, ordinal + 1));
                }
            }
            if let Event::Change(change) = event {
                let new = change.new.unwrap();
                prop_assert_eq!(new.first, n_cells);
                prop_assert_eq!(new.len as usize, change.relation.columns.len());
                n_cells += new.len;
            }
        }
        prop_assert_eq!(open.is_some(), stream.assembler.in_transaction());
        prop_assert_eq!(n_cells as usize, stream.batch.cells.len());
    }
}
