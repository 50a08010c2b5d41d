//! Debezium's options of the group Events: what becomes a record.

use connect::config_def::{Default, Importance, Type, Width};

use super::{Field, field, key};
use crate::postgres::check::Check;

use Check::{
    Excludes, KeyColumns, NonNegative, NotificationTopic, OneOf, OneSignalTable, Pairs, Patterns,
    Positive,
};
use Default::{Null, Text};
use Importance::{High, Low, Medium};
use Type::{Boolean, Class, Int, List, Long, String};

const GROUP: &str = "Events";

/// In Debezium's order.
pub(super) const FIELDS: &[Field] = &[
    field(
        key("converters", String, Null, Low, "Names of custom converters.")
            .placed(GROUP, 1, Width::Medium, "List of prefixes defining custom values converters."),
        &[],
    ),
    field(
        key("post.processors", String, Null, Low, "Names of post processors.")
            .placed(GROUP, 2, Width::Medium, "List of change event post processors."),
        &[],
    ),
    field(
        key("tombstones.on.delete", Boolean, Text("true"), Medium, "Whether a delete is followed by a tombstone.")
            .placed(GROUP, 3, Width::Short, "Change the behaviour of Debezium with regards to delete operations"),
        &[],
    ),
    field(
        key("heartbeat.interval.ms", Int, Text("0"), Medium, "Time between heartbeats, in milliseconds; 0 for none.")
            .placed(GROUP, 4, Width::Medium, "Connector heartbeat interval (milli-seconds)"),
        &[NonNegative],
    ),
    field(
        key("heartbeat.topics.prefix", String, Text("__debezium-heartbeat"), Low, "Older name of topic.heartbeat.prefix.")
            .placed(GROUP, 5, Width::Medium, "A prefix used for naming of heartbeat topics"),
        &[],
    ),
    field(
        key("signal.data.collection", List, Null, Medium, "Table whose rows are signals.")
            .placed(GROUP, 6, Width::Medium, "Signaling data collection"),
        &[OneSignalTable],
    ),
    field(
        key("signal.poll.interval.ms", Long, Text("5000"), Medium, "Time between looks for signals, in milliseconds.")
            .placed(GROUP, 7, Width::Short, "Signal processor poll interval"),
        &[Positive],
    ),
    field(
        key("signal.enabled.channels", List, Text("source"), Medium, "Where signals come from.")
            .placed(GROUP, 8, Width::Long, "Enabled channels names"),
        &[],
    ),
    field(
        key("topic.naming.strategy", Class, Text("io.debezium.schema.SchemaTopicNamingStrategy"), Medium, "Class that names the topics.")
            .placed(GROUP, 9, Width::Medium, "Topic naming strategy class"),
        &[],
    ),
    field(
        key("notification.enabled.channels", List, Null, Medium, "Where notifications go.")
            .placed(GROUP, 10, Width::Long, "Enabled notification channels names"),
        &[],
    ),
    field(
        key("notification.sink.topic.name", String, Null, High, "Topic of notifications.")
            .placed(GROUP, 11, Width::Long, "Notification topic name"),
        &[NotificationTopic],
    ),
    field(
        key("transaction.metadata.factory", Class, Text("io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory"), Low, "Class that makes the records of transactions.")
            .placed(GROUP, 12, Width::Medium, "Factory class to create transaction context & transaction struct maker classes"),
        &[],
    ),
    field(
        key("custom.metric.tags", List, Null, Low, "Further tags of the metrics: pairs of key and value.")
            .placed(GROUP, 13, Width::Medium, "Customize metric tags"),
        &[Pairs],
    ),
    field(
        key("column.include.list", List, Null, Medium, "Columns to capture, as regular expressions over schema.table.column.")
            .placed(GROUP, 14, Width::Long, "Include Columns"),
        &[Patterns],
    ),
    field(
        key("column.exclude.list", List, Null, Medium, "Columns not to capture.")
            .placed(GROUP, 15, Width::Long, "Exclude Columns"),
        &[Patterns, Excludes("column.include.list", "column.include.list")],
    ),
    field(
        key("table.include.list", List, Null, High, "Tables to capture, as regular expressions over schema.table.")
            .placed(GROUP, 16, Width::Long, "Include Tables"),
        &[Patterns],
    ),
    field(
        key("table.exclude.list", List, Null, Medium, "Tables not to capture.")
            .placed(GROUP, 17, Width::Long, "Exclude Tables"),
        &[Patterns, Excludes("table.include.list", "table.include.list")],
    ),
    field(
        key("table.ignore.builtin", Boolean, Text("true"), Low, "Whether to leave out the system schemas.")
            .placed(GROUP, 18, Width::Short, "Ignore system databases"),
        &[],
    ),
    field(
        key("schema.include.list", List, Null, High, "Schemas to capture, as regular expressions.")
            .placed(GROUP, 19, Width::Long, "Include Schemas").with_dependents(&["table.include.list"]),
        &[Patterns],
    ),
    field(
        key("schema.exclude.list", List, Null, Medium, "Schemas not to capture.")
            .placed(GROUP, 20, Width::Long, "Exclude Schemas"),
        &[Patterns, Excludes("schema.include.list", "schema.include.list")],
    ),
    field(
        key("message.key.columns", String, Null, Medium, "Columns that make the key: pairs of table pattern and columns, separated by semicolons.")
            .placed(GROUP, 21, Width::Long, "Columns PK mapping"),
        &[KeyColumns],
    ),
    field(
        key("snapshot.select.statement.overrides", String, Null, Medium, "Tables that the snapshot reads with a statement of their own.")
            .placed(GROUP, 22, Width::Long, "List of tables where the default select statement used during snapshotting should be overridden."),
        &[],
    ),
    field(
        key("column.mask.hash.([^.]+).with.salt.(.+)", String, Null, Medium, "Columns whose text is replaced by a salted hash.")
            .placed(GROUP, 23, Width::Long, "Mask Columns Using Hash and Salt"),
        &[],
    ),
    field(
        key("column.mask.with.(d+).chars", String, Null, Medium, "Columns whose text is replaced by that many asterisks.")
            .placed(GROUP, 24, Width::None, "Mask Columns With n Asterisks"),
        &[],
    ),
    field(
        key("column.truncate.to.(d+).chars", Int, Null, Medium, "Columns whose text is cut to that length.")
            .placed(GROUP, 25, Width::None, "Truncate Columns To n Characters"),
        &[],
    ),
    field(
        key("include.schema.comments", Boolean, Text("false"), Medium, "Whether schemas carry comments; never for Postgres.")
            .placed(GROUP, 26, Width::Short, "Include Table and Column Comments"),
        &[],
    ),
    field(
        key("column.propagate.source.type", List, Null, Medium, "Columns whose schemas tell their type in the database.")
            .placed(GROUP, 27, Width::None, "Propagate Source Types by Columns"),
        &[Patterns],
    ),
    field(
        key("datatype.propagate.source.type", List, Null, Medium, "Types whose columns tell their type in the database.")
            .placed(GROUP, 28, Width::None, "Propagate Source Types by Data Type"),
        &[Patterns],
    ),
    field(
        key("internal.snapshot.scan.all.columns.force", Boolean, Text("false"), Low, "Whether the snapshot reads all columns and drops some afterwards.")
            .placed(GROUP, 29, Width::Short, "Snapshot force scan all columns of all tables"),
        &[],
    ),
    field(
        key("snapshot.tables.order.by.row.count", String, Text("disabled"), Medium, "Whether small or large tables are read first.")
            .placed(GROUP, 30, Width::None, "Initial snapshot tables order by row count"),
        &[OneOf(&["disabled", "ascending", "descending"])],
    ),
    field(
        key("heartbeat.action.query", String, Null, Low, "Statement that is run with each heartbeat.")
            .placed(GROUP, 31, Width::Medium, "An optional query to execute with every heartbeat"),
        &[],
    ),
    field(
        key("include.unknown.datatypes", Boolean, Text("false"), Medium, "Whether columns of unmapped types appear as opaque bytes.")
            .placed(GROUP, 32, Width::Short, "Include unknown datatypes"),
        &[],
    ),
    field(
        key("sourceinfo.struct.maker", Class, Text("io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"), Low, "Class that makes the source block.")
            .placed(GROUP, 33, Width::Medium, "Source info struct maker class"),
        &[],
    ),
];
