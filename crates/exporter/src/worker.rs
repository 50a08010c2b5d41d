//! The worker as Connect's beans show it: counts, connectors, rebalances.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::bean::{Attribute, Bean, Table, Value, count};
use crate::clock;
use crate::stat::{Meter, Window};

/// State of a connector or task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nobody runs it.
    Unassigned,
    /// It runs.
    Running,
    /// It was told to wait.
    Paused,
    /// It was told to end.
    Stopped,
    /// It ended with an error.
    Failed,
    /// It is being started again.
    Restarting,
    /// It was deleted.
    Destroyed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Unassigned,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Failed,
        Self::Restarting,
        Self::Destroyed,
    ];

    /// As Connect writes it in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Restarting => "restarting",
            Self::Destroyed => "destroyed",
        }
    }
}

/// A connector that the worker hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// Full class name.
    pub class: String,
    /// `source` or `sink`.
    pub kind: &'static str,
    /// As the connector reports it.
    pub version: String,
    /// Its own state.
    pub state: State,
    /// Its tasks on this worker, by number.
    pub tasks: Vec<(u32, State)>,
}

/// Totals of starts since the worker's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Starts {
    /// That succeeded.
    pub successes: u64,
    /// That failed.
    pub failures: u64,
}

/// What the worker looks like now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The connectors that it hosts, by name.
    pub connectors: Vec<Connector>,
    /// Starts of connectors.
    pub connector_starts: Starts,
    /// Starts of tasks.
    pub task_starts: Starts,
    /// Generation of the group.
    pub epoch: i64,
    /// Assignments that this worker has taken part in.
    pub rebalances: u64,
    /// REST URL of the group's leader.
    pub leader: String,
    /// `<host>:<port>`.
    pub worker_id: String,
}

#[derive(Debug, Default)]
struct Startups {
    successes: Meter,
    failures: Meter,
    outcome: Window,
}

impl Startups {
    fn update(&mut self, now: Duration, starts: Starts) {
        let new = |meter: &Meter, total: u64| total.saturating_sub(whole(meter.total));
        let (successes, failures) =
            (new(&self.successes, starts.successes), new(&self.failures, starts.failures));
        self.successes.raise(now, as_f64(starts.successes));
        self.failures.raise(now, as_f64(starts.failures));
        for (value, times) in [(1.0, successes), (0.0, failures)] {
            if times > 0 {
                self.outcome.record_many(now, value, as_f64(times));
            }
        }
    }

    fn failure_share(&self, now: Duration) -> f64 {
        let failures = 1.0 - self.outcome.avg(now);
        if failures.is_nan() { 0.0 } else { failures }
    }
}

#[expect(clippy::cast_precision_loss, reason = "JMX shows doubles")]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it came from a u64")]
const fn whole(value: f64) -> u64 {
    value as u64
}

/// What is kept from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    now: Duration,
    view: View,
    connectors: Startups,
    tasks: Startups,
    rebalanced: Option<Duration>,
}

impl Connector {
    fn tasks_in(&self, state: State) -> Value {
        whole_count(self.tasks.iter().filter(|(_, found)| *found == state).count())
    }
}

fn whole_count(number: usize) -> Value {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}

impl Worker {
    pub(crate) fn beans(&self, view: View, out: &mut Vec<Bean>) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        numbers.now = now;
        numbers.connectors.update(now, view.connector_starts);
        numbers.tasks.update(now, view.task_starts);
        if view.rebalances != numbers.view.rebalances {
            numbers.rebalanced = Some(now);
        }
        numbers.view = view;
        out.push(WORKER.bean(&[], &numbers));
        out.push(REBALANCE.bean(&[], &numbers));
        for connector in &numbers.view.connectors {
            let key = [("connector", connector.name.as_str())];
            out.push(CONNECTOR.bean(&key, connector));
            if connector.tasks.is_empty() {
                out.push(TASKLESS.bean(&key, connector));
            } else {
                out.push(TASK_COUNTS.bean(&key, connector));
            }
        }
    }
}

const fn n(number: f64) -> Value {
    Value::Number(number)
}

const WORKER: Table<Numbers> = Table {
    domain: "kafka.connect",
    kind: "connect-worker-metrics",
    attributes: &[WORKER_ATTRIBUTES],
};

const WORKER_ATTRIBUTES: &[Attribute<Numbers>] = &[
    ("connector-count", |w| whole_count(w.view.connectors.len())),
    ("task-count", |w| whole_count(w.view.connectors.iter().map(|c| c.tasks.len()).sum())),
    ("connector-startup-attempts-total", |w| {
        n(w.connectors.successes.total + w.connectors.failures.total)
    }),
    ("connector-startup-success-total", |w| n(w.connectors.successes.total)),
    ("connector-startup-failure-total", |w| n(w.connectors.failures.total)),
    ("connector-startup-success-percentage", |w| n(w.connectors.outcome.share(w.now))),
    ("connector-startup-failure-percentage", |w| n(w.connectors.failure_share(w.now))),
    ("task-startup-attempts-total", |w| n(w.tasks.successes.total + w.tasks.failures.total)),
    ("task-startup-success-total", |w| n(w.tasks.successes.total)),
    ("task-startup-failure-total", |w| n(w.tasks.failures.total)),
    ("task-startup-success-percentage", |w| n(w.tasks.outcome.share(w.now))),
    ("task-startup-failure-percentage", |w| n(w.tasks.failure_share(w.now))),
];

/// `type=connect-worker-metrics,connector=…` (KIP-475).
const TASK_COUNTS: Table<Connector> = Table {
    domain: "kafka.connect",
    kind: "connect-worker-metrics",
    attributes: &[TASK_COUNT_ATTRIBUTES],
};

const TASK_COUNT_ATTRIBUTES: &[Attribute<Connector>] = &[
    ("connector-total-task-count", |t| whole_count(t.tasks.len())),
    ("connector-running-task-count", |t| t.tasks_in(State::Running)),
    ("connector-paused-task-count", |t| t.tasks_in(State::Paused)),
    ("connector-failed-task-count", |t| t.tasks_in(State::Failed)),
    ("connector-unassigned-task-count", |t| t.tasks_in(State::Unassigned)),
    ("connector-destroyed-task-count", |t| t.tasks_in(State::Destroyed)),
    ("connector-restarting-task-count", |t| t.tasks_in(State::Restarting)),
];

const REBALANCE: Table<Numbers> = Table {
    domain: "kafka.connect",
    kind: "connect-worker-rebalance-metrics",
    attributes: &[REBALANCE_ATTRIBUTES],
};

const REBALANCE_ATTRIBUTES: &[Attribute<Numbers>] = &[
    ("completed-rebalances-total", |w| count(w.view.rebalances)),
    ("rebalancing", |_| n(0.0)),
    ("epoch", |w| Value::Integer(w.view.epoch)),
    ("rebalance-avg-time-ms", |_| n(f64::NAN)),
    ("rebalance-max-time-ms", |_| n(f64::NAN)),
    ("time-since-last-rebalance-ms", |w| {
        let since = |at: Duration| clock::ms(w.now.saturating_sub(at));
        n(w.rebalanced.map_or(f64::INFINITY, since))
    }),
    ("leader-name", |w| Value::Text(w.view.leader.clone())),
    ("connect-protocol", |_| Value::Text("sessioned".to_owned())),
];

const CONNECTOR: Table<Connector> = Table {
    domain: "kafka.connect",
    kind: "connector-metrics",
    attributes: &[CONNECTOR_ATTRIBUTES],
};

const CONNECTOR_ATTRIBUTES: &[Attribute<Connector>] = &[
    ("connector-class", |c| Value::Text(c.class.clone())),
    ("connector-type", |c| Value::Text(c.kind.to_owned())),
    ("connector-version", |c| Value::Text(c.version.clone())),
    ("status", |c| Value::Text(c.state.name().to_owned())),
];

/// Ours: a connector without tasks, for series that are otherwise made of tasks.
const TASKLESS: Table<Connector> = Table {
    domain: "walbridge",
    kind: "connector-without-tasks",
    attributes: &[&[("status", |c| Value::Text(c.state.name().to_owned()))]],
};
