//! `parity`: the captured cases, against walbridge or against what they were captured from.

use clap::Args;

use crate::error::Result;
use crate::package::{self, Need};
use crate::services::connect;
use crate::services::stack::{Plan, Stack};
use crate::{check, process, product, say, wait};

const NAME: &str = "parity";

/// Compare walbridge's records with those that Debezium wrote, case by case.
#[derive(Debug, Args)]
pub(crate) struct Parity {
    /// Only cases in whose name this regular expression is found.
    #[arg(default_value = "")]
    cases: String,
    /// Ask Kafka Connect with Debezium instead of walbridge: are the captures still what it does?
    #[arg(long)]
    peer: bool,
    /// Run Kafka Connect with Debezium, and write what it does into tests/parity/cases.
    #[arg(long)]
    record: bool,
    /// How many cases run at a time.
    #[arg(long, default_value_t = 4)]
    jobs: u16,
    /// Major version of Postgres, 14 to 18. The captures were made on 15.
    #[arg(long, default_value_t = 15)]
    postgres: u8,
}

impl Parity {
    /// Runs the cases on a stack that goes away whatever happens.
    pub(crate) fn run(&self) -> Result<()> {
        let is_peer = self.peer || self.record;
        let walbridge = if is_peer { None } else { Some(product::binary()?) };
        let mut test = product::cargo()?;
        test.args(["test", "--package", "walbridge", "--test", "it"]);
        process::run_attached(test.arg("--no-run"), "build the tests")?;
        if is_peer {
            package::require(&[Need::Java, Need::Maven])?;
        }
        if let Some(mut old) = Stack::find(NAME)? {
            old.down(true)?;
        }
        // A case may need a slot of its own beside the connector's.
        let slots = 10 + 4 * self.jobs;
        let plan = Plan {
            postgres: self.postgres,
            slots,
            brokers: 3,
            postgres_port: None,
            broker_port: None,
        };
        let mut stack = Stack::up(NAME, &plan)?;
        let compared = self.compare(&mut stack, walbridge);
        let stopped = stack.down(true);
        wait::check()?;
        compared.and(stopped)
    }

    fn compare(&self, stack: &mut Stack, walbridge: Option<std::path::PathBuf>) -> Result<()> {
        let mut test = product::cargo()?;
        test.args(["test", "--package", "walbridge", "--test", "it", "parity::every", "--"]);
        test.arg("--nocapture");
        check::point_at(&mut test, stack)?;
        test.env("WALBRIDGE_TEST_CASES", &self.cases);
        test.env("WALBRIDGE_TEST_JOBS", self.jobs.to_string());
        test.env("WALBRIDGE_TEST_SLOTS", (2 * self.jobs).to_string());
        match walbridge {
            Some(binary) => test.env("WALBRIDGE_BIN", binary),
            None => test.env("WALBRIDGE_TEST_REST", format!("http://{}", connect::start(stack)?)),
        };
        if self.record {
            test.env("WALBRIDGE_TEST_RECORD", "1");
            say::progress("recording: look at what git says of tests/parity/cases afterwards");
        }
        process::run_attached(&mut test, "cargo test")
    }
}
