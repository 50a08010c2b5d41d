//! Two minutes of samples a task, one a second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use pgoutput::Lsn;
use serde_json::{Value, json};

use crate::live::{Live, TaskId, TaskLive};

/// Samples that are kept.
const KEPT: usize = 120;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    /// Records encoded in this second.
    records: u64,
    /// Received and not yet confirmed.
    lag_bytes: u64,
    /// The slowest acknowledgement of this second; `None` if there was none.
    latency_ms: Option<f64>,
}

#[derive(Debug, Default)]
struct History {
    samples: VecDeque<Sample>,
    /// The run's counter at the last sample.
    records: u64,
    /// Where the stream of this run was when it was first seen: before the first confirmation, the lag counts from there.
    start: Option<Lsn>,
}

/// Of every task that runs.
#[derive(Debug, Default)]
pub(super) struct Histories(Mutex<BTreeMap<TaskId, History>>);

impl Histories {
    /// Takes one sample of each task; those that run no more are forgotten.
    pub(super) fn sample(&self, live: &Arc<Live>) {
        let tasks = live.tasks();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| tasks.iter().any(|(running, _)| running == id));
        for (id, task) in tasks {
            all.entry(id).or_default().sample(&task);
        }
    }

    /// Records of the last second; `None` for a task that does not run.
    pub(super) fn rate(&self, id: &TaskId) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).and_then(|history| history.samples.back()).map(|sample| sample.records)
    }

    /// The samples of a task, the oldest first.
    pub(super) fn of(&self, id: &TaskId) -> Value {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = all.get(id).map(|history| &history.samples);
        let each = |part: fn(&Sample) -> Value| -> Vec<Value> {
            samples.into_iter().flatten().map(part).collect()
        };
        json!({
            "records": each(|s| s.records.into()),
            "lag_bytes": each(|s| s.lag_bytes.into()),
            "latency_ms": each(|s| s.latency_ms.into()),
        })
    }
}

impl History {
    fn sample(&mut self, task: &TaskLive) {
        let records = task.counters().records;
        // Counters begin anew with a run.
        let fresh = records.checked_sub(self.records).unwrap_or(records);
        self.records = records;
        let lag = match task.run().stream {
            Some(stream) => self.lag(stream.received(), stream.flushed()),
            None => {
                self.start = None;
                0
            }
        };
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        let latency_ms = task.take_slowest_us().map(milliseconds);
        self.samples.push_back(Sample { records: fresh, lag_bytes: lag, latency_ms });
    }
}

impl History {
    fn lag(&mut self, received: Lsn, flushed: Lsn) -> u64 {
        if !received.is_valid() {
            return 0;
        }
        let start = *self.start.get_or_insert(received);
        received.get().saturating_sub(start.max(flushed).get())
    }
}

/// Exact for the next 285 years.
fn milliseconds(us: u64) -> f64 {
    let whole = u32::try_from(us / 1000).unwrap_or(u32::MAX);
    let part = u32::try_from(us % 1000).unwrap_or_default();
    f64::from(whole) + f64::from(part) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Shows, tests::origin};

    #[test]
    fn samples_are_bounded_and_go_with_their_task() {
        let live = Arc::new(Live::default());
        let id = ("c".to_owned(), 0);
        let entered = live.enter(id.clone(), origin(), Shows::Keys, None);
        let histories = Histories::default();
        for _ in 0..KEPT + 5 {
            histories.sample(&live);
        }
        assert_eq!(histories.of(&id)["records"].as_array().map(Vec::len), Some(KEPT));
        assert_eq!(histories.of(&id)["latency_ms"][0], Value::Null);
        drop(entered);
        histories.sample(&live);
        assert_eq!(histories.of(&id)["records"], json!([]));
    }

    #[test]
    fn lag_counts_from_the_start_until_something_is_confirmed() {
        let mut history = History::default();
        let lsn = Lsn::new;
        assert_eq!(history.lag(Lsn::INVALID, Lsn::INVALID), 0);
        assert_eq!(history.lag(lsn(1000), Lsn::INVALID), 0);
        assert_eq!(history.lag(lsn(1500), Lsn::INVALID), 500);
        assert_eq!(history.lag(lsn(1500), lsn(1400)), 100);
        assert_eq!(history.lag(lsn(1500), lsn(900)), 500, "confirmed before this run");
    }

    #[test]
    fn milliseconds_keep_their_microseconds() {
        assert!((milliseconds(1_234_567) - 1234.567).abs() < 1e-9);
    }
}
