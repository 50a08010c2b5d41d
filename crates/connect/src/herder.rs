//! The herder: one loop over commands, records read back and tasks that end. It starts and stops what the config
//! topic says, and says in the status topic how that went.

pub(crate) mod command;
mod lifecycle;
mod request;
mod task;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::connector::{Plugin, Properties};
use crate::monitor::Starts;
use crate::settings::{PluginKind, WorkerSettings};
use crate::storage::config::{ConfigStorage, TargetState};
use crate::storage::offset::OffsetStorage;
use crate::storage::status::StatusStorage;

use command::{Command, ConnectorState, Entry, Handle, TaskEntry};
use task::{Ended, TaskId, TaskRun};

/// What the herder and REST both look at.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: WorkerSettings,
    pub(crate) plugins: Vec<Arc<dyn Plugin>>,
    pub(crate) configs: ConfigStorage,
    pub(crate) statuses: Arc<StatusStorage>,
    pub(crate) offsets: Arc<OffsetStorage>,
    pub(crate) connector_starts: Starts,
    pub(crate) task_starts: Starts,
}

/// `PostgresConnector` for `io.debezium.connector.postgresql.PostgresConnector`.
pub(crate) fn simple_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// Whether `given` names `class`: in full, by its last part, or by that without `Connector`.
pub(crate) fn names_class(given: &str, class: &str) -> bool {
    let simple = simple_name(class);
    given == class || given == simple || Some(given) == simple.strip_suffix("Connector")
}

impl Shared {
    /// The plugin that `class` names: in full, by its last part, or by that without `Connector`.
    pub(crate) fn plugin(&self, class: &str) -> Option<&Arc<dyn Plugin>> {
        self.plugins.iter().find(|plugin| names_class(class, plugin.class()))
    }

    /// The plugin of a connector's configuration.
    pub(crate) fn plugin_of(&self, config: &Properties) -> Option<&Arc<dyn Plugin>> {
        self.plugin(config.get("connector.class")?)
    }

    /// Whether this worker runs a connector of that configuration.
    pub(crate) fn runs(&self, config: &Properties) -> bool {
        self.plugin_of(config).is_some_and(|plugin| plugin.runs())
    }

    /// `source` or `sink`, or `unknown` for a class that is not known at all.
    pub(crate) fn kind(&self, config: Option<&Properties>) -> &'static str {
        config.and_then(|config| self.plugin_of(config)).map_or("unknown", |plugin| {
            if plugin.kind() == PluginKind::Sink { "sink" } else { "source" }
        })
    }

    /// What `/status` shows, if the status topic knows the connector.
    pub(crate) fn state(&self, name: &str) -> Option<ConnectorState> {
        let connector = Entry::from(self.statuses.connector(name)?);
        let tasks = self.statuses.tasks(name).into_iter();
        let tasks = tasks.map(|(id, status)| TaskEntry { id, entry: status.into() }).collect();
        let entry = self.configs.connector(name);
        let kind = self.kind(entry.as_ref().and_then(|entry| entry.config.as_ref()));
        Some(ConnectorState { name: name.to_owned(), connector, tasks, kind })
    }
}

/// A connector that this worker has started.
#[derive(Debug)]
struct ConnectorRun {
    target: TargetState,
    failed: bool,
}

#[derive(Debug)]
pub(crate) struct Herder {
    shared: Arc<Shared>,
    connectors: HashMap<String, ConnectorRun>,
    tasks: BTreeMap<TaskId, TaskRun>,
    /// Counts what a group would rebalance for: statuses of a later generation win.
    generation: i64,
    instances: u64,
    ended: mpsc::Sender<Ended>,
}

impl Herder {
    /// The loop; ends after a graceful shutdown. The handle is REST's.
    pub(crate) fn start(
        shared: Arc<Shared>,
        shutdown: CancellationToken,
    ) -> (Handle, tokio::task::JoinHandle<()>) {
        // As many requests may wait as a busy front end has open connections.
        let (sender, commands) = mpsc::channel(64);
        let (ended, ends) = mpsc::channel(64);
        let herder = Self {
            generation: shared.statuses.last_generation() + 1,
            shared,
            connectors: HashMap::new(),
            tasks: BTreeMap::new(),
            instances: 0,
            ended,
        };
        (Handle { sender }, tokio::spawn(herder.run(commands, ends, shutdown)))
    }

    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut ends: mpsc::Receiver<Ended>,
        shutdown: CancellationToken,
    ) {
        loop {
            // A step may wait for brokers that are gone: a shutdown does not wait with it.
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.step(&mut commands, &mut ends) => {}
            }
        }
        drop(commands);
        self.stop(ends).await;
    }

    /// Waits for one event and deals with it.
    async fn step(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        ends: &mut mpsc::Receiver<Ended>,
    ) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            Some(ended) = ends.recv() => self.task_ended(ended).await,
            changes = shared.configs.changes() => {
                let names: HashSet<&String> = changes.connectors.iter().chain(&changes.written).collect();
                for name in names {
                    self.reconcile(name, changes.written.contains(name)).await;
                }
                for (name, level) in changes.loggers {
                    shared.settings.loggers.set(&name, level);
                }
                for (name, request) in changes.restarts {
                    self.restart(&name, request);
                }
            }
            Some(command) = commands.recv() => self.command(command).await,
        }
    }

    /// Stops everything: the statuses say that nobody owns it now.
    async fn stop(mut self, mut ends: mpsc::Receiver<Ended>) {
        info!(connectors = self.connectors.len(), tasks = self.tasks.len(), "stopping");
        for run in self.tasks.values_mut().filter(|run| run.is_alive()) {
            run.stop(false, None);
        }
        for name in self.connectors.keys() {
            self.connector_unassigned(name, true);
        }
        let mut left: HashSet<TaskId> =
            self.tasks.iter().filter(|(_, run)| run.is_alive()).map(|(id, _)| id.clone()).collect();
        while !left.is_empty() {
            // Each supervisor reports, at the latest after the grace period.
            let Some(ended) = ends.recv().await else {
                error!("supervisors ended without a report");
                return;
            };
            let known = self.tasks.get(&ended.id).is_some_and(|run| run.instance == ended.instance);
            if known && left.remove(&ended.id) {
                self.task_unassigned(&ended.id);
            }
        }
    }
}
