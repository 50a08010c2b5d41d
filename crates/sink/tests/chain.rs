//! Chains of transforms give the same records on both ways through the encoder, and the common ones rewrite plans.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use pgoutput::{
    Batch, Cell, CellKind, Change, Column, Event, Lsn, Old, OldKind, Op, Position, ReadMark,
    Relation, ReplicaIdentity, Tuple, Type, TypeKind,
};
use sink::config::{EncoderConfig, Path};
use sink::convert::Origin;
use sink::encoder::Encoder;
use sink::envelope::Envelope;
use sink::plan::{Clock, Kind};
use sink::record::Records;
use sink::transform::{Chain, Compiled};

type Settings = HashMap<String, String>;

/// A chain of transforms: each is its class and its options.
fn chain(transforms: &[(&str, &[(&str, &str)])]) -> Settings {
    let names: Vec<String> = (0..transforms.len()).map(|index| format!("t{index}")).collect();
    let mut settings = Settings::from([("transforms".to_owned(), names.join(","))]);
    for (name, (class, options)) in names.iter().zip(transforms) {
        settings.insert(format!("transforms.{name}.type"), (*class).to_owned());
        for (key, value) in *options {
            settings.insert(format!("transforms.{name}.{key}"), (*value).to_owned());
        }
    }
    settings
}

fn config(settings: &Settings, path: Path) -> EncoderConfig {
    EncoderConfig {
        run_id: "run".into(),
        transforms: Chain::parse(|key| settings.get(key).map(String::as_str)).unwrap(),
        path,
        ..EncoderConfig::new("dbs", "shop")
    }
}

fn relation() -> Arc<Relation> {
    let columns = [("id", 23, "int4"), ("name", 25, "text"), ("qty", 23, "int4")];
    let columns = columns.map(|(name, oid, ty)| Column {
        name: name.to_owned(),
        ty: Arc::new(Type {
            oid,
            schema: "pg_catalog".to_owned(),
            name: ty.to_owned(),
            kind: TypeKind::Base,
        }),
        typmod: -1,
        nullable: name != "id",
        default: None,
        identity: true,
    });
    Arc::new(Relation {
        oid: 1,
        schema: "public".to_owned(),
        name: "item".to_owned(),
        identity: ReplicaIdentity::Full,
        columns: columns.into(),
        key: vec![0],
    })
}

/// An insert, an update that makes a column NULL, and a delete.
fn batch() -> Batch {
    let relation = relation();
    let mut bytes = Vec::new();
    let mut batch = Batch::default();
    let mut row = |batch: &mut Batch, cells: [Option<&str>; 3]| {
        let first = u32::try_from(batch.cells.len()).unwrap();
        for cell in cells {
            let start = u32::try_from(bytes.len()).unwrap();
            bytes.extend_from_slice(cell.unwrap_or_default().as_bytes());
            let len = u32::try_from(cell.unwrap_or_default().len()).unwrap();
            let kind = if cell.is_some() { CellKind::Text } else { CellKind::Null };
            batch.cells.push(Cell { kind, start, len });
        }
        Tuple { first, len: 3 }
    };
    let whole = [Some("1"), Some("a"), Some("7")];
    let holed = [Some("1"), None, Some("8")];
    let changes = [
        (Op::Insert, None, Some(whole)),
        (Op::Update, Some(whole), Some(holed)),
        (Op::Delete, Some(holed), None),
    ];
    for (ordinal, (op, old, new)) in (0_u32..).zip(changes) {
        let old = old.map(|cells| row(&mut batch, cells));
        let new = new.map(|cells| row(&mut batch, cells));
        batch.events.push(Event::Change(Change {
            op,
            relation: Arc::clone(&relation),
            old: old.map(|tuple| Old { kind: OldKind::Full, tuple }),
            new,
            position: Position {
                commit_lsn: Lsn::new(u64::MAX),
                lsn: Lsn::new(1000 + u64::from(ordinal)),
                ordinal: ordinal.into(),
                xid: Some(5),
                commit_time_us: 1_795_342_071_932_756,
            },
            mark: ReadMark::default(),
        }));
    }
    batch.bytes = Bytes::from(bytes);
    batch
}

/// Topic, key, value and headers of each record as text; or the error.
fn run(settings: &Settings, path: Path) -> Result<Vec<String>, String> {
    let mut records = Records::new();
    let clock = Clock { unix_ns: 1_795_342_071_932_756_000 };
    let mut encoder = Encoder::new(config(settings, path), None);
    encoder.encode(&batch(), clock, &mut records).map_err(|error| error.to_string())?;
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
    let shown = records.iter().map(|record| {
        let headers: Vec<_> =
            record.headers().map(|(name, value)| (Arc::clone(name), text(value))).collect();
        format!(
            "{} {:?} {:?} {headers:?}",
            record.topic(),
            text(record.key()),
            text(record.value())
        )
    });
    Ok(shown.collect())
}

const UNWRAP: (&str, &[(&str, &str)]) = ("io.debezium.transforms.ExtractNewRecordState", &[]);
const RENAME: (&str, &[(&str, &str)]) =
    ("org.apache.kafka.connect.transforms.ReplaceField$Value", &[("renames", "name:title")]);
const ROUTE: (&str, &[(&str, &str)]) = (
    "org.apache.kafka.connect.transforms.RegexRouter",
    &[("regex", "(.*)\\.public\\.(.*)"), ("replacement", "$1.$2")],
);
const INSERT: (&str, &[(&str, &str)]) = (
    "org.apache.kafka.connect.transforms.InsertField$Value",
    &[("static.field", "src"), ("static.value", "db"), ("topic.field", "topic")],
);

/// The common chain, with a predicate that keeps `MaskField` from what has no value.
fn common() -> Settings {
    let mask: (&str, &[(&str, &str)]) = (
        "org.apache.kafka.connect.transforms.MaskField$Value",
        &[("fields", "title"), ("replacement", "***"), ("predicate", "gone"), ("negate", "true")],
    );
    let drop: (&str, &[(&str, &str)]) = (
        "org.apache.kafka.connect.transforms.DropHeaders",
        &[("headers", "__debezium.context.runId")],
    );
    let mut settings = chain(&[UNWRAP, ROUTE, RENAME, mask, INSERT, drop]);
    let predicates = [
        ("predicates", "gone"),
        (
            "predicates.gone.type",
            "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        ),
    ];
    settings.extend(predicates.map(|(key, value)| (key.to_owned(), value.to_owned())));
    settings
}

#[test]
fn common_chain_needs_no_trees() {
    let config = config(&common(), Path::Auto);
    let relation = relation();
    for kind in [Kind::Read, Kind::Create, Kind::Update, Kind::Delete] {
        let plan = Envelope::new(&relation, Origin::Stream, &config).record(kind);
        match config.transforms.compile(plan) {
            Compiled::Plan(_, done) => assert_eq!(done, config.transforms.len(), "{kind:?}"),
            Compiled::Drop => panic!("{kind:?} is dropped"),
        }
    }
}

#[test]
fn common_chain_masks_what_is_there_and_leaves_null() {
    let records = run(&common(), Path::Auto).unwrap();
    let payload = |index: usize| records.get(index).unwrap().clone();
    assert!(payload(0).starts_with("dbs.item "), "{}", payload(0));
    assert!(
        payload(0).contains(r#"\"payload\":{\"id\":1,\"title\":\"***\",\"qty\":7,\"topic\":\"dbs.item\",\"src\":\"db\"}"#),
        "{}",
        payload(0)
    );
    assert!(payload(1).contains(r#"\"title\":null,\"qty\":8"#), "{}", payload(1));
    assert!(!payload(0).contains("runId"), "{}", payload(0));
}

#[test]
fn both_ways_give_the_same_records() {
    let value = |name: &str| format!("org.apache.kafka.connect.transforms.{name}$Value");
    let (flatten, hoist, extract, header, meta) = (
        value("Flatten"),
        value("HoistField"),
        value("ExtractField"),
        value("HeaderFrom"),
        value("SetSchemaMetadata"),
    );
    let rewrite: (&str, &[(&str, &str)]) = (
        "io.debezium.transforms.ExtractNewRecordState",
        &[("delete.tombstone.handling.mode", "rewrite"), ("add.fields", "op,table")],
    );
    let chains: Vec<Settings> = vec![
        common(),
        chain(&[]),
        chain(&[(&flatten, &[("delimiter", "_")])]),
        chain(&[UNWRAP, (&hoist, &[("field", "row")])]),
        chain(&[(&extract, &[("field", "after.name"), ("field.syntax.version", "V2")])]),
        chain(&[(&extract, &[("field", "before")])]),
        chain(&[
            rewrite,
            (&header, &[("fields", "name"), ("headers", "n"), ("operation", "move")]),
        ]),
        chain(&[rewrite, (&meta, &[("schema.name", "a.B"), ("schema.version", "3")])]),
        chain(&[
            rewrite,
            ("org.apache.kafka.connect.transforms.ValueToKey", &[("fields", "name,qty")]),
        ]),
        chain(&[
            (
                "io.debezium.transforms.ByLogicalTableRouter",
                &[("topic.regex", "(.*)item"), ("topic.replacement", "$1all")],
            ),
            UNWRAP,
        ]),
        chain(&[(
            "org.apache.kafka.connect.transforms.InsertHeader",
            &[("header", "h"), ("value.literal", "[1, 2]")],
        )]),
        // Refused on both ways: a tombstone has no fields to mask.
        chain(&[(&value("MaskField"), &[("fields", "op")])]),
    ];
    for settings in chains {
        assert_eq!(run(&settings, Path::Auto), run(&settings, Path::General), "{settings:?}");
    }
}

#[test]
fn what_is_refused_is_left_out_if_errors_are_tolerated() {
    let settings =
        chain(&[("org.apache.kafka.connect.transforms.MaskField$Value", &[("fields", "op")])]);
    for path in [Path::Auto, Path::General] {
        let mut config = config(&settings, path);
        config.tolerant = true;
        let mut records = Records::new();
        let mut encoder = Encoder::new(config, None);
        encoder.encode(&batch(), Clock { unix_ns: 0 }, &mut records).unwrap();
        // The tombstone of the delete.
        assert_eq!(records.len(), 3, "{path:?}");
        assert!(run(&settings, path).unwrap_err().contains("mask fields"));
    }
}
