//! The worker's configuration as it was written: a `.properties` file or the environment. What it means is judged by
//! [`connect::WorkerSettings`].
//!
//! Keys are those of Kafka Connect's distributed worker
//! (`org.apache.kafka.connect.runtime.distributed.DistributedConfig`, 4.3).

use std::path::Path;

use connect::{Properties, java_properties};

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
}

/// Image conventions of the environment that are no worker keys: logging, heap, waiting, plugin paths of the images.
const NOT_PROPERTIES: &[&str] = &["log4j.", "cub.", "opts", "jmx.", "heap."];

/// Reads a `.properties` file.
///
/// # Errors
/// It cannot be read, or is not of that form.
pub fn from_file(path: &Path) -> Result<Properties, WorkerConfigError> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|source| WorkerConfigError::Read { path: shown(), source })?;
    let entries = java_properties::parse(&text)
        .map_err(|error| WorkerConfigError::Syntax { path: shown(), reason: error.to_string() })?;
    Ok(entries.into_iter().collect())
}

/// Reads `CONNECT_*` variables: the prefix off, lower case, `_` to `.`, `__` to `-`, `___` to `_`
/// (the rule of Confluent's images; Debezium's images know the first mapping only).
pub fn from_env(variables: impl Iterator<Item = (String, String)>) -> Properties {
    variables
        .filter_map(|(name, value)| Some((property_name(name.strip_prefix("CONNECT_")?), value)))
        .filter(|(key, _)| !NOT_PROPERTIES.iter().any(|p| key.starts_with(p)))
        .collect()
}

/// Keys that mean nothing to this worker.
pub fn unknown(properties: &Properties) -> impl Iterator<Item = &str> {
    properties.keys().map(String::as_str).filter(|key| !is_known(key))
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

    fn env(pairs: &[(&str, &str)]) -> Properties {
        from_env(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
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
        let pairs: Vec<_> = properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [("bootstrap.servers", "a:1"), ("producer.compression.type", "zstd"), ("x-y_z", "1")]
        );
    }

    #[test]
    fn unknown_keys_are_named_and_known_ones_are_not() {
        let properties = env(&[
            ("CONNECT_GROUP_ID", "g"),
            ("CONNECT_GRUOP_ID", "g"),
            ("CONNECT_PLUGIN_PATH", "/x"),
        ]);
        assert_eq!(unknown(&properties).collect::<Vec<_>>(), ["gruop.id"]);
    }

    #[test]
    fn missing_file_is_named() {
        let error = from_file(Path::new("no/such.properties")).unwrap_err();
        assert!(error.to_string().contains("no/such.properties"), "{error}");
    }
}
