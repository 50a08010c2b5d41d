//! From a row's transaction to a consumer, under a steady load.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::Message as _;

use super::ground::{Ground, id_of, topic};
use super::report::{Line, rate, thousands};
use super::usage::Meter;
use crate::error::{Context, Error, Result};
use crate::kafka::Consumer;
use crate::sql::Session;
use crate::wait;

/// A transaction begins this often, with the rows that are due.
const STEP: Duration = Duration::from_millis(2);

/// The most rows of a transaction; also how many ids a microsecond has.
const ROWS_MAX: u64 = 1_000;

/// How long the last record may take after the last row.
const LIMIT: Duration = Duration::from_secs(60);

/// Writes `rate` rows a second for `seconds`, and reads them from Kafka. A row's id says when its transaction was begun.
pub(crate) fn measure(ground: &mut Ground, rows_per_s: u64, seconds: u64) -> Result<Line> {
    let name = format!("bench-latency-{rows_per_s}");
    ground.reset_table()?;
    ground.connect(&name, "no_data")?;
    ground.worker.await_streaming(&name, &mut ground.session)?;
    let mut consumer = Consumer::new(&ground.stack.bootstrap(), &[&topic(&name)])?;
    ground.load(1, None)?;
    wait::until("the first record", LIMIT, || {
        ground.worker.status(&name)?;
        Ok((consumer.each(|_| {})? > 0).then_some(()))
    })?;

    let total = rows_per_s * seconds;
    let n_rows = usize::try_from(total).context("rows")?;
    let port = ground.stack.postgres.port;
    let meter = Meter::start(ground.worker.process)?;
    let mut sender = Some(thread::spawn(move || send(port, rows_per_s, total)));
    let (mut ended, mut received) = (None, Received::default());
    let limit = LIMIT + Duration::from_secs(seconds);
    let took = wait::unpaused(&format!("{total} records"), limit, || {
        ground.worker.check()?;
        consumer.each(|message| received.take(message.key()))?;
        if let Some(sender) = sender.take_if(|sender| sender.is_finished()) {
            ended = Some(sender.join().map_err(|_panic| Error::new("the writer of rows broke"))??);
        }
        Ok(ended.filter(|_| received.ids.len() >= n_rows))
    })?;
    let usage = meter.read()?;
    ground.disconnect(&name)?;
    let delays = received.delays(n_rows)?;
    let scenario = format!("latency, {} rows/s for {seconds} s", thousands(rows_per_s));
    let rows_per_s = Some(rate(total, took));
    Ok(Line { scenario, result: told(&delays), rows_per_s, ..Line::default() }.used(&usage, total))
}

/// What came, and how late.
#[derive(Debug, Default)]
struct Received {
    ids: Vec<u64>,
    delays_us: Vec<u64>,
    n_stray: usize,
}

impl Received {
    fn take(&mut self, key: Option<&[u8]>) {
        match key.and_then(id_of) {
            Some(id) => {
                self.ids.push(id);
                self.delays_us.push(now_us().saturating_sub(id / ROWS_MAX));
            }
            None => self.n_stray += 1,
        }
    }

    /// In rising order; an error unless each of `n_rows` came exactly once, and nothing else.
    fn delays(mut self, n_rows: usize) -> Result<Vec<u64>> {
        let n_records = self.ids.len() + self.n_stray;
        self.ids.sort_unstable();
        self.ids.dedup();
        if n_records != n_rows || self.ids.len() != n_rows {
            let n_ids = self.ids.len();
            return Err(Error::new(format!(
                "{n_rows} rows became {n_records} records of {n_ids} rows"
            )));
        }
        self.delays_us.sort_unstable();
        Ok(self.delays_us)
    }
}

/// Writes `total` rows at `rows_per_s`; how long that took.
fn send(port: u16, rows_per_s: u64, total: u64) -> Result<Duration> {
    let mut session = Session::connect(port, "postgres")?;
    let started = Instant::now();
    let (mut sent, mut next) = (0, started);
    while sent < total {
        wait::check()?;
        let due = started.elapsed().as_secs_f64() * rows_per_s as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count, never negative"
        )]
        let due = (due as u64).min(total);
        let n = due.saturating_sub(sent).min(ROWS_MAX - 1);
        if n > 0 {
            session.run(&format!(
                "INSERT INTO bench_users (id, full_name, email, balance, active, created_at) \
                 SELECT {} + i, 'Full Name '||i, 'user'||i||'@example.com', 1.5, true, now() \
                 FROM generate_series(0, {n} - 1) i",
                now_us() * ROWS_MAX
            ))?;
            sent += n;
        }
        next += STEP;
        wait::pace(next);
    }
    Ok(started.elapsed())
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn told(sorted_us: &[u64]) -> String {
    let at = |part: f64| quantile(sorted_us, part) as f64 / 1e3;
    format!(
        "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    )
}

/// The smallest that at least `part` of all do not exceed.
fn quantile(sorted: &[u64], part: f64) -> u64 {
    let wanted = part * sorted.len() as f64;
    let below = |(at, _): &(usize, &u64)| (*at + 1) as f64 >= wanted;
    sorted.iter().enumerate().find(below).map_or(0, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::{ROWS_MAX, Received, quantile};

    fn received(ids: &[u64]) -> Received {
        let mut received = Received::default();
        for id in ids {
            received.take(Some(format!("{{\"id\":{}}}", id * ROWS_MAX).as_bytes()));
        }
        received
    }

    #[test]
    fn rows_must_come_exactly_once() {
        assert_eq!(received(&[2, 1]).delays(2).unwrap().len(), 2);
        assert!(received(&[1]).delays(2).is_err());
        assert!(received(&[1, 1]).delays(2).is_err());
        assert!(received(&[1, 2, 2]).delays(2).is_err());
        let mut stray = received(&[1, 2]);
        stray.take(None);
        assert!(stray.delays(2).is_err());
    }

    #[test]
    fn quantile_is_the_smallest_that_enough_do_not_exceed() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!(quantile(&sorted, 0.5), 100);
        assert_eq!(quantile(&sorted, 0.99), 198);
        assert_eq!(quantile(&sorted, 1.0), 200);
        assert_eq!(quantile(&[], 0.5), 0);
    }
}
