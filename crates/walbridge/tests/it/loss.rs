//! Nothing is lost: whoever dies, the topics hold every committed change in the order of commits per key, and
//! repeat only what was under way when the worker died.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::connector::config_with;
use crate::kafka::end_offset;
use crate::lab::{self, Outcome, Sandbox};
use crate::random::Random;
use crate::service::Stack;
use crate::worker::Worker;
use proof::{Checkpoint, prove};

mod proof;
mod takeover;
mod workload;

const WRITERS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_worker_loses_nothing_and_repeats_only_what_was_under_way() {
    lab::test("killed_worker", 1, async |sandbox| {
        let mut random = Random::seeded("killed_worker");
        let mut worker = Worker::new(sandbox, "loss", &[("offset.flush.interval.ms", "10000")])?;
        begin(sandbox, &mut worker).await?;
        let kills = std::env::var("WALBRIDGE_TEST_KILLS").ok().and_then(|n| n.parse().ok());
        let kills = kills.unwrap_or(5_usize);
        let mut checkpoints = Vec::new();
        let mut chance = random.fork();
        let history = workload::during(sandbox, WRITERS, &mut random, async || {
            for kill in 0..kills {
                // Every third victim dies on its way up.
                if kill % 3 < 2 {
                    sandbox.wait_streaming().await?;
                }
                let moment = Duration::from_millis(chance.within(50, 2500));
                tokio::time::sleep(moment).await;
                worker.kill().await?;
                checkpoints.push(Checkpoint::take(sandbox).await?);
                let flush = if kill % 2 == 0 { "300" } else { "10000" };
                worker.set("offset.flush.interval.ms", flush);
                worker.spawn()?;
            }
            sandbox.wait_streaming().await
        })
        .await?;
        prove(sandbox, &history, &checkpoints, kills).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn terminated_worker_drains_and_repeats_nothing() {
    lab::test("terminated_worker", 1, async |sandbox| {
        let mut random = Random::seeded("terminated_worker");
        let mut worker = Worker::new(sandbox, "term", &[])?;
        begin(sandbox, &mut worker).await?;
        let mut checkpoints = Vec::new();
        let mut chance = random.fork();
        let history = workload::during(sandbox, WRITERS, &mut random, async || {
            for _ in 0..2 {
                sandbox.wait_streaming().await?;
                tokio::time::sleep(Duration::from_millis(chance.within(500, 3000))).await;
                let status = worker.terminate(Duration::from_secs(30)).await?;
                // 143 is how a JVM, when one stands in the worker's place, ends well.
                if !status.success() && status.code() != Some(143) {
                    return Err(format!("SIGTERM: worker ended with {status}").into());
                }
                checkpoints.push(Checkpoint::take(sandbox).await?);
                worker.start().await?;
            }
            sandbox.wait_streaming().await
        })
        .await?;
        prove(sandbox, &history, &checkpoints, 0).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_broker_loses_nothing() {
    if lab::open("killed_broker").is_none() {
        return;
    }
    let ended = Stack::with("broker", &["--brokers", "3"], async |stack| {
        Sandbox::with(&stack.lab, "killed_broker", async |sandbox| {
            let mut random = Random::seeded("killed_broker");
            let replicas = ["config", "offset", "status"]
                .map(|store| (format!("{store}.storage.replication.factor"), "3"));
            let replicas = replicas.each_ref().map(|(key, value)| (key.as_str(), *value));
            let mut worker = Worker::new(sandbox, "loss", &replicas)?;
            begin(sandbox, &mut worker).await?;
            let last = u64::try_from(stack.brokers.len())? - 1;
            let victim = stack.brokers[usize::try_from(random.within(0, last))?];
            let history = workload::during(sandbox, WRITERS, &mut random, async || {
                grows(sandbox).await?;
                stack.broker("kill", victim).await?;
                grows(sandbox).await?;
                stack.broker("start", victim).await?;
                grows(sandbox).await
            })
            .await?;
            // A produce request whose answer died with its broker may be sent twice by a task that starts anew.
            prove(sandbox, &history, &[], 2).await
        })
        .await
    });
    if let Err(error) = ended.await {
        panic!("killed_broker: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn restarted_postgres_stops_at_once_and_loses_nothing() {
    let Some(shared) = lab::open("restarted_postgres") else { return };
    let ended = Stack::with("postgres", &["--brokers", "0"], async |stack| {
        let mut lab = stack.lab.clone();
        lab.bootstrap = shared.bootstrap;
        Sandbox::with(&lab, "restarted_postgres", async |sandbox| {
            let mut random = Random::seeded("restarted_postgres");
            let mut worker = Worker::new(sandbox, "loss", &[])?;
            begin(sandbox, &mut worker).await?;
            let history = workload::during(sandbox, WRITERS, &mut random, async || {
                for _ in 0..2 {
                    grows(sandbox).await?;
                    let asked = Instant::now();
                    stack.postgres("stop", "fast").await?;
                    // A fast stop waits for each receiver to confirm what it was sent.
                    let took = asked.elapsed();
                    if took > Duration::from_secs(8) {
                        return Err(format!("postgres: a fast stop took {took:?}").into());
                    }
                    stack.postgres("start", "fast").await?;
                    sandbox.wait_streaming().await?;
                }
                grows(sandbox).await
            })
            .await?;
            prove(sandbox, &history, &[], 2).await
        })
        .await
    });
    if let Err(error) = ended.await {
        panic!("restarted_postgres: {error}");
    }
}

/// Tables, a worker and a connector that streams.
async fn begin(sandbox: &Sandbox, worker: &mut Worker) -> Outcome<()> {
    workload::prepare(sandbox).await?;
    worker.start().await?;
    let config = config(sandbox);
    let path = format!("/connectors/{}/config", sandbox.id);
    worker.rest.put(&path, Some(&config)).await?.success("PUT config")?;
    sandbox.wait_streaming().await
}

/// Retries that are short enough for a test.
fn config(sandbox: &Sandbox) -> Value {
    config_with(
        sandbox,
        json!({
            "slot.max.retries": "60",
            "slot.retry.delay.ms": "500",
            "retriable.restart.connector.wait.ms": "500",
            "errors.max.retries": "-1",
            "snapshot.mode": "no_data",
            "status.update.interval.ms": "1000",
        }),
    )
}

/// Waits for some hundred records more than there are.
async fn grows(sandbox: &Sandbox) -> Outcome<()> {
    let topic = format!("{}.public.account", sandbox.id);
    let bootstrap = &sandbox.lab.bootstrap;
    let before = end_offset(bootstrap, &topic)?;
    lab::deadline("topic grows", Duration::from_secs(60), async || {
        match end_offset(bootstrap, &topic) {
            Ok(now) if now > before + 300 => Ok(()),
            other => Err(format!("{before}, now {other:?}")),
        }
    })
    .await
}
