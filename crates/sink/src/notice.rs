//! Records of no table: the bounds of a transaction, logical messages, heartbeats. They have no context headers.

use std::sync::Arc;

use crate::config::EncoderConfig;
use crate::convert::BinaryMode;
use crate::data::{self, Schema, Value};
use crate::envelope::{primitive, source, source_schema, transaction_schema};
use crate::plan::{Expr, Kind, Node, RecordPlan, Scalar};

/// Which end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Its first record.
    Begin,
    /// Its last one, with the counts.
    End,
}

fn plan(topic: &Arc<str>, key: Node, value: Node) -> RecordPlan {
    RecordPlan {
        kind: Kind::Notice,
        topic: Arc::clone(topic),
        partition: None,
        key,
        value,
        headers: Vec::new(),
        companion: Node::NOTHING,
    }
}

fn versioned<'a>(
    name: &str,
    fields: impl IntoIterator<Item = (&'a str, Arc<Schema>)>,
) -> Arc<Schema> {
    Arc::new(Schema::structure(fields).with_name(name).with_version(1))
}

/// A bound of a transaction, for the topic of transactions.
#[must_use]
pub fn transaction(bound: Bound, topic: &Arc<str>) -> RecordPlan {
    let string = || primitive(data::Kind::String, false);
    let key = versioned("io.debezium.connector.common.TransactionMetadataKey", [("id", string())]);
    let count = Schema::structure([
        ("data_collection", string()),
        ("event_count", primitive(data::Kind::Int64, false)),
    ])
    .optional(true)
    .with_name("event.collection")
    .with_version(1);
    let value = versioned(
        "io.debezium.connector.common.TransactionMetadataValue",
        [
            ("status", string()),
            ("id", string()),
            ("event_count", primitive(data::Kind::Int64, true)),
            ("data_collections", primitive(data::Kind::Array(Arc::new(count)), true)),
            ("ts_ms", primitive(data::Kind::Int64, false)),
        ],
    );
    let id = || Expr::Scalar(Scalar::TransactionId);
    let status = if bound == Bound::Begin { "BEGIN" } else { "END" };
    let fields = vec![
        Expr::Constant(status.into()),
        id(),
        // Nothing at a beginning.
        Expr::Scalar(Scalar::EventCount),
        Expr::Scalar(Scalar::Collections),
        Expr::Scalar(Scalar::SourceMs),
    ];
    plan(topic, Node::new(key, Expr::Struct(vec![id()])), Node::new(value, Expr::Struct(fields)))
}

/// A logical message.
#[must_use]
pub fn message(config: &EncoderConfig) -> RecordPlan {
    let prefix_schema = || primitive(data::Kind::String, true);
    let prefix = || Expr::Scalar(Scalar::MessagePrefix);
    let key =
        versioned("io.debezium.connector.postgresql.MessageKey", [("prefix", prefix_schema())]);
    let mode = config.options.binary;
    let content = if mode == BinaryMode::Bytes { data::Kind::Bytes } else { data::Kind::String };
    let message = versioned(
        "io.debezium.connector.postgresql.Message",
        [("prefix", prefix_schema()), ("content", primitive(content, true))],
    );
    let value = versioned(
        "io.debezium.connector.postgresql.MessageValue",
        [
            ("op", primitive(data::Kind::String, false)),
            ("ts_ms", primitive(data::Kind::Int64, true)),
            ("source", Arc::new(source_schema(config.schema_names))),
            ("transaction", Arc::new(transaction_schema(config.schema_names))),
            ("message", message),
        ],
    );
    let nowhere = Value::from("");
    let fields = vec![
        Expr::Constant("m".into()),
        Expr::Scalar(Scalar::ClockMs),
        source(config, [&nowhere, &nowhere], false),
        Expr::Scalar(Scalar::Transaction),
        Expr::Struct(vec![prefix(), Expr::Scalar(Scalar::MessageContent(mode))]),
    ];
    plan(
        &config.topics.message(),
        Node::new(key, Expr::Struct(vec![prefix()])),
        Node::new(value, Expr::Struct(fields)),
    )
}

/// A heartbeat: always partition 0.
#[must_use]
pub fn heartbeat(config: &EncoderConfig) -> RecordPlan {
    let key = versioned(
        "io.debezium.connector.common.ServerNameKey",
        [("serverName", primitive(data::Kind::String, false))],
    );
    let value = versioned(
        "io.debezium.connector.common.Heartbeat",
        [("ts_ms", primitive(data::Kind::Int64, false))],
    );
    let name = Expr::Constant(Value::String(Arc::clone(&config.prefix)));
    let plan = plan(
        &config.heartbeat_topic,
        Node::new(key, Expr::Struct(vec![name])),
        Node::new(value, Expr::Struct(vec![Expr::Scalar(Scalar::ClockMs)])),
    );
    RecordPlan { partition: Some(0), ..plan }
}
