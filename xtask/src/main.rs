//! The project's tasks, run as `cargo xtask`. Only wires; nothing here depends on the product's crates.

mod error;
mod http;
mod kafka;
mod layout;
mod maven;
mod package;
mod port;
mod process;
mod say;
mod services;
mod sql;
mod version;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::Result;

/// The project's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Services(services::Services),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::progress(format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    wait::listen()?;
    match cli.task {
        Task::Services(services) => services.run(),
    }
}
