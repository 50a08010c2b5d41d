//! The brokers, asked as the connector's own producer would ask them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use connect::WorkerSettings;
use connect::client_config::Role;
use pgoutput::preflight::TableFacts;
use sink::brokers::{self, Brokers};
use sink::topic;

use crate::postgres::settings::Settings;
use crate::postgres::task::{self, Scope};
use crate::report::{Finding, some_of};

/// How long the brokers get for one answer.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn check(
    scope: &Scope<'_>,
    settings: &Settings,
    tables: &[TableFacts],
) -> Vec<Finding> {
    let worker = WorkerSettings::parse(scope.worker, crate::CONNECT_VERSION, crate::COMMIT);
    let worker = match worker {
        Ok(worker) => worker,
        Err(error) => return vec![Finding::fail("worker", error.to_string())],
    };
    let properties = task::client_properties(scope, Role::Producer);
    let asked = tokio::task::spawn_blocking(move || brokers::survey(&properties, LIMIT)).await;
    let brokers = match asked {
        Ok(Ok(brokers)) => brokers,
        Ok(Err(reason)) => {
            return vec![Finding::fail(
                "kafka",
                format!("no broker answers the producer: {reason}"),
            )];
        }
        Err(error) => return vec![Finding::fail("kafka", error.to_string())],
    };
    let mut all = vec![Finding::ok(
        "kafka",
        format!(
            "{} brokers answer the producer: {}",
            brokers.addresses.len(),
            some_of(&brokers.addresses)
        ),
    )];
    all.push(storage(&worker, &brokers));
    all.extend(topics(scope, &brokers, &wanted(settings, tables)).await);
    all
}

/// The three topics of the worker.
fn storage(worker: &WorkerSettings, brokers: &Brokers) -> Finding {
    let names = [&worker.config_topic, &worker.offset_topic, &worker.status_topic];
    let absent = names.iter().map(|topic| topic.name.clone());
    let absent: Vec<String> = absent.filter(|name| !brokers.topics.contains_key(name)).collect();
    if absent.is_empty() {
        return Finding::ok("storage topics", "there");
    }
    Finding::ok(
        "storage topics",
        format!("{}: not there yet; the worker makes them", some_of(&absent)),
    )
}

/// Topics of the captured tables before any transform that routes.
fn wanted(settings: &Settings, tables: &[TableFacts]) -> Vec<Arc<str>> {
    let prefix = &settings.prefix;
    let name = |t: &TableFacts| topic::sanitize(&format!("{prefix}.{}.{}", t.schema, t.name));
    let names: BTreeSet<String> = tables.iter().map(name).collect();
    names.into_iter().map(Into::into).collect()
}

/// Those that are there can be described, so the client has a right on them; those that are not must be creatable.
async fn topics(scope: &Scope<'_>, brokers: &Brokers, wanted: &[Arc<str>]) -> Vec<Finding> {
    let absent: Vec<Arc<str>> =
        wanted.iter().filter(|topic| !brokers.topics.contains_key(&***topic)).cloned().collect();
    if absent.is_empty() {
        return vec![Finding::ok("topics", format!("{} there", wanted.len()))];
    }
    let list: Vec<String> = absent.iter().map(ToString::to_string).collect();
    let list = some_of(&list);
    let rules = match task::topic_creator(scope) {
        Ok(Some(rules)) => rules,
        Ok(None) => {
            let why = "not there (or not visible to the user), and no topic.creation.* option says how to make them: \
                       the brokers' auto.create.topics.enable must be on";
            return vec![Finding::warn("topics", format!("{list}: {why}"))];
        }
        // Told among the options.
        Err(_) => return Vec::new(),
    };
    match rules.rehearse(&absent, LIMIT).await {
        Ok(refused) if refused.is_empty() => {
            vec![Finding::ok(
                "topics",
                format!("{list}: not there yet; the brokers let the connector make them"),
            )]
        }
        Ok(refused) => {
            refused.iter().map(|(topic, reason)| refusal(scope, topic, reason)).collect()
        }
        Err(error) => {
            vec![Finding::fail("topics", format!("creation cannot be rehearsed: {error}"))]
        }
    }
}

fn refusal(scope: &Scope<'_>, topic: &str, reason: &str) -> Finding {
    let finding =
        Finding::fail("topics", format!("{topic}: the brokers would not make it: {reason}"));
    if !reason.to_ascii_lowercase().contains("authorization") {
        return finding;
    }
    let servers = scope.worker.get("bootstrap.servers").map_or("", String::as_str);
    finding.run(format!(
        "kafka-acls.sh --bootstrap-server {servers} --add --allow-principal 'User:…' \
         --operation Create --operation Describe --operation Write --topic '{topic}'"
    ))
}
