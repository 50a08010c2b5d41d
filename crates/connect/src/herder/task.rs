//! A task under supervision: how it was started, how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
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

/// How long what is dropped may take to go: its clients wait for their threads.
const BURIAL: Duration = Duration::from_secs(5);

/// Waits until the task has returned; one that does not, in time after `stopping`, is dropped. What is reported as
/// ended holds nothing any more, neither the slot nor a producer, so that the next one may start.
async fn end_of(
    mut running: JoinHandle<Result<(), TaskError>>,
    stopping: CancellationToken,
    grace: Duration,
) -> End {
    let joined = tokio::select! {
        joined = &mut running => Some(joined),
        () = stopping.cancelled() => tokio::time::timeout(grace, &mut running).await.ok(),
    };
    match joined {
        Some(Ok(result)) => End::Returned(result),
        Some(Err(error)) => End::Returned(Err(TaskError {
            trace: format!(
                "org.apache.kafka.connect.errors.ConnectException: the task crashed: {error}"
            ),
        })),
        None => {
            running.abort();
            // One that blocks its thread for longer is left alone: a worker's end must not wait for it.
            if tokio::time::timeout(BURIAL, &mut running).await.is_err() {
                tracing::error!("a task that was dropped blocks its thread");
            }
            End::Dropped
        }
    }
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
    let running = tokio::spawn(async move { plugin.run(context).await });
    tokio::spawn(async move {
        let end = end_of(running, stopping, grace).await;
        // Nobody listens any more only when the worker itself is dropped.
        drop(ended.send(Ended { id, instance, end }).await);
    });
    TaskRun { config, phase: Phase::Running, instance, target, stop }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Takes its time to be dropped, as a producer does.
    struct Held(Arc<AtomicBool>);

    impl Drop for Held {
        #[expect(clippy::disallowed_methods, reason = "to block its thread is what it is for")]
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(100));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn dropped_task_has_let_go_of_everything_when_its_end_is_reported() {
        let gone = Arc::new(AtomicBool::new(false));
        let held = Held(Arc::clone(&gone));
        let running = tokio::spawn(async move {
            let _held = held;
            std::future::pending().await
        });
        let stop = CancellationToken::new();
        stop.cancel();
        let end = end_of(running, stop, Duration::from_millis(1)).await;
        assert!(matches!(end, End::Dropped));
        assert!(gone.load(Ordering::SeqCst));
    }
}
