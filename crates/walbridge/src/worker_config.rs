//! The worker's configuration: first what was written (a `.properties` file or the environment), then what it means.
//!
//! Keys, defaults and texts are those of Kafka Connect's distributed worker
//! (`org.apache.kafka.connect.runtime.distributed.DistributedConfig`, 4.3).

use std::collections::BTreeMap;
use std::path::Path;

use crate::properties;

/// The worker cannot be configured from what was written.
#[derive(Debug, thiserror::Error)]
pub enum WorkerConfigError {
    /// The file cannot be read.
    #[error("worker configuration {path}: {source}")]
    Read {
        /// Its path as given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a properties file.
    #[error("worker configuration {path}: {reason}")]
    Syntax {
        /// Its path as given.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// A key that must be there is not.
    #[error("Missing required configuration \"{0}\" which has no default value.")]
    Missing(&'static str),
    /// A value does not have the form that its key needs.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What was written.
        value: String,
        /// What it should be.
        reason: String,
    },
}

/// What was written, unjudged: keys and values.
#[derive(Debug, Clone, Default)]
pub struct WorkerProperties {
    entries: BTreeMap<String, String>,
}

/// Image conventions of the environment that are no worker keys: logging, heap, waiting, plugin paths of the images.
const NOT_PROPERTIES: &[&str] = &["log4j.", "cub.", "opts", "jmx.", "heap."];

impl WorkerProperties {
    /// Reads a `.properties` file.
    ///
    /// # Errors
    /// It cannot be read, or is not of that form.
    pub fn from_file(path: &Path) -> Result<Self, WorkerConfigError> {
        let shown = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| WorkerConfigError::Read { path: shown(), source })?;
        let entries = properties::parse(&text)
            .map_err(|error| WorkerConfigError::Syntax { path: shown(), reason: error.to_string() })?;
        Ok(Self { entries: entries.into_iter().collect() })
    }

    /// Reads `CONNECT_*` variables: the prefix off, lower case, `_` to `.`, `__` to `-`, `___` to `_`
    /// (the rule of Confluent's images; Debezium's images know the first mapping only).
    pub fn from_env(variables: impl Iterator<Item = (String, String)>) -> Self {
        let entries = variables
            .filter_map(|(name, value)| Some((property_name(name.strip_prefix("CONNECT_")?), value)))
            .filter(|(key, _)| !NOT_PROPERTIES.iter().any(|p| key.starts_with(p)))
            .collect();
        Self { entries }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// All of them, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Keys that mean nothing to this worker.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str).filter(|key| !is_known(key))
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn required(&self, key: &'static str) -> Result<&str, WorkerConfigError> {
        self.get(key).map(str::trim).filter(|v| !v.is_empty()).ok_or(WorkerConfigError::Missing(key))
    }

    /// A number, or its default.
    ///
    /// # Errors
    /// What is written is not a number of that type.
    pub fn number<T: std::str::FromStr>(&self, key: &'static str, default: T) -> Result<T, WorkerConfigError> {
        self.get(key).map_or(Ok(default), |text| {
            text.trim().parse().map_err(|_not_a_number: T::Err| WorkerConfigError::Invalid {
                key,
                value: text.to_owned(),
                reason: "not a number of the right type and size".to_owned(),
            })
        })
    }

    /// A boolean, or its default.
    ///
    /// # Errors
    /// Neither `true` nor `false` is written.
    pub fn boolean(&self, key: &'static str, default: bool) -> Result<bool, WorkerConfigError> {
        match self.get(key).map(|v| v.trim().to_ascii_lowercase()).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(WorkerConfigError::Invalid {
                key,
                value: other.to_owned(),
                reason: "Expected value to be either true or false".to_owned(),
            }),
        }
    }
}

fn property_name(rest: &str) -> String {
    let mut name = String::with_capacity(rest.len());
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '_' {
            name.extend(c.to_lowercase());
            continue;
        }
        let mut run = 1;
        while chars.next_if_eq(&'_').is_some() {
            run += 1;
        }
        name.push_str(match run {
            1 => ".",
            2 => "-",
            3 => "_",
            _ => "",
        });
    }
    name
}

/// Families of keys: everything under these prefixes is somebody's.
const KNOWN_PREFIXES: &[&str] = &[
    "producer.",
    "consumer.",
    "admin.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "config.storage.",
    "offset.storage.",
    "status.storage.",
    "config.providers",
    "listeners.https.",
    "ssl.",
    "sasl.",
    "metrics.",
    "inter.worker.",
    "rest.",
    "walbridge.",
];

/// Connect's worker keys outside those families, used or not: naming one is no mistake.
const KNOWN: &[&str] = &[
    "access.control.allow.methods",
    "access.control.allow.origin",
    "admin.listeners",
    "auto.include.jmx.reporter",
    "bootstrap.controllers",
    "bootstrap.servers",
    "client.dns.lookup",
    "client.id",
    "config.storage.topic",
    "connect.protocol",
    "connections.max.idle.ms",
    "connector.client.config.override.allowlist",
    "connector.client.config.override.policy",
    "exactly.once.source.support",
    "group.id",
    "header.converter",
    "heartbeat.interval.ms",
    "internal.key.converter",
    "internal.key.converter.schemas.enable",
    "internal.value.converter",
    "internal.value.converter.schemas.enable",
    "key.converter",
    "listeners",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "offset.flush.interval.ms",
    "offset.flush.timeout.ms",
    "plugin.discovery",
    "plugin.path",
    "rebalance.timeout.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "response.http.headers.config",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "scheduled.rebalance.max.delay.ms",
    "security.protocol",
    "security.providers",
    "send.buffer.bytes",
    "session.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "status.storage.topic",
    "task.shutdown.graceful.timeout.ms",
    "topic.creation.enable",
    "topic.tracking.allow.reset",
    "topic.tracking.enable",
    "value.converter",
    "worker.sync.timeout.ms",
    "worker.unsync.backoff.ms",
];

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key) || KNOWN_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> WorkerProperties {
        WorkerProperties::from_env(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn environment_maps_as_the_images_do() {
        let properties = env(&[
            ("CONNECT_BOOTSTRAP_SERVERS", "a:1"),
            ("CONNECT_PRODUCER_COMPRESSION_TYPE", "zstd"),
            ("CONNECT_X__Y___Z", "1"),
            ("CONNECT_LOG4J_ROOT_LOGLEVEL", "WARN"),
            ("KAFKA_HEAP_OPTS", "-Xmx1g"),
        ]);
        let pairs: Vec<_> = properties.iter().collect();
        assert_eq!(pairs, [("bootstrap.servers", "a:1"), ("producer.compression.type", "zstd"), ("x-y_z", "1")]);
    }

    #[test]
    fn unknown_keys_are_named_and_known_ones_are_not() {
        let properties = env(&[("CONNECT_GROUP_ID", "g"), ("CONNECT_GRUOP_ID", "g"), ("CONNECT_PLUGIN_PATH", "/x")]);
        assert_eq!(properties.unknown().collect::<Vec<_>>(), ["gruop.id"]);
    }

    #[test]
    fn errors_name_the_key() {
        let properties = env(&[("CONNECT_OFFSET_FLUSH_INTERVAL_MS", "soon")]);
        let error = properties.number::<u64>("offset.flush.interval.ms", 60_000).unwrap_err();
        assert!(error.to_string().contains("offset.flush.interval.ms"), "{error}");
        assert!(properties.required("group.id").unwrap_err().to_string().contains("group.id"));
    }
}
