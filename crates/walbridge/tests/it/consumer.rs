//! `examples/consumer/kafka_consumer.py` as its README runs it, on the course's rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::connector::config_with;
use crate::lab::{self, Outcome, Sandbox};
use crate::worker::Worker;

const TABLES: &str = include_str!("../../../../sql/demo/tables.sql");
const CHANGES: &str = include_str!("../../../../sql/demo/changes.sql");

/// How long the consumer may take to find its topics and print what is in them.
const LONGEST: Duration = Duration::from_secs(90);

/// What the rows of `changes.sql` become: operations of a table with the id in their key, in their order.
const USERS: [(&str, i64); 4] = [("insert", 1), ("insert", 2), ("insert", 3), ("insert", 4)];
const ORDERS: [(&str, i64); 10] = [
    ("insert", 1),
    ("insert", 2),
    ("insert", 3),
    ("insert", 4),
    ("insert", 5),
    ("update", 1),
    ("delete", 2),
    ("tombstone", 2),
    ("delete", 3),
    ("tombstone", 3),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn python_consumer_prints_every_change_of_the_course() {
    let Some(python) = python() else { return };
    lab::test("consumer_plain", 1, async |sandbox| follow(&python, sandbox, false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn python_consumer_looks_into_a_schema() {
    let Some(python) = python() else { return };
    lab::test("consumer_schema", 1, async |sandbox| follow(&python, sandbox, true).await).await;
}

/// An interpreter that has the packages of `requirements.txt`; without one, says that the test did not run.
fn python() -> Option<String> {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let python = read("WALBRIDGE_TEST_PYTHON");
    assert!(
        python.is_some() || read("REQUIRE_PYTHON").is_none(),
        "REQUIRE_PYTHON is set, WALBRIDGE_TEST_PYTHON is not"
    );
    if python.is_none() {
        println!("consumer: did not run, WALBRIDGE_TEST_PYTHON names no interpreter");
    }
    python
}

async fn follow(python: &str, sandbox: &Sandbox, schemas: bool) -> Outcome<()> {
    sandbox.sql(TABLES).await?;
    let mut worker = Worker::new(sandbox, "consumer", &[])?;
    worker.start().await?;
    let schemas = schemas.to_string();
    let changes = json!({
        "table.include.list": "public.users,public.orders",
        "key.converter.schemas.enable": schemas,
        "value.converter.schemas.enable": schemas,
    });
    let path = format!("/connectors/{}/config", sandbox.id);
    let config = config_with(sandbox, changes);
    worker.rest.put(&path, Some(&config)).await?.success("PUT config")?;
    sandbox.wait_streaming().await?;
    // Started before its topics exist, as by somebody who has just followed the README.
    let mut consumer = start(python, sandbox)?;
    sandbox.sql(CHANGES).await?;
    let printed = tokio::time::timeout(LONGEST, read(&mut consumer)).await;
    let id = consumer.id().ok_or("consumer: has ended before")?.to_string();
    if !Command::new("kill").args(["-TERM", &id]).status().await?.success() {
        return Err(format!("kill -TERM {id}: not sent").into());
    }
    let ended = consumer.wait_with_output().await?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let printed = printed.map_err(|late| format!("consumer: {late}: {said}"))??;
    if !ended.status.success() {
        return Err(format!("consumer: {}: {said}", ended.status).into());
    }
    let expected = [("users", &USERS[..]), ("orders", &ORDERS[..])].map(|(table, changes)| {
        let changes = changes.iter().map(|(op, id)| ((*op).to_owned(), *id)).collect();
        (format!("{}.public.{table}", sandbox.id), changes)
    });
    if printed.changes != BTreeMap::from(expected) {
        return Err(format!("consumer printed {:?}", printed.changes).into());
    }
    if !printed.text.contains("\"product_name\": \"Super Puper Laptop\"") {
        return Err(format!("consumer: no new name in {}", printed.text).into());
    }
    Ok(())
}

fn start(python: &str, sandbox: &Sandbox) -> Outcome<Child> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/consumer/kafka_consumer.py")
        .canonicalize()?;
    let id = &sandbox.id;
    let child = Command::new(python)
        .arg(script)
        // No `.env` of somebody's lies above.
        .current_dir(std::env::temp_dir())
        .env("KAFKA_BOOTSTRAP_SERVERS", &sandbox.lab.bootstrap)
        .env("KAFKA_TOPICS", format!("{id}.public.users,{id}.public.orders"))
        .env("KAFKA_CONSUMER_GROUP", format!("{id}-python"))
        .env("KAFKA_AUTO_OFFSET_RESET", "earliest")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

#[derive(Debug, Default)]
struct Printed {
    /// By topic: operation and id, in the order of the lines.
    changes: BTreeMap<String, Vec<(String, i64)>>,
    text: String,
}

/// Reads the consumer's lines until there are as many changes as expected.
async fn read(consumer: &mut Child) -> Outcome<Printed> {
    let output = consumer.stdout.as_mut().ok_or("consumer: no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut printed = Printed::default();
    let mut open: Option<(String, String)> = None;
    let mut count = 0;
    // The last lines belong to a record that has its key: a tombstone.
    while count < USERS.len() + ORDERS.len() {
        let line = lines.next_line().await?.ok_or("consumer: ended its output")?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), open.take()) {
            (["key", ..], Some((topic, operation))) => {
                let key = line.trim_start().trim_start_matches("key").trim_start();
                let key: serde_json::Value = serde_json::from_str(key)?;
                let id = key["id"].as_i64().ok_or_else(|| format!("no id in {line}"))?;
                printed.changes.entry(topic).or_default().push((operation, id));
                count += 1;
            }
            ([operation, topic, _partition, "@", _offset], None) => {
                open = Some(((*topic).to_owned(), (*operation).to_owned()));
            }
            (_, None) => {}
            (_, Some(waiting)) => return Err(format!("{waiting:?} has no key: {line}").into()),
        }
        printed.text.push_str(&line);
        printed.text.push('\n');
    }
    Ok(printed)
}
