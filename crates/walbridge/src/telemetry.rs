//! Logs: to standard output, one line an event, in UTC; `WALBRIDGE_LOG` sets the levels (`info` unless it does).

use tracing_subscriber::EnvFilter;

/// Starts logging for the process.
pub fn init() {
    let filter =
        EnvFilter::try_from_env("WALBRIDGE_LOG").unwrap_or_else(|_not_set| EnvFilter::new("info"));
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    // A second call (a test that starts two workers) keeps the first subscriber.
    drop(format.try_init());
}
