//! `demo`: the whole way from a row in Postgres to a record in Kafka, on one's own machine.
//!
//! ```text
//! stack demo up ─> walbridge worker ─> tables ─> PUT connector.json ─> changes.sql ─> every change, as it arrives
//! ```

use std::fs;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::change::Change;
use crate::error::{Context, Error, Result};
use crate::kafka::Consumer;
use crate::services::stack::{Plan, Stack};
use crate::sql::Session;
use crate::worker::Worker;
use crate::{course, layout, product, say, wait};

const NAME: &str = "demo";
const CONNECTOR: &str = "pg-connector";
const USERS: &str = "customers.public.users";
const ORDERS: &str = "customers.public.orders";

/// How long each step may take that is not a download or a build.
const LIMIT: Duration = Duration::from_secs(90);

/// What `sql/demo/changes.sql` must become: topic, operation and id, in the order of each topic.
const EXPECTED: [(&str, &str, i64); 14] = [
    (USERS, "insert", 1),
    (USERS, "insert", 2),
    (USERS, "insert", 3),
    (USERS, "insert", 4),
    (ORDERS, "insert", 1),
    (ORDERS, "insert", 2),
    (ORDERS, "insert", 3),
    (ORDERS, "insert", 4),
    (ORDERS, "insert", 5),
    (ORDERS, "update", 1),
    (ORDERS, "delete", 2),
    (ORDERS, "tombstone", 2),
    (ORDERS, "delete", 3),
    (ORDERS, "tombstone", 3),
];

/// Start Postgres, three brokers and walbridge, change some rows, and watch the changes arrive.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// End after the expected changes, with an error if they do not arrive.
    #[arg(long)]
    pub(crate) once: bool,
    /// Major version of Postgres, 14 to 18.
    #[arg(long, default_value_t = 17)]
    pub(crate) postgres: u8,
}

impl Demo {
    /// Does what was asked. Whatever happens, nothing stays behind.
    pub(crate) fn run(&self) -> Result<()> {
        let walbridge = product::binary()?;
        let mut stack = raise(self.postgres)?;
        let shown = Worker::start(&mut stack, &walbridge, NAME).and_then(|worker| {
            let stage = Stage { stack: &stack, worker };
            stage.worker.explain(stage.show(self.once))
        });
        let stopped = stack.down(true);
        match shown {
            // Ctrl-C is how a demo that stays is meant to end.
            Err(_) if wait::interrupted() && !self.once => stopped,
            shown => shown.and(stopped),
        }
    }
}

fn raise(postgres: u8) -> Result<Stack> {
    if let Some(mut old) = Stack::find(NAME)? {
        old.down(true)?;
    }
    // One slot and one sender: what the smallest setups grant a connector.
    let plan =
        Plan { postgres, slots: 1, brokers: 3, postgres_port: Some(5432), broker_port: Some(9094) };
    Stack::up(NAME, &plan)
}

/// What the demo shows on.
#[derive(Debug)]
struct Stage<'a> {
    stack: &'a Stack,
    worker: Worker,
}

impl Stage<'_> {
    fn show(&self, once: bool) -> Result<()> {
        course::create(&self.stack.postgres)?;
        let mut session = Session::connect(self.stack.postgres.port, course::DATABASE)?;
        course::run_file(&mut session, "sql/demo/tables.sql")?;
        self.put_connector()?;
        self.worker.await_streaming(CONNECTOR, &mut session)?;
        say::progress("connector runs; now the changes of sql/demo/changes.sql");
        course::run_file(&mut session, "sql/demo/changes.sql")?;
        drop(session);

        let mut consumer = Consumer::new(&self.stack.bootstrap(), &[USERS, ORDERS])?;
        let mut seen = Vec::new();
        wait::until("all changes in kafka", LIMIT, || {
            self.worker.check()?;
            print(&mut consumer, &mut seen)?;
            Ok((seen.len() >= EXPECTED.len()).then_some(()))
        })?;
        compare(seen)?;
        say::progress(format!("{} of {} records, as expected", EXPECTED.len(), EXPECTED.len()));
        if once {
            return Ok(());
        }
        self.suggest();
        loop {
            wait::check()?;
            self.worker.check()?;
            print(&mut consumer, &mut Vec::new())?;
        }
    }

    /// Installs the repository's `connector.json`, with this stack's Postgres in place of compose's.
    fn put_connector(&self) -> Result<()> {
        let file = layout::root()?.join("connector.json");
        let text = fs::read(&file).context("connector.json")?;
        let mut config: Value = serde_json::from_slice(&text).context("connector.json")?;
        let members = config.as_object_mut();
        let members = members.ok_or_else(|| Error::new("connector.json: not an object"))?;
        members.insert("database.hostname".to_owned(), json!("127.0.0.1"));
        members.insert("database.port".to_owned(), json!(self.stack.postgres.port.to_string()));
        self.worker.put(CONNECTOR, &config)
    }

    fn suggest(&self) {
        let url = format!("http://{}/connectors/{CONNECTOR}", self.worker.rest);
        say::result(format!(
            "\nIt stays until Ctrl-C and prints what arrives. In another terminal:\n  \
             cargo xtask psql --stack {NAME} -- -c \"UPDATE users SET name = 'Jane Roe' WHERE id = 2\"\n  \
             cargo xtask psql --stack {NAME} -- -c 'ALTER TABLE orders REPLICA IDENTITY FULL'\n  \
             cargo xtask topics --stack {NAME}\n  \
             curl -s {url}/status\n  \
             curl -s -X PUT {url}/pause\n  \
             curl -s -X PUT {url}/resume"
        ));
    }
}

/// A change's topic, operation and id.
type Seen = (String, String, Option<i64>);

fn print(consumer: &mut Consumer, seen: &mut Vec<Seen>) -> Result<()> {
    for record in consumer.poll()? {
        let change = Change::of(&record);
        say::result(&change);
        let key: Option<Value> = serde_json::from_str(&change.key()).ok();
        let id = key.and_then(|key| key.get("id")?.as_i64());
        seen.push((record.topic.clone(), change.op().to_owned(), id));
    }
    Ok(())
}

/// Topics are read one after the other, so only the order within each means anything.
fn compare(mut seen: Vec<Seen>) -> Result<()> {
    let mut expected: Vec<Seen> = EXPECTED
        .iter()
        .map(|(topic, op, id)| ((*topic).to_owned(), (*op).to_owned(), Some(*id)))
        .collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    if seen == expected {
        return Ok(());
    }
    Err(Error::new(format!("expected {expected:?}\nand found {seen:?}")))
}
