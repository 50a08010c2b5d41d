//! `topic.creation.*`: topics are made before their first record, as Connect makes them for a source connector.
//!
//! Rules: [KIP-158](https://cwiki.apache.org/confluence/display/KAFKA/KIP-158). Without any such key the brokers'
//! own auto-creation applies. An existing topic is never altered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fancy_regex::Regex;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

const PREFIX: &str = "topic.creation.";

/// How long the brokers get for one creation.
const CREATE_TIMEOUT: Duration = Duration::from_secs(60);

/// A `topic.creation.*` key that does not hold what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicCreationError {
    /// Both are required once any key of the kind is there.
    #[error("Missing required configuration \"{0}\" which has no default value.")]
    Missing(String),
    /// Not a number, or not a regular expression.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// What was written.
        value: String,
        /// Why it will not do.
        reason: String,
    },
    /// The brokers refused.
    #[error("Task failed to create new topic {topic}: {reason}")]
    Create {
        /// The topic.
        topic: String,
        /// The brokers' words.
        reason: String,
    },
}

#[derive(Debug, Clone)]
struct Group {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    partitions: i32,
    replication: i32,
    config: Vec<(String, String)>,
}

impl Group {
    fn takes(&self, topic: &str) -> bool {
        // A pattern that gives up (too much backtracking) has not matched.
        let any = |patterns: &[Regex]| patterns.iter().any(|p| p.is_match(topic).unwrap_or(false));
        any(&self.include) && !any(&self.exclude)
    }
}

/// The groups of a connector's configuration.
#[derive(Debug, Clone)]
pub struct TopicCreation {
    /// In the order of `topic.creation.groups`; the first that takes a topic decides.
    groups: Vec<Group>,
    default: Group,
}

impl TopicCreation {
    /// Reads the keys; `None` if there is none of them.
    ///
    /// # Errors
    /// A required key is missing or a value is of the wrong form.
    pub fn parse<'a>(
        properties: impl Fn(&str) -> Option<&'a str>,
        keys: &[&'a str],
    ) -> Result<Option<Self>, TopicCreationError> {
        if !keys.iter().any(|k| k.starts_with(PREFIX)) {
            return Ok(None);
        }
        let number = |key: String, fallback: Option<i32>| match (properties(&key), fallback) {
            (Some(text), _) => {
                text.trim().parse().map_err(|_not_a_number: std::num::ParseIntError| {
                    TopicCreationError::Invalid {
                        key,
                        value: text.to_owned(),
                        reason: "Not a number of type INT".to_owned(),
                    }
                })
            }
            (None, Some(value)) => Ok(value),
            (None, None) => Err(TopicCreationError::Missing(key)),
        };
        let group = |alias: &str, inherit: Option<&Group>| -> Result<Group, TopicCreationError> {
            let key = |what: &str| format!("{PREFIX}{alias}.{what}");
            let own = ["include", "exclude", "partitions", "replication.factor"];
            let prefix = key("");
            let config = keys
                .iter()
                .filter_map(|k| Some((k.strip_prefix(&prefix)?, properties(k)?)))
                .filter(|(what, _)| !own.contains(what))
                .map(|(what, value)| (what.to_owned(), value.to_owned()))
                .collect();
            Ok(Group {
                replication: number(key("replication.factor"), inherit.map(|g| g.replication))?,
                partitions: number(key("partitions"), inherit.map(|g| g.partitions))?,
                include: patterns(&key("include"), properties(&key("include")))?,
                exclude: patterns(&key("exclude"), properties(&key("exclude")))?,
                config,
            })
        };
        let default = group("default", None)?;
        let groups = properties("topic.creation.groups")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|alias| !alias.is_empty() && *alias != "default")
            .map(|alias| group(alias, Some(&default)))
            .collect::<Result<_, _>>()?;
        Ok(Some(Self { groups, default }))
    }

    fn group_of(&self, topic: &str) -> &Group {
        self.groups.iter().find(|g| g.takes(topic)).unwrap_or(&self.default)
    }

    fn new_topic<'a>(&'a self, topic: &'a str) -> NewTopic<'a> {
        let group = self.group_of(topic);
        let new =
            NewTopic::new(topic, group.partitions, TopicReplication::Fixed(group.replication));
        group.config.iter().fold(new, |new, (key, value)| new.set(key, value))
    }
}

fn patterns(key: &str, list: Option<&str>) -> Result<Vec<Regex>, TopicCreationError> {
    list.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(|pattern| {
            Regex::new(&format!("^(?:{pattern})$")).map_err(|error| TopicCreationError::Invalid {
                key: key.to_owned(),
                value: pattern.to_owned(),
                reason: error.to_string(),
            })
        })
        .collect()
}

/// Makes the topics that a connector writes to.
pub struct TopicCreator {
    rules: TopicCreation,
    admin: Arc<AdminClient<DefaultClientContext>>,
    known: HashSet<Arc<str>>,
    /// Whether `known` holds what there was at the beginning.
    is_listed: bool,
}

impl std::fmt::Debug for TopicCreator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicCreator")
            .field("rules", &self.rules)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl TopicCreator {
    /// A creator with an admin client of those properties (librdkafka's names).
    ///
    /// # Errors
    /// librdkafka refuses a property.
    pub fn new(rules: TopicCreation, properties: &[(String, String)]) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        for (key, value) in properties {
            config.set(key.as_str(), value.as_str());
        }
        let admin = Arc::new(config.create()?);
        Ok(Self { rules, admin, known: HashSet::new(), is_listed: false })
    }

    /// Whether [`Self::ensure`] knows that the topic exists.
    #[must_use]
    pub fn knows(&self, topic: &str) -> bool {
        self.known.contains(topic)
    }

    /// Creates the topic unless it exists. Looks first, as Connect does: who may not create topics may have them made by
    /// somebody else.
    ///
    /// # Errors
    /// The brokers refuse.
    pub async fn ensure(&mut self, topic: &Arc<str>) -> Result<(), TopicCreationError> {
        let failed =
            |reason: String| TopicCreationError::Create { topic: topic.to_string(), reason };
        if !self.is_listed {
            self.known.extend(self.existing().await.map_err(failed)?);
            self.is_listed = true;
        }
        if self.knows(topic) {
            return Ok(());
        }
        let options = AdminOptions::new().operation_timeout(Some(CREATE_TIMEOUT));
        let new = self.rules.new_topic(topic);
        let results =
            self.admin.create_topics(&[new], &options).await.map_err(|e| failed(e.to_string()))?;
        for result in results {
            match result {
                Ok(_) => {
                    tracing::info!(
                        topic = &**topic,
                        partitions = self.rules.group_of(topic).partitions,
                        "topic created"
                    );
                }
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(failed(code.to_string())),
            }
        }
        self.known.insert(Arc::clone(topic));
        Ok(())
    }

    /// Asks the brokers whether they would create these topics, and creates none: for each that they refuse, why. One
    /// that exists is not refused.
    ///
    /// # Errors
    /// The brokers do not answer within `limit`.
    pub async fn rehearse(
        &self,
        topics: &[Arc<str>],
        limit: Duration,
    ) -> Result<Vec<(Arc<str>, String)>, KafkaError> {
        let new: Vec<_> = topics.iter().map(|topic| self.rules.new_topic(topic)).collect();
        let options = AdminOptions::new()
            .validate_only(true)
            .request_timeout(Some(limit))
            .operation_timeout(Some(limit));
        let results = self.admin.create_topics(&new, &options).await?;
        let refused = results.into_iter().filter_map(|result| match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => None,
            Err((topic, code)) => Some((topic.into(), code.to_string())),
        });
        Ok(refused.collect())
    }

    /// All topics there are: to ask for one by name might create it, with the brokers' settings.
    async fn existing(&self) -> Result<Vec<Arc<str>>, String> {
        let admin = Arc::clone(&self.admin);
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, CREATE_TIMEOUT)?;
            let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
            Ok(topics.map(|topic| topic.name().into()).collect())
        });
        match asked.await {
            Ok(listed) => listed.map_err(|error: KafkaError| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    fn parse(
        config: &[(&'static str, &'static str)],
    ) -> Result<Option<TopicCreation>, TopicCreationError> {
        let keys: Vec<&str> = config.iter().map(|(k, _)| *k).collect();
        TopicCreation::parse(|key| config.iter().find(|(k, _)| *k == key).map(|(_, v)| *v), &keys)
    }

    #[test]
    fn no_key_means_broker_auto_creation() {
        assert!(parse(&[("topic.prefix", "x")]).unwrap().is_none());
    }

    #[test]
    fn default_group_needs_both_numbers() {
        let error = parse(&[("topic.creation.default.partitions", "1")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value."
        );
        let error = parse(&[("topic.creation.default.replication.factor", "x")]).unwrap_err();
        assert!(error.to_string().contains("topic.creation.default.replication.factor"), "{error}");
    }

    #[test]
    fn first_group_that_takes_the_topic_decides_and_inherits() {
        let rules = parse(&[
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.default.partitions", "2"),
            ("topic.creation.groups", "big, small"),
            ("topic.creation.big.include", "s\\.public\\..*"),
            ("topic.creation.big.exclude", ".*tiny"),
            ("topic.creation.big.partitions", "8"),
            ("topic.creation.big.cleanup.policy", "compact"),
            ("topic.creation.small.include", ".*"),
            ("topic.creation.small.partitions", "1"),
        ])
        .unwrap()
        .unwrap();
        let of =
            |topic: &str| (rules.group_of(topic).partitions, rules.group_of(topic).replication);
        assert_eq!(of("s.public.orders"), (8, -1));
        assert_eq!(of("s.public.tiny"), (1, -1));
        assert_eq!(of("xs.public.orders"), (1, -1));
        assert_eq!(
            rules.group_of("s.public.a").config,
            [("cleanup.policy".to_owned(), "compact".to_owned())]
        );
    }

    #[tokio::test]
    async fn topic_that_exists_is_not_created() {
        // It knows no request to create topics, so it refuses as brokers do to whom may not.
        let brokers = MockCluster::new(1).unwrap();
        brokers.create_topic("there", 1, 1).unwrap();
        let rules = parse(&[
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.default.partitions", "1"),
        ]);
        let servers = ("bootstrap.servers".to_owned(), brokers.bootstrap_servers());
        let mut topics = TopicCreator::new(rules.unwrap().unwrap(), &[servers]).unwrap();
        topics.ensure(&"there".into()).await.unwrap();
        assert!(topics.knows("there"));
    }
}
