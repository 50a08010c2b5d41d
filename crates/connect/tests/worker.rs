//! A worker against real brokers, with a plugin whose task idles. Needs `WALBRIDGE_TEST_BOOTSTRAP`.

#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "code of tests, which clippy sees as such only within a test function"
)]
#[path = "worker/lab.rs"]
mod lab;

use lab::{Lab, brokers};
use serde_json::{Value, json};

fn config(name: &str) -> Value {
    json!({"connector.class": "test.IdleConnector", "name": name, "b": 1, "a": true})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_lives_as_in_connect() {
    let Some(brokers) = brokers() else { return };
    let lab = Lab::start(&brokers, "life").await;
    let body = json!({"name": "c 1", "config": {"connector.class": "test.IdleConnector", "b": 1, "a": true}});
    let created = lab.call("POST", "/connectors/", Some(&body)).await;
    assert_eq!(created.status, 201);
    assert!(created.head.contains("/connectors/c%201"), "{}", created.head);
    let expected = r#"{"name":"c 1","config":{"connector.class":"test.IdleConnector","b":"1","a":"true","name":"c 1"},"tasks":[],"type":"source"}"#;
    assert_eq!(created.text, expected);
    assert_eq!(lab.call("POST", "/connectors", Some(&body)).await.status, 409);
    let states = |connector: &str, task: &str| format!("{connector},{task}");
    lab.until_states("c%201", &states("RUNNING", "RUNNING")).await;
    lab.until("/connectors/c%201/topics", |text| text == r#"{"c 1":{"topics":["idle.t"]}}"#).await;

    assert_eq!(lab.call("PUT", "/connectors/c%201/pause", None).await.status, 202);
    lab.until_states("c%201", &states("PAUSED", "PAUSED")).await;
    assert_eq!(lab.call("PUT", "/connectors/c%201/resume", None).await.status, 202);
    lab.until_states("c%201", &states("RUNNING", "RUNNING")).await;
    assert_eq!(lab.call("DELETE", "/connectors/c%201/offsets", None).await.status, 400);

    assert_eq!(lab.call("PUT", "/connectors/c%201/stop", None).await.status, 204);
    lab.until_states("c%201", "STOPPED").await;
    assert_eq!(lab.call("GET", "/connectors/c%201/tasks", None).await.text, "[]");
    let offsets = json!({"offsets": [{"partition": {"server": "s"}, "offset": {"lsn": 7}}]});
    assert_eq!(lab.call("PATCH", "/connectors/c%201/offsets", Some(&offsets)).await.status, 200);
    assert_eq!(lab.call("GET", "/connectors/c%201/offsets", None).await.json(), offsets);
    assert_eq!(lab.call("DELETE", "/connectors/c%201/offsets", None).await.status, 200);
    assert_eq!(lab.call("GET", "/connectors/c%201/offsets", None).await.text, r#"{"offsets":[]}"#);

    assert_eq!(lab.call("DELETE", "/connectors/c%201", None).await.status, 204);
    lab.until_status("/connectors/c%201/status", 404).await;
    assert_eq!(lab.call("GET", "/connectors", None).await.text, "[]");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_stays_failed_until_it_is_restarted() {
    let Some(brokers) = brokers() else { return };
    let lab = Lab::start(&brokers, "fail").await;
    let mut bad = config("f");
    bad["fail"] = json!("boom");
    assert_eq!(lab.call("PUT", "/connectors/f/config", Some(&bad)).await.status, 201);
    lab.until_states("f", "RUNNING,FAILED").await;
    let status = lab.call("GET", "/connectors/f/tasks/0/status", None).await.json();
    assert_eq!(status["trace"], "test.Failure: boom\n");
    assert_eq!(lab.call("PUT", "/connectors/f/pause", None).await.status, 202);
    lab.until_states("f", "PAUSED,FAILED").await;
    assert_eq!(lab.call("PUT", "/connectors/f/resume", None).await.status, 202);
    lab.until_states("f", "RUNNING,FAILED").await;
    let restarted =
        lab.call("POST", "/connectors/f/restart?includeTasks=true&onlyFailed=true", None).await;
    assert_eq!(restarted.status, 202);
    assert_eq!(restarted.json()["connector"]["state"], "RUNNING");
    assert_eq!(restarted.json()["tasks"][0]["state"], "RESTARTING");
    lab.until_states("f", "RUNNING,FAILED").await;
    assert_eq!(lab.call("PUT", "/connectors/f/config", Some(&config("f"))).await.status, 200);
    lab.until_states("f", "RUNNING,RUNNING").await;
    assert_eq!(lab.call("POST", "/connectors/f/tasks/0/restart", None).await.status, 204);
    assert_eq!(lab.call("POST", "/connectors/f/tasks/1/restart", None).await.status, 404);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_task_blocks_nothing() {
    let Some(brokers) = brokers() else { return };
    let lab = Lab::start(&brokers, "stuck").await;
    let mut stuck = config("s");
    stuck["stuck"] = json!("true");
    assert_eq!(lab.call("PUT", "/connectors/s/config", Some(&stuck)).await.status, 201);
    lab.until_states("s", "RUNNING,RUNNING").await;
    assert_eq!(lab.call("DELETE", "/connectors/s", None).await.status, 204);
    let began = std::time::Instant::now();
    assert_eq!(
        lab.call("PUT", "/connectors/other/config", Some(&config("other"))).await.status,
        201
    );
    lab.until_states("other", "RUNNING,RUNNING").await;
    assert!(began.elapsed() < lab::GRACE, "the other connector waited for the stuck one");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_worker_brings_everything_back() {
    let Some(brokers) = brokers() else { return };
    let mut lab = Lab::start(&brokers, "back").await;
    for name in ["run", "pause", "stop"] {
        assert_eq!(
            lab.call("PUT", &format!("/connectors/{name}/config"), Some(&config(name)))
                .await
                .status,
            201
        );
        lab.until_states(name, "RUNNING,RUNNING").await;
    }
    assert_eq!(lab.call("PUT", "/connectors/pause/pause", None).await.status, 202);
    assert_eq!(lab.call("PUT", "/connectors/stop/stop", None).await.status, 204);
    lab.until_states("pause", "PAUSED,PAUSED").await;
    lab.until_states("stop", "STOPPED").await;
    lab.restart().await;
    lab.until_states("run", "RUNNING,RUNNING").await;
    lab.until_states("pause", "PAUSED,PAUSED").await;
    lab.until_states("stop", "STOPPED").await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_records_and_foreign_connectors_do_not_stop_the_worker() {
    let Some(brokers) = brokers() else { return };
    let mut lab = Lab::start(&brokers, "broken").await;
    lab.stop().await;
    let sink = r#"{"properties":{"connector.class":"x.Sink","name":"sink"}}"#;
    let good = r#"{"properties":{"connector.class":"test.IdleConnector","name":"good"}}"#;
    for (key, value) in [
        ("connector-bad", "{"),
        ("nonsense", "{}"),
        ("connector-sink", sink),
        ("connector-good", good),
    ] {
        lab.write("configs", key, value).await;
    }
    lab.write("status", "status-connector-bad", "garbage").await;
    lab.write("offsets", "garbage", "garbage").await;
    lab.begin().await;
    lab.until_states("good", "RUNNING,RUNNING").await;
    lab.until_states("sink", "FAILED").await;
    let trace =
        lab.call("GET", "/connectors/sink/status", None).await.json()["connector"]["trace"].clone();
    assert!(
        trace.as_str().unwrap().contains("does not implement the connector class x.Sink"),
        "{trace}"
    );
    assert_eq!(lab.call("GET", "/connectors", None).await.text, r#"["good","sink"]"#);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_storage_topics_are_refused_by_name() {
    let Some(brokers) = brokers() else { return };
    let lab = Lab::unstarted(&brokers, "refused");
    lab.create_topic("configs", 2, "compact").await;
    let error = lab.try_start().await.unwrap_err().to_string();
    assert!(error.contains("refused-configs") && error.contains("exactly one"), "{error}");
    lab.delete_topics().await;

    let lab = Lab::unstarted(&brokers, "policy");
    lab.create_topic("offsets", 1, "delete").await;
    let error = lab.try_start().await.unwrap_err().to_string();
    assert!(error.contains("policy-offsets") && error.contains("cleanup.policy=delete"), "{error}");
    lab.delete_topics().await;
}
