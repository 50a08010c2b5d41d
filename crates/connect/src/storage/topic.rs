//! Creates a storage topic if it is missing, and refuses one that would lose data.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::client;
use crate::error::WorkerError;
use crate::settings::TopicSettings;

/// Connect's `default.api.timeout.ms`: a cluster that is still starting refuses at first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which storage the topic is for; names its properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Config,
    Offset,
    Status,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Offset => "offset",
            Self::Status => "status",
        }
    }
}

/// Creates the topic if it is missing; checks its partitions and its cleanup policy.
pub(crate) async fn ensure(
    kind: Kind,
    settings: &TopicSettings,
    admin: &client::Admin,
    consumer: &Arc<client::Consumer>,
    servers: &str,
) -> Result<(), WorkerError> {
    let name = settings.name.as_str();
    let unusable = |reason: String| WorkerError::Topic { topic: name.to_owned(), reason };
    let mut partitions =
        partitions(name, consumer).await.map_err(|error| unreadable(name, servers, &error))?;
    if partitions == 0 {
        create(kind, settings, admin).await?;
        let deadline = Instant::now() + PATIENCE;
        // A broker learns of a new topic a moment after its creation was acknowledged.
        while partitions == 0 {
            if Instant::now() > deadline {
                return Err(unusable("was created, but the brokers do not show it".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            partitions = self::partitions(name, consumer)
                .await
                .map_err(|error| unusable(error.to_string()))?;
        }
    }
    if kind == Kind::Config && partitions > 1 {
        return Err(unusable(format!(
            "has {partitions} partitions, but the order of its records matters: it must have exactly one. \
             Create a compacted topic with one partition and set config.storage.topic to it"
        )));
    }
    check_policy(kind, name, admin).await
}

/// Whether it is the brokers or the topic.
fn unreadable(topic: &str, servers: &str, error: &KafkaError) -> WorkerError {
    let (servers, topic, reason) = (servers.to_owned(), topic.to_owned(), error.to_string());
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Authentication,
        ) => WorkerError::Brokers { servers, reason },
        _ => WorkerError::Topic { topic, reason },
    }
}

/// How many partitions the topic has; 0 if there is no such topic.
async fn partitions(name: &str, consumer: &Arc<client::Consumer>) -> Result<usize, KafkaError> {
    let (name, consumer) = (name.to_owned(), Arc::clone(consumer));
    let asked = tokio::task::spawn_blocking(move || ask_partitions(&name, &consumer));
    asked.await.map_err(|_ended| KafkaError::Canceled)?
}

fn ask_partitions(name: &str, consumer: &client::Consumer) -> Result<usize, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(name), Duration::from_secs(30))?;
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let Some(topic) = topic else { return Ok(0) };
    match topic.error().map(RDKafkaErrorCode::from) {
        None => Ok(topic.partitions().len()),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::LeaderNotAvailable,
        ) => Ok(0),
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}

async fn create(
    kind: Kind,
    settings: &TopicSettings,
    admin: &client::Admin,
) -> Result<(), WorkerError> {
    let name = settings.name.as_str();
    let unusable = |reason: String| WorkerError::Topic { topic: name.to_owned(), reason };
    let replicas = TopicReplication::Fixed(settings.replication_factor);
    let mut topic =
        NewTopic::new(name, settings.partitions, replicas).set("cleanup.policy", "compact");
    for (key, value) in &settings.properties {
        topic = topic.set(key, value);
    }
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let created = admin.create_topics([&topic], &options).await;
        let created = created.map_err(|error| unusable(format!("cannot be created: {error}")))?;
        let Some(Err((_, code))) = created.into_iter().next() else {
            info!(topic = name, partitions = settings.partitions, "created");
            return Ok(());
        };
        match code {
            RDKafkaErrorCode::TopicAlreadyExists => return Ok(()),
            RDKafkaErrorCode::InvalidReplicationFactor | RDKafkaErrorCode::RequestTimedOut
                if Instant::now() < deadline =>
            {
                warn!(topic = name, %code, "cannot be created yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            code => {
                let (kind, factor) = (kind.name(), settings.replication_factor);
                let partitions = settings.partitions;
                return Err(unusable(format!(
                    "cannot be created with {partitions} partitions and replication factor {factor}: {code}. \
                     Create it as a compacted topic, or change {kind}.storage.replication.factor"
                )));
            }
        }
    }
}

async fn check_policy(kind: Kind, name: &str, admin: &client::Admin) -> Result<(), WorkerError> {
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(30)));
    let resource = ResourceSpecifier::Topic(name);
    let described = match admin.describe_configs([&resource], &options).await {
        Ok(all) => all.into_iter().next(),
        Err(error) => {
            warn!(topic = name, %error, "the cleanup policy could not be checked");
            return Ok(());
        }
    };
    let policy = match described {
        Some(Ok(resource)) => resource.get("cleanup.policy").and_then(|entry| entry.value.clone()),
        Some(Err(code)) => {
            warn!(topic = name, %code, "the cleanup policy could not be checked");
            return Ok(());
        }
        None => None,
    };
    match policy.as_deref() {
        None | Some("compact") => Ok(()),
        Some(policy) => Err(WorkerError::Topic {
            topic: name.to_owned(),
            reason: format!(
                "has cleanup.policy={policy}, under which the brokers delete what the worker needs: set it to \
                 compact, or set {}.storage.topic to a compacted topic",
                kind.name()
            ),
        }),
    }
}
