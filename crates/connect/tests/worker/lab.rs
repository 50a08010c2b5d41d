//! Brokers, a worker with the idle plugin, and an HTTP client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect::config_def::{ConfigDef, ConfigKey, ConfigValue, Default, Type};
use connect::connector::BoxFuture;
use connect::{Plugin, Properties, TaskContext, TaskError, Worker, WorkerError, WorkerSettings};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// `task.shutdown.graceful.timeout.ms` of the lab's workers.
pub(crate) const GRACE: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(20);

/// The brokers to test against.
pub(crate) fn brokers() -> Option<String> {
    let brokers = std::env::var("WALBRIDGE_TEST_BOOTSTRAP").ok();
    assert!(
        brokers.is_some() || std::env::var_os("REQUIRE_KAFKA").is_none(),
        "REQUIRE_KAFKA is set, WALBRIDGE_TEST_BOOTSTRAP is not"
    );
    if brokers.is_none() {
        eprintln!("skipped: WALBRIDGE_TEST_BOOTSTRAP is not set");
    }
    brokers
}

#[derive(Debug)]
struct Idle;

static DEF: ConfigDef = ConfigDef::new(&[ConfigKey::new("fail", Type::String, Default::Null)]);

impl Plugin for Idle {
    fn class(&self) -> &'static str {
        "test.IdleConnector"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn config_def(&self) -> &'static ConfigDef {
        &DEF
    }

    fn validate(&self, config: Properties) -> BoxFuture<Vec<ConfigValue>> {
        Box::pin(async move {
            let value = |key: &ConfigKey| {
                ConfigValue::of(key, key.name, config.get(key.name).map(String::as_str))
            };
            DEF.keys.iter().map(value).collect()
        })
    }

    fn task_configs(&self, config: &Properties) -> Vec<Properties> {
        vec![config.clone()]
    }

    fn task_class(&self) -> &'static str {
        "test.IdleTask"
    }

    fn run(&self, context: TaskContext) -> BoxFuture<Result<(), TaskError>> {
        Box::pin(async move {
            if let Some(text) = context.config.get("fail") {
                return Err(TaskError { trace: format!("test.Failure: {text}\n") });
            }
            context.status.topic_active("idle.t");
            if context.config.contains_key("stuck") {
                std::future::pending::<()>().await;
            }
            context.stop.cancelled().await;
            Ok(())
        })
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// Where it listens, how to stop it, its end.
type Running = (String, CancellationToken, JoinHandle<Result<(), WorkerError>>);

/// A worker and its topics.
pub(crate) struct Lab {
    brokers: String,
    prefix: String,
    running: Option<Running>,
}

impl Lab {
    pub(crate) fn unstarted(brokers: &str, name: &str) -> Self {
        let prefix = format!("connect-test-{}-{name}", std::process::id());
        Self { brokers: brokers.to_owned(), prefix, running: None }
    }

    pub(crate) async fn start(brokers: &str, name: &str) -> Self {
        let mut lab = Self::unstarted(brokers, name);
        lab.begin().await;
        lab
    }

    fn settings(&self) -> WorkerSettings {
        let topic = |kind: &str| format!("{}-{kind}", self.prefix);
        let properties = [
            ("bootstrap.servers", self.brokers.clone()),
            ("group.id", self.prefix.clone()),
            ("config.storage.topic", topic("configs")),
            ("offset.storage.topic", topic("offsets")),
            ("status.storage.topic", topic("status")),
            ("config.storage.replication.factor", "-1".to_owned()),
            ("offset.storage.replication.factor", "-1".to_owned()),
            ("status.storage.replication.factor", "-1".to_owned()),
            ("offset.storage.partitions", "3".to_owned()),
            ("status.storage.partitions", "2".to_owned()),
            ("listeners", "http://127.0.0.1:0".to_owned()),
            ("task.shutdown.graceful.timeout.ms", GRACE.as_millis().to_string()),
        ];
        let properties = properties.map(|(key, value)| (key.to_owned(), value)).into();
        WorkerSettings::parse(&properties, "4.3.0", "0000000000000000").unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<(Worker, CancellationToken), WorkerError> {
        let shutdown = CancellationToken::new();
        let worker =
            Worker::start(self.settings(), vec![Arc::new(Idle)], None, None, shutdown.clone())
                .await?;
        Ok((worker, shutdown))
    }

    pub(crate) async fn begin(&mut self) {
        let (worker, shutdown) = self.try_start().await.unwrap();
        let address = worker.addresses()[0].to_string();
        self.running = Some((address, shutdown, tokio::spawn(worker.run())));
    }

    /// Stops gracefully.
    pub(crate) async fn stop(&mut self) {
        let (_, shutdown, running) = self.running.take().unwrap();
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }

    /// Another worker in the place of this one.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.begin().await;
    }

    pub(crate) async fn end(mut self) {
        self.stop().await;
        self.delete_topics().await;
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap()
    }

    pub(crate) async fn delete_topics(&self) {
        let names = ["configs", "offsets", "status"].map(|kind| format!("{}-{kind}", self.prefix));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.admin().delete_topics(&names, &AdminOptions::new()).await.unwrap();
    }

    pub(crate) async fn create_topic(&self, kind: &str, partitions: i32, policy: &str) {
        let name = format!("{}-{kind}", self.prefix);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(-1))
            .set("cleanup.policy", policy);
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        self.admin().create_topics([&topic], &options).await.unwrap()[0].clone().unwrap();
    }

    pub(crate) async fn write(&self, kind: &str, key: &str, value: &str) {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let topic = format!("{}-{kind}", self.prefix);
        let record = FutureRecord::to(&topic).key(key).payload(value);
        producer.send(record, Timeout::After(PATIENCE)).await.unwrap();
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let (address, ..) = self.running.as_ref().unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n\r\n{body}"
        );
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), text: text.to_owned() }
    }

    pub(crate) async fn until(&self, path: &str, done: impl Fn(&str) -> bool) {
        self.until_answer(path, |answer| done(&answer.text)).await;
    }

    pub(crate) async fn until_status(&self, path: &str, status: u16) {
        self.until_answer(path, |answer| answer.status == status).await;
    }

    /// Waits until the states of the connector and its tasks are these, with commas.
    pub(crate) async fn until_states(&self, name: &str, states: &str) {
        let shown = |text: &str| {
            let state: Value = serde_json::from_str(text).unwrap_or_default();
            let tasks = state["tasks"].as_array().cloned().unwrap_or_default();
            let all = std::iter::once(&state["connector"])
                .chain(&tasks)
                .map(|entry| entry["state"].as_str());
            all.map(Option::unwrap_or_default).collect::<Vec<_>>().join(",") == states
        };
        self.until(&format!("/connectors/{name}/status"), shown).await;
    }

    async fn until_answer(&self, path: &str, done: impl Fn(&Answer) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.call("GET", path, None).await;
            if done(&answer) {
                return;
            }
            assert!(Instant::now() < deadline, "{path} stays {answer:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}
