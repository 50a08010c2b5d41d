//! The program: wires the command line to [`walbridge::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use walbridge::health;

/// Change data capture from Postgres to Kafka, in the place of Kafka Connect with Debezium.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a worker, as Kafka Connect's `connect-distributed` does.
    Worker {
        /// The worker's properties; without it the CONNECT_* environment is read.
        file: Option<PathBuf>,
    },
    /// Asks a worker whether it is well; the exit code tells.
    Health {
        /// Where its REST is.
        #[arg(default_value = "127.0.0.1:8083")]
        address: String,
    },
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let levels = walbridge::telemetry::init();
    let outcome = match command {
        Command::Worker { file } => walbridge::run(file.as_deref(), levels)
            .inspect_err(|error| {
                tracing::error!(%error, "worker stopped");
            })
            .is_ok(),
        Command::Health { address } => health::check(&address)
            .inspect_err(|error| {
                tracing::error!(%error, "worker is not known to be well");
            })
            .is_ok(),
    };
    if outcome { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
