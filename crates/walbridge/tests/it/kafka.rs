//! What reached Kafka: a tap on topics as they appear, whole topics, and topics made and deleted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fancy_regex::Regex;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tokio::task::block_in_place;

use crate::lab::Outcome;

/// The longest that one question to a broker waits.
const METADATA_MAX: Duration = Duration::from_secs(5);

/// The longest that a question is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// A record as it lies in a topic.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| {
            let pair = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
            };
            headers.iter().map(pair).collect()
        });
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        }
    }
}

fn consumer(bootstrap: &str) -> Outcome<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", format!("walbridge-it-{}", std::process::id()))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "50")
        .create()?;
    Ok(consumer)
}

/// Every topic with its number of partitions, asked once.
fn topics(consumer: &BaseConsumer) -> Outcome<Vec<(String, i32)>> {
    let metadata = consumer.fetch_metadata(None, METADATA_MAX)?;
    let count = |topic: &rdkafka::metadata::MetadataTopic| i32::try_from(topic.partitions().len());
    metadata.topics().iter().map(|topic| Ok((topic.name().to_owned(), count(topic)?))).collect()
}

/// Asks until there is an answer: a question may hang on a broker that a test has just killed or started, and a client
/// that has once met it keeps to it, so each try is a client of its own.
fn ask<T>(
    bootstrap: &str,
    what: &str,
    question: impl Fn(&BaseConsumer) -> Outcome<T>,
) -> Outcome<T> {
    let deadline = Instant::now() + ANSWER_MAX;
    loop {
        match consumer(bootstrap).and_then(|consumer| question(&consumer)) {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() >= deadline => {
                return Err(format!("{what}: no answer within {ANSWER_MAX:?}: {error}").into());
            }
            Err(_unanswered) => {}
        }
    }
}

/// Everything in the topics that match, from their beginning, topics that appear later included.
pub(crate) struct Tap {
    consumer: BaseConsumer,
    topics: Regex,
    next: BTreeMap<(String, i32), i64>,
    looked: Option<Instant>,
    last: Instant,
    quiet: Option<Regex>,
    pub(crate) records: Vec<Record>,
}

impl Tap {
    pub(crate) fn new(bootstrap: &str, topics: &str) -> Outcome<Self> {
        Ok(Self {
            consumer: consumer(bootstrap)?,
            topics: Regex::new(&format!("^(?:{topics})$"))?,
            next: BTreeMap::new(),
            looked: None,
            last: Instant::now(),
            quiet: None,
            records: Vec::new(),
        })
    }

    /// Records of these topics are collected and not waited for.
    pub(crate) fn without(self, quiet: Option<Regex>) -> Self {
        Self { quiet, ..self }
    }

    fn is_loud(&self, topic: &str) -> bool {
        !self.quiet.as_ref().is_some_and(|quiet| quiet.is_match(topic).unwrap_or(false))
    }

    fn loud(&self) -> usize {
        self.records.iter().filter(|record| self.is_loud(&record.topic)).count()
    }

    /// Collects for so long.
    pub(crate) fn poll(&mut self, longest: Duration) -> Outcome<()> {
        block_in_place(|| {
            let end = Instant::now() + longest;
            while Instant::now() < end {
                self.look()?;
                self.take(Duration::from_millis(100))?;
            }
            Ok(())
        })
    }

    fn look(&mut self) -> Outcome<()> {
        if self.looked.is_some_and(|at| at.elapsed() < Duration::from_millis(500)) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let known = self.next.len();
        // Unanswered is not an end: the next look asks again, and whoever collects has a deadline.
        for (topic, partitions) in topics(&self.consumer).unwrap_or_default() {
            if self.topics.is_match(&topic)? {
                for partition in 0..partitions {
                    self.next.entry((topic.clone(), partition)).or_insert(0);
                }
            }
        }
        if self.next.len() > known {
            let mut assignment = TopicPartitionList::new();
            for ((topic, partition), offset) in &self.next {
                assignment.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
            }
            self.consumer.assign(&assignment)?;
        }
        Ok(())
    }

    /// A poll without an assignment waits its time out and returns nothing, which is what is wanted.
    fn take(&mut self, longest: Duration) -> Outcome<()> {
        let mut wait = longest;
        while let Some(polled) = self.consumer.poll(wait) {
            wait = Duration::ZERO;
            // Topics whose leader is still being chosen: the next poll tells.
            let Ok(message) = polled else { continue };
            let record = Record::of(&message);
            self.next.insert((record.topic.clone(), record.partition), record.offset + 1);
            if self.is_loud(&record.topic) {
                self.last = Instant::now();
            }
            self.records.push(record);
        }
        Ok(())
    }

    /// Collects until no record came for so long.
    pub(crate) fn idle(&mut self, quiet: Duration) -> Outcome<()> {
        let end = Instant::now() + Duration::from_secs(90);
        self.last = Instant::now();
        while self.last.elapsed() < quiet && Instant::now() < end {
            self.poll(Duration::from_millis(200))?;
        }
        Ok(())
    }

    /// Collects until there are so many records; says whether they came in time.
    pub(crate) fn until(&mut self, count: usize, longest: Duration) -> Outcome<bool> {
        let end = Instant::now() + longest;
        while self.loud() < count && Instant::now() < end {
            self.poll(Duration::from_millis(200))?;
        }
        Ok(self.loud() >= count)
    }
}

/// The offset that the next record of a one-partition topic gets; 0 when there is no such topic.
pub(crate) fn end_offset(bootstrap: &str, topic: &str) -> Outcome<i64> {
    block_in_place(|| {
        ask(bootstrap, "end of a topic", |consumer| {
            if !topics(consumer)?.iter().any(|(name, _)| name == topic) {
                return Ok(0);
            }
            let (_, end) = consumer.fetch_watermarks(topic, 0, METADATA_MAX)?;
            Ok(end)
        })
    })
}

fn admin(bootstrap: &str) -> Outcome<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new().set("bootstrap.servers", bootstrap).create()?)
}

/// Creates a topic of one replica.
pub(crate) async fn create_topic(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    cleanup: &str,
) -> Outcome<()> {
    let new =
        NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("cleanup.policy", cleanup);
    for result in admin(bootstrap)?.create_topics(&[new], &AdminOptions::new()).await? {
        result.map_err(|(topic, code)| format!("create topic {topic}: {code}"))?;
    }
    Ok(())
}

/// Deletes every topic whose name has this in it.
pub(crate) async fn delete_topics(bootstrap: &str, part: &str) -> Outcome<()> {
    let all = block_in_place(|| ask(bootstrap, "list of topics", topics))?;
    let old: Vec<_> =
        all.iter().map(|(name, _)| name.as_str()).filter(|name| name.contains(part)).collect();
    if !old.is_empty() {
        admin(bootstrap)?.delete_topics(&old, &AdminOptions::new()).await?;
    }
    Ok(())
}

/// Writes one record and waits for the broker's answer.
pub(crate) async fn produce(
    bootstrap: &str,
    topic: &str,
    key: Option<&str>,
    value: Option<&str>,
) -> Outcome<()> {
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create()?;
    let mut record = FutureRecord::<str, str>::to(topic);
    record.key = key;
    record.payload = value;
    producer.send(record, ANSWER_MAX).await.map_err(|(error, _)| error)?;
    Ok(())
}
