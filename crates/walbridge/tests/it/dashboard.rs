//! Our dashboards and alert rules against a real Prometheus that scrapes a real worker at work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fancy_regex::Regex;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::connector::config_with;
use crate::http::Rest;
use crate::lab::{self, Outcome, Sandbox, deadline};
use crate::worker::Worker;

/// How long a query may find nothing: a few scrapes.
const LONGEST: Duration = Duration::from_secs(60);

/// Queries that rightly find nothing on a healthy connector, by a part of them, and why.
const SILENT: [(&str, &str); 2] = [
    ("cdc_source_reconnects_total", "nothing broke"),
    ("cdc_snapshot_eta_seconds", "the snapshot is over"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_query_of_our_dashboards_finds_series() {
    lab::test("dashboard", 2, async |sandbox| {
        let metrics = format!("127.0.0.1:{}", free_port()?);
        let listener = format!("http://{metrics}");
        let mut worker =
            Worker::new(sandbox, "dashboard", &[("metrics.listeners", listener.as_str())])?;
        worker.start().await?;
        let Some(prometheus) = Prometheus::start(sandbox, &metrics).await? else { return Ok(()) };
        // The server tells how much room is left only where there is a limit; no test comes near this one.
        let limit = "ALTER SYSTEM SET max_slot_wal_keep_size = '100GB'; SELECT pg_reload_conf()";
        sandbox.sql(limit).await?;
        sandbox.sql("CREATE TABLE a (id int PRIMARY KEY, t text)").await?;
        sandbox
            .sql("INSERT INTO a SELECT g, 'x' FROM generate_series(1, 1000) g; ANALYZE a")
            .await?;
        let path = format!("/connectors/{}/config", sandbox.id);
        let config = config_with(sandbox, json!({}));
        worker.rest.put(&path, Some(&config)).await?.success("PUT config")?;
        sandbox.wait_streaming().await?;
        let mut unanswered = BTreeSet::new();
        for (place, query) in queries(sandbox)? {
            if SILENT.iter().any(|(part, _why)| query.contains(part)) {
                continue;
            }
            let asked = deadline(&place, LONGEST, async || {
                // Rates need something that moves.
                let moves = sandbox.sql(MOVES).await;
                moves.map_err(|error| error.to_string())?;
                prometheus.finds(&query).await
            });
            if let Err(error) = asked.await {
                unanswered.insert(error.to_string());
            }
        }
        sandbox.sql(MOVES).await?;
        for query in selectors() {
            let asked = deadline(&query, LONGEST, async || prometheus.finds(&query).await);
            if let Err(error) = asked.await {
                unanswered.insert(error.to_string());
            }
        }
        if unanswered.is_empty() {
            return Ok(());
        }
        Err(Vec::from_iter(unanswered).join("\n").into())
    })
    .await;
}

/// One change of each kind.
const MOVES: &str = "UPDATE a SET t = t || 'y' WHERE id < 10; INSERT INTO a VALUES (1001, 'x'); \
                     DELETE FROM a WHERE id = 1001";

/// What known dashboards of others ask for, by name and labels, as queries that count series: an idle average is no
/// number, and still there.
fn selectors() -> Vec<String> {
    let lines = include_str!("../../../exporter/tests/it/selectors").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let labels: Vec<String> = words.map(|label| format!("{label}!=\"\"")).collect();
            format!("count({name}{{{}}})", labels.join(","))
        })
        .collect()
}

/// Each query with its place, variables replaced.
fn queries(sandbox: &Sandbox) -> Outcome<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let label_values = Regex::new(r"^label_values\((.*), \w+\)$")?;
    let mut queries = Vec::new();
    for entry in fs::read_dir(root.join("grafana/dashboards"))? {
        let file = entry?.path();
        let board: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let name = board["uid"].as_str().ok_or("a dashboard without a uid")?;
        for panel in board["panels"].as_array().into_iter().flatten() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().ok_or("a target without a query")?;
                queries.push((format!("{name}: {}", panel["title"]), query.to_owned()));
            }
        }
        for variable in board["templating"]["list"].as_array().into_iter().flatten() {
            if let Some(query) = variable["query"]["query"].as_str() {
                let found = label_values.captures(query)?.and_then(|found| found.get(1));
                let series = found.ok_or_else(|| format!("{name}: variable {query}"))?;
                queries
                    .push((format!("{name}: ${}", variable["name"]), series.as_str().to_owned()));
            }
        }
    }
    // A rule finds nothing as long as all is well; each selector in it does.
    let rules = fs::read_to_string(root.join("prometheus/rules.yml"))?;
    let selector = Regex::new(r"\b(?:cdc|pg)_\w+")?;
    for line in rules.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for found in selector.find_iter(line) {
            queries.push((format!("rules: {}", line.trim()), found?.as_str().to_owned()));
        }
    }
    for (_, query) in &mut queries {
        let known =
            [("$__rate_interval", "10s"), ("$connector", &sandbox.id), ("$slot", &sandbox.id)];
        for (variable, value) in known {
            *query = query.replace(variable, value);
        }
    }
    Ok(queries)
}

/// A Prometheus of this test's own.
#[derive(Debug)]
struct Prometheus {
    rest: Rest,
    dir: PathBuf,
    _process: Child,
}

impl Prometheus {
    /// Starts one that scrapes `target` every second. `None`, said aloud, when there is none.
    async fn start(sandbox: &Sandbox, target: &str) -> Outcome<Option<Self>> {
        let dir = std::env::temp_dir().join(format!("walbridge-it-{}-prometheus", sandbox.id));
        fs::create_dir_all(&dir)?;
        let config = json!({
            "global": { "scrape_interval": "1s" },
            "scrape_configs": [{ "job_name": "w", "static_configs": [{ "targets": [target] }] }],
        });
        let file = dir.join("prometheus.yml");
        fs::write(&file, config.to_string())?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let log = fs::File::create(dir.join("log"))?;
        let spawned = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        let process = match spawned {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let required = std::env::var("REQUIRE_PROMETHEUS").is_ok_and(|set| !set.is_empty());
                if required {
                    return Err("REQUIRE_PROMETHEUS is set, there is no prometheus".into());
                }
                println!("dashboard: did not run, there is no prometheus");
                return Ok(None);
            }
            spawned => spawned?,
        };
        let rest = Rest::new(&address);
        deadline("prometheus answers", LONGEST, async || match rest.get("/-/ready").await {
            Ok(reply) if reply.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await?;
        Ok(Some(Self { rest, dir, _process: process }))
    }

    /// Whether the query has a result with a number in it; the refusal says what came instead.
    async fn finds(&self, query: &str) -> Result<(), String> {
        let path = format!("/api/v1/query?query={}", escape(query));
        let reply = self.rest.get(&path).await.map_err(|error| error.to_string())?;
        let result = &reply.json()["data"]["result"];
        let values = result.as_array().map_or(&[][..], Vec::as_slice);
        let is_number =
            |value: &Value| value["value"][1].as_str().is_some_and(|text| text != "NaN");
        if values.iter().any(is_number) { Ok(()) } else { Err(format!("{query}: {}", reply.body)) }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if !std::thread::panicking() && fs::remove_dir_all(&self.dir).is_err() {
            println!("{}: left behind", self.dir.display());
        }
    }
}

fn free_port() -> Outcome<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// As a query string's value (RFC 3986).
fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
