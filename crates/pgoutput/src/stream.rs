//! Streaming: the connection's owner, from `START_REPLICATION` to its end.
//!
//! ```text
//! socket ─read_buf→ buffer ─frames, in place→ Assembler → Batch (shares the buffer's bytes) → queue
//!    ^                                                                                         │
//!    └─ status update ← confirmed (a watch: only the newest counts) ← whoever acknowledged ←───┘
//! ```
//!
//! The server ends a connection that has been silent for `wal_sender_timeout`. So whatever this task waits for
//! (bytes, room in the queue, a catalog query behind a lock), it goes on sending status updates: see `Link::until`.
//!
//! Nothing is confirmed here. `flushed` is what `confirmed` holds, no more than was received, and never falls. At a
//! fast shutdown the server waits until everything it sent is flushed; idle positions reach the other end of the
//! queue as [`Event::Idle`](crate::Event::Idle) and come back as `confirmed`, so that it need not wait for its timeout.

mod link;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::backend::Message;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assembler::Assembler;
use crate::batch::{Batch, Decoded};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::message::RelationMessage;
use crate::queue::Sender;
use crate::replication::{Replication, Start};
use crate::wire::fault;
use crate::wire::frame::Frame;
use link::{Link, Next};

/// Room that a read is given: about as much as a batch holds.
const READ_BYTES: usize = 256 * 1024;

/// How much is gathered into one batch while the queue's receiver is busy.
const GATHER_BYTES: usize = 64 * 1024;
/// Below this, a new buffer is better than a short read.
const READ_BYTES_MIN: usize = 64 * 1024;
/// Header of an `XLogData` message: tag, start, end, clock.
const XLOG_HEADER: usize = 25;

/// What to stream.
#[derive(Debug, Clone)]
pub struct Options {
    /// `slot.name`.
    pub slot: String,
    /// `publication.name`.
    pub publication: String,
    /// Where to start; the server starts no earlier than what was confirmed.
    pub start: Lsn,
    /// `status.update.interval.ms`; a third of the server's `wal_sender_timeout` where that is less.
    pub status_interval: Duration,
    /// `slot.stream.params`.
    pub params: Vec<(String, String)>,
}

/// How far the stream is; updated once a batch.
#[derive(Debug, Default)]
pub struct Progress {
    received: AtomicU64,
    flushed: AtomicU64,
    bytes: AtomicU64,
    batches: AtomicU64,
    feedback: AtomicU64,
    feedback_spared: AtomicU64,
    heard_ms: AtomicU64,
}

impl Progress {
    /// The furthest position that the server has sent.
    #[must_use]
    pub fn received(&self) -> Lsn {
        Lsn::new(self.received.load(Ordering::Relaxed))
    }

    /// The position last reported as flushed.
    #[must_use]
    pub fn flushed(&self) -> Lsn {
        Lsn::new(self.flushed.load(Ordering::Relaxed))
    }

    /// Bytes received, with the protocol's own.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Status updates sent.
    #[must_use]
    pub fn feedback(&self) -> u64 {
        self.feedback.load(Ordering::Relaxed)
    }

    /// Times that there was nothing new to report.
    #[must_use]
    pub fn feedback_spared(&self) -> u64 {
        self.feedback_spared.load(Ordering::Relaxed)
    }

    /// When the server last sent anything, in milliseconds since the Unix epoch; 0 before the first time.
    #[must_use]
    pub fn heard_ms(&self) -> u64 {
        self.heard_ms.load(Ordering::Relaxed)
    }

    fn hear(&self) {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        self.heard_ms.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Batches handed out.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }
}

/// A running stream.
#[derive(Debug)]
pub struct Stream {
    parser: Parser,
    catalog: Catalog,
    link: Link,
    start: Lsn,
}

impl Stream {
    /// Starts streaming. `catalog` is kept for what `Relation` messages do not say.
    ///
    /// # Errors
    /// The server's, with what to do; see [`Error::is_transient`].
    pub async fn start(
        mut replication: Replication,
        catalog: Catalog,
        options: &Options,
    ) -> Result<Self> {
        let limit = replication.wal_sender_timeout().await?.map(|timeout| timeout / 3);
        let interval = limit.map_or(options.status_interval, |l| l.min(options.status_interval));
        let start = Start {
            slot: &options.slot,
            publication: &options.publication,
            from: options.start,
            params: &options.params,
        };
        let connection = replication.start(&start).await?;
        Ok(Self {
            parser: Parser { buf: connection.buf, assembler: Assembler::new() },
            catalog,
            link: Link::new(connection.socket, connection.address, options.start, interval),
            start: options.start,
        })
    }

    /// How far it is; stays readable after [`Self::run`] has taken the stream.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        self.link.progress()
    }

    /// Where it was asked to start.
    #[must_use]
    pub const fn start_lsn(&self) -> Lsn {
        self.start
    }

    /// Streams until `stop`, or until the queue's receiver is gone. Then what `confirmed` holds is reported once
    /// more and the stream is closed in order, so that the slot is free when this returns.
    ///
    /// # Errors
    /// Every other end: [`Error::StreamEnded`] or [`Error::Server`] when the server shuts down, [`Error::Io`] when
    /// the connection breaks, [`Error::Protocol`] for what is not understood.
    pub async fn run(
        mut self,
        queue: Sender,
        confirmed: watch::Receiver<Lsn>,
        stop: CancellationToken,
    ) -> Result<()> {
        self.link.follow(confirmed, stop);
        while self.step(&queue).await? {}
        self.link.finish(&mut self.parser.buf).await
    }

    /// One batch, one read. False to stop.
    async fn step(&mut self, queue: &Sender) -> Result<bool> {
        let Self { parser, catalog, link, .. } = self;
        let begun = Instant::now();
        let mut batch = Batch { bytes: parser.take_frames()?, ..Batch::default() };
        // A handle of its own, so that the batch can be added to while its bytes are read.
        let bytes = batch.bytes.clone();
        let mut done = 0;
        while let Some(message) = parser.parse(&bytes, &mut done, &mut batch, link)? {
            let Some(relation) = link.until(catalog.describe(&message)).await? else {
                return Ok(false);
            };
            parser.assembler.define(Arc::new(relation?));
        }
        let at = Instant::now();
        batch.decoded = Some(Decoded { at, took: at.saturating_duration_since(begun) });
        link.reply().await?;
        if !batch.events.is_empty() {
            let Some(permit) = link.until(queue.reserve(batch.size_bytes())).await? else {
                return Ok(false);
            };
            let Ok(permit) = permit else { return Ok(false) };
            permit.send(batch);
            link.count_batch();
        }
        parser.make_room();
        let mut next = link.read(&mut parser.buf).await?;
        // As long as the queue's receiver has other batches to work on, one large batch is worth more than many small.
        while next == Next::Bytes
            && parser.buf.len() < GATHER_BYTES
            && queue.usage().used_bytes() > 0
        {
            parser.make_room();
            next = link.read_or(&mut parser.buf, queue.drained()).await?;
        }
        Ok(next != Next::Stop)
    }
}

/// Bytes to events.
#[derive(Debug)]
struct Parser {
    buf: BytesMut,
    assembler: Assembler,
}

impl Parser {
    /// Takes the complete frames off the buffer, without copying; an incomplete one stays.
    fn take_frames(&mut self) -> Result<Bytes> {
        let mut len = 0;
        while let Some(frame) = Frame::parse(self.buf.get(len..).unwrap_or_default())? {
            len += frame.len();
        }
        Ok(self.buf.split_to(len).freeze())
    }

    /// Parses the frames of `bytes` from `done` on. Stops after a relation, which must be described and defined
    /// before the next frame.
    fn parse(
        &mut self,
        bytes: &[u8],
        done: &mut usize,
        batch: &mut Batch,
        link: &mut Link,
    ) -> Result<Option<RelationMessage>> {
        while let Some(frame) = Frame::parse(bytes.get(*done..).unwrap_or_default())? {
            let start = *done;
            *done += frame.len();
            match frame.tag {
                b'd' => match copy_data(frame.body)? {
                    CopyData::XLog { start: lsn, end, message } => {
                        link.received(lsn.max(end));
                        let base = u32::try_from(start + Frame::BODY + XLOG_HEADER)
                            .map_err(|_overflow| too_large())?;
                        let relation = self.assembler.push(lsn, message, base, batch)?;
                        if relation.is_some() {
                            return Ok(relation);
                        }
                    }
                    CopyData::Keepalive { end, reply } => {
                        link.received(end);
                        self.assembler.keepalive(end, reply, batch);
                        link.owe_reply(reply);
                    }
                },
                b'E' => return Err(server_error(bytes.get(start..*done).unwrap_or_default())),
                // CopyDone, CommandComplete, ReadyForQuery: a server that shuts down takes its leave so.
                b'c' | b'C' | b'Z' => return Err(Error::StreamEnded(link.position())),
                // Notices, parameter changes and notifications may come at any time.
                b'N' | b'S' | b'A' => {}
                other => {
                    return Err(Error::Protocol(format!(
                        "frame {:?} in a stream",
                        char::from(other)
                    )));
                }
            }
        }
        Ok(None)
    }

    /// A frame that is larger than the room grows the buffer as its bytes come, not by what its header promises.
    fn make_room(&mut self) {
        if self.buf.capacity() - self.buf.len() < READ_BYTES_MIN {
            self.buf.reserve(READ_BYTES);
        }
    }
}

fn too_large() -> Error {
    Error::Protocol("batch of more than 4 GiB".to_owned())
}

/// The content of a `CopyData` frame.
enum CopyData<'a> {
    XLog { start: Lsn, end: Lsn, message: &'a [u8] },
    Keepalive { end: Lsn, reply: bool },
}

fn copy_data(body: &[u8]) -> Result<CopyData<'_>> {
    let short = || Error::Protocol("short replication message".to_owned());
    let (&tag, rest) = body.split_first().ok_or_else(short)?;
    match tag {
        b'w' => {
            let (start, rest) = rest.split_first_chunk().ok_or_else(short)?;
            let (end, rest) = rest.split_first_chunk().ok_or_else(short)?;
            // The server's clock is not used: a transaction brings its own.
            let (_clock, message) = rest.split_first_chunk::<8>().ok_or_else(short)?;
            let (start, end) = (u64::from_be_bytes(*start), u64::from_be_bytes(*end));
            Ok(CopyData::XLog { start: Lsn::new(start), end: Lsn::new(end), message })
        }
        b'k' => {
            let (end, rest) = rest.split_first_chunk().ok_or_else(short)?;
            let &[_, _, _, _, _, _, _, _, reply] = rest else { return Err(short()) };
            Ok(CopyData::Keepalive { end: Lsn::new(u64::from_be_bytes(*end)), reply: reply != 0 })
        }
        other => Err(Error::Protocol(format!("replication message {:?}", char::from(other)))),
    }
}

fn server_error(frame: &[u8]) -> Error {
    match Message::parse(&mut BytesMut::from(frame)) {
        Ok(Some(Message::ErrorResponse(body))) => fault::from_fields("stream", body.fields()),
        Ok(_) => Error::Protocol("unreadable error of the server".to_owned()),
        Err(e) => Error::Protocol(format!("unreadable error of the server: {e}")),
    }
}

#[cfg(test)]
mod tests;
