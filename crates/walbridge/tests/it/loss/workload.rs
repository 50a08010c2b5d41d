//! Writers whose every committed change is known: what the topics must hold, key by key.
//!
//! Each writer owns a range of ids, so the order of its statements is the order of its keys' changes. Rows of `hot`
//! are everybody's: each update counts one up, so the counter is the order. `done` gets a row in each transaction,
//! which tells a writer that lost its connection whether its commit took place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::lab::{Outcome, Sandbox, Server, deadline};
use crate::random::Random;
use crate::script::explain;

/// Tables that writers fill by ranges of their own, in the order of [`Key::table`].
const OWNED: [&str; 3] = ["account", "item", "ledger"];
/// Every table; one topic each.
pub(super) const TABLES: [&str; 5] = ["account", "item", "ledger", "hot", "done"];
const HOT: usize = 3;
const DONE: usize = 4;
const HOT_ROWS: i64 = 3;
/// Ids of one writer; also the distance between the `done` rows of two.
const RANGE: i64 = 10_000_000;
/// Id of the row that ends each table.
pub(super) const LAST: i64 = -1;

const SETUP: &str = "
    CREATE TABLE account (id bigint PRIMARY KEY, stamp bigint NOT NULL, note text);
    CREATE TABLE item (part text DEFAULT 'p', id bigint, stamp bigint NOT NULL, note text, PRIMARY KEY (part, id));
    CREATE TABLE ledger (id bigint PRIMARY KEY, stamp bigint NOT NULL, note text);
    ALTER TABLE ledger REPLICA IDENTITY FULL;
    CREATE TABLE hot (id bigint PRIMARY KEY, stamp bigint NOT NULL);
    CREATE TABLE done (id bigint PRIMARY KEY, stamp bigint NOT NULL);";

/// A row, wherever it is mentioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// Index into [`TABLES`].
    pub(super) table: usize,
    pub(super) id: i64,
}

/// What happened to a row; the stamp is the row's after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Create(i64),
    Update(i64),
    Delete,
}

/// A transaction that took place.
#[derive(Debug)]
pub(super) struct Commit {
    /// Postgres had written at least the whole transaction when it was here.
    pub(super) lsn_max: u64,
    /// Its changes, by their place in the key's history.
    pub(super) changes: Vec<(Key, usize)>,
}

/// Everything that was committed.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) keys: BTreeMap<Key, Vec<Event>>,
    pub(super) commits: Vec<Commit>,
}

impl History {
    fn merge(&mut self, other: Self) {
        for (key, events) in other.keys {
            self.keys.entry(key).or_default().extend(events);
        }
        self.commits.extend(other.commits);
    }

    pub(super) fn change_count(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }
}

/// Creates the tables.
pub(super) async fn prepare(sandbox: &Sandbox) -> Outcome<()> {
    sandbox.sql(SETUP).await
}

/// Runs writers while a body goes on; ends each table with the row [`LAST`] and tells what was committed.
pub(super) async fn during(
    sandbox: &Sandbox,
    writers: u64,
    random: &mut Random,
    body: impl AsyncFnOnce() -> Outcome<()>,
) -> Outcome<History> {
    let stop = AtomicBool::new(false);
    let server = &sandbox.lab.postgres;
    let mut history = begin(sandbox).await?;
    let parts = (1..=writers).map(|number| {
        let writer = Writer::new(server, &sandbox.database, number, random.fork());
        let stop = &stop;
        async move { writer?.run(stop).await }
    });
    let writing = futures_util::future::try_join_all(parts);
    let acting = async {
        let ended = body().await;
        stop.store(true, Ordering::Relaxed);
        ended
    };
    let (parts, ()) = tokio::try_join!(writing, acting)?;
    for part in parts {
        history.merge(part);
    }
    // Updates of a shared row come from several writers: the counter orders them.
    for (_, events) in history.keys.iter_mut().filter(|(key, _)| key.table == HOT) {
        events.sort_by_key(|event| match event {
            Event::Create(stamp) | Event::Update(stamp) => *stamp,
            Event::Delete => i64::MAX,
        });
    }
    end(sandbox, &mut history).await?;
    Ok(history)
}

async fn begin(sandbox: &Sandbox) -> Outcome<History> {
    let mut history = History::default();
    for id in 0..HOT_ROWS {
        sandbox.sql(&format!("INSERT INTO hot VALUES ({id}, 0)")).await?;
        history.keys.insert(Key { table: HOT, id }, vec![Event::Create(0)]);
    }
    Ok(history)
}

async fn end(sandbox: &Sandbox, history: &mut History) -> Outcome<()> {
    for (table, name) in TABLES.iter().enumerate() {
        sandbox.sql(&format!("INSERT INTO {name} (id, stamp) VALUES ({LAST}, 0)")).await?;
        history.keys.insert(Key { table, id: LAST }, vec![Event::Create(0)]);
    }
    Ok(())
}

struct Writer<'a> {
    server: &'a Server,
    database: &'a str,
    random: Random,
    first_id: i64,
    next_id: i64,
    stamp: i64,
    live: BTreeSet<Key>,
    history: History,
}

/// A transaction under way.
#[derive(Default)]
struct Pending {
    events: Vec<(Key, Event)>,
    /// Rows that came or went, newest last, to take it all back.
    journal: Vec<(Key, bool)>,
}

impl<'a> Writer<'a> {
    fn new(server: &'a Server, database: &'a str, number: u64, random: Random) -> Outcome<Self> {
        let first_id = i64::try_from(number)? * RANGE;
        Ok(Self {
            server,
            database,
            random,
            first_id,
            next_id: first_id,
            stamp: 0,
            live: BTreeSet::new(),
            history: History::default(),
        })
    }

    async fn run(mut self, stop: &AtomicBool) -> Outcome<History> {
        let mut client = self.server.session(self.database).await?;
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            let done = Key { table: DONE, id: self.first_id + number };
            let mut pending = Pending::default();
            let committed = match self.transaction(&client, done, &mut pending).await {
                Ok(committed) => committed,
                Err(error) if is_lost(&client).await => {
                    println!("writer {}: {error}", self.first_id / RANGE);
                    client = self.reconnect().await?;
                    self.is_done(&client, done).await?
                }
                Err(error) => return Err(error),
            };
            let rows = u64::try_from(pending.events.len())?;
            // A commit that is learnt of later has a later bound, which only asks less of it.
            let lsn_max = match position(&client).await {
                Err(_lost) if is_lost(&client).await => {
                    client = self.reconnect().await?;
                    position(&client).await?
                }
                answer => answer?,
            };
            self.settle(pending, committed, lsn_max)?;
            // The pace: the tests prove order and completeness, not speed.
            let pause = rows.saturating_mul(1500) + self.random.within(0, 10_000);
            tokio::time::sleep(Duration::from_micros(pause.min(4_000_000))).await;
        }
        Ok(self.history)
    }

    /// Says whether it was committed, and not rolled back on purpose.
    async fn transaction(
        &mut self,
        client: &Client,
        done: Key,
        pending: &mut Pending,
    ) -> Outcome<bool> {
        query(client, "BEGIN").await?;
        let rows = match self.random.within(1, 10) {
            1 => self.random.within(500, 5000),
            2..=4 => self.random.within(5, 200),
            _ => self.random.within(1, 5),
        };
        let statements = self.random.within(1, rows.min(4));
        for _ in 0..statements {
            self.statement(client, i64::try_from(rows.div_ceil(statements))?, pending).await?;
        }
        if self.random.within(1, 6) == 1 {
            self.savepoint(client).await?;
        }
        query(client, &format!("INSERT INTO done VALUES ({}, 0)", done.id)).await?;
        pending.events.push((done, Event::Create(0)));
        // Last, so that no two writers wait for each other, whose row it may be.
        if self.random.within(1, 3) == 1 {
            self.count_up(client, pending).await?;
        }
        let commits = self.random.within(1, 10) > 1;
        query(client, if commits { "COMMIT" } else { "ROLLBACK" }).await?;
        Ok(commits)
    }

    async fn statement(
        &mut self,
        client: &Client,
        rows: i64,
        pending: &mut Pending,
    ) -> Outcome<()> {
        let table = usize::try_from(self.random.within(0, 2))?;
        let name = OWNED[table];
        self.stamp += 1;
        let stamp = self.stamp;
        let action = self.random.within(1, 10);
        let fresh = self.next_id == self.first_id || action <= 4;
        let low = if fresh {
            self.next_id
        } else {
            let span = u64::try_from(self.next_id - self.first_id - 1)?;
            self.first_id + i64::try_from(self.random.within(0, span))?
        };
        if fresh {
            self.next_id += rows;
        }
        let high = (low + rows).min(self.next_id) - 1;
        let at = |id| Key { table, id };
        if fresh || action == 5 {
            let note = "repeat(md5(g::text), 1 + (g % 4)::int)";
            query(
                client,
                &format!(
                    "INSERT INTO {name} (id, stamp, note) SELECT g, {stamp}, {note} \
                 FROM generate_series({low}::bigint, {high}) g ON CONFLICT DO NOTHING"
                ),
            )
            .await?;
            for key in (low..=high).map(at) {
                if self.live.insert(key) {
                    pending.journal.push((key, true));
                    pending.events.push((key, Event::Create(stamp)));
                }
            }
            return Ok(());
        }
        let range = format!("WHERE id BETWEEN {low} AND {high}");
        let touched: Vec<_> = self.live.range(at(low)..=at(high)).copied().collect();
        if action <= 8 {
            query(client, &format!("UPDATE {name} SET stamp = {stamp} {range}")).await?;
            pending.events.extend(touched.into_iter().map(|key| (key, Event::Update(stamp))));
        } else {
            query(client, &format!("DELETE FROM {name} {range}")).await?;
            for key in touched {
                self.live.remove(&key);
                pending.journal.push((key, false));
                pending.events.push((key, Event::Delete));
            }
        }
        Ok(())
    }

    /// Rows that must never be seen.
    async fn savepoint(&mut self, client: &Client) -> Outcome<()> {
        let (low, high) = (self.next_id, self.next_id + 20);
        self.next_id = high + 1;
        query(client, "SAVEPOINT s").await?;
        query(client, &format!(
            "INSERT INTO account SELECT g, 0, 'undone' FROM generate_series({low}::bigint, {high}) g"
        )).await?;
        query(client, "ROLLBACK TO s").await.map(|_| ())
    }

    async fn count_up(&mut self, client: &Client, pending: &mut Pending) -> Outcome<()> {
        let id = i64::try_from(self.random.within(0, 2))?;
        let update = format!("UPDATE hot SET stamp = stamp + 1 WHERE id = {id} RETURNING stamp");
        let stamp = query(client, &update).await?.ok_or("hot: no row")?.parse()?;
        pending.events.push((Key { table: HOT, id }, Event::Update(stamp)));
        Ok(())
    }

    /// Writes down what a committed transaction changed, or takes back what another one would have.
    fn settle(&mut self, pending: Pending, committed: bool, lsn_max: u64) -> Outcome<()> {
        if !committed {
            for (key, came) in pending.journal.into_iter().rev() {
                if came {
                    self.live.remove(&key)
                } else {
                    self.live.insert(key)
                };
            }
            return Ok(());
        }
        let mut changes = Vec::with_capacity(pending.events.len());
        for (key, event) in pending.events {
            let events = self.history.keys.entry(key).or_default();
            let place = match (key.table, event) {
                (HOT, Event::Update(stamp)) => usize::try_from(stamp)?,
                _ => events.len(),
            };
            events.push(event);
            changes.push((key, place));
        }
        self.history.commits.push(Commit { lsn_max, changes });
        Ok(())
    }

    async fn reconnect(&self) -> Outcome<Client> {
        deadline("writer connects again", Duration::from_secs(60), async || {
            self.server.session(self.database).await
        })
        .await
    }

    async fn is_done(&self, client: &Client, done: Key) -> Outcome<bool> {
        let asked = format!("SELECT 1 FROM done WHERE id = {}", done.id);
        Ok(query(client, &asked).await?.is_some())
    }
}

/// Where the WAL ends, as a number of bytes.
async fn position(client: &Client) -> Outcome<u64> {
    let lsn = query(client, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").await?;
    Ok(lsn.ok_or("no WAL position")?.parse()?)
}

/// Whether an error was the connection's end, which the driver notices a moment after the server's last word.
async fn is_lost(client: &Client) -> bool {
    deadline("connection closed", Duration::from_secs(2), async || {
        if client.is_closed() { Ok(()) } else { Err("open") }
    })
    .await
    .is_ok()
}

/// The first column of the first row.
async fn query(client: &Client, text: &str) -> Outcome<Option<String>> {
    let answer = client.simple_query(text).await.map_err(|error| explain(text, &error))?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
