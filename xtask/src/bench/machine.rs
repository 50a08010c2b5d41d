//! What the figures were taken on.

use std::process::Command;
use std::{env, fs, thread};

use super::receiver;
use crate::error::{Context, Result};
use crate::sql::Session;
use crate::{layout, version};

/// Machine, versions and command, as a Markdown list.
pub(crate) fn describe(session: &mut Session) -> Result<String> {
    let cores = thread::available_parallelism().context("processors")?;
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let memory = memory.strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
    let gib =
        memory.map_or_else(|| "?".to_owned(), |kib| format!("{:.1}", kib as f64 / 1_048_576.0));
    let postgres = session.one("SHOW server_version")?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    Ok(format!(
        "- machine: {cores} cores, {cpu}, {gib} GiB; Postgres, the brokers and walbridge share it\n\
         - Postgres {postgres}, Kafka {} (three brokers), {}\n\
         - walbridge {}, release build\n\
         - `cargo xtask {}`",
        version::KAFKA,
        receiver::version()?,
        commit()?,
        arguments.join(" ")
    ))
}

/// The value of the first `name : value` in a file of `/proc`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(found, _)| found.trim() == name)?;
    Some(value.trim().to_owned())
}

/// The commit that was built, where it was built here.
fn commit() -> Result<String> {
    if let Some(given) = env::var_os("WALBRIDGE_BIN") {
        return Ok(format!("of WALBRIDGE_BIN={}", given.display()));
    }
    let short = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(if changed { format!("{short} with changes") } else { short })
}

fn git(arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").current_dir(layout::root()?).args(arguments).output();
    Ok(String::from_utf8_lossy(&output.context("git")?.stdout).trim().to_owned())
}
