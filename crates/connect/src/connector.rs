//! [`Plugin`]: what a connector class is to the worker. `connect` starts, stops and watches it and never sees a row.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Map, Value};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::config_def::{ConfigDef, ConfigValue};

/// A connector's configuration: strings by key, in the order in which they were written.
pub type Properties = indexmap::IndexMap<String, String>;

/// A future of a trait method.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A connector class that this worker can run.
pub trait Plugin: Send + Sync + fmt::Debug {
    /// The full class name, as in `connector.class`.
    fn class(&self) -> &'static str;
    /// The version that `/connector-plugins` and statuses show.
    fn version(&self) -> &'static str;
    /// Every option of the class.
    fn config_def(&self) -> &'static ConfigDef;
    /// Validates the class's own options, reaching for the database where the real one does. One value per
    /// option of [`Self::config_def`]; a validation that connects does so only if no option has an error.
    fn validate(&self, config: Properties) -> BoxFuture<Vec<ConfigValue>>;
    /// The configurations of its tasks (Debezium's Postgres connector: one, the connector's own).
    fn task_configs(&self, config: &Properties) -> Vec<Properties>;
    /// The class name that Connect stores as `task.class`.
    fn task_class(&self) -> &'static str;
    /// Runs one task until `context.stop` is cancelled (`Ok`) or it fails. It must have released the database
    /// and flushed its offsets when it returns.
    fn run(&self, context: TaskContext) -> BoxFuture<Result<(), TaskError>>;
}

/// Whether a running task should poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Poll.
    Started,
    /// Keep everything open, but let nothing pass.
    Paused,
}

/// What a task is given.
#[derive(Debug)]
pub struct TaskContext {
    /// The connector's name.
    pub connector: String,
    /// The task's number.
    pub task: u32,
    /// The task's configuration, placeholders resolved.
    pub config: Properties,
    /// Changes between running and paused.
    pub target: watch::Receiver<Target>,
    /// Cancelled when the task shall end: it drains and returns.
    pub stop: CancellationToken,
    /// The source offsets of this connector.
    pub offsets: OffsetStore,
    /// Where the task tells what the worker shows.
    pub status: StatusSink,
}

/// What a task tells the worker.
#[derive(Debug, Clone)]
pub struct StatusSink {
    pub(crate) sender: tokio::sync::mpsc::Sender<TaskEvent>,
}

/// See [`StatusSink`].
#[derive(Debug)]
pub(crate) enum TaskEvent {
    /// A record for this topic was acknowledged for the first time.
    TopicActive(String),
}

impl StatusSink {
    /// A record for `topic` was acknowledged for the first time since the task started.
    pub async fn topic_active(&self, topic: &str) {
        // The herder is gone only when the worker ends: then nobody asks for topics either.
        drop(self.sender.send(TaskEvent::TopicActive(topic.to_owned())).await);
    }
}

/// A task or a connector failed: the text is what `/status` shows as `trace`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{trace}")]
pub struct TaskError {
    /// In the manner of a Java stack trace: `class: message`, then `Caused by:` lines.
    pub trace: String,
}

/// One connector's view of the offset topic.
#[derive(Debug, Clone)]
pub struct OffsetStore {
    pub(crate) connector: String,
    pub(crate) sender: tokio::sync::mpsc::Sender<OffsetRequest>,
}

/// See [`OffsetStore`].
#[derive(Debug)]
pub(crate) enum OffsetRequest {
    Read { connector: String, partition: Map<String, Value>, reply: oneshot::Sender<Result<Option<Map<String, Value>>, OffsetError>> },
    Write { connector: String, partition: Map<String, Value>, offset: Option<Map<String, Value>>, reply: oneshot::Sender<Result<(), OffsetError>> },
}

/// The offset topic could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("offset topic: {0}")]
pub struct OffsetError(pub String);

impl OffsetStore {
    /// The last offset stored for `partition` (Debezium: `{"server":"<topic.prefix>"}`), as read by the worker
    /// up to the topic's end.
    ///
    /// # Errors
    /// The topic cannot be read, or the stored value is not a JSON object.
    pub async fn read(&self, partition: Map<String, Value>) -> Result<Option<Map<String, Value>>, OffsetError> {
        let (reply, answer) = oneshot::channel();
        let request = OffsetRequest::Read { connector: self.connector.clone(), partition, reply };
        self.ask(request, answer).await
    }

    /// Writes the offset and waits until the brokers have acknowledged it.
    ///
    /// # Errors
    /// The brokers did not take it: nothing may be confirmed to the database.
    pub async fn write(&self, partition: Map<String, Value>, offset: Map<String, Value>) -> Result<(), OffsetError> {
        let (reply, answer) = oneshot::channel();
        let request = OffsetRequest::Write { connector: self.connector.clone(), partition, offset: Some(offset), reply };
        self.ask(request, answer).await
    }

    async fn ask<T>(&self, request: OffsetRequest, answer: oneshot::Receiver<Result<T, OffsetError>>) -> Result<T, OffsetError> {
        let gone = || OffsetError("the worker is shutting down".to_owned());
        self.sender.send(request).await.map_err(|_gone| gone())?;
        answer.await.map_err(|_gone| gone())?
    }
}
