//! What a process used, from `/proc` (proc(5)).

use std::fs;
use std::time::Duration;

use crate::error::{Context, Error, Result};
use crate::process::Process;

/// Ticks a second in `/proc/PID/stat`: Linux's USER_HZ, 100 on every machine that we support.
const TICKS_PER_S: f64 = 100.0;

/// What was used since [`Meter::start`].
#[derive(Debug)]
pub(crate) struct Usage {
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    /// The most memory that was resident at once.
    pub(crate) peak_bytes: u64,
}

/// Watches one process.
#[derive(Debug)]
pub(crate) struct Meter {
    process: Process,
    cpu: Duration,
}

impl Meter {
    /// From now on; the peak begins anew at what is resident now.
    pub(crate) fn start(process: Process) -> Result<Self> {
        const RESET_PEAK: &str = "5";
        let file = format!("/proc/{}/clear_refs", process.pid);
        fs::write(&file, RESET_PEAK).context(file)?;
        Ok(Self { process, cpu: cpu(process)? })
    }

    /// Until now.
    pub(crate) fn read(&self) -> Result<Usage> {
        let cpu = cpu(self.process)?.saturating_sub(self.cpu);
        Ok(Usage { cpu, peak_bytes: peak_bytes(self.process)? })
    }
}

fn cpu(process: Process) -> Result<Duration> {
    let file = format!("/proc/{}/stat", process.pid);
    let stat = fs::read_to_string(&file).context(&file)?;
    let ticks = parse_ticks(&stat).ok_or_else(|| Error::new(format!("{file}: not as expected")))?;
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_S))
}

/// Fields 14 and 15: utime and stime.
fn parse_ticks(stat: &str) -> Option<u64> {
    // The second field, the name, may hold anything, so count from its closing parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn peak_bytes(process: Process) -> Result<u64> {
    let file = format!("/proc/{}/status", process.pid);
    let status = fs::read_to_string(&file).context(&file)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| Error::new(format!("{file}: no VmHWM")))
}

#[cfg(test)]
mod tests {
    use super::parse_ticks;

    #[test]
    fn ticks_are_counted_past_a_name_with_spaces() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 1 0 100 1 1";
        assert_eq!(parse_ticks(stat), Some(42));
    }
}
