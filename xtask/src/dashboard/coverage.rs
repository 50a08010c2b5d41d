//! `coverage`: which queries of a folder of Grafana dashboards a running Prometheus has series for.
//!
//! A query is answered when each selector in it finds a series. What a scrape's own configuration adds (`job`, `env` …),
//! what the page's variables choose, and what names somebody's demo (a topic, a client) does not count.

mod selector;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{escape, list, text};
use crate::error::{Context, Error, Result};
use crate::{http, layout, say};
use selector::Selector;

/// Tell which queries of Grafana dashboards a running Prometheus answers.
#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// The folder of dashboards, as Grafana exports them.
    #[arg(long, default_value = super::DASHBOARDS)]
    dashboards: PathBuf,
    /// Where Prometheus answers: `host:port`.
    #[arg(long, default_value = "127.0.0.1:9090")]
    prometheus: String,
}

impl Coverage {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        let dir = layout::root()?.join(&self.dashboards);
        let entries = fs::read_dir(&dir).context(dir.display())?;
        let files = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut files = files.collect::<std::io::Result<Vec<_>>>().context(dir.display())?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort_unstable();
        for file in files {
            let bytes = fs::read(&file).context(file.display())?;
            let board: Value = serde_json::from_slice(&bytes).context(file.display())?;
            let board = board.get("dashboard").unwrap_or(&board);
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let panels = self.tally(&panel_queries(board))?;
            let variables = self.tally(&variable_queries(board))?;
            say::result(format!("{name}: {panels} queries, {variables} variables"));
            for missing in panels.unanswered.iter().chain(&variables.unanswered) {
                say::result(format!("    {missing}"));
            }
        }
        Ok(())
    }

    fn tally(&self, queries: &[String]) -> Result<Tally> {
        let mut tally = Tally { all: queries.len(), unanswered: Vec::new() };
        for query in queries {
            let selectors = Selector::all(query);
            let found = selectors.iter().map(|selector| self.finds(selector));
            if !found.collect::<Result<Vec<bool>>>()?.into_iter().all(|found| found) {
                tally.unanswered.push(query.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
        Ok(tally)
    }

    fn finds(&self, selector: &Selector) -> Result<bool> {
        let path = format!("/api/v1/query?query={}", escape(&format!("count({selector})")));
        let answer = http::request(&self.prometheus, "GET", &path, "")?;
        let body: Value = serde_json::from_str(&answer.body).context("prometheus")?;
        let result = body.pointer("/data/result").and_then(Value::as_array);
        let result = result.ok_or_else(|| Error::new(format!("{selector}: {}", answer.body)))?;
        Ok(!result.is_empty())
    }
}

/// How many queries there are, and those without an answer.
struct Tally {
    all: usize,
    unanswered: Vec<String>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.all - self.unanswered.len(), self.all)
    }
}

/// The expression of each target, also of panels in rows.
fn panel_queries(place: &Value) -> Vec<String> {
    let mut queries = Vec::new();
    for panel in list(place, "/panels").iter().chain(list(place, "/rows")) {
        let targets = list(panel, "/targets").iter().map(|target| text(target, "expr"));
        queries.extend(targets.filter(|query| !query.is_empty()).map(str::to_owned));
        queries.extend(panel_queries(panel));
    }
    queries
}

/// What each variable asks for. A label alone (`label_values(env)`) asks for no series.
fn variable_queries(board: &Value) -> Vec<String> {
    let asked = list(board, "/templating/list").iter().filter_map(|variable| {
        let query = variable.pointer("/query/query").or_else(|| variable.get("query"));
        let query = query.and_then(Value::as_str)?.trim();
        if variable.get("type") != Some(&Value::from("query")) {
            return None;
        }
        let inner = |function: &str| query.strip_prefix(function)?.strip_suffix(')');
        if let Some(inner) = inner("label_values(") {
            return inner.rsplit_once(',').map(|(series, _label)| series.to_owned());
        }
        Some(inner("query_result(").unwrap_or(query).to_owned())
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_are_found_in_rows_and_variables() {
        let board = json!({
            "panels": [
                { "targets": [{ "expr": "a" }, { "expr": "" }] },
                { "panels": [{ "targets": [{ "expr": "b" }] }] },
            ],
            "rows": [{ "panels": [{ "targets": [{ "expr": "c" }] }] }],
            "templating": { "list": [
                { "type": "query", "query": "label_values(x{job=\"$job\"}, name)" },
                { "type": "query", "query": { "query": "query_result(y)" } },
                { "type": "query", "query": "label_values(env)" },
                { "type": "datasource", "query": "prometheus" },
            ] },
        });
        assert_eq!(panel_queries(&board), ["a", "b", "c"]);
        assert_eq!(variable_queries(&board), ["x{job=\"$job\"}", "y"]);
    }
}
