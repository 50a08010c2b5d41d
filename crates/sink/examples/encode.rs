//! How long one envelope of six columns takes: `cargo run --release -p sink --example encode`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pgoutput::{
    Batch, Cell, CellKind, Change, Column, Event, Lsn, Op, Position, ReadMark, Relation,
    ReplicaIdentity, Tuple, Type, TypeKind,
};
use sink::config::{EncoderConfig, Path};
use sink::converter::json::JsonConfig;
use sink::converter::{Converter, Converters};
use sink::encoder::Encoder;
use sink::plan::Clock;
use sink::record::Records;

const ROWS: u32 = 1000;
const ROUNDS: u32 = 200;

fn config(path: Path) -> EncoderConfig {
    let json = Converter::Json(JsonConfig { schemas: false, ..JsonConfig::default() });
    EncoderConfig {
        run_id: "01a202b4-095e-7822-86a0-b9dae60a89b1".into(),
        converters: Converters { key: json.clone(), value: json, header: Converter::SimpleHeader },
        path,
        ..EncoderConfig::new("dbs", "shop")
    }
}

fn batch() -> Batch {
    let columns =
        [("id", 20, "int8"), ("name", 25, "text"), ("qty", 23, "int4"), ("price", 1700, "numeric")];
    let columns = columns.into_iter().chain([("at", 1184, "timestamptz"), ("on", 16, "bool")]);
    let columns = columns.map(|(name, oid, ty)| Column {
        name: name.to_owned(),
        ty: Arc::new(Type {
            oid,
            schema: "pg_catalog".to_owned(),
            name: ty.to_owned(),
            kind: TypeKind::Base,
        }),
        typmod: if ty == "numeric" { 524_294 } else { -1 },
        nullable: name != "id",
        default: None,
        identity: name == "id",
    });
    let relation = Arc::new(Relation {
        oid: 1,
        schema: "public".to_owned(),
        name: "orders".to_owned(),
        identity: ReplicaIdentity::Default,
        columns: columns.collect(),
        key: vec![0],
    });
    let mut bytes = Vec::new();
    let mut batch = Batch::default();
    let len = |text: &str| u32::try_from(text.len()).unwrap_or(0);
    for row in 0..ROWS {
        let first = u32::try_from(batch.cells.len()).unwrap_or(0);
        let id = row.to_string();
        for cell in
            [&id, "a name of some length", "42", "10.50", "2024-01-15 08:30:00.123456+00", "t"]
        {
            let start = u32::try_from(bytes.len()).unwrap_or(0);
            bytes.extend_from_slice(cell.as_bytes());
            batch.cells.push(Cell { kind: CellKind::Text, start, len: len(cell) });
        }
        let lsn = Lsn::new(u64::from(row) * 100 + 3_978_274_688);
        batch.events.push(Event::Change(Change {
            op: Op::Insert,
            relation: Arc::clone(&relation),
            old: None,
            new: Some(Tuple { first, len: 6 }),
            position: Position {
                commit_lsn: Lsn::new(u64::MAX),
                lsn,
                ordinal: 0,
                xid: Some(12_322),
                commit_time_us: 1_795_342_071_932_756,
            },
            mark: ReadMark::default(),
        }));
    }
    batch.bytes = Bytes::from(bytes);
    batch
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> sink::error::Result<()> {
    let batch = batch();
    for path in [Path::Auto, Path::General] {
        let mut encoder = Encoder::new(config(path), None);
        let mut records = Records::new();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            encoder.encode(&batch, Clock::now(), &mut records)?;
            black_box(&records);
        }
        let each = start.elapsed() / (ROWS * ROUNDS);
        println!(
            "{path:?}: {each:?} a record of {} bytes",
            records.size_bytes() / records.len().max(1)
        );
    }
    Ok(())
}
