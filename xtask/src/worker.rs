//! A walbridge worker on a stack, asked over REST.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::http::{self, Answer};
use crate::process::{self, Process};
use crate::services::stack::Stack;
use crate::sql::Session;
use crate::{port, say, wait};

/// How long a start, or a change of state, may take.
const LIMIT: Duration = Duration::from_secs(90);

/// A running worker; the stack stops it.
#[derive(Debug)]
pub(crate) struct Worker {
    /// `host:port` of its REST face.
    pub(crate) rest: String,
    /// `host:port` of its metrics.
    pub(crate) metrics: String,
    pub(crate) process: Process,
    /// From the start of the process to the first answer, which tells the worker's version.
    pub(crate) answer_time: Duration,
    /// From the start of the process to the list of connectors: the storage topics are read.
    pub(crate) start_time: Duration,
    log: PathBuf,
}

impl Worker {
    /// Starts `binary` on `stack`, in a Connect cluster of that name, and waits until it answers.
    pub(crate) fn start(stack: &mut Stack, binary: &Path, name: &str) -> Result<Self> {
        // Only now: what the brokers took is visibly taken.
        let mut taken = Vec::new();
        let rest = format!("127.0.0.1:{}", port::choose(Some(8083), &mut taken)?);
        let metrics = format!("127.0.0.1:{}", port::choose(Some(9876), &mut taken)?);
        let file = stack.dir().join("worker.properties");
        fs::write(&file, properties(stack, name, &rest, &metrics)).context(file.display())?;
        let log = stack.dir().join("worker.log");
        let mut command = Command::new(binary);
        command.arg("worker").arg(&file);
        let started = Instant::now();
        let process = stack.start_worker(&mut command, &log)?;
        let zero = Duration::ZERO;
        let mut worker = Self { rest, metrics, process, answer_time: zero, start_time: zero, log };
        let until = |path: &str| {
            let answered = wait::closely("the worker's REST port", LIMIT, || {
                worker.check()?;
                Ok(worker.ask("GET", path, "").is_ok().then(|| started.elapsed()))
            });
            worker.explain(answered)
        };
        (worker.answer_time, worker.start_time) = (until("/")?, until("/connectors")?);
        let seconds = worker.start_time.as_secs_f64();
        say::progress(format!("worker on http://{} ({seconds:.2} s)", worker.rest));
        Ok(worker)
    }

    /// An error once the worker has ended.
    pub(crate) fn check(&self) -> Result<()> {
        if self.process.alive() {
            return Ok(());
        }
        Err(Error::new("the worker ended"))
    }

    /// Adds the end of the worker's log to an error: the log itself goes away with the stack.
    pub(crate) fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| {
            if wait::interrupted() {
                return error;
            }
            let tail = process::log_tail(&self.log);
            Error::new(format!("{error}\nthe worker's log ends:\n{tail}"))
        })
    }

    /// Sends one request; the body of the answer, or an error where its status is none of success.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let answer = http::request(&self.rest, method, path, body)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        Err(Error::new(format!("{method} {path}: {} {}", answer.status, answer.body)))
    }

    /// Installs a connector.
    pub(crate) fn put(&self, connector: &str, config: &Value) -> Result<()> {
        let path = format!("/connectors/{connector}/config");
        self.ask("PUT", &path, &config.to_string()).map(drop)
    }

    /// An error once `connector` or a task of it has failed; else its status as the worker says it, null before there
    /// is one: the worker knows only what it has read back from the status topic.
    pub(crate) fn status(&self, connector: &str) -> Result<Value> {
        self.check()?;
        let path = format!("/connectors/{connector}/status");
        let Answer { status, body } = http::request(&self.rest, "GET", &path, "")?;
        if status == 404 {
            return Ok(Value::Null);
        }
        if status != 200 || body.contains("\"FAILED\"") {
            return Err(Error::new(format!("the connector failed: {status} {body}")));
        }
        serde_json::from_str(&body).context("status")
    }

    /// Waits until the stream of `connector` has started, so that changes come as changes and not as a snapshot.
    pub(crate) fn await_streaming(&self, connector: &str, session: &mut Session) -> Result<()> {
        wait::until("the connector streams", LIMIT, || {
            let status = self.status(connector)?;
            let tasks = status.get("tasks").and_then(Value::as_array);
            let runs = tasks.is_some_and(|tasks| !tasks.is_empty() && tasks.iter().all(is_running));
            // A sender that makes a slot is in state "startup".
            let streaming = session.run(
                "SELECT pid FROM pg_stat_replication WHERE state IN ('catchup', 'streaming')",
            )?;
            Ok((runs && !streaming.is_empty()).then_some(()))
        })
    }

    /// Stops `connector` and waits until no sender serves it any more.
    pub(crate) fn stop_connector(&self, connector: &str, session: &mut Session) -> Result<()> {
        self.ask("PUT", &format!("/connectors/{connector}/stop"), "")?;
        wait::until("the connector stops", LIMIT, || {
            let status = self.status(connector)?;
            let state = status.pointer("/connector/state").and_then(Value::as_str);
            let senders = session.run("SELECT pid FROM pg_stat_replication")?;
            Ok((state == Some("STOPPED") && senders.is_empty()).then_some(()))
        })
    }
}

fn is_running(task: &Value) -> bool {
    task.get("state").and_then(Value::as_str) == Some("RUNNING")
}

fn properties(stack: &Stack, name: &str, rest: &str, metrics: &str) -> String {
    format!(
        "bootstrap.servers={}\n\
         group.id=walbridge-{name}\n\
         listeners=http://{rest}\n\
         metrics.listeners=http://{metrics}\n\
         key.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         config.storage.topic=connect-config-storage\n\
         config.storage.replication.factor=3\n\
         offset.storage.topic=connect-offset-storage\n\
         offset.storage.replication.factor=3\n\
         status.storage.topic=connect-status-storage\n\
         status.storage.replication.factor=3\n",
        stack.bootstrap(),
    )
}
