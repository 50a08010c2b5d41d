//! What the options of signals, incremental snapshots and notifications mean.

use std::path::PathBuf;
use std::time::Duration;

use connect::Properties;
use connect::client_config::{self, Role};
use sink::consumer::{KafkaError, TopicReader};

use super::{Problem, Reader};

/// A table as options and signals name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableName {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl TableName {
    /// Parses `schema.table`; quotes keep dots together. `None` for another number of parts.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = vec![String::new()];
        let mut quoted = false;
        for c in text.trim().chars() {
            match (c, parts.last_mut()) {
                ('"', _) => quoted = !quoted,
                ('.', _) if !quoted => parts.push(String::new()),
                (c, Some(part)) => part.push(c),
                (_, None) => {}
            }
        }
        let [schema, name] = <[String; 2]>::try_from(parts).ok()?;
        (!schema.is_empty() && !name.is_empty()).then_some(Self { schema, name })
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// `incremental.snapshot.watermarking.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watermarks {
    /// The end of a chunk is a row of its own.
    InsertInsert,
    /// The end of a chunk is the deletion of the row of its beginning.
    InsertDelete,
}

/// Where signals come from.
#[derive(Debug)]
pub(crate) struct SignalSettings {
    /// `signal.data.collection`, where the channel `source` is enabled.
    pub(crate) table: Option<TableName>,
    /// Of the channel `kafka`.
    pub(crate) topic: Option<SignalTopic>,
    /// Of the channel `file`.
    pub(crate) file: Option<PathBuf>,
    /// `signal.poll.interval.ms`.
    pub(crate) poll: Duration,
    /// `incremental.snapshot.chunk.size`.
    pub(crate) chunk_rows: usize,
    pub(crate) watermarks: Watermarks,
    /// `read.only`: watermarks are positions in the log.
    pub(crate) read_only: bool,
}

impl SignalSettings {
    /// Whether a signal can come at all.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.table.is_some() || self.topic.is_some() || self.file.is_some()
    }
}

/// The topic that signals come from.
#[derive(Debug, Clone)]
pub(crate) struct SignalTopic {
    /// `signal.kafka.topic`.
    pub(crate) name: String,
    /// The consumer's properties, in Kafka's names: `signal.consumer.*` over what the other options say.
    pub(crate) consumer: Properties,
    /// Whether `signal.kafka.bootstrap.servers` is given: without it the task fails when it starts, as Debezium's.
    pub(crate) has_servers: bool,
}

impl SignalTopic {
    /// A reader of the topic.
    pub(crate) fn reader(&self) -> Result<TopicReader, KafkaError> {
        let translated = client_config::translate(Role::Consumer, &self.consumer);
        for warning in &translated.warnings {
            tracing::warn!("signal.consumer: {warning}");
        }
        let mut properties: Vec<_> = translated.properties.into_iter().collect();
        // The worker's own readers have no group, so that its translation leaves these out.
        for key in ["group.id", "auto.offset.reset", "enable.auto.commit"] {
            if let Some(value) = self.consumer.get(key) {
                properties.retain(|(known, _)| known != key);
                properties.push((key.to_owned(), value.clone()));
            }
        }
        // As Java's consumer does.
        properties.push(("allow.auto.create.topics".to_owned(), "true".to_owned()));
        TopicReader::new(&properties, &self.name)
    }
}

/// `notification.*`.
#[derive(Debug, Clone, Default)]
pub(crate) struct NotificationSettings {
    /// `notification.sink.topic.name`, where the channel `sink` is enabled.
    pub(crate) topic: Option<String>,
    /// Whether the channel `log` is.
    pub(crate) log: bool,
}

/// `signal.data.collection` as a table.
pub(super) fn signal_table(read: &Reader<'_>) -> Option<TableName> {
    read.text("signal.data.collection").and_then(TableName::parse)
}

fn channels(read: &Reader<'_>, option: &str) -> Vec<String> {
    let list = read.text(option).unwrap_or_default();
    list.split(',').map(|channel| channel.trim().to_owned()).collect()
}

pub(super) fn read(read: &Reader<'_>) -> Result<SignalSettings, Problem> {
    let channels = channels(read, "signal.enabled.channels");
    let has = |channel: &str| channels.iter().any(|c| c == channel);
    for channel in ["jmx", "in-process"].into_iter().filter(|channel| has(channel)) {
        tracing::warn!(
            channel,
            "nothing can send a signal over this channel to a process that is no Java program"
        );
    }
    Ok(SignalSettings {
        table: signal_table(read).filter(|_| has("source")),
        topic: has("kafka").then(|| signal_topic(read)),
        file: has("file").then(|| PathBuf::from(read.owned("signal.file"))),
        poll: read.millis("signal.poll.interval.ms")?,
        chunk_rows: read.number("incremental.snapshot.chunk.size")?,
        watermarks: match read.word("incremental.snapshot.watermarking.strategy").as_str() {
            "insert_delete" => Watermarks::InsertDelete,
            _ => Watermarks::InsertInsert,
        },
        read_only: read.flag("read.only"),
    })
}

fn signal_topic(read: &Reader<'_>) -> SignalTopic {
    const PREFIX: &str = "signal.consumer.";
    let servers = read.owned("signal.kafka.bootstrap.servers");
    let mut consumer = Properties::from_iter([
        ("bootstrap.servers".to_owned(), servers.clone()),
        ("group.id".to_owned(), read.owned("signal.kafka.groupId")),
        ("auto.offset.reset".to_owned(), "earliest".to_owned()),
    ]);
    for (key, value) in read.0 {
        if let Some(key) = key.strip_prefix(PREFIX) {
            consumer.insert(key.to_owned(), value.clone());
        }
    }
    let name = read.text("signal.kafka.topic").map(str::to_owned);
    let name = name.unwrap_or_else(|| format!("{}-signal", read.owned("topic.prefix")));
    SignalTopic { name, consumer, has_servers: !servers.is_empty() }
}

pub(super) fn notifications(read: &Reader<'_>) -> NotificationSettings {
    let channels = channels(read, "notification.enabled.channels");
    let has = |channel: &str| channels.iter().any(|c| c == channel);
    NotificationSettings {
        topic: read.text("notification.sink.topic.name").filter(|_| has("sink")).map(str::to_owned),
        log: has("log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_two_parts_and_quotes_keep_dots() {
        let name = |text| TableName::parse(text).map(|t| (t.schema, t.name));
        assert_eq!(name(" public.sig "), Some(("public".to_owned(), "sig".to_owned())));
        assert_eq!(name("\"a.b\".\"C d\""), Some(("a.b".to_owned(), "C d".to_owned())));
        assert_eq!((name("sig"), name("a.b.c"), name(".x")), (None, None, None));
    }
}
