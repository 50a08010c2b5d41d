//! What goes on beside the stream at intervals: `heartbeat.action.query`, and the slot's `catalog_xmin`.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use pgoutput::{Error, slot, sql};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::settings::Settings;

/// Debezium's names of the connections.
const HEARTBEAT_CONNECTION: &str = "Debezium Heartbeat";
const SLOT_CONNECTION: &str = "Debezium Slot Info";

/// Goes on until something fails for good.
pub(super) async fn run(
    settings: &Settings,
    xmin: &watch::Sender<Option<i64>>,
) -> Result<Infallible, Error> {
    tokio::select! {
        ended = actions(settings) => ended,
        ended = xmins(settings, xmin) => ended,
    }
}

/// Runs the query. A failure is said in the log and tried again with the next heartbeat, on a new connection, but for
/// those that Debezium lets end the task: the table is gone, or the server ends the connection.
async fn actions(settings: &Settings) -> Result<Infallible, Error> {
    let Some(heartbeat) = &settings.heartbeat else { return pending().await };
    let Some(query) = &heartbeat.action else { return pending().await };
    let mut ticks = ticks(heartbeat.interval);
    let mut client = None;
    loop {
        ticks.tick().await;
        let connected = match client.take() {
            Some(client) => Ok(client),
            None => sql::connect(&settings.database, HEARTBEAT_CONNECTION).await,
        };
        let ended = match connected {
            Ok(connected) => {
                let ended = sql::execute(&connected, "run heartbeat.action.query", query).await;
                client = ended.is_ok().then_some(connected);
                ended
            }
            Err(error) => Err(error),
        };
        match ended {
            Err(error) if matches!(error.sqlstate(), Some("57P01" | "57P03" | "42P01")) => {
                return Err(error);
            }
            Err(error) => tracing::error!(%error, "heartbeat.action.query failed"),
            Ok(()) => {}
        }
    }
}

async fn xmins(
    settings: &Settings,
    xmin: &watch::Sender<Option<i64>>,
) -> Result<Infallible, Error> {
    let Some(interval) = settings.xmin_interval else { return pending().await };
    let client = sql::connect(&settings.database, SLOT_CONNECTION).await?;
    let mut ticks = ticks(interval);
    loop {
        ticks.tick().await;
        read_xmin(&client, settings, xmin).await?;
    }
}

/// Reads it once: the first event of a stream has it too.
pub(super) async fn read_xmin(
    client: &sql::Client,
    settings: &Settings,
    xmin: &watch::Sender<Option<i64>>,
) -> Result<(), Error> {
    let slot = slot::find(client, &settings.slot.name).await?;
    let now = slot.and_then(|slot| slot.catalog_xmin).and_then(|xmin| i64::try_from(xmin).ok());
    xmin.send_replace(now);
    Ok(())
}

fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
