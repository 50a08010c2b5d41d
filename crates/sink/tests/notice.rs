//! Records of no table: what is told of transactions, across restarts too, of logical messages, and heartbeats.

#![expect(clippy::unwrap_used, reason = "a test's way to fail")]

use std::sync::Arc;

use bytes::Bytes;
use pgoutput::{
    Batch, Cell, CellKind, Change, Column, Event, Lsn, Op, Position, ReadMark, Relation,
    ReplicaIdentity, Tuple, Type, TypeKind,
};
use serde_json::{Value as Json, json};
use sink::config::{ColumnRule, EncoderConfig, Path};
use sink::convert::{BinaryMode, Options};
use sink::converter::json::JsonConfig;
use sink::converter::{Converter, Converters};
use sink::encoder::Encoder;
use sink::offset::SourceOffset;
use sink::plan::Clock;
use sink::record::Records;
use sink::topic::TopicNaming;

const XID: u64 = 7;

fn config(path: Path) -> EncoderConfig {
    let json = Converter::Json(JsonConfig { schemas: false, ..JsonConfig::default() });
    EncoderConfig {
        run_id: "r".into(),
        options: Options { binary: BinaryMode::Hex, ..Options::default() },
        topics: TopicNaming::new("p", "-"),
        converters: Converters { key: json.clone(), value: json, header: Converter::SimpleHeader },
        included: Arc::new(|relation| relation.name != "hidden"),
        messages: Some(Arc::new(|prefix| prefix != "other")),
        transaction_topic: Some("p-transaction".into()),
        heartbeat_topic: "beat".into(),
        path,
        ..EncoderConfig::new("p", "d")
    }
}

fn relation(oid: u32, name: &str) -> Arc<Relation> {
    let ty = Type {
        oid: 25,
        schema: "pg_catalog".to_owned(),
        name: "text".to_owned(),
        kind: TypeKind::Base,
    };
    let column = Column {
        name: "v".to_owned(),
        ty: Arc::new(ty),
        typmod: -1,
        nullable: false,
        default: None,
        identity: true,
    };
    Arc::new(Relation {
        oid,
        schema: "public".to_owned(),
        name: name.to_owned(),
        identity: ReplicaIdentity::Full,
        columns: vec![column],
        key: vec![0],
    })
}

/// In a transaction that begins at 100 and ends at 300.
fn at(lsn: u64) -> Position {
    Position {
        commit_lsn: Lsn::new(200),
        lsn: Lsn::new(lsn),
        ordinal: 0,
        xid: Some(XID),
        commit_time_us: 5_000,
    }
}

fn insert(lsn: u64, relation: &Arc<Relation>) -> Event {
    Event::Change(Change {
        op: Op::Insert,
        relation: Arc::clone(relation),
        old: None,
        new: Some(Tuple { first: 0, len: 1 }),
        position: at(lsn),
        mark: ReadMark::default(),
    })
}

fn message(prefix: &str, position: Position) -> Event {
    Event::Message {
        transactional: position.xid.is_some(),
        prefix: prefix.to_owned(),
        content: Bytes::from_static(b"\x01"),
        position,
    }
}

fn encode(encoder: &mut Encoder, events: Vec<Event>) -> Vec<(String, Json, Json)> {
    let cells = vec![Cell { kind: CellKind::Text, start: 0, len: 1 }];
    let batch = Batch { bytes: Bytes::from_static(b"x"), cells, events, decoded: None };
    let mut records = Records::new();
    encoder.encode(&batch, Clock { unix_ns: 9_000_000 }, &mut records).unwrap();
    shown(&records)
}

fn shown(records: &Records) -> Vec<(String, Json, Json)> {
    let json = |bytes: Option<&[u8]>| {
        bytes.map_or(Json::Null, |bytes| serde_json::from_slice(bytes).unwrap())
    };
    let one = |record: sink::record::RecordRef<'_>| {
        (record.topic().to_string(), json(record.key()), json(record.value()))
    };
    records.iter().map(one).collect()
}

fn transaction() -> Vec<Event> {
    let (a, b) = (relation(1, "a"), relation(2, "b"));
    vec![
        Event::Begin(at(100)),
        insert(100, &a),
        insert(110, &relation(3, "hidden")),
        insert(120, &b),
        message("pfx", at(130)),
        message("other", at(140)),
        insert(150, &a),
        Event::Commit { position: at(200), end_lsn: Lsn::new(300) },
    ]
}

#[test]
fn a_transaction_is_told_with_its_counts_on_both_paths() {
    for path in [Path::Auto, Path::General] {
        let records = encode(&mut Encoder::new(config(path), None), transaction());
        let topics: Vec<&str> = records.iter().map(|(topic, ..)| topic.as_str()).collect();
        let expected = [
            "p-transaction",
            "p-public-a",
            "p-public-b",
            "p.message",
            "p-public-a",
            "p-transaction",
        ];
        assert_eq!(topics, expected);
        let begin = json!({"status": "BEGIN", "id": "7:100", "event_count": null, "data_collections": null, "ts_ms": 5});
        assert_eq!((&records[0].1, &records[0].2), (&json!({"id": "7:100"}), &begin));
        let blocks: Vec<&Json> =
            records[1..5].iter().map(|(.., value)| &value["transaction"]).collect();
        let block = |lsn: u64, total: u64, own: u64| json!({"id": format!("7:{lsn}"), "total_order": total, "data_collection_order": own});
        let expected = [block(100, 1, 1), block(120, 2, 1), block(130, 3, 1), block(150, 4, 2)];
        assert_eq!(blocks, expected.iter().collect::<Vec<_>>());
        assert_eq!(records[3].2["message"], json!({"prefix": "pfx", "content": "01"}));
        let end = &records[5].2;
        assert_eq!((&end["id"], &end["event_count"]), (&json!("7:300"), &json!(4)));
        let counted = end["data_collections"].as_array().unwrap();
        let count = |name: &str| {
            let mut found = counted.iter().filter(|one| one["data_collection"] == name);
            found.next().map(|one| one["event_count"].clone())
        };
        assert_eq!((count("public.a"), count("public.b")), (Some(json!(2)), Some(json!(1))));
        assert_eq!(counted.len(), 3, "the message is a collection of its own");
    }
}

#[test]
fn a_restart_within_a_transaction_goes_on_with_its_counts() {
    let mut first = Encoder::new(config(Path::Auto), None);
    let mut events = transaction();
    events.truncate(4);
    encode(&mut first, events);
    let stored = SourceOffset::from_map(&first.offset().to_map()).unwrap();
    let mut second = Encoder::new(config(Path::Auto), Some(&stored));
    let records = encode(&mut second, transaction());
    let topics: Vec<&str> = records.iter().map(|(topic, ..)| topic.as_str()).collect();
    assert_eq!(topics, ["p.message", "p-public-a", "p-transaction"], "and no second beginning");
    assert_eq!(records[0].2["transaction"]["total_order"], 3);
    assert_eq!(records[2].2["event_count"], 4);
    let after = SourceOffset::from_map(&second.offset().to_map()).unwrap();
    let third = encode(&mut Encoder::new(config(Path::Auto), Some(&after)), transaction());
    assert_eq!(third, [], "nothing of it comes again");
}

#[test]
fn a_message_outside_a_transaction_has_no_block_and_keeps_the_time_before() {
    let mut encoder = Encoder::new(config(Path::Auto), None);
    encode(&mut encoder, transaction());
    let alone = Position { xid: None, commit_time_us: 0, ..at(400) };
    let records = encode(&mut encoder, vec![message("pfx", alone), message("other", alone)]);
    assert_eq!(records.len(), 1);
    let value = &records[0].2;
    assert_eq!((&value["transaction"], &value["source"]["ts_ms"]), (&Json::Null, &json!(5)));
    assert_eq!(value["source"]["sequence"], r#"["400","400"]"#);
}

#[test]
fn heartbeats_go_to_the_first_partition() {
    for path in [Path::Auto, Path::General] {
        let mut records = Records::new();
        Encoder::new(config(path), None)
            .heartbeat(Clock { unix_ns: 9_000_000 }, &mut records)
            .unwrap();
        assert_eq!(records.get(0).unwrap().partition(), Some(0));
        let beat = ("beat".to_owned(), json!({"serverName": "p"}), json!({"ts_ms": 9}));
        assert_eq!(shown(&records), [beat]);
    }
}

#[test]
fn updates_that_change_no_captured_column_are_left_out() {
    let mut config = config(Path::Auto);
    config.skip_unchanged = true;
    config.transaction_topic = None;
    let update = || {
        let Event::Change(change) = insert(100, &relation(1, "a")) else { return Vec::new() };
        let old = Some(pgoutput::Old {
            kind: pgoutput::OldKind::Full,
            tuple: Tuple { first: 1, len: 1 },
        });
        vec![Event::Change(Change { op: Op::Update, old, ..change })]
    };
    let cell = |start| Cell { kind: CellKind::Text, start, len: 1 };
    let batch = Batch {
        bytes: Bytes::from_static(b"xy"),
        cells: vec![cell(0), cell(1)],
        events: update(),
        decoded: None,
    };
    let count = |config: EncoderConfig| {
        let mut records = Records::new();
        Encoder::new(config, None).encode(&batch, Clock { unix_ns: 0 }, &mut records).unwrap();
        records.len()
    };
    assert_eq!(count(config.clone()), 3, "the key changed");
    config.columns = Some(Arc::new(|_, _| ColumnRule { excluded: true, mask: None }));
    assert_eq!(count(config), 0, "what changed is not captured");
}

#[test]
fn a_captured_table_that_is_renamed_out_of_the_filter_goes_on_under_its_name() {
    let mut encoder = Encoder::new(config(Path::Auto), None);
    let records = encode(
        &mut encoder,
        vec![
            insert(100, &relation(1, "a")),
            insert(110, &relation(1, "hidden")),
            insert(120, &relation(2, "hidden")),
        ],
    );
    let topics: Vec<&str> = records.iter().map(|(topic, ..)| topic.as_str()).collect();
    assert_eq!(topics, ["p-public-a", "p-public-a"]);
}
