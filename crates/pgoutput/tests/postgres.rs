//! Against a real server: `WALBRIDGE_TEST_POSTGRES="host=127.0.0.1 port=5432 user=postgres"` with `wal_level =
//! logical`. Each test makes a database and a slot of its own and drops them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may fail as tests do, and a test that is not run says so"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use SslMode::{Allow, Disable, Prefer, Require, VerifyCa, VerifyFull};
use pgoutput::catalog::Catalog;
use pgoutput::publication::{Autocreate, Outcome as Made, Publication};
use pgoutput::queue::{self, Receiver};
use pgoutput::replication::Replication;
use pgoutput::snapshot::{Isolation, Outcome, Snapshot, Source, View};
use pgoutput::stream::{self, Stream};
use pgoutput::{
    Batch, Config, Datum, Error, Event, Lsn, Op, Password, SslConfig, SslMode, slot, sql,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// No step of a test takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The words of the variable `name`; `None`, with a line that says so, when it is not set.
fn setting(name: &str) -> Option<Vec<(String, String)>> {
    let Ok(text) = std::env::var(name) else {
        assert!(
            std::env::var_os("REQUIRE_POSTGRES").is_none(),
            "REQUIRE_POSTGRES is set and {name} is not"
        );
        println!("not run: {name} is not set");
        return None;
    };
    let pairs = text.split_whitespace().map(|word| word.split_once('=').expect("key=value"));
    Some(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

fn word<'a>(words: &'a [(String, String)], key: &str) -> &'a str {
    words.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value.as_str())
}

fn config(host: &str, port: &str, user: &str, dbname: &str) -> Config {
    Config {
        host: host.to_owned(),
        port: port.parse().expect("a port"),
        user: user.to_owned(),
        password: None,
        dbname: dbname.to_owned(),
        ssl: SslConfig::default(),
        connect_timeout: Duration::from_secs(10),
        query_timeout: Duration::from_secs(60),
        tcp_keepalive: true,
        initial_statements: Vec::new(),
    }
}

/// A database of its own, and a slot and a publication of its name.
struct Lab {
    admin: sql::Client,
    config: Config,
    name: String,
}

impl Lab {
    async fn open(test: &str) -> Option<Self> {
        let words = setting("WALBRIDGE_TEST_POSTGRES")?;
        let (host, port) = (word(&words, "host"), word(&words, "port"));
        let user = word(&words, "user");
        let admin =
            sql::connect(&config(host, port, user, "postgres"), "test").await.expect("connect");
        let name = format!("pgoutput_{test}_{}", std::process::id());
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        Some(Self { admin, config: config(host, port, user, &name), name })
    }

    async fn client(&self) -> sql::Client {
        sql::connect(&self.config, "test").await.expect("connect")
    }

    async fn replication(&self) -> Replication {
        Replication::connect(&self.config, "test").await.expect("connect for replication")
    }

    async fn publish_all(&self, client: &sql::Client) {
        let publication = self.publication(Autocreate::AllTables);
        assert_eq!(publication.ensure(client, &[]).await.unwrap(), Made::Created);
    }

    fn publication(&self, autocreate: Autocreate) -> Publication {
        Publication {
            name: self.name.clone(),
            autocreate,
            via_partition_root: false,
            publish: None,
        }
    }

    fn options(&self, start: Lsn) -> stream::Options {
        stream::Options {
            slot: self.name.clone(),
            publication: self.name.clone(),
            start,
            status_interval: Duration::from_secs(10),
            params: Vec::new(),
        }
    }

    async fn close(self) {
        if slot::find(&self.admin, &self.name).await.unwrap().is_some() {
            // The server may still be about to let it go.
            patiently(async || slot::drop(&self.admin, &self.name).await.is_ok()).await;
        }
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.admin.batch_execute(&sql).await.unwrap();
        self.admin.close().await;
    }
}

/// Polls until `holds`.
async fn patiently(holds: impl AsyncFn() -> bool) {
    let poll = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.expect("it comes about");
}

async fn next(receiver: &mut Receiver) -> Option<Batch> {
    tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("a batch")
}

/// Changes of a batch as `op table value,value`.
fn changes(batch: &Batch) -> Vec<String> {
    let mut all = Vec::new();
    for event in &batch.events {
        let Event::Change(change) = event else { continue };
        let Some(new) = change.new else { continue };
        let row = batch.row(new);
        let cells: Vec<String> = (0..row.len())
            .map(|index| match row.get(index) {
                Datum::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                other => format!("{other:?}"),
            })
            .collect();
        all.push(format!("{:?} {} {}", change.op, change.relation.name, cells.join(",")));
    }
    all
}

#[tokio::test]
async fn catalog_describes_keys_types_and_defaults() {
    let Some(lab) = Lab::open("catalog").await else { return };
    let client = lab.client().await;
    client
        .batch_execute(
            "CREATE TYPE mood AS ENUM ('b', 'a'); ALTER TYPE mood ADD VALUE 'first' BEFORE 'b'; \
             CREATE DOMAIN short AS varchar(3) NOT NULL; \
             CREATE TABLE t (a int, b mood[] NOT NULL DEFAULT '{}', c short, d numeric(5,2), e int GENERATED ALWAYS AS (a + 1) STORED, \
               gone int, PRIMARY KEY (d, a) INCLUDE (e)); ALTER TABLE t DROP COLUMN gone; \
             CREATE TABLE u (x int, y int); CREATE UNIQUE INDEX u_c ON u (x); \
             CREATE UNIQUE INDEX u_a ON u ((x + 1)); CREATE UNIQUE INDEX u_b ON u (y, x) WHERE x > 0; \
             CREATE TABLE none (); CREATE VIEW v AS SELECT 1; CREATE TABLE spatial_ref_sys (); \
             CREATE TABLE p (k int PRIMARY KEY) PARTITION BY RANGE (k); CREATE TABLE p1 PARTITION OF p DEFAULT; \
             CREATE TEMP TABLE temporary (k int)",
        )
        .await
        .unwrap();
    let mut catalog = Catalog::new(client);
    let tables = catalog.tables().await.unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["none", "p", "p1", "t", "u"]);
    assert!(tables[1].partitioned && tables[2].is_partition);

    let t = catalog.describe_table(tables[3].oid).await.unwrap().unwrap();
    assert_eq!(t.key, [3, 0]);
    let columns: Vec<_> = t
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.nullable, c.identity, c.default.as_deref()))
        .collect();
    assert_eq!(
        columns,
        [
            ("a", false, true, None),
            ("b", false, false, Some("'{}'::mood[]")),
            ("c", false, false, None),
            ("d", false, true, None),
            ("e", true, false, Some("(a + 1)")),
        ]
    );
    assert_eq!(t.columns[3].typmod, ((5 << 16) | 2) + 4);
    let kinds = format!("{:?} {:?}", t.columns[1].ty.kind, t.columns[2].ty.kind);
    assert!(
        kinds.contains(r#"Enum(["first", "b", "a"])"#) && kinds.contains("typmod: 7"),
        "{kinds}"
    );
    let later = "ALTER TYPE mood ADD VALUE 'late'";
    catalog.client().batch_execute(later).await.unwrap();
    let again = catalog.describe_table(tables[3].oid).await.unwrap().unwrap();
    assert_eq!(again.columns[1].ty, t.columns[1].ty, "a type stays what it was when it was read");

    let u = catalog.describe_table(tables[4].oid).await.unwrap().unwrap();
    assert_eq!(u.key, [1, 0], "u_b: u_a has an expression, u_c comes later");
    let none = catalog.describe_table(tables[0].oid).await.unwrap().unwrap();
    assert!(none.columns.is_empty() && none.key.is_empty());
    assert!(catalog.describe_table(1).await.unwrap().is_none());
    let range = catalog.type_by_oid(3904).await.unwrap().unwrap();
    assert!(matches!(&range.kind, pgoutput::TypeKind::Range(of) if of.name == "int4"));
    catalog.into_client().close().await;
    lab.close().await;
}

#[tokio::test]
async fn publication_follows_its_mode() {
    let Some(lab) = Lab::open("publication").await else { return };
    let client = lab.client().await;
    client.batch_execute("CREATE TABLE a (k int); CREATE TABLE \"B\" (k int)").await.unwrap();
    let (a, b) = (("public".to_owned(), "a".to_owned()), ("public".to_owned(), "B".to_owned()));

    let absent = lab.publication(Autocreate::Disabled).ensure(&client, &[]).await.unwrap_err();
    assert!(
        matches!(&absent, Error::Setup(text) if text.contains("CREATE PUBLICATION")),
        "{absent}"
    );
    let mut filtered = lab.publication(Autocreate::Filtered);
    filtered.publish = Some("insert,delete".to_owned());
    assert!(matches!(filtered.ensure(&client, &[]).await, Err(Error::Setup(_))));
    assert_eq!(filtered.ensure(&client, std::slice::from_ref(&a)).await.unwrap(), Made::Created);
    assert_eq!(filtered.ensure(&client, std::slice::from_ref(&a)).await.unwrap(), Made::Kept);
    assert_eq!(filtered.ensure(&client, &[b.clone(), a.clone()]).await.unwrap(), Made::Updated);
    assert_eq!(filtered.ensure(&client, &[a.clone(), b]).await.unwrap(), Made::Kept);
    assert_eq!(
        lab.publication(Autocreate::NoTables).ensure(&client, &[]).await.unwrap(),
        Made::Kept
    );

    client.batch_execute(&format!("DROP PUBLICATION {}", lab.name)).await.unwrap();
    lab.publish_all(&client).await;
    let narrowed = filtered.ensure(&client, &[a]).await.unwrap_err();
    assert!(narrowed.to_string().contains("all tables"), "{narrowed}");
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn snapshot_and_stream_share_no_row_and_miss_none() {
    let Some(lab) = Lab::open("handover").await else { return };
    let client = lab.client().await;
    let ddl = "CREATE TABLE t (k int PRIMARY KEY, v text); CREATE TABLE z (k int); \
               INSERT INTO t VALUES (1, E'a\\tb'), (2, NULL)";
    client.batch_execute(ddl).await.unwrap();
    lab.publish_all(&client).await;
    slot::check_server(&client).await.unwrap();
    assert_eq!(slot::find(&client, &lab.name).await.unwrap(), None);

    let mut replication = lab.replication().await;
    assert!(replication.identify_system().await.unwrap().flushed.is_valid());
    let made = slot::create(&mut replication, &lab.name, false).await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (3, 'later')").await.unwrap();
    let found = slot::find(&client, &lab.name).await.unwrap().unwrap();
    found.check(&lab.name).unwrap();
    assert_eq!(found.confirmed_flush, Some(made.consistent_point));

    let view = View::Exported { snapshot: made.snapshot, lsn: made.consistent_point };
    let mut snapshot = Snapshot::begin(Catalog::new(lab.client().await), view).await.unwrap();
    assert_eq!(snapshot.position().lsn, made.consistent_point);
    assert!(snapshot.position().xid.unwrap() > 0);
    assert!(snapshot.position().commit_time_us > 1_600_000_000_000_000);
    let (sender, mut receiver) = queue::channel(1 << 20);
    let mut sources = Vec::new();
    for table in snapshot.catalog().tables().await.unwrap() {
        let relation = snapshot.catalog().describe_table(table.oid).await.unwrap().unwrap();
        sources.push(Source { relation: Arc::new(relation), select: None, rows: Arc::default() });
    }
    let relations: Vec<_> = sources.iter().map(|source| Arc::clone(&source.relation)).collect();
    snapshot.lock(&relations, Duration::from_secs(1)).await.unwrap();
    let stop = CancellationToken::new();
    assert_eq!(snapshot.copy(&sources, &sender, &stop).await.unwrap(), Outcome::Complete);
    let catalog = snapshot.finish().await.unwrap();
    let rows = next(&mut receiver).await.unwrap();
    assert_eq!(changes(&rows), ["Read t 1,a\tb", "Read t 2,Null"]);
    let done = next(&mut receiver).await.unwrap();
    assert!(
        matches!(done.events.as_slice(), [Event::SnapshotDone(p)] if p.lsn == made.consistent_point)
    );
    assert_eq!(sources[0].rows.load(Ordering::Relaxed), 2);

    let stream =
        Stream::start(replication, catalog, &lab.options(made.consistent_point)).await.unwrap();
    let progress = stream.progress();
    let (confirm, confirmed) = watch::channel(Lsn::INVALID);
    let running = tokio::spawn(stream.run(sender, confirmed, stop.clone()));
    let mut seen = Vec::new();
    let mut end = Lsn::INVALID;
    client.batch_execute("INSERT INTO t VALUES (4, 'last')").await.unwrap();
    while seen.len() < 2 {
        let batch = next(&mut receiver).await.unwrap();
        seen.extend(changes(&batch));
        for event in &batch.events {
            if let Event::Commit { end_lsn, .. } = event {
                end = *end_lsn;
            }
        }
    }
    assert_eq!(seen, ["Insert t 3,later", "Insert t 4,last"]);
    assert_eq!(progress.flushed(), Lsn::INVALID, "nothing is confirmed that nobody confirmed");
    let busy = slot::find(&client, &lab.name).await.unwrap().unwrap().check(&lab.name).unwrap_err();
    assert!(busy.is_transient(), "{busy}");

    // What is confirmed just before the stop still arrives, and the slot is free at once.
    confirm.send_replace(end);
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it stops").unwrap().unwrap();
    let found = slot::find(&client, &lab.name).await.unwrap().unwrap();
    assert_eq!((found.confirmed_flush, found.active), (Some(end), false));
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn temporary_slot_gives_an_old_one_an_exact_snapshot_and_goes() {
    let Some(lab) = Lab::open("temporary").await else { return };
    let client = lab.client().await;
    client.batch_execute("CREATE TABLE t (k int PRIMARY KEY)").await.unwrap();
    lab.publish_all(&client).await;
    let mut replication = lab.replication().await;
    slot::create(&mut replication, &lab.name, false).await.unwrap();
    replication.close().await;
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();

    let mut replication = lab.replication().await;
    let name = format!("{}_t", lab.name);
    let made = replication.create_temporary_slot(&name).await.unwrap();
    client.batch_execute("INSERT INTO t VALUES (2)").await.unwrap();
    let view = View::Exported { snapshot: made.snapshot, lsn: made.consistent_point };
    let mut snapshot = Snapshot::begin(Catalog::new(lab.client().await), view).await.unwrap();
    replication.close().await;
    let gone = async || slot::find(&client, &name).await.unwrap().is_none();
    patiently(gone).await;
    let tables = snapshot.catalog().tables().await.unwrap();
    let relation = snapshot.catalog().describe_table(tables[0].oid).await.unwrap().unwrap();
    let source = Source { relation: Arc::new(relation), select: None, rows: Arc::default() };
    let (sender, mut receiver) = queue::channel(1 << 20);
    let stop = CancellationToken::new();
    assert_eq!(snapshot.copy(&[source], &sender, &stop).await.unwrap(), Outcome::Complete);
    let catalog = snapshot.finish().await.unwrap();
    assert_eq!(changes(&next(&mut receiver).await.unwrap()), ["Read t 1"]);
    next(&mut receiver).await.unwrap();

    let options = lab.options(made.consistent_point);
    let stream = Stream::start(lab.replication().await, catalog, &options).await.unwrap();
    let (_confirm, confirmed) = watch::channel(Lsn::INVALID);
    let running = tokio::spawn(stream.run(sender, confirmed, stop.clone()));
    let mut seen = Vec::new();
    while seen.is_empty() {
        seen = changes(&next(&mut receiver).await.unwrap());
    }
    assert_eq!(seen, ["Insert t 2"], "what is in the snapshot does not come again");
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it stops").unwrap().unwrap();
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn table_that_is_gone_is_described_by_its_messages() {
    let Some(lab) = Lab::open("gone").await else { return };
    let client = lab.client().await;
    let ddl = "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE gone (m mood, k int PRIMARY KEY, n int NOT NULL); \
               CREATE TABLE kept (k int, n int DEFAULT 5, PRIMARY KEY (n, k))";
    client.batch_execute(ddl).await.unwrap();
    lab.publish_all(&client).await;
    let mut replication = lab.replication().await;
    let made = slot::create(&mut replication, &lab.name, false).await.unwrap();
    for sql in [
        "INSERT INTO gone VALUES ('a', 1, 2)",
        "INSERT INTO kept VALUES (3, 4)",
        "DROP TABLE gone; DROP TYPE mood; ALTER TABLE kept ADD COLUMN later int",
    ] {
        client.batch_execute(sql).await.unwrap();
    }
    let catalog = Catalog::new(lab.client().await);
    let stream =
        Stream::start(replication, catalog, &lab.options(made.consistent_point)).await.unwrap();
    let (sender, mut receiver) = queue::channel(1 << 20);
    let (_confirm, confirmed) = watch::channel(Lsn::INVALID);
    let stop = CancellationToken::new();
    let running = tokio::spawn(stream.run(sender, confirmed, stop.clone()));
    let mut relations = Vec::new();
    while relations.len() < 2 {
        for event in next(&mut receiver).await.unwrap().events {
            if let Event::Change(change) = event {
                relations.push(change.relation);
            }
        }
    }
    let [gone, kept] = relations.as_slice() else { panic!("two changes") };
    assert_eq!((gone.name.as_str(), gone.key.as_slice()), ("gone", [1].as_slice()));
    assert!(gone.columns[2].nullable && gone.columns[0].ty.name.is_empty());
    assert_eq!((kept.columns.len(), kept.key.as_slice()), (2, [1, 0].as_slice()));
    assert_eq!(kept.columns[1].default.as_deref(), Some("5"));
    stop.cancel();
    running.await.unwrap().unwrap();
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn snapshot_of_now_takes_its_position_before_its_rows() {
    let Some(lab) = Lab::open("now").await else { return };
    let client = lab.client().await;
    client
        .batch_execute(
            "CREATE TABLE t AS SELECT generate_series(1, 5000) AS k, repeat('x', 200) AS v",
        )
        .await
        .unwrap();
    for isolation in [
        Isolation::Serializable,
        Isolation::RepeatableRead,
        Isolation::ReadCommitted,
        Isolation::ReadUncommitted,
    ] {
        let mut snapshot =
            Snapshot::begin(Catalog::new(lab.client().await), View::Now(isolation)).await.unwrap();
        let oid = snapshot.catalog().tables().await.unwrap()[0].oid;
        let relation = Arc::new(snapshot.catalog().describe_table(oid).await.unwrap().unwrap());
        let select = (isolation == Isolation::ReadCommitted)
            .then(|| "SELECT k, v FROM t WHERE k <= 4000 -- some\n;".to_owned());
        let expected = if select.is_some() { 4000 } else { 5000 };
        let source = Source { relation, select, rows: Arc::default() };
        let (sender, mut receiver) = queue::channel(256 * 1024);
        let stop = CancellationToken::new();
        let rows = Arc::clone(&source.rows);
        let copying = tokio::spawn(async move {
            let outcome = snapshot.copy(&[source], &sender, &stop).await.unwrap();
            (snapshot.finish().await.unwrap(), outcome)
        });
        let mut marks = Vec::new();
        while let Some(batch) = next(&mut receiver).await {
            for event in batch.events {
                if let Event::Change(change) = event {
                    assert_eq!(
                        (change.op, change.position.ordinal),
                        (Op::Read, marks.len() as u64)
                    );
                    marks.push(change.mark);
                }
            }
        }
        assert_eq!((marks.len(), rows.load(Ordering::Relaxed)), (expected, expected as u64));
        assert_eq!(marks.iter().filter(|mark| mark.last).count(), 1);
        assert!(marks[0].first && marks[expected - 1].last);
        let (catalog, outcome) = copying.await.unwrap();
        assert_eq!(outcome, Outcome::Complete);
        catalog.into_client().close().await;
    }
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn slow_consumer_outlives_the_patience_of_the_server() {
    let Some(lab) = Lab::open("slow").await else { return };
    let client = lab.client().await;
    client.batch_execute("CREATE TABLE t (k int, v text)").await.unwrap();
    lab.admin
        .batch_execute(&format!("ALTER DATABASE {} SET wal_sender_timeout = '1s'", lab.name))
        .await
        .unwrap();
    lab.publish_all(&client).await;
    let mut replication = lab.replication().await;
    let made = slot::create(&mut replication, &lab.name, false).await.unwrap();
    let catalog = Catalog::new(lab.client().await);
    let stream =
        Stream::start(replication, catalog, &lab.options(made.consistent_point)).await.unwrap();
    let (sender, mut receiver) = queue::channel(1);
    let (_confirm, confirmed) = watch::channel(Lsn::INVALID);
    let stop = CancellationToken::new();
    let running = tokio::spawn(stream.run(sender, confirmed, stop.clone()));
    client
        .batch_execute("INSERT INTO t SELECT k, repeat('x', 1000) FROM generate_series(1, 20000) k")
        .await
        .unwrap();
    // The passing of time is the test: the queue is full and nobody takes anything, for three times the timeout.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut rows = 0;
    while rows < 20000 {
        rows += changes(&next(&mut receiver).await.expect("the stream is alive")).len();
    }
    // A receiver that goes away ends the stream in order.
    drop(receiver);
    client.batch_execute("INSERT INTO t VALUES (0, '')").await.unwrap();
    tokio::time::timeout(PATIENCE, running).await.expect("it stops").unwrap().unwrap();
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn failures_say_what_to_do() {
    let Some(lab) = Lab::open("failures").await else { return };
    let connect = async |config: &Config| {
        let plain = sql::connect(config, "test").await.map(|_| ()).unwrap_err();
        let replication = Replication::connect(config, "test").await.map(|_| ()).unwrap_err();
        [plain, replication]
    };
    let unknown = Config { dbname: "no_such_database".to_owned(), ..lab.config.clone() };
    for error in connect(&unknown).await {
        let text = error.to_string();
        assert!(
            text.contains("no_such_database") && text.contains("check database.dbname"),
            "{text}"
        );
        assert!(!error.is_transient());
    }
    let refused = Config { port: 1, host: "127.0.0.1".to_owned(), ..lab.config.clone() };
    for error in connect(&refused).await {
        let text = error.to_string();
        assert!(text.contains(":1 (user") && text.contains("check database.hostname"), "{text}");
        assert!(error.is_transient());
    }
    let client = lab.client().await;
    client
        .query_typed(
            "SELECT pg_create_logical_replication_slot($1, 'test_decoding')",
            &[(&lab.name, tokio_postgres::types::Type::NAME)],
        )
        .await
        .unwrap();
    let other = slot::find(&client, &lab.name).await.unwrap().unwrap();
    assert!(other.check(&lab.name).unwrap_err().to_string().contains("test_decoding"));
    let mut replication = lab.replication().await;
    let taken = slot::create(&mut replication, &lab.name, false).await.unwrap_err();
    assert!(
        taken.sqlstate() == Some("42710") && taken.to_string().contains("slot.name"),
        "{taken}"
    );
    assert!(replication.identify_system().await.is_ok(), "an error leaves the connection usable");
    replication.close().await;
    client.close().await;
    lab.close().await;
}

#[tokio::test]
async fn missing_privileges_are_named() {
    let Some(lab) = Lab::open("roles").await else { return };
    let role = format!("{}_role", lab.name);
    let owner = lab.client().await;
    owner
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; CREATE TABLE t (k int)"))
        .await
        .unwrap();
    let config = Config { user: role.clone(), ..lab.config.clone() };
    let client = sql::connect(&config, "test").await.unwrap();
    let expect = |error: Error, word: &str| {
        assert!(!error.is_transient() && error.to_string().contains(word), "{error}");
    };
    expect(slot::check_server(&client).await.unwrap_err(), "REPLICATION");
    expect(Replication::connect(&config, "test").await.map(|_| ()).unwrap_err(), "REPLICATION");
    let all = lab.publication(Autocreate::AllTables).ensure(&client, &[]).await.unwrap_err();
    expect(all, "GRANT CREATE ON DATABASE");
    owner.batch_execute(&format!("GRANT CREATE ON DATABASE {} TO {role}", lab.name)).await.unwrap();
    let all = lab.publication(Autocreate::AllTables).ensure(&client, &[]).await.unwrap_err();
    expect(all, "a superuser makes publications for all tables");
    let table = [("public".to_owned(), "t".to_owned())];
    let filtered = lab.publication(Autocreate::Filtered).ensure(&client, &table).await.unwrap_err();
    expect(filtered, "made by the owner of each table");
    let mut snapshot =
        Snapshot::begin(Catalog::new(client), View::Now(Isolation::default())).await.unwrap();
    let oid = snapshot.catalog().tables().await.unwrap()[0].oid;
    let relation = Arc::new(snapshot.catalog().describe_table(oid).await.unwrap().unwrap());
    let source = Source { relation, select: None, rows: Arc::default() };
    let (sender, _receiver) = queue::channel(1 << 20);
    let denied = snapshot.copy(&[source], &sender, &CancellationToken::new()).await.unwrap_err();
    assert!(denied.to_string().contains("\"public\".\"t\""), "{denied}");
    expect(denied, "SELECT on the tables");
    drop(snapshot);
    owner.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    owner.close().await;
    lab.close().await;
}

/// Whether the session is under TLS, or a word of the error.
type Expected = Result<bool, &'static str>;

/// The server that `tests/cluster.sh` makes.
struct Cluster {
    port: String,
    socket: String,
    pki: PathBuf,
}

impl Cluster {
    fn config(&self, host: &str, user: &str, password: &str, mode: SslMode) -> Config {
        let mut config = config(host, &self.port, user, "shop");
        config.password = (!password.is_empty()).then(|| Password::new(password.to_owned()));
        config.ssl.mode = mode;
        if matches!(mode, VerifyCa | VerifyFull) {
            config.ssl.root_cert = Some(self.pki.join("ca.crt"));
        }
        config
    }

    /// Every mode with every way to authenticate.
    fn password_cases(&self) -> Vec<(Config, Expected)> {
        let mut cases = Vec::new();
        for mode in [Disable, Allow, Prefer, Require, VerifyCa, VerifyFull] {
            let with = |user, password| self.config("127.0.0.1", user, password, mode);
            let tls = !matches!(mode, Disable | Allow);
            cases.push((with("wire_md5", "pw md5"), Ok(tls)));
            cases.push((with("wire_scram", "pw scram"), Ok(tls)));
            cases.push((with("wire_clear", "pw clear"), Ok(tls)));
            cases.push((
                with("wire_ssl", "p"),
                if mode == Disable { Err("28000") } else { Ok(true) },
            ));
            let never =
                if matches!(mode, Disable | Allow | Prefer) { Ok(false) } else { Err("28000") };
            cases.push((with("wire_nossl", "p"), never));
            cases.push((with("wire_scram", "wrong"), Err("28P01")));
            cases.push((with("wire_md5", ""), Err("set database.password")));
            cases.push((self.config(&self.socket, "postgres", "", mode), Ok(false)));
        }
        cases
    }

    /// Client certificates, and roots that do not fit.
    fn certificate_cases(&self) -> Vec<(Config, Expected)> {
        let mut cases = Vec::new();
        for (key, expected) in [
            ("cli.key", Ok(true)),
            ("cli.pk8", Ok(true)),
            ("cli.enc.pem", Err("passphrase")),
            ("cli.enc.pk8", Err("passphrase")),
            ("cli.crt", Err("database.sslkey")),
            ("none", Err("database.sslkey")),
        ] {
            let mut config = self.config("localhost", "wire_cert", "", VerifyFull);
            config.ssl.cert = Some(self.pki.join("cli.crt"));
            config.ssl.key = Some(self.pki.join(key));
            cases.push((config, expected));
        }
        let scram = |host, mode, root: Option<&Path>| {
            let mut config = self.config(host, "wire_scram", "pw scram", mode);
            config.ssl.root_cert = root.map(|file| self.pki.join(file));
            config
        };
        let (ours, other) = (Some(Path::new("ca.crt")), Some(Path::new("other.crt")));
        let pinned = Some(Path::new("server.crt"));
        for (config, expected) in [
            (scram("localhost", VerifyCa, other), Err("issuer")),
            (scram("localhost", Require, other), Err("issuer")),
            (scram("localhost", Require, ours), Ok(true)),
            (scram("localhost", Prefer, other), Ok(true)),
            (scram("localhost", VerifyFull, None), Err("database.sslrootcert")),
            (scram("localhost", VerifyFull, pinned), Ok(true)),
            // The same server under an address that its certificate does not name.
            (scram("127.0.0.2", VerifyCa, ours), Ok(true)),
            (scram("127.0.0.2", VerifyFull, ours), Err("not valid for name")),
        ] {
            cases.push((config, expected));
        }
        cases
    }
}

async fn check_connect(config: &Config, expected: Expected) {
    let Config { user, host, .. } = config;
    let what = format!("{user} at {host}, {:?}", config.ssl);
    let plain = sql::connect(config, "test").await;
    let replication = Replication::connect(config, "test").await;
    match expected {
        Ok(tls) => {
            let plain = plain.unwrap_or_else(|e| panic!("{what}: {e}"));
            let replication = replication.unwrap_or_else(|e| panic!("{what}, replication: {e}"));
            let sql = "SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()";
            let row = plain.query_typed_one(sql, &[]).await.unwrap();
            assert_eq!(row.get::<_, bool>(0), tls, "{what}");
            plain.close().await;
            replication.close().await;
        }
        Err(word) => {
            for error in [plain.map(|_| ()).unwrap_err(), replication.map(|_| ()).unwrap_err()] {
                assert!(error.to_string().contains(word), "{what}: {error}");
                assert!(!error.to_string().contains("wrong"), "{what}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn every_sslmode_and_password_method_connects_as_libpq_does() {
    let Some(words) = setting("WALBRIDGE_TEST_POSTGRES_TLS") else { return };
    let cluster = Cluster {
        port: word(&words, "port").to_owned(),
        socket: word(&words, "socket").to_owned(),
        pki: PathBuf::from(word(&words, "pki")),
    };
    for (config, expected) in
        cluster.password_cases().into_iter().chain(cluster.certificate_cases())
    {
        check_connect(&config, expected).await;
    }
}
