//! Logs: one line an event, in UTC. `WALBRIDGE_LOG` sets the levels by module, `WALBRIDGE_LOG_FORMAT` the form; the
//! command line's options win over both.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `time LEVEL module: text field=value`.
    #[default]
    Text,
    /// An object: `timestamp`, `level`, `target`, `message`, and a member a field.
    Json,
}

/// What is logged, how, and where to.
#[derive(Debug, Clone)]
pub struct Logging {
    /// Levels by module, such as `info,pgoutput=debug`; `None`: [`Self::default_levels`].
    pub levels: Option<String>,
    /// Levels unless told otherwise.
    pub default_levels: &'static str,
    /// The form of a line.
    pub format: Format,
    /// To standard error, because standard output is for results.
    pub to_stderr: bool,
}

/// The levels cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "log levels {levels:?}: {reason}; expected are directives such as info,pgoutput=debug,connect::rest=warn"
)]
pub struct LevelsError {
    levels: String,
    reason: String,
}

/// Starts logging for the process.
///
/// # Errors
/// The levels are malformed: to log something else than asked for would be found out too late.
pub fn init(logging: &Logging) -> Result<(), LevelsError> {
    let levels = logging.levels.as_deref().unwrap_or(logging.default_levels);
    let filter = filter(levels)?;
    let writer = if logging.to_stderr {
        BoxMakeWriter::new(io::stderr)
    } else {
        BoxMakeWriter::new(io::stdout)
    };
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer);
    // A second call (a test that starts two workers) keeps the first subscriber.
    match logging.format {
        Format::Text => drop(lines.try_init()),
        Format::Json => drop(lines.json().flatten_event(true).try_init()),
    }
    Ok(())
}

fn filter(levels: &str) -> Result<EnvFilter, LevelsError> {
    EnvFilter::builder()
        .parse(levels)
        .map_err(|error| LevelsError { levels: levels.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_by_module_are_understood_and_others_refused() {
        for levels in ["info", "warn,pgoutput=debug", "off,connect::rest=trace", ""] {
            filter(levels).unwrap();
        }
        let error = filter("pgoutput=loud").unwrap_err().to_string();
        assert!(error.contains("pgoutput=loud"), "{error}");
    }
}
