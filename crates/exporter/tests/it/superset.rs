//! The default profile: every selector of the known dashboards has its series, over HTTP in both formats.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use exporter::capture::{Batch, Capture, Slot, SnapshotTable};
use exporter::kafka::{Client, Node, Reading, Role, Topic};
use exporter::server::Server;
use exporter::task::Task;
use exporter::text::Format;
use exporter::worker::{Connector, State, View};
use exporter::{Exporter, Rules};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

fn connector(name: &str, state: State, tasks: &[(u32, State)]) -> Connector {
    Connector {
        name: name.to_owned(),
        class: "io.debezium.connector.postgresql.PostgresConnector".to_owned(),
        kind: "source",
        version: "3.6.3.Final".to_owned(),
        state,
        tasks: tasks.to_vec(),
    }
}

fn client(role: Role, id: &str) -> Arc<Client> {
    let client = Client::new(role, id, 3);
    let nodes = [("node-1".to_owned(), Node { requests: 1.0, ..Node::default() })];
    let topics = (0..10).map(|n| (format!("t{n}"), Topic { records: 1.0, bytes: 1.0 }));
    client.update(Reading { nodes: nodes.into(), topics: topics.collect(), ..Reading::default() });
    Arc::new(client)
}

/// A worker with a connector that runs and one that is stopped; `tables` tables, of which 100 are named.
fn exporter(tables: usize) -> Exporter {
    let exporter = Exporter::new(Rules::profiles(&["superset"]).unwrap(), "4.3.0", "0");
    exporter.follow_worker(client(Role::Member, "connect-host:8083"), || View {
        connectors: vec![
            connector("c", State::Running, &[(0, State::Running)]),
            connector("idle", State::Stopped, &[]),
        ],
        worker_id: "host:8083".to_owned(),
        ..View::default()
    });
    exporter.add_client(client(Role::Producer, "connector-producer-c-0"));
    exporter.add_client(client(Role::Consumer, "connect-cluster-configs"));
    exporter.add_client(client(Role::Admin, "connect-cluster-shared-admin"));
    exporter.add_task(Arc::new(Task::new("c", 0)));
    let capture = Capture::new("c", "pg", 8192, 100);
    let snapshot = (0..tables).map(|n| SnapshotTable {
        name: format!("public.t{n}"),
        rows: Arc::default(),
        estimated: Some(1),
    });
    capture.snapshot_begins(snapshot.collect());
    for n in 0..tables {
        capture.table("public", &format!("t{n}")).add([1, 1, 1, 1, 1]);
    }
    let batch = Batch { creates: 1, commit_us: Some(1), ..Batch::default() };
    capture.batch(&batch, Duration::ZERO);
    capture.slot(Slot {
        safe_wal_bytes: Some(1),
        wal_bytes: Some(1),
        name: "s".to_owned(),
        ..Slot::default()
    });
    exporter.add_capture(0, Arc::new(capture));
    exporter
}

/// Names and label keys of a scrape.
fn series(text: &str) -> Vec<(&str, BTreeSet<&str>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
            let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let labels = labels.map_or("", |(labels, _)| labels);
            (name, labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).collect())
        })
        .collect()
}

#[test]
fn every_selector_of_the_known_dashboards_has_a_series() {
    let text = exporter(2).scrape(Format::Text, &[]);
    let series = series(&text);
    let missing: Vec<&str> = include_str!("selectors")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let labels: Vec<&str> = words.collect();
            let has = |(found, keys): &(&str, BTreeSet<&str>)| {
                *found == name && labels.iter().all(|label| keys.contains(label))
            };
            !series.iter().any(has)
        })
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn stopped_connector_has_a_status_without_a_task_and_a_running_one_is_counted_once() {
    let text = exporter(1).scrape(Format::Text, &["kafka_connect_connector_status".to_owned()]);
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "kafka_connect_connector_status{connector=\"c\",status=\"running\",task=\"0\"} 1",
            "kafka_connect_connector_status{connector=\"idle\",status=\"stopped\"} 1",
        ]
    );
}

#[test]
fn info_series_have_one_text_label_each() {
    let text = exporter(1).scrape(Format::Text, &["kafka_connect_connector_info".to_owned()]);
    let found = series(&text);
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|(_, keys)| keys.len() == 2 && keys.contains("connector")));
}

#[test]
fn no_series_is_there_twice() {
    let text = exporter(3).scrape(Format::Text, &[]);
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        assert!(seen.insert(series), "{series}");
    }
}

#[test]
fn thousand_tables_add_no_more_series_than_a_hundred_and_one() {
    let count = |tables| series(&exporter(tables).scrape(Format::Text, &[])).len();
    assert_eq!(count(1000), count(101));
}

pub(crate) async fn get(
    address: std::net::SocketAddr,
    path: &str,
    accept: &str,
) -> (u16, String, Vec<u8>) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let (accept, encoding) = accept.split_once('|').unwrap_or((accept, "identity"));
    let request = hyper::Request::get(path)
        .header("host", "x")
        .header("accept", accept)
        .header("accept-encoding", encoding)
        .body(String::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let head = ["content-type", "content-encoding"]
        .map(|name| headers.get(name).map_or("", |value| value.to_str().unwrap()));
    let body = response.into_body().collect().await.unwrap().to_bytes().to_vec();
    driver.abort();
    (status, head.join("|"), body)
}

#[tokio::test]
async fn listener_answers_as_the_agents_do() {
    let mut server = Server::bind(&[("127.0.0.1".to_owned(), 0)]).await.unwrap();
    let address = server.addresses()[0];
    let stop = CancellationToken::new();
    server.serve(&Arc::new(exporter(1)), &stop);
    for path in ["/metrics", "/"] {
        let (status, head, body) = get(address, path, "*/*").await;
        assert_eq!((status, head.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8|"));
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("kafka_connect_worker_connector_count 2\n"));
        assert!(text.contains("# TYPE cdc_end_to_end_latency_seconds histogram"));
    }
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let (_, head, body) = get(address, "/metrics", "application/openmetrics-text|gzip").await;
    assert_eq!(head, format!("{open}|gzip"));
    assert_eq!(body[..2], [0x1f, 0x8b]);
    let (_, _, body) =
        get(address, "/metrics?name[]=cdc_queue_bytes", "application/openmetrics-text").await;
    let text = String::from_utf8(body).unwrap();
    assert!(text.ends_with("cdc_queue_bytes{connector=\"c\"} 0\n# EOF\n"), "{text}");
    assert_eq!(text.lines().count(), 4);
    assert_eq!(get(address, "/-/healthy", "*/*").await.0, 200);
    assert_eq!(get(address, "/health", "*/*").await.0, 200);
    assert_eq!(get(address, "/nosuch", "*/*").await.0, 404);
    let taken = Server::bind(&[("127.0.0.1".to_owned(), address.port())]).await.unwrap_err();
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
    stop.cancel();
    server.stop().await;
}
