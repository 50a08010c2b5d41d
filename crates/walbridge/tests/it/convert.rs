//! Conversions against the server's own arithmetic: random values as it prints them, and what it says they are.

use std::fmt::Write as _;
use std::sync::Arc;

use pgoutput::{Column, Datum, Type, TypeKind};
use sink::convert::{self, BinaryMode, DecimalMode, Options, Origin, TimeMode};
use sink::data::{Unscaled, Value, ValueBuilder};
use tokio_postgres::SimpleQueryMessage;

use crate::lab::{self, Outcome};
use crate::random::Random;

/// Values of each type.
const ROWS: u32 = 400;

/// A type, how the server makes values of it, and what a value converts to, as the server computes it.
struct Check {
    ty: &'static str,
    typmod: i32,
    time: TimeMode,
    make: &'static str,
    expected: &'static str,
}

const fn check(ty: &'static str, make: &'static str, expected: &'static str) -> Check {
    Check { ty, typmod: -1, time: TimeMode::Adaptive, make, expected }
}

/// The elements of an array `v`, of all its dimensions, one after the other.
const ELEMENTS: &str = "(SELECT string_agg(coalesce(e::text, 'NULL'), '|' ORDER BY o) FROM unnest(v) WITH ORDINALITY u(e, o))";
const MICROS: &str = "trunc(extract(epoch FROM v) * 1000000)::text";
const TIMESTAMP: &str = "timestamp '4713-01-02 BC' + random() * interval '200000 years'";
const TIME: &str = "(time '00:00' + random() * interval '24 hours')";

const CHECKS: &[Check] = &[
    check(
        "date",
        "date '4713-01-01 BC' + (random() * 5000000)::int",
        "(v - date '1970-01-01')::text",
    ),
    check("timestamp", TIMESTAMP, MICROS),
    Check {
        typmod: 3,
        ..check(
            "timestamp",
            "(timestamp '4713-01-02 BC' + random() * interval '99999 years')::timestamp(3)",
            "trunc(extract(epoch FROM v) * 1000)::text",
        )
    },
    Check {
        time: TimeMode::Nanoseconds,
        ..check(
            "timestamp",
            "timestamp '1700-01-01' + random() * interval '550 years'",
            "trunc(extract(epoch FROM v) * 1000000000)::text",
        )
    },
    check("time", TIME, MICROS),
    check(
        "timetz",
        "((time '00:00' + random() * interval '24 hours')::text || (ARRAY['+', '-'])[1 + (random())::int] \
             || make_time((random() * 13)::int, (random() * 59)::int, (random() * 59)::int)::text)::timetz",
        "(v AT TIME ZONE 'UTC')::time::text || 'Z'",
    ),
    check(
        "timestamptz",
        "timestamptz '0001-01-01 00:00:00+00' + random() * interval '9998 years'",
        r#"to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#,
    ),
    check(
        "interval",
        "make_interval(years => (random() * 400 - 200)::int, months => (random() * 40 - 20)::int, \
             days => (random() * 4000 - 2000)::int, secs => (random() - 0.5) * 9000000)",
        "format('P%sY%sM%sDT%sH%sM%sS', extract(year FROM v), extract(month FROM v), extract(day FROM v), \
             extract(hour FROM v), extract(minute FROM v), trim_scale(extract(second FROM v)))",
    ),
    Check {
        typmod: (30 << 16 | 8) + 4,
        ..check(
            "numeric",
            "((random() - 0.5) * 10 ^ (random() * 20))::numeric(30, 8)",
            "(v * 100000000)::numeric(60, 0)::text",
        )
    },
    check(
        "money",
        "((random() - 0.5) * 1e12)::numeric(20, 2)::money",
        "(v::numeric * 100)::numeric(30, 0)::text",
    ),
    check(
        "float8",
        "(random() - 0.5) * 10 ^ (random() * 600 - 300)",
        "encode(float8send(v), 'hex')",
    ),
    check(
        "float4",
        "((random() - 0.5) * 10 ^ (random() * 60 - 30))::float4",
        "encode(float4send(v), 'hex')",
    ),
    check("bytea", "decode(repeat(md5(random()::text), 3), 'hex')", "encode(v, 'hex')"),
    check("uuid", "gen_random_uuid()", "v::text"),
    check("_int4", "ARRAY[[(random() * 1000)::int, NULL], [-(random() * 1000)::int, 7]]", ELEMENTS),
    check(
        "_date",
        "ARRAY[date '4713-01-01 BC' + (random() * 5000000)::int]",
        "(v[1] - date '1970-01-01')::text",
    ),
    check(
        "_text",
        r#"ARRAY[chr(1 + (random() * 300)::int) || '"{},\', 'null', 'NULL' || chr(32), '', NULL, ' a ']"#,
        ELEMENTS,
    ),
    check(
        "_time",
        "ARRAY[(time '00:00' + random() * interval '24 hours'), time '24:00']",
        "trunc(extract(epoch FROM v[1]) * 1000000)::text || '|86400000000'",
    ),
    check(
        "int2vector",
        "((random() * 60000 - 30000)::int::text || ' ' || (random() * 9)::int::text)::int2vector",
        "array_to_string(v::int2[], '|')",
    ),
];

#[tokio::test]
async fn conversions_agree_with_the_server() {
    let Some(lab) = lab::open("convert") else { return };
    let seed = Random::seeded("convert").within(0, 1_000_000);
    let ran = async {
        let client = lab.postgres.session("postgres").await?;
        let settings = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; \
             SET bytea_output = 'hex'; SET extra_float_digits = 3; SET lc_monetary = 'C'";
        client.simple_query(settings).await?;
        client.simple_query(&format!("SELECT setseed({seed} / 1000000.0)")).await?;
        let mut wrong = Vec::new();
        for check in CHECKS {
            let Check { ty, make, expected, .. } = check;
            let sql = format!(
                "SELECT v::text, {expected} FROM (SELECT {make} AS v FROM generate_series(1, {ROWS})) s"
            );
            let answer =
                client.simple_query(&sql).await.map_err(|error| format!("{ty}: {error:?}"))?;
            wrong.extend(differences(check, &answer)?);
        }
        if wrong.is_empty() { Outcome::Ok(()) } else { Err(wrong.join("\n").into()) }
    };
    if let Err(error) = ran.await {
        panic!("convert: {error}");
    }
}

fn differences(check: &Check, answer: &[SimpleQueryMessage]) -> Outcome<Vec<String>> {
    let column = column(check);
    let mut wrong = Vec::new();
    for origin in [Origin::Snapshot, Origin::Stream] {
        let compiled = convert::compile(&column, &options(check), origin).ok_or("left out")?;
        let mut rows = 0;
        for message in answer {
            let SimpleQueryMessage::Row(row) = message else { continue };
            rows += 1;
            let text = row.get(0).ok_or("no value")?;
            let expected = row.get(1).ok_or("nothing expected")?;
            let mut builder = ValueBuilder::new();
            let got = match compiled.convert.emit(Datum::Text(text.as_bytes()), &mut builder) {
                Ok(()) => shown(&builder.finish()),
                Err(error) => error.to_string(),
            };
            if got != expected {
                wrong.push(format!("{} {text:?}: expected {expected:?}, got {got:?}", check.ty));
            }
        }
        if rows != ROWS {
            return Err(format!("{}: {rows} rows", check.ty).into());
        }
    }
    wrong.truncate(5);
    Ok(wrong)
}

fn column(check: &Check) -> Column {
    let plain = |name: &str, kind| {
        Arc::new(Type { oid: 1, schema: "pg_catalog".to_owned(), name: name.to_owned(), kind })
    };
    let element = match check.ty {
        "int2vector" => Some("int2"),
        array => array.strip_prefix('_'),
    };
    let kind = element.map_or(TypeKind::Base, |name| TypeKind::Array(plain(name, TypeKind::Base)));
    Column {
        name: "v".to_owned(),
        ty: plain(check.ty, kind),
        typmod: check.typmod,
        nullable: true,
        default: None,
        identity: false,
    }
}

fn options(check: &Check) -> Options {
    Options {
        decimal: DecimalMode::Precise,
        time: check.time,
        binary: BinaryMode::Bytes,
        interval_string: true,
        hstore_map: false,
        money_fraction_digits: 2,
        include_unknown: false,
        unavailable_placeholder: Vec::new(),
    }
}

/// A value as the checks' SQL writes it: numbers in decimal, floats and bytes in hexadecimal, decimals unscaled.
fn shown(value: &Value) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string");
            text
        })
    };
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int16(value) => value.to_string(),
        Value::Int32(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Float32(value) => hex(&value.to_be_bytes()),
        Value::Float64(value) => hex(&value.to_be_bytes()),
        Value::String(value) => value.to_string(),
        Value::Bytes(value) => hex(value),
        Value::Decimal(value) => match &value.unscaled {
            Unscaled::Small(unscaled) => unscaled.to_string(),
            Unscaled::Big(unscaled) => unscaled.to_string(),
        },
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("|"),
        other => format!("{other:?}"),
    }
}
