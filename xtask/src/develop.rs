//! The development stack: `up`, `down`, `psql`, `topics`.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;

use crate::change::Change;
use crate::error::{Context, Error, Result};
use crate::kafka::{self, Consumer};
use crate::package::{self, Need};
use crate::services::stack::{Plan, Stack};
use crate::{course, say, wait};

const NAME: &str = "dev";

/// Start the development stack: Postgres and three brokers, on 5432 and 9094 to 9096 where these are free.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Major version of Postgres, 14 to 18.
    #[arg(long, default_value_t = 17)]
    postgres: u8,
}

/// Stop the development stack.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Remove its data too.
    #[arg(long)]
    delete: bool,
}

/// Open psql in a stack's Postgres.
#[derive(Debug, Args)]
pub(crate) struct Psql {
    /// The stack's name.
    #[arg(long, default_value = NAME)]
    stack: String,
    /// More arguments for psql, after `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// List a stack's topics, or print one.
#[derive(Debug, Args)]
pub(crate) struct Topics {
    /// The topic to print.
    topic: Option<String>,
    /// The stack's name.
    #[arg(long, default_value = NAME)]
    stack: String,
    /// Keep printing what arrives, until Ctrl-C.
    #[arg(long)]
    follow: bool,
}

impl Up {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        let plan = Plan {
            postgres: self.postgres,
            slots: 20,
            brokers: 3,
            postgres_port: Some(5432),
            broker_port: Some(9094),
        };
        let stack = Stack::up(NAME, &plan)?;
        course::create(&stack.postgres)?;
        say::result(format!(
            "postgres {}   {}   database {}, user postgres-user\nkafka         {}\n\
             next          cargo xtask psql | topics | down",
            self.postgres,
            stack.postgres.address(),
            course::DATABASE,
            stack.bootstrap()
        ));
        Ok(())
    }
}

impl Down {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        match Stack::find(NAME)? {
            Some(mut stack) => stack.down(self.delete),
            None => Ok(()),
        }
    }
}

impl Psql {
    /// Becomes psql.
    pub(crate) fn run(self) -> Result<()> {
        let postgres = Stack::open(&self.stack)?.postgres;
        package::require(&[Need::Psql])?;
        let mut psql = Command::new("psql");
        psql.args(["-h", "127.0.0.1", "-p", &postgres.port.to_string()]);
        psql.args(["-U", "postgres", "-d", course::DATABASE]).args(self.arguments);
        Err(psql.exec()).context("psql")
    }
}

impl Topics {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        let stack = Stack::open(&self.stack)?;
        match self.topic {
            Some(topic) => print(&stack, &topic, self.follow),
            None => list(&stack),
        }
    }
}

fn list(stack: &Stack) -> Result<()> {
    let mut topics = kafka::cluster(&stack.bootstrap())?.topics;
    topics.sort();
    for (name, n_partitions) in topics {
        say::result(format!("{name:<48} {n_partitions:>3} partitions"));
    }
    Ok(())
}

fn print(stack: &Stack, topic: &str, follow: bool) -> Result<()> {
    let exists = kafka::cluster(&stack.bootstrap())?.topics.iter().any(|(name, _)| name == topic);
    if !exists && !follow {
        return Err(Error::new(format!("no topic {topic}")));
    }
    let mut consumer = Consumer::new(&stack.bootstrap(), &[topic])?;
    loop {
        for record in consumer.poll()? {
            say::result(Change::of(&record));
        }
        if !follow && consumer.is_through() || wait::interrupted() {
            return Ok(());
        }
    }
}
