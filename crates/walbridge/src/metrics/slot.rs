//! Asks the servers what their slots keep: one query every few seconds and task, over a connection that stays open.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use exporter::capture::{Capture, Slot, Stage};
use pgoutput::{Lsn, slot, sql};
use tokio_util::sync::CancellationToken;

use crate::live::{Live, TaskId, TaskLive};

/// How often.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long a server may take; the next one is asked then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks until `stop`.
pub(super) async fn watch(live: Arc<Live>, stop: CancellationToken) {
    let mut sessions: HashMap<TaskId, sql::Client> = HashMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => return,
        }
        let tasks = live.tasks();
        sessions.retain(|id, _| tasks.iter().any(|(known, _)| known == id));
        for (id, task) in tasks {
            let Some(meter) = task.meter() else { continue };
            let session = sessions.remove(&id);
            let asked = tokio::time::timeout(PATIENCE, ask(session, &task, &meter.capture));
            match asked.await {
                Ok(Ok(session)) => drop(sessions.insert(id, session)),
                Ok(Err(error)) => {
                    tracing::debug!(connector = id.0, %error, "the slot's state is not known");
                }
                Err(_elapsed) => {
                    tracing::debug!(connector = id.0, "the server does not answer about the slot");
                }
            }
        }
    }
}

async fn ask(
    session: Option<sql::Client>,
    task: &TaskLive,
    capture: &Capture,
) -> pgoutput::Result<sql::Client> {
    let origin = &task.origin;
    let session = match session {
        Some(session) => session,
        None => sql::connect(&origin.database, "Debezium Metrics").await?,
    };
    let Some(usage) = slot::usage(&session, &origin.slot).await? else { return Ok(session) };
    let wal_bytes = slot::wal_size(&session).await?;
    let bytes = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    if let Ok(end) = usage.end.parse::<Lsn>() {
        capture.position(Stage::Server, end.get());
        capture.position(Stage::Restart, end.get().saturating_sub(bytes(usage.retained_bytes)));
    }
    capture.slot(Slot {
        name: origin.slot.clone(),
        active: usage.active,
        wal_status: usage.wal_status,
        safe_wal_bytes: usage.safe_bytes,
        retained_bytes: bytes(usage.retained_bytes),
        unconfirmed_bytes: bytes(usage.unconfirmed_bytes),
        wal_bytes,
    });
    Ok(session)
}
