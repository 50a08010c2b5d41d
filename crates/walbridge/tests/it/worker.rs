//! One worker process: its properties, its log, its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::http::Rest;
use crate::lab::{Outcome, Sandbox, deadline};

/// How long a worker may take to answer its first request; a JVM in the worker's place takes most of it.
const START_MAX: Duration = Duration::from_secs(90);

/// A worker that can be started, ended and started again on the same storage topics.
#[derive(Debug)]
pub(crate) struct Worker {
    /// A program and its arguments before the file of properties.
    program: Vec<OsString>,
    properties: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    from_environment: bool,
    dir: PathBuf,
    child: Option<Child>,
    pub(crate) rest: Rest,
}

impl Worker {
    /// Storage topics, group and port of its own; properties given here win over the defaults.
    pub(crate) fn new(sandbox: &Sandbox, name: &str, changes: &[(&str, &str)]) -> Outcome<Self> {
        let group = format!("{}-{name}", sandbox.id);
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let properties: Vec<(String, String)> = [
            ("bootstrap.servers", sandbox.lab.bootstrap.as_str()),
            ("group.id", &group),
            ("key.converter", json),
            ("value.converter", json),
            ("config.storage.topic", &format!("{group}-configs")),
            ("offset.storage.topic", &format!("{group}-offsets")),
            ("status.storage.topic", &format!("{group}-status")),
            ("config.storage.replication.factor", "1"),
            ("offset.storage.replication.factor", "1"),
            ("status.storage.replication.factor", "1"),
            ("offset.storage.partitions", "1"),
            ("status.storage.partitions", "1"),
            // The least that brokers allow: a killed worker's successor waits for the group to forget it.
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "1500"),
            ("listeners", &format!("http://127.0.0.1:{port}")),
            // Who wants metrics says where.
            ("metrics.listeners", ""),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let dir = std::env::temp_dir().join(format!("walbridge-it-{group}"));
        std::fs::create_dir_all(&dir)?;
        let rest = Rest::new(&format!("127.0.0.1:{port}"));
        let mut worker = Self {
            program: vec![binary().into(), "worker".into()],
            properties,
            environment: Vec::new(),
            from_environment: false,
            dir,
            child: None,
            rest,
        };
        for (key, value) in changes {
            worker.set(key, value);
        }
        Ok(worker)
    }

    /// Sets a property for the next start.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.properties.retain(|(known, _)| known != key);
        self.properties.push((key.to_owned(), value.to_owned()));
    }

    /// Another worker at the next start: a program that takes the file of properties as its last argument.
    pub(crate) fn run_by(&mut self, program: Vec<OsString>) {
        self.program = program;
    }

    /// Sets a variable for the next start.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The same settings through `CONNECT_*` variables instead of a file, as the images pass them.
    pub(crate) fn by_environment(mut self) -> Self {
        self.from_environment = true;
        self
    }

    /// Starts the process without waiting for anything.
    pub(crate) fn spawn(&mut self) -> Outcome<()> {
        let (program, arguments) = self.program.split_first().ok_or("worker: no program")?;
        let mut command = Command::new(program);
        command.args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.from_environment {
            for (key, value) in &self.properties {
                let name = key.replace('_', "__").replace('.', "_").to_ascii_uppercase();
                command.env(format!("CONNECT_{name}"), value);
            }
        } else {
            let file = self.dir.join("worker.properties");
            std::fs::write(&file, self.properties_text())?;
            command.arg(file);
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    /// Starts the process and waits until it answers.
    pub(crate) async fn start(&mut self) -> Outcome<()> {
        self.spawn()?;
        let rest = self.rest.clone();
        deadline("worker answers", START_MAX, async || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok()?) {
                return Ok(Err(format!("worker ended with {status}: {}", tail(&self.dir))));
            }
            match rest.get("/connectors").await {
                Ok(reply) if reply.status == 200 => Ok(Ok(())),
                other => Err(format!("{other:?}; log {}", tail(&self.dir))),
            }
        })
        .await??;
        Ok(())
    }

    /// The properties, as a file's text.
    pub(crate) fn properties_text(&self) -> String {
        self.properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join("worker.log")
    }

    /// Everything logged so far, of all starts.
    pub(crate) fn log(&self) -> Outcome<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(self.log_path())?).into_owned())
    }

    /// SIGKILL, and waits for the process to be gone.
    pub(crate) async fn kill(&mut self) -> Outcome<()> {
        let mut child = self.child.take().ok_or("worker: not started")?;
        child.kill().await?;
        Ok(())
    }

    /// SIGTERM, and waits for the process to end by itself.
    pub(crate) async fn terminate(&mut self, longest: Duration) -> Outcome<ExitStatus> {
        let child = self.child.as_ref().ok_or("worker: not started")?;
        let id = child.id().ok_or("worker: has ended before")?.to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await?;
        if !sent.success() {
            return Err(format!("kill -TERM {id}: {sent}").into());
        }
        self.wait(longest).await
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn wait(&mut self, longest: Duration) -> Outcome<ExitStatus> {
        let mut child = self.child.take().ok_or("worker: not started")?;
        let ended = tokio::time::timeout(longest, child.wait()).await;
        Ok(ended.map_err(|late| format!("worker still runs: {late}: {}", tail(&self.dir)))??)
    }
}

impl Drop for Worker {
    /// The log of a failed test stays for reading.
    fn drop(&mut self) {
        let failed = std::thread::panicking() || std::env::var_os("WALBRIDGE_TEST_KEEP").is_some();
        if !failed && std::fs::remove_dir_all(&self.dir).is_err() {
            println!("{}: left behind", self.dir.display());
        }
    }
}

/// `WALBRIDGE_BIN`, else what Cargo built for this run.
pub(crate) fn binary() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_walbridge"));
    std::env::var_os("WALBRIDGE_BIN").map_or_else(built, PathBuf::from)
}

/// The last lines of the log, for a failure's text.
fn tail(dir: &Path) -> String {
    let log = std::fs::read(dir.join("worker.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
