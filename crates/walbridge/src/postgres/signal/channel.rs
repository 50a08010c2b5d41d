//! Signals from outside of the database: a topic, a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sink::consumer::TopicReader;
use tokio::sync::mpsc;

use super::message::{self, Raw};
use crate::postgres::settings::SignalTopic;

/// How long to wait after the brokers gave no answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the topic until nobody listens any more. Signals are the records whose key is the connector's `topic.prefix`.
pub(super) async fn read_topic(
    reader: TopicReader,
    topic: SignalTopic,
    prefix: Arc<str>,
    signals: mpsc::Sender<Raw>,
) {
    while !signals.is_closed() {
        let record = tokio::select! {
            () = signals.closed() => return,
            record = reader.next() => record,
        };
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                tracing::debug!(%error, topic = topic.name, "signals cannot be read now");
                tokio::time::sleep(PATIENCE).await;
                continue;
            }
        };
        if record.key.as_deref() != Some(prefix.as_bytes()) {
            tracing::info!(topic = topic.name, "a signal for another connector is left alone");
            continue;
        }
        let Some(value) = record.value.filter(|value| !value.is_empty()) else { continue };
        send(&String::from_utf8_lossy(&value), &topic.name, &signals).await;
    }
}

/// Looks at the file again and again until nobody listens any more: one signal a line. What was read is taken out of it.
pub(super) async fn watch_file(path: Arc<Path>, every: Duration, signals: mpsc::Sender<Raw>) {
    let shown = path.display().to_string();
    loop {
        match take_lines(&path).await {
            Ok(text) => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    send(line, &shown, &signals).await;
                }
            }
            Err(error) => tracing::warn!(%error, file = shown, "signals cannot be read now"),
        }
        tokio::select! {
            () = signals.closed() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// The content of the file, which is empty after that. A file that does not exist is empty.
async fn take_lines(path: &Path) -> std::io::Result<String> {
    let text = match tokio::fs::read_to_string(path).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    if !text.is_empty() {
        tokio::fs::write(path, "").await?;
    }
    Ok(text)
}

async fn send(text: &str, from: &str, signals: &mpsc::Sender<Raw>) {
    match message::parse_document(text) {
        Ok(raw) => {
            if signals.send(raw).await.is_err() {
                tracing::debug!("a signal came after the connector had ended");
            }
        }
        Err(error) => tracing::warn!(%error, from, "a malformed signal is ignored"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_of_the_file_come_once_and_malformed_ones_not_at_all() {
        let path = std::env::temp_dir().join(format!("signals-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, "{\"id\":\"1\",\"type\":\"log\",\"data\":{}}\n\nbroken\n").unwrap();
        let (sender, mut signals) = mpsc::channel(4);
        let watch =
            tokio::spawn(watch_file(path.as_path().into(), Duration::from_millis(1), sender));
        let first = signals.recv().await.unwrap();
        assert_eq!((first.id.as_deref(), first.kind.as_str()), (Some("1"), "log"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        std::fs::write(&path, "{\"id\":\"2\",\"type\":\"log\",\"data\":{}}").unwrap();
        assert_eq!(signals.recv().await.unwrap().id.as_deref(), Some("2"));
        drop(signals);
        watch.await.unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
