//! How connectors and tasks start, change and end.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::task::{self, End, Ended, Phase, Supervision, TaskId, TaskRun};
use super::{ConnectorRun, Herder};
use crate::connector::{OffsetStore, Properties, StatusSink, Target, TaskContext, TaskError};
use crate::storage::config::{ConnectorEntry, RestartRequest, TargetState};
use crate::storage::status::{State, Status};
use sink::java_map::hash_order;

impl From<TargetState> for Target {
    fn from(target: TargetState) -> Self {
        match target {
            TargetState::Started => Self::Started,
            TargetState::Paused | TargetState::Stopped => Self::Paused,
        }
    }
}

impl Herder {
    /// Makes what runs here match what the config topic says about one connector. `written`: its configuration was
    /// written again, which restarts the connector even if nothing in it has changed.
    pub(super) async fn reconcile(&mut self, name: &str, written: bool) {
        let Some(entry) = self.shared.configs.connector(name) else {
            self.deleted(name);
            return;
        };
        let target = entry.target;
        if let Some(run) = self.connectors.get_mut(name).filter(|_| !written) {
            if std::mem::replace(&mut run.target, target) != target && !run.failed {
                self.connector_started(name, target);
            }
        } else {
            if self.connectors.contains_key(name) {
                self.connector_unassigned(name, false);
            } else {
                self.generation += 1;
            }
            self.start_connector(name, &entry);
        }
        if let Err(error) = self.commit_tasks(name, &entry).await {
            warn!(connector = name, %error, "the task configurations could not be written");
        }
        self.reconcile_tasks(name);
    }

    /// Starts the connector itself; says whether it runs now.
    pub(super) fn start_connector(&mut self, name: &str, entry: &ConnectorEntry) -> bool {
        let started = self.check_start(entry);
        self.shared.connector_starts.count(started.is_ok());
        let run = ConnectorRun { target: entry.target, failed: started.is_err() };
        self.connectors.insert(name.to_owned(), run);
        match started {
            Ok(()) => {
                self.connector_started(name, entry.target);
                true
            }
            Err(TaskError { trace }) => {
                info!(connector = name, "failed to start");
                let status = Status { trace: Some(trace), ..self.status(State::Failed) };
                self.shared.statuses.put_connector(name, &status);
                false
            }
        }
    }

    fn check_start(&self, entry: &ConnectorEntry) -> Result<(), TaskError> {
        let config = self.resolved(entry.config.as_ref())?;
        let class = config.get("connector.class").map_or("", String::as_str);
        let plugin = self.shared.plugin(class).ok_or_else(|| crate::foreign::refusal(class))?;
        crate::validation::topic_creation(&self.shared.settings, &config)?;
        plugin.start(&config)
    }

    fn resolved(&self, config: Option<&Properties>) -> Result<Properties, TaskError> {
        let resolved = config.map(|config| self.shared.settings.placeholders.resolve(config));
        resolved.unwrap_or_else(|| Ok(Properties::new())).map_err(|reason| TaskError {
            trace: format!("org.apache.kafka.common.config.ConfigException: {reason}\n"),
        })
    }

    fn connector_started(&self, name: &str, target: TargetState) {
        let state = match target {
            TargetState::Started => State::Running,
            TargetState::Paused => State::Paused,
            TargetState::Stopped => State::Stopped,
        };
        info!(connector = name, ?state, "connector");
        let status = Status { version: self.version(name), ..self.status(state) };
        self.shared.statuses.put_connector(name, &status);
    }

    pub(super) fn connector_unassigned(&self, name: &str, with_version: bool) {
        let version = with_version.then(|| self.version(name)).flatten();
        self.shared
            .statuses
            .put_connector(name, &Status { version, ..self.status(State::Unassigned) });
    }

    pub(super) fn task_unassigned(&self, (name, task): &TaskId) {
        self.shared.statuses.put_task(name, *task, &self.status(State::Unassigned));
    }

    fn status(&self, state: State) -> Status {
        let worker_id = self.shared.statuses.worker_id().to_owned();
        Status { state, trace: None, worker_id, generation: self.generation, version: None }
    }

    fn version(&self, name: &str) -> Option<String> {
        let entry = self.shared.configs.connector(name)?;
        let plugin = self.shared.plugin_of(entry.config.as_ref()?)?;
        Some(plugin.version().to_owned())
    }

    /// Nothing of a deleted connector is shown, while its tasks may still be stopping.
    fn deleted(&mut self, name: &str) {
        let ran = self.connectors.remove(name).is_some();
        if ran {
            self.generation += 1;
            self.connector_unassigned(name, false);
        }
        let statuses = Arc::clone(&self.shared.statuses);
        statuses.delete_topics(name);
        for (task, _) in statuses.tasks(name) {
            statuses.delete_task(name, task);
        }
        for id in self.tasks_of(name) {
            statuses.delete_task(name, id.1);
            self.stop_task(&id, false);
        }
        // What was posted a moment ago may not have been read back yet.
        if ran || statuses.connector(name).is_some() {
            statuses.delete_connector(name);
        }
    }

    pub(super) fn tasks_of(&self, name: &str) -> Vec<TaskId> {
        let first = (name.to_owned(), 0);
        let own = self.tasks.range(first..).take_while(|((connector, _), _)| connector == name);
        own.map(|(id, _)| id.clone()).collect()
    }

    /// Writes the task configurations if the connector runs and wants others than those committed.
    async fn commit_tasks(
        &mut self,
        name: &str,
        entry: &ConnectorEntry,
    ) -> Result<(), crate::storage::log::LogError> {
        let running = self.connectors.get(name).is_some_and(|run| !run.failed);
        let (Some(config), true) = (&entry.config, running && entry.target == TargetState::Started)
        else {
            return Ok(());
        };
        let Some(plugin) = self.shared.plugin_of(config) else { return Ok(()) };
        let wanted: Vec<Properties> = plugin
            .task_configs(config)
            .into_iter()
            .map(|mut task| {
                task.insert("task.class".to_owned(), plugin.task_class().to_owned());
                hash_order(task)
            })
            .collect();
        if entry.inconsistent || wanted != entry.tasks {
            self.shared.configs.put_tasks(name, wanted).await?;
            // Which tasks there are has changed: a group would rebalance.
            self.generation += 1;
        }
        Ok(())
    }

    fn reconcile_tasks(&mut self, name: &str) {
        let Some(entry) = self.shared.configs.connector(name) else { return };
        let known = entry.config.as_ref().is_some_and(|config| self.shared.runs(config));
        let wanted =
            if entry.target == TargetState::Stopped || !known { &[][..] } else { &entry.tasks };
        for id in self.tasks_of(name) {
            if usize::try_from(id.1).is_ok_and(|task| task >= wanted.len()) {
                self.stop_task(&id, false);
            }
        }
        for (task, config) in (0..).zip(wanted) {
            let id = (name.to_owned(), task);
            match self.tasks.get(&id) {
                None => self.start_task(&id, config, entry.target),
                Some(run) => match run.phase {
                    Phase::Failed if run.config != *config => {
                        self.start_task(&id, config, entry.target);
                    }
                    // What is stopping starts again when it has ended; what has failed waits for a restart.
                    Phase::Failed | Phase::Stopping { .. } => {}
                    Phase::Running if run.config != *config => self.stop_task(&id, false),
                    Phase::Running => self.retarget(&id, entry.target),
                },
            }
        }
        if known && entry.target == TargetState::Stopped {
            self.forget_tasks(name);
        }
    }

    /// A stopped connector has no tasks: what a worker before left behind goes too.
    fn forget_tasks(&self, name: &str) {
        for (task, _) in self.shared.statuses.tasks(name) {
            if !self.tasks.contains_key(&(name.to_owned(), task)) {
                self.shared.statuses.delete_task(name, task);
            }
        }
    }

    fn retarget(&self, id: &TaskId, target: TargetState) {
        let changed = self.tasks.get(id).is_some_and(|run| run.retarget(target.into()));
        if changed {
            self.task_started(id, target);
        }
    }

    fn task_started(&self, id: &TaskId, target: TargetState) {
        let state = if target == TargetState::Started { State::Running } else { State::Paused };
        let version = self.version(&id.0);
        self.shared.statuses.put_task(&id.0, id.1, &Status { version, ..self.status(state) });
    }

    fn start_task(&mut self, id: &TaskId, config: &Properties, target: TargetState) {
        self.instances += 1;
        let started = self.try_start_task(id, config, target);
        self.shared.task_starts.count(started.is_ok());
        let run = match started {
            Ok(run) => {
                info!(connector = id.0, task = id.1, "task started");
                self.task_started(id, target);
                run
            }
            Err(error) => {
                self.task_failed(id, error);
                TaskRun::failed(config.clone(), self.instances)
            }
        };
        self.tasks.insert(id.clone(), run);
    }

    fn try_start_task(
        &self,
        (name, task): &TaskId,
        config: &Properties,
        target: TargetState,
    ) -> Result<TaskRun, TaskError> {
        let shared = &self.shared;
        let entry = shared.configs.connector(name);
        let plugin = entry.as_ref().and_then(|entry| shared.plugin_of(entry.config.as_ref()?));
        let plugin = plugin.ok_or_else(|| TaskError {
            trace: "org.apache.kafka.connect.errors.ConnectException: the connector is gone\n"
                .to_owned(),
        })?;
        let (sender, receiver) = watch::channel(Target::from(target));
        let context = TaskContext {
            connector: name.clone(),
            task: *task,
            config: self.resolved(Some(config))?,
            worker: Arc::clone(&shared.settings.properties),
            target: receiver,
            stop: CancellationToken::new(),
            offsets: OffsetStore { connector: name.clone(), storage: Arc::clone(&shared.offsets) },
            status: StatusSink {
                connector: name.clone(),
                task: *task,
                storage: Arc::clone(&shared.statuses),
            },
        };
        let supervision = Supervision {
            plugin: Arc::clone(plugin),
            grace: shared.settings.shutdown_timeout,
            ended: self.ended.clone(),
            instance: self.instances,
        };
        Ok(task::start(supervision, context, sender, config.clone()))
    }

    fn task_failed(&self, id: &TaskId, TaskError { trace }: TaskError) {
        warn!(connector = id.0, task = id.1, trace, "task failed");
        let version = self.version(&id.0);
        let status = Status { trace: Some(trace), version, ..self.status(State::Failed) };
        self.shared.statuses.put_task(&id.0, id.1, &status);
    }

    /// Asks a task to stop, or forgets it if it has ended already.
    fn stop_task(&mut self, id: &TaskId, announce: bool) {
        let Some(run) = self.tasks.get_mut(id) else { return };
        if run.is_alive() {
            run.stop(announce, None);
        } else {
            self.tasks.remove(id);
            self.task_gone(id, false);
        }
    }

    /// A task of this worker has ended for good: its status goes with it.
    fn task_gone(&self, id: &TaskId, unassigned: bool) {
        let (name, task) = id;
        let entry = self.shared.configs.connector(name);
        let wanted = entry.as_ref().is_some_and(|entry| {
            entry.target != TargetState::Stopped
                && usize::try_from(*task).is_ok_and(|task| task < entry.tasks.len())
        });
        let told = entry.is_some() && unassigned;
        if told {
            self.task_unassigned(id);
        }
        // What was just told has not been read back yet.
        if !wanted && (told || self.shared.statuses.task(name, *task).is_some()) {
            self.shared.statuses.delete_task(name, *task);
        }
    }

    /// A task has ended: because it was asked to, or because it failed.
    pub(super) async fn task_ended(&mut self, Ended { id, instance, end }: Ended) {
        let Some(run) = self.tasks.get_mut(&id).filter(|run| run.instance == instance) else {
            return;
        };
        let phase = std::mem::replace(&mut run.phase, Phase::Failed);
        let Phase::Stopping { announce, replies } = phase else {
            let unasked = || TaskError {
                trace: "org.apache.kafka.connect.errors.ConnectException: the task ended unasked\n"
                    .to_owned(),
            };
            let error = match end {
                End::Returned(Err(error)) => error,
                End::Returned(Ok(())) | End::Dropped => unasked(),
            };
            self.task_failed(&id, error);
            return;
        };
        match end {
            End::Returned(Ok(())) => {}
            End::Returned(Err(error)) => {
                warn!(
                    connector = id.0,
                    task = id.1,
                    trace = error.trace,
                    "task failed while it was stopping"
                );
            }
            End::Dropped => {
                warn!(connector = id.0, task = id.1, "task did not stop in time and was dropped");
            }
        }
        self.tasks.remove(&id);
        self.task_gone(&id, true);
        if announce {
            self.announce_task(&id);
        }
        self.reconcile(&id.0, false).await;
        for reply in replies {
            // The client may have gone meanwhile.
            drop(reply.send(Ok(())));
        }
    }

    fn announce_task(&self, id: &TaskId) {
        if self.shared.configs.connector(&id.0).is_some() {
            self.shared.statuses.put_task(&id.0, id.1, &self.status(State::Restarting));
        }
    }

    /// Restarts what a restart record asks for.
    pub(super) fn restart(&mut self, name: &str, request: RestartRequest) {
        let Some(entry) = self.shared.configs.connector(name) else { return };
        let failed = self.connectors.get(name).is_none_or(|run| run.failed);
        if failed || !request.only_failed {
            if !failed {
                self.connector_unassigned(name, false);
            }
            self.shared.statuses.put_connector(name, &self.status(State::Restarting));
            self.start_connector(name, &entry);
        }
        if !request.include_tasks {
            return;
        }
        for id in self.tasks_of(name) {
            let Some(run) = self.tasks.get_mut(&id) else { continue };
            if run.is_alive() {
                if !request.only_failed {
                    run.stop(true, None);
                }
            } else {
                self.announce_task(&id);
                self.restart_failed(&id, &entry);
            }
        }
    }

    /// Starts a failed task again.
    pub(super) fn restart_failed(&mut self, id: &TaskId, entry: &ConnectorEntry) {
        let config = usize::try_from(id.1).ok().and_then(|task| entry.tasks.get(task));
        if let Some(config) = config {
            self.start_task(id, config, entry.target);
        }
    }
}
