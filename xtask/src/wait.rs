//! Waiting: polls with a deadline, and Ctrl-C as a flag that every wait looks at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Context, Error, Result};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

const PAUSE: Duration = Duration::from_millis(25);

/// From here on SIGINT, SIGTERM and SIGHUP set a flag instead of ending us, so that owners can stop what they started.
/// A second one does not hurry it: some senders signal the process and its group, and every stop has a limit anyway.
pub(crate) fn listen() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))
            .context("listen for signals")?;
    }
    Ok(())
}

/// Whether somebody asked us to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// An error once somebody asked us to end.
pub(crate) fn check() -> Result<()> {
    if interrupted() { Err(Error::new("interrupted")) } else { Ok(()) }
}

/// Asks `probe` until it answers; an error after `limit`, when interrupted, or when `probe` gives up.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    stepwise(what, limit, PAUSE, probe)
}

/// As [`until`], for what is measured by when it was seen.
pub(crate) fn closely<T>(
    what: &str,
    limit: Duration,
    probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    stepwise(what, limit, Duration::from_millis(1), probe)
}

/// As [`until`], for a `probe` that itself waits a moment.
pub(crate) fn unpaused<T>(
    what: &str,
    limit: Duration,
    probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    stepwise(what, limit, Duration::ZERO, probe)
}

fn stepwise<T>(
    what: &str,
    limit: Duration,
    step: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let answer = poll(limit, step, || {
        check()?;
        probe()
    })?;
    answer.ok_or_else(|| Error::new(format!("{what}: not within {} s", limit.as_secs())))
}

/// As [`until`], for tearing down: does not look at signals, and `None` says that the time is over.
pub(crate) fn settle<T>(
    limit: Duration,
    probe: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    poll(limit, PAUSE, probe)
}

fn poll<T>(
    limit: Duration,
    step: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = probe()? {
            return Ok(Some(answer));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        rest(step);
    }
}

/// Returns at `moment`: the pace of somebody who writes steadily.
pub(crate) fn pace(moment: Instant) {
    rest(moment.saturating_duration_since(Instant::now()));
}

#[expect(clippy::disallowed_methods, reason = "the step of a poll; no runtime's worker runs here")]
fn rest(step: Duration) {
    if !step.is_zero() {
        std::thread::sleep(step);
    }
}
