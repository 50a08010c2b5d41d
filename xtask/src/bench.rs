//! `bench`: figures of the release build on real parts. docs/benchmarks.md says what each means.

mod backlog;
mod ground;
mod latency;
mod machine;
mod receiver;
mod report;
mod tally;
mod usage;

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::package::{self, Need};
use crate::{product, say, wait};
use ground::Ground;
use report::Line;

/// Rows a second that the latency scenarios write, one after the other.
const RATES: [u64; 2] = [1_000, 5_000];

/// Measure walbridge between a real Postgres and three real brokers.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Rows of the snapshot and of each backlog.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Only these scenarios.
    #[arg(long, num_args = 1..)]
    scenario: Vec<Scenario>,
    /// How long each latency scenario writes, in seconds.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Rows that are captured before anything is measured: brokers that have just started run uncompiled Java.
    #[arg(long, default_value_t = 300_000)]
    warm_up: u64,
    /// Major version of Postgres, 14 to 18.
    #[arg(long, default_value_t = 17)]
    postgres: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// From the start of the process to its first answer.
    Start,
    /// The initial snapshot.
    Snapshot,
    /// A backlog in the slot, as one transaction.
    OneTransaction,
    /// A backlog in the slot, as transactions of 20 rows.
    SmallTransactions,
    /// From a row's transaction to a consumer, under a steady load.
    Latency,
}

impl Bench {
    /// Does what was asked, and prints one table. Whatever happens, nothing stays behind.
    pub(crate) fn run(self) -> Result<()> {
        let walbridge = product::binary()?;
        package::require(&[Need::PgRecvlogical])?;
        let mut ground = Ground::prepare(&walbridge, self.postgres)?;
        let measured = self.measure(&mut ground);
        let measured = ground.worker.explain(measured);
        let machine = machine::describe(&mut ground.session);
        let stopped = ground.stack.down(true);
        let lines = measured?;
        stopped?;
        say::result(report::markdown(&machine?, &lines));
        Ok(())
    }

    fn measure(&self, ground: &mut Ground) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let mut is_warm = self.warm_up == 0;
        for scenario in Scenario::value_variants().iter().filter(|one| self.wants(**one)) {
            wait::check()?;
            if !is_warm && *scenario != Scenario::Start {
                say::progress("── warm-up, not counted");
                say::progress(backlog::snapshot(ground, "bench-warm-up", self.warm_up)?);
                is_warm = true;
            }
            say::progress(format!("── {scenario:?}"));
            let from = lines.len();
            match scenario {
                Scenario::Start => lines.extend(ground.start()?),
                Scenario::Snapshot => {
                    lines.push(backlog::snapshot(ground, "bench-snapshot", self.rows)?);
                }
                Scenario::OneTransaction => lines.push(backlog::drain(ground, self.rows, None)?),
                Scenario::SmallTransactions => {
                    lines.push(backlog::drain(ground, self.rows, Some(20))?);
                }
                Scenario::Latency => {
                    for rate in RATES {
                        lines.push(latency::measure(ground, rate, self.seconds)?);
                    }
                }
            }
            lines.iter().skip(from).for_each(say::progress);
        }
        Ok(lines)
    }

    fn wants(&self, scenario: Scenario) -> bool {
        self.scenario.is_empty() || self.scenario.contains(&scenario)
    }
}
