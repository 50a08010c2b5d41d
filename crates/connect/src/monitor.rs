//! [`Monitor`]: what a worker hosts, for those who count it. It reads the storages' copies and waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::herder::Shared;
use crate::storage::status::State;

/// Totals of starts since the worker's own.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    successes: AtomicU64,
    failures: AtomicU64,
}

impl Starts {
    pub(crate) fn count(&self, success: bool) {
        let counter = if success { &self.successes } else { &self.failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.successes.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }
}

/// A connector that this worker hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosted {
    /// Its name.
    pub name: String,
    /// `connector.class`, in full where this worker implements it.
    pub class: String,
    /// `source`, or `unknown`.
    pub kind: &'static str,
    /// The version of its class; empty if it is not implemented.
    pub version: &'static str,
    /// As `/status` writes it: `RUNNING`.
    pub state: &'static str,
    /// Its tasks here, by number.
    pub tasks: Vec<(u32, &'static str)>,
}

/// Looks at a worker.
#[derive(Debug, Clone)]
pub struct Monitor {
    pub(crate) shared: Arc<Shared>,
}

impl Monitor {
    /// `<host>:<port>`.
    #[must_use]
    pub fn worker_id(&self) -> &str {
        self.shared.statuses.worker_id()
    }

    /// The highest generation that any status carries.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.shared.statuses.last_generation()
    }

    /// Starts of connectors: how many succeeded and how many failed.
    #[must_use]
    pub fn connector_starts(&self) -> (u64, u64) {
        self.shared.connector_starts.read()
    }

    /// Starts of tasks, likewise.
    #[must_use]
    pub fn task_starts(&self) -> (u64, u64) {
        self.shared.task_starts.read()
    }

    /// The connectors whose statuses are this worker's, by name, with those of their tasks that are.
    #[must_use]
    pub fn connectors(&self) -> Vec<Hosted> {
        let Shared { configs, statuses, .. } = &*self.shared;
        let own = statuses.worker_id();
        let mut names = configs.connectors();
        names.sort_unstable();
        let hosted = names.into_iter().filter_map(|name| {
            let status = statuses.connector(&name)?;
            let tasks = statuses.tasks(&name).into_iter();
            let tasks: Vec<_> = tasks
                .filter(|(_, status)| status.worker_id == own)
                .map(|(task, status)| (task, word(status.state)))
                .collect();
            if status.worker_id != own && tasks.is_empty() {
                return None;
            }
            let config = configs.connector(&name).and_then(|entry| entry.config);
            let plugin = config.as_ref().and_then(|config| self.shared.plugin_of(config));
            let given = config.as_ref().and_then(|config| config.get("connector.class")).cloned();
            Some(Hosted {
                class: plugin.map_or(given.unwrap_or_default(), |p| p.class().to_owned()),
                kind: self.shared.kind(config.as_ref()),
                version: plugin.map_or("", |plugin| plugin.version()),
                state: word(status.state),
                tasks,
                name,
            })
        });
        hosted.collect()
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Unassigned => "UNASSIGNED",
        State::Running => "RUNNING",
        State::Paused => "PAUSED",
        State::Failed => "FAILED",
        State::Destroyed => "DESTROYED",
        State::Restarting => "RESTARTING",
        State::Stopped => "STOPPED",
    }
}
