//! Captured records of the real connector, made again from their rows: byte for byte, on both paths.
//!
//! A case of `golden/records` names the capture that it was taken from. LSNs and times come from the capture too.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's way to fail"
)]

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use pgoutput::{
    Batch, Cell, CellKind, Change, Column, Event, Lsn, Old, OldKind, Op, Position, ReadMark,
    Relation, ReplicaIdentity, Tuple, Type, TypeKind,
};
use serde_json::Value as Json;
use sink::config::{EncoderConfig, FailureMode, Path, SkippedOperations};
use sink::convert::Origin;
use sink::converter::json::JsonConfig;
use sink::converter::{Converter, Converters};
use sink::encoder::Encoder;
use sink::envelope::Envelope;
use sink::name::NameAdjustment;
use sink::plan::{Clock, Kind};
use sink::record::Records;
use sink::transform::Chain;

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} is not a string in {json}"))
}

fn number<T: TryFrom<i64>>(json: &Json) -> T {
    let value = json.as_i64().unwrap_or_else(|| panic!("{json} is not a number"));
    T::try_from(value).unwrap_or_else(|_| panic!("{value} is out of range"))
}

fn list<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json[key].as_array().map_or(&[], Vec::as_slice)
}

fn config(case: &Json, path: Path) -> EncoderConfig {
    let json = |schemas: &str, defaults: bool| {
        let schemas = case[schemas] == true;
        Converter::Json(JsonConfig {
            schemas,
            replace_null_with_default: defaults,
            ..JsonConfig::default()
        })
    };
    EncoderConfig {
        run_id: text(case, "run_id").into(),
        tombstones: case["tombstones"] == true,
        skipped: SkippedOperations {
            truncate: case["skip_truncate"] == true,
            ..SkippedOperations::default()
        },
        converters: Converters {
            key: json("key_schemas", true),
            value: json("value_schemas", case["value_defaults"] == true),
            header: Converter::SimpleHeader,
        },
        transforms: Chain::parse(|key| case["connector"][key].as_str()).unwrap(),
        path,
        ..EncoderConfig::new(text(case, "prefix"), text(case, "database"))
    }
}

fn relation(json: &Json) -> Arc<Relation> {
    let column = |json: &Json| Column {
        name: text(json, "name").to_owned(),
        ty: Arc::new(Type {
            oid: number(&json["oid"]),
            schema: "pg_catalog".to_owned(),
            name: text(json, "type").to_owned(),
            kind: TypeKind::Base,
        }),
        typmod: number(&json["typmod"]),
        nullable: json["nullable"] == true,
        default: json["default"].as_str().map(ToOwned::to_owned),
        identity: json["identity"] == true,
    };
    Arc::new(Relation {
        oid: 1,
        schema: text(json, "schema").to_owned(),
        name: text(json, "name").to_owned(),
        identity: match text(json, "identity") {
            "full" => ReplicaIdentity::Full,
            "index" => ReplicaIdentity::Index,
            _ => ReplicaIdentity::Default,
        },
        columns: list(json, "columns").iter().map(column).collect(),
        key: list(json, "key").iter().map(number).collect(),
    })
}

/// Appends a row's cells to a batch that is being made.
fn tuple(cells: &[Json], bytes: &mut Vec<u8>, batch: &mut Batch) -> Tuple {
    let first = u32::try_from(batch.cells.len()).unwrap();
    for cell in cells {
        let start = u32::try_from(bytes.len()).unwrap();
        let text = cell.as_str();
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        let len = u32::try_from(text.map_or(0, str::len)).unwrap();
        let kind = match cell {
            Json::String(_) => CellKind::Text,
            // How these tests write a cell that the server did not send.
            Json::Bool(true) => CellKind::Unchanged,
            _ => CellKind::Null,
        };
        batch.cells.push(Cell { kind, start, len });
    }
    Tuple { first, len: u32::try_from(cells.len()).unwrap() }
}

fn batch(event: &Json, relation: &Arc<Relation>, position: Position) -> Batch {
    let mut batch = Batch::default();
    let mut bytes = Vec::new();
    if text(event, "op") == "t" {
        let relations = vec![Arc::clone(relation)];
        batch.events.push(Event::Truncate {
            relations,
            cascade: false,
            restart_identity: false,
            position,
        });
        return batch;
    }
    let old = event.get("old").map(|old| Old {
        kind: if text(old, "kind") == "full" { OldKind::Full } else { OldKind::Key },
        tuple: tuple(list(old, "cells"), &mut bytes, &mut batch),
    });
    let new = event.get("new").map(|_| tuple(list(event, "new"), &mut bytes, &mut batch));
    let marked = |mark: &str| list(event, "mark").iter().any(|marked| marked == mark);
    let mark = ReadMark {
        kind: pgoutput::ReadKind::Initial,
        first: marked("first"),
        last: marked("last"),
        first_in_table: marked("first_in_table"),
        last_in_table: marked("last_in_table"),
    };
    let op = match text(event, "op") {
        "r" => Op::Read,
        "c" => Op::Insert,
        "u" => Op::Update,
        _ => Op::Delete,
    };
    batch.events.push(Event::Change(Change {
        op,
        relation: Arc::clone(relation),
        old,
        new,
        position,
        mark,
    }));
    batch.bytes = Bytes::from(bytes);
    batch
}

/// The payload of a captured value.
fn payload(record: &Json) -> Json {
    let value = record["value"].as_str().and_then(|value| serde_json::from_str::<Json>(value).ok());
    let value = value.unwrap_or(Json::Null);
    value.get("payload").cloned().unwrap_or(value)
}

/// Where the capture says that its event stood, and the commit before it.
fn position(expected: &[Json]) -> (Position, Option<Lsn>) {
    let payload = expected.first().map_or(Json::Null, payload);
    let source = &payload["source"];
    let lsn = source["lsn"].as_i64().or(payload["__lsn"].as_i64()).unwrap_or(7);
    let ms = payload["__source_ts_ms"].as_i64().unwrap_or(0);
    let sequence =
        source["sequence"].as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    let commit = sequence.and_then(|sequence| sequence[0].as_str()?.parse::<i64>().ok());
    let position = Position {
        commit_lsn: Lsn::from_signed(lsn + 1),
        lsn: Lsn::from_signed(lsn),
        ordinal: 0,
        xid: source["txId"].as_u64(),
        commit_time_us: source["ts_us"].as_i64().unwrap_or(ms * 1000),
    };
    (position, commit.map(Lsn::from_signed))
}

fn clocks(value: &Json) -> Option<(i64, String)> {
    let (ms, us, ns) = (&value["ts_ms"], &value["ts_us"], value["ts_ns"].as_i64()?);
    Some((ns, format!("\"ts_ms\":{ms},\"ts_us\":{us},\"ts_ns\":{ns}")))
}

fn check(name: &str, case: &Json, path: Path) {
    let relation = relation(&case["relation"]);
    let mut encoder = Encoder::new(config(case, path), None);
    let mut records = Records::new();
    let mut expected = list(case, "expected");
    for (index, event) in list(case, "events").iter().enumerate() {
        let group;
        (group, expected) = expected.split_at(number(&event["records"]));
        let (position, commit) = position(group);
        if let Some(end_lsn) = commit {
            let events = vec![Event::Commit { position, end_lsn }];
            encoder
                .encode(&Batch { events, ..Batch::default() }, Clock { unix_ns: 0 }, &mut records)
                .unwrap();
        }
        let first = group.first().map(payload).as_ref().and_then(clocks);
        let clock = Clock { unix_ns: first.as_ref().map_or(0, |(ns, _)| *ns) };
        encoder.encode(&batch(event, &relation, position), clock, &mut records).unwrap();
        assert_eq!(records.len(), group.len(), "{name} {path:?}: records of event {index}");
        for (record, expected) in records.iter().zip(group) {
            let at = format!("{name} {path:?}, event {index}");
            let string = |bytes: Option<&[u8]>| {
                bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
            };
            assert_eq!(&**record.topic(), text(expected, "topic"), "{at}");
            assert_eq!(string(record.key()).as_deref(), expected["key"].as_str(), "{at}");
            // All records of an event have our one reading of the clock.
            let value = expected["value"].as_str().map(|value| {
                match (clocks(&payload(expected)), &first) {
                    (Some((_, own)), Some((_, first))) => value.replace(&own, first),
                    _ => value.to_owned(),
                }
            });
            assert_eq!(string(record.value()), value, "{at}");
            let headers = record.headers().map(|(name, value)| (name.to_string(), string(value)));
            let wanted = list(expected, "headers").iter();
            let wanted = wanted.map(|pair| {
                (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().map(Into::into))
            });
            assert_eq!(headers.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{at}");
        }
    }
    assert!(expected.is_empty(), "{name}: records are left over");
}

#[test]
fn captured_records_are_made_again_on_both_paths() {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/records");
    let mut seen = 0;
    for file in std::fs::read_dir(root).unwrap() {
        let file = file.unwrap().path();
        let case = serde_json::from_slice::<Json>(&std::fs::read(&file).unwrap()).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        check(&name, &case, Path::Auto);
        check(&name, &case, Path::General);
        seen += 1;
    }
    assert!(seen >= 19, "only {seen} cases");
}

fn case(name: &str) -> Json {
    let file = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/records").join(name);
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The value that one event gives, over the table of `pk-update`.
fn value_of(
    event: &Json,
    change: impl Fn(&mut EncoderConfig, &mut Relation),
) -> Result<Option<String>, String> {
    let case = case("pk-update-full.json");
    let mut config = config(&case, Path::Auto);
    let mut table = Relation::clone(&relation(&case["relation"]));
    change(&mut config, &mut table);
    let mut encoder = Encoder::new(config, None);
    let mut records = Records::new();
    let (position, _) = position(&[]);
    let batch = batch(event, &Arc::new(table), position);
    encoder
        .encode(&batch, Clock { unix_ns: 0 }, &mut records)
        .map_err(|error| error.to_string())?;
    let recorded = (!records.is_empty()).then_some(position.lsn);
    assert_eq!(encoder.offset().lsn, recorded, "the offset is that of the last record");
    let value = records
        .get(0)
        .and_then(|record| Some(String::from_utf8(record.value()?.to_vec()).unwrap()));
    Ok(value)
}

#[test]
fn unchanged_toast_takes_the_old_value_else_the_placeholder() {
    let full = serde_json::json!({"op": "u", "new": ["1", true], "old": {"kind": "full", "cells": ["1", "long"]}});
    let value = value_of(&full, |_, _| {}).unwrap().unwrap();
    assert!(value.contains(r#""after":{"id":1,"v":"long"}"#), "{value}");
    let none = serde_json::json!({"op": "u", "new": ["1", true]});
    let value = value_of(&none, |_, _| {}).unwrap().unwrap();
    assert!(value.contains(r#""after":{"id":1,"v":"__debezium_unavailable_value"}"#), "{value}");
}

#[test]
fn a_table_that_is_not_included_makes_no_record() {
    let insert = serde_json::json!({"op": "c", "new": ["1", "a"]});
    assert_eq!(value_of(&insert, |config, _| config.included = Arc::new(|_| false)), Ok(None));
    assert_eq!(value_of(&insert, |config, _| config.skipped.create = true), Ok(None));
}

/// Makes the second column a numeric(8,2).
fn numeric(relation: &mut Relation, nullable: bool) {
    let column = relation.columns.get_mut(1).unwrap();
    let ty = Type {
        oid: 1700,
        schema: "pg_catalog".into(),
        name: "numeric".into(),
        kind: TypeKind::Base,
    };
    (column.ty, column.typmod, column.nullable) = (Arc::new(ty), 524_294, nullable);
}

#[test]
fn what_cannot_be_converted_is_null_or_stops() {
    let insert = serde_json::json!({"op": "c", "new": ["1", "NaN"]});
    let value = value_of(&insert, |_, relation| numeric(relation, true)).unwrap().unwrap();
    assert!(value.contains(r#""after":{"id":1,"v":null}"#), "{value}");
    let error = value_of(&insert, |_, relation| numeric(relation, false)).unwrap_err();
    assert!(
        error.ends_with(r#"Invalid value: null used for required field: "v", schema type: BYTES"#),
        "{error}"
    );
    let error = value_of(&insert, |config, relation| {
        config.conversion_failure = FailureMode::Fail;
        numeric(relation, true);
    });
    let text = "Failed to properly convert data value for 'public.f.v' of type numeric";
    assert!(error.unwrap_err().ends_with(text));
}

#[test]
fn a_change_that_makes_no_record_stops_or_is_left_out() {
    let insert = serde_json::json!({"op": "c", "new": ["1", "NaN"]});
    for mode in [FailureMode::Warn, FailureMode::Skip] {
        let required = value_of(&insert, |config, relation| {
            config.event_failure = mode;
            numeric(relation, false);
        });
        assert_eq!(required, Ok(None));
        let strict = value_of(&insert, |config, relation| {
            (config.event_failure, config.conversion_failure) = (mode, FailureMode::Fail);
            numeric(relation, true);
        });
        assert_eq!(strict, Ok(None));
    }
    let error = value_of(&insert, |_, relation| numeric(relation, false)).unwrap_err();
    for named in ["public.f", "lsn=7", "\"v\""] {
        assert!(error.contains(named), "{error}");
    }
    assert!(!error.contains("NaN"), "{error}");
}

#[test]
fn columns_that_cannot_be_told_apart_are_refused() {
    let insert = serde_json::json!({"op": "c", "new": ["1", "a"]});
    let named = |config: &mut EncoderConfig, relation: &mut Relation, names: [&str; 2]| {
        config.event_failure = FailureMode::Skip;
        config.field_names = NameAdjustment::Avro;
        for (column, name) in relation.columns.iter_mut().zip(names) {
            name.clone_into(&mut column.name);
        }
    };
    let error = value_of(&insert, |config, relation| named(config, relation, ["a", "A"]));
    let text = "Table 'public.f' has columns that differ only by case. Column name: 'A'.";
    assert!(error.unwrap_err().contains(text));
    let error = value_of(&insert, |config, relation| named(config, relation, ["a.b", "a-b"]));
    let text = "Cannot create field because of field name duplication a_b";
    assert!(error.unwrap_err().ends_with(text));
    let value = value_of(&insert, |config, relation| named(config, relation, ["a.b", "a-c"]));
    assert!(value.unwrap().unwrap().contains(r#""after":{"a_b":1,"a_c":"a"}"#));
}

#[test]
fn columns_say_what_they_are_in_their_source_if_asked_to() {
    let case = case("pk-update-full.json");
    let mut config = config(&case, Path::Auto);
    config.propagate = Some(Arc::new(|relation, column, ty| {
        (relation.name.as_str(), column, ty) == ("f", "v", "text")
    }));
    let table = relation(&case["relation"]);
    let plan = Envelope::new(&table, Origin::Stream, &config).record(Kind::Create);
    let schema = plan.value.schema.unwrap();
    let row = &schema.fields()[1].schema;
    assert!(row.fields()[0].schema.parameters.is_empty());
    let parameters = row.fields()[1].schema.parameters.iter();
    let parameters: Vec<_> = parameters.map(|(key, value)| (&**key, &**value)).collect();
    let expected = [
        ("__debezium.source.column.type", "TEXT"),
        ("__debezium.source.column.length", "2147483647"),
        ("__debezium.source.column.scale", "0"),
        ("__debezium.source.column.name", "v"),
    ];
    assert_eq!(parameters, expected);
    assert!(plan.key.schema.unwrap().fields()[0].schema.parameters.is_empty());
}

#[test]
fn offset_reaches_the_commit_that_may_be_confirmed() {
    let case = case("pk-update-full.json");
    let mut encoder = Encoder::new(config(&case, Path::Auto), None);
    let (position, _) = position(&[]);
    let event = serde_json::json!({"op": "c", "new": ["1", "one"]});
    let mut batch = batch(&event, &relation(&case["relation"]), position);
    let end_lsn = Lsn::new(position.commit_lsn.get().max(position.lsn.get()) + 48);
    batch.events.push(Event::Commit { position, end_lsn });
    encoder.encode(&batch, Clock { unix_ns: 0 }, &mut Records::new()).unwrap();
    let offset = encoder.offset();
    assert_eq!(offset.lsn, Some(position.lsn), "the event stays the row");
    assert_eq!((offset.start_lsn(), offset.lsn_commit), (Some(end_lsn), Some(end_lsn)));
    assert_eq!(offset.message_type, Some(sink::offset::MessageType::Commit));
}
