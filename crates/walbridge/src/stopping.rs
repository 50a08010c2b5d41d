//! How a task divides the time that it is given to stop: one that takes longer is dropped, with all that it still had to
//! do.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// When the parts of a stop are to be over. What is left of the time behind the last is for clients to be taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Records under way are waited for until then.
    pub(crate) home: Instant,
    /// The last offset is waited for until then.
    pub(crate) recorded: Instant,
    /// The source has taken leave of the server by then.
    pub(crate) left: Instant,
}

impl Deadlines {
    fn new(from: Instant, grace: Duration) -> Self {
        let after = |eighths: u32| from + grace / 8 * eighths;
        Self { home: after(4), recorded: after(6), left: after(7) }
    }
}

/// A stop: one that was asked for, or that a failure brings about.
#[derive(Debug)]
pub(crate) struct Stopping {
    asked: CancellationToken,
    grace: Duration,
    deadlines: Option<Deadlines>,
}

impl Stopping {
    /// A stop that has not begun. `grace`: how long it may take.
    pub(crate) const fn new(asked: CancellationToken, grace: Duration) -> Self {
        Self { asked, grace, deadlines: None }
    }

    /// Its deadlines, once it has begun.
    pub(crate) const fn deadlines(&self) -> Option<Deadlines> {
        self.deadlines
    }

    /// Begins it now, unless it has.
    pub(crate) fn begin(&mut self) -> Deadlines {
        *self.deadlines.get_or_insert_with(|| Deadlines::new(Instant::now(), self.grace))
    }

    /// Waits until it is asked for. Cancel-safe.
    pub(crate) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Awaits `work`; `None` when a stop, which may begin meanwhile, has no more time for it.
    pub(crate) async fn bound<F: Future>(&mut self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        if self.deadlines.is_none() {
            tokio::select! {
                biased;
                output = &mut work => return Some(output),
                () = self.asked.cancelled() => {}
            }
        }
        tokio::time::timeout_at(self.begin().home, work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_stop_end_one_after_another_and_within_its_time() {
        let (from, grace) = (Instant::now(), Duration::from_secs(5));
        let Deadlines { home, recorded, left } = Deadlines::new(from, grace);
        assert!(from < home && home < recorded && recorded < left && left < from + grace);
    }

    #[tokio::test]
    async fn what_takes_too_long_ends_with_the_time_of_the_stop_that_came_meanwhile() {
        let asked = CancellationToken::new();
        let mut stopping = Stopping::new(asked.clone(), Duration::from_millis(16));
        assert_eq!(stopping.bound(std::future::ready(1)).await, Some(1));
        assert_eq!(stopping.deadlines(), None, "nobody asked");
        asked.cancel();
        assert_eq!(stopping.bound(std::future::pending::<()>()).await, None);
        let begun = stopping.deadlines();
        assert!(begun.is_some());
        assert_eq!(stopping.bound(std::future::pending::<()>()).await, None);
        assert_eq!(stopping.deadlines(), begun, "it begins once");
        assert_eq!(stopping.bound(std::future::ready(2)).await, Some(2));
    }
}
