//! The stage of signals, between the queue of the log's reader and the pipeline: looks at what streams past, does what
//! signals ask for, and puts the rows of snapshots that are taken while streaming where they belong.
//!
//! ```text
//!  queue ─Batch→ Stage ─Staged→ pipeline
//!                 │ ^ signals of the table come with the log; of topic and file from the side
//!                 v │
//!              chunks over a session of its own (reads wait for nothing but the server; the log waits for them)
//! ```
//!
//! It is there only where signals are configured. All happens in the order of the log: a chunk is read when the window
//! before it has closed, and its rows are sent before the event that closes its own. What is stored with an offset says
//! how far the snapshot is *at that offset*, so that a restart goes on behind the last row that was sent.
//!
//! Bounds: one chunk, of `incremental.snapshot.chunk.size` rows and of no more bytes than the queue may hold (but for
//! its last row), and two batches that wait for the pipeline.

mod channel;
mod java_key;
mod message;
mod run;
mod state;
mod window;

use std::sync::Arc;

use fancy_regex::Regex;
use pgoutput::chunk::{self, Query};
use pgoutput::queue::{self, Receiver};
use pgoutput::snapshot::{Snapshot, View};
use pgoutput::{Batch, Error, Lsn, Position, ReadKind, Relation};
use sink::offset::{IncrementalOffset, Resume, SourceOffset};
use sink::plan::Clock;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::settings::{Settings, TableName, Watermarks};
use super::source::{self, Copying, Output};
use crate::intake::Staged;
use crate::notification::{Aggregate, Note, Notifier};
use message::{Execute, Raw, Signal};
use run::Session;
use state::{Incremental, Scan};

/// Signals from outside that wait.
const WAITING_SIGNALS: usize = 16;
/// Batches that wait for the pipeline.
const WAITING_BATCHES: usize = 2;
/// What a blocking snapshot may hold before the pipeline takes it, in bytes.
const BLOCKING_BYTES: usize = 1 << 20;

/// What a stage begins with.
pub(super) struct Begin<'a> {
    pub(super) settings: Arc<Settings>,
    pub(super) notifier: Notifier,
    /// The offset that streaming goes on from.
    pub(super) stored: Option<&'a SourceOffset>,
    pub(super) incremental: Option<&'a IncrementalOffset>,
    pub(super) streaming: watch::Receiver<bool>,
    pub(super) stop: CancellationToken,
}

/// See the module.
pub(super) struct Stage {
    settings: Arc<Settings>,
    notifier: Notifier,
    output: mpsc::Sender<Staged>,
    state: Incremental,
    /// Whether the state has changed since it was last sent.
    is_dirty: bool,
    session: Option<Session>,
    /// What of the log's replay was delivered before a restart.
    replay: Option<Resume>,
    /// The last event.
    position: Position,
    /// Everything before this has passed.
    reached: Lsn,
    /// With `read.only`: the window closes once this has passed.
    high: Option<Lsn>,
    streaming: watch::Receiver<bool>,
    stop: CancellationToken,
}

impl Stage {
    /// A stage, and where its batches come out.
    pub(super) fn new(begin: Begin<'_>) -> (Self, mpsc::Receiver<Staged>) {
        let (output, staged) = mpsc::channel(WAITING_BATCHES);
        let nowhere = Position {
            commit_lsn: Lsn::INVALID,
            lsn: begin.stored.and_then(|stored| stored.lsn).unwrap_or(Lsn::INVALID),
            ordinal: 0,
            xid: None,
            commit_time_us: 0,
        };
        let stage = Self {
            settings: begin.settings,
            notifier: begin.notifier,
            output,
            state: begin.incremental.map_or_else(Incremental::default, Incremental::restore),
            is_dirty: false,
            session: None,
            replay: begin.stored.map(Resume::new),
            position: nowhere,
            reached: Lsn::INVALID,
            high: None,
            streaming: begin.streaming,
            stop: begin.stop,
        };
        (stage, staged)
    }

    /// Runs until `stop`, or until the queue or the pipeline is gone.
    pub(super) async fn run(self, queue: Receiver) -> Result<(), Error> {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            // Whatever it is at may be dropped: it comes again.
            () = stop.cancelled() => Ok(()),
            ended = self.serve(queue) => ended,
        }
    }

    async fn serve(mut self, mut queue: Receiver) -> Result<(), Error> {
        let (signals, mut outside) = mpsc::channel(WAITING_SIGNALS);
        self.listen(&signals)?;
        let mut streaming = self.streaming.clone();
        let mut begun = false;
        loop {
            tokio::select! {
                batch = queue.recv() => match batch {
                    Some(batch) => self.pass(batch).await?,
                    None => return Ok(()),
                },
                // The log holds what is written from here on: what is put into the signal table will be seen.
                on = async { streaming.wait_for(|on| *on).await.is_ok() }, if !begun => {
                    if !on {
                        return Ok(());
                    }
                    begun = true;
                    self.begin().await?;
                }
                Some(raw) = outside.recv(), if begun => {
                    if let Some(execute) = self.act(&raw).await? {
                        self.block(&execute).await?;
                    }
                    self.settle().await?;
                }
            }
            if self.output.is_closed() {
                return Ok(());
            }
        }
    }

    /// Starts what brings signals from outside.
    fn listen(&self, signals: &mpsc::Sender<Raw>) -> Result<(), Error> {
        let settings = &self.settings.signals;
        if let Some(topic) = &settings.topic {
            if !topic.has_servers {
                return Err(Error::Setup(
                    "Signal channel kafka configuration is invalid: signal.kafka.bootstrap.servers is required".to_owned(),
                ));
            }
            let reader = topic.reader().map_err(|error| {
                Error::Setup(format!("signal channel kafka: {}", sink::producer::describe(&error)))
            })?;
            let prefix = Arc::clone(&self.settings.prefix);
            tokio::spawn(channel::read_topic(reader, topic.clone(), prefix, signals.clone()));
        }
        if let Some(file) = &settings.file {
            let path = file.as_path().into();
            tokio::spawn(channel::watch_file(path, settings.poll, signals.clone()));
        }
        Ok(())
    }

    /// Goes on with what a restart interrupted.
    async fn begin(&mut self) -> Result<(), Error> {
        if self.state.is_running() {
            tracing::info!("the incremental snapshot goes on");
            self.read_chunk().await?;
            self.settle().await?;
        }
        Ok(())
    }

    /// Does what a signal asks for, but for a blocking snapshot, which is given back: its rows come after the signal.
    async fn act(&mut self, raw: &Raw) -> Result<Option<Execute>, Error> {
        let signal = match Signal::parse(raw) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::warn!(%error, id = raw.id, kind = raw.kind, "a signal is ignored");
                return Ok(None);
            }
        };
        match signal {
            Signal::Execute(execute) if execute.is_blocking => return Ok(Some(execute)),
            Signal::Execute(execute) => self.execute(&execute).await?,
            Signal::Stop(tables) => self.state.request_stop(tables),
            Signal::Pause => {
                let note = self.state.pause();
                self.say(note).await;
            }
            Signal::Resume => {
                let note = self.state.resume();
                if note.is_some() {
                    self.say(note).await;
                    self.read_chunk().await?;
                }
            }
            Signal::Open(id) => self.state.open(&id),
            Signal::Close(id) => {
                if self.state.close(&id) {
                    self.send_window().await;
                    self.read_chunk().await?;
                }
            }
            Signal::Log(message) => {
                let lsn = self.position.lsn;
                tracing::info!(id = raw.id, %lsn, "{}", message.replace("{}", &lsn.to_string()));
            }
            Signal::SchemaChanges => {
                tracing::info!(
                    id = raw.id,
                    "a row's schema comes with the row: the signal schema-changes has nothing to do"
                );
            }
        }
        Ok(None)
    }

    async fn execute(&mut self, execute: &Execute) -> Result<(), Error> {
        let settings = &self.settings.signals;
        if settings.table.is_none() && !settings.read_only {
            tracing::warn!(
                "an incremental snapshot needs signal.data.collection with the channel source, or read.only=true: the signal is ignored"
            );
            return Ok(());
        }
        let known = self.known().await?;
        let note = self.state.add(execute, &known);
        self.is_dirty = true;
        if note.is_some() {
            self.say(note).await;
            self.read_chunk().await?;
        }
        Ok(())
    }

    async fn say(&self, notes: impl IntoIterator<Item = Note>) {
        for note in notes {
            self.notifier.say(Aggregate::Incremental, note).await;
        }
    }

    /// Sends a batch on, and with it what is new of the snapshot.
    async fn send(&mut self, batch: Batch) {
        let changed = std::mem::take(&mut self.is_dirty);
        let incremental = changed.then(|| self.state.offset().map(Arc::new));
        if self.output.send(Staged { batch, incremental }).await.is_err() {
            tracing::debug!("the pipeline has ended");
        }
    }

    /// Sends the rows that are left of the window.
    async fn send_window(&mut self) {
        let now = Clock::now().unix_ns.div_euclid(1_000);
        let position = Position { xid: None, commit_time_us: now, ..self.position };
        if let Some(batch) = self.state.take_window(position) {
            self.is_dirty = true;
            self.send(batch).await;
        }
    }

    /// Closes windows that are bounded by a position in the log which has passed.
    async fn settle(&mut self) -> Result<(), Error> {
        while self.high.is_some_and(|high| high <= self.reached) {
            self.high = None;
            self.state.set_open(false);
            self.send_window().await;
            self.read_chunk().await?;
        }
        Ok(())
    }

    /// Takes a blocking snapshot: what streams waits for it. A failure is said, and streaming goes on.
    async fn block(&mut self, execute: &Execute) -> Result<(), Error> {
        let say = |kind| self.notifier.say(Aggregate::Initial, Note::new(kind, []));
        say("STARTED").await;
        match self.try_block(execute).await {
            Ok(rows) => {
                tracing::info!(rows, "blocking snapshot is complete");
                say("COMPLETED").await;
            }
            Err(error) => {
                tracing::warn!(%error, "blocking snapshot failed: streaming goes on");
                say("ABORTED").await;
            }
        }
        Ok(())
    }

    async fn try_block(&self, execute: &Execute) -> Result<u64, Error> {
        let settings = &self.settings;
        let catalog = source::connect(settings).await?;
        let tables = source::captured(&catalog, settings).await?;
        let wanted: Vec<Regex> = execute
            .tables
            .iter()
            .filter_map(|pattern| Regex::new(&format!("(?i)^(?:{pattern})$")).ok())
            .collect();
        let name = |table: &pgoutput::catalog::Table| format!("{}.{}", table.schema, table.name);
        let matches = |name: &str| wanted.iter().any(|w| w.is_match(name).unwrap_or(false));
        let tables: Vec<_> = tables.iter().filter(|table| matches(&name(table))).collect();
        let view = View::Now(settings.snapshot.isolation);
        let mut snapshot = Snapshot::begin(catalog, view).await?;
        let (sender, mut receiver) = queue::channel(BLOCKING_BYTES);
        let (notifier, stop) = (self.notifier.clone(), self.stop.clone());
        let select =
            |table: &pgoutput::catalog::Table| execute.condition(&name(table)).map(str::to_owned);
        let copy = async {
            let output = Output { queue: sender, stop, notifier };
            let copying =
                Copying::prepare(&mut snapshot, settings, &tables, select, &output).await?;
            copying.run(snapshot.copier(self.position, ReadKind::Blocking)).await?;
            Ok(copying.rows())
        };
        let forward = async {
            while let Some(batch) = receiver.recv().await {
                if self.output.send(Staged { batch, incremental: None }).await.is_err() {
                    break;
                }
            }
        };
        let (copied, ()) = tokio::join!(copy, forward);
        let rows = copied?;
        snapshot.finish().await?.into_client().close().await;
        Ok(rows)
    }
}
