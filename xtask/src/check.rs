//! `test`: everything that must hold before a change lands, step by step.

use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use clap::{Args, ValueEnum};

use crate::demo::Demo;
use crate::error::{Context, Error, Result};
use crate::package::{self, Need};
use crate::services::stack::{Plan, Stack};
use crate::{layout, maven, monitoring, port, process, product, python, say, tidy, wait};

const NAME: &str = "test";

/// Slots that the integration tests hold at a time.
const SLOTS: u16 = 30;

/// Captured cases that run at a time on each way through the encoder: most of their time is waiting for silence.
const JOBS: u16 = 10;

/// Check everything that must hold before a change lands.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only these steps.
    steps: Vec<Step>,
    /// Go on after a step that failed.
    #[arg(long)]
    keep_going: bool,
    /// Major version of Postgres for the integration tests, 14 to 18.
    #[arg(long, default_value_t = 17)]
    postgres: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting.
    Fmt,
    /// Lints, as errors.
    Clippy,
    /// Documentation, its warnings as errors.
    Doc,
    /// What no compiler checks: arrows, budgets, headings.
    Tidy,
    /// Tests that need no service.
    Unit,
    /// Alert rules, dashboards and compose's file, by promtool and compose.
    Monitoring,
    /// Tests and parity against a real Postgres and real brokers.
    Integration,
    /// `demo --once`.
    Demo,
}

impl Test {
    /// Runs the steps in their order, then says how each ended.
    pub(crate) fn run(self) -> Result<()> {
        let mut summary = Vec::new();
        let mut n_failed = 0;
        for step in Step::value_variants().iter().filter(|step| self.wants(**step)) {
            let name = step.name();
            say::progress(format!("── {name}"));
            let started = Instant::now();
            let outcome = step.run(self.postgres);
            summary.push((name, outcome.is_ok(), started.elapsed()));
            report(summary.last());
            if let Err(error) = outcome {
                say::progress(error);
                n_failed += 1;
                if !self.keep_going || wait::interrupted() {
                    break;
                }
            }
        }
        say::progress("── summary");
        summary.iter().for_each(|line| report(Some(line)));
        wait::check()?;
        if n_failed == 0 { Ok(()) } else { Err(Error::new(format!("{n_failed} steps failed"))) }
    }

    fn wants(&self, step: Step) -> bool {
        self.steps.is_empty() || self.steps.contains(&step)
    }
}

fn report(line: Option<&(&'static str, bool, Duration)>) {
    if let Some((name, passed, took)) = line {
        let verdict = if *passed { "ok" } else { "FAILED" };
        say::progress(format!("{name:<12} {verdict:<7} {:>7.1} s", took.as_secs_f64()));
    }
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Tidy => "tidy",
            Self::Unit => "unit",
            Self::Monitoring => "monitoring",
            Self::Integration => "integration",
            Self::Demo => "demo",
        }
    }

    fn run(self, postgres: u8) -> Result<()> {
        wait::check()?;
        match self {
            Self::Fmt => cargo(&["fmt", "--all", "--", "--check"]),
            Self::Clippy => {
                cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
            }
            Self::Doc => {
                let mut doc = product::cargo()?;
                doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
                process::run_attached(&mut doc, "cargo doc")
            }
            Self::Tidy => tidy::check(),
            Self::Unit => {
                cargo(&["test", "--workspace", "--lib", "--bins"])?;
                cargo(&["test", "--workspace", "--doc"])
            }
            Self::Monitoring => monitoring::check(),
            Self::Integration => integration(postgres),
            Self::Demo => Demo { once: true, postgres: 17 }.run(),
        }
    }
}

/// Every test target of the workspace, with a stack of its own that goes away whatever happens.
fn integration(postgres: u8) -> Result<()> {
    let walbridge = product::binary()?;
    package::require(&[Need::Prometheus, Need::Chromium])?;
    let python = python::consumer()?;
    // Downloaded before a test waits for what they make.
    maven::connect()?;
    maven::debezium()?;
    maven::apicurio()?;
    // Compiled before the services start, which would only take the compiler's processors.
    let mut build = product::cargo()?;
    process::run_attached(build.args(INTEGRATION).arg("--no-run"), "build the tests")?;
    if let Some(mut old) = Stack::find(NAME)? {
        old.down(true)?;
    }
    // Some cases and tests take a slot more than they reserve.
    let slots = 2 * SLOTS;
    let plan = Plan { postgres, slots, brokers: 3, postgres_port: None, broker_port: None };
    let mut stack = Stack::up(NAME, &plan)?;
    let mut test = product::cargo()?;
    test.env("WALBRIDGE_TEST_SLOTS", SLOTS.to_string())
        .env("WALBRIDGE_TEST_JOBS", JOBS.to_string());
    test.args(INTEGRATION).env("WALBRIDGE_BIN", walbridge);
    test.env("WALBRIDGE_TEST_PYTHON", python)
        .env("REQUIRE_PYTHON", "1")
        .env("REQUIRE_PROMETHEUS", "1")
        .env("REQUIRE_CHROMIUM", "1");
    let tested = point_at(&mut test, &stack).and_then(|()| {
        let secured = Secured::start(&stack, &mut test)?;
        let tested = process::run_attached(&mut test, "cargo test");
        tested.and(secured.stop(&stack))
    });
    let stopped = stack.down(true);
    tested.and(stopped)
}

/// A second server, with TLS and a user for each way to authenticate.
#[derive(Debug)]
struct Secured {
    /// Short, because a Unix socket lies in it.
    dir: String,
}

impl Secured {
    fn start(stack: &Stack, test: &mut Command) -> Result<Self> {
        package::require(&[Need::Openssl])?;
        let script = layout::root()?.join("crates/pgoutput/tests/cluster.sh");
        let script = fs::read_to_string(&script).context(script.display())?;
        let dir = format!("{}/walbridge-tls-{}", env::temp_dir().display(), std::process::id());
        let port = port::choose(None, &mut Vec::new())?.to_string();
        let secured = Self { dir };
        let made = stack.postgres.run_script(&script, &[&secured.dir, &port]);
        if let Err(error) = made {
            secured.stop(stack)?;
            return Err(error);
        }
        let dir = &secured.dir;
        test.env("WALBRIDGE_TEST_POSTGRES_TLS", format!("port={port} socket={dir} pki={dir}"));
        Ok(secured)
    }

    fn stop(&self, stack: &Stack) -> Result<()> {
        let stop = "pg_ctl -D \"$1/data\" -m immediate stop || true; rm -rf \"$1\"";
        stack.postgres.run_script(stop, &[&self.dir])
    }
}

const INTEGRATION: [&str; 5] = ["test", "--workspace", "--no-fail-fast", "--test", "*"];

/// Tells the tests where the services are, and that to skip for want of them is to fail.
pub(crate) fn point_at(test: &mut Command, stack: &Stack) -> Result<()> {
    let port = stack.postgres.port;
    test.env("WALBRIDGE_TEST_BOOTSTRAP", stack.bootstrap())
        .env(
            "WALBRIDGE_TEST_POSTGRES",
            format!("host=127.0.0.1 port={port} user=postgres dbname=postgres"),
        )
        .env("WALBRIDGE_XTASK", env::current_exe().context("this program's path")?)
        .env("REQUIRE_POSTGRES", "1")
        .env("REQUIRE_KAFKA", "1");
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let mut cargo = product::cargo()?;
    let what = format!("cargo {}", arguments.join(" "));
    process::run_attached(cargo.args(arguments), &what)
}
