//! As much of a Kafka client as xtask needs to see a cluster and to read a topic, without librdkafka or a JVM.
//!
//! Kafka's protocol (<https://kafka.apache.org/protocol>): a request is a 4-byte length, API key, API version,
//! correlation id, client id and body; integers are big-endian. Versions are the last ones without tagged fields.

mod batch;
mod cursor;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use cursor::Cursor;

use crate::error::{Context, Error, Result};

const LIMIT: Duration = Duration::from_secs(5);

/// The most that we believe an answer to hold.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Error codes of a partition whose leader does not know it yet, or not any more: unknown topic, no leader, not the leader.
const STILL_MOVING: [i16; 3] = [3, 5, 6];

const FETCH_BYTES: i32 = 4 << 20;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) kafka_offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// What a broker says about its cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Id and `host:port`.
    pub(crate) brokers: Vec<(i32, String)>,
    pub(crate) topics: Vec<Topic>,
}

/// A topic and who leads its partitions.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// Partition and the leader's id; -1 while there is none.
    pub(crate) leaders: Vec<(i32, i32)>,
}

/// Asks the broker at `address` for all brokers and topics. Metadata, version 1; creates no topic.
pub(crate) fn metadata(address: &str) -> Result<Cluster> {
    const ALL_TOPICS: i32 = -1;
    let answer = call(address, 3, 1, &ALL_TOPICS.to_be_bytes())?;
    let mut answer = Cursor::new(&answer);
    parse_metadata(&mut answer).context("answer to metadata")
}

fn parse_metadata(answer: &mut Cursor<'_>) -> Result<Cluster> {
    let brokers = answer.array(|broker| {
        let (id, host, port) = (broker.i32()?, broker.string()?, broker.i32()?);
        broker.nullable_string()?; // Rack.
        Ok((id, format!("{host}:{port}")))
    })?;
    answer.i32()?; // Controller.
    let topics = answer.array(|topic| {
        topic.i16()?; // Error: the leaders say as much.
        let name = topic.string()?;
        topic.i8()?; // Whether it is internal.
        let leaders = topic.array(|partition| {
            partition.i16()?;
            let leader = (partition.i32()?, partition.i32()?);
            partition.array(Cursor::i32)?; // Replicas.
            partition.array(Cursor::i32)?; // In sync.
            Ok(leader)
        })?;
        Ok(Topic { name, leaders })
    })?;
    Ok(Cluster { brokers, topics })
}

/// Reads topics from their beginning.
#[derive(Debug)]
pub(crate) struct Consumer {
    bootstrap: Vec<String>,
    topics: Vec<String>,
    positions: BTreeMap<(String, i32), i64>,
}

impl Consumer {
    /// A reader of `topics`, which need not exist yet.
    pub(crate) fn new(bootstrap: Vec<String>, topics: Vec<String>) -> Self {
        Self { bootstrap, topics, positions: BTreeMap::new() }
    }

    /// What is there now and was not given before; does not wait for more.
    pub(crate) fn poll(&mut self) -> Result<Vec<Record>> {
        let cluster = self.bootstrap.iter().find_map(|address| metadata(address).ok());
        let cluster = cluster.ok_or_else(|| Error::new("no broker answers"))?;
        let mut records = Vec::new();
        for topic in cluster.topics {
            if !self.topics.contains(&topic.name) {
                continue;
            }
            for (partition, leader) in &topic.leaders {
                let leader = cluster.brokers.iter().find(|(id, _)| id == leader);
                let Some((_, address)) = leader else { continue };
                self.fetch(address, &topic.name, *partition, &mut records)?;
            }
        }
        Ok(records)
    }

    fn fetch(
        &mut self,
        address: &str,
        topic: &str,
        partition: i32,
        records: &mut Vec<Record>,
    ) -> Result<()> {
        let position = self.positions.entry((topic.to_owned(), partition)).or_default();
        let answer = call(address, 1, 4, &fetch_request(topic, partition, *position)?)?;
        let batches = parse_fetch(&mut Cursor::new(&answer)).context(topic)?;
        let next = batch::parse(&batches, |found| {
            if found.kafka_offset >= *position {
                records.push(Record { topic: topic.to_owned(), partition, ..found });
            }
        });
        *position = next.context(topic)?.unwrap_or(*position);
        Ok(())
    }
}

/// Fetch, version 4, of one partition; committed records only, answered at once.
fn fetch_request(topic: &str, partition: i32, position: i64) -> Result<Vec<u8>> {
    const READ_COMMITTED: u8 = 1;
    let mut body = Vec::new();
    for field in [-1, 0, 0, FETCH_BYTES] {
        body.extend_from_slice(&i32::to_be_bytes(field)); // Replica, wait, bytes at least, bytes at most.
    }
    body.push(READ_COMMITTED);
    body.extend_from_slice(&1_i32.to_be_bytes());
    put_string(&mut body, topic)?;
    body.extend_from_slice(&1_i32.to_be_bytes());
    body.extend_from_slice(&partition.to_be_bytes());
    body.extend_from_slice(&position.to_be_bytes());
    body.extend_from_slice(&FETCH_BYTES.to_be_bytes());
    Ok(body)
}

fn parse_fetch(answer: &mut Cursor<'_>) -> Result<Vec<u8>> {
    answer.i32()?; // Throttle.
    let topics = answer.array(|topic| {
        topic.string()?;
        topic.array(|partition| {
            partition.i32()?;
            let error = partition.i16()?;
            if error != 0 && !STILL_MOVING.contains(&error) {
                return Err(Error::new(format!("error code {error}")));
            }
            partition.i64()?; // High watermark.
            partition.i64()?; // Last stable offset.
            let aborted = partition.array(|aborted| Ok((aborted.i64()?, aborted.i64()?)))?;
            if !aborted.is_empty() {
                return Err(Error::new(
                    "holds aborted transactions, which are not understood here",
                ));
            }
            partition.nullable_bytes().map(Option::unwrap_or_default)
        })
    })?;
    Ok(topics.into_iter().flatten().flatten().collect())
}

/// Sends one request over a connection of its own; the answer is what follows the correlation id.
fn call(address: &str, api: i16, version: i16, body: &[u8]) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend_from_slice(&api.to_be_bytes());
    request.extend_from_slice(&version.to_be_bytes());
    request.extend_from_slice(&0_i32.to_be_bytes());
    put_string(&mut request, "xtask")?;
    request.extend_from_slice(body);
    let size = u32::try_from(request.len()).context("request")?;

    let address: SocketAddr = address.parse().context(address)?;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).context(address)?;
    stream.set_read_timeout(Some(LIMIT)).context(address)?;
    stream.set_nodelay(true).context(address)?;
    stream.write_all(&size.to_be_bytes()).context(address)?;
    stream.write_all(&request).context(address)?;

    let mut size = [0; 4];
    stream.read_exact(&mut size).context(address)?;
    let size = usize::try_from(u32::from_be_bytes(size)).context(address)?;
    if !(4..=ANSWER_BYTES_MAX).contains(&size) {
        return Err(Error::new(format!("{address}: an answer of {size} bytes")));
    }
    let mut answer = vec![0; size];
    stream.read_exact(&mut answer).context(address)?;
    Ok(answer.split_off(4))
}

fn put_string(buffer: &mut Vec<u8>, text: &str) -> Result<()> {
    buffer.extend_from_slice(&i16::try_from(text.len()).context("string")?.to_be_bytes());
    buffer.extend_from_slice(text.as_bytes());
    Ok(())
}
