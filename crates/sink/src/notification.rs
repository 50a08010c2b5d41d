//! Notifications: what a connector says of itself in a topic of its own.
//!
//! Schemas, names and versions are those of Debezium's `SchemaFactory.notificationKeySchema` and `…ValueSchema`.

use std::sync::Arc;

use crate::data::{Kind, Schema, Value};
use crate::transform::{Record, Typed};

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The signal that it is about, or a random one.
    pub id: String,
    /// What it is about: `Initial Snapshot`, `Incremental Snapshot`.
    pub aggregate: &'static str,
    /// What happened: `STARTED`, `COMPLETED` …
    pub kind: &'static str,
    /// The details, in the order in which they are written.
    pub data: Vec<(String, String)>,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// The schemas, made once.
#[derive(Debug)]
pub struct Schemas {
    key: Arc<Schema>,
    value: Arc<Schema>,
}

impl Default for Schemas {
    fn default() -> Self {
        const PACKAGE: &str = "io.debezium.connector.common";
        let string = || Arc::new(Schema::new(Kind::String));
        let map = Schema::new(Kind::Map(string(), string())).optional(true);
        let named = |schema: Schema, name: &str| {
            Arc::new(schema.with_name(&format!("{PACKAGE}.{name}")).with_version(1))
        };
        let value = Schema::structure([
            ("id", string()),
            ("type", string()),
            ("aggregate_type", string()),
            ("additional_data", Arc::new(map)),
            ("timestamp", Arc::new(Schema::new(Kind::Int64))),
        ]);
        Self {
            key: named(Schema::structure([("id", string())]), "NotificationKey"),
            value: named(value, "Notification"),
        }
    }
}

impl Schemas {
    /// The record of a notification, before transforms.
    #[must_use]
    pub fn record(&self, topic: &Arc<str>, notification: &Notification) -> Record {
        let text = |text: &str| Value::from(text);
        let data = notification.data.iter().map(|(key, value)| (text(key), text(value)));
        let value = vec![
            text(&notification.id),
            text(notification.kind),
            text(notification.aggregate),
            Value::Map(data.collect()),
            Value::Int64(notification.timestamp_ms),
        ];
        Record {
            topic: Arc::clone(topic),
            partition: None,
            timestamp_ms: None,
            key: Typed {
                schema: Some(Arc::clone(&self.key)),
                value: Value::Struct(vec![text(&notification.id)]),
            },
            value: Typed { schema: Some(Arc::clone(&self.value)), value: Value::Struct(value) },
            headers: Vec::new(),
            companion: Typed::NOTHING,
        }
    }
}
