//! One task: runs the source and the pipeline side by side, and starts both over when what failed may pass.

use std::sync::Arc;
use std::time::Duration;

use connect::client_config::{self, Role};
use connect::connector::Target;
use connect::{Properties, TaskContext, TaskError};
use exporter::Exporter;
use exporter::task::Task;
use pgoutput::{Lsn, queue};
use serde_json::{Map, Value};
use sink::config::{ColumnRules, EncoderConfig, KeyColumns, Path, TextFilter};
use sink::converter::Converters;
use sink::encoder::Encoder;
use sink::offset::{IncrementalOffset, SourceOffset};
use sink::plan::Clock;
use sink::producer::Producer;
use sink::topic_creation::{TopicCreation, TopicCreator};
use sink::transform::Chain;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::options::{self, Handling};
use super::refusal::{PRODUCER, SourceError};
use super::settings::Settings;
use super::signal::{Begin, Stage};
use super::source::{self, Channels, Output, Start};
use crate::console;
use crate::intake::Intake;
use crate::live::{Live, TaskLive};
use crate::metrics::meter::{Measured, Meter};
use crate::notification::Notifier;
use crate::pipeline::{Intervals, Parts, Pipeline, PipelineError};

/// What a task's parts are configured from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) connector: &'a str,
    pub(super) task: u32,
    pub(super) config: &'a Properties,
    pub(super) worker: &'a Properties,
}

impl<'a> Scope<'a> {
    fn of(context: &'a TaskContext) -> Self {
        let TaskContext { connector, task, config, worker, .. } = context;
        Self { connector, task: *task, config, worker }
    }
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Offset(#[from] connect::connector::OffsetError),
    #[error("{0}")]
    Setup(String),
    /// A class that only Debezium could load.
    #[error("unable to find {1} {0}")]
    Service(&'static str, String),
}

impl RunError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Source(error) => error.is_transient(),
            Self::Offset(_) => true,
            Self::Pipeline(PipelineError::Topic(error)) => error.is_transient(),
            Self::Pipeline(_) | Self::Setup(_) | Self::Service(..) => false,
        }
    }

    /// In one word, for metrics.
    const fn reason(&self) -> &'static str {
        match self {
            Self::Source(_) => "postgres",
            Self::Service(..) => "service",
            Self::Pipeline(PipelineError::Producer(_) | PipelineError::Topic(_))
            | Self::Offset(_) => "kafka",
            Self::Pipeline(_) => "encode",
            Self::Setup(_) => "setup",
        }
    }

    /// In the manner of Connect's traces, so that what watches `/status` finds the heads it knows.
    fn trace(&self) -> String {
        const CONNECT: &str = "org.apache.kafka.connect.errors.ConnectException";
        match self {
            Self::Source(SourceError::Refused(refusal)) => refusal.trace(),
            Self::Source(SourceError::Postgres(error)) => format!(
                "{CONNECT}: {PRODUCER}\nCaused by: io.debezium.DebeziumException: {error}\n"
            ),
            Self::Pipeline(PipelineError::Producer(error)) => format!(
                "{CONNECT}: Unrecoverable exception from producer send callback\n\
                 Caused by: org.apache.kafka.common.KafkaException: {error}\n"
            ),
            Self::Pipeline(PipelineError::Encode(sink::error::Error::Event {
                place,
                class,
                message,
            })) => {
                format!(
                    "{CONNECT}: {PRODUCER}\nCaused by: {CONNECT}: Error while processing event at offset {place}\n\
                     Caused by: {class}: {message}\n"
                )
            }
            Self::Pipeline(PipelineError::Encode(error @ sink::error::Error::Schema { .. })) => {
                format!("{CONNECT}: {PRODUCER}\nCaused by: {error}\n")
            }
            Self::Pipeline(PipelineError::Encode(error)) => {
                format!("{CONNECT}: Tolerance exceeded in error handler\nCaused by: {error}\n")
            }
            Self::Pipeline(error) => format!("{CONNECT}: {error}\n"),
            Self::Offset(error) => format!("{CONNECT}: {error}\n"),
            Self::Service(service, name) => format!(
                "io.debezium.DebeziumException: Unable to create service io.debezium.snapshot.SnapshotterService\n\
                 Caused by: io.debezium.DebeziumException: Unable to find {name} {service}. Please check your configuration.\n"
            ),
            Self::Setup(message) => format!("{CONNECT}: {message}\n"),
        }
    }
}

/// Runs the task until it is stopped or fails for good.
pub(super) async fn run(
    context: TaskContext,
    live: Arc<Live>,
    metrics: Measuring,
) -> Result<(), TaskError> {
    let task = Arc::new(Task::new(&context.connector, context.task));
    metrics.exporter.add_task(Arc::clone(&task));
    let mut entered = EnteredTask { metrics: &metrics, task: &task, keep: false };
    let result = measured(context, live, &entered).await;
    // One that failed keeps its numbers, as in Connect.
    entered.keep = result.is_err();
    result
}

/// [`run`], with somebody who counts.
async fn measured(
    mut context: TaskContext,
    live: Arc<Live>,
    measure: &EnteredTask<'_>,
) -> Result<(), TaskError> {
    measure.task.paused(*context.target.borrow() == Target::Paused);
    if !started(&mut context).await {
        return Ok(());
    }
    measure.task.paused(false);
    let fail = |error: RunError| {
        tracing::error!(connector = context.connector, task = context.task, %error, "task failed");
        TaskError { trace: error.trace() }
    };
    let settings = settings(&context).map_err(fail)?;
    if let Some((service, name)) = &settings.snapshot.custom {
        return Err(fail(RunError::Service(service.name, name.clone())));
    }
    advise(&context);
    let shows = console::shows(&context.worker).map_err(|error| fail(setup(error)))?;
    let id = (context.connector.clone(), context.task);
    let meter = measure.meter(&settings, &context);
    let entered = live.enter(id, settings.origin(), shows, Some(meter));
    let mut failures = 0;
    loop {
        let (confirm, confirmed) = watch::channel(Lsn::INVALID);
        let error =
            match attempt(&settings, &context, &entered.task, (confirm, confirmed.clone())).await {
                Ok(()) => break,
                Err(error) if context.stop.is_cancelled() => {
                    tracing::warn!(connector = context.connector, %error, "failed while stopping");
                    break;
                }
                Err(error) => error,
            };
        // A run that got anywhere starts the count anew, as Debezium's first successful poll does.
        let got_anywhere = confirmed.borrow().is_valid();
        failures = if got_anywhere { 1 } else { failures + 1 };
        let gives_up = !error.is_transient() || settings.retries.is_some_and(|max| failures > max);
        if let Some(meter) = entered.task.meter() {
            meter.failed(error.reason(), gives_up);
            if let RunError::Pipeline(PipelineError::Producer(error)) = &error {
                meter.undelivered(error.code);
            }
        }
        if gives_up {
            return Err(fail(error));
        }
        let wait = backoff(failures, settings.retry_wait);
        tracing::warn!(connector = context.connector, %error, failures, wait_ms = wait.as_millis(), "the task starts over");
        entered.task.failed(error.to_string(), Clock::now());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = context.stop.cancelled() => break,
        }
    }
    if settings.slot.drop_on_stop
        && let Err(error) = source::drop_slot(&settings).await
    {
        tracing::warn!(connector = context.connector, %error, "slot not dropped");
    }
    Ok(())
}

/// Where tasks are measured.
#[derive(Debug, Clone)]
pub(crate) struct Measuring {
    pub(crate) exporter: Arc<Exporter>,
    /// Tables and topics that are counted by name.
    pub(crate) max_tables: usize,
}

/// A task that the exporter knows.
struct EnteredTask<'a> {
    metrics: &'a Measuring,
    task: &'a Arc<Task>,
    /// Whether its numbers stay when it leaves.
    keep: bool,
}

impl EnteredTask<'_> {
    fn meter(&self, settings: &Settings, context: &TaskContext) -> Meter {
        let scope = Scope::of(context);
        let properties = client_properties(&scope, Role::Producer);
        let client_id = properties.iter().find(|(key, _)| key == "client.id");
        // Debezium's queue is bounded in events; its default.
        let queue_events = context.config.get("max.queue.size").and_then(|size| size.parse().ok());
        let queue_events = queue_events.unwrap_or(8192);
        let of = Measured {
            server: &settings.prefix,
            queue_events,
            client_id: client_id.map_or("", |(_, id)| id),
            max_tables: self.metrics.max_tables,
        };
        Meter::new(&self.metrics.exporter, Arc::clone(self.task), &of)
    }
}

/// Also of one that is dropped because it did not end in time.
impl Drop for EnteredTask<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.metrics.exporter.remove_task(self.task);
        }
    }
}

/// How long to wait after so many failures in a row: most pass in a moment (a server that restarts, a connection that a
/// proxy closed), so the first waits are short; each is twice the one before, up to
/// `retriable.restart.connector.wait.ms`.
fn backoff(failures: u32, longest: Duration) -> Duration {
    const FIRST: Duration = Duration::from_millis(250);
    // More doublings than any limit in use; and no overflow.
    let doublings = failures.saturating_sub(1).min(20);
    FIRST.saturating_mul(1 << doublings).min(longest)
}

/// A task that starts paused opens nothing until it is resumed. `false` if it was stopped instead.
async fn started(context: &mut TaskContext) -> bool {
    tokio::select! {
        resumed = context.target.wait_for(|target| *target == Target::Started) => resumed.is_ok(),
        () = context.stop.cancelled() => false,
    }
}

fn settings(context: &TaskContext) -> Result<Arc<Settings>, RunError> {
    Settings::parse(&context.config).map(Arc::new).map_err(|problems| {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        RunError::Setup(format!(
            "Error configuring an instance of PostgresConnectorTask: {}",
            shown.join("; ")
        ))
    })
}

/// Says once what of the configuration has no effect.
fn advise(context: &TaskContext) {
    let connector = context.connector.as_str();
    if !context.config.contains_key("plugin.name") {
        tracing::warn!(
            connector,
            "plugin.name is not set: pgoutput is used (Debezium's default would be decoderbufs)"
        );
    }
    for key in context.config.keys() {
        if let Some((_, today)) = options::LEGACY.iter().find(|(old, _)| old == key) {
            tracing::warn!(
                connector,
                option = key,
                today,
                "option of an older Debezium has no effect"
            );
        } else if let Some(Handling::NotApplicable(why)) =
            options::find(key).map(|option| option.handling)
        {
            tracing::warn!(connector, option = key, why, "option has no effect");
        }
    }
}

/// One run of source and pipeline. `confirmed` holds what of the log this run is done with.
async fn attempt(
    settings: &Arc<Settings>,
    context: &TaskContext,
    live: &Arc<TaskLive>,
    (confirm, confirmed): (watch::Sender<Lsn>, watch::Receiver<Lsn>),
) -> Result<(), RunError> {
    let partition = Map::from_iter([("server".to_owned(), Value::from(&*settings.prefix))]);
    let stored = tokio::select! {
        biased;
        () = context.stop.cancelled() => return Ok(()),
        stored = context.offsets.read(partition.clone()) => stored?,
    };
    let incremental = stored.as_ref().and_then(IncrementalOffset::from_map);
    let stored = stored.map(|map| SourceOffset::from_map(&map)).transpose().map_err(setup)?;
    let start = Start::choose(&settings.snapshot, stored.as_ref()).map_err(SourceError::from)?;
    // A snapshot of everything takes the place of what was there.
    let (resume, incremental) =
        if start == Start::Snapshot { (None, None) } else { (stored, incremental) };
    let (sender, receiver) = queue::channel(settings.queue_bytes);
    let (xmin, xmin_read) = watch::channel(None);
    live.begin(sender.usage());
    let notes = &settings.notifications;
    let (notifier, inbox) = Notifier::new(&settings.prefix, notes.topic.as_deref(), notes.log);
    let stop_reading = CancellationToken::new();
    let (streaming, has_begun) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let intake = if settings.signals.is_enabled() {
        let (stage, staged) = Stage::new(Begin {
            settings: Arc::clone(settings),
            notifier: notifier.clone(),
            stored: resume.as_ref(),
            incremental: incremental.as_ref(),
            streaming: has_begun,
            stop: stop_reading.clone(),
        });
        tasks.spawn(async move { stage.run(receiver).await.map_err(SourceError::from) });
        Intake::Stage(staged)
    } else {
        Intake::Queue(receiver)
    };
    let parts = Parts {
        encoder: Encoder::new(encoder_config(settings, &Scope::of(context))?, resume.as_ref()),
        producer: Producer::watched(
            &client_properties(&Scope::of(context), Role::Producer),
            live.meter().map(Meter::statistics),
        )
        .map_err(setup)?,
        topics: topic_creator(&Scope::of(context))?,
        offsets: context.offsets.clone(),
        partition,
        status: context.status.clone(),
        confirmed: confirm,
        xmin: xmin_read,
        heartbeat: settings.heartbeat.as_ref().map(|heartbeat| heartbeat.interval),
        streaming: matches!(start, Start::Stream { .. }),
        intervals: intervals(&context.worker)?,
        inbox,
        incremental: incremental.map(Arc::new),
        live: Arc::clone(live),
    };
    let output = Output { queue: sender, stop: stop_reading.clone(), notifier };
    let channels = Channels { output, confirmed, xmin, streaming, live: Arc::clone(live) };
    tasks.spawn(source::run(Arc::clone(settings), start, channels));
    let pipeline = Pipeline::new(parts, context.stop.clone());
    let (result, deadlines) = pipeline.run(intake, context.target.clone()).await;
    stop_reading.cancel();
    let read = leave(tasks, deadlines.left).await;
    result?;
    read
}

/// Waits for all of them, but no longer than until `by`.
async fn leave(
    mut tasks: JoinSet<Result<(), SourceError>>,
    by: tokio::time::Instant,
) -> Result<(), RunError> {
    let mut all = Ok(());
    loop {
        let Ok(ended) = tokio::time::timeout_at(by, tasks.join_next()).await else {
            tracing::warn!(
                "the server did not let go of the slot in time: it may stay in use for a while"
            );
            tasks.shutdown().await;
            break;
        };
        match ended {
            None => break,
            // The first error is the reason; what ends for want of the other is none.
            Some(Ok(ended)) => all = all.and(ended),
            Some(Err(error)) => {
                return Err(RunError::Setup(format!("a reading task ended unexpectedly: {error}")));
            }
        }
    }
    Ok(all?)
}

fn setup(error: impl std::fmt::Display) -> RunError {
    RunError::Setup(error.to_string())
}

pub(super) fn encoder_config(
    settings: &Settings,
    context: &Scope<'_>,
) -> Result<EncoderConfig, RunError> {
    let filter = Arc::clone(&settings.filter);
    let (columns, keys) = (Arc::clone(&settings.columns), Arc::clone(&settings.keys));
    let connector = |key: &str| context.config.get(key).map(String::as_str);
    let worker = |key: &str| context.worker.get(key).map(String::as_str);
    let path = match context.worker.get("walbridge.encoder.path").map(String::as_str) {
        None | Some("auto") => Path::Auto,
        Some("general") => Path::General,
        Some(other) => {
            return Err(RunError::Setup(format!(
                "walbridge.encoder.path: {other} is neither auto nor general"
            )));
        }
    };
    Ok(EncoderConfig {
        prefix: Arc::clone(&settings.prefix),
        database: settings.database.dbname.as_str().into(),
        version: super::DEBEZIUM_VERSION.into(),
        task_id: context.task,
        run_id: Uuid::now_v7().to_string().into(),
        extended_headers: settings.extended_headers,
        tombstones: settings.tombstones,
        skipped: settings.skipped,
        options: settings.options.clone(),
        conversion_failure: settings.conversion_failure,
        event_failure: settings.event_failure,
        schema_names: settings.schema_names,
        field_names: settings.field_names,
        propagate: settings.propagate.clone(),
        topics: settings.topics.clone(),
        converters: Converters::parse(&connector, &worker).map_err(setup)?,
        transforms: Chain::parse(connector).map_err(setup)?,
        tolerant: connector("errors.tolerance")
            .is_some_and(|v| v.trim().eq_ignore_ascii_case("all")),
        log_errors: connector("errors.log.enable")
            .is_some_and(|v| v.trim().eq_ignore_ascii_case("true")),
        included: Arc::new(move |relation| filter.takes_relation(relation)),
        key_columns: (!keys.is_empty())
            .then(|| -> KeyColumns { Arc::new(move |relation| keys.of(relation)) }),
        columns: (!columns.is_trivial()).then(|| -> ColumnRules {
            Arc::new(move |relation, column| columns.rule(relation, column))
        }),
        skip_unchanged: settings.skip_unchanged,
        messages: settings
            .messages
            .clone()
            .map(|lists| -> TextFilter { Arc::new(move |prefix| lists.take(prefix)) }),
        transaction_topic: settings.transaction_topic.clone(),
        heartbeat_topic: Arc::clone(&settings.heartbeat_topic),
        path,
    })
}

/// The client's properties in librdkafka's names: the worker's for that role, then the connector's overrides.
pub(super) fn client_properties(context: &Scope<'_>, role: Role) -> Vec<(String, String)> {
    let translated = client_config::connector(role, context.worker, context.config);
    for warning in &translated.warnings {
        tracing::warn!(connector = context.connector, "{warning}");
    }
    let mut properties = translated.properties;
    if role == Role::Producer && !properties.contains_key("client.id") {
        properties.insert("client.id".to_owned(), producer_id(context.connector, context.task));
    }
    properties.into_iter().collect()
}

/// As Connect names a task's producer (`Worker.baseProducerProps`).
fn producer_id(connector: &str, task: u32) -> String {
    format!("connector-producer-{connector}-{task}")
}

pub(super) fn topic_creator(context: &Scope<'_>) -> Result<Option<TopicCreator>, RunError> {
    if context
        .worker
        .get("topic.creation.enable")
        .is_some_and(|v| v.trim().eq_ignore_ascii_case("false"))
    {
        return Ok(None);
    }
    let keys: Vec<&str> = context.config.keys().map(String::as_str).collect();
    let rules = TopicCreation::parse(|key| context.config.get(key).map(String::as_str), &keys)
        .map_err(setup)?;
    let Some(rules) = rules else { return Ok(None) };
    TopicCreator::new(rules, &client_properties(context, Role::Admin))
        .map(Some)
        .map_err(|error| RunError::Setup(sink::producer::describe(&error)))
}

fn intervals(worker: &Properties) -> Result<Intervals, RunError> {
    let millis = |key: &str, default: u64| match worker.get(key).map(|v| v.trim()) {
        None => Ok(Duration::from_millis(default)),
        Some(text) => text
            .parse()
            .map(Duration::from_millis)
            .map_err(|error| setup(format!("worker property {key}: {error}"))),
    };
    Ok(Intervals {
        flush: millis("offset.flush.interval.ms", 60_000)?,
        flush_timeout: millis("offset.flush.timeout.ms", 5_000)?,
        grace: millis("task.shutdown.graceful.timeout.ms", 5_000)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit() {
        let limit = Duration::from_secs(10);
        let waits = (1..=8).map(|failures| backoff(failures, limit).as_millis());
        assert_eq!(waits.collect::<Vec<_>>(), [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(backoff(u32::MAX, limit), limit);
        assert_eq!(backoff(1, Duration::from_millis(100)), Duration::from_millis(100));
    }
}
