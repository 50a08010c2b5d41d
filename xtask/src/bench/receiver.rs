//! `pg_recvlogical` on a slot of its own: as fast as Postgres alone gives the changes away.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::report::{rate, thousands};
use crate::error::{Context, Error, Result};
use crate::sql::Session;
use crate::{package, wait};

const SLOT: &str = "bench_receiver";

const LIMIT: Duration = Duration::from_secs(600);

/// Keeps the WAL from here on.
pub(crate) fn prepare(session: &mut Session) -> Result<()> {
    let make = format!("SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')");
    session.run(&make).map(drop)
}

/// Receives all of `publication` up to `end`, into nowhere; then drops the slot. How that went, for the table.
pub(crate) fn receive(
    session: &mut Session,
    (port, publication): (u16, &str),
    (end, rows): (&str, u64),
) -> Result<String> {
    let started = Instant::now();
    let mut command = program()?;
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", "-w"]);
    command.args(["-d", "postgres", "-S", SLOT, "--start", "--endpos", end, "-f", "/dev/null"]);
    command.args(["-o", "proto_version=1", "-o", &format!("publication_names={publication}")]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().context("pg_recvlogical")?;
    let ended =
        wait::closely("pg_recvlogical ends", LIMIT, || child.try_wait().context("pg_recvlogical"));
    let took = started.elapsed();
    if ended.is_err() {
        child.kill().context("pg_recvlogical")?;
        child.wait().context("pg_recvlogical")?;
    }
    let status = ended?;
    if !status.success() {
        return Err(Error::new(format!("pg_recvlogical: {status}")));
    }
    session.run(&format!("SELECT pg_drop_replication_slot('{SLOT}')"))?;
    let per_s = thousands(rate(rows, took).round());
    Ok(format!("{:.2} s, {per_s} rows/s", took.as_secs_f64()))
}

/// As it names itself.
pub(crate) fn version() -> Result<String> {
    let output = program()?.arg("--version").output().context("pg_recvlogical")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn program() -> Result<Command> {
    let found: Option<PathBuf> = package::pg_recvlogical();
    let mut command = Command::new(found.ok_or_else(|| Error::new("no pg_recvlogical"))?);
    command.env_remove("PGOPTIONS");
    Ok(command)
}
