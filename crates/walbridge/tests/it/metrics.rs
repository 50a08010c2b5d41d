//! What is scraped follows the work: totals are the rows, states are those of `/status`.

use std::time::Duration;

use serde_json::json;

use crate::connector::config_with;
use crate::http::Rest;
use crate::lab::{self, Outcome, deadline};
use crate::worker::Worker;

/// Waits until a series has that value.
async fn reaches(scrape: &Rest, series: &str, value: &str) -> Outcome<()> {
    let line = format!("{series} {value}");
    deadline(&line, Duration::from_secs(60), async || {
        let text = scrape.get("/metrics").await.map_err(|error| error.to_string())?.body;
        let found: Vec<&str> = text.lines().filter(|found| found.starts_with(series)).collect();
        if found.contains(&line.as_str()) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn poll_totals_equal_the_rows_and_status_follows_pause_and_stop() {
    lab::test("metrics", 1, async |sandbox| {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("http://127.0.0.1:{port}");
        let mut worker = Worker::new(
            sandbox,
            "metrics",
            &[("metrics.listeners", &address), ("offset.flush.interval.ms", "500")],
        )?;
        worker.start().await?;
        let scrape = Rest::new(&address);
        sandbox
            .sql("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 10)")
            .await?;
        let name = &sandbox.id;
        let path = format!("/connectors/{name}");
        let config = config_with(sandbox, json!({}));
        worker.rest.put(&format!("{path}/config"), Some(&config)).await?.success("create")?;
        sandbox.wait_streaming().await?;
        sandbox.sql("INSERT INTO a SELECT generate_series(11, 300)").await?;
        // A delete is two records: the event and its tombstone.
        sandbox.sql("DELETE FROM a WHERE id <= 5").await?;

        let task = format!("{{connector=\"{name}\",task=\"0\"}}");
        let source = "kafka_connect_source_task_source_record";
        reaches(&scrape, &format!("{source}_poll_total{task}"), "310").await?;
        reaches(&scrape, &format!("{source}_write_total{task}"), "310").await?;
        reaches(&scrape, &format!("{source}_active_count{task}"), "0").await?;
        let debezium = |metric: &str, context: &str| {
            let server = &sandbox.id;
            format!("debezium_metrics_{metric}{{context=\"{context}\",name=\"{server}\",plugin=\"postgres\"}}")
        };
        reaches(&scrape, &debezium("TotalNumberOfEventsSeen", "snapshot"), "10").await?;
        reaches(&scrape, &debezium("SnapshotCompleted", "snapshot"), "1").await?;
        reaches(&scrape, &debezium("TotalNumberOfCreateEventsSeen", "streaming"), "290").await?;
        reaches(&scrape, &debezium("TotalNumberOfDeleteEventsSeen", "streaming"), "5").await?;
        reaches(&scrape, &debezium("NumberOfCommittedTransactions", "streaming"), "2").await?;
        reaches(&scrape, &debezium("Connected", "streaming"), "1").await?;
        let client = format!("client_id=\"connector-producer-{name}-0\",client_type=\"producer\"");
        let sent = format!("kafka_producer_producer_metrics_record_send_total{{{client}}}");
        reaches(&scrape, &sent, "310").await?;
        let events = format!("cdc_table_events_total{{connector=\"{name}\"");
        let text = scrape.get("/metrics").await?.body;
        let deletes = text.lines().find(|line| line.starts_with(&events) && line.contains("op=\"d\""));
        assert!(deletes.is_some_and(|line| line.ends_with(" 5")), "{deletes:?}");
        reaches(&scrape, &format!("pg_replication_slot_slot_is_active{{connector=\"{name}\",slot_name=\"{name}\",slot_type=\"logical\"}}"), "1").await?;
        assert_eq!(scrape.get("/health").await?.status, 200);

        let status = |word: &str, task: &str| {
            format!("kafka_connect_connector_status{{connector=\"{name}\",status=\"{word}\"{task}}}")
        };
        reaches(&scrape, &status("running", ",task=\"0\""), "1").await?;
        worker.rest.put(&format!("{path}/pause"), None).await?.success("pause")?;
        reaches(&scrape, &status("paused", ",task=\"0\""), "1").await?;
        worker.rest.put(&format!("{path}/stop"), None).await?.success("stop")?;
        reaches(&scrape, &status("stopped", ""), "1").await?;
        let text = scrape.get("/metrics").await?.body;
        assert!(!text.contains("source_record_poll_total"), "a stopped connector has no task");
        worker.terminate(Duration::from_secs(20)).await?;
        Ok(())
    })
    .await;
}
