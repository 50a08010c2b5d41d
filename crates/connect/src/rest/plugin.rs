//! `/connector-plugins`.

use super::respond::Answer;
use super::{Call, body};
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

pub(super) fn config(call: &Call<'_>, class: &str) -> Result<Answer, Refusal> {
    let plugin = call.context.shared.plugin(class);
    let plugin = plugin.ok_or_else(|| Refusal::new(404, format!("Unknown plugin {class}.")))?;
    let version = plugin.version();
    if let Some(wanted) =
        call.query("version").filter(|wanted| *wanted != version && *wanted != "latest")
    {
        let class = plugin.class();
        return Err(Refusal::new(
            400,
            format!(
                "Plugin {class} not found that matches the version range [{wanted},{wanted}], available versions: \
                 [{version}]"
            ),
        ));
    }
    Ok(Answer::json(200, &validation::definitions(&call.context.shared, plugin)))
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
        Err(Refusal { code, message }) if message.starts_with("Invalid value ") => {
            Err(Refusal::new(
                code,
                format!("org.apache.kafka.common.config.ConfigException: {message}"),
            ))
        }
        Err(refusal) => Err(refusal),
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
