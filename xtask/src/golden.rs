//! `golden`: captures again what real servers' pgoutput writes, and what we make of it.

use std::process::Command;
use std::time::Duration;

use clap::Args;

use crate::error::{Error, Result};
use crate::package::{self, Need};
use crate::services::postgres::Postgres;
use crate::services::stack::{Plan, Stack};
use crate::sql::Session;
use crate::{layout, process, product, say, version, wait};

const NAME: &str = "golden";

const FOLDER: &str = "crates/pgoutput/tests/golden";

/// Replace the captures of pgoutput with what real servers write now, and the readings of them.
#[derive(Debug, Args)]
pub(crate) struct Golden {
    /// Only these major versions of Postgres.
    #[arg(long, num_args = 1..)]
    postgres: Vec<u8>,
}

impl Golden {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        package::require(&[Need::Psql])?;
        let all = version::POSTGRES.iter().map(|(major, _)| *major);
        let majors = if self.postgres.is_empty() { all.collect() } else { self.postgres };
        for major in majors {
            wait::check()?;
            capture(major)?;
        }
        let mut read = product::cargo()?;
        read.args(["test", "--package", "pgoutput"]).env("UPDATE_GOLDEN", "1");
        process::run_attached(&mut read, "read the captures")?;
        say::progress("look at the differences before you commit them: git diff --stat");
        Ok(())
    }
}

fn capture(major: u8) -> Result<()> {
    if let Some(mut old) = Stack::find(NAME)? {
        old.down(true)?;
    }
    let plan =
        Plan { postgres: major, slots: 20, brokers: 0, postgres_port: None, broker_port: None };
    let mut stack = Stack::up(NAME, &plan)?;
    let captured = shrink_memory(&stack.postgres).and_then(|()| {
        let mut script = Command::new("bash");
        let port = stack.postgres.port.to_string();
        script.current_dir(layout::root()?).arg(format!("{FOLDER}/capture.sh")).arg(FOLDER);
        script.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
        process::run(&mut script, "capture.sh")
    });
    let stopped = stack.down(true);
    captured.and(stopped)?;
    say::progress(format!("captured postgres {major}"));
    Ok(())
}

/// The least that Postgres allows, so that a small transaction is streamed already.
fn shrink_memory(postgres: &Postgres) -> Result<()> {
    let mut session = Session::connect(postgres.port, "postgres")?;
    session.run("ALTER SYSTEM SET logical_decoding_work_mem = '64kB'")?;
    session.run("SELECT pg_reload_conf()")?;
    wait::until("the server reads its settings", Duration::from_secs(30), || {
        let shown = session.one("SHOW logical_decoding_work_mem")?;
        Ok((shown == "64kB").then_some(()))
    })
    .map_err(|error| Error::new(format!("postgres {}: {error}", postgres.major)))
}
