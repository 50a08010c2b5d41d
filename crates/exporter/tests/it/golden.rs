//! Scrapes of the real agents against the matching profile: the same names, label keys and types.
//!
//! `golden/*.prom` were scraped from Kafka Connect 4.3 with Debezium 3.6.3; `absent` is what is left out on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use exporter::capture::{Batch, Capture, SnapshotTable};
use exporter::kafka::{Client, Node, Reading, Role, Spread, Topic};
use exporter::task::Task;
use exporter::text::Format;
use exporter::worker::{Connector, State, View};
use exporter::{Exporter, Rules};

/// A series less its value: name, label keys, type.
type Shape = (String, BTreeSet<String>, String);

/// What a scrape holds, by name and label keys.
fn shapes(text: &str) -> BTreeSet<Shape> {
    let mut types = BTreeMap::new();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            types.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            let end = line.find(['{', ' ']).unwrap();
            let (name, rest) = line.split_at(end);
            let kind = ["", "_total", "_count", "_sum", "_bucket"]
                .iter()
                .find_map(|suffix| types.get(name.strip_suffix(suffix)?));
            let kind = kind.map_or("", String::as_str);
            found.insert((name.to_owned(), keys(rest), kind.to_owned()));
        }
    }
    found
}

/// Label keys of `{a="1",b="2"} 3`.
fn keys(rest: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let (mut key, mut quoted, mut escaped) = (String::new(), false, false);
    for c in rest.trim_start_matches('{').chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '=' => {
                keys.insert(std::mem::take(&mut key));
            }
            '}' => break,
            ',' | ' ' => key.clear(),
            c => key.push(c),
        }
    }
    keys
}

fn client(role: Role, id: &str, nodes: &[&str]) -> Arc<Client> {
    let client = Client::new(role, id, 10);
    let spread = Spread { avg: 1.0, max: 2.0, count: 1.0 };
    let node = Node { requests: 1.0, latency_ms: spread, ..Node::default() };
    let nodes = nodes.iter().map(|name| ((*name).to_owned(), node.clone())).collect();
    let topics = [("pg.public.users".to_owned(), Topic { records: 1.0, bytes: 1.0 })];
    client.update(Reading { nodes, topics: topics.into(), ..Reading::default() });
    Arc::new(client)
}

/// The worker that the captures were taken of.
fn worker(profile: &str) -> Exporter {
    let exporter = Exporter::new(Rules::profiles(&[profile]).unwrap(), "4.3.0", "a9ce3221537b8653");
    let member = client(Role::Member, "connect-connect:8083", &["node-1"]);
    exporter.follow_worker(member, || View {
        connectors: vec![Connector {
            name: "pg-connector".to_owned(),
            class: "io.debezium.connector.postgresql.PostgresConnector".to_owned(),
            kind: "source",
            version: "3.6.3.Final".to_owned(),
            state: State::Running,
            tasks: vec![(0, State::Running)],
        }],
        leader: "http://connect:8083/".to_owned(),
        worker_id: "connect:8083".to_owned(),
        ..View::default()
    });
    let nodes = ["node--1", "node-1"];
    exporter.add_client(client(Role::Producer, "connector-producer-pg-connector-0", &nodes));
    // It had no connection yet.
    exporter.add_client(client(Role::Consumer, "connect-cluster-configs", &[]));
    exporter.add_client(client(Role::Admin, "connect-cluster-shared-admin", &["node--1"]));
    exporter.add_task(Arc::new(Task::new("pg-connector", 0)));
    let capture = Capture::new("pg-connector", "pg", 8192, 100);
    let rows = Arc::new(AtomicU64::new(1008));
    let table = SnapshotTable { name: "public.users".to_owned(), rows, estimated: Some(1) };
    capture.snapshot_begins(vec![table]);
    capture.snapshot_ends(true);
    // Debezium's counts by table were switched on in one kind of the captures only.
    if !profile.starts_with("debezium") {
        capture.table("public", "users").add([1, 1, 1, 0, 0]);
    }
    let batch = Batch { creates: 1, commit_us: Some(1), ..Batch::default() };
    capture.batch(&batch, Duration::ZERO);
    exporter.add_capture(0, Arc::new(capture));
    exporter
}

/// Lines of `absent`: a name, perhaps ending in `*`, behind a sentence that says why.
fn absent() -> Vec<String> {
    let text = include_str!("golden/absent");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(str::to_owned).collect()
}

fn is_absent(absent: &[String], name: &str) -> bool {
    absent.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

fn compare(golden: &str, profile: &str) {
    let absent = absent();
    let kept = |(name, _, _): &Shape| !is_absent(&absent, name);
    let expected: BTreeSet<Shape> = shapes(golden).into_iter().filter(kept).collect();
    let ours = worker(profile).scrape(Format::Text, &[]);
    // What only we have goes by these names.
    let of_theirs = |(name, _, _): &Shape| {
        !["cdc_", "pg_replication_", "jvm_", "process_"].iter().any(|own| name.starts_with(own))
    };
    let found = shapes(&ours);
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "{profile} lacks {missing:#?}");
    let extra: Vec<_> =
        found.difference(&expected).filter(|shape| of_theirs(shape) && kept(shape)).collect();
    assert!(extra.is_empty(), "{profile} has too much: {extra:#?}");
}

#[test]
fn course_file_under_agent_0_15() {
    compare(include_str!("golden/0.15.0-course.prom"), "jmx-example");
}

#[test]
fn timtebeek_under_agent_0_20() {
    compare(include_str!("golden/0.20.0-timtebeek.prom"), "jmx-example-rates");
}

#[test]
fn confluent_under_agent_0_20() {
    compare(include_str!("golden/0.20.0-confluent.prom"), "confluent-0x");
}

#[test]
fn confluent_under_agent_1() {
    compare(include_str!("golden/1.0.1-confluent.prom"), "confluent");
}

#[test]
fn mixin_under_agent_0_20() {
    compare(include_str!("golden/0.20.0-mixin.prom"), "mixin");
}

#[test]
fn strimzi_under_agent_0_20() {
    compare(include_str!("golden/0.20.0-strimzi.prom"), "strimzi-0x");
}

#[test]
fn strimzi_under_agent_1() {
    compare(include_str!("golden/1.0.1-strimzi.prom"), "strimzi");
}

#[test]
fn debezium_under_agent_0_20() {
    compare(include_str!("golden/0.20.0-dbz.prom"), "debezium");
}

#[test]
fn debezium_under_agent_1() {
    compare(include_str!("golden/1.0.1-dbz.prom"), "debezium-1x");
}

#[test]
fn name_that_is_said_to_be_absent_is_in_a_capture_and_not_in_ours() {
    let all: String = [
        include_str!("golden/0.15.0-course.prom"),
        include_str!("golden/0.20.0-confluent.prom"),
        include_str!("golden/1.0.1-confluent.prom"),
    ]
    .concat();
    let captured: BTreeSet<String> = shapes(&all).into_iter().map(|(name, _, _)| name).collect();
    let ours = ["jmx-example", "confluent-0x", "confluent", "superset"]
        .map(|profile| shapes(&worker(profile).scrape(Format::Text, &[])));
    for pattern in absent() {
        let one = std::slice::from_ref(&pattern);
        assert!(captured.iter().any(|name| is_absent(one, name)), "{pattern} is in no capture");
        let shown = ours.iter().flatten().find(|(name, _, _)| is_absent(one, name));
        assert_eq!(shown, None, "{pattern} is shown");
    }
}
