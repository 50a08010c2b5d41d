//! [`Plugin`]: what a connector class is to the worker. `connect` starts, stops and watches it and never sees a row.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config_def::{ConfigDef, ConfigValue};
use crate::settings::PluginKind;
use crate::storage::offset::OffsetStorage;
use crate::storage::status::StatusStorage;

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
    /// Source or sink.
    fn kind(&self) -> PluginKind {
        PluginKind::Source
    }
    /// Whether this worker runs connectors of the class. If not, it never touches their tasks.
    fn runs(&self) -> bool {
        true
    }
    /// Every option of the class.
    fn config_def(&self) -> &'static ConfigDef;
    /// Validates the class's own options, reaching for the database where the real one does. One value per
    /// option of [`Self::config_def`]; a validation that connects does so only if no option has an error.
    /// Values without an option of that name are shown only if they have errors.
    fn validate(&self, config: Properties) -> BoxFuture<Vec<ConfigValue>>;
    /// Checks what stops a connector from starting at all, without I/O.
    ///
    /// # Errors
    /// The connector becomes FAILED with this trace.
    fn start(&self, config: &Properties) -> Result<(), TaskError> {
        let _unchecked = config;
        Ok(())
    }
    /// The configurations of its tasks (Debezium's Postgres connector: one, the connector's own).
    /// Placeholders are unresolved; `task.class` is added by the worker.
    fn task_configs(&self, config: &Properties) -> Vec<Properties>;
    /// The class name that Connect stores as `task.class`.
    fn task_class(&self) -> &'static str;
    /// Runs one task until `context.stop` is cancelled (`Ok`) or it fails. It must have released the database
    /// and flushed its offsets when it returns. It is dropped if it does not return in time after `stop`.
    fn run(&self, context: TaskContext) -> BoxFuture<Result<(), TaskError>>;
}

/// Whether a running task should poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Poll.
    Started,
    /// Keep everything open, but let nothing pass. A task that starts paused opens nothing until it is resumed.
    Paused,
}

/// What a task is given.
#[derive(Debug)]
pub struct TaskContext {
    /// The connector's name.
    pub connector: String,
    /// The task's number.
    pub task: u32,
    /// The task's configuration, placeholders resolved. Contains `task.class`.
    pub config: Properties,
    /// The worker's own properties, placeholders resolved: `bootstrap.servers`, `producer.*`, `key.converter`, …
    pub worker: Arc<Properties>,
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
    pub(crate) connector: String,
    pub(crate) task: u32,
    pub(crate) storage: Arc<StatusStorage>,
}

impl StatusSink {
    /// A record for `topic` was acknowledged. Does nothing if the worker knows already, so it may be called for
    /// every batch; a reset of the active topics is undone by the next call. Never blocks.
    pub fn topic_active(&self, topic: &str) {
        self.storage.topic_active(&self.connector, self.task, topic);
    }
}

/// A task or a connector failed: the text is what `/status` shows as `trace`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trace}")]
pub struct TaskError {
    /// In the manner of a Java stack trace: `class: message`, then `Caused by:` lines.
    pub trace: String,
}

/// One connector's view of the offset topic.
#[derive(Debug, Clone)]
pub struct OffsetStore {
    pub(crate) connector: String,
    pub(crate) storage: Arc<OffsetStorage>,
}

/// The offset topic could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("offset topic: {0}")]
pub struct OffsetError(pub String);

impl OffsetStore {
    /// The last offset stored for `partition` (Debezium: `{"server":"<topic.prefix>"}`), after reading the
    /// topic to its present end.
    ///
    /// # Errors
    /// The topic cannot be read, or the stored value is not a JSON object.
    pub async fn read(
        &self,
        partition: Map<String, Value>,
    ) -> Result<Option<Map<String, Value>>, OffsetError> {
        self.storage.read(&self.connector, &partition).await
    }

    /// Writes the offset and waits until the brokers have acknowledged it.
    ///
    /// # Errors
    /// The brokers did not take it: nothing may be confirmed to the database.
    pub async fn write(
        &self,
        partition: Map<String, Value>,
        offset: Map<String, Value>,
    ) -> Result<(), OffsetError> {
        self.storage.write(&self.connector, partition, Some(offset)).await
    }
}
