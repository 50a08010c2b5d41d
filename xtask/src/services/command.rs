//! The command line of `xtask services`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::stack::{Plan, Stack};
use super::{connect, registry};
use crate::error::Result;
use crate::say;

/// Start and stop Postgres and Kafka brokers without containers.
#[derive(Debug, Args)]
pub(crate) struct Services {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a stack, or what of it does not run, and print where it is as one line of JSON.
    Up {
        /// The stack's name.
        #[arg(long)]
        name: String,
        /// Major version of Postgres, 14 to 18.
        #[arg(long, default_value_t = 17)]
        postgres: u8,
        /// How many brokers.
        #[arg(long, default_value_t = 3)]
        brokers: u16,
        /// `max_replication_slots` and `max_wal_senders`.
        #[arg(long, default_value_t = 20)]
        pg_slots: u16,
        /// Postgres's port, where it is free.
        #[arg(long)]
        pg_port: Option<u16>,
        /// The first broker's port, the others following, where they are free.
        #[arg(long)]
        broker_port: Option<u16>,
    },
    /// Stop a stack.
    Down {
        /// The stack's name.
        #[arg(long)]
        name: String,
        /// Remove its data too.
        #[arg(long)]
        delete: bool,
    },
    /// Stop, start or restart a stack's Postgres.
    Postgres {
        /// What to do.
        action: PostgresAction,
        /// The stack's name.
        #[arg(long)]
        name: String,
        /// How to stop.
        #[arg(long, default_value = "fast")]
        mode: Mode,
    },
    /// Become a Kafka Connect worker with Debezium's connector, in the place of `walbridge worker PROPERTIES`.
    Connect {
        /// The worker's properties; its plugin path is added.
        properties: PathBuf,
    },
    /// Become an Apicurio Registry that keeps everything in memory.
    Registry {
        /// The port of its REST interfaces.
        #[arg(long)]
        port: u16,
    },
    /// Kill or start one broker of a stack.
    Broker {
        /// What to do.
        action: BrokerAction,
        /// The stack's name.
        #[arg(long)]
        name: String,
        /// The broker's id, from 0.
        #[arg(long)]
        id: u16,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PostgresAction {
    Stop,
    Start,
    Restart,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BrokerAction {
    Kill,
    Start,
}

/// As `pg_ctl` names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Fast,
    Immediate,
    Smart,
}

impl Services {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Up { name, postgres, brokers, pg_slots, pg_port, broker_port } => {
                let plan = Plan {
                    postgres,
                    slots: pg_slots,
                    brokers,
                    postgres_port: pg_port,
                    broker_port,
                };
                say::result(Stack::up(&name, &plan)?.describe());
                Ok(())
            }
            Command::Down { name, delete } => match Stack::find(&name)? {
                Some(mut stack) => stack.down(delete),
                None => Ok(()),
            },
            Command::Postgres { action, name, mode } => {
                let postgres = Stack::open(&name)?.postgres;
                match action {
                    PostgresAction::Stop => postgres.stop(mode.name()),
                    PostgresAction::Start => postgres.resume(),
                    PostgresAction::Restart => {
                        postgres.stop(mode.name())?;
                        postgres.resume()
                    }
                }
            }
            Command::Registry { port } => registry::become_registry(port),
            Command::Connect { properties } => connect::become_worker(&properties),
            Command::Broker { action, name, id } => {
                let mut stack = Stack::open(&name)?;
                match action {
                    BrokerAction::Kill => stack.kill_broker(id),
                    BrokerAction::Start => stack.start_broker(id),
                }
            }
        }
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
            Self::Smart => "smart",
        }
    }
}
