//! Metrics: the numbers of walbridge, shaped once as the MBeans that Kafka Connect, its clients and Debezium register,
//! and turned into Prometheus series by JMX exporter's rules.
//!
//! ```text
//!  task, capture, kafka, worker: counters ──> bean (tables) ──> rule (a profile, or the user's file) ──> text ──> server
//!            └──────────────> native (what Connect cannot tell, by the prometheus crate) ──────────────────┘
//! ```
//!
//! The pipeline tells of batches and never of rows. A scrape reads; nothing is computed between scrapes.

mod bean;
pub mod capture;
mod clock;
pub mod health;
pub mod kafka;
mod native;
mod process;
pub mod profile;
pub mod rule;
pub mod server;
mod stat;
pub mod task;
pub mod text;
pub mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{Registry, TextEncoder};

use bean::Bean;
use capture::Capture;
use kafka::{App, Client, Role};
use native::{Native, Sight};
use process::{Process, Spelling};
use profile::Profile;
use rule::{Agent, Engine, RuleError, RuleSet};
use task::Task;
use text::{Family, Format};

/// What is asked of the worker at each scrape.
type AskWorker = Box<dyn Fn() -> worker::View + Send + Sync>;

/// Everything that a scrape looks at.
pub struct Exporter {
    engine: Engine,
    spelling: Spelling,
    app: App,
    worker: worker::Worker,
    ask: Mutex<Option<AskWorker>>,
    member: Mutex<Option<Arc<Client>>>,
    clients: Mutex<BTreeMap<(Role, String), Arc<Client>>>,
    tasks: Mutex<BTreeMap<(String, u32), Arc<Task>>>,
    captures: Mutex<BTreeMap<(String, u32), Arc<Capture>>>,
    process: Process,
    registry: Registry,
    native: Native,
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// What becomes of the beans.
#[derive(Debug)]
pub struct Rules {
    sets: Vec<RuleSet>,
    spelling: Spelling,
}

impl Rules {
    /// The rules of built-in profiles, united.
    ///
    /// # Errors
    /// The name that no profile has.
    pub fn profiles(names: &[&str]) -> Result<Self, String> {
        let mut rules = Self { sets: Vec::new(), spelling: Spelling { zero: false, one: false } };
        for name in names {
            let profile = Profile::find(name).ok_or_else(|| (*name).to_owned())?;
            rules.sets.extend(profile.sets().map_err(|error| error.to_string())?);
            rules.spelling.zero |= profile.spelling().zero;
            rules.spelling.one |= profile.spelling().one;
        }
        Ok(rules)
    }

    /// A user's own file, in the words of JMX exporter; `agent` is the one that it was written for.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn file(yaml: &str, agent: Agent) -> Result<Self, RuleError> {
        let spelling = Spelling { zero: agent == Agent::Zero, one: agent == Agent::One };
        Ok(Self { sets: RuleSet::parse(yaml, agent)?, spelling })
    }
}

impl Exporter {
    /// An exporter of a worker that calls itself `version` and `commit`.
    #[must_use]
    pub fn new(rules: Rules, version: &str, commit: &str) -> Self {
        let (registry, native) = Native::registry();
        Self {
            engine: Engine::new(rules.sets),
            spelling: rules.spelling,
            app: App {
                version: version.to_owned(),
                commit: commit.to_owned(),
                started_ms: clock::unix_ms(),
            },
            worker: worker::Worker::default(),
            ask: Mutex::default(),
            member: Mutex::default(),
            clients: Mutex::default(),
            tasks: Mutex::default(),
            captures: Mutex::default(),
            process: Process::default(),
            registry,
            native,
        }
    }

    /// Where the worker tells what it looks like, at each scrape, and its member of the group.
    pub fn follow_worker(
        &self,
        member: Arc<Client>,
        ask: impl Fn() -> worker::View + Send + Sync + 'static,
    ) {
        *lock(&self.member) = Some(member);
        *lock(&self.ask) = Some(Box::new(ask));
    }

    /// Takes in a client, in the place of one of the same kind with the same id.
    pub fn add_client(&self, client: Arc<Client>) {
        lock(&self.clients).insert((client.role(), client.id().to_owned()), client);
    }

    /// Takes in a task that starts, in the place of the same one before.
    pub fn add_task(&self, task: Arc<Task>) {
        let (connector, number) = task.id();
        lock(&self.tasks).insert((connector.to_owned(), number), task);
    }

    /// Forgets a task that has ended in order. One that failed keeps its numbers, as in Connect.
    pub fn remove_task(&self, task: &Arc<Task>) {
        let (connector, number) = task.id();
        let mut tasks = lock(&self.tasks);
        let id = (connector.to_owned(), number);
        if tasks.get(&id).is_some_and(|known| Arc::ptr_eq(known, task)) {
            tasks.remove(&id);
        }
    }

    /// Takes in what a task reads.
    pub fn add_capture(&self, task: u32, capture: Arc<Capture>) {
        lock(&self.captures).insert((capture.connector.clone(), task), capture);
    }

    /// Forgets it: its task has ended, with or without an error.
    pub fn remove_capture(&self, task: u32, capture: &Arc<Capture>) {
        let mut captures = lock(&self.captures);
        let id = (capture.connector.clone(), task);
        if captures.get(&id).is_some_and(|known| Arc::ptr_eq(known, capture)) {
            captures.remove(&id);
        }
    }

    /// Forgets a client that is closed.
    pub fn remove_client(&self, client: &Arc<Client>) {
        let mut clients = lock(&self.clients);
        let id = (client.role(), client.id().to_owned());
        if clients.get(&id).is_some_and(|known| Arc::ptr_eq(known, client)) {
            clients.remove(&id);
        }
    }

    fn view(&self) -> Option<worker::View> {
        lock(&self.ask).as_ref().map(|ask| ask())
    }

    fn beans(&self, view: Option<&worker::View>) -> Vec<Bean> {
        let mut beans = Vec::new();
        if let Some(view) = view {
            self.worker_beans(view, &mut beans);
        }
        for client in lock(&self.clients).values() {
            client.beans(&self.app, &mut beans);
        }
        for capture in lock(&self.captures).values() {
            capture.beans(&mut beans);
        }
        beans
    }

    fn worker_beans(&self, view: &worker::View, beans: &mut Vec<Bean>) {
        let tasks: usize = view.connectors.iter().map(|connector| connector.tasks.len()).sum();
        if let Some(member) = lock(&self.member).as_ref() {
            member.assigned(number(view.connectors.len()), number(tasks));
            member.beans(&self.app, beans);
        }
        let worker_id = view.worker_id.as_str();
        beans.push(kafka::APP_INFO_BY_ID.bean(&[("id", worker_id)], &self.app));
        beans.push(kafka::APP_INFO_OF_WORKER.bean(&[("client-id", worker_id)], &self.app));
        self.worker.beans(view.clone(), beans);
        let mut known = lock(&self.tasks);
        // A task that failed and was then deleted leaves nothing behind.
        known.retain(|(connector, _), task| {
            view.connectors.iter().any(|found| found.name == *connector)
                || Arc::strong_count(task) > 1
        });
        for connector in &view.connectors {
            for (task, state) in &connector.tasks {
                if let Some(task) = known.get(&(connector.name.clone(), *task)) {
                    task.beans(*state, beans);
                }
            }
        }
    }

    /// One scrape.
    #[must_use]
    pub fn scrape(&self, format: Format, wanted: &[String]) -> String {
        let view = self.view();
        let mut families = self.engine.families(&self.beans(view.as_ref()));
        families.extend(self.process.families(self.spelling));
        text::filter(&mut families, wanted);
        let captures = lock(&self.captures).values().map(Arc::clone).collect();
        let tasks = lock(&self.tasks).values().map(Arc::clone).collect();
        self.native.look(Sight { view: view.unwrap_or_default(), captures, tasks });
        let mut own = self.registry.gather();
        if !wanted.is_empty() {
            own.retain(|family| wanted.iter().any(|wanted| wanted.starts_with(family.name())));
        }
        match format {
            Format::Text => {
                let mut text = text::render(&families, format);
                // Names and labels are ours: the encoder has nothing to refuse.
                if let Err(error) = TextEncoder::new().encode_utf8(&own, &mut text) {
                    tracing::error!(%error, "own metrics cannot be written");
                }
                text
            }
            Format::OpenMetrics => {
                families.extend(own.iter().map(Family::from));
                text::render(&families, format)
            }
        }
    }

    /// Whether everything moves that has work to do.
    #[must_use]
    pub fn health(&self) -> health::Health {
        health::Health::of(lock(&self.captures).values().map(Arc::as_ref))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::cast_precision_loss, reason = "a small count")]
const fn number(count: usize) -> f64 {
    count as f64
}
