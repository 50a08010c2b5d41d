//! The queue between the reader of the log and whoever writes it out: batches, bounded in bytes.
//!
//! A batch larger than the whole queue is admitted alone. Waiting senders are served in order.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::batch::Batch;

/// Batches at most in the queue, whatever their size: bounds what empty ones cost.
const BATCHES_MAX: usize = 8192;

/// The other half of the queue is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed;

/// A queue that holds at most `capacity_bytes` of [`Batch::size_bytes`].
#[must_use]
pub fn channel(capacity_bytes: usize) -> (Sender, Receiver) {
    let capacity = capacity_bytes.clamp(1, usize::try_from(u32::MAX).unwrap_or(usize::MAX));
    let usage = Usage { space: Arc::new(Semaphore::new(capacity)), capacity };
    let (sender, receiver) = mpsc::channel(BATCHES_MAX);
    (Sender { batches: sender, usage: usage.clone() }, Receiver { batches: receiver, usage })
}

struct Entry {
    batch: Batch,
    space: OwnedSemaphorePermit,
}

/// How full the queue is; lives on its own.
#[derive(Debug, Clone)]
pub struct Usage {
    space: Arc<Semaphore>,
    capacity: usize,
}

impl Usage {
    /// Bytes that the batches in the queue hold.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.capacity.saturating_sub(self.space.available_permits())
    }

    /// Bytes that the queue may hold.
    #[must_use]
    pub const fn capacity_bytes(&self) -> usize {
        self.capacity
    }
}

/// The end that batches go in at.
#[derive(Debug, Clone)]
pub struct Sender {
    batches: mpsc::Sender<Entry>,
    usage: Usage,
}

/// Room for one batch; given back when dropped.
#[derive(Debug)]
pub struct Permit<'a> {
    slot: mpsc::Permit<'a, Entry>,
    space: OwnedSemaphorePermit,
}

impl Permit<'_> {
    /// Puts the batch in the queue, at once.
    pub fn send(self, batch: Batch) {
        self.slot.send(Entry { batch, space: self.space });
    }
}

impl Sender {
    /// Waits for room for `bytes`. Cancel-safe: a dropped wait takes nothing.
    ///
    /// # Errors
    /// [`Closed`] when the receiver is gone.
    pub async fn reserve(&self, bytes: usize) -> Result<Permit<'_>, Closed> {
        let wanted = bytes.clamp(1, self.usage.capacity);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.usage.space).acquire_many_owned(wanted);
        let space = tokio::select! {
            biased;
            () = self.batches.closed() => return Err(Closed),
            space = room => space.map_err(|_closed| Closed)?,
        };
        let slot = self.batches.reserve().await.map_err(|_closed| Closed)?;
        Ok(Permit { slot, space })
    }

    /// Waits for room and puts the batch in. A dropped call has sent nothing, and the batch is gone with it: use
    /// [`Self::reserve`] to keep it.
    ///
    /// # Errors
    /// [`Closed`] when the receiver is gone.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        self.reserve(batch.size_bytes()).await?.send(batch);
        Ok(())
    }

    /// Waits until the receiver has taken everything, or is gone. Cancel-safe.
    pub async fn drained(&self) {
        let all = u32::try_from(self.usage.capacity).unwrap_or(u32::MAX);
        tokio::select! {
            () = self.batches.closed() => {}
            // Given back at once: to be able to hold all of the room is the news.
            space = self.usage.space.acquire_many(all) => drop(space),
        }
    }

    /// How full the queue is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage.clone()
    }
}

/// The end that batches come out of.
#[derive(Debug)]
pub struct Receiver {
    batches: mpsc::Receiver<Entry>,
    usage: Usage,
}

impl Receiver {
    /// The next batch; `None` when all senders are gone and the queue is empty. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Batch> {
        self.batches.recv().await.map(|entry| {
            drop(entry.space);
            entry.batch
        })
    }

    /// The next batch if there is one at once.
    pub fn try_recv(&mut self) -> Option<Batch> {
        self.batches.try_recv().ok().map(|entry| {
            drop(entry.space);
            entry.batch
        })
    }

    /// How full the queue is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage.clone()
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("batch", &self.batch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;

    use super::*;

    fn batch(len: usize) -> Batch {
        Batch { bytes: Bytes::from(vec![0; len]), ..Batch::default() }
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn full_queue_holds_the_sender_until_a_batch_is_taken() {
        let (sender, mut receiver) = channel(100);
        assert_eq!(poll(pin!(sender.send(batch(60)))), Poll::Ready(Ok(())));
        let mut second = pin!(sender.send(batch(41)));
        assert_eq!(poll(second.as_mut()), Poll::Pending);
        assert_eq!(receiver.try_recv().map(|b| b.bytes.len()), Some(60));
        assert_eq!(poll(second.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(receiver.usage().used_bytes(), 41);
    }

    #[test]
    fn oversized_batch_is_admitted_alone() {
        let (sender, mut receiver) = channel(100);
        assert_eq!(poll(pin!(sender.send(batch(1)))), Poll::Ready(Ok(())));
        let mut big = pin!(sender.send(batch(1000)));
        assert_eq!(poll(big.as_mut()), Poll::Pending, "one byte is in the queue");
        assert!(receiver.try_recv().is_some());
        assert_eq!(poll(big.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(poll(pin!(sender.send(batch(1)))), Poll::Pending);
        assert_eq!(receiver.try_recv().map(|b| b.bytes.len()), Some(1000));
        assert_eq!(receiver.usage().used_bytes(), 0);
    }

    #[test]
    fn dropped_wait_takes_no_room() {
        let (sender, mut receiver) = channel(100);
        assert_eq!(poll(pin!(sender.send(batch(100)))), Poll::Ready(Ok(())));
        {
            let mut waiting = pin!(sender.reserve(50));
            assert!(poll(waiting.as_mut()).is_pending());
        }
        assert!(receiver.try_recv().is_some());
        assert_eq!(receiver.usage().used_bytes(), 0);
        drop(receiver);
        assert_eq!(poll(pin!(sender.send(batch(1)))), Poll::Ready(Err(Closed)));
    }
}
