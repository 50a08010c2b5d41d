//! What REST asks of the herder, and what is wrong with a request.

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::connector::Properties;
use crate::storage::config::{RestartRequest, TargetState};
use crate::storage::log::LogError;
use crate::storage::status::{State, Status};

/// Connect's bound for a request.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// Why a request is refused: an HTTP status and Connect's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn not_found(name: &str) -> Self {
        Self::new(404, format!("Connector {name} not found"))
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        Self::new(500, error.to_string())
    }
}

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// One connector or task as `/status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) state: State,
    pub(crate) worker_id: String,
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

impl From<Status> for Entry {
    fn from(status: Status) -> Self {
        let Status { state, trace, worker_id, version, .. } = status;
        Self { state, worker_id, version, trace: trace.filter(|trace| !trace.is_empty()) }
    }
}

/// One task as `/status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TaskEntry {
    pub(crate) id: u32,
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// A connector as `/status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ConnectorState {
    pub(crate) name: String,
    pub(crate) connector: Entry,
    pub(crate) tasks: Vec<TaskEntry>,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// What changes something; reads are answered from the storages.
#[derive(Debug)]
pub(super) enum Command {
    PutConfig { name: String, config: Properties, create: Option<TargetState>, reply: Reply<bool> },
    Delete { name: String, reply: Reply<()> },
    SetTarget { name: String, target: TargetState, reply: Reply<()> },
    RestartConnector { name: String, reply: Reply<()> },
    Restart { name: String, request: RestartRequest, reply: Reply<ConnectorState> },
    RestartTask { name: String, task: i32, reply: Reply<()> },
    AlterOffsets { name: String, offsets: Vec<(Value, Option<Value>)>, reply: Reply<()> },
    ResetOffsets { name: String, reply: Reply<()> },
}

/// REST's end of the herder.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(super) sender: mpsc::Sender<Command>,
}

impl Handle {
    /// Writes a configuration that has been validated; says whether the connector is new. With `create` it must be.
    pub(crate) async fn put_config(
        &self,
        name: String,
        config: Properties,
        create: Option<TargetState>,
    ) -> Result<bool, Refusal> {
        self.ask(|reply| Command::PutConfig { name, config, create, reply }).await
    }

    pub(crate) async fn delete(&self, name: String) -> Result<(), Refusal> {
        self.ask(|reply| Command::Delete { name, reply }).await
    }

    pub(crate) async fn set_target(
        &self,
        name: String,
        target: TargetState,
    ) -> Result<(), Refusal> {
        self.ask(|reply| Command::SetTarget { name, target, reply }).await
    }

    /// Restarts the connector alone.
    pub(crate) async fn restart_connector(&self, name: String) -> Result<(), Refusal> {
        self.ask(|reply| Command::RestartConnector { name, reply }).await
    }

    /// Asks for a restart and says what will be restarted.
    pub(crate) async fn restart(
        &self,
        name: String,
        request: RestartRequest,
    ) -> Result<ConnectorState, Refusal> {
        self.ask(|reply| Command::Restart { name, request, reply }).await
    }

    pub(crate) async fn restart_task(&self, name: String, task: i32) -> Result<(), Refusal> {
        self.ask(|reply| Command::RestartTask { name, task, reply }).await
    }

    /// Writes offsets of a stopped connector; none deletes.
    pub(crate) async fn alter_offsets(
        &self,
        name: String,
        offsets: Vec<(Value, Option<Value>)>,
    ) -> Result<(), Refusal> {
        self.ask(|reply| Command::AlterOffsets { name, offsets, reply }).await
    }

    pub(crate) async fn reset_offsets(&self, name: String) -> Result<(), Refusal> {
        self.ask(|reply| Command::ResetOffsets { name, reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let gone = || Refusal::new(500, "Worker is shutting down");
        let asked = async {
            self.sender.send(command(reply)).await.map_err(|_gone| gone())?;
            answer.await.map_err(|_gone| gone())?
        };
        let late = |_late| Refusal::new(500, "Request timed out");
        tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
    }
}
