//! The socket of a stream and its duties: to stay alive, to report, to leave in order.

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Progress;
use super::status::Status;
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::wire::{Socket, explain};

/// How long the server may take to leave the stream once asked.
const FAREWELL: Duration = Duration::from_secs(5);
/// A longer silence than this is never useful, and zero is no interval.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    address: String,
    status: Status,
    /// `None` when nobody can confirm any more.
    confirmed: Option<watch::Receiver<Lsn>>,
    stop: CancellationToken,
    interval: Duration,
    ticks: Option<Interval>,
    progress: Arc<Progress>,
    /// The server asked for a status update and has not had it.
    owes_reply: bool,
}

/// What came up while waiting.
enum Duty {
    Stop,
    Confirmed(bool),
    Tick,
}

impl Link {
    pub(super) fn new(socket: Socket, address: String, start: Lsn, interval: Duration) -> Self {
        Self {
            socket,
            address,
            status: Status::new(start),
            confirmed: None,
            stop: CancellationToken::new(),
            interval: interval.max(INTERVAL_MIN),
            ticks: None,
            progress: Arc::new(Progress::default()),
            owes_reply: false,
        }
    }

    pub(super) fn follow(&mut self, confirmed: watch::Receiver<Lsn>, stop: CancellationToken) {
        self.confirmed = Some(confirmed);
        self.stop = stop;
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.ticks = Some(ticks);
    }

    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    pub(super) fn received(&mut self, lsn: Lsn) {
        self.status.receive(lsn);
    }

    pub(super) const fn position(&self) -> Lsn {
        self.status.position()
    }

    pub(super) const fn owe_reply(&mut self, asked: bool) {
        self.owes_reply |= asked;
    }

    /// Gives the status update that the server asked for, if it did.
    pub(super) async fn reply(&mut self) -> Result<()> {
        if self.owes_reply { self.report().await } else { Ok(()) }
    }

    pub(super) fn count_batch(&self) {
        self.progress.received.store(self.status.position().get(), Ordering::Relaxed);
        self.progress.batches.fetch_add(1, Ordering::Relaxed);
    }

    /// Awaits `work` and does its duties meanwhile; `None` when told to stop.
    pub(super) async fn until<F: Future>(&mut self, work: F) -> Result<Option<F::Output>> {
        let mut work = pin!(work);
        loop {
            // In order: the end; what lets the server drop its log; what keeps it patient; then the work.
            let duty = tokio::select! {
                biased;
                duty = duty(&self.stop, &mut self.confirmed, &mut self.ticks) => duty,
                output = &mut work => return Ok(Some(output)),
            };
            if !self.perform(duty).await? {
                return Ok(None);
            }
        }
    }

    /// Reads once.
    pub(super) async fn read(&mut self, buf: &mut BytesMut) -> Result<Next> {
        self.read_or(buf, pending()).await
    }

    /// Reads once, unless `other` is done before there is anything to read.
    pub(super) async fn read_or<F: Future<Output = ()>>(
        &mut self,
        buf: &mut BytesMut,
        other: F,
    ) -> Result<Next> {
        let mut other = pin!(other);
        loop {
            let duty = tokio::select! {
                biased;
                duty = duty(&self.stop, &mut self.confirmed, &mut self.ticks) => duty,
                count = self.socket.read_buf(buf) => {
                    let count = count.map_err(|e| self.io(e))?;
                    if count == 0 {
                        return Err(self.io(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.progress.bytes.fetch_add(count as u64, Ordering::Relaxed);
                    self.progress.hear();
                    return Ok(Next::Bytes);
                }
                () = &mut other => return Ok(Next::Other),
            };
            if !self.perform(duty).await? {
                return Ok(Next::Stop);
            }
        }
    }

    async fn perform(&mut self, duty: Duty) -> Result<bool> {
        match duty {
            Duty::Stop => return Ok(false),
            Duty::Confirmed(true) => {
                if self.take_confirmed() {
                    self.report().await?;
                } else {
                    self.progress.feedback_spared.fetch_add(1, Ordering::Relaxed);
                }
            }
            Duty::Confirmed(false) => self.confirmed = None,
            Duty::Tick => self.report().await?,
        }
        Ok(true)
    }

    /// Whether more is confirmed than before.
    fn take_confirmed(&mut self) -> bool {
        let Some(confirmed) = &mut self.confirmed else { return false };
        let lsn = *confirmed.borrow_and_update();
        self.status.confirm(lsn)
    }

    /// Sends a status update with the newest that is confirmed.
    pub(super) async fn report(&mut self) -> Result<()> {
        self.take_confirmed();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let update = self.status.encode(u64::try_from(now).unwrap_or(u64::MAX));
        self.write(&update).await?;
        self.progress.feedback.fetch_add(1, Ordering::Relaxed);
        self.owes_reply = false;
        if let Some(ticks) = &mut self.ticks {
            ticks.reset();
        }
        self.progress.received.store(self.status.position().get(), Ordering::Relaxed);
        self.progress.flushed.store(self.status.flushed().get(), Ordering::Relaxed);
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = async {
            self.socket.write_all(bytes).await?;
            self.socket.flush().await
        };
        written.await.map_err(|e| self.io(e))
    }

    /// Reports once more, ends the stream and waits until the server has let go of the slot.
    pub(super) async fn finish(mut self, buf: &mut BytesMut) -> Result<()> {
        let farewell = async {
            self.report().await?;
            let mut out = BytesMut::new();
            frontend::copy_done(&mut out);
            frontend::terminate(&mut out);
            self.write(&out).await?;
            // What was still under way is thrown away: the server sends it again. Closing now would reset the
            // connection, and the report might be lost with it.
            loop {
                buf.clear();
                buf.reserve(8192);
                match self.socket.read_buf(buf).await {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if is_gone(&error) => return Ok(()),
                    Err(error) => return Err(self.io(error)),
                }
            }
        };
        // A server deep in a large transaction looks up late; the slot is then free a little later.
        tokio::time::timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io { address: self.address.clone(), source: explain(source) }
    }
}

/// What ended a wait for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There are more bytes.
    Bytes,
    /// What else was awaited.
    Other,
    /// We are told to stop.
    Stop,
}

/// Whether the other end has closed, politely or not.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

async fn duty(
    stop: &CancellationToken,
    confirmed: &mut Option<watch::Receiver<Lsn>>,
    ticks: &mut Option<Interval>,
) -> Duty {
    tokio::select! {
        biased;
        () = stop.cancelled() => Duty::Stop,
        change = async {
            match confirmed {
                Some(confirmed) => confirmed.changed().await.is_ok(),
                None => pending().await,
            }
        } => Duty::Confirmed(change),
        () = async {
            match ticks {
                Some(ticks) => { ticks.tick().await; }
                None => pending().await,
            }
        } => Duty::Tick,
    }
}
