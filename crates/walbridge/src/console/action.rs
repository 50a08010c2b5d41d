//! What the page's buttons ask for. Each goes the way that REST, or a user with a signal, would go.

use connect::extension::{PageRequest, Rest};
use serde_json::{Value, json};

use super::Console;
use crate::postgres::TableName;

/// What a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Pause,
    Resume,
    Restart,
    /// An incremental snapshot of one table.
    Snapshot,
}

/// `/connectors/NAME/ACTION`: the name as it stands in the path, escapes unresolved.
pub(super) fn target(path: &str) -> Option<(&str, Action)> {
    let (name, action) = path.strip_prefix("/connectors/")?.split_once('/')?;
    let action = match action {
        "pause" => Action::Pause,
        "resume" => Action::Resume,
        "restart" => Action::Restart,
        "snapshot" => Action::Snapshot,
        _ => return None,
    };
    // A name that goes on into REST's own path must be one segment of it.
    let plain = !name.is_empty() && !name.contains(['?', '#', ';']);
    plain.then_some((name, action))
}

/// Whether the request comes from the page itself. Another site's page can make a browser send a POST, but neither with
/// this header (it would be asked for its leave first) nor as of this origin.
pub(super) fn is_same_origin(request: &PageRequest) -> bool {
    let [own, origin, site, host] = ["x-walbridge-console", "origin", "sec-fetch-site", "host"]
        .map(|name| request.header(name));
    own == Some("1") && comes_from(origin, site, host)
}

/// What browsers say of where a request comes from: `Sec-Fetch-Site` where they have it, `Origin` always.
fn comes_from(origin: Option<&str>, site: Option<&str>, host: Option<&str>) -> bool {
    let (Some(origin), Some(host)) = (origin, host) else { return false };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    site.is_none_or(|site| site == "same-origin")
        && authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

impl Console {
    /// Status and body of the answer.
    pub(super) async fn act(
        &self,
        name: &str,
        action: Action,
        body: &[u8],
        rest: &Rest,
    ) -> (u16, Vec<u8>) {
        let (method, target) = match action {
            Action::Pause => ("PUT", format!("/connectors/{name}/pause")),
            Action::Resume => ("PUT", format!("/connectors/{name}/resume")),
            Action::Restart => ("POST", format!("/connectors/{name}/restart?includeTasks=true")),
            Action::Snapshot => return self.snapshot(name, body, rest).await,
        };
        tracing::info!(connector = name, action = ?action, "asked for in the console");
        let reply = rest.ask(method, &target, Vec::new()).await;
        (reply.status, reply.body)
    }

    /// Writes a signal, as a user would by SQL: only where the connector listens for one.
    async fn snapshot(&self, name: &str, body: &[u8], rest: &Rest) -> (u16, Vec<u8>) {
        let refuse =
            |status: u16, text: &str| (status, json!({ "message": text }).to_string().into_bytes());
        let config = rest.ask("GET", &format!("/connectors/{name}"), Vec::new()).await;
        if config.status != 200 {
            return (config.status, config.body);
        }
        let info: Value = serde_json::from_slice(&config.body).unwrap_or_default();
        let option = |key: &str| {
            info.get("config").and_then(|c| c.get(key)).and_then(Value::as_str).map(str::trim)
        };
        let Some(collection) = option("signal.data.collection").filter(|text| !text.is_empty())
        else {
            return refuse(409, "the connector has no signal.data.collection to ask through");
        };
        let Some(signals) = TableName::parse(collection) else {
            return refuse(409, "signal.data.collection is not of the form schema.table");
        };
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let connector = info.get("name").and_then(Value::as_str).unwrap_or_default();
        let running = self.live.tasks().into_iter().find(|((running, _), _)| running == connector);
        let Some((_, task)) = running else {
            return refuse(409, "no task of the connector runs on this worker");
        };
        let tables = task.run().tables;
        let wanted = asked.get("table").and_then(Value::as_str);
        let table =
            tables.iter().find(|t| Some(format!("{}.{}", t.schema, t.name).as_str()) == wanted);
        let Some(table) = table else { return refuse(400, "the connector captures no such table") };
        let Some(name) = signal_name(&table.schema, &table.name) else {
            return refuse(409, "no signal can name a table with a quote in its name");
        };
        let signal = json!({ "data-collections": [name], "type": "INCREMENTAL" });
        let id = uuid::Uuid::now_v7().to_string();
        let database = &task.origin.database;
        match write(database, &signals, &[&id, "execute-snapshot", &signal.to_string()]).await {
            Ok(()) => {
                tracing::info!(
                    connector,
                    table = wanted,
                    id,
                    "incremental snapshot asked for in the console"
                );
                (202, json!({ "id": id }).to_string().into_bytes())
            }
            Err(error) => refuse(502, &error.to_string()),
        }
    }
}

/// A table as a signal names it. Debezium reads plain names as regular expressions, which match themselves, and takes
/// what matches nothing as a name in quotes.
fn signal_name(schema: &str, table: &str) -> Option<String> {
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain(schema) && plain(table) {
        return Some(format!("{schema}.{table}"));
    }
    let quotable = !schema.contains('"') && !table.contains('"');
    quotable.then(|| format!("\"{schema}\".\"{table}\""))
}

/// Inserts a row into the signal table: id, type, data.
async fn write(
    database: &pgoutput::Config,
    signals: &TableName,
    row: &[&str; 3],
) -> Result<(), pgoutput::Error> {
    let client = pgoutput::sql::connect(database, "walbridge console").await?;
    let written = pgoutput::sql::insert_texts(&client, &signals.schema, &signals.name, row).await;
    client.close().await;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_actions_of_one_connector_are_targets() {
        assert_eq!(target("/connectors/a%20b/pause"), Some(("a%20b", Action::Pause)));
        assert_eq!(target("/connectors/a/snapshot"), Some(("a", Action::Snapshot)));
        for path in [
            "/connectors//pause",
            "/connectors/a/delete",
            "/connectors/a/b/pause",
            "/connectors/a?x/pause",
            "/connectors/a/pause/",
            "/state",
        ] {
            assert_eq!(target(path), None, "{path}");
        }
    }

    #[test]
    fn tables_are_named_as_signals_name_them() {
        assert_eq!(signal_name("public", "orders").as_deref(), Some("public.orders"));
        assert_eq!(signal_name("public", "or.ders").as_deref(), Some("\"public\".\"or.ders\""));
        assert_eq!(signal_name("public", "a\"b"), None);
    }

    #[test]
    fn other_origins_are_refused() {
        let host = Some("localhost:8083");
        assert!(comes_from(Some("http://localhost:8083"), Some("same-origin"), host));
        assert!(comes_from(Some("https://LOCALHOST:8083"), None, host));
        for (origin, site) in [
            (Some("http://evil.example"), None),
            (Some("http://evil.example"), Some("cross-site")),
            (Some("http://localhost:8083"), Some("same-site")),
            (Some("http://localhost:80"), None),
            (Some("null"), None),
            (None, Some("same-origin")),
            (None, None),
        ] {
            assert!(!comes_from(origin, site, host), "{origin:?} {site:?}");
        }
        assert!(!comes_from(Some("http://localhost:8083"), None, None));
    }
}
