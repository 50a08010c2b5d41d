//! A named stack: what runs under a name, on disk as `state.json` so that the next command finds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::broker::{self, Broker};
use super::postgres::Postgres;
use crate::error::{Context, Error, Result};
use crate::process::{self, Process};
use crate::{layout, maven, package, port, say};

/// How long a service may take to end by itself.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What a stack should be.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Major version of Postgres.
    pub(crate) postgres: u8,
    /// `max_replication_slots` and `max_wal_senders`.
    pub(crate) slots: u16,
    /// How many brokers, from none on.
    pub(crate) brokers: u16,
    /// Taken where free; else another is chosen.
    pub(crate) postgres_port: Option<u16>,
    /// The first broker's; the others follow. Taken where free; else others are chosen.
    pub(crate) broker_port: Option<u16>,
}

/// Services that run, or ran, under one name.
#[derive(Debug)]
pub(crate) struct Stack {
    dir: PathBuf,
    pub(crate) postgres: Postgres,
    pub(crate) brokers: Vec<Broker>,
    /// A walbridge that works on them, stopped with them.
    worker: Option<Process>,
    /// What watches the walbridge, stopped with it.
    prometheus: Option<Process>,
}

impl Stack {
    /// Starts what of `plan` does not run yet. Data of an earlier run is kept. Stops everything again if a part fails.
    pub(crate) fn up(name: &str, plan: &Plan) -> Result<Self> {
        let started = Instant::now();
        package::require(&maven::needs(plan.postgres, plan.brokers > 0)?)?;
        let mut stack = match Self::find(name)? {
            Some(stack) => stack,
            None => Self::new(name, plan)?,
        };
        stack.agrees(name, plan)?;
        let up = stack.start(plan);
        stack.save()?;
        if let Err(error) = up {
            stack.down(false)?;
            return Err(error);
        }
        say::progress(format!("stack {name} is up ({:.1} s)", started.elapsed().as_secs_f64()));
        Ok(stack)
    }

    /// The stack of that name, running or not.
    pub(crate) fn open(name: &str) -> Result<Self> {
        Self::find(name)?.ok_or_else(|| Error::new(format!("no stack {name}")))
    }

    /// As [`Stack::open`], for those who can do without.
    pub(crate) fn find(name: &str) -> Result<Option<Self>> {
        let dir = folder(name)?;
        let file = dir.join("state.json");
        if !file.is_file() {
            return Ok(None);
        }
        let text = fs::read(&file).context(file.display())?;
        let state: Value = serde_json::from_slice(&text).context(file.display())?;
        let stack = Self::from_json(dir, &state);
        stack.map(Some).ok_or_else(|| Error::new(format!("{}: not a state", file.display())))
    }

    /// Stops all of it; `delete` removes its data too.
    pub(crate) fn down(&mut self, delete: bool) -> Result<()> {
        let brokers: Vec<Process> = self.brokers.iter().filter_map(|b| b.process).collect();
        let guests = self.stop_guests();
        let services = if delete {
            process::kill(&brokers).and(self.postgres.stop("immediate"))
        } else {
            let postgres = self.postgres.stop("fast");
            process::stop(&brokers, STOP_LIMIT).and(postgres)
        };
        let stopped = guests.and(services);
        for broker in &mut self.brokers {
            broker.process = None;
        }
        if delete && stopped.is_ok() {
            self.postgres.delete()?;
            return fs::remove_dir_all(&self.dir).context(self.dir.display());
        }
        stopped.and(self.save())
    }

    /// Starts a walbridge that [`Stack::down`] stops, even one of a later command.
    pub(crate) fn start_worker(&mut self, command: &mut Command, log: &Path) -> Result<Process> {
        let process = process::detach(command, log)?;
        self.worker = Some(process);
        self.save()?;
        Ok(process)
    }

    /// Starts a Prometheus that [`Stack::down`] stops.
    pub(crate) fn start_prometheus(
        &mut self,
        command: &mut Command,
        log: &Path,
    ) -> Result<Process> {
        let process = process::detach(command, log)?;
        self.prometheus = Some(process);
        self.save()?;
        Ok(process)
    }

    /// Asks the worker and what watches it to end, and waits until they have.
    pub(crate) fn stop_guests(&mut self) -> Result<()> {
        let guests: Vec<Process> =
            self.worker.take().into_iter().chain(self.prometheus.take()).collect();
        process::stop(&guests, STOP_LIMIT)?;
        self.save()
    }

    /// Asks the worker to end, and waits until it has.
    pub(crate) fn stop_worker(&mut self) -> Result<()> {
        process::stop(self.worker.take().as_slice(), STOP_LIMIT)?;
        self.save()
    }

    /// Ends one broker without its help.
    pub(crate) fn kill_broker(&mut self, id: u16) -> Result<()> {
        let broker = self.broker(id)?;
        if let Some(process) = broker.process.take() {
            process::kill(&[process])?;
        }
        self.save()
    }

    /// Starts one broker on its old port and data, and waits until it serves.
    pub(crate) fn start_broker(&mut self, id: u16) -> Result<()> {
        let jars = maven::kafka()?;
        let broker = self.broker(id)?;
        broker.start(&jars)?;
        broker.wait()?;
        self.save()
    }

    fn broker(&mut self, id: u16) -> Result<&mut Broker> {
        let found = self.brokers.iter_mut().find(|broker| broker.id == id);
        found.ok_or_else(|| Error::new(format!("no broker {id}")))
    }

    /// `host:port` of every broker, by commas.
    pub(crate) fn bootstrap(&self) -> String {
        self.addresses().join(",")
    }

    /// `host:port` of every broker.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.brokers.iter().map(Broker::address).collect()
    }

    /// Where a command that uses the stack may put its own files.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What `services up` prints.
    pub(crate) fn describe(&self) -> Value {
        let brokers = self.brokers.iter().map(|broker| {
            json!({ "id": broker.id, "port": broker.port, "pid": broker.process.map(|p| p.pid) })
        });
        json!({
            "postgres": self.postgres.describe(),
            "bootstrap": self.bootstrap(),
            "brokers": brokers.collect::<Vec<_>>(),
            "dir": self.dir,
        })
    }

    fn new(name: &str, plan: &Plan) -> Result<Self> {
        let dir = folder(name)?;
        let mut taken = Vec::new();
        let postgres_port = port::choose(plan.postgres_port, &mut taken)?;
        let brokers = broker::plan(&dir, plan.brokers, plan.broker_port, &mut taken)?;
        if dir.exists() {
            // Without a state nobody knows what it is.
            fs::remove_dir_all(&dir).context(dir.display())?;
        }
        layout::make(&dir)?;
        let postgres = Postgres::new(name, &dir, plan.postgres, postgres_port)?;
        let stack = Self { dir, postgres, brokers, worker: None, prometheus: None };
        stack.save()?;
        Ok(stack)
    }

    fn agrees(&self, name: &str, plan: &Plan) -> Result<()> {
        let (major, brokers) = (self.postgres.major, self.brokers.len());
        if major == plan.postgres && brokers == usize::from(plan.brokers) {
            return Ok(());
        }
        Err(Error::new(format!(
            "stack {name} is of postgres {major} and {brokers} brokers; remove it first: \
             cargo xtask services down --name {name} --delete"
        )))
    }

    fn start(&mut self, plan: &Plan) -> Result<()> {
        let jars = if self.brokers.is_empty() { None } else { Some(maven::kafka()?) };
        if let Some(jars) = &jars {
            broker::format(&self.brokers, jars)?;
            for broker in &mut self.brokers {
                broker.start(jars)?;
            }
        }
        // The brokers warm up meanwhile.
        self.postgres.start(plan.slots)?;
        for broker in &self.brokers {
            broker.wait()?;
        }
        Ok(())
    }

    fn save(&self) -> Result<()> {
        let brokers = self.brokers.iter().map(Broker::to_json);
        let state = json!({
            "postgres": self.postgres.to_json(),
            "brokers": brokers.collect::<Vec<_>>(),
            "worker": self.worker.map(Process::to_json),
            "prometheus": self.prometheus.map(Process::to_json),
        });
        let file = self.dir.join("state.json");
        let new = self.dir.join(".state.json");
        fs::write(&new, format!("{state:#}\n")).context(new.display())?;
        fs::rename(&new, &file).context(file.display())
    }

    fn from_json(dir: PathBuf, state: &Value) -> Option<Self> {
        let postgres = Postgres::from_json(state.get("postgres")?)?;
        let stored = state.get("brokers")?.as_array()?;
        let n_brokers = stored.len();
        let brokers = stored.iter().map(|broker| Broker::from_json(&dir, n_brokers, broker));
        let brokers = brokers.collect::<Option<Vec<_>>>()?;
        let guest = |name: &str| {
            let process = state.get(name).and_then(Process::from_json);
            process.filter(|process| process.alive())
        };
        let (worker, prometheus) = (guest("worker"), guest("prometheus"));
        Some(Self { dir, postgres, brokers, worker, prometheus })
    }
}

fn folder(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Error::new(format!("stack name {name:?}: only letters, digits, - and _")));
    }
    Ok(layout::stacks()?.join(name))
}
