//! [`WorkerSettings`]: a worker's properties, read once.

mod rest;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::connector::Properties;
use crate::error::WorkerError;
use crate::logging::Loggers;
use crate::placeholder::Placeholders;

pub use rest::{
    AdminListeners, ClientAuth, Listener, Pem, ResponseHeader, RestSettings, TlsSettings, Users,
};

/// What a class is to Connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// A connector that reads from Kafka.
    Sink,
    /// A connector that writes to Kafka.
    Source,
    /// A single message transform.
    Transformation,
    /// A predicate.
    Predicate,
    /// A key or value converter.
    Converter,
    /// A header converter.
    HeaderConverter,
}

impl From<sink::component::Kind> for PluginKind {
    fn from(kind: sink::component::Kind) -> Self {
        use sink::component::Kind;
        match kind {
            Kind::Transformation => Self::Transformation,
            Kind::Predicate => Self::Predicate,
            Kind::Converter => Self::Converter,
            Kind::HeaderConverter => Self::HeaderConverter,
        }
    }
}

/// `connector.client.config.override.policy`: what connectors may override of their clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Everything.
    All,
    /// Nothing.
    None,
    /// Who they are.
    Principal,
    /// What `connector.client.config.override.allowlist` names.
    Allowlist(Vec<String>),
}

/// A class as `/connector-plugins` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// The full class name.
    pub class: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PluginKind,
    /// Its version; not shown if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// One of the three storage topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// Its name.
    pub name: String,
    /// Partitions at creation; −1 is the brokers' default.
    pub partitions: i32,
    /// Replicas at creation; −1 is the brokers' default.
    pub replication_factor: i32,
    /// Topic configs at creation, besides `cleanup.policy=compact`.
    pub properties: Properties,
}

/// A worker's properties.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// `group.id`.
    pub group_id: String,
    /// `bootstrap.servers`.
    pub bootstrap_servers: String,
    /// `config.storage.*`; always one partition.
    pub config_topic: TopicSettings,
    /// `offset.storage.*`.
    pub offset_topic: TopicSettings,
    /// `status.storage.*`.
    pub status_topic: TopicSettings,
    /// Where and how REST is served.
    pub rest: RestSettings,
    /// `rest.advertised.host.name`.
    pub advertised_host: Option<String>,
    /// `rest.advertised.port`.
    pub advertised_port: Option<u16>,
    /// `task.shutdown.graceful.timeout.ms`.
    pub shutdown_timeout: Duration,
    /// `topic.tracking.enable`.
    pub topic_tracking: bool,
    /// `topic.tracking.allow.reset`.
    pub topic_tracking_reset: bool,
    /// `topic.creation.enable`.
    pub topic_creation: bool,
    /// `exactly.once.source.support=enabled`.
    pub exactly_once: bool,
    /// What `GET /` shows as `version`.
    pub version: String,
    /// What `GET /` shows as `commit`: 16 hex digits.
    pub commit: String,
    /// What connectors may override.
    pub override_policy: OverridePolicy,
    /// Whose levels `/admin/loggers` changes.
    pub loggers: Arc<Loggers>,
    /// Everything, placeholders resolved.
    pub properties: Arc<Properties>,
    pub(crate) placeholders: Placeholders,
}

impl WorkerSettings {
    /// Reads a worker's properties file, already split in keys and values. `version` and `commit` are shown by
    /// `GET /`.
    ///
    /// # Errors
    /// A required property is missing, or one cannot be read: the text names it.
    pub fn parse(
        properties: &Properties,
        version: &str,
        commit: &str,
    ) -> Result<Self, WorkerError> {
        let placeholders = Placeholders::parse(properties).map_err(WorkerError::Setting)?;
        let properties = placeholders.resolve(properties).map_err(WorkerError::Setting)?;
        let read = Reader { properties: &properties };
        Ok(Self {
            group_id: read.required("group.id")?,
            bootstrap_servers: read.required("bootstrap.servers")?,
            config_topic: TopicSettings { partitions: 1, ..read.topic("config", 1)? },
            offset_topic: read.topic("offset", 25)?,
            status_topic: read.topic("status", 5)?,
            rest: RestSettings::parse(&read)?,
            advertised_host: read.optional("rest.advertised.host.name"),
            advertised_port: match read.optional("rest.advertised.port") {
                Some(_) => Some(read.number("rest.advertised.port", 0)?),
                None => None,
            },
            shutdown_timeout: read.milliseconds("task.shutdown.graceful.timeout.ms", 5000)?,
            topic_tracking: read.boolean("topic.tracking.enable", true)?,
            topic_tracking_reset: read.boolean("topic.tracking.allow.reset", true)?,
            topic_creation: read.boolean("topic.creation.enable", true)?,
            exactly_once: read.optional("exactly.once.source.support").as_deref()
                == Some("enabled"),
            version: version.to_owned(),
            commit: commit.to_owned(),
            override_policy: read.override_policy()?,
            loggers: Arc::default(),
            placeholders,
            properties: Arc::new(properties),
        })
    }
}

/// A worker's properties and a connector's configuration, placeholders replaced by what the worker's
/// `config.providers` know: what a task is given. Judges nothing else.
///
/// # Errors
/// A provider is not known, or a file cannot be read: the text names it, never a value.
pub fn resolve(
    worker: &Properties,
    connector: &Properties,
) -> Result<(Properties, Properties), WorkerError> {
    let placeholders = Placeholders::parse(worker).map_err(WorkerError::Setting)?;
    let resolve = |all| placeholders.resolve(all).map_err(WorkerError::Setting);
    Ok((resolve(worker)?, resolve(connector)?))
}

struct Reader<'a> {
    properties: &'a Properties,
}

impl Reader<'_> {
    fn optional(&self, key: &str) -> Option<String> {
        self.properties.get(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn required(&self, key: &str) -> Result<String, WorkerError> {
        self.optional(key).ok_or_else(|| WorkerError::Setting(format!("{key} is missing")))
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> Result<T, WorkerError> {
        let Some(text) = self.optional(key) else { return Ok(default) };
        text.parse().map_err(|_not| {
            WorkerError::Setting(format!("{key}: {text} is not a number that fits"))
        })
    }

    fn milliseconds(&self, key: &str, default: u64) -> Result<Duration, WorkerError> {
        Ok(Duration::from_millis(self.number(key, default)?))
    }

    fn boolean(&self, key: &str, default: bool) -> Result<bool, WorkerError> {
        match self.optional(key).map(|text| text.to_ascii_lowercase()).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(text) => {
                Err(WorkerError::Setting(format!("{key}: {text} is neither true nor false")))
            }
        }
    }

    fn topic(&self, kind: &str, partitions: i32) -> Result<TopicSettings, WorkerError> {
        let prefix = format!("{kind}.storage.");
        let own = ["topic", "partitions", "replication.factor", "cleanup.policy"];
        let extra = self.properties.iter().filter_map(|(key, value)| {
            let key = key.strip_prefix(&prefix).filter(|key| !own.contains(key))?;
            (!key.starts_with("file.")).then(|| (key.to_owned(), value.clone()))
        });
        let settings = TopicSettings {
            name: self.required(&format!("{prefix}topic"))?,
            partitions: self.number(&format!("{prefix}partitions"), partitions)?,
            replication_factor: self.number(&format!("{prefix}replication.factor"), 3)?,
            properties: extra.collect(),
        };
        for (key, value) in [
            ("partitions", settings.partitions),
            ("replication.factor", settings.replication_factor),
        ] {
            if value == 0 || value < -1 || value > 32_767 && key == "replication.factor" {
                return Err(WorkerError::Setting(format!(
                    "{prefix}{key}: {value} is out of range"
                )));
            }
        }
        Ok(settings)
    }

    fn list(&self, key: &str) -> Vec<String> {
        let text = self.optional(key).unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }

    /// By its short name, or by Connect's class of that name.
    fn override_policy(&self) -> Result<OverridePolicy, WorkerError> {
        let key = "connector.client.config.override.policy";
        let Some(text) = self.optional(key) else { return Ok(OverridePolicy::All) };
        let simple = text.rsplit('.').next().unwrap_or_default();
        match simple.strip_suffix("ConnectorClientConfigOverridePolicy").unwrap_or(simple) {
            "All" => Ok(OverridePolicy::All),
            "None" => Ok(OverridePolicy::None),
            "Principal" => Ok(OverridePolicy::Principal),
            "Allowlist" => Ok(OverridePolicy::Allowlist(
                self.list("connector.client.config.override.allowlist"),
            )),
            _ => Err(WorkerError::Setting(format!(
                "{key}: {text} is none of All, None, Principal and Allowlist"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> Properties {
        [
            ("bootstrap.servers", "b:9092"),
            ("group.id", "g"),
            ("config.storage.topic", "c"),
            ("offset.storage.topic", "o"),
            ("status.storage.topic", "s"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    fn parse(extra: &[(&str, &str)]) -> Result<WorkerSettings, WorkerError> {
        let mut properties = minimal();
        properties.extend(extra.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())));
        WorkerSettings::parse(&properties, "4.3.0", "0000000000000000")
    }

    #[test]
    fn defaults_are_connects() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.offset_topic.partitions, 25);
        assert_eq!(settings.status_topic.partitions, 5);
        assert_eq!(settings.config_topic.replication_factor, 3);
        assert_eq!(settings.shutdown_timeout, Duration::from_secs(5));
    }

    #[test]
    fn storage_keys_become_topic_configs_but_not_the_cleanup_policy() {
        let settings = parse(&[
            ("status.storage.min.insync.replicas", "2"),
            ("status.storage.cleanup.policy", "delete"),
            ("status.storage.partitions", "-1"),
        ])
        .unwrap();
        let expected: Properties = [("min.insync.replicas".to_owned(), "2".to_owned())].into();
        assert_eq!(settings.status_topic.properties, expected);
        assert_eq!(settings.status_topic.partitions, -1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (key, value) in [
            ("group.id", " "),
            ("listeners", "ftp://:8083"),
            ("listeners", "http://x"),
            ("offset.storage.partitions", "0"),
            ("topic.tracking.enable", "maybe"),
            ("task.shutdown.graceful.timeout.ms", "-1"),
        ] {
            let error = parse(&[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}
