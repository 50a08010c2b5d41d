//! What Postgres says of the slots, asked only while somebody looks: one session a task, closed when nobody does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pgoutput::slot::{self, Usage};
use pgoutput::sql::{self, Client};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::live::{Origin, TaskId, TaskLive};

/// Answers are good for so long, however many look.
const FRESH: Duration = Duration::from_millis(1500);
/// A session that nobody needed for so long is closed.
const IDLE: Duration = Duration::from_secs(20);
/// How long the page waits for Postgres.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Asked {
    client: Option<Client>,
    /// `None`: not asked yet.
    answer: Option<(Instant, Value)>,
}

/// Of every task that was looked at.
#[derive(Debug, Default)]
pub(super) struct Servers(Mutex<BTreeMap<TaskId, Arc<tokio::sync::Mutex<Asked>>>>);

impl Servers {
    /// The slot of a task: an object, with `error` where Postgres does not answer.
    pub(super) async fn of(&self, id: &TaskId, task: &TaskLive) -> Value {
        let entry = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(id.clone()).or_default())
        };
        // Held while asking: the second who looks gets the first one's answer.
        let mut asked = entry.lock().await;
        if let Some((at, answer)) = &asked.answer
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let client = asked.client.take().filter(|client| !client.is_closed());
        let (client, answer) = match tokio::time::timeout(PATIENCE, ask(client, &task.origin)).await
        {
            Ok(Ok((client, usage))) => (Some(client), usage.as_ref().map_or_else(absent, describe)),
            // Names host, user and what is wrong; never the password.
            Ok(Err(error)) => (None, json!({ "error": error.to_string() })),
            Err(_late) => (None, json!({ "error": "no answer within 2 seconds" })),
        };
        *asked = Asked { client, answer: Some((Instant::now(), answer.clone())) };
        answer
    }

    /// Closes what nobody looks at.
    pub(super) fn forget_idle(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is locked is being looked at.
        all.retain(|_, entry| {
            let Ok(asked) = entry.try_lock() else { return true };
            asked.answer.as_ref().is_none_or(|(at, _)| at.elapsed() < IDLE)
        });
    }
}

async fn ask(
    client: Option<Client>,
    origin: &Origin,
) -> Result<(Client, Option<Usage>), pgoutput::Error> {
    let client = match client {
        Some(client) => client,
        None => sql::connect(&origin.database, "walbridge console").await?,
    };
    let usage = slot::usage(&client, &origin.slot).await?;
    Ok((client, usage))
}

fn absent() -> Value {
    json!({ "error": "there is no such slot" })
}

fn describe(usage: &Usage) -> Value {
    let Usage { active, wal_status, retained_bytes, unconfirmed_bytes, safe_bytes, end } = usage;
    json!({
        "active": active,
        "wal_status": wal_status,
        "retained_bytes": retained_bytes,
        "unconfirmed_bytes": unconfirmed_bytes,
        "safe_bytes": safe_bytes,
        "end": end,
    })
}
