//! Two minutes of samples a task, one a second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

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
        let lag = task.run().stream.map_or(0, |stream| {
            let (received, flushed) = (stream.received(), stream.flushed());
            // Before the first confirmation there is nothing to measure from.
            if flushed.is_valid() { received.get().saturating_sub(flushed.get()) } else { 0 }
        });
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        let latency_ms = task.take_slowest_us().map(milliseconds);
        self.samples.push_back(Sample { records: fresh, lag_bytes: lag, latency_ms });
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
        let entered = live.enter(id.clone(), origin(), Shows::Keys);
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
    fn milliseconds_keep_their_microseconds() {
        assert!((milliseconds(1_234_567) - 1234.567).abs() < 1e-9);
    }
}
