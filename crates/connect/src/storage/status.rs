//! The status topic: what every worker last said about connectors, tasks and active topics.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::json::render;
use super::log::{Copy, Log, Malformed, Record};

/// Of a connector or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Unassigned,
    Running,
    Paused,
    Failed,
    Destroyed,
    Restarting,
    Stopped,
}

/// A status record's value, fields in Connect's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) trace: Option<String>,
    pub(crate) worker_id: String,
    pub(crate) generation: i64,
    #[serde(default)]
    pub(crate) version: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TopicStatus {
    topic: ActiveTopic,
}

#[derive(Debug, Serialize, Deserialize)]
struct ActiveTopic {
    name: String,
    connector: String,
    task: u32,
    #[serde(rename = "discoverTimestamp")]
    discovered: i64,
}

/// What a key of the topic is about.
#[derive(Debug, PartialEq, Eq)]
enum Key<'a> {
    Connector(&'a str),
    Task(&'a str, u32),
    Topic { topic: &'a str, connector: &'a str },
}

impl<'a> Key<'a> {
    fn parse(key: &'a [u8]) -> Option<Self> {
        let key = std::str::from_utf8(key).ok()?;
        if let Some(name) = key.strip_prefix("status-connector-") {
            return Some(Self::Connector(name));
        }
        if let Some(rest) = key.strip_prefix("status-task-") {
            let (name, task) = rest.rsplit_once('-')?;
            return Some(Self::Task(name, task.parse().ok()?));
        }
        let (topic, connector) = key.strip_prefix("status-topic-")?.split_once(":connector-")?;
        Some(Self::Topic { topic, connector })
    }
}

fn connector_key(name: &str) -> String {
    format!("status-connector-{name}")
}

fn task_key(name: &str, task: u32) -> String {
    format!("status-task-{name}-{task}")
}

fn topic_key(topic: &str, connector: &str) -> String {
    format!("status-topic-{topic}:connector-{connector}")
}

#[derive(Debug, Default)]
struct Content {
    connectors: HashMap<String, Status>,
    tasks: HashMap<String, BTreeMap<u32, Status>>,
    topics: HashMap<String, BTreeSet<String>>,
    /// How many statuses of a connector this worker has written and not read back yet.
    pending: HashMap<String, usize>,
}

impl Content {
    /// Counts a status that was read back; says whether more are to come.
    fn arrived(&mut self, name: &str) -> bool {
        let Some(pending) = self.pending.get_mut(name) else { return false };
        *pending -= 1;
        let more = *pending > 0;
        if !more {
            self.pending.remove(name);
        }
        more
    }
}

/// What the topic says.
#[derive(Debug, Default)]
pub(crate) struct StatusCopy {
    content: Mutex<Content>,
}

impl Copy for StatusCopy {
    fn apply(&self, record: Record<'_>) -> Result<(), Malformed> {
        let key =
            record.key.and_then(Key::parse).ok_or_else(|| Malformed("unknown key".to_owned()))?;
        let bad = |error: serde_json::Error| {
            Malformed(format!(
                "value is not a status: {:?} at column {}",
                error.classify(),
                error.column()
            ))
        };
        let mut content = self.lock();
        match (key, record.value) {
            (Key::Connector(name), None) => drop(content.connectors.remove(name)),
            (Key::Connector(name), Some(value)) => {
                let status: Status = serde_json::from_slice(value).map_err(bad)?;
                // A connector that starts again at once does not seem to be nobody's for a moment.
                if !(content.arrived(name) && status.state == State::Unassigned) {
                    content.connectors.insert(name.to_owned(), status);
                }
            }
            (Key::Task(name, task), None) => {
                let tasks = content.tasks.get_mut(name);
                drop(tasks.and_then(|tasks| tasks.remove(&task)));
            }
            (Key::Task(name, task), Some(value)) => {
                let status: Status = serde_json::from_slice(value).map_err(bad)?;
                let tasks = content.tasks.entry(name.to_owned()).or_default();
                if !tasks.get(&task).is_some_and(|known| outdated(&status, known)) {
                    tasks.insert(task, status);
                }
            }
            (Key::Topic { topic, connector }, None) => {
                if let Some(topics) = content.topics.get_mut(connector) {
                    topics.remove(topic);
                }
            }
            (Key::Topic { .. }, Some(value)) => {
                let TopicStatus { topic } = serde_json::from_slice(value).map_err(bad)?;
                content.topics.entry(topic.connector).or_default().insert(topic.name);
            }
        }
        Ok(())
    }
}

/// A worker that lost a task may say so after the next one has said that it runs.
fn outdated(status: &Status, known: &Status) -> bool {
    status.state == State::Unassigned
        && known.state == State::Running
        && known.generation >= status.generation
        && known.worker_id != status.worker_id
}

impl StatusCopy {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status topic.
#[derive(Debug)]
pub(crate) struct StatusStorage {
    copy: Arc<StatusCopy>,
    log: Log,
    worker_id: String,
    /// Whether active topics are recorded at all.
    tracking: bool,
}

impl StatusStorage {
    pub(crate) fn new(copy: Arc<StatusCopy>, log: Log, worker_id: String, tracking: bool) -> Self {
        Self { copy, log, worker_id, tracking }
    }

    pub(crate) fn worker_id(&self) -> &str {
        &self.worker_id
    }

    pub(crate) fn connector(&self, name: &str) -> Option<Status> {
        self.copy
            .lock()
            .connectors
            .get(name)
            .filter(|status| status.state != State::Destroyed)
            .cloned()
    }

    pub(crate) fn task(&self, name: &str, task: u32) -> Option<Status> {
        self.copy.lock().tasks.get(name)?.get(&task).cloned()
    }

    /// By number.
    pub(crate) fn tasks(&self, name: &str) -> Vec<(u32, Status)> {
        let content = self.copy.lock();
        let tasks = content.tasks.get(name).into_iter().flatten();
        tasks.map(|(task, status)| (*task, status.clone())).collect()
    }

    /// The topics that `connector` has written to.
    pub(crate) fn topics(&self, connector: &str) -> Vec<String> {
        self.copy.lock().topics.get(connector).into_iter().flatten().cloned().collect()
    }

    /// The highest generation that any status carries.
    pub(crate) fn last_generation(&self) -> i64 {
        let content = self.copy.lock();
        let tasks = content.tasks.values().flat_map(BTreeMap::values);
        content.connectors.values().chain(tasks).map(|status| status.generation).max().unwrap_or(0)
    }

    pub(crate) fn put_connector(&self, name: &str, status: &Status) {
        if !self.overtaken(status, self.connector(name).as_ref()) {
            *self.copy.lock().pending.entry(name.to_owned()).or_default() += 1;
            self.log.post(&connector_key(name), Some(&render(status)));
        }
    }

    pub(crate) fn put_task(&self, name: &str, task: u32, status: &Status) {
        if !self.overtaken(status, self.task(name, task).as_ref()) {
            self.log.post(&task_key(name, task), Some(&render(status)));
        }
    }

    pub(crate) fn delete_connector(&self, name: &str) {
        self.log.post(&connector_key(name), None);
    }

    pub(crate) fn delete_task(&self, name: &str, task: u32) {
        self.log.post(&task_key(name, task), None);
    }

    pub(crate) fn delete_topics(&self, connector: &str) {
        for topic in self.topics(connector) {
            self.log.post(&topic_key(&topic, connector), None);
        }
    }

    /// See [`crate::connector::StatusSink::topic_active`].
    pub(crate) fn topic_active(&self, connector: &str, task: u32, topic: &str) {
        let known = |topics: &BTreeSet<String>| topics.contains(topic);
        if !self.tracking || self.copy.lock().topics.get(connector).is_some_and(known) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let status = TopicStatus {
            topic: ActiveTopic {
                name: topic.to_owned(),
                connector: connector.to_owned(),
                task,
                discovered: i64::try_from(now).unwrap_or(i64::MAX),
            },
        };
        self.log.post(&topic_key(topic, connector), Some(&render(&status)));
    }

    /// What says that something ended must not hide what a later owner says.
    fn overtaken(&self, status: &Status, known: Option<&Status>) -> bool {
        matches!(status.state, State::Failed | State::Unassigned)
            && known.is_some_and(|known| {
                known.worker_id != self.worker_id && known.generation > status.generation
            })
    }
}

#[cfg(test)]
mod tests;
