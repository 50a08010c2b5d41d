//! `/connector-plugins`.

use sink::component;

use super::respond::Answer;
use super::{Call, body};
use crate::config_def::Definition;
use crate::herder::command::Refusal;
use crate::herder::simple_name;
use crate::settings::PluginKind;
use crate::validation;

pub(super) fn list(call: &Call<'_>) -> Answer {
    let only = call.flag("connectorsOnly", true);
    let all = validation::classes(&call.context.shared);
    let shown = all
        .iter()
        .filter(|info| !only || matches!(info.kind, PluginKind::Sink | PluginKind::Source));
    Answer::json(200, &shown.collect::<Vec<_>>())
}

pub(super) fn config(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let refuse_version = |class: &str, available: &[&str]| match call.query("version") {
        Some(wanted) => match validation::version_problem(class, wanted, available) {
            Some(problem) => Err(Refusal::new(400, problem)),
            None => Ok(()),
        },
        None => Ok(()),
    };
    if let Some(plugin) = call.context.shared.plugin(name) {
        refuse_version(plugin.class(), &[plugin.version()])?;
        return Ok(Answer::json(200, &validation::definitions(plugin)));
    }
    let unknown = || Refusal::new(404, format!("Unknown plugin {name}."));
    let class = component::class(name).ok_or_else(unknown)?;
    let found = component::all().find(|component| component.class == class).ok_or_else(unknown)?;
    refuse_version(class, &validation::versions(found))?;
    let definitions: Vec<Definition> = found.def.keys.iter().map(Definition::from).collect();
    Ok(Answer::json(200, &definitions))
}

pub(super) async fn validate(call: &Call<'_>, class: &str) -> Result<Answer, Refusal> {
    let config = body::config(&call.body)?.ok_or_else(|| {
        let text =
            "Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null";
        Refusal::new(500, text)
    })?;
    let bare = |class: &str| simple_or_full(class);
    if let Some(Some(included)) = config.get("connector.class")
        && !bare(included).ends_with(&bare(class))
    {
        return Err(Refusal::new(
            400,
            format!("Included connector type {included} does not match request type {class}"),
        ));
    }
    match validation::validate(&call.context.shared, &config).await {
        Ok(infos) => Ok(Answer::json(200, &infos)),
        // Connect wraps what its validation throws once more here.
        Err(Refusal { code: 400, message }) => Err(Refusal::new(
            500,
            format!("org.apache.kafka.connect.runtime.rest.errors.BadRequestException: {message}"),
        )),
        Err(Refusal { code, message }) => Err(Refusal::new(
            code,
            format!("org.apache.kafka.common.config.ConfigException: {message}"),
        )),
    }
}

/// A class name without the ending that users leave out.
fn simple_or_full(class: &str) -> String {
    let simple = simple_name(class);
    match simple.strip_suffix("Connector") {
        Some(short) if !short.is_empty() => {
            class.strip_suffix("Connector").unwrap_or(class).to_owned()
        }
        _ => class.to_owned(),
    }
}
