//! The project's tasks, run as `cargo xtask`. Only wires; nothing here depends on the product's crates.

mod bench;
mod cache;
mod change;
mod check;
mod compose;
mod course;
mod dashboard;
mod demo;
mod develop;
mod error;
mod golden;
mod http;
mod kafka;
mod layout;
mod maven;
mod monitoring;
mod package;
mod parity;
mod port;
mod process;
mod product;
mod python;
mod say;
mod services;
mod sql;
mod tidy;
mod version;
mod wait;
mod worker;

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
    Demo(demo::Demo),
    Up(develop::Up),
    Down(develop::Down),
    Psql(develop::Psql),
    Topics(develop::Topics),
    Stack(compose::Compose),
    Test(check::Test),
    Tidy(tidy::Tidy),
    Parity(parity::Parity),
    Bench(bench::Bench),
    Golden(golden::Golden),
    Dashboards(dashboard::Dashboards),
    Coverage(dashboard::Coverage),
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
        Task::Demo(demo) => demo.run(),
        Task::Up(up) => up.run(),
        Task::Down(down) => down.run(),
        Task::Psql(psql) => psql.run(),
        Task::Topics(topics) => topics.run(),
        Task::Stack(compose) => compose.run(),
        Task::Test(test) => test.run(),
        Task::Tidy(tidy) => tidy.run(),
        Task::Parity(parity) => parity.run(),
        Task::Bench(bench) => bench.run(),
        Task::Golden(golden) => golden.run(),
        Task::Dashboards(dashboards) => dashboards.run(),
        Task::Coverage(coverage) => coverage.run(),
        Task::Services(services) => services.run(),
    }
}
