//! The Kafka brokers of a stack: KRaft, each of them controller too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::process::{self, Process};
use crate::{kafka, layout, port, say, wait};

/// Any 16 bytes in base64 will do; brokers of different stacks never meet.
const CLUSTER_ID: &str = "d2FsYnJpZGdlLXh0YXNrIQ";

const READY_LIMIT: Duration = Duration::from_secs(180);

/// One broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) id: u16,
    pub(crate) port: u16,
    pub(crate) process: Option<Process>,
    controller_port: u16,
    n_brokers: usize,
    dir: PathBuf,
}

/// `n_brokers` that do not exist yet, with ports.
pub(crate) fn plan(
    stack: &Path,
    n_brokers: u16,
    first_port: Option<u16>,
    taken: &mut Vec<u16>,
) -> Result<Vec<Broker>> {
    (0..n_brokers)
        .map(|id| {
            let port = port::choose(first_port.and_then(|first| first.checked_add(id)), taken)?;
            let controller_port = port::choose(None, taken)?;
            let dir = folder(stack, id);
            let n_brokers = usize::from(n_brokers);
            Ok(Broker { id, port, process: None, controller_port, n_brokers, dir })
        })
        .collect()
}

/// Writes every broker's properties, and formats the storage of those that have none, all at once.
pub(crate) fn format(brokers: &[Broker], jars: &Path) -> Result<()> {
    let voters: Vec<String> = brokers.iter().map(Broker::voter).collect();
    let mut children = Vec::new();
    for broker in brokers {
        layout::make(&broker.dir)?;
        let file = broker.properties_file();
        fs::write(&file, broker.properties(&voters.join(","))).context(file.display())?;
        if broker.dir.join("data/meta.properties").is_file() {
            continue;
        }
        let mut format = java(jars, "-Xmx128m")?;
        format.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]).arg(file);
        format.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        children.push(format.spawn().context("java")?);
    }
    if !children.is_empty() {
        say::progress(format!("formatting {} brokers", children.len()));
    }
    for child in children {
        let output = child.wait_with_output().context("format a broker")?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Error::new(format!("format a broker: {}\n{text}", output.status)));
        }
    }
    Ok(())
}

impl Broker {
    /// Starts it where it does not run; does not wait.
    pub(crate) fn start(&mut self, jars: &Path) -> Result<()> {
        if self.process.is_some_and(Process::alive) {
            return Ok(());
        }
        let mut command = java(jars, "-Xmx768m")?;
        command.args(["-Xms256m", "-XX:+UseG1GC", "kafka.Kafka"]).arg(self.properties_file());
        self.process = Some(process::detach(&mut command, &self.log())?);
        Ok(())
    }

    /// Waits until it serves and the controller lets clients see it.
    pub(crate) fn wait(&self) -> Result<()> {
        wait::until(&format!("broker {} serves", self.id), READY_LIMIT, || {
            if !self.process.is_some_and(Process::alive) {
                let (log, tail) = (self.log(), process::log_tail(&self.log()));
                let log = log.display();
                return Err(Error::new(format!("broker {} ended; see {log}\n{tail}", self.id)));
            }
            let Ok(cluster) = kafka::cluster(&self.address()) else { return Ok(None) };
            let me = i32::from(self.id);
            Ok(cluster.broker_ids.contains(&me).then_some(()))
        })
    }

    /// `host:port` for clients.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "port": self.port,
            "controller_port": self.controller_port,
            "process": self.process.map(Process::to_json),
        })
    }

    pub(crate) fn from_json(stack: &Path, n_brokers: usize, value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name)?.as_u64()?.try_into().ok();
        let id = number("id")?;
        let process = value.get("process").and_then(Process::from_json);
        Some(Self {
            id,
            port: number("port")?,
            process: process.filter(|process| process.alive()),
            controller_port: number("controller_port")?,
            n_brokers,
            dir: folder(stack, id),
        })
    }

    fn log(&self) -> PathBuf {
        self.dir.join("broker.log")
    }

    fn properties_file(&self) -> PathBuf {
        self.dir.join("server.properties")
    }

    fn voter(&self) -> String {
        format!("{}@127.0.0.1:{}", self.id, self.controller_port)
    }

    fn properties(&self, voters: &str) -> String {
        let Self { id, port, controller_port, n_brokers, dir, .. } = self;
        let replicas = (*n_brokers).min(3);
        let in_sync = replicas.saturating_sub(1).max(1);
        let data = dir.join("data");
        let data = data.display();
        // The cleaner would take 128 MB of a small heap.
        format!(
            "process.roles=broker,controller\n\
             node.id={id}\n\
             controller.quorum.voters={voters}\n\
             controller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             inter.broker.listener.name=PLAINTEXT\n\
             log.dirs={data}\n\
             num.partitions=1\n\
             default.replication.factor={replicas}\n\
             min.insync.replicas={in_sync}\n\
             offsets.topic.replication.factor={replicas}\n\
             offsets.topic.num.partitions=3\n\
             transaction.state.log.replication.factor={replicas}\n\
             transaction.state.log.min.isr={in_sync}\n\
             transaction.state.log.num.partitions=3\n\
             group.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=true\n\
             log.cleaner.dedupe.buffer.size=16777216\n"
        )
    }
}

fn folder(stack: &Path, id: u16) -> PathBuf {
    stack.join(format!("broker-{id}"))
}

/// Java with the broker's class path, its log on standard output.
pub(crate) fn java(jars: &Path, heap: &str) -> Result<Command> {
    let log4j = layout::root()?.join("xtask/kafka/log4j2.xml");
    let mut java = Command::new("java");
    java.arg(heap).arg("-Djava.awt.headless=true");
    java.arg(format!("-Dlog4j2.configurationFile={}", log4j.display()));
    java.arg("-cp").arg(jars.join("*"));
    Ok(java)
}
