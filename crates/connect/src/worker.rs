//! [`Worker`]: the storage topics, the herder and REST put together.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::connector::Plugin;
use crate::error::WorkerError;
use crate::settings::WorkerSettings;

/// A started worker: REST answers, connectors run.
#[derive(Debug)]
pub struct Worker {
    addresses: Vec<SocketAddr>,
}

impl Worker {
    /// Connects to the brokers, creates or checks the storage topics, reads them to their ends, listens, and
    /// brings back every connector. It stops gracefully when `shutdown` is cancelled; [`Self::run`] waits for that.
    ///
    /// # Errors
    /// The brokers cannot be reached, a storage topic is unusable, or a listener cannot be bound.
    pub async fn start(
        settings: WorkerSettings,
        plugins: Vec<Arc<dyn Plugin>>,
        shutdown: CancellationToken,
    ) -> Result<Self, WorkerError> {
        todo!()
    }

    /// Where REST listens, ports resolved.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until the worker has stopped: every task has ended or was dropped after the grace period, and the
    /// statuses say UNASSIGNED.
    ///
    /// # Errors
    /// A part of the worker ended although nobody asked it to.
    pub async fn run(self) -> Result<(), WorkerError> {
        todo!()
    }
}
