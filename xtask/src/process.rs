//! Processes: run to the end, start in the background, recognise later, stop.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::wait;

/// A process of ours, recognisable after we have gone: a bare pid may meanwhile be somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// The kernel's start time in ticks since boot, field 22 of `/proc/PID/stat` (proc(5)).
    started: u64,
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, the name, may hold anything, so count from its closing parenthesis.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started })
    }

    /// Whether this very process still runs.
    pub(crate) fn alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal, by its name without `SIG`, to the process's group.
    pub(crate) fn signal(self, signal: &str) -> Result<()> {
        // The shell's own `kill`: a minimal Debian has no /bin/kill, and std has no signals.
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -s \"$1\" -- \"-$2\"", "sh", signal, &self.pid.to_string()]);
        let sent = run(&mut kill, "kill");
        if self.alive() { sent } else { Ok(()) }
    }

    pub(crate) fn to_json(self) -> Value {
        json!({ "pid": self.pid, "started": self.started })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let pid = value.get("pid")?.as_u64()?.try_into().ok()?;
        Some(Self { pid, started: value.get("started")?.as_u64()? })
    }
}

/// Runs to the end; what the program printed is part of the error.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context(what)?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(Error::new(format!("{what}: {}\n{}", output.status, tail(&text))))
}

/// Runs to the end with our own terminal.
pub(crate) fn run_attached(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().context(what)?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("{what}: {status}"))) }
}

/// Starts a process in a group of its own, so that a Ctrl-C at our terminal is ours to handle.
/// Its output is appended to `log`.
pub(crate) fn detach(command: &mut Command, log: &Path) -> Result<Process> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = File::options().create(true).append(true).open(log);
    let out = out.context(log.display())?;
    let err = out.try_clone().context(log.display())?;
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let mut child = command.spawn().context(&name)?;
    let pid = child.id();
    let process = Process::of(pid).ok_or_else(|| {
        Error::new(format!("{name}: ended at once; see {}\n{}", log.display(), log_tail(log)))
    })?;
    // Somebody must wait for it while we live, or it would stay as a zombie.
    std::thread::spawn(move || drop(child.wait()));
    Ok(process)
}

/// Asks all to end, together; kills those that take longer than `limit`.
pub(crate) fn stop(processes: &[Process], limit: Duration) -> Result<()> {
    for process in processes.iter().filter(|process| process.alive()) {
        process.signal("TERM")?;
    }
    let gone = || Ok(processes.iter().all(|process| !process.alive()).then_some(()));
    if wait::settle(limit, gone)?.is_some() {
        return Ok(());
    }
    kill(processes)
}

/// Ends all at once, without their help.
pub(crate) fn kill(processes: &[Process]) -> Result<()> {
    for process in processes.iter().filter(|process| process.alive()) {
        process.signal("KILL")?;
    }
    let gone = || Ok(processes.iter().all(|process| !process.alive()).then_some(()));
    wait::settle(Duration::from_secs(10), gone)?
        .ok_or_else(|| Error::new("a killed process does not end"))
}

/// The last lines of a log, for an error.
pub(crate) fn log_tail(log: &Path) -> String {
    tail(&String::from_utf8_lossy(&fs::read(log).unwrap_or_default())).to_owned()
}

fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let from = text.rmatch_indices('\n').nth(24).map_or(0, |(at, _)| at + 1);
    text.get(from..).unwrap_or_default()
}
