//! What the connector says of its snapshots, over the channels that are enabled.
//!
//! The words, and what comes with each, are those of Debezium's `InitialSnapshotNotificationService` and
//! `IncrementalSnapshotNotificationService`.

use std::sync::Arc;

use sink::java_map::hash_order;
use sink::notification::Notification;
use sink::plan::Clock;
use tokio::sync::mpsc;

/// Notifications that wait for the pipeline.
const WAITING: usize = 64;

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// The snapshot before streaming, or a blocking one.
    Initial,
    /// An incremental one.
    Incremental,
}

impl Aggregate {
    const fn name(self) -> &'static str {
        match self {
            Self::Initial => "Initial Snapshot",
            Self::Incremental => "Incremental Snapshot",
        }
    }
}

/// What is to be said: the id of the signal that it is about, what happened, and the details but for the
/// connector's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) id: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) data: Vec<(&'static str, String)>,
}

impl Note {
    pub(crate) fn new(kind: &'static str, data: impl Into<Vec<(&'static str, String)>>) -> Self {
        Self { id: None, kind, data: data.into() }
    }
}

/// Where the pipeline takes notifications from, and the topic that it writes them to.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) topic: Arc<str>,
    notes: mpsc::Receiver<Notification>,
}

impl Inbox {
    /// The next; `None` when nobody can send any more. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<Notification> {
        self.notes.recv().await
    }
}

/// Says things over all channels that are enabled. A clone says them over the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    connector: Arc<str>,
    sink: Option<mpsc::Sender<Notification>>,
    log: bool,
}

impl Notifier {
    /// A notifier, and what the pipeline must read if `topic` is given.
    pub(crate) fn new(
        connector: &Arc<str>,
        topic: Option<&str>,
        log: bool,
    ) -> (Self, Option<Inbox>) {
        let channel = topic.map(|topic| {
            let (sender, notes) = mpsc::channel(WAITING);
            (sender, Inbox { topic: topic.into(), notes })
        });
        let (sink, inbox) = channel.unzip();
        (Self { connector: Arc::clone(connector), sink, log }, inbox)
    }

    /// Says it; waits while many others wait. What nobody reads any more is left unsaid.
    pub(crate) async fn say(&self, aggregate: Aggregate, note: Note) {
        if self.sink.is_none() && !self.log {
            return;
        }
        let mut data: connect::Properties =
            note.data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        data.insert("connector_name".to_owned(), self.connector.as_ref().to_owned());
        let notification = Notification {
            id: note.id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            aggregate: aggregate.name(),
            kind: note.kind,
            data: hash_order(data).into_iter().collect(),
            timestamp_ms: Clock::now().unix_ns.div_euclid(1_000_000),
        };
        if self.log {
            let Notification { id, aggregate, kind, data, .. } = &notification;
            tracing::info!(id, aggregate, kind, ?data, "[Notification Service]");
        }
        if let Some(sink) = &self.sink
            && sink.send(notification).await.is_err()
        {
            tracing::debug!("a notification came after the pipeline had ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_notification_names_its_connector_and_gets_an_id() {
        let (notifier, inbox) = Notifier::new(&"c".into(), Some("t"), true);
        let note = Note { id: Some("s1".to_owned()), ..Note::new("PAUSED", []) };
        notifier.say(Aggregate::Incremental, note).await;
        notifier.say(Aggregate::Initial, Note::new("STARTED", [("status", "x".to_owned())])).await;
        drop(notifier);
        let mut inbox = inbox.unwrap();
        let first = inbox.recv().await.unwrap();
        assert_eq!((first.id.as_str(), first.aggregate), ("s1", "Incremental Snapshot"));
        assert_eq!(first.data, [("connector_name".to_owned(), "c".to_owned())]);
        let second = inbox.recv().await.unwrap();
        assert_eq!((second.id.len(), second.data.len()), (36, 2));
        assert!(inbox.recv().await.is_none());
    }

    #[tokio::test]
    async fn nothing_waits_for_a_pipeline_that_has_ended() {
        let (notifier, inbox) = Notifier::new(&"c".into(), Some("t"), false);
        drop(inbox);
        for _ in 0..WAITING * 2 {
            notifier.say(Aggregate::Initial, Note::new("STARTED", [])).await;
        }
    }
}
