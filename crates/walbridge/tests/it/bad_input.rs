//! What users get wrong: each mistake is told once, clearly, by the name of the thing, and hurts nobody else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fancy_regex::Regex;
use serde_json::{Value, json};

use crate::connector::{config_with, merge};
use crate::http::traces;
use crate::kafka::{self, Tap};
use crate::lab::{self, Lab, Outcome, Sandbox, deadline};
use crate::service::Stack;
use crate::worker::Worker;

/// How long a mistake may stay untold.
const TOLD_MAX: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connector_mistakes_are_named_and_others_keep_running() {
    lab::test("bad_connector", 2, async |sandbox| {
        let server = &sandbox.lab.postgres;
        let mut bench = Bench::start(sandbox).await?;
        let nobody = format!("nobody_{}", sandbox.id);
        let role =
            format!("CREATE ROLE {nobody} LOGIN REPLICATION; GRANT SELECT ON good TO {nobody}");
        sandbox.sql(&role).await?;
        let tried = async {
            bench
                .refused(
                    "database",
                    r#"database "none_such" does not exist"#,
                    json!({
                        "database.dbname": "none_such",
                    }),
                )
                .await?;
            bench
                .refused(
                    "port",
                    r"127\.0\.0\.1:1\b|(?i)refused",
                    json!({
                        "database.hostname": "127.0.0.1", "database.port": "1",
                    }),
                )
                .await?;
            let active = format!(r#"slot "{}" is active"#, sandbox.id);
            bench
                .refused(
                    "slot",
                    &active,
                    json!({
                        "slot.name": sandbox.id, "publication.name": sandbox.id,
                        "slot.max.retries": "1", "slot.retry.delay.ms": "200",
                    }),
                )
                .await?;
            bench
                .refused(
                    "rights",
                    "permission denied|must be owner|must be superuser",
                    json!({
                        "database.user": nobody, "publication.autocreate.mode": "filtered",
                        "table.include.list": "public.good",
                    }),
                )
                .await?;
            bench.still_serves().await
        };
        let tried = tried.await;
        server
            .run(&sandbox.database, &format!("DROP OWNED BY {nobody}; DROP ROLE {nobody}"))
            .await?;
        tried
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn server_settings_that_forbid_replication_are_named() {
    let Some(shared) = lab::open("bad_server") else { return };
    let _slots = lab::reserve(1).await;
    let options = ["--brokers", "0", "--pg-slots", "1"];
    let ended = Stack::with("bad", &options, async |stack| {
        Sandbox::with(&shared, "bad_server", async |sandbox| {
            let mut bench = Bench::start(sandbox).await?;
            passwords(stack, &mut bench).await?;
            slots(stack, &mut bench).await?;
            wal_level(stack, &mut bench).await?;
            bench.still_serves().await
        })
        .await
    });
    if let Err(error) = ended.await {
        panic!("bad_server: {error}");
    }
}

/// The first lines of `pg_hba.conf` win; the server itself writes the file, whoever owns it.
async fn passwords(stack: &Stack, bench: &mut Bench<'_>) -> Outcome<()> {
    let server = &stack.lab.postgres;
    server
        .run("postgres", "CREATE ROLE teller LOGIN REPLICATION SUPERUSER PASSWORD 'right'")
        .await?;
    let file = server.ask("postgres", "SHOW hba_file").await?.ok_or("no pg_hba.conf")?;
    let lines = [
        "host all teller all scram-sha-256",
        "host replication teller all scram-sha-256",
        "local all all trust",
        "host all all all trust",
        "host replication all all trust",
    ];
    let rows = lines.map(|line| format!("('{line}')")).join(", ");
    let write = format!("COPY (SELECT * FROM (VALUES {rows}) line) TO '{file}'");
    server.run("postgres", &format!("{write}; SELECT pg_reload_conf()")).await?;
    deadline("pg_hba.conf in force", Duration::from_secs(60), async || {
        let rules =
            "SELECT count(*)::text FROM pg_hba_file_rules WHERE auth_method = 'scram-sha-256'";
        match server.ask("postgres", rules).await {
            Ok(Some(count)) if count == "2" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    let wrong = json!({"database.user": "teller"});
    let said = "password authentication failed for user \"teller\"";
    bench.refused_at(&stack.lab, "password", said, wrong).await
}

async fn slots(stack: &Stack, bench: &mut Bench<'_>) -> Outcome<()> {
    let server = &stack.lab.postgres;
    let take = "SELECT pg_create_logical_replication_slot('taken', 'pgoutput')";
    server.run("postgres", take).await?;
    bench.refused_at(&stack.lab, "slots", "all replication slots are in use", json!({})).await?;
    server.run("postgres", "SELECT pg_drop_replication_slot('taken')").await
}

async fn wal_level(stack: &Stack, bench: &mut Bench<'_>) -> Outcome<()> {
    let server = &stack.lab.postgres;
    server.run("postgres", "ALTER SYSTEM SET wal_level = replica").await?;
    stack.postgres("restart", "fast").await?;
    bench.refused_at(&stack.lab, "wal", "wal_level", json!({})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn values_that_are_no_strings_are_taken_as_their_text() {
    lab::test("bad_values", 0, async |sandbox| {
        let mut worker = Worker::new(sandbox, "bad", &[])?;
        worker.start().await?;
        let path = format!("/connectors/{}", sandbox.id);
        let config =
            config_with(sandbox, json!({"tasks.max": 1, "include.unknown.datatypes": true}));
        let body = json!({"name": sandbox.id, "initial_state": "STOPPED", "config": config});
        worker.rest.command("POST", "/connectors", Some(&body)).await?.success("POST")?;
        let has = worker.rest.get(&format!("{path}/config")).await?.json();
        if has["tasks.max"] != "1" || has["include.unknown.datatypes"] != "true" {
            return Err(format!("config: {has}").into());
        }
        let nested = config_with(sandbox, json!({"tasks.max": {"max": 1}}));
        let reply = worker.rest.put(&format!("{path}/config"), Some(&nested)).await?;
        if reply.status < 400 {
            return Err(format!("an object as a value: {} {}", reply.status, reply.body).into());
        }
        worker.rest.get("/connectors").await?.success("GET /connectors").map(|_| ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unreachable_brokers_are_named_at_start() {
    lab::test("bad_brokers", 0, async |sandbox| {
        let changes = [("bootstrap.servers", "127.0.0.1:1")];
        let mut worker = Worker::new(sandbox, "bad", &changes)?;
        worker.spawn()?;
        deadline("brokers named", TOLD_MAX, async || {
            let log = worker.log().map_err(|error| error.to_string())?;
            let lines = || log.lines().filter(|line| line.contains("127.0.0.1:1"));
            let told = lines().any(|line| {
                line.contains("WARN") || line.contains("ERROR") || line.contains("error")
            });
            if told { Ok(()) } else { Err("not told".to_owned()) }
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn storage_topic_that_cannot_serve_ends_the_start_by_name() {
    lab::test("bad_topics", 0, async |sandbox| {
        let bootstrap = &sandbox.lab.bootstrap;
        for (store, partitions, cleanup, said) in [
            ("config", 3, "compact", "(?i)single partition|1 partition|one partition|3 partitions"),
            ("offset", 1, "delete", r"cleanup\.policy"),
            ("status", 1, "delete", r"cleanup\.policy"),
        ] {
            let topic = format!("{}-{store}-storage", sandbox.id);
            kafka::create_topic(bootstrap, &topic, partitions, cleanup).await?;
            let key = format!("{store}.storage.topic");
            let mut worker = Worker::new(sandbox, store, &[(key.as_str(), topic.as_str())])?;
            worker.spawn()?;
            let said = Regex::new(said)?;
            deadline(&format!("{store} topic named"), TOLD_MAX, async || {
                let log = worker.log().map_err(|error| error.to_string())?;
                let mut lines = log.lines().filter(|line| line.contains(&topic));
                let named = lines.any(|line| said.is_match(line).unwrap_or(false));
                if named { Ok(()) } else { Err("not told".to_owned()) }
            })
            .await?;
            let status = worker.wait(Duration::from_secs(20)).await?;
            if status.success() {
                return Err(format!("{store} topic: ended with {status}").into());
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn malformed_record_in_a_storage_topic_is_named_and_passed_over() {
    lab::test("bad_storage", 1, async |sandbox| {
        let bootstrap = sandbox.lab.bootstrap.clone();
        let mut bench = Bench::start(sandbox).await?;
        bench.still_serves().await?;
        for store in ["configs", "offsets", "status"] {
            let topic = format!("{}-bench-{store}", sandbox.id);
            let key = match store {
                "configs" => "connector-broken",
                "offsets" => r#"["broken",{"server":"x"}]"#,
                _ => "status-connector-broken",
            };
            kafka::produce(&bootstrap, &topic, Some(key), Some("{not json")).await?;
        }
        bench.still_serves().await?;
        bench.worker.terminate(Duration::from_secs(30)).await?;
        bench.worker.start().await?;
        bench.worker.rest.wait_state(&sandbox.id, "RUNNING").await?;
        bench.still_serves().await?;
        let log = bench.worker.log()?;
        let told = |line: &&str| line.contains("WARN") || line.contains("ERROR");
        let named = log.lines().filter(told).any(|line| line.contains("config"));
        if named {
            Ok(())
        } else {
            Err("the malformed record of the config topic is not told".into())
        }
    })
    .await;
}

/// A worker with a connector that must keep streaming whatever is done beside it.
struct Bench<'a> {
    sandbox: &'a Sandbox,
    worker: Worker,
    tap: Tap,
    rows: usize,
    /// A password that is seen nowhere else, and must be seen nowhere.
    secret: String,
}

impl<'a> Bench<'a> {
    async fn start(sandbox: &'a Sandbox) -> Outcome<Self> {
        sandbox.sql("CREATE TABLE good (id serial PRIMARY KEY)").await?;
        let mut worker = Worker::new(sandbox, "bench", &[])?;
        worker.start().await?;
        let born = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let secret = format!("s3cr3t{born:x}");
        let tables = json!({
            "database.password": secret, "table.include.list": "public.good",
        });
        let path = format!("/connectors/{}/config", sandbox.id);
        let config = config_with(sandbox, tables);
        worker.rest.put(&path, Some(&config)).await?.success("PUT config")?;
        sandbox.wait_streaming().await?;
        let tap = Tap::new(&sandbox.lab.bootstrap, &format!("{}\\..*", sandbox.id))?;
        Ok(Self { sandbox, worker, tap, rows: 0, secret })
    }

    async fn still_serves(&mut self) -> Outcome<()> {
        self.sandbox.sql("INSERT INTO good DEFAULT VALUES").await?;
        self.rows += 1;
        if !self.tap.until(self.rows, TOLD_MAX)? {
            let (due, has) = (self.rows, self.tap.records.len());
            return Err(format!("the good connector: {due} rows, {has} records").into());
        }
        let status = self.worker.rest.status(&self.sandbox.id).await.unwrap_or_default();
        if status["connector"]["state"] != "RUNNING" || status["tasks"][0]["state"] != "RUNNING" {
            return Err(format!("the good connector: {status}").into());
        }
        self.keeps_secret(&self.worker.log()?, "log")
    }

    async fn refused(&mut self, name: &str, said: &str, changes: Value) -> Outcome<()> {
        let lab = self.sandbox.lab.clone();
        self.refused_at(&lab, name, said, changes).await
    }

    /// A connector on this lab's Postgres is refused at once, or its task fails, and either says so.
    async fn refused_at(
        &mut self,
        lab: &Lab,
        name: &str,
        said: &str,
        changes: Value,
    ) -> Outcome<()> {
        let connector = format!("{}-{name}", self.sandbox.id);
        let slot = connector.replace('-', "_");
        let mut config = crate::connector::config(self.sandbox);
        merge(
            &mut config,
            json!({
                "database.hostname": lab.postgres.host,
                "database.port": lab.postgres.port.to_string(),
                "database.password": self.secret,
                "topic.prefix": connector,
                "slot.name": slot,
                "publication.name": slot,
                "errors.max.retries": "0",
            }),
        );
        if lab.postgres.port != self.sandbox.lab.postgres.port {
            merge(&mut config, json!({"database.dbname": "postgres"}));
        }
        merge(&mut config, changes);
        let path = format!("/connectors/{connector}");
        let config = Value::Object(config);
        let reply = self.worker.rest.put(&format!("{path}/config"), Some(&config)).await?;
        let pattern = Regex::new(said)?;
        let told = if reply.status >= 400 {
            reply.json()["message"].as_str().unwrap_or_default().to_owned()
        } else {
            self.failure(&connector, name).await?
        };
        self.keeps_secret(&told, "answer")?;
        if !pattern.is_match(&told)? {
            return Err(format!("{name}: {told} does not say {said}").into());
        }
        if reply.status < 400 {
            let logged = self.worker.log()?;
            if !pattern.is_match(&logged)? {
                return Err(format!("{name}: the log does not say {said}").into());
            }
            self.worker.rest.command("DELETE", &path, None).await?.success("delete")?;
        }
        self.still_serves().await.map_err(|error| format!("after {name}: {error}").into())
    }

    async fn failure(&self, connector: &str, name: &str) -> Outcome<String> {
        deadline(&format!("{name}: told in the status"), TOLD_MAX, async || {
            let status = self.worker.rest.status(connector).await.unwrap_or_default();
            let trace = traces(&status);
            if trace.is_empty() { Err(status.to_string()) } else { Ok(trace) }
        })
        .await
    }

    fn keeps_secret(&self, text: &str, place: &str) -> Outcome<()> {
        let bare = text.contains(&self.secret);
        if bare { Err(format!("the password stands in the {place}").into()) } else { Ok(()) }
    }
}
