//! `/` and `/health`.

use serde::Serialize;

use super::Call;
use super::respond::Answer;

#[derive(Serialize)]
struct Root<'a> {
    version: &'a str,
    commit: &'a str,
    kafka_cluster_id: &'a str,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    message: &'static str,
}

pub(super) fn root(call: &Call<'_>) -> Answer {
    let shared = &call.context.shared;
    let settings = &shared.settings;
    let body = Root {
        version: &settings.version,
        commit: &settings.commit,
        kafka_cluster_id: &shared.cluster_id,
    };
    Answer::json(200, &body)
}

/// Whoever is answered talks to a worker that has read its topics: it listens only then.
pub(super) fn health() -> Answer {
    let message = "Worker has completed startup and is ready to handle requests.";
    Answer::json(200, &Health { status: "healthy", message })
}
