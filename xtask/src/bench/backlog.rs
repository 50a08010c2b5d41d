//! Throughput: a snapshot, and backlogs that waited in the slot.

use std::time::{Duration, Instant};

use super::ground::{Arrival, Ground, postgres_name};
use super::receiver;
use super::report::{Line, rate, thousands};
use super::usage::Meter;
use crate::error::Result;

/// The initial snapshot of `rows`, from the request that installs the connector on.
pub(crate) fn snapshot(ground: &mut Ground, name: &str, rows: u64) -> Result<Line> {
    ground.reset_table()?;
    ground.load(rows, None)?;
    ground.session.run("VACUUM ANALYZE bench_users")?;
    let mut counter = ground.counter(name)?;
    let meter = Meter::start(ground.worker.process)?;
    let started = Instant::now();
    ground.connect(name, "initial")?;
    let arrival = ground.watch(name, &mut counter, (0, rows), started)?;
    let usage = meter.read()?;
    ground.worker.await_streaming(name, &mut ground.session)?;
    ground.verify(name)?;
    ground.disconnect(name)?;
    let line =
        Line { scenario: format!("snapshot, {} rows", thousands(rows)), ..told(&arrival, rows) };
    Ok(line.used(&usage, rows))
}

/// `rows` that waited in the slot while the connector was stopped, from the request that resumes it on.
pub(crate) fn drain(ground: &mut Ground, rows: u64, per_transaction: Option<u64>) -> Result<Line> {
    let name = if per_transaction.is_some() { "bench-small" } else { "bench-one" };
    ground.reset_table()?;
    ground.connect(name, "no_data")?;
    ground.worker.await_streaming(name, &mut ground.session)?;
    // The topic exists and the table is known to the connector before anything is measured.
    ground.load(1, None)?;
    let mut counter = ground.counter(name)?;
    ground.watch(name, &mut counter, (0, 1), Instant::now())?;
    ground.worker.stop_connector(name, &mut ground.session)?;

    receiver::prepare(&mut ground.session)?;
    ground.load(rows, per_transaction)?;
    let end = ground.session.one("SELECT pg_current_wal_lsn()")?;
    let meter = Meter::start(ground.worker.process)?;
    let started = Instant::now();
    ground.worker.ask("PUT", &format!("/connectors/{name}/resume"), "")?;
    let arrival = ground.watch(name, &mut counter, (1, rows), started)?;
    let usage = meter.read()?;
    ground.verify(name)?;

    let from = (ground.stack.postgres.port, postgres_name(name));
    let receiver = receiver::receive(&mut ground.session, (from.0, &from.1), (&end, rows))?;
    ground.disconnect(name)?;
    let how = per_transaction.map_or_else(
        || "one transaction".to_owned(),
        |each| format!("transactions of {each} rows"),
    );
    let scenario = format!("drain, {} rows, {how}", thousands(rows));
    Ok(Line { scenario, receiver, ..told(&arrival, rows) }.used(&usage, rows))
}

/// The rate is over the whole time, which pg_recvlogical's is too.
fn told(arrival: &Arrival, rows: u64) -> Line {
    let Arrival { first, last } = arrival;
    let seconds = |time: Duration| time.as_secs_f64();
    let between = last.saturating_sub(*first);
    Line {
        result: format!(
            "{:.2} s; first record after {:.2} s, the rest in {:.2} s",
            seconds(*last),
            seconds(*first),
            seconds(between)
        ),
        rows_per_s: Some(rate(rows, *last)),
        ..Line::default()
    }
}
