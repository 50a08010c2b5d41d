//! One case: a folder of data, its steps, and what it left in Kafka.
//!
//! A folder holds `connector.json` (options over [`connector::config`]), and perhaps `setup.sql` (before the
//! connector), `stream.sql` (once it streams), `steps.json` (in place of connector, streaming, `stream.sql`),
//! `case.json`, `failed.txt` (the trace of a connector that ends FAILED), `registered.json` (what it registered, in
//! order); and always `expected.jsonl`, the records that Debezium 3.6.3.Final wrote under Connect 4.3.0.
//! `${name}`, `${db}`, `${port}`, `${boot}`, `${registry}` and `${dir}` are replaced in all of them.
//!
//! `case.json` says what not to compare, and what the case needs: `extension` and `postgres` (the least major version)
//! of the server, `registry` (one of its own), `worker` (properties, and variables as `environment`, of a worker of its
//! own).
//!
//! Where walbridge deliberately writes what Debezium loses or garbles, a folder of the same name in `corrections` holds
//! `expected.jsonl` in the place of the case's own and `WHY`, one sentence. Where Debezium dies it also holds the
//! `steps.json` to take, and a `failed.txt` counts only if it stands there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

use super::compare::{Compare, Shown, differences, registrations, schemas};
use crate::connector;
use crate::http::{Reply, Rest, traces};
use crate::kafka::{self, Tap};
use crate::lab::{Lab, Outcome, Sandbox, deadline};
use crate::registry::Registry;
use crate::worker::Worker;

/// The longest wait of a step.
const STEP_MAX: Duration = Duration::from_secs(60);

/// How long nothing may come until all is recorded: Connect is slower than what is usually compared.
const RECORDING_IDLE: Duration = Duration::from_secs(4);

/// Runs a case; each difference is a line.
pub(super) async fn run(lab: &Lab, rest: &Rest, path: &str, dir: &Path) -> Outcome<Vec<String>> {
    let folder = dir.file_name().ok_or("case without a name")?.to_string_lossy();
    let plain = folder.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let files = Files::open(dir)?;
    if let Some(missing) = missing(lab, rest, &files).await? {
        println!("{folder}: did not run, {missing}");
        return Ok(Vec::new());
    }
    // Recorded is what Debezium does, never what stands in for it.
    let files = if super::is_recording() { Files { correction: None, ..files } } else { files };
    let meta = files.meta()?;
    let body = async |sandbox: &Sandbox| {
        let own = own_worker(sandbox, path, &meta["worker"]).await?;
        let rest = own.as_ref().map_or(rest, |own| &own.rest);
        let mut case = Case::open(sandbox, rest, files, &plain).await?;
        let ended = case.play().await;
        let compared = match ended {
            Ok(()) if super::is_recording() => case.record().await,
            Ok(()) => case.compare().await,
            Err(error) => Err(error),
        };
        case.remove_connector().await?;
        compared
    };
    if meta["registry"] == true {
        Sandbox::as_long_as(lab, &plain, body).await
    } else {
        Sandbox::with(lab, &plain, body).await
    }
}

/// What the case needs and the services do not have.
async fn missing(lab: &Lab, rest: &Rest, files: &Files<'_>) -> Outcome<Option<String>> {
    let meta = files.meta()?;
    if let Some(extension) = meta["extension"].as_str() {
        let query = format!("SELECT 1 FROM pg_available_extensions WHERE name = '{extension}'");
        if lab.postgres.ask("postgres", &query).await?.is_none() {
            return Ok(Some(format!("the server has no extension {extension}")));
        }
    }
    if let Some(least) = meta["postgres"].as_u64() {
        let major = "SELECT current_setting('server_version_num')::int / 10000";
        let major = lab.postgres.ask("postgres", major).await?.ok_or("server without a version")?;
        if major.parse::<u64>()? < least {
            return Ok(Some(format!("the server is of version {major}, not {least}")));
        }
    }
    if !super::is_foreign() {
        return Ok(None);
    }
    if !meta["worker"].is_null() {
        return Ok(Some("it needs a worker of its own".to_owned()));
    }
    let config = files.read("connector.json")?.ok_or("no connector.json")?;
    let config: Value = serde_json::from_str(&config)?;
    let plugins = rest.get("/connector-plugins?connectorsOnly=false").await?.json();
    let plugins = plugins.as_array().map_or(&[][..], Vec::as_slice);
    let given = ["key.converter", "value.converter"].map(|option| config[option].as_str());
    let unknown = given.into_iter().flatten().find(|class| {
        // Aliases are the class's last part, which no plugin is listed by.
        class.contains('.') && !plugins.iter().any(|plugin| plugin["class"] == **class)
    });
    Ok(unknown.map(|class| format!("the worker has no {class}")))
}

/// The worker that `case.json` describes.
async fn own_worker(sandbox: &Sandbox, path: &str, told: &Value) -> Outcome<Option<Worker>> {
    let Some(told) = told.as_object() else { return Ok(None) };
    let mut worker = Worker::new(sandbox, "own", &[("walbridge.encoder.path", path)])?;
    for (key, value) in told {
        match value {
            Value::String(value) => worker.set(key, value),
            Value::Object(variables) if key == "environment" => {
                for (name, value) in variables {
                    worker.set_variable(name, value.as_str().ok_or("environment: not a text")?);
                }
            }
            _ => return Err(format!("case.json: worker: {key} is not a text").into()),
        }
    }
    worker.start().await?;
    Ok(Some(worker))
}

struct Case<'a> {
    sandbox: &'a Sandbox,
    rest: &'a Rest,
    files: Files<'a>,
    /// The name that the case had when it was captured.
    plain: &'a str,
    compare: Compare,
    config: Map<String, Value>,
    tap: Tap,
    /// Answers that the case keeps as records.
    captured: Vec<Shown>,
    put: Option<Reply>,
    /// The registry of a case that needs one.
    registry: Option<Registry>,
}

impl<'a> Case<'a> {
    async fn open(
        sandbox: &'a Sandbox,
        rest: &'a Rest,
        files: Files<'a>,
        plain: &'a str,
    ) -> Outcome<Self> {
        let dir = files.case;
        let meta = files.meta()?;
        let compare = Compare::parse(&meta)?;
        let registry = if meta["registry"] == true { Some(Registry::start().await?) } else { None };
        let fill = |text: &str| fill(sandbox, registry.as_ref(), dir, text);
        let topics = compare.topics.clone();
        let topics = topics.unwrap_or(r"(__debezium-heartbeat\.)?${name}(\..*)?".to_owned());
        let topics = fill(&topics);
        let tap = Tap::new(&sandbox.lab.bootstrap, &topics)?.without(compare.quiet().cloned());
        let mut config = connector::config(sandbox);
        let own = files.read("connector.json")?.ok_or("no connector.json")?;
        connector::merge(&mut config, serde_json::from_str(&fill(&own))?);
        let captured = Vec::new();
        Ok(Self {
            sandbox,
            rest,
            files,
            plain,
            compare,
            config,
            tap,
            captured,
            put: None,
            registry,
        })
    }

    fn fill(&self, text: &str) -> String {
        fill(self.sandbox, self.registry.as_ref(), self.files.case, text)
    }

    /// The text, or what the file that it names (`@file`) holds.
    fn text(&self, text: &str) -> Outcome<String> {
        let Some(file) = text.strip_prefix('@') else { return Ok(self.fill(text)) };
        let held = self.files.read(file)?.ok_or_else(|| format!("no file {file}"))?;
        Ok(self.fill(&held))
    }

    async fn play(&mut self) -> Outcome<()> {
        if let Some(setup) = self.files.read("setup.sql")? {
            self.sandbox.sql(&self.fill(&setup)).await?;
        }
        let steps = match self.files.read("steps.json")? {
            Some(text) => serde_json::from_str(&text)?,
            None if self.files.read("stream.sql")?.is_some() => {
                json!([{"connector": 1}, {"streaming": 1}, {"sql": "@stream.sql"}])
            }
            None => json!([{"connector": 1}, {"streaming": 1}]),
        };
        for step in steps.as_array().ok_or("steps.json: not an array")? {
            let step = step.as_object().filter(|step| step.len() == 1);
            let (verb, argument) = step
                .and_then(|step| step.iter().next())
                .ok_or("steps.json: not one verb a step")?;
            self.step(verb, argument).await.map_err(|error| format!("{verb}: {error}"))?;
        }
        Ok(())
    }

    async fn step(&mut self, verb: &str, argument: &Value) -> Outcome<()> {
        let number = argument.as_f64().unwrap_or_default();
        let text = argument.as_str().unwrap_or_default();
        match verb {
            "connector" => self.put().await,
            "config" => {
                let changes = serde_json::from_str(&self.fill(&argument.to_string()))?;
                connector::merge(&mut self.config, changes);
                self.put().await
            }
            "sql" => self.sandbox.sql(&self.text(text)?).await,
            "sqls" => self.one_session(argument).await,
            "sleep" => self.tap.poll(Duration::from_secs_f64(number)),
            "idle" => self.tap.idle(Duration::from_secs_f64(number)),
            "records" => self.records(argument),
            "rest" => self.ask(argument).await?.success("request").map(|_| ()),
            "capture" => self.capture(argument).await,
            "state" => self.rest.wait_state(&self.sandbox.id, text).await,
            "produce" => self.produce(argument).await,
            "fails" => self.fails(text).await,
            "streaming" => self.streaming().await,
            _ => Err("unknown step".into()),
        }
    }

    async fn put(&mut self) -> Outcome<()> {
        let path = format!("/connectors/{}/config", self.sandbox.id);
        let config = Value::Object(self.config.clone());
        self.put = Some(self.rest.put(&path, Some(&config)).await?);
        Ok(())
    }

    async fn one_session(&self, statements: &Value) -> Outcome<()> {
        let client = self.sandbox.lab.postgres.session(&self.sandbox.database).await?;
        for statement in statements.as_array().ok_or("not an array")? {
            let statement = self.fill(statement.as_str().ok_or("not a text")?);
            client.simple_query(&statement).await?;
        }
        Ok(())
    }

    /// Captured answers count as records, as they did when the case was captured.
    fn records(&mut self, count: &Value) -> Outcome<()> {
        let count = usize::try_from(count.as_u64().ok_or("not a count")?)?;
        let wanted = count.saturating_sub(self.captured.len());
        if self.tap.until(wanted, STEP_MAX)? {
            return Ok(());
        }
        Err(format!("{wanted} awaited, {} came", self.tap.records.len()).into())
    }

    async fn ask(&self, argument: &Value) -> Outcome<Reply> {
        let request: Value = serde_json::from_str(&self.fill(&argument.to_string()))?;
        let method = request[0].as_str().ok_or("no method")?;
        let path = request[1].as_str().ok_or("no path")?;
        self.rest.command(method, path, request.get(2)).await
    }

    async fn capture(&mut self, argument: &Value) -> Outcome<()> {
        let reply = self.ask(argument).await?;
        let request = |part: usize| argument[part].as_str().unwrap_or_default();
        let topic = format!("rest:{} {}", request(0), self.fill(request(1)));
        let body = if reply.body.is_empty() { "null".to_owned() } else { reply.body };
        self.captured.push(Shown::answer(topic, reply.status, body));
        Ok(())
    }

    async fn produce(&self, argument: &Value) -> Outcome<()> {
        let text = |part: &str| match &argument[part] {
            Value::Null => None,
            Value::String(text) => Some(self.fill(text)),
            other => Some(self.fill(&other.to_string())),
        };
        let topic = text("topic").ok_or("no topic")?;
        let (key, value) = (text("key"), text("value"));
        kafka::produce(&self.sandbox.lab.bootstrap, &topic, key.as_deref(), value.as_deref()).await
    }

    async fn fails(&self, pattern: &str) -> Outcome<()> {
        let pattern = Regex::new(pattern)?;
        let refused = self.put.iter().filter(|reply| reply.status >= 400);
        let refused: String = refused.map(|reply| reply.body.as_str()).collect();
        deadline("failure", STEP_MAX, async || {
            let status = self.rest.status(&self.sandbox.id).await.unwrap_or_default();
            let said = format!("{refused}{}", traces(&status));
            if pattern.is_match(&said).unwrap_or(false) { Ok(()) } else { Err(said) }
        })
        .await
    }

    /// Waits for the slot to stream; a task that fails meanwhile ends the wait. In a case that ends FAILED that is no
    /// error: Connect streams before its transforms and converters see the first record of the snapshot, walbridge after.
    async fn streaming(&mut self) -> Outcome<()> {
        if let Some(reply) = &self.put {
            reply.clone().success("PUT config")?;
        }
        let slot = self.config.get("slot.name").and_then(Value::as_str).unwrap_or("debezium");
        let failed = deadline("failure", STEP_MAX, async || {
            let status = self.rest.status(&self.sandbox.id).await.unwrap_or_default();
            let trace = traces(&status);
            if trace.is_empty() { Err("none") } else { Ok(trace) }
        });
        tokio::select! {
            streaming = self.sandbox.lab.postgres.wait_streaming(slot) => streaming?,
            trace = failed => {
                let trace = trace?;
                if self.files.read("failed.txt")?.is_none() {
                    return Err(format!("FAILED: {trace}").into());
                }
            }
        }
        self.tap.poll(Duration::from_millis(300))
    }

    async fn compare(&mut self) -> Outcome<Vec<String>> {
        let expected = self.files.read("expected.jsonl")?.ok_or("no expected.jsonl")?;
        let lines = expected.split('\n').filter(|line| !line.is_empty());
        let expected = lines.map(Shown::parse).collect::<Outcome<Vec<_>>>()?;
        let loud = expected.iter().filter(|shown| !self.compare.is_quiet(&shown.topic)).count();
        self.tap.until(loud.saturating_sub(self.captured.len()), STEP_MAX)?;
        self.tap.idle(self.compare.idle)?;
        let read_back = self.tap.records.iter().map(Shown::record);
        let got = self.captured.iter().cloned().chain(read_back);
        let got = got.map(|shown| shown.renamed(&self.sandbox.id, self.plain)).collect::<Vec<_>>();
        let (expected, got, mut wrong) = self.registered(expected, got)?;
        wrong.extend(differences(&self.compare, &expected, &got));
        wrong.extend(self.failure().await?);
        Ok(wrong)
    }

    /// How the registrations differ; records with what they hold by the schemas that were registered.
    fn registered(
        &self,
        expected: Vec<Shown>,
        got: Vec<Shown>,
    ) -> Outcome<(Vec<Shown>, Vec<Shown>, Vec<String>)> {
        let Some(registry) = &self.registry else { return Ok((expected, got, Vec::new())) };
        let due = self.files.read("registered.json")?.ok_or("no registered.json")?;
        let due: Vec<Value> = serde_json::from_str(&due)?;
        let has = Value::Array(registry.registrations()).to_string();
        let has: Vec<Value> = serde_json::from_str(&has.replace(&self.sandbox.id, self.plain))?;
        let wrong = registrations(&due, &has).into_iter().collect();
        if !self.compare.is_avro {
            return Ok((expected, got, wrong));
        }
        let decode = |records: Vec<Shown>, registered: &[Value]| -> Outcome<Vec<Shown>> {
            let schemas = schemas(registered)?;
            records.into_iter().map(|shown| shown.decoded(&schemas)).collect()
        };
        Ok((decode(expected, &due)?, decode(got, &has)?, wrong))
    }

    /// Writes what came in the place of what was expected.
    async fn record(&mut self) -> Outcome<Vec<String>> {
        self.tap.idle(self.compare.idle.max(RECORDING_IDLE))?;
        let read_back = self.tap.records.iter().map(Shown::record);
        let got = self.captured.iter().cloned().chain(read_back);
        let got = got.map(|shown| shown.renamed(&self.sandbox.id, self.plain).line() + "\n");
        std::fs::write(self.files.case.join("expected.jsonl"), got.collect::<String>())?;
        let failed = self.files.case.join("failed.txt");
        let said = self.said().await;
        let lines = said.lines().filter(|line| !line.is_empty() && !line.starts_with('\t'));
        let said: String = lines.map(|line| format!("{line}\n")).collect();
        if !said.is_empty() {
            std::fs::write(failed, said)?;
        } else if failed.exists() {
            std::fs::remove_file(failed)?;
        }
        Ok(Vec::new())
    }

    /// What the connector, or the refusal of its configuration, says of a failure.
    async fn said(&self) -> String {
        let status = self.rest.status(&self.sandbox.id).await.unwrap_or_default();
        let trace = traces(&status).replace(&self.sandbox.id, self.plain);
        let refused = self.put.as_ref().filter(|reply| reply.status >= 400);
        let said = match refused {
            Some(reply) if status.is_null() => {
                let told = reply.json();
                let message = told["message"].as_str().unwrap_or(&reply.body);
                format!("{} {message}", reply.status)
            }
            _ => trace,
        };
        said.replace(&*self.files.case.to_string_lossy(), "${dir}")
    }

    /// How the trace of the failure differs: its first and last line count, frames do not.
    async fn failure(&self) -> Outcome<Option<String>> {
        let due = self.files.read("failed.txt")?.unwrap_or_default();
        if due.is_empty() && self.files.read("steps.json")?.is_some() {
            return Ok(None);
        }
        let (due, got) = (ends(&due)?, ends(&self.said().await)?);
        Ok((due != got).then(|| format!("failure: expected {due:?}, got {got:?}")))
    }

    /// Takes the connector away with its offsets, so that a worker that lives on keeps nothing of it.
    async fn remove_connector(&self) -> Outcome<()> {
        let path = format!("/connectors/{}", self.sandbox.id);
        if self.rest.get(&path).await?.status == 404 {
            return Ok(());
        }
        self.rest.command("PUT", &format!("{path}/stop"), None).await?;
        self.rest.wait_state(&self.sandbox.id, "STOPPED").await?;
        deadline("offsets deleted", Duration::from_secs(60), async || {
            match self.rest.delete(&format!("{path}/offsets")).await {
                Ok(reply) if matches!(reply.status, 200 | 404) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
        self.rest.command("DELETE", &path, None).await?.success("delete").map(|_| ())
    }
}

/// A case's files, and those that stand in for them.
struct Files<'a> {
    case: &'a Path,
    correction: Option<PathBuf>,
}

impl<'a> Files<'a> {
    fn open(case: &'a Path) -> Outcome<Self> {
        let name = case.file_name().ok_or("case without a name")?;
        let correction = case.join("../../corrections").join(name);
        if !correction.exists() {
            return Ok(Self { case, correction: None });
        }
        let why = read(&correction, "WHY")?.unwrap_or_default();
        if why.trim().is_empty() || why.trim().lines().count() > 1 {
            return Err("the correction's WHY is not one sentence".into());
        }
        if read(&correction, "expected.jsonl")? == read(case, "expected.jsonl")? {
            return Err("the correction corrects nothing".into());
        }
        Ok(Self { case, correction: Some(correction) })
    }

    /// `case.json`.
    fn meta(&self) -> Outcome<Value> {
        match self.read("case.json")? {
            Some(text) => Ok(serde_json::from_str(&text)?),
            None => Ok(json!({})),
        }
    }

    fn read(&self, file: &str) -> Outcome<Option<String>> {
        let Some(correction) = &self.correction else { return read(self.case, file) };
        match (read(correction, file)?, file) {
            (None, "failed.txt") => Ok(None),
            (None, "expected.jsonl") => Err("the correction has no expected.jsonl".into()),
            (None, _) => read(self.case, file),
            (held, _) => Ok(held),
        }
    }
}

fn read(dir: &Path, file: &str) -> Outcome<Option<String>> {
    match std::fs::read_to_string(dir.join(file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{file}: {error}").into()),
    }
}

fn fill(sandbox: &Sandbox, registry: Option<&Registry>, dir: &Path, text: &str) -> String {
    let registry = registry.map_or("${registry}", |registry| registry.url.as_str());
    text.replace("${name}", &sandbox.id)
        .replace("${db}", &sandbox.database)
        .replace("${port}", &sandbox.lab.postgres.port.to_string())
        .replace("${boot}", &sandbox.lab.bootstrap)
        .replace("${registry}", registry)
        .replace("${dir}", &dir.to_string_lossy())
}

/// First and last line of a trace without its frames, numbers and addresses aside.
fn ends(trace: &str) -> Outcome<Vec<String>> {
    let changing = Regex::new(r"SourceRecord\{.*|\d{4,}|@[0-9a-f]{5,8}\b")?;
    let lines: Vec<_> =
        trace.lines().filter(|line| !line.is_empty() && !line.starts_with('\t')).collect();
    let last = lines.last().filter(|_| lines.len() > 1);
    Ok(lines
        .first()
        .into_iter()
        .chain(last)
        .map(|line| changing.replace_all(line, "<>").into_owned())
        .collect())
}
