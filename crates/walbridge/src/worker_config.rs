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

/// Variables of Debezium's images (`debezium/connect` 3.6) and the worker keys that they are.
const DEBEZIUM: &[(&str, &str)] = &[
    ("BOOTSTRAP_SERVERS", "bootstrap.servers"),
    ("GROUP_ID", "group.id"),
    ("CONFIG_STORAGE_TOPIC", "config.storage.topic"),
    ("OFFSET_STORAGE_TOPIC", "offset.storage.topic"),
    ("STATUS_STORAGE_TOPIC", "status.storage.topic"),
    ("KEY_CONVERTER", "key.converter"),
    ("VALUE_CONVERTER", "value.converter"),
    ("ADVERTISED_HOST_NAME", "rest.advertised.host.name"),
    ("ADVERTISED_PORT", "rest.advertised.port"),
    ("OFFSET_FLUSH_INTERVAL_MS", "offset.flush.interval.ms"),
    ("OFFSET_FLUSH_TIMEOUT_MS", "offset.flush.timeout.ms"),
    ("SHUTDOWN_TIMEOUT", "task.shutdown.graceful.timeout.ms"),
];

/// What those images set where nothing else is said.
const DEBEZIUM_DEFAULTS: &[(&str, &str)] = &[
    ("bootstrap.servers", "0.0.0.0:9092"),
    ("group.id", "1"),
    ("status.storage.topic", "connect-status"),
    ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("offset.flush.interval.ms", "60000"),
    ("offset.flush.timeout.ms", "5000"),
    ("task.shutdown.graceful.timeout.ms", "10000"),
    ("config.storage.replication.factor", "1"),
    ("offset.storage.replication.factor", "1"),
    ("status.storage.replication.factor", "1"),
];

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

/// Reads the environment as the images do: `CONNECT_*` variables with the prefix off, lower case, `_` to `.`, `__` to
/// `-`, `___` to `_` (the rule of Confluent's images; Debezium's know the first mapping only), and the variables
/// without a prefix of Debezium's images, with their defaults, where there is any of these.
pub fn from_env(variables: impl Iterator<Item = (String, String)>) -> Properties {
    let (mut properties, mut debezium) = (Properties::new(), Properties::new());
    for (name, value) in variables {
        if let Some(rest) = name.strip_prefix("CONNECT_") {
            let key = property_name(rest);
            if !NOT_PROPERTIES.iter().any(|prefix| key.starts_with(prefix)) {
                properties.insert(key, value);
            }
        } else if let Some((_, key)) = DEBEZIUM.iter().find(|(known, _)| *known == name)
            && !value.is_empty()
        {
            debezium.insert((*key).to_owned(), value);
        }
    }
    // The images' entry point puts the variables without a prefix over those with one.
    if ["config.storage.topic", "offset.storage.topic"]
        .iter()
        .any(|key| debezium.contains_key(*key))
    {
        properties.extend(debezium);
        for (key, value) in DEBEZIUM_DEFAULTS {
            properties.entry((*key).to_owned()).or_insert_with(|| (*value).to_owned());
        }
    }
    properties
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
    "rest.extension.classes",
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
    fn debezium_images_variables_come_with_their_defaults() {
        let properties = env(&[
            ("BOOTSTRAP_SERVERS", "a:1"),
            ("GROUP_ID", "7"),
            ("CONFIG_STORAGE_TOPIC", "c"),
            ("OFFSET_STORAGE_TOPIC", "o"),
            ("CONNECT_GROUP_ID", "8"),
            ("CONNECT_STATUS_STORAGE_REPLICATION_FACTOR", "3"),
        ]);
        let get = |key: &str| properties.get(key).map(String::as_str);
        assert_eq!(get("bootstrap.servers"), Some("a:1"));
        assert_eq!(get("group.id"), Some("7"));
        assert_eq!(get("status.storage.topic"), Some("connect-status"));
        assert_eq!(get("config.storage.replication.factor"), Some("1"));
        assert_eq!(get("status.storage.replication.factor"), Some("3"));
    }

    #[test]
    fn other_images_get_no_defaults_of_debeziums() {
        let properties = env(&[("CONNECT_BOOTSTRAP_SERVERS", "a:1"), ("GROUP_ID", "7")]);
        assert_eq!(properties.len(), 1);
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
