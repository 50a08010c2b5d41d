//! What `/ui/state` answers: connectors and states as REST tells them, figures as [`Live`](crate::live::Live) has them.
//! Of a configuration only what stands here is shown: no option that may be a secret.

use connect::extension::Rest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::Console;
use crate::live::{Phase, RecentRecord, RunLive, Shows, TableLive, TaskId, TaskLive};

/// Tables that are shown; a browser cannot do with thousands of rows every two seconds.
const TABLES: usize = 200;

impl Console {
    /// Every connector's state, and the figures of the chosen one: of the first where there is none of that name.
    pub(super) async fn state(&self, rest: &Rest, chosen: Option<&str>) -> Value {
        let worker = get(rest, "/").await;
        let all = get(rest, "/connectors?expand=status&expand=info").await;
        let mut all: Vec<(&String, &Value)> = all.as_object().into_iter().flatten().collect();
        all.sort_by_key(|(name, _)| *name);
        let named = all.iter().find(|(name, _)| Some(name.as_str()) == chosen);
        let chosen = named.or_else(|| all.first()).map(|(name, _)| name.as_str());
        let mut connectors = Vec::with_capacity(all.len());
        for (name, expanded) in &all {
            let is_chosen = Some(name.as_str()) == chosen;
            let live = if is_chosen { self.live_of(name).await } else { Value::Null };
            connectors.push(self.connector(name, expanded, live));
        }
        json!({
            "worker": { "version": worker.get("version"), "kafka_cluster_id": worker.get("kafka_cluster_id") },
            "values": self.shows == Shows::Values,
            "chosen": chosen,
            "connectors": connectors,
        })
    }

    fn connector(&self, name: &str, expanded: &Value, live: Value) -> Value {
        let status = expanded.get("status");
        let config = expanded.pointer("/info/config");
        let part = |from: Option<&Value>, key: &str| {
            from.and_then(|v| v.get(key)).cloned().unwrap_or_default()
        };
        let own = status.and_then(|status| status.get("connector"));
        let tasks = status.and_then(|status| status.get("tasks")).and_then(Value::as_array);
        let task = |task: &Value| {
            let task = Some(task);
            json!({ "id": part(task, "id"), "state": part(task, "state"), "trace": part(task, "trace") })
        };
        let signals = part(config, "signal.data.collection");
        json!({
            "name": name,
            "state": part(own, "state"),
            "worker_id": part(own, "worker_id"),
            "trace": part(own, "trace"),
            "tasks": tasks.into_iter().flatten().map(task).collect::<Vec<_>>(),
            "signals": signals.as_str().is_some_and(|collection| !collection.trim().is_empty()),
            "rate": self.histories.rate(&task_id(name)),
            "live": live,
        })
    }

    async fn live_of(&self, connector: &str) -> Value {
        let id = task_id(connector);
        let running = self.live.tasks().into_iter().find(|(running, _)| *running == id);
        let Some((_, task)) = running else { return Value::Null };
        let server = self.servers.of(&id, &task).await;
        let mut shown = figures(&task);
        shown.insert("history".to_owned(), self.histories.of(&id));
        shown.insert("server".to_owned(), server);
        Value::Object(shown)
    }
}

/// Debezium's Postgres connector has one task.
fn task_id(connector: &str) -> TaskId {
    (connector.to_owned(), 0)
}

async fn get(rest: &Rest, target: &str) -> Value {
    serde_json::from_slice(&rest.ask("GET", target, Vec::new()).await.body).unwrap_or_default()
}

fn figures(task: &TaskLive) -> Map<String, Value> {
    let RunLive { phase, stream, queue, tables } = task.run();
    let counters = task.counters();
    let events = task.meter().map(|meter| meter.capture.table_events()).unwrap_or_default();
    let lsn = |position: pgoutput::Lsn| position.is_valid().then(|| position.to_string());
    let all = json!({
        "database": format!("{}:{}/{}", task.origin.database.host, task.origin.database.port, task.origin.database.dbname),
        "slot": task.origin.slot,
        "publication": task.origin.publication,
        "phase": match phase {
            Phase::Starting => "starting",
            Phase::Snapshot => "snapshot",
            Phase::Streaming => "streaming",
        },
        "snapshot_done": phase == Phase::Streaming,
        "counters": {
            "reads": counters.reads,
            "creates": counters.creates,
            "updates": counters.updates,
            "deletes": counters.deletes,
            "truncates": counters.truncates,
            "filtered": counters.filtered,
            "skipped": counters.skipped,
            "records": counters.records,
        },
        "bytes": stream.as_ref().map(|stream| stream.bytes()),
        "received": stream.as_ref().and_then(|stream| lsn(stream.received())),
        "confirmed": stream.as_ref().and_then(|stream| lsn(stream.flushed())),
        "queue": {
            "used": queue.as_ref().map_or(0, pgoutput::queue::Usage::used_bytes),
            "capacity": queue.as_ref().map_or(0, pgoutput::queue::Usage::capacity_bytes),
        },
        "trouble": task.trouble().map(|(at_ms, error)| json!({ "at_ms": at_ms, "error": error })),
        "in_flight": task.outstanding(),
        "table_count": tables.len(),
        "tables": tables.iter().take(TABLES).map(|shown| table(shown, &events)).collect::<Vec<_>>(),
        "recent": task.recent().iter().map(record).collect::<Vec<_>>(),
    });
    match all {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// `events` are those of the task so far, as they are exported; a table beyond `metrics.max.tables` has none of its own.
fn table(table: &TableLive, events: &BTreeMap<String, [u64; 5]>) -> Value {
    let name = format!("{}.{}", table.schema, table.name);
    let events = events.get(&name).map(|[creates, updates, deletes, reads, truncates]| {
        json!({ "c": creates, "u": updates, "d": deletes, "r": reads, "t": truncates })
    });
    json!({
        "name": name,
        "events": events,
        "estimate": table.estimated_rows,
        "rows": table.rows.as_ref().map(|rows| rows.load(Ordering::Relaxed)),
    })
}

fn record(record: &RecentRecord) -> Value {
    json!({
        "at_ms": record.at_ms,
        "op": record.op,
        "table": record.table,
        "key": record.key,
        "lsn": record.lsn.to_string(),
        "value": record.value,
    })
}
