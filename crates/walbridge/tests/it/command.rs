//! The other commands of the binary: `check`, `tail`, `completions`, and what every command line has.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use fancy_regex::Regex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::connector::config_with;
use crate::kafka::Tap;
use crate::lab::{self, Outcome, Sandbox, deadline};
use crate::service::Stack;
use crate::worker::{Worker, binary};

/// No command that ends by itself takes longer.
const COMMAND_MAX: Duration = Duration::from_secs(60);
const PASSWORD: &str = "hunter2-of-the-test";

async fn run(arguments: &[&str]) -> Outcome<Output> {
    let child = Command::new(binary()).args(arguments).stdin(Stdio::null()).output();
    Ok(tokio::time::timeout(COMMAND_MAX, child).await??)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn command_line_explains_itself() {
    let told = |output: Output| (output.status.code(), stdout(&output));
    let (code, help) = told(run(&["--help"]).await.unwrap());
    assert!(
        code == Some(0) && help.contains("Examples:") && help.contains("walbridge check"),
        "{help}"
    );
    for command in ["worker", "check", "tail", "completions"] {
        let (code, help) = told(run(&[command, "--help"]).await.unwrap());
        assert!(code == Some(0) && help.contains("Usage: walbridge"), "{help}");
    }
    let (code, version) = told(run(&["--version"]).await.unwrap());
    assert!(
        code == Some(0) && version.starts_with("walbridge ") && version.contains("Debezium"),
        "{version}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = told(run(&["completions", shell]).await.unwrap());
        assert!(code == Some(0) && script.contains("create-publication"), "{script}");
    }
    assert_eq!(run(&["chekc"]).await.unwrap().status.code(), Some(2));
}

#[tokio::test]
async fn log_is_json_if_asked_for_and_levels_that_are_none_are_refused() {
    let output = run(&["--log-format", "json", "worker", "no/such.properties"]).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_str(stdout(&output).trim()).unwrap();
    assert_eq!((&line["level"], &line["target"]), (&json!("ERROR"), &json!("walbridge::cli")));
    assert!(line["error"].as_str().unwrap().contains("no/such.properties"), "{line}");
    let off = run(&["--log", "off", "worker", "no/such.properties"]).await.unwrap();
    assert_eq!(stdout(&off), "");
    let refused = run(&["--log", "pgoutput=loud", "worker"]).await.unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("pgoutput=loud"), "{refused:?}");
}

/// Files of one test; they go with it.
struct Files(PathBuf);

impl Files {
    fn new(sandbox: &Sandbox) -> Outcome<Self> {
        let dir = std::env::temp_dir().join(format!("walbridge-it-{}-files", sandbox.id));
        std::fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }

    fn write(&self, name: &str, text: &str) -> Outcome<String> {
        let path = self.0.join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What a check told: its exit code, and its findings that are not fine by name.
async fn check(arguments: &[&str]) -> Outcome<(Option<i32>, Vec<(String, Value)>)> {
    let output = run(&[&["check", "--json"], arguments].concat()).await?;
    let all = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
    if all.contains(PASSWORD) {
        return Err(format!("check shows the password: {all}").into());
    }
    let report: Value =
        serde_json::from_str(&stdout(&output)).map_err(|e| format!("{e}: {all}"))?;
    let checks = report["checks"].as_array().ok_or("no checks")?;
    let is = |check: &Value, verdict: &str| check["verdict"] == verdict;
    let strict = arguments.contains(&"--strict");
    let expected = i32::from(is(&report, "fail") || strict && is(&report, "warn"));
    if output.status.code() != Some(expected) {
        return Err(format!("check ended with {:?}: {all}", output.status).into());
    }
    // What else runs on the server says how many slots and senders are left.
    let others = |check: &&Value| check["check"] != "slots" && check["check"] != "senders";
    let wrong: Vec<_> = checks.iter().filter(|check| !is(check, "ok")).filter(others).collect();
    let fails = |check: &&Value| is(check, "fail") || strict;
    let code = i32::from(wrong.iter().any(fails));
    let named =
        |check: &Value| (check["check"].as_str().unwrap_or_default().to_owned(), check.clone());
    Ok((Some(code), wrong.into_iter().map(named).collect()))
}

fn names(wrong: &[(String, Value)]) -> Vec<&str> {
    wrong.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_check_says_to_run_mends_what_it_found() {
    lab::test("check", 1, async |sandbox| {
        let files = Files::new(sandbox)?;
        let role = format!("checked_{}", sandbox.id);
        sandbox
            .sql(&format!(
                "CREATE TABLE orders (id int PRIMARY KEY, note text); CREATE SCHEMA \"Sales\"; \
                 CREATE TABLE \"Sales\".\"Odd \"\"name\" (id int); \
                 CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; \
                 SELECT pg_create_logical_replication_slot('{}', 'test_decoding')",
                sandbox.id
            ))
            .await?;
        let checked = mend(sandbox, &files, &role).await;
        let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
        sandbox.lab.postgres.run(&sandbox.database, &drop).await?;
        checked
    })
    .await;
}

async fn mend(sandbox: &Sandbox, files: &Files, role: &str) -> Outcome<()> {
    let config = config_with(
        sandbox,
        json!({
            "database.user": role, "database.password": PASSWORD, "publication.autocreate.mode": "filtered",
            "tabel.exclude.list": "x",
        }),
    );
    let file = files.write("connector.json", &config.to_string())?;
    let (code, wrong) = check(&[&file]).await?;
    let expected =
        ["options", "role", "slot", "publication", "rights", "replica identity", "keys", "kafka"];
    if code != Some(1) || names(&wrong) != expected {
        return Err(format!("check: {code:?} {wrong:#?}").into());
    }
    for (name, finding) in &wrong {
        for fix in finding["fix"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            // Which columns make the key is not for us to say.
            if !fix.contains('…') || name == "replica identity" {
                let (statement, _comment) = fix.split_once("  --").unwrap_or((fix, ""));
                sandbox.sql(statement).await.map_err(|error| format!("{name}: {fix}: {error}"))?;
            }
        }
    }
    // What is left has nothing to run, and does not keep the connector from running.
    let (code, wrong) = check(&[&file]).await?;
    if code != Some(0) || names(&wrong) != ["options", "keys", "kafka"] {
        return Err(format!("check after its fixes: {code:?} {wrong:#?}").into());
    }
    let strict = check(&[&file, "--strict"]).await?;
    if strict.0 != Some(1) {
        return Err("warnings are let through by --strict".into());
    }
    let text = run(&["check", &file]).await?;
    if !stdout(&text)
        .contains("tabel.exclude.list: not known, has no effect; did you mean table.exclude.list?")
    {
        return Err(format!("check: {}", stdout(&text)).into());
    }
    kafka(sandbox, files, &file).await
}

async fn kafka(sandbox: &Sandbox, files: &Files, connector: &str) -> Outcome<()> {
    let worker = Worker::new(sandbox, "check", &[])?;
    let properties = files.write("worker.properties", &worker.properties_text())?;
    let (code, wrong) = check(&[connector, "--worker", &properties]).await?;
    // Without topic.creation.* it is the brokers who make the topics.
    if code != Some(0) || names(&wrong) != ["options", "keys", "topics"] {
        return Err(format!("check with Kafka: {code:?} {wrong:#?}").into());
    }
    rehearsal(sandbox, files, &properties).await?;
    let nowhere = worker.properties_text().replace(&sandbox.lab.bootstrap, "127.0.0.1:1");
    let nowhere = files.write("nowhere.properties", &nowhere)?;
    let (code, wrong) = check(&[connector, "--worker", &nowhere]).await?;
    let told = wrong.iter().any(|(name, finding)| {
        name == "kafka" && finding["message"].as_str().is_some_and(|m| m.contains("127.0.0.1:1"))
    });
    if code != Some(1) || !told {
        return Err(format!("check without a broker: {code:?} {wrong:#?}").into());
    }
    Ok(())
}

/// Whether the brokers would make the topics is asked, and none is made.
async fn rehearsal(sandbox: &Sandbox, files: &Files, worker: &str) -> Outcome<()> {
    for (replicas, verdict) in [("1", None), ("99", Some("fail")), ("1", None)] {
        let config = config_with(
            sandbox,
            json!({
                "topic.creation.default.partitions": "1",
                "topic.creation.default.replication.factor": replicas,
            }),
        );
        let file = files.write("created.json", &config.to_string())?;
        let output = run(&["check", "--json", &file, "--worker", worker]).await?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        let checks = report["checks"].as_array().map_or(&[][..], Vec::as_slice);
        let topics: Vec<&Value> =
            checks.iter().filter(|check| check["check"] == "topics").collect();
        let wrong = topics.iter().find(|check| check["verdict"] != "ok");
        let absent = topics
            .iter()
            .any(|check| check["message"].as_str().is_some_and(|m| m.contains("not there yet")));
        if wrong.and_then(|check| check["verdict"].as_str()) != verdict
            || absent != verdict.is_none()
        {
            return Err(format!("{replicas} replicas: {topics:#?}").into());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn check_tells_what_it_cannot_read_by_its_exit_code() {
    lab::test("check_input", 0, async |sandbox| {
        let files = Files::new(sandbox)?;
        for (name, text) in [("list.json", "[]"), ("cut.json", "{\"a\": \"hunter2-of-the-test")] {
            let output = run(&["check", &files.write(name, text)?]).await?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.code() != Some(2) || !said.contains(name) || said.contains(PASSWORD) {
                return Err(format!("{name}: {output:?}").into());
            }
        }
        let gone = config_with(sandbox, json!({"database.dbname": "none_such"}));
        let (code, wrong) = check(&[&files.write("gone.json", &gone.to_string())?]).await?;
        if code != Some(1) || !names(&wrong).contains(&"connection") {
            return Err(format!("{code:?} {wrong:#?}").into());
        }
        Ok(())
    })
    .await;
}

/// A running `tail`.
struct Tail {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tail {
    fn start(file: &str, arguments: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(binary());
        command.args([&["tail", file], arguments].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        Ok(Self { child, lines: BufReader::new(out).lines() })
    }

    async fn line(&mut self) -> Outcome<String> {
        let line = tokio::time::timeout(COMMAND_MAX, self.lines.next_line()).await;
        Ok(line.map_err(|_late| "tail: no line")??.ok_or("tail: ended")?)
    }
}

async fn wait_tails(sandbox: &Sandbox, count: usize) -> Outcome<()> {
    let query = format!(
        "SELECT count(*)::text FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid \
         WHERE s.temporary AND s.database = '{}' AND r.state = 'streaming'",
        sandbox.database
    );
    deadline("tails stream", Duration::from_secs(60), async || {
        let found = sandbox.lab.postgres.ask(&sandbox.database, &query).await;
        let found = found.map_err(|error| error.to_string())?;
        if found == Some(count.to_string()) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tail_prints_the_bytes_that_the_connector_sends() {
    lab::test("tail", 4, async |sandbox| {
        let files = Files::new(sandbox)?;
        sandbox
            .sql("CREATE TABLE a (id int PRIMARY KEY, v text); ALTER TABLE a REPLICA IDENTITY FULL; CREATE TABLE b (id int PRIMARY KEY)")
            .await?;
        let mut worker = Worker::new(sandbox, "tail", &[])?;
        worker.start().await?;
        let config = config_with(sandbox, json!({"snapshot.mode": "no_data"}));
        let path = format!("/connectors/{}/config", sandbox.id);
        worker.rest.put(&path, Some(&config)).await?.success("PUT config")?;
        sandbox.wait_streaming().await?;
        let file = files.write("connector.json", &config.to_string())?;
        let mut all = Tail::start(&file, &[])?;
        let mut some = Tail::start(&file, &["--table", "\\.a$", "--op", "d,u", "--format", "text"])?;
        let limited = Tail::start(&file, &["--format", "records", "--limit", "1"])?;
        wait_tails(sandbox, 3).await?;
        sandbox
            .sql("INSERT INTO a VALUES (1, 'x'); INSERT INTO b VALUES (1); UPDATE a SET v = 'y'; DELETE FROM a")
            .await?;
        let mut tap = Tap::new(&sandbox.lab.bootstrap, &format!("{}\\..*", sandbox.id))?;
        tap.until(5, Duration::from_secs(60))?;
        let mut sent: Vec<String> = tap.records.iter().filter_map(|record| record.value.as_deref()).map(comparable).collect();
        let mut printed = Vec::new();
        for _ in 0..sent.len() {
            printed.push(comparable(all.line().await?.as_bytes()));
        }
        // Topics are read one after the other: the order among them says nothing.
        sent.sort();
        printed.sort();
        if sent != printed {
            return Err(format!("sent {sent:#?}, printed {printed:#?}").into());
        }
        let update = some.line().await?;
        let delete = some.line().await?;
        if !(update.contains("update") && update.ends_with("v=\"x\"→\"y\"") && delete.contains("delete")) {
            return Err(format!("text: {update} / {delete}").into());
        }
        let output = tokio::time::timeout(COMMAND_MAX, limited.child.wait_with_output()).await??;
        let mut lines = limited.lines;
        let record: Value = serde_json::from_str(&lines.next_line().await?.ok_or("no record")?)?;
        if !output.status.success() || record["key"] != json!({"id": 1}) {
            return Err(format!("records: {output:?} {record}").into());
        }
        drop((all, some));
        wait_tails(sandbox, 0).await
    })
    .await;
}

/// A value without what differs between two readers of the same log: their clocks, and where they began.
fn comparable(value: &[u8]) -> String {
    let clocks = Regex::new(r#""ts_(ms|us|ns)":\d+|"sequence":"[^}]*?\]""#);
    clocks.unwrap().replace_all(&String::from_utf8_lossy(value), "").into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tail_says_what_it_lacks() {
    lab::test("tail_lacks", 0, async |sandbox| {
        let files = Files::new(sandbox)?;
        let file = files.write("connector.json", &config_with(sandbox, json!({})).to_string())?;
        let output = run(&["tail", &file]).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(1) || !said.contains("--create-publication") {
            return Err(format!("{output:?}").into());
        }
        Ok(())
    })
    .await;
    let full = Stack::with(
        "tail-full",
        &["--postgres", "17", "--brokers", "1", "--pg-slots", "1"],
        async |stack| {
            Sandbox::with(&stack.lab, "tail_full", async |sandbox| {
                let files = Files::new(sandbox)?;
                let take = format!(
                    "SELECT pg_create_logical_replication_slot('{}', 'pgoutput')",
                    sandbox.id
                );
                sandbox.sql(&take).await?;
                let file =
                    files.write("connector.json", &config_with(sandbox, json!({})).to_string())?;
                let output = run(&["tail", &file, "--create-publication"]).await?;
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                if output.status.code() == Some(1) && said.contains("no replication slot is free") {
                    return Ok(());
                }
                Err(format!("{output:?}").into())
            })
            .await
        },
    );
    full.await.unwrap();
}
