//! Options of Debezium's group "Events": which events become records, and how those look.

use connect::config_def::{Default, Importance, Type, Width};

use super::{Check, PostgresOption, declared};

/// In Debezium's order.
#[rustfmt::skip]
pub(super) const OPTIONS: &[PostgresOption] = &[
    declared("converters", Type::String, Default::Null, "Custom converters of columns.")
        .shown(Importance::Low, 1, Width::Medium, "List of prefixes defining custom values converters.")
        .refused()
        .in_group("Events"),
    declared("post.processors", Type::String, Default::Null, "Processors of records.")
        .shown(Importance::Low, 2, Width::Medium, "List of change event post processors.")
        .refused()
        .in_group("Events"),
    declared("tombstones.on.delete", Type::Boolean, Default::Text("true"), "Whether a delete is followed by a tombstone.")
        .shown(Importance::Medium, 3, Width::Short, "Change the behaviour of Debezium with regards to delete operations")
        .checked(&[Check::Boolean])
        .in_group("Events"),
    declared("heartbeat.interval.ms", Type::Int, Default::Text("0"), "Time between heartbeat records, in milliseconds; 0 for none.")
        .shown(Importance::Medium, 4, Width::Medium, "Connector heartbeat interval (milli-seconds)")
        .checked(&[Check::NonNegative])
        .in_group("Events"),
    declared("heartbeat.topics.prefix", Type::String, Default::Text("__debezium-heartbeat"), "Old name of topic.heartbeat.prefix.")
        .shown(Importance::Low, 5, Width::Medium, "A prefix used for naming of heartbeat topics")
        .not_applicable("Debezium accepts it without effect, too.")
        .in_group("Events"),
    declared("signal.data.collection", Type::List, Default::Null, "Table that signals are read from.")
        .shown(Importance::Medium, 6, Width::Medium, "Signaling data collection")
        .checked(&[Check::OneSignalTable])
        .in_group("Events"),
    declared("signal.poll.interval.ms", Type::Long, Default::Text("5000"), "How often other channels are asked for signals, in milliseconds.")
        .shown(Importance::Medium, 7, Width::Short, "Signal processor poll interval")
        .checked(&[Check::Positive])
        .in_group("Events"),
    declared("signal.enabled.channels", Type::List, Default::Text("source"), "Where signals come from: source, kafka, file.")
        .shown(Importance::Medium, 8, Width::Long, "Enabled channels names")
        .in_group("Events"),
    declared("topic.naming.strategy", Type::Class, Default::Text("io.debezium.schema.SchemaTopicNamingStrategy"), "How topics are named: one of Debezium's six strategies, by class name.")
        .shown(Importance::Medium, 9, Width::Medium, "Topic naming strategy class")
        .in_group("Events"),
    declared("notification.enabled.channels", Type::List, Default::Null, "Where notifications go: sink, log.")
        .shown(Importance::Medium, 10, Width::Long, "Enabled notification channels names")
        .in_group("Events"),
    declared("notification.sink.topic.name", Type::String, Default::Null, "Topic of the notifications.")
        .shown(Importance::High, 11, Width::Long, "Notification topic name")
        .checked(&[Check::NotificationTopic])
        .in_group("Events"),
    declared("transaction.metadata.factory", Type::Class, Default::Text("io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory"), "Java class of transaction records.")
        .shown(Importance::Low, 12, Width::Medium, "Factory class to create transaction context & transaction struct maker classes")
        .not_applicable("there is no Java here.")
        .in_group("Events"),
    declared("custom.metric.tags", Type::List, Default::Null, "Tags of the metrics.")
        .shown(Importance::Low, 13, Width::Medium, "Customize metric tags")
        .checked(&[Check::Pairs])
        .not_applicable("not implemented.")
        .in_group("Events"),
    declared("column.include.list", Type::List, Default::Null, "Columns to capture, as regular expressions over schema.table.column. A key keeps its columns.")
        .shown(Importance::Medium, 14, Width::Long, "Include Columns")
        .checked(&[Check::Patterns])
        .in_group("Events"),
    declared("column.exclude.list", Type::List, Default::Null, "Columns not to capture.")
        .shown(Importance::Medium, 15, Width::Long, "Exclude Columns")
        .checked(&[Check::Patterns, Check::Excludes("column.include.list", "column.include.list")])
        .in_group("Events"),
    declared("table.include.list", Type::List, Default::Null, "Tables to capture, as regular expressions over schema.table.")
        .shown(Importance::High, 16, Width::Long, "Include Tables")
        .checked(&[Check::Patterns])
        .in_group("Events"),
    declared("table.exclude.list", Type::List, Default::Null, "Tables not to capture.")
        .shown(Importance::Medium, 17, Width::Long, "Exclude Tables")
        .checked(&[Check::Patterns, Check::Excludes("table.include.list", "table.include.list")])
        .in_group("Events"),
    declared("table.ignore.builtin", Type::Boolean, Default::Text("true"), "Whether to leave out the system schemas.")
        .shown(Importance::Low, 18, Width::Short, "Ignore system databases")
        .in_group("Events"),
    declared("schema.include.list", Type::List, Default::Null, "Schemas to capture, as regular expressions.")
        .shown(Importance::High, 19, Width::Long, "Include Schemas")
        .checked(&[Check::Patterns])
        .with_dependents(&["table.include.list"])
        .in_group("Events"),
    declared("schema.exclude.list", Type::List, Default::Null, "Schemas not to capture.")
        .shown(Importance::Medium, 20, Width::Long, "Exclude Schemas")
        .checked(&[Check::Patterns, Check::Excludes("schema.include.list", "schema.include.list")])
        .in_group("Events"),
    declared("message.key.columns", Type::String, Default::Null, "Keys of tables, as table:column,column separated by semicolons; tables and columns are regular expressions.")
        .shown(Importance::Medium, 21, Width::Long, "Columns PK mapping")
        .checked(&[Check::KeyColumns])
        .in_group("Events"),
    declared("snapshot.select.statement.overrides", Type::String, Default::Null, "Tables that a snapshot reads by a statement of their own: snapshot.select.statement.overrides.schema.table.")
        .shown(Importance::Medium, 22, Width::Long, "List of tables where the default select statement used during snapshotting should be overridden.")
        .in_group("Events"),
    declared("column.mask.hash.([^.]+).with.salt.(.+)", Type::String, Default::Null, "Columns of text to replace by a hash: column.mask.hash.ALGORITHM.with.salt.SALT, or column.mask.hash.v2.… for hashes that other languages can compute.")
        .shown(Importance::Medium, 23, Width::Long, "Mask Columns Using Hash and Salt")
        .in_group("Events"),
    declared("column.mask.with.(d+).chars", Type::String, Default::Null, "Columns of text to replace by so many asterisks.")
        .shown(Importance::Medium, 24, Width::None, "Mask Columns With n Asterisks")
        .in_group("Events"),
    declared("column.truncate.to.(d+).chars", Type::Int, Default::Null, "Columns of text to cut to so many characters.")
        .shown(Importance::Medium, 25, Width::None, "Truncate Columns To n Characters")
        .in_group("Events"),
    declared("include.schema.comments", Type::Boolean, Default::Text("false"), "Whether schemas carry comments.")
        .shown(Importance::Medium, 26, Width::Short, "Include Table and Column Comments")
        .not_applicable("Debezium reads none from PostgreSQL.")
        .in_group("Events"),
    declared("column.propagate.source.type", Type::List, Default::Null, "Columns whose schema tells the column's type, as regular expressions.")
        .shown(Importance::Medium, 27, Width::None, "Propagate Source Types by Columns")
        .checked(&[Check::Patterns])
        .in_group("Events"),
    declared("datatype.propagate.source.type", Type::List, Default::Null, "Types whose columns tell it.")
        .shown(Importance::Medium, 28, Width::None, "Propagate Source Types by Data Type")
        .checked(&[Check::Patterns])
        .in_group("Events"),
    declared("internal.snapshot.scan.all.columns.force", Type::Boolean, Default::Text("false"), "Whether a snapshot reads columns that are not captured.")
        .shown(Importance::Low, 29, Width::Short, "Snapshot force scan all columns of all tables")
        .not_applicable("rows are the same.")
        .in_group("Events"),
    declared("snapshot.tables.order.by.row.count", Type::String, Default::Text("disabled"), "Whether a snapshot begins with small or large tables.")
        .shown(Importance::Medium, 30, Width::None, "Initial snapshot tables order by row count")
        .checked(&[Check::OneOf(&["disabled", "ascending", "descending"])])
        .not_applicable("Debezium has no such order on PostgreSQL either.")
        .in_group("Events"),
    declared("heartbeat.action.query", Type::String, Default::Null, "SQL to run with each heartbeat, on a connection of its own.")
        .shown(Importance::Low, 31, Width::Medium, "An optional query to execute with every heartbeat")
        .in_group("Events"),
    declared("include.unknown.datatypes", Type::Boolean, Default::Text("false"), "Whether columns of unmapped types appear as opaque bytes.")
        .shown(Importance::Medium, 32, Width::Short, "Include unknown datatypes")
        .in_group("Events"),
    declared("sourceinfo.struct.maker", Type::Class, Default::Text("io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"), "Java class of the source block.")
        .shown(Importance::Low, 33, Width::Medium, "Source info struct maker class")
        .refused()
        .in_group("Events"),
];
