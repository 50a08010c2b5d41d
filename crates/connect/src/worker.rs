//! [`Worker`]: the storage topics, the herder and REST put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::producer::Producer as _;
use sink::producer::STATISTICS_MS;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::client::{self, ClientWatch, Context as ClientContext};
use crate::client_config::{Role, internal};
use crate::connector::Plugin;
use crate::error::WorkerError;
use crate::extension::Extension;
use crate::herder::{Herder, Shared};
use crate::monitor::{Monitor, Starts};
use crate::rest::{Context, Door, Identity, Server};
use crate::settings::{TopicSettings, WorkerSettings};
use crate::storage::config::{ConfigCopy, ConfigStorage};
use crate::storage::log::{Copy, Log};
use crate::storage::offset::{OffsetCopy, OffsetStorage};
use crate::storage::status::{StatusCopy, StatusStorage};
use crate::storage::topic::{self, Kind};

/// How long the last statuses may take to reach the brokers.
const FLUSH: Duration = Duration::from_secs(5);

/// A started worker: REST answers, connectors run.
#[derive(Debug)]
pub struct Worker {
    rest: Server,
    herder: JoinHandle<()>,
    producer: LastWrites,
    monitor: Monitor,
    shutdown: CancellationToken,
    /// Cancelled when everything that reads and answers shall end.
    end: CancellationToken,
}

/// The producer, for the flush at the end.
struct LastWrites(client::Producer);

impl std::fmt::Debug for LastWrites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LastWrites")
    }
}

impl Worker {
    /// Connects to the brokers, listens, creates or checks the storage topics, reads them to their ends, and
    /// brings back every connector. Requests other than `/` and `/health` wait until the topics are read. `extension`
    /// answers beside REST, on the same port; `watch` is asked who is told of the worker's own Kafka clients. It stops gracefully when `shutdown` is cancelled; [`Self::run`] waits for
    /// that.
    ///
    /// # Errors
    /// The brokers cannot be reached, a storage topic is unusable, or a listener cannot be bound.
    pub async fn start(
        settings: WorkerSettings,
        plugins: Vec<Arc<dyn Plugin>>,
        extension: Option<Arc<dyn Extension>>,
        watch: Option<ClientWatch>,
        shutdown: CancellationToken,
    ) -> Result<Self, WorkerError> {
        let mut rest = Server::bind(&settings).await?;
        let worker_id = worker_id(&settings, rest.addresses());
        let end = CancellationToken::new();
        let clients = Clients::new(&settings, watch, end.clone())?;
        let (configs, offsets, statuses) = (
            Arc::new(ConfigCopy::default()),
            Arc::new(OffsetCopy::default()),
            Arc::new(StatusCopy::default()),
        );
        let (known, context) = watch::channel(None);
        let answer = async {
            let (version, commit) = (settings.version.clone(), settings.commit.clone());
            let identity = Identity { version, commit, cluster_id: clients.cluster_id().await? };
            rest.serve(Door { identity, context, extension }, &end);
            Ok(())
        };
        let (config_log, offset_log, status_log, ()) = tokio::try_join!(
            clients.open(Kind::Config, &settings.config_topic, Arc::clone(&configs) as _),
            clients.open(Kind::Offset, &settings.offset_topic, Arc::clone(&offsets) as _),
            clients.open(Kind::Status, &settings.status_topic, Arc::clone(&statuses) as _),
            answer,
        )
        .inspect_err(|_| end.cancel())?;
        let producer = LastWrites(clients.producer);
        let tracking = settings.topic_tracking;
        let shared = Arc::new(Shared {
            plugins,
            configs: ConfigStorage::new(configs, config_log),
            statuses: Arc::new(StatusStorage::new(
                statuses,
                status_log,
                worker_id.clone(),
                tracking,
            )),
            offsets: Arc::new(OffsetStorage::new(offsets, offset_log)),
            settings,
            connector_starts: Starts::default(),
            task_starts: Starts::default(),
        });
        let (handle, herder) = Herder::start(Arc::clone(&shared), shutdown.clone());
        let monitor = Monitor { shared: Arc::clone(&shared) };
        known.send_replace(Some(Arc::new(Context { shared, herder: handle })));
        info!(worker_id, addresses = ?rest.addresses(), "worker started");
        Ok(Self { rest, herder, producer, monitor, shutdown, end })
    }

    /// What looks at the worker, and may outlive it.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Where REST listens, ports resolved.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.rest.addresses()
    }

    /// Waits until the worker has stopped: every task has ended or was dropped after the grace period, and the
    /// statuses say UNASSIGNED.
    ///
    /// # Errors
    /// A part of the worker ended although nobody asked it to.
    pub async fn run(self) -> Result<(), WorkerError> {
        let ended = self.herder.await;
        let asked = self.shutdown.is_cancelled();
        let LastWrites(producer) = self.producer;
        let flushed = tokio::task::spawn_blocking(move || producer.flush(FLUSH)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            warn!("the last statuses did not reach the brokers in time");
        }
        self.end.cancel();
        self.rest.stop().await;
        if ended.is_ok() && asked { Ok(()) } else { Err(WorkerError::Ended("herder")) }
    }
}

/// `<advertised host>:<advertised port>`, by default those of the first listener.
fn worker_id(settings: &WorkerSettings, addresses: &[SocketAddr]) -> String {
    let listener = settings.rest.listeners.first().map(|listener| listener.host.clone());
    let host = settings.advertised_host.clone().or(listener).filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
    });
    let port = settings.advertised_port.or_else(|| addresses.first().map(SocketAddr::port));
    format!("{host}:{}", port.unwrap_or_default())
}

/// The worker's own clients.
struct Clients<'a> {
    settings: &'a WorkerSettings,
    watch: Option<ClientWatch>,
    producer: client::Producer,
    admin: Arc<client::Admin>,
    end: CancellationToken,
}

impl<'a> Clients<'a> {
    fn new(
        settings: &'a WorkerSettings,
        watch: Option<ClientWatch>,
        end: CancellationToken,
    ) -> Result<Self, WorkerError> {
        // Writes never expire, as in Connect: an order lost would be worse than a late one. One request in
        // flight keeps the order without idempotence, which would need another permission.
        let own = [
            ("acks", "all"),
            ("enable.idempotence", "false"),
            ("max.in.flight.requests.per.connection", "1"),
            ("message.timeout.ms", "0"),
            ("linger.ms", "0"),
            // Java's default partitioner: a key must stay in the partition where Connect put it.
            ("partitioner", "murmur2_random"),
        ];
        let watching = watch.as_ref();
        let producer = create(Role::Producer, (settings, watching), "statuses", &own)?;
        let admin = create(Role::Admin, (settings, watching), "shared-admin", &[])?;
        Ok(Self { settings, watch, producer, admin: Arc::new(admin), end })
    }

    fn consumer(&self, kind: Kind) -> Result<client::Consumer, WorkerError> {
        let own = [
            // Only a name here: nothing is subscribed to and nothing committed.
            ("group.id", self.settings.group_id.as_str()),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
            ("enable.partition.eof", "true"),
            (
                "isolation.level",
                if self.settings.exactly_once { "read_committed" } else { "read_uncommitted" },
            ),
            ("allow.auto.create.topics", "false"),
            // A fetch that finds nothing at first delays those partitions that come a moment later.
            ("fetch.wait.max.ms", "100"),
            // The leaders of topics that were just made refuse at first.
            ("fetch.error.backoff.ms", "20"),
            ("topic.metadata.refresh.fast.interval.ms", "50"),
            ("queued.max.messages.kbytes", "16384"),
        ];
        let client = match kind {
            Kind::Config => "configs",
            Kind::Offset => "offsets",
            Kind::Status => "statuses",
        };
        create(Role::Consumer, (self.settings, self.watch.as_ref()), client, &own)
    }

    async fn open(
        &self,
        kind: Kind,
        topic: &TopicSettings,
        copy: Arc<dyn Copy>,
    ) -> Result<Log, WorkerError> {
        let consumer = Arc::new(self.consumer(kind)?);
        topic::ensure(kind, topic, &self.admin, &consumer, &self.settings.bootstrap_servers)
            .await?;
        Log::open(&topic.name, consumer, self.producer.clone(), copy, self.end.clone()).await
    }

    async fn cluster_id(&self) -> Result<String, WorkerError> {
        let admin = Arc::clone(&self.admin);
        let limit = Duration::from_secs(30);
        let asked =
            tokio::task::spawn_blocking(move || admin.inner().fetch_cluster_id(limit)).await;
        asked.ok().flatten().ok_or_else(|| WorkerError::Brokers {
            servers: self.settings.bootstrap_servers.clone(),
            reason: "no broker answered within 30 seconds".to_owned(),
        })
    }
}

/// `client` is the last part of the client's id, in Connect's words.
fn create<T: FromClientConfigAndContext<ClientContext>>(
    role: Role,
    (settings, watch): (&WorkerSettings, Option<&ClientWatch>),
    client: &str,
    own: &[(&str, &str)],
) -> Result<T, WorkerError> {
    let name = match role {
        Role::Producer => "producer",
        Role::Consumer => "consumer",
        Role::Admin => "admin",
    };
    let mut config = ClientConfig::new();
    let translated = internal(role, &settings.properties);
    for warning in &translated.warnings {
        warn!(client = name, "{warning}");
    }
    let given = settings.properties.get("client.id").filter(|id| !id.is_empty());
    let id = format!("{}-{client}", given.unwrap_or(&settings.group_id));
    let statistics = watch.map(|watch| watch(role, &id));
    // What nobody takes from the client would pile up in it.
    if statistics.is_some() && role != Role::Admin {
        config.set("statistics.interval.ms", STATISTICS_MS);
    }
    for (key, value) in &translated.properties {
        config.set(key, value);
    }
    config.set("client.id", id);
    for (key, value) in own {
        config.set(*key, *value);
    }
    config.create_with_context(ClientContext { statistics }).map_err(|error| WorkerError::Client {
        role: name,
        reason: sink::producer::describe(&error),
    })
}
