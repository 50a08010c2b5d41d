//! Kafka's windowed statistics: average, maximum, minimum and rate over samples of fixed length.
//!
//! The rules are those of `org.apache.kafka.common.metrics.stats` (`SampledStat`, `Rate`; 4.3): two samples of 30
//! seconds; a sample is used until its last event is older than both together; a rate counts at least one full sample.

use std::time::Duration;

/// `metrics.sample.window.ms`: one sample's length.
const SAMPLE: Duration = Duration::from_secs(30);
/// `metrics.num.samples`.
const SAMPLES: usize = 2;

#[derive(Debug, Clone, Copy)]
struct Sample {
    start: Duration,
    last: Duration,
    events: f64,
    sum: f64,
    max: f64,
}

impl Sample {
    const fn new(now: Duration) -> Self {
        Self { start: now, last: now, events: 0.0, sum: 0.0, max: f64::NEG_INFINITY }
    }
}

/// What was recorded lately. Times are since any fixed instant.
#[derive(Debug, Default, Clone)]
pub(crate) struct Window {
    samples: [Option<Sample>; SAMPLES],
    current: usize,
}

impl Window {
    /// Records a value.
    pub(crate) fn record(&mut self, now: Duration, value: f64) {
        self.record_many(now, value, 1.0);
    }

    /// Records `events` values that are all the same.
    pub(crate) fn record_many(&mut self, now: Duration, value: f64, events: f64) {
        let complete = self
            .samples
            .get(self.current)
            .copied()
            .flatten()
            .is_some_and(|sample| now.saturating_sub(sample.start) >= SAMPLE);
        if complete {
            self.current = (self.current + 1) % SAMPLES;
            if let Some(slot) = self.samples.get_mut(self.current) {
                *slot = None;
            }
        }
        let Some(slot) = self.samples.get_mut(self.current) else { return };
        let sample = slot.get_or_insert_with(|| Sample::new(now));
        sample.last = now;
        sample.events += events;
        sample.sum += value * events;
        sample.max = sample.max.max(value);
    }

    /// The samples that count at `now`.
    fn live(&self, now: Duration) -> impl Iterator<Item = &Sample> {
        let age = SAMPLE * u32::try_from(SAMPLES).unwrap_or(u32::MAX);
        self.samples.iter().flatten().filter(move |s| now.saturating_sub(s.last) < age)
    }

    /// Mean of the recorded values; NaN if there is none.
    #[must_use]
    pub(crate) fn avg(&self, now: Duration) -> f64 {
        let (sum, events) =
            self.live(now).fold((0.0, 0.0), |(sum, n), s| (sum + s.sum, n + s.events));
        if events > 0.0 { sum / events } else { f64::NAN }
    }

    /// Largest recorded value; NaN if there is none.
    #[must_use]
    pub(crate) fn max(&self, now: Duration) -> f64 {
        self.live(now).map(|s| s.max).reduce(f64::max).unwrap_or(f64::NAN)
    }

    /// Sum of the values per second; 0 if there is none.
    #[must_use]
    pub(crate) fn rate(&self, now: Duration) -> f64 {
        let sum: f64 = self.live(now).map(|s| s.sum).sum();
        let Some(oldest) = self.live(now).map(|s| s.start).min() else { return 0.0 };
        let mut elapsed = now.saturating_sub(oldest);
        // A rate must count at least all samples but the current one, as if what is missing had been silent.
        let full = elapsed.as_millis() / SAMPLE.as_millis();
        let wanted = SAMPLES as u128 - 1;
        let missing = u32::try_from(wanted.saturating_sub(full)).unwrap_or(0);
        elapsed += SAMPLE * missing;
        sum / elapsed.as_secs_f64()
    }

    /// Mean of recorded ones and zeros: Kafka's `Frequencies` without events gives 0.
    #[must_use]
    pub(crate) fn share(&self, now: Duration) -> f64 {
        let avg = self.avg(now);
        if avg.is_nan() { 0.0 } else { avg }
    }
}

/// A total and its rate.
#[derive(Debug, Default, Clone)]
pub(crate) struct Meter {
    /// Since the start.
    pub(crate) total: f64,
    window: Window,
}

impl Meter {
    /// Adds to both.
    pub(crate) fn add(&mut self, now: Duration, value: f64) {
        self.total += value;
        self.window.record(now, value);
    }

    /// Raises both to a total that somebody else counts.
    pub(crate) fn raise(&mut self, now: Duration, total: f64) {
        let more = total - self.total;
        // A counter that fell belongs to a client that was made anew.
        self.window.record(now, if more < 0.0 { total } else { more });
        self.total = total;
    }

    /// Per second, over the window.
    #[must_use]
    pub(crate) fn rate(&self, now: Duration) -> f64 {
        self.window.rate(now)
    }
}

/// Quantiles of durations in milliseconds, with one per cent of error: a `DDSketch` of fixed size, which is what
/// Debezium 3.6 uses.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    counts: Vec<u64>,
    zero: u64,
    total: u64,
    sum: f64,
    min: f64,
    max: f64,
}

/// (1 + α) / (1 − α) with α = 0.01.
const GAMMA: f64 = 1.01 / 0.99;
/// Up to about 30 years in milliseconds.
const BUCKETS: usize = 1400;

impl Default for Sketch {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            zero: 0,
            total: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Sketch {
    /// Adds `count` equal values.
    pub(crate) fn record(&mut self, value: f64, count: u64) {
        if count == 0 {
            return;
        }
        self.total += count;
        #[expect(clippy::cast_precision_loss, reason = "a sum of that many is no more exact")]
        let weight = count as f64;
        self.sum += value * weight;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value < 1.0 {
            self.zero += count;
            return;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 0, and clamped to the buckets"
        )]
        let index = (value.ln() / GAMMA.ln()).ceil() as usize;
        if let Some(bucket) = self.counts.get_mut(index.min(BUCKETS - 1)) {
            *bucket += count;
        }
    }

    /// The value below which that share of the values lies; `None` before the first.
    #[must_use]
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among what was counted"
        )]
        let rank = (share * (self.total - 1) as f64) as u64;
        let mut seen = self.zero;
        if rank < seen {
            return Some(0.0);
        }
        for (exponent, count) in (0..).zip(&self.counts) {
            seen += count;
            if rank < seen {
                return Some(2.0 * GAMMA.powi(exponent) / (GAMMA + 1.0));
            }
        }
        Some(self.max)
    }

    /// Smallest, largest and mean value; `None` before the first.
    #[must_use]
    pub(crate) fn extremes(&self) -> Option<(f64, f64, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "a mean of that many is no more exact")]
        let mean = self.sum / self.total as f64;
        (self.total > 0).then_some((self.min, self.max, mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn idle_window_has_no_average_and_a_rate_of_zero() {
        let mut window = Window::default();
        assert!(window.avg(s(0)).is_nan() && window.max(s(0)).is_nan());
        assert_eq!(window.rate(s(0)), 0.0);
        window.record(s(1), 5.0);
        assert_eq!(window.avg(s(60)), 5.0);
        assert!(window.avg(s(61)).is_nan(), "older than both samples");
        assert_eq!(window.rate(s(61)), 0.0);
    }

    #[test]
    fn rate_of_a_young_window_counts_one_whole_sample_of_silence() {
        let mut window = Window::default();
        window.record(s(0), 300.0);
        assert_eq!(window.rate(s(0)), 10.0);
        window.record(s(10), 300.0);
        assert_eq!(window.rate(s(10)), 15.0);
    }

    #[test]
    fn old_sample_is_left_when_the_next_is_full() {
        let mut window = Window::default();
        window.record(s(0), 100.0);
        window.record(s(30), 10.0);
        assert_eq!(window.max(s(30)), 100.0);
        window.record(s(60), 1.0);
        assert_eq!(window.max(s(60)), 10.0);
        assert_eq!(window.avg(s(60)), 5.5);
    }

    #[test]
    fn counter_that_falls_counts_from_zero() {
        let mut meter = Meter::default();
        meter.raise(s(0), 100.0);
        meter.raise(s(5), 30.0);
        assert_eq!(meter.total, 30.0);
        assert_eq!(meter.rate(s(5)), 130.0 / 35.0);
    }

    #[test]
    fn quantiles_are_within_one_per_cent() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        for value in 1..=1000 {
            sketch.record(f64::from(value), 1);
        }
        for (share, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = sketch.quantile(share).unwrap();
            assert!((found - exact).abs() <= 0.011 * exact + 1.0, "{share}: {found}");
        }
        assert_eq!(sketch.extremes(), Some((1.0, 1000.0, 500.5)));
    }
}
