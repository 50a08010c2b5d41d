//! What one run of a task reads: the snapshot if one is due, then the stream, into one queue.
//!
//! `max_wal_senders=1` and `max_replication_slots=1` are enough: the connection that creates the slot exports its
//! snapshot, stays idle while the tables are read over a plain connection, and then streams. A snapshot with a slot that
//! was there before uses a second one for a moment, where there is one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pgoutput::catalog::{Catalog, Table};
use pgoutput::queue::Sender;
use pgoutput::replication::Replication;
use pgoutput::snapshot::{Isolation, Outcome, Snapshot, Source, View};
use pgoutput::stream::{Options, Stream};
use pgoutput::{Error, Lsn, slot, sql};
use sink::offset::SourceOffset;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::settings::{Settings, SnapshotMode};

/// Debezium's names of its connections, which people look for in `pg_stat_activity`.
const PLAIN_CONNECTION: &str = "Debezium General";
const STREAMING_CONNECTION: &str = "Debezium Streaming";

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Read the tables first.
    Snapshot,
    /// Stream from the stored position, or from the slot's without one.
    Stream(Option<Lsn>),
}

impl Start {
    /// What `snapshot.mode` makes of the stored offset.
    pub(super) fn choose(mode: SnapshotMode, stored: Option<&SourceOffset>) -> Result<Self, Error> {
        let unfinished = stored.is_some_and(SourceOffset::snapshot_unfinished);
        match (mode, stored) {
            (SnapshotMode::Initial, None) => Ok(Self::Snapshot),
            (SnapshotMode::Initial, Some(_)) if unfinished => Ok(Self::Snapshot),
            (SnapshotMode::NoData, Some(_)) if unfinished => Err(Error::Setup(
                "the stored offset is of a snapshot that was not finished, and snapshot.mode=no_data does not allow to take it again; \
                 set snapshot.mode=initial or delete the connector's offsets"
                    .to_owned(),
            )),
            (_, stored) => Ok(Self::Stream(stored.and_then(SourceOffset::start_lsn))),
        }
    }
}

/// The channels of a run.
pub(super) struct Channels {
    pub(super) queue: Sender,
    pub(super) confirmed: watch::Receiver<Lsn>,
    pub(super) stop: CancellationToken,
}

/// What streaming begins with.
struct Prepared {
    catalog: Catalog,
    /// The connection that made the slot, if this run did.
    replication: Option<Replication>,
    /// What the snapshot reads; `None` where none is due.
    view: Option<View>,
    tables: Vec<Table>,
    lsn: Lsn,
}

/// Reads until `stop`; every other end is an error.
pub(super) async fn run(
    settings: Arc<Settings>,
    start: Start,
    channels: Channels,
) -> Result<(), Error> {
    // Much of this waits for others (locks, running transactions, a host that does not answer), and all of it may be
    // dropped.
    let prepared = tokio::select! {
        biased;
        () = channels.stop.cancelled() => return Ok(()),
        prepared = prepare(&settings, start) => prepared?,
    };
    let Prepared { catalog, mut replication, view, tables, lsn } = prepared;
    let Some(view) = view else {
        return stream(&settings, catalog, replication, lsn, channels).await;
    };
    let snapshot = begin(&settings, catalog, view, &mut replication);
    let snapshot = tokio::select! {
        biased;
        () = channels.stop.cancelled() => return Ok(()),
        snapshot = snapshot => snapshot?,
    };
    match copy(snapshot, &tables, &channels).await? {
        Some((catalog, lsn)) => stream(&settings, catalog, replication, lsn, channels).await,
        None => Ok(()),
    }
}

/// Everything before the first row: checks, publication, slot.
async fn prepare(settings: &Settings, start: Start) -> Result<Prepared, Error> {
    let client = sql::connect(&settings.database, PLAIN_CONNECTION).await?;
    slot::check_server(&client).await?;
    let catalog = Catalog::new(client);
    let tables = captured(&catalog, settings).await?;
    let names: Vec<_> = tables.iter().map(|t| (t.schema.clone(), t.name.clone())).collect();
    settings.publication.ensure(catalog.client(), &names).await?;
    let slot = slot::find(catalog.client(), &settings.slot.name).await?;
    if let Some(slot) = &slot {
        check_available(slot, start, settings)?;
    } else if let Start::Stream(Some(lsn)) = start {
        return Err(gone(settings, lsn));
    }
    let (mut replication, mut created) = (None, None);
    if slot.is_none() {
        let mut connection = Replication::connect(&settings.database, STREAMING_CONNECTION).await?;
        created = Some(slot::create(&mut connection, &settings.slot.name, false).await?);
        replication = Some(connection);
    }
    let fresh = created.as_ref().map(|slot| slot.consistent_point);
    let exported =
        created.map(|slot| View::Exported { snapshot: slot.snapshot, lsn: slot.consistent_point });
    let (view, lsn) = match start {
        // Without an offset the server knows best: it starts where the slot was last confirmed.
        Start::Stream(stored) => (None, stored.or(fresh).unwrap_or(Lsn::INVALID)),
        Start::Snapshot => {
            (Some(exported.unwrap_or(View::Now(Isolation::RepeatableRead))), Lsn::INVALID)
        }
    };
    Ok(Prepared { catalog, replication, view, tables, lsn })
}

/// Opens the snapshot's transaction. For a slot that was there before, a temporary one tells which transactions are in
/// the snapshot and which are to be streamed: the end of the log, read by a query, would not tell of those that are
/// being committed.
async fn begin(
    settings: &Settings,
    catalog: Catalog,
    view: View,
    replication: &mut Option<Replication>,
) -> Result<Snapshot, Error> {
    tokio::time::sleep(settings.snapshot_delay).await;
    if replication.is_some() {
        return Snapshot::begin(catalog, view).await;
    }
    let mut connection = Replication::connect(&settings.database, STREAMING_CONNECTION).await?;
    let name = format!("walbridge_{}", uuid::Uuid::now_v7().simple());
    let view = match connection.create_temporary_slot(&name).await {
        Ok(slot) => View::Exported { snapshot: slot.snapshot, lsn: slot.consistent_point },
        // All slots are in use.
        Err(error) if error.sqlstate() == Some("53400") => {
            tracing::warn!(%error, "no slot is free for an exact snapshot: a transaction that is being committed right now may be missed; raise max_replication_slots by one to rule that out");
            view
        }
        Err(error) => return Err(error),
    };
    let snapshot = Snapshot::begin(catalog, view).await?;
    // The temporary slot goes with it.
    connection.close().await;
    Ok(snapshot)
}

/// The captured tables, in the order in which Debezium reads them.
async fn captured(catalog: &Catalog, settings: &Settings) -> Result<Vec<Table>, Error> {
    let filter = &settings.filter;
    let mut tables: Vec<Table> =
        catalog.tables().await?.into_iter().filter(|t| filter.takes(&t.schema, &t.name)).collect();
    tables.sort_by_cached_key(|t| {
        (filter.rank(&t.schema, &t.name), t.schema.clone(), t.name.clone())
    });
    if tables.is_empty() {
        tracing::warn!(
            connector = &*settings.prefix,
            "no table passes the filters: nothing will be captured until one does"
        );
    }
    Ok(tables)
}

fn check_available(slot: &slot::Slot, start: Start, settings: &Settings) -> Result<(), Error> {
    slot.check(&settings.database.dbname)?;
    match (start, slot.restart) {
        (Start::Stream(Some(lsn)), Some(restart)) if restart > lsn => Err(gone(settings, lsn)),
        _ => Ok(()),
    }
}

fn gone(settings: &Settings, lsn: Lsn) -> Error {
    let slot = &settings.slot.name;
    Error::Setup(format!(
        "the connector is to go on at {lsn}, but that is no longer available on the server: slot {slot:?} is gone or was created later. \
         Delete the connector's offsets to take a new snapshot"
    ))
}

/// Reads the tables; `None` if it was stopped.
async fn copy(
    mut snapshot: Snapshot,
    tables: &[Table],
    channels: &Channels,
) -> Result<Option<(Catalog, Lsn)>, Error> {
    let lsn = snapshot.position().lsn;
    let mut sources = Vec::with_capacity(tables.len());
    for table in tables {
        // Dropped since it was listed: then it holds no row that anybody could miss.
        let Some(relation) = snapshot.catalog().describe_table(table.oid).await? else { continue };
        sources.push(Source {
            relation: Arc::new(relation),
            select: None,
            rows: Arc::new(AtomicU64::new(0)),
        });
    }
    tracing::info!(%lsn, tables = sources.len(), "snapshot begins");
    match snapshot.copy(&sources, &channels.queue, &channels.stop).await? {
        Outcome::Stopped => Ok(None),
        Outcome::Complete => {
            let rows: u64 =
                sources.iter().map(|s| s.rows.load(std::sync::atomic::Ordering::Relaxed)).sum();
            tracing::info!(%lsn, rows, "snapshot is complete");
            Ok(Some((snapshot.finish().await?, lsn)))
        }
    }
}

/// Streams; starting is tried again as `slot.max.retries` says, because the slot of a connection that broke stays
/// in use until the server has noticed.
async fn stream(
    settings: &Settings,
    mut catalog: Catalog,
    mut replication: Option<Replication>,
    lsn: Lsn,
    channels: Channels,
) -> Result<(), Error> {
    let options = Options {
        slot: settings.slot.name.clone(),
        publication: settings.publication.name.clone(),
        start: lsn,
        status_interval: settings.status_interval,
        params: settings.slot.stream_params.clone(),
    };
    let mut attempt = 0;
    let stream = loop {
        let connection = match replication.take() {
            Some(connection) => Ok(connection),
            None => Replication::connect(&settings.database, STREAMING_CONNECTION).await,
        };
        let started = match connection {
            Ok(connection) => Stream::start(connection, catalog, &options).await,
            Err(error) => Err(error),
        };
        match started {
            Ok(stream) => break stream,
            Err(error) if error.is_transient() && attempt < settings.slot.max_retries => {
                attempt += 1;
                tracing::warn!(%error, attempt, of = settings.slot.max_retries, slot = options.slot, "streaming did not start");
            }
            Err(error) => return Err(error),
        }
        wait(settings.slot.retry_delay, &channels.stop).await?;
        catalog = Catalog::new(sql::connect(&settings.database, PLAIN_CONNECTION).await?);
    };
    tracing::info!(slot = options.slot, from = %lsn, "streaming");
    stream.run(channels.queue, channels.confirmed, channels.stop).await
}

async fn wait(time: Duration, stop: &CancellationToken) -> Result<(), Error> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        () = stop.cancelled() => Err(Error::StreamEnded(Lsn::INVALID)),
    }
}

/// Drops the slot, as `slot.drop.on.stop` asks for.
pub(super) async fn drop_slot(settings: &Settings) -> Result<(), Error> {
    let client = sql::connect(&settings.database, "Debezium Drop Slot").await?;
    slot::drop(&client, &settings.slot.name).await
}

/// Connects and asks for the version, as the validation of a configuration does.
pub(super) async fn probe(database: &pgoutput::Config) -> Result<(), Error> {
    let client = sql::connect(database, "Debezium Validate Connection").await?;
    client.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sink::offset::SnapshotKind;

    use super::*;

    fn stored(snapshot_completed: bool) -> SourceOffset {
        SourceOffset {
            lsn: Some(Lsn::new(7)),
            snapshot: Some(SnapshotKind::Initial),
            snapshot_completed,
            ..SourceOffset::default()
        }
    }

    #[test]
    fn snapshot_is_taken_once_and_again_if_it_was_not_finished() {
        use SnapshotMode::{Initial, NoData};
        assert_eq!(Start::choose(Initial, None).unwrap(), Start::Snapshot);
        assert_eq!(Start::choose(Initial, Some(&stored(false))).unwrap(), Start::Snapshot);
        assert_eq!(
            Start::choose(Initial, Some(&stored(true))).unwrap(),
            Start::Stream(Some(Lsn::new(7)))
        );
        assert_eq!(Start::choose(NoData, None).unwrap(), Start::Stream(None));
        assert!(Start::choose(NoData, Some(&stored(false))).is_err());
    }
}
