//! The worker as a library: [`run`] is the program less its command line.
//!
//! ```text
//!  worker_config ──Properties──> connect::Worker (REST, herder, storage topics)
//!                                    │ starts, stops
//!                                    v
//!                       postgres::PostgresConnector::run, once per task
//!                         source (snapshot, then stream) ──queue──> pipeline (encode, produce, ack, record, confirm)
//! ```

mod connector_file;
mod console;
pub mod health;
mod intake;
mod live;
mod metrics;
mod notification;
mod pipeline;
mod postgres;
mod report;
mod stopping;
pub mod telemetry;
pub mod worker_config;

use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use connect::{Extension, Plugin, Worker, WorkerSettings};
use fancy_regex::Regex;
use tokio_util::sync::CancellationToken;

use connector_file::ConnectorFile;
pub use connector_file::{ConnectorFileError, Given};
use console::Console;
use live::{Live, Shows};
pub use metrics::MetricsError;
pub use postgres::tail::{Operation, TailError, TailFormat, TailOptions};
use report::Verdict;

/// Kafka Connect's version that REST reports: its bodies are those of this version.
const CONNECT_VERSION: &str = sink::component::KAFKA_VERSION;

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
    /// A connector's file is not usable.
    #[error(transparent)]
    Connector(#[from] ConnectorFileError),
    /// A tail ended.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// The result could not be written.
    #[error("output: {0}")]
    Output(#[from] io::Error),
    /// Metrics cannot be served as configured.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The worker cannot start or go on.
    #[error(transparent)]
    Worker(#[from] connect::WorkerError),
    /// The operating system refuses something.
    #[error("{action}: {source}")]
    System {
        /// What we were doing.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl RunError {
    /// Whether whoever reads our output has gone: an end like any other (`tail … | head`).
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        let (Self::Output(error) | Self::Tail(TailError::Output(error))) = self else {
            return false;
        };
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// What `--version` says after the name.
#[must_use]
pub fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    format!("{own} (Kafka Connect {CONNECT_VERSION}, Debezium {})", postgres::DEBEZIUM_VERSION)
}

/// A regular expression of the command line.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// The expression.
    #[must_use]
    pub fn into_regex(self) -> Regex {
        self.0
    }
}

impl FromStr for Pattern {
    type Err = fancy_regex::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Regex::new(text).map(Self)
    }
}

/// How a check is reported.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// As one JSON object.
    pub json: bool,
    /// Warnings fail.
    pub strict: bool,
    /// Colours in the text.
    pub color: bool,
}

/// Checks whether a connector would run and writes what was found; false if it would not.
///
/// # Errors
/// The files cannot be used, or the report cannot be written.
pub fn check(
    given: &Given,
    options: &CheckOptions,
    out: &mut impl Write,
) -> Result<bool, RunError> {
    let file = ConnectorFile::read(given)?;
    let report = runtime()?.block_on(postgres::check::check(&file));
    if options.json {
        writeln!(out, "{:#}", report.to_json())?;
    } else {
        report.write_text(out, options.color)?;
    }
    Ok(match report.verdict() {
        Verdict::Ok => true,
        Verdict::Warn => !options.strict,
        Verdict::Fail => false,
    })
}

/// Writes a connector's changes until SIGTERM, SIGINT or the limit.
///
/// # Errors
/// The files cannot be used, Postgres ends it, or nobody takes the output.
pub fn tail(given: &Given, options: &TailOptions, out: &mut impl Write) -> Result<(), RunError> {
    let file = ConnectorFile::read(given)?;
    runtime()?.block_on(async {
        let stop = CancellationToken::new();
        let signals = terminated()
            .map_err(|source| RunError::System { action: "listen for signals", source })?;
        let stopper = stop.clone();
        let listening = tokio::spawn(async move {
            signals.await;
            stopper.cancel();
        });
        let ended = postgres::tail::tail(&file, options, out, stop).await;
        listening.abort();
        Ok(ended?)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, RunError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| RunError::System { action: "start the runtime", source })
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
    let mut settings = WorkerSettings::parse(&properties, CONNECT_VERSION, COMMIT)?;
    settings.loggers = Arc::new(connect::logging::Loggers::new(Box::new(levels)));
    let runtime = runtime()?;
    let result = runtime.block_on(work(settings));
    // A question to brokers that do not answer may hold its thread for a minute.
    runtime.shutdown_timeout(LINGER);
    result
}

/// How long threads that wait for brokers may hold up the end of the process.
const LINGER: Duration = Duration::from_millis(500);

/// Everything that a worker is.
async fn work(settings: WorkerSettings) -> Result<(), RunError> {
    let shutdown = CancellationToken::new();
    let signals =
        terminated().map_err(|source| RunError::System { action: "listen for signals", source })?;
    let live = Arc::new(Live::default());
    let metrics = metrics::Metrics::open(&settings.properties).await?;
    let connector = postgres::PostgresConnector {
        live: Arc::clone(&live),
        metrics: postgres::task::Measuring {
            exporter: Arc::clone(&metrics.exporter),
            max_tables: metrics.max_tables,
        },
    };
    let mut plugins: Vec<Arc<dyn Plugin>> = vec![Arc::new(connector)];
    plugins.extend(connect::foreign::plugins());
    let console = open_console(Arc::clone(&live), console::shows(&settings.properties)?, &shutdown);
    let worker =
        Worker::start(settings, plugins, console, Some(metrics.clients()), shutdown.clone());
    tokio::pin!(signals);
    let worker = tokio::select! {
        worker = worker => worker?,
        () = &mut signals => return Ok(()),
    };
    metrics.follow(worker.monitor(), &live);
    let running = worker.run();
    tokio::pin!(running);
    let result = tokio::select! {
        result = &mut running => result,
        () = &mut signals => {
            tracing::info!("stopping");
            shutdown.cancel();
            running.await
        }
    };
    // What happened until the end can be scraped until the end.
    metrics.stop().await;
    Ok(result?)
}

/// The console, unless it is off; it takes its samples until `shutdown`.
fn open_console(
    live: Arc<Live>,
    shows: Shows,
    shutdown: &CancellationToken,
) -> Option<Arc<dyn Extension>> {
    if shows == Shows::Nothing {
        return None;
    }
    let console = Console::new(live, shows);
    tokio::spawn(Arc::clone(&console).sample(shutdown.clone()));
    Some(console)
}

/// Completes at the first SIGTERM or SIGINT.
fn terminated() -> io::Result<impl Future<Output = ()>> {
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
