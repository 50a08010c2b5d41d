//! The process itself: `process_*` as every client library has them, and stand-ins for what dashboards ask of a JVM.
//!
//! Everything is read from `/proc`; what a system does not have there is left out. `area="heap"` is the memory that is
//! the process's own (`RssAnon`), `nonheap` what it shares with files; the maximum is the limit of the control group, or
//! the machine's memory. There is no garbage collector: its times are 0.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::text::{Family, Type, label};

/// Ticks per second of `/proc/self/stat`: `USER_HZ`, which is 100 on every Linux.
const TICKS: f64 = 100.0;

/// Which agent's names the stand-ins have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// `jvm_memory_bytes_used`.
    pub(crate) zero: bool,
    /// `jvm_memory_used_bytes`.
    pub(crate) one: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Process {
    peak_threads: AtomicU64,
    before: std::sync::Mutex<Option<(Instant, f64)>>,
}

impl Process {
    /// Its families now.
    pub(crate) fn families(&self, spelling: Spelling) -> Vec<Family> {
        let mut out = Out(Vec::new());
        let cpu = cpu_seconds();
        if let Some(cpu) = cpu {
            out.counter("process_cpu_seconds_total", "CPU time, user and system", cpu);
            out.gauge("jvm_cpu_usage", "Share of all CPUs that the process uses", self.usage(cpu));
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kb = |key: &str| field(&status, key).map(|kb| kb * 1024.0);
        for (name, key) in [
            ("process_resident_memory_bytes", "VmRSS:"),
            ("process_virtual_memory_bytes", "VmSize:"),
        ] {
            if let Some(bytes) = kb(key) {
                out.gauge(name, "Memory of the process", bytes);
            }
        }
        if let Some(start) = start_seconds() {
            out.gauge("process_start_time_seconds", "When the process started", start);
        }
        descriptors(&mut out);
        let heap = kb("RssAnon:").unwrap_or(0.0);
        let shared = kb("RssFile:").unwrap_or(0.0) + kb("RssShmem:").unwrap_or(0.0);
        memory(&mut out, spelling, heap, shared);
        out.summary("jvm_gc_collection_seconds", "There is no garbage collector");
        if let Some(threads) = field(&status, "Threads:") {
            self.threads(&mut out, threads);
        }
        out.0.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        out.0
    }

    fn threads(&self, out: &mut Out, threads: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        let now = threads as u64;
        let peak = self.peak_threads.fetch_max(now, Ordering::Relaxed).max(now);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let peak = peak as f64;
        out.gauge("jvm_threads_current", "Threads of the process", threads);
        out.gauge("jvm_threads_daemon", "Threads of the process", threads);
        out.gauge("jvm_threads_peak", "Most threads that a scrape has seen", peak);
        out.counter("jvm_threads_started_total", "Most threads that a scrape has seen", peak);
    }

    /// Share of all CPUs since the last scrape.
    fn usage(&self, cpu: f64) -> f64 {
        let now = Instant::now();
        let mut before = self.before.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (since, used) = before.replace((now, cpu)).unwrap_or((now, cpu));
        let span = now.saturating_duration_since(since).max(Duration::from_millis(1));
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let all = span.as_secs_f64() * cpus as f64;
        ((cpu - used) / all).clamp(0.0, 1.0)
    }
}

struct Out(Vec<Family>);

impl Out {
    fn add(&mut self, name: &str, kind: Type, help: &str, samples: &[(&str, f64)]) {
        let samples = samples.iter().map(|(labels, value)| (Arc::from(*labels), *value)).collect();
        self.0.push(Family { name: name.into(), kind, help: help.into(), samples });
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.add(name, Type::Gauge, help, &[("", value)]);
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.add(name, Type::Counter, help, &[("", value)]);
    }

    fn summary(&mut self, name: &str, help: &str) {
        let samples = [("_count{gc=\"none\"}", 0.0), ("_sum{gc=\"none\"}", 0.0)];
        self.add(name, Type::Summary, help, &samples);
    }
}

fn memory(out: &mut Out, spelling: Spelling, heap: f64, shared: f64) {
    let max = memory_limit().unwrap_or(-1.0);
    let (of_heap, of_rest) = (label("area", "heap"), label("area", "nonheap"));
    let numbers = [
        ("used", heap, shared),
        ("committed", heap, shared),
        ("max", max, -1.0),
        ("init", heap, shared),
    ];
    for (what, heap, shared) in numbers {
        let samples = [(of_heap.as_str(), heap), (of_rest.as_str(), shared)];
        let help = "Memory of the process, in the place of a JVM's";
        if spelling.zero {
            out.add(&format!("jvm_memory_bytes_{what}"), Type::Gauge, help, &samples);
        }
        if spelling.one {
            out.add(&format!("jvm_memory_{what}_bytes"), Type::Gauge, help, &samples);
        }
    }
}

/// The first number behind a key of `/proc/self/status` and its like.
fn field(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields of `/proc/self/stat` behind the command's name, which may hold blanks; the first is field 3 of proc(5).
fn stat() -> Option<Vec<f64>> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
}

fn cpu_seconds() -> Option<f64> {
    let stat = stat()?;
    Some((stat.get(11)? + stat.get(12)?) / TICKS)
}

fn start_seconds() -> Option<f64> {
    let ticks = *stat()?.get(19)?;
    let boot = field(&fs::read_to_string("/proc/stat").ok()?, "btime")?;
    Some(boot + ticks / TICKS)
}

fn descriptors(out: &mut Out) {
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let open = open.count() as f64;
        out.gauge("process_open_fds", "Open file descriptors", open);
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(max) = field(&limits, "Max open files") {
        out.gauge("process_max_fds", "How many file descriptors may be open", max);
    }
}

/// Of the control group, or of the machine.
fn memory_limit() -> Option<f64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = files.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| field(&text, "MemTotal:")).map(|kb| kb * 1024.0);
    match (group, machine) {
        (Some(group), Some(machine)) => Some(f64::min(group, machine)),
        (group, machine) => group.or(machine),
    }
}
