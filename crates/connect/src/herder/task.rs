//! A task under supervision: how it was started, how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::command::Reply;
use crate::connector::{Plugin, Properties, Target, TaskContext, TaskError};

/// Which task: connector and number.
pub(super) type TaskId = (String, u32);

/// How a task ended.
#[derive(Debug)]
pub(super) enum End {
    /// It returned.
    Returned(Result<(), TaskError>),
    /// It was dropped: it did not return in time after it was asked to.
    Dropped,
}

/// Says that a task has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) id: TaskId,
    /// Tells the starts of one task apart.
    pub(super) instance: u64,
    pub(super) end: End,
}

/// What is the matter with a task.
#[derive(Debug)]
pub(super) enum Phase {
    Running,
    Failed,
    /// Was asked to stop; `announce`: it shows RESTARTING before it starts again.
    Stopping {
        announce: bool,
        replies: Vec<Reply<()>>,
    },
}

/// A task that this worker has started.
#[derive(Debug)]
pub(super) struct TaskRun {
    /// As committed, placeholders unresolved.
    pub(super) config: Properties,
    pub(super) phase: Phase,
    pub(super) instance: u64,
    target: watch::Sender<Target>,
    stop: CancellationToken,
}

impl TaskRun {
    /// A task that could not even be started.
    pub(super) fn failed(config: Properties, instance: u64) -> Self {
        let (target, _) = watch::channel(Target::Started);
        Self { config, phase: Phase::Failed, instance, target, stop: CancellationToken::new() }
    }

    /// Whether anything of it may still run.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.phase, Phase::Failed)
    }

    /// Asks it to stop. [`Ended`] follows.
    pub(super) fn stop(&mut self, announce_restart: bool, reply: Option<Reply<()>>) {
        self.stop.cancel();
        if let Phase::Stopping { announce, replies } = &mut self.phase {
            *announce |= announce_restart;
            replies.extend(reply);
        } else {
            let replies = reply.into_iter().collect();
            self.phase = Phase::Stopping { announce: announce_restart, replies };
        }
    }

    /// Tells it to run or to pause; says whether that is new.
    pub(super) fn retarget(&self, target: Target) -> bool {
        self.target.send_if_modified(|now| std::mem::replace(now, target) != target)
    }
}

/// What a supervisor needs besides the context.
pub(super) struct Supervision {
    pub(super) plugin: Arc<dyn Plugin>,
    pub(super) grace: Duration,
    pub(super) ended: mpsc::Sender<Ended>,
    pub(super) instance: u64,
}

/// Starts a task. `target` and `stop` are the other ends of those in `context`.
pub(super) fn start(
    supervision: Supervision,
    context: TaskContext,
    target: watch::Sender<Target>,
    config: Properties,
) -> TaskRun {
    let Supervision { plugin, grace, ended, instance } = supervision;
    let id = (context.connector.clone(), context.task);
    let stop = context.stop.clone();
    let stopping = stop.clone();
    let mut running = tokio::spawn(async move { plugin.run(context).await });
    tokio::spawn(async move {
        let joined = tokio::select! {
            joined = &mut running => Some(joined),
            () = stopping.cancelled() => tokio::time::timeout(grace, &mut running).await.ok(),
        };
        let end = match joined {
            Some(Ok(result)) => End::Returned(result),
            Some(Err(error)) => End::Returned(Err(TaskError {
                trace: format!(
                    "org.apache.kafka.connect.errors.ConnectException: the task crashed: {error}"
                ),
            })),
            None => {
                running.abort();
                End::Dropped
            }
        };
        // Nobody listens any more only when the worker itself is dropped.
        drop(ended.send(Ended { id, instance, end }).await);
    });
    TaskRun { config, phase: Phase::Running, instance, target, stop }
}
