//! The config topic: connectors, their target states, their committed task configurations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::json::render;
use super::log::{Copy, Log, LogError, Malformed, Record};
use crate::connector::Properties;
use crate::logging::Level;
use sink::java_map::hash_order;

/// What shall become of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TargetState {
    #[default]
    Started,
    Paused,
    Stopped,
}

/// A restart that somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestartRequest {
    #[serde(rename = "include-tasks", default)]
    pub(crate) include_tasks: bool,
    #[serde(rename = "only-failed", default)]
    pub(crate) only_failed: bool,
}

/// What the topic says about one connector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ConnectorEntry {
    /// None: deleted, or only traces of it are left.
    pub(crate) config: Option<Properties>,
    pub(crate) target: TargetState,
    /// As last committed, by number.
    pub(crate) tasks: Vec<Properties>,
    /// A commit did not find the configurations that it promises: they must be written again.
    pub(crate) inconsistent: bool,
    /// The most tasks that it ever had.
    pub(crate) most_tasks: usize,
    /// Written since the last commit.
    pending: BTreeMap<u32, Properties>,
}

/// What a key of the topic is about.
#[derive(Debug, PartialEq, Eq)]
enum Key<'a> {
    Connector(&'a str),
    Task(&'a str, u32),
    Commit(&'a str),
    TargetState(&'a str),
    Restart(&'a str),
    /// The level of a logger on every worker.
    Logger(&'a str),
    /// Of no concern here: session keys, fencing.
    Other,
}

impl<'a> Key<'a> {
    fn parse(key: &'a [u8]) -> Option<Self> {
        let key = std::str::from_utf8(key).ok()?;
        let after = |prefix: &str| key.strip_prefix(prefix);
        if let Some(name) = after("target-state-") {
            return Some(Self::TargetState(name));
        }
        if let Some(name) = after("connector-") {
            return Some(Self::Connector(name));
        }
        if let Some(rest) = after("task-") {
            let (name, task) = rest.rsplit_once('-')?;
            return Some(Self::Task(name, task.parse().ok()?));
        }
        if let Some(name) = after("commit-") {
            return Some(Self::Commit(name));
        }
        if let Some(name) = after("restart-connector-") {
            return Some(Self::Restart(name));
        }
        if let Some(name) = after("logger-cluster-") {
            return Some(Self::Logger(name));
        }
        (key.starts_with("tasks-fencing-") || key == "session-key").then_some(Self::Other)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct PropertiesValue {
    properties: Properties,
}

#[derive(Debug, Serialize, Deserialize)]
struct CommitValue {
    tasks: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct LoggerValue {
    level: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct TargetStateValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(rename = "state.v2", skip_serializing_if = "Option::is_none")]
    state_v2: Option<String>,
}

impl TargetState {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "STARTED" => Some(Self::Started),
            "PAUSED" => Some(Self::Paused),
            "STOPPED" => Some(Self::Stopped),
            _ => None,
        }
    }

    /// The names for readers before 3.5, which know no stop, and since.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Started => ("STARTED", "STARTED"),
            Self::Paused => ("PAUSED", "PAUSED"),
            Self::Stopped => ("PAUSED", "STOPPED"),
        }
    }

    fn render(self) -> Vec<u8> {
        let (state, state_v2) = self.names();
        render(&TargetStateValue {
            state: Some(state.to_owned()),
            state_v2: Some(state_v2.to_owned()),
        })
    }
}

#[derive(Debug, Default)]
struct Content {
    connectors: BTreeMap<String, ConnectorEntry>,
    changes: Changes,
}

/// What has changed since the herder last looked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Connectors of which anything has changed.
    pub(crate) connectors: IndexSet<String>,
    /// Connectors whose configuration was written, be it the same.
    pub(crate) written: IndexSet<String>,
    pub(crate) restarts: IndexMap<String, RestartRequest>,
    pub(crate) loggers: IndexMap<String, Level>,
}

/// What the topic says.
#[derive(Debug, Default)]
pub(crate) struct ConfigCopy {
    content: Mutex<Content>,
    changed: Notify,
}

impl ConfigCopy {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copy for ConfigCopy {
    fn apply(&self, record: Record<'_>) -> Result<(), Malformed> {
        let key =
            record.key.and_then(Key::parse).ok_or_else(|| Malformed("unknown key".to_owned()))?;
        let result = self.lock().apply(&key, record.value, record.live);
        self.changed.notify_one();
        result
    }
}

fn bad(what: &str) -> impl Fn(serde_json::Error) -> Malformed {
    move |error| {
        let (kind, column) = (error.classify(), error.column());
        Malformed(format!("value is not {what}: {kind:?} error at column {column}"))
    }
}

impl Content {
    fn apply(&mut self, key: &Key<'_>, value: Option<&[u8]>, live: bool) -> Result<(), Malformed> {
        let name = match *key {
            Key::Connector(name) => {
                self.connector(name, value)?;
                name
            }
            Key::TargetState(name) => {
                self.target_state(name, value)?;
                name
            }
            Key::Task(name, task) => return self.task(name, task, value),
            Key::Commit(name) => {
                self.commit(name, value)?;
                name
            }
            Key::Restart(name) => {
                let Some(value) = value.filter(|_| live) else { return Ok(()) };
                let request = serde_json::from_slice(value).map_err(bad("a restart request"))?;
                self.changes.restarts.insert(name.to_owned(), request);
                return Ok(());
            }
            Key::Logger(name) => {
                let Some(value) = value.filter(|_| live) else { return Ok(()) };
                let LoggerValue { level } =
                    serde_json::from_slice(value).map_err(bad("a logger's level"))?;
                let level = Level::parse(&level)
                    .ok_or_else(|| Malformed("unknown log level".to_owned()))?;
                self.changes.loggers.insert(name.to_owned(), level);
                return Ok(());
            }
            Key::Other => return Ok(()),
        };
        self.changes.connectors.insert(name.to_owned());
        Ok(())
    }

    fn entry(&mut self, name: &str) -> &mut ConnectorEntry {
        self.connectors.entry(name.to_owned()).or_default()
    }

    fn connector(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), Malformed> {
        let Some(value) = value else {
            // Records of its tasks may outlive it: the entry goes, and they make one without a configuration.
            self.connectors.remove(name);
            return Ok(());
        };
        let PropertiesValue { properties } =
            serde_json::from_slice(value).map_err(bad("a connector configuration"))?;
        self.entry(name).config = Some(hash_order(properties));
        self.changes.written.insert(name.to_owned());
        Ok(())
    }

    fn target_state(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), Malformed> {
        let Some(value) = value else {
            if let Some(entry) = self.connectors.get_mut(name) {
                entry.target = TargetState::Started;
            }
            return Ok(());
        };
        let TargetStateValue { state, state_v2 } =
            serde_json::from_slice(value).map_err(bad("a target state"))?;
        let target = state_v2.as_deref().or(state.as_deref()).and_then(TargetState::parse);
        self.entry(name).target =
            target.ok_or_else(|| Malformed("unknown target state".to_owned()))?;
        Ok(())
    }

    fn task(&mut self, name: &str, task: u32, value: Option<&[u8]>) -> Result<(), Malformed> {
        let Some(value) = value else { return Ok(()) };
        let PropertiesValue { properties } =
            serde_json::from_slice(value).map_err(bad("a task configuration"))?;
        self.entry(name).pending.insert(task, hash_order(properties));
        Ok(())
    }

    fn commit(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), Malformed> {
        let Some(value) = value else { return Ok(()) };
        let CommitValue { tasks } = serde_json::from_slice(value).map_err(bad("a commit"))?;
        let entry = self.entry(name);
        let pending = std::mem::take(&mut entry.pending);
        let complete = pending.keys().copied().eq(0..tasks);
        entry.inconsistent = !complete;
        if complete {
            entry.tasks = pending.into_values().collect();
            entry.most_tasks = entry.most_tasks.max(entry.tasks.len());
        }
        Ok(())
    }
}

/// The config topic.
#[derive(Debug)]
pub(crate) struct ConfigStorage {
    copy: Arc<ConfigCopy>,
    log: Log,
}

impl ConfigStorage {
    pub(crate) fn new(copy: Arc<ConfigCopy>, log: Log) -> Self {
        Self { copy, log }
    }

    /// The names of the connectors that exist.
    pub(crate) fn connectors(&self) -> Vec<String> {
        let content = self.copy.lock();
        let existing = content.connectors.iter().filter(|(_, entry)| entry.config.is_some());
        existing.map(|(name, _)| name.clone()).collect()
    }

    /// A connector that exists.
    pub(crate) fn connector(&self, name: &str) -> Option<ConnectorEntry> {
        self.copy.lock().connectors.get(name).filter(|entry| entry.config.is_some()).cloned()
    }

    /// Waits until something has changed and takes it.
    pub(crate) async fn changes(&self) -> Changes {
        loop {
            let changes = std::mem::take(&mut self.copy.lock().changes);
            if changes != Changes::default() {
                return changes;
            }
            self.copy.changed.notified().await;
        }
    }

    pub(crate) async fn put_connector(
        &self,
        name: &str,
        config: Properties,
    ) -> Result<(), LogError> {
        let value = render(&PropertiesValue { properties: config });
        self.log.write(format!("connector-{name}").as_bytes(), Some(&value)).await
    }

    pub(crate) async fn delete_connector(&self, name: &str) -> Result<(), LogError> {
        self.log.write(format!("connector-{name}").as_bytes(), None).await?;
        self.log.write(format!("target-state-{name}").as_bytes(), None).await
    }

    pub(crate) async fn put_target_state(
        &self,
        name: &str,
        target: TargetState,
    ) -> Result<(), LogError> {
        self.log.write(format!("target-state-{name}").as_bytes(), Some(&target.render())).await
    }

    pub(crate) async fn put_tasks(
        &self,
        name: &str,
        tasks: Vec<Properties>,
    ) -> Result<(), LogError> {
        let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        for (task, properties) in tasks.into_iter().enumerate() {
            let value = render(&PropertiesValue { properties });
            self.log.send(format!("task-{name}-{task}").as_bytes(), Some(&value)).await?;
        }
        let value = render(&CommitValue { tasks: count });
        self.log.write(format!("commit-{name}").as_bytes(), Some(&value)).await
    }

    pub(crate) async fn put_logger(&self, name: &str, level: Level) -> Result<(), LogError> {
        let key = format!("logger-cluster-{name}");
        self.log.write(key.as_bytes(), Some(&render(&serde_json::json!({ "level": level })))).await
    }

    pub(crate) async fn put_restart(
        &self,
        name: &str,
        request: RestartRequest,
    ) -> Result<(), LogError> {
        self.log
            .write(format!("restart-connector-{name}").as_bytes(), Some(&render(&request)))
            .await
    }
}

#[cfg(test)]
mod tests;
