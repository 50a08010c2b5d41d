//! Checks of what stands around walbridge: Prometheus's files, Grafana's dashboards, compose's file.
//!
//! Whether the queries find series is asked of a real Prometheus by the integration test `dashboard`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::package::{self, Need};
use crate::{layout, process, say};

const DASHBOARDS: &str = "grafana/dashboards";

/// Everything; the error is the first tool's that objects.
pub(crate) fn check() -> Result<()> {
    package::require(&[Need::Prometheus, Need::Compose])?;
    promtool(&["check", "config", "prometheus/prometheus.yml"])?;
    promtool(&["test", "rules", "prometheus/rules.test.yml"])?;
    dashboards()?;
    let mut compose = package::compose().ok_or_else(|| Error::new("docker compose: not there"))?;
    compose.current_dir(layout::root()?).args(["-f", "docker-compose.yml", "config", "--quiet"]);
    process::run(&mut compose, "docker compose config")?;
    say::progress("docker-compose.yml is valid");
    Ok(())
}

fn promtool(arguments: &[&str]) -> Result<()> {
    let mut promtool = Command::new("promtool");
    promtool.current_dir(layout::root()?).args(arguments);
    process::run_attached(&mut promtool, &format!("promtool {}", arguments.join(" ")))
}

/// The shape of each dashboard here; its queries by promtool, as if they were rules.
fn dashboards() -> Result<()> {
    let mut rules = Vec::new();
    let mut findings = Vec::new();
    let dir = layout::root()?.join(DASHBOARDS);
    for entry in fs::read_dir(&dir).context(DASHBOARDS)? {
        let file = entry.context(DASHBOARDS)?.path();
        let board = read(&file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        shape(&name, &board, &mut findings);
        rules.extend(expressions(&board).map(|expr| json!({ "record": "panel", "expr": expr })));
    }
    findings.iter().for_each(say::progress);
    if !findings.is_empty() {
        return Err(Error::new(format!("dashboards: {} findings", findings.len())));
    }
    let labels = |(number, mut rule): (usize, Value)| {
        // Two rules of one name must differ in a label.
        if let Some(rule) = rule.as_object_mut() {
            rule.insert("labels".to_owned(), json!({ "number": number.to_string() }));
        }
        rule
    };
    let rules: Vec<Value> = rules.into_iter().enumerate().map(labels).collect();
    // JSON is YAML.
    let text = json!({ "groups": [{ "name": "panels", "rules": rules }] }).to_string();
    let target = layout::root()?.join("target/xtask");
    layout::make(&target)?;
    let file = target.join("panels.rules.yml");
    fs::write(&file, text).context(file.display())?;
    promtool(&["check", "rules", &file.display().to_string()])
}

fn read(file: &Path) -> Result<Value> {
    let text = fs::read(file).context(file.display())?;
    serde_json::from_slice(&text).context(file.display())
}

/// Every query of every panel, with a value in the place of each variable.
fn expressions(board: &Value) -> impl Iterator<Item = String> {
    let targets = panels(board).filter_map(|panel| panel.get("targets")?.as_array()).flatten();
    targets
        .filter_map(|target| target.get("expr")?.as_str())
        .map(|expr| expr.replace("$__rate_interval", "1m"))
}

fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board.get("panels").and_then(Value::as_array).into_iter().flatten()
}

/// What Grafana would silently repair or show wrong.
fn shape(name: &str, board: &Value, findings: &mut Vec<String>) {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if text(board, "uid").is_empty() || text(board, "title").is_empty() {
        findings.push(format!("{name}: no uid or no title"));
    }
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in panels(board) {
        let title = text(panel, "title");
        if title.is_empty() || !ids.insert(panel.get("id").and_then(Value::as_u64)) {
            findings
                .push(format!("{name}: panel {title:?}: no title, or an id that is not its own"));
        }
        let side = |key: &str| panel.pointer(&format!("/gridPos/{key}")).and_then(Value::as_u64);
        let (Some(x), Some(y), Some(w), Some(h)) = (side("x"), side("y"), side("w"), side("h"))
        else {
            findings.push(format!("{name}: panel {title:?}: no place"));
            continue;
        };
        let before = cells.len();
        cells.extend((x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))));
        let covered: u64 = w * h;
        if u64::try_from(cells.len() - before) != Ok(covered) || x + w > 24 {
            findings
                .push(format!("{name}: panel {title:?}: lies over another, or beyond the page"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{expressions, shape};

    fn board(panels: &Value) -> Value {
        json!({ "uid": "u", "title": "t", "panels": panels })
    }

    fn findings(board: &Value) -> usize {
        let mut found = Vec::new();
        shape("a", board, &mut found);
        found.len()
    }

    #[test]
    fn panels_that_overlap_or_share_an_id_are_found() {
        let at = |id: u64, x: u64| json!({ "id": id, "title": "p", "gridPos": { "x": x, "y": 0, "w": 12, "h": 8 } });
        assert_eq!(findings(&board(&json!([at(1, 0), at(2, 12)]))), 0);
        assert_eq!(findings(&board(&json!([at(1, 0), at(2, 11)]))), 1);
        assert_eq!(findings(&board(&json!([at(1, 0), at(1, 12)]))), 1);
        assert_eq!(findings(&board(&json!([at(1, 13)]))), 1);
        assert_eq!(findings(&json!({ "panels": [] })), 1);
    }

    #[test]
    fn variables_of_a_query_have_values() {
        let panel = json!({ "targets": [{ "expr": "rate(a{b=\"$c\"}[$__rate_interval])" }] });
        let found: Vec<String> = expressions(&board(&json!([panel]))).collect();
        assert_eq!(found, ["rate(a{b=\"$c\"}[1m])"]);
    }
}
