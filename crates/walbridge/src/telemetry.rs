//! Logs: one line an event, in UTC. `WALBRIDGE_LOG` sets the levels by module, `WALBRIDGE_LOG_FORMAT` the form; the
//! command line's options win over both. Without any, the variables of the images set the levels
//! (`CONNECT_LOG4J_ROOT_LOGLEVEL`, `LOG_LEVEL`, `CONNECT_LOG4J_LOGGERS`). `/admin/loggers` changes them.

use std::io;

use connect::logging::{Level, LevelSink};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

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
    /// Levels by module, such as `info,pgoutput=debug`; `None`: what the images' variables say, or
    /// [`Self::default_level`].
    pub levels: Option<String>,
    /// The level unless told otherwise.
    pub default_level: &'static str,
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

/// Starts logging for the process; what it returns changes the levels.
///
/// # Errors
/// The levels are malformed: to log something else than asked for would be found out too late.
pub fn init(logging: &Logging) -> Result<Levels, LevelsError> {
    let initial = match &logging.levels {
        Some(levels) => filter(levels)?,
        None => of_images(|name| std::env::var(name).ok(), logging.default_level),
    };
    let text = initial.to_string();
    let (filter, handle) = reload::Layer::new(initial);
    let writer = if logging.to_stderr {
        BoxMakeWriter::new(io::stderr)
    } else {
        BoxMakeWriter::new(io::stdout)
    };
    let lines = fmt::layer().with_ansi(false).with_writer(writer);
    let lines = match logging.format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second call (a test that starts two workers) keeps the first subscriber.
    drop(tracing_subscriber::registry().with(filter).with(lines).try_init());
    Ok(Levels { handle, initial: text })
}

fn filter(levels: &str) -> Result<EnvFilter, LevelsError> {
    EnvFilter::builder()
        .parse(levels)
        .map_err(|error| LevelsError { levels: levels.to_owned(), reason: error.to_string() })
}

/// The levels that Confluent's and Debezium's images would log with.
fn of_images(variable: impl Fn(&str) -> Option<String>, default: &'static str) -> EnvFilter {
    let root = variable("CONNECT_LOG4J_ROOT_LOGLEVEL").or_else(|| variable("LOG_LEVEL"));
    let root = root.and_then(|text| Level::parse(text.trim())).map_or(default, word);
    let loggers = variable("CONNECT_LOG4J_LOGGERS").unwrap_or_default();
    let loggers = loggers.split(',').filter_map(|pair| {
        let (name, level) = pair.split_once('=')?;
        Some((name.trim(), Level::parse(level.trim())?))
    });
    with_loggers(EnvFilter::new(root), loggers)
}

/// Adds the levels of single loggers.
fn with_loggers<'a>(
    filter: EnvFilter,
    loggers: impl Iterator<Item = (&'a str, Level)>,
) -> EnvFilter {
    let directives = loggers.flat_map(|(name, level)| {
        targets(name).into_iter().map(move |target| format!("{target}={}", word(level)))
    });
    // A name that is no target of a directive changes nothing.
    directives.filter_map(|directive| directive.parse().ok()).fold(filter, EnvFilter::add_directive)
}

/// Changes the levels of the log.
#[derive(Debug)]
pub struct Levels {
    handle: reload::Handle<EnvFilter, Registry>,
    /// What the process started with.
    initial: String,
}

impl LevelSink for Levels {
    fn set(&self, root: Option<Level>, loggers: &[(&str, Level)]) {
        let filter = match root {
            Some(level) => EnvFilter::new(word(level)),
            None => EnvFilter::new(&self.initial),
        };
        let filter = with_loggers(filter, loggers.iter().copied());
        if let Err(error) = self.handle.reload(filter) {
            tracing::warn!(%error, "log levels are as before");
        }
    }
}

/// The level here.
const fn word(level: Level) -> &'static str {
    match level {
        Level::Off => "off",
        Level::Fatal | Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace | Level::All => "trace",
    }
}

/// Which modules do what a Java logger tells of; the longest name that fits counts.
const TARGETS: &[(&str, &[&str])] = &[
    ("io.debezium", &["walbridge", "pgoutput", "sink"]),
    ("io.debezium.connector.postgresql", &["walbridge::postgres", "pgoutput"]),
    ("io.debezium.connector.postgresql.connection", &["pgoutput::wire", "pgoutput::sql"]),
    ("io.debezium.transforms", &["sink::transform"]),
    ("org.apache.kafka", &["connect", "sink::producer", "librdkafka", "rdkafka"]),
    ("org.apache.kafka.clients", &["librdkafka", "rdkafka", "sink::producer"]),
    ("org.apache.kafka.connect", &["connect", "walbridge::pipeline"]),
    ("org.apache.kafka.connect.runtime.rest", &["connect::rest"]),
    ("org.apache.kafka.connect.runtime.distributed", &["connect::herder"]),
    ("org.apache.kafka.connect.runtime.WorkerSourceTask", &["walbridge::pipeline"]),
    ("org.apache.kafka.connect.storage", &["connect::storage"]),
    ("org.apache.kafka.connect.transforms", &["sink::transform"]),
];

/// The modules that a logger's name means: a Java name by [`TARGETS`], any other as it is.
fn targets(name: &str) -> Vec<String> {
    let covers = |known: &str| {
        name == known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
    };
    let known = TARGETS.iter().filter(|(known, _)| covers(known));
    match known.max_by_key(|(known, _)| known.len()) {
        Some((_, targets)) => targets.iter().map(|&target| target.to_owned()).collect(),
        None => vec![name.replace('.', "::")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_loggers_mean_the_modules_that_do_their_work() {
        assert_eq!(targets("org.apache.kafka.connect.runtime.rest.RestServer"), ["connect::rest"]);
        assert_eq!(
            targets("io.debezium.connector.postgresql.X"),
            ["walbridge::postgres", "pgoutput"]
        );
        assert_eq!(targets("connect.herder"), ["connect::herder"]);
        assert_eq!(targets("walbridge::pipeline"), ["walbridge::pipeline"]);
    }

    #[test]
    fn the_images_variables_set_the_levels() {
        let variable = |name: &str| match name {
            "LOG_LEVEL" => Some("WARN".to_owned()),
            "CONNECT_LOG4J_LOGGERS" => {
                Some("org.apache.kafka.connect.runtime.rest=ERROR,io.debezium=DEBUG".to_owned())
            }
            _ => None,
        };
        let shown = of_images(variable, "info").to_string();
        for directive in ["connect::rest=error", "pgoutput=debug", "warn"] {
            assert!(shown.split(',').any(|one| one == directive), "{shown}");
        }
    }

    #[test]
    fn a_level_set_at_run_time_decides_what_is_logged() {
        let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
        let subscriber = tracing_subscriber::registry().with(filter);
        tracing::subscriber::with_default(subscriber, || {
            let enabled = || tracing::enabled!(target: "connect::herder", tracing::Level::DEBUG);
            assert!(!enabled());
            let levels = Levels { handle, initial: "info".to_owned() };
            levels.set(None, &[("org.apache.kafka.connect.runtime.distributed", Level::Debug)]);
            assert!(enabled());
            levels.set(Some(Level::Error), &[]);
            assert!(!tracing::enabled!(target: "connect::herder", tracing::Level::INFO));
        });
    }

    #[test]
    fn levels_by_module_are_understood_and_others_refused() {
        for levels in ["info", "warn,pgoutput=debug", "off,connect::rest=trace", ""] {
            filter(levels).unwrap();
        }
        let error = filter("pgoutput=loud").unwrap_err().to_string();
        assert!(error.contains("pgoutput=loud"), "{error}");
    }
}
