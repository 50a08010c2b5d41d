//! Kafka Connect with Debezium and walbridge on the same three storage topics, one after the other: whoever comes goes
//! on where the other left, whichever way it left.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::{Value, json};

use super::proof::{Checkpoint, prove};
use super::{WRITERS, config, grows, workload};
use crate::connector::merge;
use crate::lab::{self, Outcome, Sandbox, deadline};
use crate::random::Random;
use crate::worker::{Worker, binary};

/// How a worker leaves.
#[derive(Debug, Clone, Copy)]
enum Exit {
    /// The connector is stopped over REST, then the worker by SIGTERM; the successor is told to resume.
    Stop,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Connect begins, and the other one follows each time; with more hand-overs it begins anew.
const EXITS: [Exit; 4] = [Exit::Stop, Exit::Terminate, Exit::Kill, Exit::Stop];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connect_and_walbridge_take_over_from_each_other_and_lose_nothing() {
    let Some(connect) = connect() else { return };
    lab::test("takeover", 1, async |sandbox| {
        let mut random = Random::seeded("takeover");
        let flush = ("offset.flush.interval.ms", "1000");
        let mut worker = Worker::new(sandbox, "takeover", &[flush])?;
        let programs = [connect, vec![binary().into(), "worker".into()]];
        workload::prepare(sandbox).await?;
        worker.run_by(programs[0].clone());
        worker.start().await?;
        let mut config = config(sandbox);
        if let Value::Object(config) = &mut config {
            // The tables are empty, so whoever took a snapshot later would be found out by its records.
            merge(config, json!({"snapshot.mode": "initial"}));
        }
        let path = format!("/connectors/{}/config", sandbox.id);
        worker.rest.put(&path, Some(&config)).await?.success("PUT config")?;
        sandbox.wait_streaming().await?;
        let asked = std::env::var("WALBRIDGE_TEST_HANDOVERS").ok().and_then(|n| n.parse().ok());
        let exits: Vec<Exit> =
            EXITS.into_iter().cycle().take(asked.unwrap_or(EXITS.len())).collect();
        let mut checkpoints = Vec::new();
        let history = workload::during(sandbox, WRITERS, &mut random, async || {
            for (exit, next) in exits.iter().copied().zip(programs.iter().cycle().skip(1)) {
                grows(sandbox).await?;
                let left = leave(sandbox, &mut worker, exit).await?;
                checkpoints.push(Checkpoint::take(sandbox).await?);
                worker.run_by(next.clone());
                worker.start().await?;
                follow(sandbox, &worker, &left)
                    .await
                    .map_err(|error| format!("{exit:?}: {error}"))?;
            }
            grows(sandbox).await
        })
        .await?;
        let kills = exits.iter().filter(|exit| matches!(exit, Exit::Kill)).count();
        prove(sandbox, &history, &checkpoints, kills).await
    })
    .await;
}

/// What makes a Connect worker of a file of properties; `None`, said aloud, when there is no xtask.
fn connect() -> Option<Vec<OsString>> {
    if let Some(xtask) = std::env::var_os("WALBRIDGE_XTASK") {
        return Some(vec![xtask, "services".into(), "connect".into()]);
    }
    let required = std::env::var_os("REQUIRE_KAFKA").is_some_and(|value| !value.is_empty());
    assert!(!required, "REQUIRE_KAFKA is set, WALBRIDGE_XTASK is not");
    println!("takeover: did not run, WALBRIDGE_XTASK names nothing that makes a Connect worker");
    None
}

/// What a worker last said of its connector.
struct Left {
    config: Value,
    /// Of a connector that was stopped.
    offsets: Option<Value>,
}

async fn leave(sandbox: &Sandbox, worker: &mut Worker, exit: Exit) -> Outcome<Left> {
    let path = format!("/connectors/{}", sandbox.id);
    let config = worker.rest.get(&format!("{path}/config")).await?.success("config")?.json();
    let mut left = Left { config, offsets: None };
    match exit {
        Exit::Kill => {
            worker.kill().await?;
            return Ok(left);
        }
        Exit::Terminate => {}
        Exit::Stop => {
            let stop = format!("{path}/stop");
            worker.rest.command("PUT", &stop, None).await?.success("stop")?;
            worker.rest.wait_state(&sandbox.id, "STOPPED").await?;
            let offsets = worker.rest.get(&format!("{path}/offsets")).await?.success("offsets")?;
            left.offsets = Some(offsets.json());
        }
    }
    let status = worker.terminate(Duration::from_secs(30)).await?;
    // 143 is how a JVM ends well.
    if status.success() || status.code() == Some(143) {
        Ok(left)
    } else {
        Err(format!("SIGTERM: worker ended with {status}").into())
    }
}

/// The successor says the same, and streams.
async fn follow(sandbox: &Sandbox, worker: &Worker, left: &Left) -> Outcome<()> {
    let path = format!("/connectors/{}", sandbox.id);
    let config = worker.rest.get(&format!("{path}/config")).await?.success("config")?.json();
    if config != left.config {
        return Err(format!("config: it was {}, it is {config}", left.config).into());
    }
    if let Some(offsets) = &left.offsets {
        deadline("offsets as they were left", Duration::from_secs(30), async || {
            match worker.rest.get(&format!("{path}/offsets")).await {
                Ok(reply) if reply.json() == *offsets => Ok(()),
                other => Err(format!("{offsets}, now {other:?}")),
            }
        })
        .await?;
        worker.rest.wait_state(&sandbox.id, "STOPPED").await?;
        worker.rest.command("PUT", &format!("{path}/resume"), None).await?.success("resume")?;
    }
    worker.rest.wait_state(&sandbox.id, "RUNNING").await?;
    sandbox.wait_streaming().await
}
