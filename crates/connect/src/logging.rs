//! Log levels that can be changed at run time: what `/admin/loggers` shows and sets.
//!
//! Names are Java's (`io.debezium.connector.postgresql`) or those of the program's own modules (`connect.rest`,
//! `connect::rest`); what they mean for the log is the business of whoever implements [`LevelSink`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Log4j's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Nothing.
    Off,
    /// The worker cannot go on.
    Fatal,
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Every step.
    Trace,
    /// Everything.
    All,
}

impl Level {
    /// Reads a level, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "OFF" => Some(Self::Off),
            "FATAL" => Some(Self::Fatal),
            "ERROR" => Some(Self::Error),
            "WARN" => Some(Self::Warn),
            "INFO" => Some(Self::Info),
            "DEBUG" => Some(Self::Debug),
            "TRACE" => Some(Self::Trace),
            "ALL" => Some(Self::All),
            _ => None,
        }
    }
}

/// Makes levels true.
pub trait LevelSink: Send + Sync + fmt::Debug {
    /// Sets the level of everything, where it was changed, and then those of single loggers.
    fn set(&self, root: Option<Level>, loggers: &[(&str, Level)]);
}

/// A level and when it was changed, as REST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct LoggerLevel {
    pub(crate) level: Level,
    /// Milliseconds since 1970; none if it was not.
    pub(crate) last_modified: Option<u64>,
}

/// Loggers of a stock worker that people ask for by name.
const KNOWN: &[&str] = &[
    "io.debezium",
    "io.debezium.connector.postgresql",
    "io.debezium.connector.postgresql.PostgresConnectorTask",
    "io.debezium.connector.postgresql.PostgresSnapshotChangeEventSource",
    "io.debezium.connector.postgresql.PostgresStreamingChangeEventSource",
    "org.apache.kafka",
    "org.apache.kafka.clients.producer.KafkaProducer",
    "org.apache.kafka.connect",
    "org.apache.kafka.connect.runtime.Worker",
    "org.apache.kafka.connect.runtime.WorkerSourceTask",
    "org.apache.kafka.connect.runtime.distributed.DistributedHerder",
    "org.apache.kafka.connect.runtime.rest.RestServer",
    "org.apache.kafka.connect.storage.KafkaConfigBackingStore",
    "org.apache.kafka.connect.storage.KafkaOffsetBackingStore",
    "org.apache.kafka.connect.storage.KafkaStatusBackingStore",
];

const ROOT: &str = "root";

#[derive(Debug, Default)]
struct State {
    root: Option<LoggerLevel>,
    set: BTreeMap<String, LoggerLevel>,
}

/// The worker's loggers.
#[derive(Debug)]
pub struct Loggers {
    sink: Option<Box<dyn LevelSink>>,
    state: Mutex<State>,
}

impl Default for Loggers {
    /// Loggers whose levels nobody makes true.
    fn default() -> Self {
        Self { sink: None, state: Mutex::default() }
    }
}

impl Loggers {
    /// Loggers whose levels `sink` makes true.
    #[must_use]
    pub fn new(sink: Box<dyn LevelSink>) -> Self {
        Self { sink: Some(sink), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every logger that is known or was set, by name.
    pub(crate) fn all(&self) -> BTreeMap<String, LoggerLevel> {
        let state = self.lock();
        let mut all: BTreeMap<String, LoggerLevel> =
            KNOWN.iter().map(|&name| (name.to_owned(), state.level(name))).collect();
        all.extend(state.set.iter().map(|(name, level)| (name.clone(), *level)));
        all.insert(ROOT.to_owned(), state.root());
        all
    }

    /// One logger, if it is known.
    pub(crate) fn get(&self, name: &str) -> Option<LoggerLevel> {
        let state = self.lock();
        let known = name == ROOT || KNOWN.contains(&name) || state.set.contains_key(name);
        known.then(|| if name == ROOT { state.root() } else { state.level(name) })
    }

    /// Sets the level of a logger and of those below it that were set before; answers their names. One of which
    /// nothing was set is made.
    pub(crate) fn set(&self, name: &str, level: Level) -> Vec<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let changed = LoggerLevel { level, last_modified: u64::try_from(now).ok() };
        let mut state = self.lock();
        let below = |other: &str| {
            name == ROOT
                || other == name
                || other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        };
        let mut names: Vec<String> =
            state.set.keys().filter(|other| below(other)).cloned().collect();
        if name == ROOT {
            state.root = Some(changed);
        } else if names.is_empty() {
            names.push(name.to_owned());
        }
        for name in &names {
            state.set.insert(name.clone(), changed);
        }
        if let Some(sink) = &self.sink {
            let loggers: Vec<(&str, Level)> =
                state.set.iter().map(|(name, level)| (name.as_str(), level.level)).collect();
            sink.set(state.root.map(|root| root.level), &loggers);
        }
        if names.is_empty() { vec![ROOT.to_owned()] } else { names }
    }
}

impl State {
    fn root(&self) -> LoggerLevel {
        self.root.unwrap_or(LoggerLevel { level: Level::Info, last_modified: None })
    }

    /// That of the nearest logger above that was set.
    fn level(&self, name: &str) -> LoggerLevel {
        let mut above = name;
        loop {
            if let Some(level) = self.set.get(above) {
                return if above == name {
                    *level
                } else {
                    LoggerLevel { last_modified: None, ..*level }
                };
            }
            match above.rsplit_once('.') {
                Some((parent, _)) => above = parent,
                None => return LoggerLevel { last_modified: None, ..self.root() },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_reaches_what_is_below_and_was_set() {
        let loggers = Loggers::default();
        assert_eq!(loggers.set("a.b", Level::Debug), ["a.b"]);
        assert_eq!(loggers.set("a", Level::Warn), ["a.b"]);
        assert_eq!(loggers.get("a"), None);
        assert_eq!(loggers.get("a.b").unwrap().level, Level::Warn);
        assert_eq!(loggers.set("root", Level::Error), ["a.b"]);
        assert_eq!(loggers.get("io.debezium").unwrap().level, Level::Error);
        assert_eq!(loggers.get("io.debezium").unwrap().last_modified, None);
    }

    #[test]
    fn unknown_loggers_are_not_found() {
        assert_eq!(Loggers::default().get("no.such.logger"), None);
        assert_eq!(Loggers::default().get("root").unwrap().level, Level::Info);
    }
}
