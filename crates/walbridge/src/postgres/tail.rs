//! `walbridge tail`: changes to the terminal, without Kafka, from now on. Leaves nothing on the server: its slot is
//! temporary and goes with the connection.
//!
//! ```text
//!  temporary slot → Stream → queue → Encoder (the connector's own) → a line a record
//! ```

mod line;

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use connect::Properties;
use fancy_regex::Regex;
use pgoutput::catalog::Catalog;
use pgoutput::queue::{self, Receiver};
use pgoutput::replication::{CreatedSlot, Replication};
use pgoutput::stream::{Options, Stream};
use pgoutput::{Batch, Error, Event, Lsn, Op, preflight, slot, sql};
use sink::encoder::Encoder;
use sink::plan::Clock;
use sink::record::{RecordRef, Records};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use super::task::{self, Scope};
use crate::connector_file::ConnectorFile;
use line::Shown;

/// What its sessions are called in `pg_stat_activity`.
const CONNECTION: &str = "walbridge tail";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// How long a slot may take before the user is told why.
const PATIENCE: Duration = Duration::from_secs(2);

/// What happened to a row, as `--op` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `c`: inserted.
    Create,
    /// `u`: updated.
    Update,
    /// `d`: deleted.
    Delete,
    /// `t`: truncated.
    Truncate,
}

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TailFormat {
    /// A line for people; colours if set.
    Text {
        /// Whether to colour it.
        color: bool,
    },
    /// The value's bytes as the connector would send them, a line each; tombstones have none.
    Values,
    /// A JSON object a line: topic, key, value; a tombstone's value is null.
    Records,
}

/// What to show, and how.
#[derive(Debug, Clone)]
pub struct TailOptions {
    /// Searched in `schema.table`; `None`: every captured table.
    pub table: Option<Regex>,
    /// None: every operation.
    pub operations: HashSet<Operation>,
    /// How to write a record.
    pub format: TailFormat,
    /// Ends after so many records.
    pub limit: Option<u64>,
    /// Makes the publication, as the connector would, if there is none.
    pub create_publication: bool,
}

/// Why it ended.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// Something is wrong with the configuration.
    #[error("{0}")]
    Setup(String),
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] Error),
    /// A change could not become a record.
    #[error(transparent)]
    Encode(#[from] sink::error::Error),
    /// Whoever reads has gone, or the disk is full.
    #[error("output: {0}")]
    Output(#[from] io::Error),
}

/// Shows changes until `stop`, or until the limit is reached.
pub(crate) async fn tail(
    file: &ConnectorFile,
    options: &TailOptions,
    out: &mut impl Write,
    stop: CancellationToken,
) -> Result<(), TailError> {
    let settings = Settings::parse(&file.config).map_err(|problems| {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        TailError::Setup(shown.join("\n"))
    })?;
    let none = Properties::new();
    let worker = file.worker.as_ref().unwrap_or(&none);
    let config = with_json(&file.config, worker);
    let connector = file.name.as_deref().unwrap_or_default();
    let scope = Scope { connector, task: 0, config: &config, worker };
    let encoder = task::encoder_config(&settings, &scope)
        .map_err(|error| TailError::Setup(error.to_string()))?;
    let (stream, start) = tokio::select! {
        opened = open(&settings, options.create_publication) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!(from = %start, "tail: changes from now on");
    let (sender, receiver) = queue::channel(settings.queue_bytes);
    let (confirm, confirmed) = watch::channel(Lsn::INVALID);
    let reading = stop.child_token();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(stream.run(sender, confirmed, reading.clone()));
    let mut printer = Printer {
        encoder: Encoder::new(encoder, None),
        records: Records::new(),
        options,
        out,
        shown: 0,
    };
    let printed = printer.run(receiver, &confirm, &stop).await;
    reading.cancel();
    let read = tasks.join_next().await;
    printed?;
    match read {
        Some(Ok(read)) => Ok(read?),
        Some(Err(error)) => {
            Err(TailError::Setup(format!("the reading task ended unexpectedly: {error}")))
        }
        None => Ok(()),
    }
}

/// The connector's converters where they make JSON; JSON without schemas where they do not: binary formats are not for
/// terminals, and their schemas would be registered.
fn with_json(config: &Properties, worker: &Properties) -> Properties {
    let mut config = config.clone();
    for role in ["key.converter", "value.converter"] {
        let given = config.get(role).or_else(|| worker.get(role)).map(|class| class.trim());
        if given == Some(JSON) {
            continue;
        }
        if let Some(class) = given {
            tracing::warn!(role, class, "tail: shown as JSON instead");
        }
        config.insert(role.to_owned(), JSON.to_owned());
        config.insert(format!("{role}.schemas.enable"), "false".to_owned());
    }
    config
}

/// Everything before the first change.
async fn open(settings: &Settings, create_publication: bool) -> Result<(Stream, Lsn), TailError> {
    let client = sql::connect(&settings.database, CONNECTION).await?;
    slot::check_server(&client).await?;
    let publication = &settings.publication;
    let there = preflight::publication(&client, &publication.name).await?.is_some();
    let catalog = Catalog::new(client);
    if !there && create_publication {
        let tables = catalog.tables().await?;
        let tables = tables.into_iter().filter(|t| settings.filter.takes(&t.schema, &t.name));
        let names: Vec<_> = tables.map(|t| (t.schema, t.name)).collect();
        publication.ensure(catalog.client(), &names).await?;
    } else if !there {
        let quoted = preflight::quote_identifier(&publication.name);
        return Err(TailError::Setup(format!(
            "publication {:?} does not exist, and tail makes none unless --create-publication is given; \
             or make it yourself: CREATE PUBLICATION {quoted} FOR TABLE …",
            publication.name
        )));
    }
    let mut replication = Replication::connect(&settings.database, CONNECTION).await?;
    let created = temporary_slot(&mut replication).await?;
    let options = Options {
        slot: created.name,
        publication: publication.name.clone(),
        start: created.consistent_point,
        status_interval: settings.status_interval,
        params: settings.slot.stream_params.clone(),
    };
    let stream = Stream::start(replication, catalog, &options).await?;
    Ok((stream, created.consistent_point))
}

async fn temporary_slot(replication: &mut Replication) -> Result<CreatedSlot, TailError> {
    let name = format!("walbridge_tail_{}", uuid::Uuid::now_v7().simple());
    let creating = replication.create_temporary_slot(&name);
    tokio::pin!(creating);
    let created = tokio::select! {
        created = &mut creating => created,
        () = tokio::time::sleep(PATIENCE) => {
            tracing::warn!("tail: the server waits for the transactions that run now to end before it makes a slot");
            creating.await
        }
    };
    created.map_err(|error| match error.sqlstate() {
        Some("53400") => TailError::Setup(format!(
            "no replication slot is free for a temporary one: {error}; drop one that nobody needs \
             (SELECT slot_name, active FROM pg_replication_slots), or raise max_replication_slots and restart the server"
        )),
        _ => error.into(),
    })
}

struct Printer<'a, W> {
    encoder: Encoder,
    records: Records,
    options: &'a TailOptions,
    out: &'a mut W,
    shown: u64,
}

impl<W: Write> Printer<'_, W> {
    async fn run(
        &mut self,
        mut queue: Receiver,
        confirm: &watch::Sender<Lsn>,
        stop: &CancellationToken,
    ) -> Result<(), TailError> {
        while !self.is_through() {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                batch = queue.recv() => batch,
            };
            let Some(batch) = batch else { return Ok(()) };
            self.batch(&batch)?;
            // What was printed is done with, so that the server need not keep it.
            for event in &batch.events {
                if let Event::Commit { end_lsn: lsn, .. } | Event::Idle { lsn, .. } = event {
                    confirm.send_replace(*lsn);
                }
            }
        }
        Ok(())
    }

    fn is_through(&self) -> bool {
        self.options.limit.is_some_and(|limit| self.shown >= limit)
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), TailError> {
        self.encoder.encode(batch, Clock::now(), &mut self.records)?;
        let records = std::mem::take(&mut self.records);
        for record in records.iter() {
            let event = usize::try_from(record.event()).ok().and_then(|i| batch.events.get(i));
            if let Some(shown) = event.and_then(|event| self.select(event, &record)) {
                self.write(&shown)?;
            }
            if self.is_through() {
                break;
            }
        }
        self.records = records;
        Ok(self.out.flush()?)
    }

    /// The record, if it is asked for.
    fn select<'r>(&self, event: &Event, record: &RecordRef<'r>) -> Option<Shown<'r>> {
        let (operation, position, tables) = match event {
            Event::Change(change) => {
                let operation = match change.op {
                    Op::Insert | Op::Read => Operation::Create,
                    Op::Update => Operation::Update,
                    Op::Delete => Operation::Delete,
                };
                let name = format!("{}.{}", change.relation.schema, change.relation.name);
                (operation, change.position, vec![name])
            }
            Event::Truncate { relations, position, .. } => {
                let names = relations.iter().map(|r| format!("{}.{}", r.schema, r.name)).collect();
                (Operation::Truncate, *position, names)
            }
            _ => return None,
        };
        let TailOptions { table, operations, .. } = self.options;
        let is_asked = |name: &String| {
            table.as_ref().is_none_or(|pattern| pattern.is_match(name).unwrap_or(false))
        };
        let wanted = operations.is_empty() || operations.contains(&operation);
        (wanted && tables.iter().any(is_asked)).then(|| Shown {
            operation,
            topic: record.topic(),
            table: tables.join(", "),
            lsn: position.lsn,
            time_us: position.commit_time_us,
            key: record.key(),
            value: record.value(),
        })
    }

    fn write(&mut self, shown: &Shown<'_>) -> io::Result<()> {
        match (self.options.format, shown.value) {
            (TailFormat::Text { color }, _) => writeln!(self.out, "{}", shown.text(color))?,
            (TailFormat::Values, None) => return Ok(()),
            (TailFormat::Values, Some(value)) => {
                self.out.write_all(value)?;
                self.out.write_all(b"\n")?;
            }
            (TailFormat::Records, _) => shown.write_record(&mut self.out)?,
        }
        self.shown += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn converters_of_the_connector_or_its_worker_stay_where_they_are_json() {
        let worker = properties(&[("value.converter", JSON)]);
        let config =
            properties(&[("key.converter", JSON), ("key.converter.schemas.enable", "true")]);
        assert_eq!(with_json(&config, &worker), config);
    }

    #[test]
    fn other_converters_are_replaced_by_json_without_schemas() {
        let config = properties(&[("value.converter", "io.confluent.connect.avro.AvroConverter")]);
        let json = with_json(&config, &Properties::new());
        for role in ["key.converter", "value.converter"] {
            assert_eq!(json.get(role).map(String::as_str), Some(JSON));
            assert_eq!(
                json.get(&format!("{role}.schemas.enable")).map(String::as_str),
                Some("false")
            );
        }
    }
}
