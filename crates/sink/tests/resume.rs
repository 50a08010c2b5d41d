//! What the encoder's offset says after each kind of event, and what it takes for delivered.

#![expect(clippy::unwrap_used, reason = "a test's way to fail")]

use std::sync::Arc;

use bytes::Bytes;
use pgoutput::{
    Batch, Cell, CellKind, Change, Column, Event, Lsn, Old, OldKind, Op, Position, ReadKind,
    ReadMark, Relation, ReplicaIdentity, Tuple, Type, TypeKind,
};
use sink::config::{EncoderConfig, FailureMode};
use sink::converter::json::JsonConfig;
use sink::converter::{Converter, Converters};
use sink::encoder::Encoder;
use sink::offset::SourceOffset;
use sink::plan::Clock;
use sink::record::Records;

fn config() -> EncoderConfig {
    let json = Converter::Json(JsonConfig { schemas: false, ..JsonConfig::default() });
    EncoderConfig {
        converters: Converters { key: json.clone(), value: json, header: Converter::SimpleHeader },
        ..EncoderConfig::new("p", "d")
    }
}

fn column(name: &str, (oid, ty): (u32, &str)) -> Column {
    let ty =
        Type { oid, schema: "pg_catalog".to_owned(), name: ty.to_owned(), kind: TypeKind::Base };
    Column {
        name: name.to_owned(),
        ty: Arc::new(ty),
        typmod: -1,
        nullable: false,
        default: None,
        identity: true,
    }
}

fn relation() -> Arc<Relation> {
    Arc::new(Relation {
        oid: 1,
        schema: "public".to_owned(),
        name: "a".to_owned(),
        identity: ReplicaIdentity::Full,
        columns: vec![column("k", (25, "text")), column("n", (23, "int4"))],
        key: vec![0],
    })
}

fn at(lsn: u64, commit: u64) -> Position {
    Position {
        commit_lsn: Lsn::new(commit),
        lsn: Lsn::new(lsn),
        ordinal: 0,
        xid: Some(commit),
        commit_time_us: 5_000,
    }
}

fn change(op: Op, position: Position) -> Change {
    Change {
        op,
        relation: relation(),
        old: None,
        new: Some(Tuple { first: 0, len: 2 }),
        position,
        mark: ReadMark::default(),
    }
}

fn transaction(lsn: u64, commit: u64) -> Vec<Event> {
    vec![
        Event::Begin(at(lsn, commit)),
        Event::Change(change(Op::Insert, at(lsn, commit))),
        Event::Commit { position: at(commit, commit), end_lsn: Lsn::new(commit + 8) },
    ]
}

/// Rows: `("x", 1)`, `("y", 1)`, `("y", y)`, the last of which does not convert.
fn encode(encoder: &mut Encoder, events: Vec<Event>) -> Vec<serde_json::Value> {
    let cell = |start| Cell { kind: CellKind::Text, start, len: 1 };
    let cells = [0, 1, 2, 1, 2, 2].map(cell).to_vec();
    let batch = Batch { bytes: Bytes::from_static(b"x1y"), cells, events, decoded: None };
    let mut records = Records::new();
    encoder.encode(&batch, Clock { unix_ns: 9_000_000 }, &mut records).unwrap();
    let value = |value: Option<&[u8]>| serde_json::from_slice(value.unwrap_or(b"null")).unwrap();
    records.iter().map(|record| value(record.value())).collect()
}

#[test]
fn a_snapshot_without_rows_forgets_what_was_delivered_before_it() {
    // Of a server that is no more: its positions mean nothing on the one that the tables were read from.
    let stored = SourceOffset {
        lsn: Some(Lsn::new(9_000)),
        lsn_proc: Some(Lsn::new(9_000)),
        lsn_commit: Some(Lsn::new(9_000)),
        ..SourceOffset::default()
    };
    let mut encoder = Encoder::new(config(), Some(&stored));
    encode(&mut encoder, vec![Event::SnapshotDone(at(50, 50))]);
    assert_eq!(encode(&mut encoder, transaction(60, 70)).len(), 1);
}

#[test]
fn what_stands_beside_the_log_does_not_take_the_offset_behind_a_position_that_may_be_confirmed() {
    let read = |kind| {
        let mark = ReadMark { kind, ..ReadMark::default() };
        Event::Change(Change { mark, ..change(Op::Read, at(100, 100)) })
    };
    let message = Event::Message {
        transactional: true,
        prefix: "m".to_owned(),
        content: Bytes::new(),
        position: at(1_010, 1_020),
    };
    for event in [read(ReadKind::Incremental), read(ReadKind::Blocking), message] {
        let mut encoder = Encoder::new(config(), None);
        encode(&mut encoder, transaction(100, 200));
        encode(&mut encoder, vec![Event::Idle { lsn: Lsn::new(1_000), reply: true }]);
        assert_eq!(encoder.offset().start_lsn(), Some(Lsn::new(1_000)));
        assert_eq!(encode(&mut encoder, vec![event.clone()]).len(), 1);
        assert_eq!(encoder.offset().start_lsn(), Some(Lsn::new(1_000)), "{event:?}");
    }
}

#[test]
fn a_change_that_makes_no_record_is_not_counted() {
    let mut encoder = Encoder::new(
        EncoderConfig {
            conversion_failure: FailureMode::Fail,
            event_failure: FailureMode::Skip,
            transaction_topic: Some("t".into()),
            ..config()
        },
        None,
    );
    let update = Change {
        old: Some(Old { kind: OldKind::Full, tuple: Tuple { first: 0, len: 2 } }),
        new: Some(Tuple { first: 4, len: 2 }),
        ..change(Op::Update, at(110, 200))
    };
    let mut events = transaction(100, 200);
    events.insert(2, Event::Change(update));
    let records = encode(&mut encoder, events);
    let end = records.last().unwrap();
    assert_eq!((records.len(), &end["status"], &end["event_count"]), (3, &"END".into(), &1.into()));
}

#[test]
fn an_offset_of_any_finished_or_passing_snapshot_moves_with_the_log() {
    for kind in ["INITIAL", "BLOCKING", "INCREMENTAL"] {
        for (proc, completed) in [("", true), (r#","lsn_proc":90,"lsn_commit":80"#, true)] {
            let text = format!(
                r#"{{"snapshot":"{kind}","snapshot_completed":{completed},"lsn":100{proc}}}"#
            );
            let mut offset = SourceOffset::from_map(&serde_json::from_str(&text).unwrap()).unwrap();
            offset.advance(Lsn::new(500));
            assert_eq!(offset.start_lsn(), Some(Lsn::new(500)), "{text}");
        }
    }
    let text = r#"{"snapshot":"BLOCKING","snapshot_completed":false,"lsn":100}"#;
    let mut offset = SourceOffset::from_map(&serde_json::from_str(text).unwrap()).unwrap();
    offset.advance(Lsn::new(500));
    assert_eq!(offset.start_lsn(), Some(Lsn::new(500)), "streaming went on");
    let text = r#"{"snapshot":"INITIAL","snapshot_completed":false,"lsn":100}"#;
    let mut offset = SourceOffset::from_map(&serde_json::from_str(text).unwrap()).unwrap();
    offset.advance(Lsn::new(500));
    assert_eq!(offset.start_lsn(), Some(Lsn::new(100)), "it is to be taken again");
}
