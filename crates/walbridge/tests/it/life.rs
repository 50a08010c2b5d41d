//! A worker's life: how it is told its settings, what it remembers, what it answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::connector::{config, config_with};
use crate::kafka::Tap;
use crate::lab::{self, Outcome, Sandbox, deadline};
use crate::worker::Worker;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn worker_started_from_properties_answers_as_connect_does() {
    lab::test("life_properties", 0, async |sandbox| {
        let mut worker = Worker::new(sandbox, "life", &[])?;
        worker.start().await?;
        answers(&worker).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn worker_started_from_the_environment_answers_as_connect_does() {
    lab::test("life_environment", 0, async |sandbox| {
        let mut worker = Worker::new(sandbox, "life", &[])?.by_environment();
        worker.start().await?;
        answers(&worker).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unknown_worker_key_is_warned_of_by_name() {
    lab::test("life_unknown_key", 0, async |sandbox| {
        let mut worker = Worker::new(sandbox, "life", &[("no.such.option.of.mine", "1")])?;
        worker.start().await?;
        deadline("warning", Duration::from_secs(60), async || {
            let log = worker.log().map_err(|error| error.to_string())?;
            let warns = |line: &&str| line.contains("no.such.option.of.mine");
            // Connect says so over several lines: the option's own stands below the warning.
            let warned = log.contains("WARN") && log.lines().any(|line| warns(&line));
            if warned { Ok(()) } else { Err("no warning".to_owned()) }
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_worker_comes_back_with_its_connectors_states_and_positions() {
    lab::test("life_killed", 1, async |sandbox| {
        let mut worker = Worker::new(sandbox, "life", &[("offset.flush.interval.ms", "500")])?;
        worker.start().await?;
        sandbox.sql("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)").await?;
        put(&worker, sandbox).await?;
        sandbox.wait_streaming().await?;
        let mut tap = Tap::new(&sandbox.lab.bootstrap, &format!("{}\\..*", sandbox.id))?;
        holds(&mut tap, &[1])?;
        recorded(&worker, sandbox).await?;

        worker.kill().await?;
        sandbox.sql("INSERT INTO a VALUES (2)").await?;
        worker.start().await?;
        worker.rest.wait_state(&sandbox.id, "RUNNING").await?;
        holds(&mut tap, &[1, 2])?;
        same_config(&worker, sandbox).await?;

        let path = format!("/connectors/{}", sandbox.id);
        worker.rest.command("PUT", &format!("{path}/pause"), None).await?.success("pause")?;
        worker.rest.wait_state(&sandbox.id, "PAUSED").await?;
        worker.kill().await?;
        sandbox.sql("INSERT INTO a VALUES (3)").await?;
        worker.start().await?;
        worker.rest.wait_state(&sandbox.id, "PAUSED").await?;
        tap.idle(Duration::from_secs(2))?;
        let paused = tap.records.len();

        worker.rest.command("PUT", &format!("{path}/stop"), None).await?.success("stop")?;
        worker.rest.wait_state(&sandbox.id, "STOPPED").await?;
        worker.kill().await?;
        worker.start().await?;
        worker.rest.wait_state(&sandbox.id, "STOPPED").await?;
        tap.idle(Duration::from_secs(2))?;
        let stopped = tap.records.len();
        if (paused, stopped) != (2, 2) {
            return Err(format!("{paused} records while paused, {stopped} while stopped").into());
        }

        worker.rest.command("PUT", &format!("{path}/resume"), None).await?.success("resume")?;
        sandbox.wait_streaming().await?;
        holds(&mut tap, &[1, 2, 3])
    })
    .await;
}

/// As after a crash during the first snapshot, before there was an offset.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slot_without_an_offset_gets_a_snapshot_that_the_stream_goes_on_from() {
    lab::test("life_old_slot", 2, async |sandbox| {
        let id = &sandbox.id;
        sandbox.sql("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)").await?;
        let create = format!("SELECT pg_create_logical_replication_slot('{id}', 'pgoutput')");
        sandbox.sql(&create).await?;
        sandbox.sql("INSERT INTO a VALUES (2)").await?;
        let mut worker = Worker::new(sandbox, "life", &[])?;
        worker.start().await?;
        put(&worker, sandbox).await?;
        sandbox.wait_streaming().await?;
        sandbox.sql("INSERT INTO a VALUES (3)").await?;
        let mut tap = Tap::new(&sandbox.lab.bootstrap, &format!("{id}\\..*"))?;
        holds(&mut tap, &[1, 2, 3])?;
        let left = "SELECT count(*)::text FROM pg_replication_slots WHERE slot_name LIKE 'walbridge%' AND database = current_database()";
        match sandbox.lab.postgres.ask(&sandbox.database, left).await?.as_deref() {
            Some("0") => Ok(()),
            other => Err(format!("temporary slots: {other:?}").into()),
        }
    })
    .await;
}

async fn put(worker: &Worker, sandbox: &Sandbox) -> Outcome<()> {
    let path = format!("/connectors/{}/config", sandbox.id);
    let retries = json!({"slot.max.retries": "60", "slot.retry.delay.ms": "500"});
    let config = config_with(sandbox, retries);
    worker.rest.put(&path, Some(&config)).await?.success("PUT config").map(|_| ())
}

/// The topic holds rows with these ids, once each and in this order.
fn holds(tap: &mut Tap, ids: &[i64]) -> Outcome<()> {
    tap.until(ids.len(), Duration::from_secs(60))?;
    tap.idle(Duration::from_secs(1))?;
    let values = tap.records.iter().filter_map(|record| record.value.as_deref());
    let has = values
        .map(|value| Ok(serde_json::from_slice::<Value>(value)?["after"]["id"].as_i64()))
        .collect::<Outcome<Vec<_>>>()?;
    if has.iter().copied().eq(ids.iter().copied().map(Some)) {
        return Ok(());
    }
    Err(format!("topic: expected rows {ids:?}, it has {has:?}").into())
}

/// Waits for an offset: without one, a killed worker would rightly read its tables again.
async fn recorded(worker: &Worker, sandbox: &Sandbox) -> Outcome<()> {
    let path = format!("/connectors/{}/offsets", sandbox.id);
    deadline("offset recorded", Duration::from_secs(30), async || {
        let answer = worker.rest.get(&path).await.map_err(|error| error.to_string())?;
        let offset = answer.json()["offsets"][0]["offset"].clone();
        let read = offset["snapshot"].is_null() || offset["snapshot_completed"] == true;
        let after_snapshot = offset["lsn"].is_number() && read;
        if after_snapshot { Ok(()) } else { Err(answer.body) }
    })
    .await
}

async fn same_config(worker: &Worker, sandbox: &Sandbox) -> Outcome<()> {
    let path = format!("/connectors/{}/config", sandbox.id);
    let has = worker.rest.get(&path).await?.json();
    let lost = config(sandbox).into_iter().find(|(option, value)| has.get(option) != Some(value));
    lost.map_or(Ok(()), |(option, _)| Err(format!("config: {option} did not come back").into()))
}

async fn answers(worker: &Worker) -> Outcome<()> {
    let root = worker.rest.get("/").await?.success("GET /")?.json();
    for field in ["version", "commit", "kafka_cluster_id"] {
        if !root[field].is_string() {
            return Err(format!("GET /: no {field} in {root}").into());
        }
    }
    let connectors = worker.rest.get("/connectors").await?.json();
    if connectors != json!([]) {
        return Err(format!("GET /connectors: {connectors}").into());
    }
    let plugins = worker.rest.get("/connector-plugins").await?.json();
    let class = "io.debezium.connector.postgresql.PostgresConnector";
    let plugins = plugins.as_array().map_or(&[][..], Vec::as_slice);
    if !plugins.iter().any(|plugin| plugin["class"] == class) {
        return Err(format!("GET /connector-plugins: no {class}").into());
    }
    let missing = worker.rest.get("/connectors/none/status").await?;
    let told = missing.json();
    if missing.status != 404 || told["error_code"] != 404 || !told["message"].is_string() {
        return Err(format!("status of none: {} {}", missing.status, missing.body).into());
    }
    Ok(())
}
