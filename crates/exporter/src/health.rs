//! Health that follows progress: whoever has work and does not get on with it is not well.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::capture::{Capture, ms_of};
use crate::clock;

/// How long decoding or acknowledging may stand still while there is work.
const STALL: Duration = Duration::from_secs(60);

/// What stands still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// One sentence each.
    pub stalls: Vec<String>,
}

impl Health {
    /// Whether nothing stands still.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.stalls.is_empty()
    }

    pub(crate) fn of<'a>(captures: impl Iterator<Item = &'a Capture>) -> Self {
        Self { stalls: captures.flat_map(|capture| stalls(capture, clock::now())).collect() }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_well() {
            return f.write_str("well\n");
        }
        self.stalls.iter().try_for_each(|stall| writeln!(f, "{stall}"))
    }
}

fn stalls(capture: &Capture, now: Duration) -> Vec<String> {
    let since = |ms: u64| ms_of(now).saturating_sub(ms) / 1000;
    let limit = STALL.as_secs();
    let mut found = Vec::new();
    let outstanding = capture.outstanding.load(Ordering::Relaxed);
    let acked = since(capture.acked_ms.load(Ordering::Relaxed));
    let name = &capture.connector;
    if outstanding > 0 && acked >= limit {
        found.push(format!("{name}: {outstanding} records wait for Kafka since {acked} s"));
    }
    let took = since(capture.took_ms.load(Ordering::Relaxed));
    let (queued, _) = capture.queue();
    if queued > 0 && outstanding == 0 && took >= limit && !capture.paused.load(Ordering::Relaxed) {
        found.push(format!("{name}: {queued} bytes wait to be decoded since {took} s"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_still_is_a_fault_only_while_there_is_work() {
        let capture = Capture::new("c", "s", 1, 1);
        let later = clock::now() + STALL * 2;
        assert!(stalls(&capture, later).is_empty());
        capture.under_way(3, None);
        assert_eq!(stalls(&capture, clock::now()), [""; 0]);
        assert_eq!(stalls(&capture, later).len(), 1);
        capture.under_way(0, None);
        capture.follow_queue(|| (10, 100));
        assert_eq!(stalls(&capture, later).len(), 1);
        capture.paused(true);
        assert!(stalls(&capture, later).is_empty());
    }
}
