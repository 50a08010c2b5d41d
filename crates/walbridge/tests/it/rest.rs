//! The captured REST conversations of `tests/parity/rest`, answer by answer. Where a capture shows an accident of the
//! real worker, `tests/parity/corrections/rest` holds what is right, and why.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use fancy_regex::Regex;
use futures_util::stream::{self, StreamExt as _};

use crate::json::Json;
use crate::lab::{self, Lab, Outcome, Sandbox};
use crate::worker::Worker;

mod exchange;
mod shape;

use exchange::Answer;

/// How long an answer may take to become the expected one.
const PATIENCE: Duration = Duration::from_secs(45);

/// The properties of the worker that one case is about.
const SPECIAL: &[(&str, &str)] = &[
    ("topic.tracking.enable", "false"),
    ("connector.client.config.override.policy", "Principal"),
    ("admin.listeners", ""),
    ("access.control.allow.origin", "*"),
    ("access.control.allow.methods", "GET,POST"),
    ("response.http.headers.config", "set X-Frame-Options: DENY, add Cache-Control: no-store"),
    ("exactly.once.source.support", "enabled"),
    ("config.providers", "env"),
    ("config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"),
];

/// Cases that see all connectors of their worker, or change what belongs to all: each has the worker to itself.
const ALONE: &[&str] = &[
    "content-types",
    "create-errors",
    "create-life",
    "head-options",
    "loggers",
    "names-bad",
    "names-odd",
    "paths-methods",
    "root-health",
];

/// How many of the others share a worker at a time.
const AT_A_TIME: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_conversation_agrees_with_its_capture() {
    let wanted = |case: &str| case != "special-worker" && !ALONE.contains(&case);
    agree("rest", &[], AT_A_TIME, wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_conversation_about_the_whole_worker_agrees_with_its_capture() {
    agree("rest-alone", &[], 1, |case| ALONE.contains(&case)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_options_of_its_own_agrees_with_its_capture() {
    agree("rest-special", SPECIAL, 1, |case| case == "special-worker").await;
}

async fn agree(
    test: &str,
    properties: &[(&str, &str)],
    at_a_time: usize,
    wanted: impl Fn(&str) -> bool,
) {
    let Some(lab) = lab::open(test) else { return };
    let ended = Sandbox::with(&lab, test, async |sandbox| {
        let mut worker = Worker::new(sandbox, "rest", properties)?;
        worker.set_variable("WB_MODE", "initial");
        // Some conversations see an offset soon after a row.
        worker.set("offset.flush.interval.ms", "1000");
        worker.start().await?;
        let cases = cases()?.into_iter().filter(|case| wanted(case));
        let found = stream::iter(cases)
            .map(async |case| {
                let _slot = lab::reserve(1).await;
                let started = Instant::now();
                let found = Conversation::new(&lab, sandbox, &worker, &case)?.run().await?;
                let verdict = if found.is_empty() { "ok" } else { "FAILED" };
                println!("{case}: {verdict} after {:.1?}", started.elapsed());
                Ok(found.into_iter().map(|line| format!("{case}: {line}")).collect::<Vec<_>>())
            })
            .buffer_unordered(at_a_time)
            .collect::<Vec<Outcome<Vec<String>>>>()
            .await;
        let wrong = found.into_iter().collect::<Outcome<Vec<_>>>()?.concat();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
    });
    if let Err(error) = ended.await {
        panic!("{test}: {error}");
    }
}

fn parity() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity")
}

fn cases() -> Outcome<Vec<String>> {
    let only = Regex::new(&std::env::var("WALBRIDGE_TEST_CASES").unwrap_or_default())?;
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(parity().join("rest"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".json").to_owned();
        if only.is_match(&name)? {
            cases.push(name);
        }
    }
    cases.sort();
    Ok(cases)
}

/// One case on its way.
struct Conversation<'a> {
    lab: &'a Lab,
    authority: String,
    name: String,
    steps: Vec<Json>,
    corrections: Vec<(String, Json)>,
}

impl<'a> Conversation<'a> {
    fn new(lab: &'a Lab, sandbox: &Sandbox, worker: &Worker, case: &str) -> Outcome<Self> {
        let name = format!("r_{case}_{}", sandbox.id).replace('-', "_");
        let authority = worker.rest.authority().to_owned();
        let mut conversation =
            Self { lab, authority, name, steps: Vec::new(), corrections: Vec::new() };
        let parse = |path: &Path| -> Outcome<Json> {
            let text = conversation.substitute(&std::fs::read_to_string(path)?);
            Json::parse(&text).ok_or_else(|| format!("{}: not JSON", path.display()).into())
        };
        let steps = parse(&parity().join(format!("rest/{case}.json")))?;
        let corrected = parity().join(format!("corrections/rest/{case}/expected.json"));
        let corrections = if corrected.exists() { Some(parse(&corrected)?) } else { None };
        if let Json::Array(steps) = steps {
            conversation.steps = steps;
        }
        if let Some(Json::Object(corrections)) = corrections {
            conversation.corrections = corrections;
        }
        Ok(conversation)
    }

    fn substitute(&self, text: &str) -> String {
        let server = &self.lab.postgres;
        text.replace("${db}", &format!("d{}", self.name))
            .replace("${name}", &self.name)
            .replace("${pghost}", &server.host)
            .replace("${pgport}", &server.port.to_string())
            .replace("127.0.0.1:5433", &format!("{}:{}", server.host, server.port))
            .replace(
                "\"database.port\": \"5433\"",
                &format!("\"database.port\": \"{}\"", server.port),
            )
            .replace("database.port=5433", &format!("database.port={}", server.port))
            .replace("database.hostname=127.0.0.1", &format!("database.hostname={}", server.host))
            .replace(
                "\"database.hostname\": \"127.0.0.1\"",
                &format!("\"database.hostname\": \"{}\"", server.host),
            )
    }

    async fn run(&self) -> Outcome<Vec<String>> {
        let database = format!("d{}", self.name);
        self.lab.postgres.drop_database(&database).await?;
        let create = format!("CREATE DATABASE \"{database}\" TEMPLATE template0");
        self.lab.postgres.run("postgres", &create).await?;
        let mut wrong = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            if let Some(line) = self.step(at, step).await? {
                wrong.push(format!("step {at}: {line}"));
            }
        }
        self.clean().await?;
        self.lab.postgres.drop_database(&database).await?;
        Ok(wrong)
    }

    /// What is wrong with the answer, if the step asks something.
    async fn step(&self, at: usize, step: &Json) -> Outcome<Option<String>> {
        if let Some(sql) = step.text("sql") {
            self.lab.postgres.run(&format!("d{}", self.name), sql).await?;
        } else if let Some(seconds) = step.get("sleep") {
            let seconds: f64 = seconds.digits().unwrap_or("0").parse()?;
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        } else if step.text("slot").is_some() {
            self.lab.postgres.wait_streaming(&self.name).await?;
        } else if let Some(method) = step.text("method") {
            let answer = self.ask(method, step).await?;
            let corrected = self.corrections.iter().find(|(index, _)| *index == at.to_string());
            let expected = corrected.map(|(_, expected)| expected).or_else(|| step.get("expect"));
            let expected = expected.ok_or("a step without an expectation")?;
            let found = shape::difference(step, expected, &answer, &self.authority);
            let path = step.text("path").unwrap_or_default();
            return Ok(found.map(|line| format!("{method} {path}: {line}")));
        }
        Ok(None)
    }

    /// Asks until the answer is the one that the step waits for.
    async fn ask(&self, method: &str, step: &Json) -> Outcome<Answer> {
        let until =
            step.text("until").map(|pattern| Regex::new(&format!("(?s){pattern}"))).transpose()?;
        let status = step.get("until_status").and_then(Json::digits);
        let path = step.text("path").unwrap_or_default();
        let started = Instant::now();
        loop {
            let answer =
                exchange::send(&self.authority, method, path, &self.request(step)?).await?;
            let reached = match &until {
                Some(pattern) => pattern.is_match(&answer.body)?,
                None => status.is_none_or(|status| answer.status.to_string() == status),
            };
            if reached || started.elapsed() > PATIENCE {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// Headers and body.
    fn request(&self, step: &Json) -> Outcome<(String, String)> {
        let mut headers = vec![("Accept".to_owned(), Some("application/json".to_owned()))];
        let body = match (step.text("raw"), step.get("body")) {
            (Some(raw), _) => Some(raw.to_owned()),
            (None, Some(body)) => Some(shape::render(&self.expand(body))),
            (None, None) => None,
        };
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), Some("application/json".to_owned())));
        }
        if let Some(Json::Object(changes)) = step.get("headers") {
            for (name, value) in changes {
                headers.retain(|(known, _)| known != name);
                headers.push((name.clone(), value.as_text().map(str::to_owned)));
            }
        }
        let mut text = String::new();
        for (name, value) in headers {
            if let Some(value) = value {
                write!(text, "{name}: {value}\r\n")?;
            }
        }
        Ok((text, body.unwrap_or_default()))
    }

    /// `{"$base":1,…}` becomes a good configuration with these changes; null removes.
    fn expand(&self, body: &Json) -> Json {
        match body {
            Json::Object(fields) if fields.iter().any(|(name, _)| name == "$base") => {
                let mut all = self.base();
                for (name, value) in fields.iter().filter(|(name, _)| name != "$base") {
                    match all.iter_mut().find(|(known, _)| known == name) {
                        Some((_, known)) => known.clone_from(value),
                        None => all.push((name.clone(), value.clone())),
                    }
                }
                all.retain(|(_, value)| *value != Json::Null);
                Json::Object(all)
            }
            Json::Object(fields) => {
                let expand = |(name, value): &(String, Json)| (name.clone(), self.expand(value));
                Json::Object(fields.iter().map(expand).collect())
            }
            Json::Array(items) => Json::Array(items.iter().map(|item| self.expand(item)).collect()),
            other => other.clone(),
        }
    }

    fn base(&self) -> Vec<(String, Json)> {
        let (server, name) = (&self.lab.postgres, self.name.as_str());
        let (port, database) = (server.port.to_string(), format!("d{name}"));
        let json = "org.apache.kafka.connect.json.JsonConverter";
        [
            ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
            ("tasks.max", "1"),
            ("database.hostname", server.host.as_str()),
            ("database.port", port.as_str()),
            ("database.user", "postgres"),
            ("database.password", "postgres"),
            ("database.dbname", database.as_str()),
            ("topic.prefix", name),
            ("slot.name", name),
            ("publication.name", name),
            ("plugin.name", "pgoutput"),
            ("table.include.list", "public.t"),
            ("key.converter", json),
            ("value.converter", json),
            ("key.converter.schemas.enable", "false"),
            ("value.converter.schemas.enable", "false"),
        ]
        .map(|(key, value)| (key.to_owned(), Json::Text(value.to_owned())))
        .into()
    }

    /// Deletes what the case has left behind; a name that cannot be addressed stays in this worker's own topics.
    async fn clean(&self) -> Outcome<()> {
        let none = (String::new(), String::new());
        let answer = exchange::send(&self.authority, "GET", "/connectors", &none).await?;
        let Some(Json::Array(names)) = Json::parse(&answer.body) else { return Ok(()) };
        let own = names.iter().filter_map(Json::as_text).filter(|name| name.contains(&self.name));
        for name in own {
            let path = format!("/connectors/{}", exchange::encode(name));
            exchange::send(&self.authority, "DELETE", &path, &none).await?;
        }
        Ok(())
    }
}
