//! `/connectors` and what is below a connector, except its offsets.

use indexmap::IndexMap;
use serde::Serialize;

use super::Call;
use super::body::{self, Sent};
use super::respond::Answer;
use super::route::encode;
use crate::connector::Properties;
use crate::herder::command::{ConnectorState, Refusal, TaskEntry};
use crate::storage::config::{ConnectorEntry, RestartRequest, TargetState};
use crate::validation;

#[derive(Debug, Serialize)]
struct TaskId<'a> {
    connector: &'a str,
    task: usize,
}

/// A connector as it is configured.
#[derive(Debug, Serialize)]
struct Info<'a> {
    name: &'a str,
    config: Properties,
    tasks: Vec<TaskId<'a>>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Task<'a> {
    id: TaskId<'a>,
    config: &'a Properties,
}

#[derive(Debug, Serialize)]
struct Expanded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ConnectorState>,
}

#[derive(Debug, Serialize)]
struct Topics {
    topics: Vec<String>,
}

/// `config` as shown, tasks as committed.
fn describe<'a>(call: &Call<'_>, name: &'a str, config: Properties, tasks: usize) -> Info<'a> {
    let kind = call.context.shared.kind(Some(&config));
    let tasks = (0..tasks).map(|task| TaskId { connector: name, task }).collect();
    Info { name, config, tasks, kind }
}

fn entry(call: &Call<'_>, name: &str) -> Result<ConnectorEntry, Refusal> {
    call.context.shared.configs.connector(name).ok_or_else(|| Refusal::not_found(name))
}

fn described<'a>(call: &Call<'_>, name: &'a str) -> Result<Info<'a>, Refusal> {
    let entry = entry(call, name)?;
    Ok(describe(call, name, entry.config.unwrap_or_default(), entry.tasks.len()))
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let shared = &call.context.shared;
    let names = shared.configs.connectors();
    let wanted: Vec<&str> = call
        .query
        .iter()
        .filter(|(key, _)| key == "expand")
        .map(|(_, value)| value.as_str())
        .collect();
    if wanted.is_empty() {
        return Answer::json(200, &names);
    }
    let (info, status) = (wanted.contains(&"info"), wanted.contains(&"status"));
    let mut all = IndexMap::new();
    for name in &names {
        let expanded = Expanded {
            info: if info { described(call, name).ok() } else { None },
            status: if status { shared.state(name) } else { None },
        };
        // Gone meanwhile, or without a status yet: Connect leaves it out.
        if expanded.info.is_some() == info && expanded.status.is_some() == status {
            all.insert(name.as_str(), expanded);
        }
    }
    Answer::json(200, &all)
}

fn without_nulls(config: Sent) -> Properties {
    config.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// What Java says when a request has no configuration.
fn no_config() -> Refusal {
    Refusal::new(
        500,
        "Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null",
    )
}

/// The configuration with `name`, at the end if it was absent; another name is refused.
fn named(mut config: Sent, name: &str) -> Result<Sent, Refusal> {
    match config.get("name") {
        Some(Some(given)) if given != name => Err(Refusal::new(
            400,
            format!(
                "Connector name configuration ({given}) doesn't match connector name in the URL ({name})"
            ),
        )),
        _ => {
            config.insert("name".to_owned(), Some(name.to_owned()));
            Ok(config)
        }
    }
}

pub(super) async fn create(call: &Call<'_>) -> Result<Answer, Refusal> {
    let body::Create { name, config, target } = body::create(&call.body)?;
    let config = named(config.ok_or_else(no_config)?, &name)?;
    validation::check(&call.context.shared, &config).await?;
    let config = without_nulls(config);
    call.context.herder.put_config(name.clone(), config.clone(), Some(target)).await?;
    Ok(created(call, &name, config))
}

fn created(call: &Call<'_>, name: &str, config: Properties) -> Answer {
    let location = format!("{}/connectors/{}", call.base, encode(name));
    Answer::json(201, &describe(call, name, config, 0)).at(location)
}

pub(super) fn info(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    Ok(Answer::json(200, &described(call, name)?))
}

pub(super) fn config(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    Ok(Answer::json(200, &entry(call, name)?.config.unwrap_or_default()))
}

pub(super) async fn put_config(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    let config = body::config(&call.body)?.ok_or_else(no_config)?;
    let config = named(config, &name)?;
    validation::check(&call.context.shared, &config).await?;
    let config = without_nulls(config);
    let tasks = call.context.shared.configs.connector(&name).map_or(0, |entry| entry.tasks.len());
    if call.context.herder.put_config(name.clone(), config.clone(), None).await? {
        return Ok(created(call, &name, config));
    }
    Ok(Answer::json(200, &describe(call, &name, config, tasks)))
}

pub(super) async fn patch_config(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    let patch = body::config(&call.body)?;
    let patch = patch.ok_or_else(|| {
        let text = "Cannot invoke \"java.util.Map.forEach(java.util.function.BiConsumer)\" because \"patch\" is null";
        Refusal::new(500, text)
    })?;
    let entry = entry(call, &name)?;
    let mut config = entry.config.unwrap_or_default();
    for (key, value) in patch {
        match value {
            Some(value) => drop(config.insert(key, value)),
            None => drop(config.shift_remove(&key)),
        }
    }
    let config = sink::java_map::hash_order(config);
    let sent = config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    validation::check(&call.context.shared, &sent).await?;
    call.context.herder.put_config(name.clone(), config.clone(), None).await?;
    Ok(Answer::json(200, &describe(call, &name, config, entry.tasks.len())))
}

pub(super) async fn delete(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    call.context.herder.delete(name).await?;
    Ok(Answer::empty(204))
}

pub(super) fn status(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let state = call.context.shared.state(name);
    let state =
        state.ok_or_else(|| Refusal::new(404, format!("No status found for connector {name}")))?;
    Ok(Answer::json(200, &state))
}

pub(super) fn tasks(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let entry = entry(call, name)?;
    let tasks = entry.tasks.iter().enumerate();
    let tasks = tasks.map(|(task, config)| Task { id: TaskId { connector: name, task }, config });
    Ok(Answer::json(200, &tasks.collect::<Vec<_>>()))
}

pub(super) fn task_status(call: &Call<'_>, name: &str, task: i32) -> Result<Answer, Refusal> {
    let id = u32::try_from(task).ok();
    let status = id.and_then(|id| Some((id, call.context.shared.statuses.task(name, id)?)));
    let (id, status) = status
        .ok_or_else(|| Refusal::new(404, format!("No status found for task {name}-{task}")))?;
    Ok(Answer::json(200, &TaskEntry { id, entry: status.into() }))
}

pub(super) async fn restart_task(
    call: &Call<'_>,
    name: String,
    task: i32,
) -> Result<Answer, Refusal> {
    call.context.herder.restart_task(name, task).await?;
    Ok(Answer::empty(204))
}

pub(super) async fn restart(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    let request = RestartRequest {
        include_tasks: call.flag("includeTasks", false),
        only_failed: call.flag("onlyFailed", false),
    };
    if request.include_tasks || request.only_failed {
        return Ok(Answer::json(202, &call.context.herder.restart(name, request).await?));
    }
    call.context.herder.restart_connector(name).await?;
    Ok(Answer::empty(204))
}

pub(super) async fn set_target(
    call: &Call<'_>,
    name: String,
    target: TargetState,
) -> Result<Answer, Refusal> {
    call.context.herder.set_target(name, target).await?;
    Ok(Answer::empty(if target == TargetState::Stopped { 204 } else { 202 }))
}

pub(super) fn topics(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let shared = &call.context.shared;
    if !shared.settings.topic_tracking {
        return Err(Refusal::new(403, "Topic tracking is disabled."));
    }
    let topics = Topics { topics: shared.statuses.topics(name) };
    Ok(Answer::json(200, &IndexMap::from([(name, topics)])))
}

pub(super) fn reset_topics(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let shared = &call.context.shared;
    if !shared.settings.topic_tracking {
        return Err(Refusal::new(403, "Topic tracking is disabled."));
    }
    if !shared.settings.topic_tracking_reset {
        return Err(Refusal::new(403, "Topic tracking reset is disabled."));
    }
    shared.statuses.delete_topics(name);
    Ok(Answer::empty(202))
}
