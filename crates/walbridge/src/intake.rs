//! Where the pipeline's batches come from: the queue of the reader of the log, or the stage of signals before it.

use std::sync::Arc;

use pgoutput::Batch;
use pgoutput::queue::Receiver;
use sink::offset::IncrementalOffset;
use tokio::sync::mpsc;

/// A batch, and what is new of an incremental snapshot once it is delivered.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) batch: Batch,
    /// Outer: whether it changed; inner: whether one runs.
    pub(crate) incremental: Option<Option<Arc<IncrementalOffset>>>,
}

impl Staged {
    const fn plain(batch: Batch) -> Self {
        Self { batch, incremental: None }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Intake {
    /// Straight from the queue.
    Queue(Receiver),
    /// From the stage of signals, which reads that queue.
    Stage(mpsc::Receiver<Staged>),
}

impl Intake {
    /// The next; `None` when the other end is gone and everything is taken. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<Staged> {
        match self {
            Self::Queue(queue) => queue.recv().await.map(Staged::plain),
            Self::Stage(stage) => stage.recv().await,
        }
    }

    /// The next if there is one at once.
    pub(crate) fn try_recv(&mut self) -> Option<Staged> {
        match self {
            Self::Queue(queue) => queue.try_recv().map(Staged::plain),
            Self::Stage(stage) => stage.try_recv().ok(),
        }
    }
}
