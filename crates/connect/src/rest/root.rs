//! `/` and `/health`.

use serde::Serialize;

use super::Identity;
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

pub(super) fn root(identity: &Identity) -> Answer {
    let Identity { version, commit, cluster_id } = identity;
    Answer::json(200, &Root { version, commit, kafka_cluster_id: cluster_id })
}

/// Whether the worker has read its topics.
pub(super) fn health(is_ready: bool) -> Answer {
    if is_ready {
        let message = "Worker has completed startup and is ready to handle requests.";
        return Answer::json(200, &Health { status: "healthy", message });
    }
    let message = "Worker is still starting up.";
    Answer::json(503, &Health { status: "starting", message })
}
