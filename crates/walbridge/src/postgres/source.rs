//! What one run of a task reads: the snapshot if one is due, then the stream, into one queue.
//!
//! `max_wal_senders=1` and `max_replication_slots=1` are enough: the connection that creates the slot exports its
//! snapshot, stays idle while the tables are read over a plain connection, and then streams. A snapshot with a slot that
//! was there before uses a second one for a moment, where there is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pgoutput::catalog::{Catalog, Table};
use pgoutput::publication::Autocreate;
use pgoutput::queue::Sender;
use pgoutput::replication::Replication;
use pgoutput::snapshot::{Copier, Outcome, Snapshot, Source, View};
use pgoutput::stream::{Options, Stream};
use pgoutput::{Error, Lsn, Position, ReadKind, Relation, slot, sql};
use sink::java_map::hash_order;
use sink::offset::SourceOffset;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pulse;
use super::refusal::{Refusal, SourceError};
use super::settings::{Mismatch, Settings, SlotSettings, SnapshotSettings};
use crate::live::{TableLive, TaskLive};
use crate::notification::{Aggregate, Note, Notifier};

/// Debezium's names of its connections, which people look for in `pg_stat_activity`.
const PLAIN_CONNECTION: &str = "Debezium General";
const STREAMING_CONNECTION: &str = "Debezium Streaming";

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Read the tables first.
    Snapshot,
    /// Stream.
    Stream {
        /// From the stored position; without one from the slot's.
        from: Option<Lsn>,
        /// `lsn_proc` of the offset, which must still be on the server.
        proc: Option<Lsn>,
    },
    /// There is nothing to do: the tables are read, and it is not to stream.
    Idle,
}

impl Start {
    /// Where the slot stands.
    const SLOT: Self = Self::Stream { from: None, proc: None };

    /// What `snapshot.mode` makes of the stored offset.
    pub(super) fn choose(
        settings: &SnapshotSettings,
        stored: Option<&SourceOffset>,
    ) -> Result<Self, Error> {
        let mode = &settings.mode;
        if mode.takes(stored) {
            return Ok(Self::Snapshot);
        }
        if stored.is_some_and(SourceOffset::snapshot_unfinished) {
            return Err(Error::Setup(
                "the stored offset is of a snapshot that was not finished, and snapshot.mode does not allow to take it again; \
                 set snapshot.mode=initial or delete the connector's offsets"
                    .to_owned(),
            ));
        }
        if !mode.streams() {
            return Ok(Self::Idle);
        }
        Ok(Self::Stream {
            from: stored.and_then(SourceOffset::start_lsn),
            proc: stored.and_then(|stored| stored.lsn_proc),
        })
    }
}

/// The channels of a run.
pub(super) struct Channels {
    pub(super) output: Output,
    pub(super) confirmed: watch::Receiver<Lsn>,
    /// The slot's `catalog_xmin`, where it is asked for.
    pub(super) xmin: watch::Sender<Option<i64>>,
    /// Whether the stream has begun.
    pub(super) streaming: watch::Sender<bool>,
    pub(super) live: Arc<TaskLive>,
}

/// Where rows and news go.
pub(super) struct Output {
    pub(super) queue: Sender,
    pub(super) stop: CancellationToken,
    pub(super) notifier: Notifier,
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
) -> Result<(), SourceError> {
    // Much of this waits for others (locks, running transactions, a host that does not answer), and all of it may be
    // dropped.
    let prepared = tokio::select! {
        biased;
        () = channels.output.stop.cancelled() => return Ok(()),
        prepared = prepare(&settings, start) => prepared?,
    };
    let Prepared { catalog, mut replication, view, tables, lsn } = prepared;
    let say = |note| channels.output.notifier.say(Aggregate::Initial, note);
    channels.live.captures(tables.iter().map(watched).collect());
    let Some(view) = view else {
        say(Note::new("SKIPPED", [])).await;
        return go_on(&settings, catalog, replication, lsn, channels).await;
    };
    say(Note::new("STARTED", [])).await;
    let snapshot = begin(&settings, catalog, view, &mut replication);
    let snapshot = tokio::select! {
        biased;
        () = channels.output.stop.cancelled() => return Ok(()),
        snapshot = snapshot => snapshot?,
    };
    // A lock, or a statement of the user's, may let it wait for long before the first row.
    let copied = tokio::select! {
        biased;
        () = channels.output.stop.cancelled() => {
            channels.live.snapshot_ends(false);
            return Ok(());
        }
        copied = copy(snapshot, &settings, &tables, &channels) => copied,
    };
    let copied = match copied {
        Ok(copied) => copied,
        Err(error) => {
            say(Note::new("ABORTED", [])).await;
            return Err(error);
        }
    };
    let Some((catalog, lsn)) = copied else { return Ok(()) };
    say(Note::new("COMPLETED", [])).await;
    tokio::select! {
        biased;
        () = channels.output.stop.cancelled() => return Ok(()),
        () = tokio::time::sleep(settings.snapshot.streaming_delay) => {}
    }
    go_on(&settings, catalog, replication, lsn, channels).await
}

fn watched(table: &Table) -> TableLive {
    let Table { schema, name, estimated_rows, .. } = table;
    TableLive {
        schema: schema.clone(),
        name: name.clone(),
        estimated_rows: *estimated_rows,
        rows: None,
    }
}

/// What comes after the snapshot: the stream, or nothing until it is to stop.
async fn go_on(
    settings: &Settings,
    catalog: Catalog,
    replication: Option<Replication>,
    lsn: Lsn,
    channels: Channels,
) -> Result<(), SourceError> {
    if settings.snapshot.mode.streams() {
        return stream(settings, catalog, replication, lsn, channels).await;
    }
    catalog.into_client().close().await;
    tracing::info!(
        connector = &*settings.prefix,
        "snapshot.mode does not stream: nothing more will come"
    );
    channels.output.stop.cancelled().await;
    Ok(())
}

/// Everything before the first row: checks, publication, slot. What does not stream needs neither of the two.
async fn prepare(settings: &Settings, start: Start) -> Result<Prepared, SourceError> {
    let client = sql::connect(&settings.database, PLAIN_CONNECTION).await?;
    if !settings.snapshot.mode.streams() {
        let catalog = Catalog::new(client);
        let tables = captured(&catalog, settings).await?;
        let view = (start == Start::Snapshot).then_some(View::Now(settings.snapshot.isolation));
        return Ok(Prepared { catalog, replication: None, view, tables, lsn: Lsn::INVALID });
    }
    slot::check_server(&client).await?;
    let mut catalog = Catalog::new(client);
    catalog.load_user_types().await?;
    let tables = captured(&catalog, settings).await?;
    publish(settings, catalog.client(), &tables).await?;
    settings.identities.set(catalog.client(), &tables).await?;
    let slot = slot::find(catalog.client(), &settings.slot.name).await?;
    let start = reconcile(catalog.client(), slot.as_ref(), start, settings).await?;
    let (mut replication, mut created) = (None, None);
    if slot.is_none() {
        let mut connection = Replication::connect(&settings.database, STREAMING_CONNECTION).await?;
        let SlotSettings { name, failover, .. } = &settings.slot;
        created = Some(slot::create(&mut connection, name, *failover).await?);
        replication = Some(connection);
    }
    let fresh = created.as_ref().map(|slot| slot.consistent_point);
    let exported =
        created.map(|slot| View::Exported { snapshot: slot.snapshot, lsn: slot.consistent_point });
    let (view, lsn) = match start {
        // Without an offset the server knows best: it starts where the slot was last confirmed.
        Start::Stream { from, .. } => (None, from.or(fresh).unwrap_or(Lsn::INVALID)),
        Start::Snapshot => {
            (Some(exported.unwrap_or(View::Now(settings.snapshot.isolation))), Lsn::INVALID)
        }
        Start::Idle => (None, Lsn::INVALID),
    };
    Ok(Prepared { catalog, replication, view, tables, lsn })
}

/// The publication, and what must hold before it is made.
async fn publish(
    settings: &Settings,
    client: &sql::Client,
    tables: &[Table],
) -> Result<(), SourceError> {
    if let Some(max) = settings.guardrail.tables_max.filter(|max| tables.len() > *max) {
        let refusal = Refusal::Guardrail { tables: tables.len(), max };
        if settings.guardrail.fails {
            return Err(refusal.into());
        }
        tracing::warn!(connector = &*settings.prefix, "{refusal}");
    }
    let publication = &settings.publication;
    if publication.autocreate == Autocreate::Filtered && tables.is_empty() {
        let publication = publication.name.clone();
        return Err(Refusal::NothingToPublish { publication }.into());
    }
    if publication.autocreate == Autocreate::Disabled && !publication.exists(client).await? {
        return Err(Refusal::NoPublication.into());
    }
    let names: Vec<_> = tables.iter().map(|t| (t.schema.clone(), t.name.clone())).collect();
    publication.ensure(client, &names).await?;
    Ok(())
}

/// Where to start with the slot that is there, or is not: `offset.mismatch.strategy`, and whether the mode reads the
/// tables again where the position is gone.
async fn reconcile(
    client: &sql::Client,
    slot: Option<&slot::Slot>,
    start: Start,
    settings: &Settings,
) -> Result<Start, SourceError> {
    if let Some(slot) = slot {
        slot.check(&settings.database.dbname)?;
    }
    let Start::Stream { from: Some(from), proc } = start else { return Ok(start) };
    let trusts_slot = matches!(settings.mismatch, Mismatch::TrustSlot | Mismatch::TrustGreater);
    let kept = slot.map(|slot| slot.restart);
    // Debezium asks for what was processed only; without a slot nothing is there.
    let is_gone = match (kept, proc) {
        (None, _) => true,
        (Some(Some(restart)), Some(proc)) => restart > proc,
        (Some(_), _) => false,
    };
    if is_gone && !trusts_slot {
        let lsn = proc.unwrap_or(from);
        if !settings.snapshot.mode.heals() {
            return Err(Refusal::PositionGone { lsn, slot: settings.slot.name.clone() }.into());
        }
        tracing::warn!(slot = settings.slot.name, %lsn, "the position to go on at is no longer available on the server: the tables are read again");
        return Ok(Start::Snapshot);
    }
    let confirmed = slot.and_then(|slot| slot.confirmed_flush);
    let is_ahead = confirmed.is_some_and(|confirmed| from > confirmed);
    match settings.mismatch {
        Mismatch::TrustSlot | Mismatch::TrustGreater if !is_ahead => return Ok(Start::SLOT),
        Mismatch::TrustOffset | Mismatch::TrustGreater if is_ahead && !settings.never_confirms => {
            advance(client, settings, from).await?;
        }
        _ => {}
    }
    Ok(start)
}

/// The slot follows the offset. One that cannot is no reason to stop: the stream starts at the offset all the same.
async fn advance(client: &sql::Client, settings: &Settings, to: Lsn) -> Result<(), SourceError> {
    match slot::advance(client, &settings.slot.name, to).await {
        Ok(()) => {
            tracing::info!(slot = settings.slot.name, %to, "slot advanced to the stored position");
        }
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => tracing::warn!(%error, "slot not advanced to the stored position"),
    }
    Ok(())
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
    tokio::time::sleep(settings.snapshot.delay).await;
    if replication.is_some() || !settings.snapshot.mode.streams() {
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
pub(super) async fn captured(catalog: &Catalog, settings: &Settings) -> Result<Vec<Table>, Error> {
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

/// Whether the columns that are captured leave out one of the key behind all of them. Debezium's snapshot fails then,
/// since its rows end with the last captured column.
fn cuts_key(settings: &Settings, relation: &Relation) -> bool {
    let key = settings.keys.of(relation).unwrap_or_else(|| relation.key.clone());
    let shown = |index: &usize| {
        let column = relation.columns.get(*index);
        column.is_some_and(|column| !settings.columns.rule(relation, column).excluded)
    };
    let last = (0..relation.columns.len()).rev().find(shown);
    last.is_some_and(|last| key.iter().any(|index| *index > last))
}

/// What is copied, and what notifications say of it.
pub(super) struct Copying<'a> {
    sources: Vec<Source>,
    /// All that were to be read, the signal table included: as a list.
    captured: String,
    /// Those that are read, in the order of a Java set: as a list.
    read: String,
    output: &'a Output,
}

impl<'a> Copying<'a> {
    /// Describes the tables. `select` gives the statement to read one by, if it has one of its own.
    pub(super) async fn prepare(
        snapshot: &mut Snapshot,
        settings: &Settings,
        tables: &[&Table],
        select: impl Fn(&Table) -> Option<String>,
        output: &'a Output,
    ) -> Result<Self, Error> {
        let mut sources = Vec::with_capacity(tables.len());
        let mut read = connect::Properties::new();
        let named = |table: &Table| format!("{}.{}", table.schema, table.name);
        for table in tables {
            if settings.filter.is_signal(&table.schema, &table.name) {
                continue;
            }
            // Dropped since it was listed: then it holds no row that anybody could miss.
            let Some(relation) = snapshot.catalog().describe_table(table.oid).await? else {
                continue;
            };
            let select = match select(table) {
                Some(select) => Some(snapshot.arrange(&relation, &select).await?),
                None => None,
            };
            read.insert(named(table), String::new());
            let rows = Arc::new(AtomicU64::new(0));
            sources.push(Source { relation: Arc::new(relation), select, rows });
        }
        let captured: Vec<String> = tables.iter().map(|table| named(table)).collect();
        let read: Vec<String> = hash_order(read).into_keys().collect();
        Ok(Self { sources, captured: captured.join(","), read: read.join(","), output })
    }

    /// Copies the tables and says how it goes.
    pub(super) async fn run(&self, mut copier: Copier<'_>) -> Result<Outcome, Error> {
        let Output { queue, stop, notifier } = self.output;
        for source in &self.sources {
            let name = format!("{}.{}", source.relation.schema, source.relation.name);
            let begins = [
                ("current_collection_in_progress", name.clone()),
                ("data_collections", self.read.clone()),
            ];
            notifier.say(Aggregate::Initial, Note::new("IN_PROGRESS", begins)).await;
            let copied = copier.copy(source, queue, stop).await;
            let mut ended = vec![("scanned_collection", name)];
            match &copied {
                Ok(Outcome::Stopped) => return Ok(Outcome::Stopped),
                Ok(Outcome::Complete) => {
                    let rows = source.rows.load(Ordering::Relaxed).to_string();
                    ended.push(("data_collections", self.captured.clone()));
                    ended.push(("total_rows_scanned", rows));
                    ended.push(("status", "SUCCEEDED".to_owned()));
                }
                Err(_) => ended.push(("status", "SQL_EXCEPTION".to_owned())),
            }
            notifier.say(Aggregate::Initial, Note::new("TABLE_SCAN_COMPLETED", ended)).await;
            copied?;
        }
        Ok(copier.finish(queue, stop).await)
    }

    /// How many rows were read.
    pub(super) fn rows(&self) -> u64 {
        self.sources.iter().map(|source| source.rows.load(Ordering::Relaxed)).sum()
    }
}

/// Reads the tables; `None` if it was stopped.
async fn copy(
    mut snapshot: Snapshot,
    settings: &Settings,
    tables: &[Table],
    channels: &Channels,
) -> Result<Option<(Catalog, Lsn)>, SourceError> {
    let output = &channels.output;
    let position: Position = snapshot.position();
    let lsn = position.lsn;
    let wanted: Vec<&Table> =
        tables.iter().filter(|t| settings.snapshot.takes_table(&t.schema, &t.name)).collect();
    let select =
        |table: &Table| settings.snapshot.select(&table.schema, &table.name).map(str::to_owned);
    let copying = Copying::prepare(&mut snapshot, settings, &wanted, select, output).await?;
    for Source { relation, rows, .. } in &copying.sources {
        if cuts_key(settings, relation) {
            return Err(Refusal::KeyNotSelected.into());
        }
        channels.live.reads(&relation.schema, &relation.name, rows);
    }
    if let Some(timeout) = settings.snapshot.lock_timeout {
        let relations: Vec<_> = copying.sources.iter().map(|s| Arc::clone(&s.relation)).collect();
        snapshot.lock(&relations, timeout).await?;
    }
    tracing::info!(%lsn, tables = copying.sources.len(), "snapshot begins");
    channels.live.snapshot_begins();
    let copied = copying.run(snapshot.copier(position, ReadKind::Initial)).await;
    channels.live.snapshot_ends(matches!(copied, Ok(Outcome::Complete)));
    match copied? {
        Outcome::Stopped => Ok(None),
        Outcome::Complete => {
            tracing::info!(%lsn, rows = copying.rows(), "snapshot is complete");
            Ok(Some((snapshot.finish().await?, lsn)))
        }
    }
}

async fn stream(
    settings: &Settings,
    catalog: Catalog,
    replication: Option<Replication>,
    lsn: Lsn,
    channels: Channels,
) -> Result<(), SourceError> {
    let stream = tokio::select! {
        biased;
        () = channels.output.stop.cancelled() => return Ok(()),
        stream = open(settings, catalog, replication, lsn, &channels.xmin) => stream?,
    };
    tracing::info!(slot = settings.slot.name, from = %lsn, "streaming");
    channels.live.streams(stream.progress());
    channels.streaming.send_replace(true);
    let Channels { output, mut confirmed, xmin, .. } = channels;
    if settings.never_confirms {
        // Nobody holds the other end.
        (_, confirmed) = watch::channel(Lsn::INVALID);
    }
    tokio::select! {
        ended = stream.run(output.queue, confirmed, output.stop) => Ok(ended?),
        failed = pulse::run(settings, &xmin) => match failed? {},
    }
}

/// Starts the stream. This is tried again as `slot.max.retries` says, because the slot of a connection that broke stays
/// in use until the server has noticed.
async fn open(
    settings: &Settings,
    mut catalog: Catalog,
    mut replication: Option<Replication>,
    lsn: Lsn,
    xmin: &watch::Sender<Option<i64>>,
) -> Result<Stream, Error> {
    if settings.xmin_interval.is_some() {
        pulse::read_xmin(catalog.client(), settings, xmin).await?;
    }
    let options = Options {
        slot: settings.slot.name.clone(),
        publication: settings.publication.name.clone(),
        start: lsn,
        status_interval: settings.status_interval,
        params: settings.slot.stream_params.clone(),
    };
    let mut attempt = 0;
    loop {
        let connection = match replication.take() {
            Some(connection) => Ok(connection),
            None => Replication::connect(&settings.database, STREAMING_CONNECTION).await,
        };
        let started = match connection {
            Ok(connection) => Stream::start(connection, catalog, &options).await,
            Err(error) => Err(error),
        };
        match started {
            Ok(stream) => return Ok(stream),
            Err(error) if error.is_transient() && attempt < settings.slot.max_retries => {
                attempt += 1;
                tracing::warn!(%error, attempt, of = settings.slot.max_retries, slot = options.slot, "streaming did not start");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(settings.slot.retry_delay).await;
        catalog = Catalog::new(sql::connect(&settings.database, PLAIN_CONNECTION).await?);
        catalog.load_user_types().await?;
    }
}

/// A session for whatever is not the stream.
pub(super) async fn connect(settings: &Settings) -> Result<Catalog, Error> {
    sql::connect(&settings.database, PLAIN_CONNECTION).await.map(Catalog::new)
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
        let settings = |mode: &str| {
            let options = [
                ("topic.prefix", "p"),
                ("database.hostname", "h"),
                ("database.user", "u"),
                ("database.dbname", "d"),
                ("snapshot.mode", mode),
            ];
            let config = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
            Settings::parse(&config.into_iter().collect()).unwrap().snapshot
        };
        let choose =
            |mode: &str, stored: Option<&SourceOffset>| Start::choose(&settings(mode), stored);
        assert_eq!(choose("initial", None).unwrap(), Start::Snapshot);
        assert_eq!(choose("initial", Some(&stored(false))).unwrap(), Start::Snapshot);
        let done = stored(true);
        assert_eq!(
            choose("initial", Some(&done)).unwrap(),
            Start::Stream { from: Some(Lsn::new(7)), proc: None }
        );
        assert_eq!(choose("no_data", None).unwrap(), Start::SLOT);
        assert!(choose("no_data", Some(&stored(false))).is_err());
        assert_eq!(choose("always", Some(&done)).unwrap(), Start::Snapshot);
        assert_eq!(choose("initial_only", Some(&done)).unwrap(), Start::Idle);
        assert_eq!(choose("configuration_based", None).unwrap(), Start::Idle);
    }
}
