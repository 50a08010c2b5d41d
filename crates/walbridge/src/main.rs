//! The program: wires the command line to [`walbridge::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let Cli { command: Command::Worker { file } } = Cli::parse();
    let levels = walbridge::telemetry::init();
    match walbridge::run(file.as_deref(), levels) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "worker stopped");
            ExitCode::FAILURE
        }
    }
}
