//! The services a test runs against, and a corner of them that is its own and goes away with it.

use std::error::Error;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

use crate::kafka;

/// What the harness returns: a test's failure is one sentence, not a type.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Slots that all tests together hold at a time: `WALBRIDGE_TEST_SLOTS`, or what fits into Postgres's own default of ten.
static SLOTS: LazyLock<Semaphore> = LazyLock::new(|| {
    let slots = std::env::var("WALBRIDGE_TEST_SLOTS").ok().and_then(|slots| slots.parse().ok());
    Semaphore::new(slots.unwrap_or(8))
});

/// Addresses of the services.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    pub(crate) bootstrap: String,
    pub(crate) postgres: Server,
}

/// A Postgres server, by its superuser.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
}

impl Lab {
    /// `None`, said aloud, when the services' variables are absent.
    ///
    /// # Panics
    ///
    /// If a `REQUIRE_` variable says that the test should have run.
    fn from_env(test: &str) -> Option<Self> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let bootstrap = read("WALBRIDGE_TEST_BOOTSTRAP");
        let postgres = read("WALBRIDGE_TEST_POSTGRES");
        if let (Some(bootstrap), Some(postgres)) = (&bootstrap, &postgres) {
            let postgres = Server::from_keywords(postgres).unwrap();
            return Some(Self { bootstrap: bootstrap.clone(), postgres });
        }
        for (name, value, required) in [
            ("WALBRIDGE_TEST_BOOTSTRAP", bootstrap, "REQUIRE_KAFKA"),
            ("WALBRIDGE_TEST_POSTGRES", postgres, "REQUIRE_POSTGRES"),
        ] {
            let missing = value.is_none();
            assert!(!(missing && read(required).is_some()), "{required} is set, {name} is not");
        }
        println!(
            "{test}: did not run, WALBRIDGE_TEST_BOOTSTRAP and WALBRIDGE_TEST_POSTGRES name no services"
        );
        None
    }
}

impl Server {
    fn from_keywords(text: &str) -> Outcome<Self> {
        let config = tokio_postgres::Config::from_str(text)?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            _ => return Err("WALBRIDGE_TEST_POSTGRES: no TCP host".into()),
        };
        let port = *config.get_ports().first().ok_or("WALBRIDGE_TEST_POSTGRES: no port")?;
        let user = config.get_user().unwrap_or("postgres").to_owned();
        Ok(Self { host, port, user })
    }

    /// A session as superuser.
    pub(crate) async fn session(&self, database: &str) -> Outcome<Client> {
        let mut config = tokio_postgres::Config::new();
        config.host(&self.host).port(self.port).user(&self.user).dbname(database);
        config.connect_timeout(Duration::from_secs(10));
        let (client, connection) = config.connect(NoTls).await?;
        drop(tokio::spawn(connection));
        Ok(client)
    }

    /// Runs statements one by one, each its own transaction.
    pub(crate) async fn run(&self, database: &str, script: &str) -> Outcome<()> {
        crate::script::run(&self.session(database).await?, script).await
    }

    /// The first column of the first row as text.
    pub(crate) async fn ask(&self, database: &str, query: &str) -> Outcome<Option<String>> {
        use tokio_postgres::SimpleQueryMessage::Row;
        let answer = self.session(database).await?.simple_query(query).await?;
        Ok(answer.iter().find_map(|message| match message {
            Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// Waits until a slot's receiver has caught up with what was there when it came.
    pub(crate) async fn wait_streaming(&self, slot: &str) -> Outcome<()> {
        let query = format!(
            "SELECT 1 FROM pg_replication_slots s JOIN pg_stat_replication r \
             ON r.pid = s.active_pid WHERE s.slot_name = '{slot}' AND r.state = 'streaming'"
        );
        deadline(&format!("slot {slot} streaming"), Duration::from_secs(60), async || {
            match self.ask("postgres", &query).await {
                Ok(Some(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Drops a database with its slots, whoever holds them.
    pub(crate) async fn drop_database(&self, database: &str) -> Outcome<()> {
        let client = self.session("postgres").await?;
        let slots = format!("FROM pg_replication_slots WHERE database = '{database}'");
        deadline(&format!("slots of {database} dropped"), Duration::from_secs(60), async || {
            let end = format!("SELECT pg_terminate_backend(active_pid) {slots} AND active");
            let drop = format!("SELECT pg_drop_replication_slot(slot_name) {slots}");
            client.simple_query(&end).await.map_err(|error| error.to_string())?;
            client.simple_query(&drop).await.map_err(|error| error.to_string()).map(|_| ())
        })
        .await?;
        let drop = format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)");
        client.simple_query(&drop).await?;
        Ok(())
    }
}

/// Names and a database that no other test uses.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) lab: Lab,
    /// Name of connector, slot, publication, topic prefix; part of every topic's name.
    pub(crate) id: String,
    /// The database, fresh.
    pub(crate) database: String,
}

impl Sandbox {
    /// Runs a body and cleans up behind it, also when it panics.
    pub(crate) async fn with<T>(
        lab: &Lab,
        name: &str,
        body: impl AsyncFnOnce(&Self) -> Outcome<T>,
    ) -> Outcome<T> {
        Self::named(lab, format!("{name}_{}", unique()?), body).await
    }

    /// The same under a name as long as the given one, underscores where it has them: with the lengths that a binary
    /// format writes, and all else that depends on them, one takes the other's place.
    pub(crate) async fn as_long_as<T>(
        lab: &Lab,
        name: &str,
        body: impl AsyncFnOnce(&Self) -> Outcome<T>,
    ) -> Outcome<T> {
        let unique = unique()?;
        let mut letters = unique.chars().rev();
        // The first stays, for a name begins with a letter.
        let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
        let rest: Vec<char> = rest
            .chars()
            .rev()
            .map(|c| if c == '_' { c } else { letters.next().unwrap_or(c) })
            .collect();
        let id = first.chars().chain(rest.into_iter().rev()).collect();
        Self::named(lab, id, body).await
    }

    async fn named<T>(
        lab: &Lab,
        id: String,
        body: impl AsyncFnOnce(&Self) -> Outcome<T>,
    ) -> Outcome<T> {
        let sandbox = Self { lab: lab.clone(), database: format!("p_{id}"), id };
        let create = format!("CREATE DATABASE \"{}\" TEMPLATE template0", sandbox.database);
        sandbox.lab.postgres.run("postgres", &create).await?;
        let ended = AssertUnwindSafe(body(&sandbox)).catch_unwind().await;
        let database = sandbox.lab.postgres.drop_database(&sandbox.database).await;
        let topics = kafka::delete_topics(&sandbox.lab.bootstrap, &sandbox.id).await;
        let result = ended.unwrap_or_else(|panic| resume_unwind(panic))?;
        database?;
        topics?;
        Ok(result)
    }

    /// Runs a script in the sandbox's database.
    pub(crate) async fn sql(&self, script: &str) -> Outcome<()> {
        self.lab.postgres.run(&self.database, script).await
    }

    /// Waits until the sandbox's own slot streams.
    pub(crate) async fn wait_streaming(&self) -> Outcome<()> {
        self.lab.postgres.wait_streaming(&self.id).await
    }
}

/// What no other sandbox's name has in it; process and count stand last, which alone nearly tell it.
fn unique() -> Outcome<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let born = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() & 0xff_ffff;
    Ok(format!("{born:x}{count:x}{:x}", std::process::id() & 0xfff))
}

/// Runs a test in a sandbox, or says that it did not run.
///
/// # Panics
///
/// If the body fails.
pub(crate) async fn test(name: &str, slots: u32, body: impl AsyncFnOnce(&Sandbox) -> Outcome<()>) {
    let Some(lab) = Lab::from_env(name) else { return };
    let _slots = reserve(slots).await;
    if let Err(error) = Sandbox::with(&lab, name, body).await {
        panic!("{name}: {error}");
    }
}

/// The lab alone, for a test that makes its own sandboxes.
pub(crate) fn open(test: &str) -> Option<Lab> {
    Lab::from_env(test)
}

/// Holds back until so many slots may be used.
pub(crate) async fn reserve(slots: u32) -> SemaphorePermit<'static> {
    SLOTS.acquire_many(slots).await.unwrap()
}

/// Asks until the answer is there; the last refusal is the error's text.
pub(crate) async fn deadline<T, E: Debug>(
    what: &str,
    longest: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> Outcome<T> {
    let end = Instant::now() + longest;
    loop {
        let refusal = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        if Instant::now() > end {
            return Err(format!("{what}: not within {longest:?}: {refusal:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
