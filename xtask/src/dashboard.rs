//! `dashboards`: pictures of the Grafana dashboards for the documents, without Grafana.
//!
//! Prometheus answers every panel's query, a page of ours draws the answers, and a headless Chromium takes its picture.

mod coverage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::package::{self, Need};
use crate::{http, layout, process, say};

pub(crate) use coverage::Coverage;

const DASHBOARDS: &str = "grafana/dashboards";

/// Points of a curve.
const POINTS: u64 = 180;

/// Picture the Grafana dashboards as a running Prometheus fills them.
#[derive(Debug, Args)]
pub(crate) struct Dashboards {
    /// Where Prometheus answers: `host:port`.
    #[arg(long, default_value = "127.0.0.1:9090")]
    prometheus: String,
    /// How far back.
    #[arg(long, default_value_t = 15)]
    minutes: u64,
    /// The value of a variable, NAME=VALUE; else "All" where the dashboard has it, else the first that there is.
    #[arg(long)]
    variable: Vec<String>,
    /// The folder to put the pictures in.
    #[arg(long, default_value = "docs/images")]
    out: PathBuf,
}

impl Dashboards {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        package::require(&[Need::Chromium])?;
        let out = layout::root()?.join(&self.out);
        layout::make(&out)?;
        let dir = layout::root()?.join(DASHBOARDS);
        for entry in fs::read_dir(&dir).context(DASHBOARDS)? {
            let file = entry.context(DASHBOARDS)?.path();
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read(&file).context(file.display())?;
            let board: Value = serde_json::from_slice(&text).context(file.display())?;
            let picture = out.join(format!("dashboard-{name}.png"));
            self.picture(board, &picture)?;
            say::result(picture.display());
        }
        Ok(())
    }

    fn picture(&self, board: Value, picture: &Path) -> Result<()> {
        let variables = self.variables(&board)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("clock")?.as_secs();
        let start = now - self.minutes * 60;
        let step = (self.minutes * 60 / POINTS).max(1);
        let range = format!("start={start}&end={now}&step={step}");
        let panels = list(&board, "/panels");
        let results = panels.iter().map(|panel| {
            let answers = list(panel, "/targets").iter().map(|target| {
                let query = fill(text(target, "expr"), &variables, step);
                if target.get("instant") == Some(&Value::Bool(true)) {
                    self.ask(&format!("query?query={}", escape(&query)))
                } else {
                    self.ask(&format!("query_range?query={}&{range}", escape(&query)))
                }
            });
            answers.collect::<Result<Vec<Value>>>()
        });
        let results = results.collect::<Result<Vec<_>>>()?;
        let edge = |panel: &Value| {
            let side = |key: &str| panel.pointer(key).and_then(Value::as_u64).unwrap_or_default();
            side("/gridPos/y") + side("/gridPos/h")
        };
        let rows = panels.iter().map(edge).max().unwrap_or_default();
        let told: Vec<String> =
            variables.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let data = json!({
            "board": board, "results": results, "start": start, "end": now, "step": step,
            "variables": told.join(", "),
        });
        shoot(&data, rows * 36 + 80, picture)
    }

    /// Each variable of a dashboard with its value.
    fn variables(&self, board: &Value) -> Result<Vec<(String, String)>> {
        let mut values: Vec<(String, String)> = Vec::new();
        for variable in list(board, "/templating/list") {
            let name = text(variable, "name").to_owned();
            let mut given = self.variable.iter().filter_map(|given| given.split_once('='));
            let given = given.rfind(|(known, _)| *known == name);
            let value = match (given, variable.pointer("/query/query").and_then(Value::as_str)) {
                (Some((_, value)), _) => value.to_owned(),
                // The data source itself.
                (None, None) => continue,
                (None, Some(_)) if variable.get("allValue").is_some() => ".*".to_owned(),
                (None, Some(query)) => self.first(&fill(query, &values, 1))?,
            };
            values.push((name, value));
        }
        Ok(values)
    }

    /// The first value of `label_values(SERIES, LABEL)`.
    fn first(&self, query: &str) -> Result<String> {
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = inner
            .and_then(|inner| inner.rsplit_once(", "))
            .ok_or_else(|| Error::new(format!("variable {query}: not label_values")))?;
        let found = self.ask(&format!("query?query={}", escape(series)))?;
        let value = found.pointer(&format!("/0/metric/{label}")).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| Error::new(format!("variable {query}: no series")))
    }

    /// The result of a query.
    fn ask(&self, question: &str) -> Result<Value> {
        let path = format!("/api/v1/{question}");
        let answer = http::request(&self.prometheus, "GET", &path, "")?;
        let body: Value = serde_json::from_str(&answer.body).context("prometheus")?;
        let result = body.pointer("/data/result").cloned();
        result.ok_or_else(|| Error::new(format!("prometheus: {question}: {}", answer.body)))
    }
}

/// Has Chromium take the picture of the page with `data`, `height` pixels high.
fn shoot(data: &Value, height: u64, picture: &Path) -> Result<()> {
    let page = include_str!("../dashboard/page.html");
    // `</` would end the script that the data stands in.
    let data = data.to_string().replace("</", "<\\/");
    let target = layout::root()?.join("target/xtask");
    layout::make(&target)?;
    let file = target.join("dashboard.html");
    fs::write(&file, page.replace("/*DATA*/null", &data)).context(file.display())?;
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"]);
    chromium.arg(format!("--window-size=1600,{height}"));
    chromium.arg(format!("--screenshot={}", picture.display()));
    chromium.arg(format!("file://{}", file.display()));
    process::run(&mut chromium, "chromium")
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Variables replaced; a rate looks back over four scrapes, as Grafana makes it.
fn fill(query: &str, variables: &[(String, String)], step: u64) -> String {
    let interval = format!("{}s", (step + 5).max(20));
    let query = query.replace("$__rate_interval", &interval);
    let put =
        |query: String, (name, value): &(String, String)| query.replace(&format!("${name}"), value);
    variables.iter().fold(query, put)
}

/// As a query string's value (RFC 3986).
fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::{escape, fill};

    #[test]
    fn query_gets_values_for_its_variables() {
        let variables = [("connector".to_owned(), "c".to_owned())];
        let filled = fill("rate(a{b=\"$connector\"}[$__rate_interval])", &variables, 5);
        assert_eq!(filled, "rate(a{b=\"c\"}[20s])");
    }

    #[test]
    fn everything_but_letters_and_digits_is_escaped() {
        assert_eq!(escape("a{b=\"ü\"}"), "a%7Bb%3D%22%C3%BC%22%7D");
    }
}
