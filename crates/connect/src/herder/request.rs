//! What each command does: it writes to the config topic, and what runs changes when that is read back.

use serde_json::Value;

use super::Herder;
use super::command::{Command, ConnectorState, Refusal, Reply};
use crate::connector::Properties;
use crate::storage::config::{ConnectorEntry, RestartRequest, TargetState};
use crate::storage::status::State;

impl Herder {
    pub(super) async fn command(&mut self, command: Command) {
        // A client may have gone before its answer: then nobody needs it.
        match command {
            Command::PutConfig { name, config, create, reply } => {
                drop(reply.send(self.put_config(&name, config, create).await));
            }
            Command::Delete { name, reply } => drop(reply.send(self.delete(&name).await)),
            Command::SetTarget { name, target, reply } => {
                drop(reply.send(self.set_target(&name, target).await));
            }
            Command::RestartConnector { name, reply } => {
                drop(reply.send(self.restart_connector(&name)));
            }
            Command::Restart { name, request, reply } => {
                drop(reply.send(self.request_restart(&name, request).await));
            }
            Command::RestartTask { name, task, reply } => self.restart_task(&name, task, reply),
            Command::AlterOffsets { name, offsets, reply } => {
                drop(reply.send(self.alter_offsets(&name, offsets).await));
            }
            Command::ResetOffsets { name, reply } => {
                drop(reply.send(self.reset_offsets(&name).await));
            }
        }
    }

    fn existing(
        &self,
        name: &str,
        missing: impl FnOnce() -> String,
    ) -> Result<ConnectorEntry, Refusal> {
        self.shared.configs.connector(name).ok_or_else(|| Refusal::new(404, missing()))
    }

    async fn put_config(
        &mut self,
        name: &str,
        config: Properties,
        create: Option<TargetState>,
    ) -> Result<bool, Refusal> {
        let configs = &self.shared.configs;
        let exists = configs.connector(name).is_some();
        match create {
            Some(_) if exists => {
                return Err(Refusal::new(409, format!("Connector {name} already exists")));
            }
            // Written first, so that nobody who reads on starts it for a moment.
            Some(target @ (TargetState::Paused | TargetState::Stopped)) => {
                configs.put_target_state(name, target).await?;
            }
            Some(TargetState::Started) | None => {}
        }
        configs.put_connector(name, config).await?;
        Ok(!exists)
    }

    async fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        self.existing(name, || format!("Connector {name} not found"))?;
        Ok(self.shared.configs.delete_connector(name).await?)
    }

    async fn set_target(&mut self, name: &str, target: TargetState) -> Result<(), Refusal> {
        let entry = self.existing(name, || format!("Unknown connector {name}"))?;
        if target == TargetState::Stopped {
            self.shared.configs.put_tasks(name, Vec::new()).await?;
        }
        if target == entry.target && target != TargetState::Stopped {
            return Ok(());
        }
        Ok(self.shared.configs.put_target_state(name, target).await?)
    }

    fn restart_connector(&mut self, name: &str) -> Result<(), Refusal> {
        let entry = self.existing(name, || format!("Unknown connector: {name}"))?;
        if self.connectors.get(name).is_some_and(|run| !run.failed) {
            self.connector_unassigned(name, false);
        }
        if self.start_connector(name, &entry) {
            Ok(())
        } else {
            Err(Refusal::new(500, format!("Failed to start connector: {name}")))
        }
    }

    async fn request_restart(
        &mut self,
        name: &str,
        request: RestartRequest,
    ) -> Result<ConnectorState, Refusal> {
        self.existing(name, || format!("Unknown connector: {name}"))?;
        let state = self.shared.state(name);
        let mut state = state
            .ok_or_else(|| Refusal::new(404, format!("Status for connector {name} not found")))?;
        let restarts = |state: State| !request.only_failed || state == State::Failed;
        if restarts(state.connector.state) {
            state.connector.state = State::Restarting;
        }
        for task in state.tasks.iter_mut().filter(|_| request.include_tasks) {
            if restarts(task.entry.state) {
                task.entry.state = State::Restarting;
            }
        }
        self.shared.configs.put_restart(name, request).await?;
        Ok(state)
    }

    fn known_task(&self, name: &str, task: i32) -> Result<u32, Refusal> {
        let entry = self.existing(name, || format!("Unknown connector: {name}"))?;
        let unknown = || Refusal::new(404, format!("Unknown task: {name}-{task}"));
        let number = u32::try_from(task).map_err(|_negative| unknown())?;
        match usize::try_from(number) {
            Ok(number) if number < entry.tasks.len() => {}
            // It had this task before it was stopped: nobody owns it now, and this is how Connect says so.
            Ok(number) if number < entry.most_tasks => {
                let text = "Cannot complete request momentarily due to no known leader URL, likely because a \
                    rebalance was underway.";
                return Err(Refusal::new(409, text));
            }
            _ => return Err(unknown()),
        }
        Ok(number)
    }

    fn restart_task(&mut self, name: &str, task: i32, reply: Reply<()>) {
        let task = match self.known_task(name, task) {
            Ok(task) => task,
            Err(refusal) => {
                drop(reply.send(Err(refusal)));
                return;
            }
        };
        let id = (name.to_owned(), task);
        match self.tasks.get_mut(&id) {
            Some(run) if run.is_alive() => run.stop(false, Some(reply)),
            _ => {
                if let Some(entry) = self.shared.configs.connector(name) {
                    self.restart_failed(&id, &entry);
                }
                drop(reply.send(Ok(())));
            }
        }
    }

    /// Offsets may change only while nothing uses them.
    fn require_stopped(&self, name: &str) -> Result<(), Refusal> {
        let entry = self.existing(name, || format!("Connector {name} not found"))?;
        let idle = entry.target == TargetState::Stopped
            && entry.tasks.is_empty()
            && self.tasks_of(name).is_empty();
        if idle {
            return Ok(());
        }
        Err(Refusal::new(
            400,
            format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done \
                 for the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            ),
        ))
    }

    async fn alter_offsets(
        &mut self,
        name: &str,
        offsets: Vec<(Value, Option<Value>)>,
    ) -> Result<(), Refusal> {
        self.require_stopped(name)?;
        Ok(self.shared.offsets.alter(name, offsets).await?)
    }

    async fn reset_offsets(&mut self, name: &str) -> Result<(), Refusal> {
        self.require_stopped(name)?;
        Ok(self.shared.offsets.reset(name).await?)
    }
}
