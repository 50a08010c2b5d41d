//! `/connectors/{name}/offsets`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::respond::Answer;
use super::{Call, body};
use crate::herder::command::Refusal;

#[derive(Debug, Serialize)]
struct Offset {
    partition: Map<String, Value>,
    offset: Value,
}

#[derive(Debug, Serialize)]
struct Offsets {
    offsets: Vec<Offset>,
}

#[derive(Debug, Serialize)]
struct Message {
    message: String,
}

/// Debezium's connector does not take part in this, so Connect answers with its general text.
fn done(what: &str) -> Answer {
    let message = format!(
        "The Connect framework-managed offsets for this connector have been {what} successfully. However, if this \
         connector manages offsets externally, they will need to be manually {what} in the system that the \
         connector uses."
    );
    Answer::json(200, &Message { message })
}

pub(super) async fn list(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let shared = &call.context.shared;
    shared.configs.connector(name).ok_or_else(|| Refusal::not_found(name))?;
    let offsets = shared.offsets.list(name).await?.into_iter();
    let offsets =
        offsets.map(|known| Offset { partition: known.partition, offset: known.offset }).collect();
    Ok(Answer::json(200, &Offsets { offsets }))
}

pub(super) async fn alter(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    let offsets = body::offsets(&call.body)?;
    if offsets.is_empty() {
        let text = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(Refusal::new(400, text));
    }
    call.context.herder.alter_offsets(name, offsets).await?;
    Ok(done("altered"))
}

pub(super) async fn reset(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    call.context.herder.reset_offsets(name).await?;
    Ok(done("reset"))
}
