//! `/admin/loggers`.

use super::respond::Answer;
use super::{Call, body};
use crate::herder::command::Refusal;
use crate::logging::Level;

pub(super) fn list(call: &Call<'_>) -> Answer {
    Answer::json(200, &call.context.shared.settings.loggers.all())
}

pub(super) fn level(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let level = call.context.shared.settings.loggers.get(name);
    let level = level.ok_or_else(|| Refusal::new(404, format!("Logger {name} not found.")))?;
    Ok(Answer::json(200, &level))
}

pub(super) async fn set(call: &Call<'_>, name: String) -> Result<Answer, Refusal> {
    let levels = body::config(&call.body)?.ok_or_else(|| {
        let text = "Cannot invoke \"java.util.Map.get(Object)\" because \"levelMap\" is null";
        Refusal::new(500, text)
    })?;
    let given = levels.get("level").and_then(Option::as_deref).ok_or_else(|| {
        Refusal::new(400, "Desired 'level' parameter was not specified in request.")
    })?;
    if given.is_empty() {
        return Err(Refusal::new(500, "Illegal null or empty Level name."));
    }
    let level = Level::parse(given)
        .ok_or_else(|| Refusal::new(404, format!("invalid log level '{given}'.")))?;
    let shared = &call.context.shared;
    if call.query("scope").is_some_and(|scope| scope.eq_ignore_ascii_case("cluster")) {
        shared.configs.put_logger(&name, level).await?;
        return Ok(Answer::empty(204));
    }
    Ok(Answer::json(200, &shared.settings.loggers.set(&name, level)))
}
