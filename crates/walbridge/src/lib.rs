//! The worker as a library: [`run`] is the program less its command line.
//!
//! ```text
//!  worker_config ──Properties──> connect::Worker (REST, herder, storage topics)
//!                                    │ starts, stops
//!                                    v
//!                       postgres::PostgresConnector::run, once per task
//!                         source (snapshot, then stream) ──queue──> pipeline (encode, produce, ack, record, confirm)
//! ```

pub mod health;
mod pipeline;
mod postgres;
pub mod telemetry;
pub mod worker_config;

use std::path::Path;
use std::sync::Arc;

use connect::{Plugin, Worker, WorkerSettings};
use tokio_util::sync::CancellationToken;

/// What REST reports as the build's commit: Connect shows 16 hexadecimal digits.
const COMMIT: &str = match option_env!("WALBRIDGE_COMMIT") {
    Some(commit) => commit,
    None => "0000000000000000",
};

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] worker_config::WorkerConfigError),
    /// The worker cannot start or go on.
    #[error(transparent)]
    Worker(#[from] connect::WorkerError),
    /// The operating system refuses something.
    #[error("{action}: {source}")]
    System {
        /// What we were doing.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs a worker until SIGTERM or SIGINT: reads `file`, or the environment without one. `levels` are the log's.
///
/// # Errors
/// The configuration is unusable, the brokers or a storage topic are, or a part of the worker failed.
pub fn run(file: Option<&Path>, levels: telemetry::Levels) -> Result<(), RunError> {
    let properties = match file {
        Some(path) => worker_config::from_file(path)?,
        None => worker_config::from_env(std::env::vars()),
    };
    for key in worker_config::unknown(&properties) {
        tracing::warn!(key, "worker property is not known and has no effect");
    }
    // REST's bodies are those of this version.
    let mut settings = WorkerSettings::parse(&properties, sink::component::KAFKA_VERSION, COMMIT)?;
    settings.loggers = Arc::new(connect::logging::Loggers::new(Box::new(levels)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| RunError::System { action: "start the runtime", source })?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let signals = terminated()
            .map_err(|source| RunError::System { action: "listen for signals", source })?;
        let mut plugins: Vec<Arc<dyn Plugin>> = vec![Arc::new(postgres::PostgresConnector)];
        plugins.extend(connect::foreign::plugins());
        let worker = Worker::start(settings, plugins, shutdown.clone());
        tokio::pin!(signals);
        let worker = tokio::select! {
            worker = worker => worker?,
            () = &mut signals => return Ok(()),
        };
        let running = worker.run();
        tokio::pin!(running);
        tokio::select! {
            result = &mut running => return Ok(result?),
            () = &mut signals => {}
        }
        tracing::info!("stopping");
        shutdown.cancel();
        Ok(running.await?)
    })
}

/// Completes at the first SIGTERM or SIGINT.
fn terminated() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
