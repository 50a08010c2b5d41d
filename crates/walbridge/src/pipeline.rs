//! **The** loop: from batches of the log to acknowledged records, recorded offsets and confirmed WAL.
//!
//! ```text
//!  queue ─Batch→ Encoder ─Records→ Producer ─→ brokers
//!                                     │ deliveries, counted per segment
//!  Stream ← confirmed(Lsn) ← offset recorded ← AckTracker
//! ```
//!
//! Two things must hold, and this file is where they do:
//! nothing is confirmed to Postgres that Kafka has not acknowledged and the offset topic does not record, and a
//! failed delivery ends the loop. The one exception to the first: as long as no record was ever written there is no
//! offset to record, and an idle server's position is confirmed without one. There is nothing to lose before it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use connect::connector::{OffsetError, OffsetStore, StatusSink, Target};
use pgoutput::{Batch, Event, Lsn};
use serde_json::{Map, Value};
use sink::ack::{AckTracker, SegmentId, UnexpectedDelivery};
use sink::encoder::Encoder;
use sink::error::Error as EncodeError;
use sink::notification::Notification;
use sink::offset::{IncrementalOffset, SourceOffset};
use sink::plan::Clock;
use sink::producer::{Producer, ProducerError, Sent};
use sink::record::Records;
use sink::topic_creation::{TopicCreationError, TopicCreator};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::intake::{Intake, Staged};
use crate::live::TaskLive;
use crate::notification::Inbox;
use crate::stopping::{Deadlines, Stopping};

/// Why the loop ended before it was asked to. None of these lets anything pass: what was not acknowledged and
/// recorded comes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// A record was not delivered.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// A change could not become a record.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A topic could not be made.
    #[error(transparent)]
    Topic(#[from] TopicCreationError),
    /// We count wrongly.
    #[error("acknowledgements do not add up: {0}")]
    Acks(#[from] UnexpectedDelivery),
}

/// How many batches are taken before deliveries are looked at again.
const BATCHES_AT_ONCE: usize = 16;

/// How soon the client gives the room of its last record back.
const ROOM: Duration = Duration::from_millis(1);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intervals {
    /// `offset.flush.interval.ms`.
    pub(crate) flush: Duration,
    /// `offset.flush.timeout.ms`.
    pub(crate) flush_timeout: Duration,
    /// `task.shutdown.graceful.timeout.ms`: how long a stop may take.
    pub(crate) grace: Duration,
}

/// What the loop works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) encoder: Encoder,
    pub(crate) producer: Producer,
    pub(crate) topics: Option<TopicCreator>,
    pub(crate) offsets: OffsetStore,
    /// Key of the offset: Debezium's `{"server": topic.prefix}`.
    pub(crate) partition: Map<String, Value>,
    pub(crate) status: StatusSink,
    /// What may be confirmed to Postgres; the stream reads it.
    pub(crate) confirmed: watch::Sender<Lsn>,
    /// What `source.xmin` says.
    pub(crate) xmin: watch::Receiver<Option<i64>>,
    /// Time between heartbeats, where they are wanted.
    pub(crate) heartbeat: Option<Duration>,
    /// Whether no snapshot comes first: heartbeats begin with the stream.
    pub(crate) streaming: bool,
    pub(crate) intervals: Intervals,
    /// Notifications that become records, where there is a topic for them.
    pub(crate) inbox: Option<Inbox>,
    /// The incremental snapshot that the stored offset tells of.
    pub(crate) incremental: Option<Arc<IncrementalOffset>>,
    /// For those who watch.
    pub(crate) live: Arc<TaskLive>,
}

/// Where the log stands at the end of a segment.
#[derive(Debug, Clone)]
struct Progress {
    segment: SegmentId,
    offset: SourceOffset,
    incremental: Option<Arc<IncrementalOffset>>,
    /// Rises whenever the two say something new that is worth recording.
    version: u64,
    /// What may be confirmed once `version` is recorded.
    confirm: Lsn,
    /// Time of the last commit so far, in microseconds since the Unix epoch; zero before the first.
    committed_us: i64,
    /// How often the server has asked for an answer: then it is recorded and confirmed at once instead of at the next
    /// interval. A count, since a later segment may reach the watermark together with the one that brought the question.
    asked: u64,
}

type Write = Pin<Box<dyn Future<Output = Result<(), OffsetError>> + Send>>;

/// See the module.
pub(crate) struct Pipeline {
    parts: Parts,
    stopping: Stopping,
    acks: AckTracker<Progress>,
    records: Records,
    /// Index in `records` of the next one to hand over.
    next: usize,
    /// Where the log stands once `records` are all handed over.
    end: Option<Progress>,
    /// The encoder's last one, and how often it has changed.
    offset: SourceOffset,
    version: u64,
    confirm: Lsn,
    committed_us: i64,
    asked: u64,
    /// The watermark.
    reached: Option<Progress>,
    /// `asked` of the last offset that was written.
    answered: u64,
    /// `version` of the last recorded offset.
    recorded: u64,
    write: Option<(Write, Progress)>,
    flush_at: Instant,
    /// When the next heartbeat is due, once there is a stream.
    beat_at: Option<Instant>,
    counts: Vec<(SegmentId, u64)>,
    /// What could not be encoded: the loop ends once everything before it is home.
    failure: Option<EncodeError>,
    /// Topics of the open segment's records so far, without neighbours of the same.
    touched: Vec<Arc<str>>,
    /// Topics that will have been written to once that segment is delivered.
    active: VecDeque<(SegmentId, Arc<str>)>,
    /// Segments of heartbeats.
    beats: VecDeque<SegmentId>,
    /// Since when the open segment's records are being handed over.
    handing_since: Instant,
}

impl Pipeline {
    /// A loop that ends when `stop` is cancelled.
    pub(crate) fn new(parts: Parts, stop: CancellationToken) -> Self {
        let streaming = parts.heartbeat.filter(|_| parts.streaming);
        Self {
            flush_at: Instant::now() + parts.intervals.flush,
            beat_at: streaming.map(|interval| Instant::now() + interval),
            stopping: Stopping::new(stop, parts.intervals.grace),
            acks: AckTracker::default(),
            records: Records::default(),
            next: 0,
            end: None,
            offset: parts.encoder.offset(),
            version: 0,
            confirm: Lsn::INVALID,
            committed_us: 0,
            asked: 0,
            reached: None,
            answered: 0,
            recorded: 0,
            write: None,
            counts: Vec::new(),
            failure: None,
            touched: Vec::new(),
            active: VecDeque::new(),
            beats: VecDeque::new(),
            handing_since: Instant::now(),
            parts,
        }
    }

    /// Runs until the stop, until the queue's sender is gone and everything is home, or until something fails. However
    /// it ends, the offset of what is delivered is recorded. Also returns when what comes after it is to be over.
    pub(crate) async fn run(
        mut self,
        mut queue: Intake,
        mut target: watch::Receiver<Target>,
    ) -> (Result<(), PipelineError>, Deadlines) {
        let worked = self.work(&mut queue, &mut target).await;
        let deadlines = self.stopping.begin();
        // Whoever counts wrongly knows nothing of what is delivered.
        if !matches!(worked, Err(PipelineError::Acks(_))) {
            self.record_last(deadlines.recorded).await;
        }
        let failure = self.failure.take().map_or(Ok(()), |error| Err(error.into()));
        (worked.and(failure), deadlines)
    }

    async fn work(
        &mut self,
        queue: &mut Intake,
        target: &mut watch::Receiver<Target>,
    ) -> Result<(), PipelineError> {
        loop {
            // No more intake from the moment of a stop on; what is under way is brought home until the deadline.
            let deadline = self.stopping.deadlines().map(|deadlines| deadlines.home);
            if deadline.is_some_and(|at| self.is_home() || at <= Instant::now()) {
                return Ok(());
            }
            let intake =
                deadline.is_none() && self.end.is_none() && *target.borrow() == Target::Started;
            let (flush_at, beat_at) = (self.flush_at, self.beat_at);
            // Deliveries first, so that progress is never behind what is known; new work last.
            tokio::select! {
                biased;
                () = self.parts.producer.changed() => self.deliveries().await?,
                result = written(&mut self.write) => self.recorded(result),
                () = tokio::time::sleep_until(flush_at) => self.flush(),
                () = self.stopping.asked(), if deadline.is_none() => {
                    self.stopping.begin();
                }
                () = until(deadline) => {}
                changed = target.changed(), if deadline.is_none() => {
                    if let Some(meter) = self.parts.live.meter() {
                        meter.paused(*target.borrow() == Target::Paused);
                    }
                    if changed.is_err() {
                        self.stopping.begin();
                    }
                }
                () = until(beat_at), if intake => self.beat().await?,
                note = note(&mut self.parts.inbox), if intake => match note {
                    Some(note) => self.notify(&note).await?,
                    None => self.parts.inbox = None,
                },
                staged = queue.recv(), if intake => match staged {
                    Some(staged) => self.take_all(staged, queue).await?,
                    None => {
                        self.stopping.begin();
                    }
                },
            }
        }
    }

    /// A record could not be made: what was made before it is brought home, and then the loop ends.
    fn fail(&mut self, error: EncodeError) {
        self.failure = Some(error);
        self.stopping.begin();
    }

    /// Whether nothing is under way any more.
    fn is_home(&self) -> bool {
        self.end.is_none() && self.acks.is_idle() && self.write.is_none()
    }

    fn has_news(&self) -> bool {
        self.reached.as_ref().is_some_and(|p| p.version > self.recorded)
    }

    /// Whether the server waits for what is reached.
    fn is_urgent(&self) -> bool {
        self.reached.as_ref().is_some_and(|p| p.asked > self.answered)
    }

    /// Takes a batch, and those that are already waiting behind it, up to a limit: deliveries shall not wait long.
    async fn take_all(&mut self, first: Staged, queue: &mut Intake) -> Result<(), PipelineError> {
        self.take(first).await?;
        for _ in 1..BATCHES_AT_ONCE {
            if self.end.is_some() || self.failure.is_some() {
                break;
            }
            let Some(staged) = queue.try_recv() else { break };
            self.take(staged).await?;
        }
        Ok(())
    }

    /// A heartbeat, a segment of its own.
    async fn beat(&mut self) -> Result<(), PipelineError> {
        self.beat_at = self.parts.heartbeat.map(|interval| Instant::now() + interval);
        let made = self.parts.encoder.heartbeat(Clock::now(), &mut self.records);
        let segment = self.begin_segment();
        match made {
            Ok(()) => self.beats.push_back(segment),
            Err(error) => self.fail(error),
        }
        self.hand_over().await
    }

    /// Encodes a batch and begins to hand its records over.
    async fn take(&mut self, staged: Staged) -> Result<(), PipelineError> {
        let batch = staged.batch;
        let clock = Clock::now();
        let xmin = *self.parts.xmin.borrow();
        self.parts.encoder.set_xmin(xmin);
        match self.parts.encoder.encode(&batch, clock, &mut self.records) {
            Ok(()) => {
                let counters = self.parts.encoder.counters();
                self.parts.live.encoded(&batch, &self.records, counters, clock);
                self.count(&batch);
            }
            // What was encoded before it is delivered and recorded, and nothing of the batch is confirmed.
            Err(error) => self.fail(error),
        }
        let offset = self.parts.encoder.offset();
        let changes_snapshot = staged.incremental.is_some();
        // A signal in a batch that failed was acted upon, but what came of it is not recorded: so the signal is not either,
        // and comes again.
        if !(self.failure.is_some() && changes_snapshot) {
            self.version += u64::from(changes_snapshot || offset != self.offset);
            self.offset = offset;
            if let Some(incremental) = staged.incremental {
                self.parts.incremental = incremental;
            }
        }
        self.open_segment().await
    }

    /// Encodes a notification and begins to hand its record over. The log stands where it stood.
    async fn notify(&mut self, notification: &Notification) -> Result<(), PipelineError> {
        let Some(inbox) = &self.parts.inbox else { return Ok(()) };
        let topic = Arc::clone(&inbox.topic);
        if let Err(error) = self.parts.encoder.notify(&topic, notification, &mut self.records) {
            self.fail(error);
        }
        self.open_segment().await
    }

    /// Makes a segment of the records, at whose end the log stands as it does now, and begins to hand them over.
    async fn open_segment(&mut self) -> Result<(), PipelineError> {
        self.begin_segment();
        self.hand_over().await
    }

    fn begin_segment(&mut self) -> SegmentId {
        (self.next, self.handing_since) = (0, Instant::now());
        let segment = self.acks.open();
        self.end = Some(Progress {
            segment,
            offset: self.offset,
            incremental: self.parts.incremental.clone(),
            version: self.version,
            confirm: self.confirm,
            committed_us: self.committed_us,
            asked: self.asked,
        });
        segment
    }

    /// Takes note of what a batch allows to confirm, and of what the server asks.
    fn count(&mut self, batch: &Batch) {
        for event in &batch.events {
            match event {
                // One heartbeat at once, as in Debezium.
                Event::SnapshotDone(_) => {
                    self.beat_at = self.parts.heartbeat.map(|_| Instant::now());
                }
                Event::Commit { end_lsn, position } => {
                    self.confirm = self.confirm.max(*end_lsn);
                    self.committed_us = position.commit_time_us;
                }
                Event::Idle { lsn, reply } => {
                    self.confirm = self.confirm.max(*lsn);
                    self.asked += u64::from(*reply);
                }
                _ => {}
            }
        }
    }

    /// Hands records over until the client's queue is full; deliveries call it again.
    async fn hand_over(&mut self) -> Result<(), PipelineError> {
        let Some(end) = &self.end else { return Ok(()) };
        let segment = end.segment;
        while let Some(record) = self.records.get(self.next) {
            let topic = record.topic();
            if !self.touched.last().is_some_and(|last| Arc::ptr_eq(last, topic)) {
                if let Some(topics) = self.parts.topics.as_mut().filter(|t| !t.knows(topic)) {
                    // The brokers may take a minute for it; a stop may not.
                    let Some(ensured) = self.stopping.bound(topics.ensure(topic)).await else {
                        return Ok(());
                    };
                    ensured?;
                }
                self.touched.push(Arc::clone(topic));
            }
            match self.parts.producer.send(&record, segment)? {
                Sent::Accepted => {
                    self.acks.sent(1);
                    self.next += 1;
                }
                // The client says that a record is delivered before it gives the room back: no news would follow.
                Sent::Full if self.acks.outstanding() == 0 => tokio::time::sleep(ROOM).await,
                Sent::Full => {
                    if let Some(meter) = self.parts.live.meter() {
                        meter.full(true);
                    }
                    return Ok(());
                }
            }
        }
        if let Some(meter) = self.parts.live.meter() {
            meter.full(false);
            if self.next > 0 {
                meter.handed_over(self.handing_since.elapsed());
            }
        }
        self.touched.sort_unstable();
        self.touched.dedup();
        self.active.extend(self.touched.drain(..).map(|topic| (segment, topic)));
        if let Some(end) = self.end.take()
            && let Some(reached) = self.acks.close(end)
        {
            self.rise(reached);
        }
        Ok(())
    }

    async fn deliveries(&mut self) -> Result<(), PipelineError> {
        let mut counts = std::mem::take(&mut self.counts);
        let taken = self.parts.producer.take(&mut counts);
        let mut reached = None;
        let mut delivered = 0;
        for (segment, count) in counts.drain(..) {
            delivered += count;
            reached = self.acks.delivered(segment, count)?.or(reached);
        }
        self.counts = counts;
        if let Some(reached) = reached {
            self.rise(reached);
        }
        // What was delivered before the failure counts.
        taken?;
        let handed_over = self.hand_over().await;
        self.parts.live.in_flight(delivered, self.acks.outstanding());
        handed_over
    }

    /// The watermark rose.
    fn rise(&mut self, reached: Progress) {
        while let Some((_, topic)) =
            self.active.pop_front_if(|(segment, _)| *segment <= reached.segment)
        {
            self.parts.status.topic_active(&topic);
        }
        if let Some(meter) = self.parts.live.meter() {
            meter.acknowledged(reached.committed_us, reached.confirm);
            let mut beat = false;
            while self.beats.pop_front_if(|segment| *segment <= reached.segment).is_some() {
                beat = true;
            }
            if beat {
                meter.capture.heartbeat();
            }
        }
        // Idle positions of the server bring no new commit.
        if self.reached.as_ref().is_none_or(|before| before.committed_us != reached.committed_us) {
            self.parts.live.acknowledged(reached.committed_us, Clock::now());
        }
        self.reached = Some(reached);
        if self.has_news() {
            if self.is_urgent() {
                self.flush();
            }
        } else {
            self.confirm_reached();
        }
    }

    /// Starts to record the watermark's offset, unless that is under way or nothing is new.
    fn flush(&mut self) {
        self.flush_at = Instant::now() + self.parts.intervals.flush;
        if self.write.is_some() || !self.has_news() {
            return;
        }
        let Some(progress) = self.reached.clone() else { return };
        self.answered = progress.asked;
        if let Some(meter) = self.parts.live.meter() {
            meter.commit_begins();
        }
        let offsets = self.parts.offsets.clone();
        let partition = self.parts.partition.clone();
        let offset = progress.offset.to_map_with(progress.incremental.as_deref());
        let timeout = self.parts.intervals.flush_timeout;
        let write = async move {
            tokio::time::timeout(timeout, offsets.write(partition, offset)).await.unwrap_or_else(
                |_elapsed| {
                    Err(OffsetError(format!("not acknowledged within {} ms", timeout.as_millis())))
                },
            )
        };
        self.write = Some((Box::pin(write), progress));
    }

    /// An attempt to record an offset ended.
    fn recorded(&mut self, result: Result<(), OffsetError>) {
        let Some((_, progress)) = self.write.take() else { return };
        if let Some(meter) = self.parts.live.meter() {
            meter.commit_ends(result.is_ok());
        }
        match result {
            Ok(()) => {
                self.recorded = progress.version;
                self.raise_confirmed(progress.confirm);
                // The log may have moved on to an idle position, or to a server that waits, meanwhile.
                if !self.has_news() {
                    self.confirm_reached();
                } else if self.is_urgent() {
                    self.flush();
                }
            }
            Err(error) => {
                tracing::warn!(%error, "offset not recorded; nothing is confirmed to Postgres until it is");
            }
        }
    }

    fn confirm_reached(&mut self) {
        if let Some((confirm, asked)) = self.reached.as_ref().map(|p| (p.confirm, p.asked)) {
            self.answered = asked;
            self.raise_confirmed(confirm);
        }
    }

    fn raise_confirmed(&self, lsn: Lsn) {
        self.parts.confirmed.send_if_modified(|now| {
            let rises = lsn > *now;
            if rises {
                *now = lsn;
            }
            rises
        });
    }

    /// Records the last offset, waiting no longer than until `by`.
    async fn record_last(&mut self, by: Instant) {
        if !self.acks.is_idle() || self.end.is_some() {
            let outstanding = self.acks.outstanding();
            tracing::warn!(
                outstanding,
                "stopped before the brokers acknowledged everything: it comes again at the next start"
            );
        }
        self.finish_write(by).await;
        self.flush();
        self.finish_write(by).await;
    }

    async fn finish_write(&mut self, by: Instant) {
        if self.write.is_none() {
            return;
        }
        let ended = tokio::time::timeout_at(by, written(&mut self.write)).await;
        self.recorded(ended.unwrap_or_else(|_elapsed| {
            Err(OffsetError("not acknowledged before the task had to end".to_owned()))
        }));
    }
}

/// Completes when the write under way does; never without one. Cancel-safe: the future stays where it is.
async fn written(write: &mut Option<(Write, Progress)>) -> Result<(), OffsetError> {
    match write {
        Some((write, _)) => write.await,
        None => std::future::pending().await,
    }
}

/// The next notification; never where none can come. Cancel-safe.
async fn note(inbox: &mut Option<Inbox>) -> Option<Notification> {
    match inbox {
        Some(inbox) => inbox.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
