//! `docs/configuration.md` is written from the table; this keeps it so. `UPDATE=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use connect::config_def::Default;

use super::{Handling, PostgresOption};

const HEAD: &str = "\
# Configuration of the connector

Written from the table in `crates/walbridge/src/postgres/options`: edit that, then run the tests with `UPDATE=1`.

Names, defaults and meanings are those of Debezium's PostgreSQL connector 3.6. The last column says what walbridge does
with an option: *same* is what Debezium does; *different* says what and why; *no effect* says why, is accepted, and is
told once in the log; *not yet* refuses any other value than the default.

Some options are families. `column.truncate.to.N.chars`, `column.mask.with.N.chars` and
`column.mask.hash.ALGORITHM.with.salt.SALT` (also `column.mask.hash.v2.…`) take their number, digest and salt in the name;
the first that matches a column counts, in that order. Digests: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512,
SHA-512/224, SHA-512/256.

Lists of regular expressions are Java's: split at commas without a backslash before them, blanks around entries do not
count, and each must match the whole name, in any case.

What belongs to Kafka Connect (converters, transforms, `producer.override.*`, `topic.creation.*`) is Connect's and not
listed here.
";

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn row(option: &PostgresOption, page: &mut String) -> std::fmt::Result {
    let key = &option.key;
    let kind = format!("{:?}", key.kind).to_lowercase();
    let default = match key.default {
        Default::Text(text) => format!("`{}`", cell(text)),
        Default::Required | Default::Null => String::new(),
    };
    let importance = format!("{:?}", key.importance).to_lowercase();
    let handling = match option.handling {
        Handling::Same => "same".to_owned(),
        Handling::Different(why) => format!("different: {why}"),
        Handling::NotApplicable(why) => format!("no effect: {why}"),
        Handling::Refused => "not yet".to_owned(),
    };
    writeln!(
        page,
        "| `{}` | {kind} | {default} | {importance} | {} | {} |",
        cell(key.name),
        cell(key.documentation),
        cell(&handling)
    )
}

fn page() -> Result<String, std::fmt::Error> {
    let mut page = HEAD.to_owned();
    let sections = [
        ("Server, slot, publication, positions", super::server::OPTIONS),
        ("Snapshots, representation of values, failures", super::connector::OPTIONS),
        ("Events and their records", super::event::OPTIONS),
        ("Read, and not shown by `validate`", super::undeclared::OPTIONS),
    ];
    for (title, options) in sections {
        write!(
            page,
            "\n## {title}\n\n| option | type | default | importance | what it does | walbridge |\n|---|---|---|---|---|---|\n"
        )?;
        for option in options {
            row(option, &mut page)?;
        }
    }
    Ok(page)
}

#[test]
fn the_manual_says_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = page().unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/configuration.md is out of date: run this test with UPDATE=1");
}

#[test]
fn names_are_told_once() {
    let mut names: Vec<&str> = super::all().map(|option| option.key.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
