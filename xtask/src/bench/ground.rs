//! Where the scenarios run: a stack, a worker, the table, and one connector at a time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use serde_json::{Value, json};

use super::report::Line;
use super::tally::Tally;
use crate::error::{Context, Result};
use crate::kafka::{Consumer, Counter};
use crate::services::stack::{Plan, Stack};
use crate::sql::Session;
use crate::worker::Worker;
use crate::{say, wait};

const NAME: &str = "bench";

/// How long anything may take that grows with the rows.
pub(crate) const LIMIT: Duration = Duration::from_secs(900);

const TABLE: &str = "DROP TABLE IF EXISTS bench_users; CREATE TABLE bench_users (\
    id bigserial PRIMARY KEY, full_name text, email text, balance numeric(12,2), active boolean, \
    created_at timestamptz DEFAULT now())";

/// Everything that a scenario needs.
pub(crate) struct Ground {
    pub(crate) stack: Stack,
    pub(crate) worker: Worker,
    pub(crate) session: Session,
    walbridge: PathBuf,
    first_start: (Duration, Duration),
}

/// When the records came, counted from the beginning of the wait.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) first: Duration,
    pub(crate) last: Duration,
}

impl Ground {
    /// A new stack and a worker on it. Stops everything again if a part fails.
    pub(crate) fn prepare(walbridge: &Path, postgres: u8) -> Result<Self> {
        if let Some(mut old) = Stack::find(NAME)? {
            old.down(true)?;
        }
        let plan = Plan { postgres, slots: 10, brokers: 3, postgres_port: None, broker_port: None };
        let mut stack = Stack::up(NAME, &plan)?;
        let parts = Worker::start(&mut stack, walbridge, NAME).and_then(|worker| {
            let session = Session::connect(stack.postgres.port, "postgres");
            Ok((worker.explain(session)?, worker))
        });
        match parts {
            Ok((session, worker)) => {
                let first_start = (worker.answer_time, worker.start_time);
                let walbridge = walbridge.to_owned();
                Ok(Self { stack, worker, session, walbridge, first_start })
            }
            Err(error) => {
                stack.down(true)?;
                Err(error)
            }
        }
    }

    /// How long the worker took to start, the first time and again.
    pub(crate) fn start(&mut self) -> Result<[Line; 2]> {
        self.stack.stop_worker()?;
        self.worker = Worker::start(&mut self.stack, &self.walbridge, NAME)?;
        let line = |scenario: &str, (answer, ready): (Duration, Duration)| Line {
            scenario: scenario.to_owned(),
            result: format!(
                "{:.3} s until REST answers, {:.3} s until it lists the connectors",
                answer.as_secs_f64(),
                ready.as_secs_f64()
            ),
            ..Line::default()
        };
        Ok([
            line("start, making the storage topics", self.first_start),
            line("start, storage topics there", (self.worker.answer_time, self.worker.start_time)),
        ])
    }

    /// An empty table; no connector.
    pub(crate) fn reset_table(&mut self) -> Result<()> {
        self.session.run(TABLE).map(drop)
    }

    /// Rows `1..=rows` more in the table: all at once, or in transactions of `per_transaction`.
    pub(crate) fn load(&mut self, rows: u64, per_transaction: Option<u64>) -> Result<()> {
        let insert = |from: &str, to: &str| {
            format!(
                "INSERT INTO bench_users (full_name, email, balance, active, created_at) \
                 SELECT 'Full Name '||i, 'user'||i||'@example.com', (i%100000)/100.0, i%2=0, now() \
                 FROM generate_series({from}, {to}) i"
            )
        };
        let started = Instant::now();
        let sql = match per_transaction {
            None => insert("1", &rows.to_string()),
            Some(each) => format!(
                "DO $$ BEGIN FOR k IN 0..{} LOOP {}; COMMIT; END LOOP; END $$",
                rows.div_ceil(each).saturating_sub(1),
                insert(&format!("k*{each}+1"), &format!("least(k*{each}+{each}, {rows})"))
            ),
        };
        self.session.run(&sql)?;
        say::progress(format!("loaded {rows} rows ({:.1} s)", started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Counts the records of connector `name`.
    pub(crate) fn counter(&self, name: &str) -> Result<Counter> {
        Counter::new(&self.stack.bootstrap(), &topic(name))
    }

    /// Installs connector `name` on the table.
    pub(crate) fn connect(&self, name: &str, snapshot_mode: &str) -> Result<()> {
        self.worker.put(name, &config(name, snapshot_mode, self.stack.postgres.port))
    }

    /// Waits until the topic holds `rows` more than `base`; times are from `started` on.
    pub(crate) fn watch(
        &self,
        name: &str,
        counter: &mut Counter,
        (base, rows): (u64, u64),
        started: Instant,
    ) -> Result<Arrival> {
        let mut first = None;
        let mut looked = Instant::now();
        wait::closely(&format!("{rows} records of {name}"), LIMIT, || {
            // Asking for the status costs the worker something.
            if looked.elapsed() > Duration::from_secs(2) {
                self.worker.status(name)?;
                looked = Instant::now();
            }
            let count = counter.count()?;
            let now = started.elapsed();
            first = first.or((count > base).then_some(now));
            let is_last = count >= base + rows;
            Ok(first.filter(|_| is_last).map(|first| Arrival { first, last: now }))
        })
    }

    /// Writes one more row and reads the topic up to it: each of the table's rows must be there exactly once. What was
    /// delivered twice or not at all would be so before that last row, since the topic has one partition.
    pub(crate) fn verify(&mut self, name: &str) -> Result<()> {
        let insert = "INSERT INTO bench_users (full_name) VALUES ('last') RETURNING id";
        let last: usize = self.session.one(insert)?.parse().context("id")?;
        let mut tally = Tally::new(last);
        let mut consumer = Consumer::new(&self.stack.bootstrap(), &[&topic(name)])?;
        wait::unpaused(&format!("the last record of {name}"), LIMIT, || {
            self.worker.check()?;
            consumer.each(|message| tally.count(message.key().and_then(id_of)))?;
            Ok(tally.has_last().then_some(()))
        })?;
        tally.check().context(name)?;
        say::progress(format!("each of {last} rows is in the topic exactly once"));
        Ok(())
    }

    /// Removes connector `name` and what it made in Postgres.
    pub(crate) fn disconnect(&mut self, name: &str) -> Result<()> {
        self.worker.ask("DELETE", &format!("/connectors/{name}"), "")?;
        let slot = postgres_name(name);
        wait::until("the slot is free", LIMIT, || {
            let busy = self.session.run(&format!(
                "SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot}' AND active"
            ))?;
            Ok(busy.is_empty().then_some(()))
        })?;
        self.session.run(&format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
             WHERE slot_name = '{slot}'"
        ))?;
        self.session.run(&format!("DROP PUBLICATION IF EXISTS {slot}")).map(drop)
    }
}

/// The topic of connector `name`.
pub(crate) fn topic(name: &str) -> String {
    format!("{name}.public.bench_users")
}

/// The slot and the publication of connector `name`.
pub(crate) fn postgres_name(name: &str) -> String {
    name.replace('-', "_")
}

/// The id in a key `{"id":7}`. Not by a JSON parser: xtask is no release build, and shares the processors.
pub(crate) fn id_of(key: &[u8]) -> Option<u64> {
    let digits = key.strip_prefix(b"{\"id\":")?.strip_suffix(b"}")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn config(name: &str, snapshot_mode: &str, port: u16) -> Value {
    json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "127.0.0.1",
        "database.port": port.to_string(),
        "database.user": "postgres",
        "database.password": "postgres",
        "database.dbname": "postgres",
        "topic.prefix": name,
        "plugin.name": "pgoutput",
        "slot.name": postgres_name(name),
        "publication.name": postgres_name(name),
        "publication.autocreate.mode": "filtered",
        "table.include.list": "public.bench_users",
        "snapshot.mode": snapshot_mode,
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
    })
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn id_is_taken_from_a_key_of_one_integer_only() {
        assert_eq!(id_of(br#"{"id":17}"#), Some(17));
        assert_eq!(id_of(br#"{"id":1,"x":2}"#), None);
        assert_eq!(id_of(br#"{"payload":{"id":1}}"#), None);
    }
}
