//! Options of Debezium's group "Connector": snapshots, representation of values, failures.

use connect::config_def::{Default, Importance, Type, Width};

use super::{Check, PostgresOption, declared};

/// In Debezium's order.
#[rustfmt::skip]
pub(super) const OPTIONS: &[PostgresOption] = &[
    declared("event.processing.failure.handling.mode", Type::String, Default::Text("fail"), "What happens to an event that makes no record: the task fails, or it is left out, with a warning or without.")
        .shown(Importance::Medium, 1, Width::Short, "Event deserialization failure handling")
        .checked(&[Check::OneOf(&["warn", "fail", "ignore", "skip"])])
        .in_group("Connector"),
    declared("max.batch.size", Type::Int, Default::Text("2048"), "Records that are handed to Kafka Connect at once.")
        .shown(Importance::Medium, 2, Width::Short, "Change event batch size")
        .checked(&[Check::Positive])
        .not_applicable("there is no such step.")
        .in_group("Connector"),
    declared("max.queue.size", Type::Int, Default::Text("8192"), "Records between reading and writing.")
        .shown(Importance::Medium, 3, Width::Short, "Change event buffer size")
        .checked(&[Check::QueueSize])
        .not_applicable("the queue is bounded in bytes: max.queue.size.in.bytes.")
        .in_group("Connector"),
    declared("poll.interval.ms", Type::Long, Default::Text("500"), "How long to wait for records.")
        .shown(Importance::Medium, 4, Width::Short, "Poll interval (ms)")
        .checked(&[Check::Positive])
        .not_applicable("nothing polls.")
        .in_group("Connector"),
    declared("max.queue.size.in.bytes", Type::Long, Default::Text("0"), "Bound of the queue between reading and writing, in bytes; 0 for walbridge's own (8 MiB).")
        .shown(Importance::Medium, 5, Width::Long, "Change event buffer size in bytes")
        .checked(&[Check::NonNegativeLong])
        .in_group("Connector"),
    declared("provide.transaction.metadata", Type::Boolean, Default::Text("false"), "Whether records carry their transaction, and a topic its beginnings and ends.")
        .shown(Importance::Low, 6, Width::Short, "Store transaction metadata information in a dedicated topic.")
        .in_group("Connector"),
    declared("snapshot.delay.ms", Type::Long, Default::Text("0"), "Time before the snapshot, in milliseconds.")
        .shown(Importance::Low, 7, Width::Medium, "Snapshot Delay (milliseconds)")
        .checked(&[Check::NonNegativeLong])
        .in_group("Connector"),
    declared("streaming.delay.ms", Type::Long, Default::Text("0"), "Time between snapshot and streaming, in milliseconds.")
        .shown(Importance::Low, 8, Width::Medium, "Streaming Delay (milliseconds)")
        .checked(&[Check::NonNegativeLong])
        .in_group("Connector"),
    declared("snapshot.include.collection.list", Type::List, Default::Null, "Captured tables whose rows the snapshot reads.")
        .shown(Importance::Medium, 9, Width::Long, "Snapshot mode include data collection")
        .checked(&[Check::Patterns])
        .in_group("Connector"),
    declared("snapshot.fetch.size", Type::Int, Default::Null, "Rows that a snapshot fetches at once.")
        .shown(Importance::Medium, 10, Width::Medium, "Snapshot fetch size")
        .checked(&[Check::NonNegative])
        .not_applicable("rows are copied as a stream.")
        .in_group("Connector"),
    declared("snapshot.max.threads", Type::Int, Default::Text("1"), "Tables, or parts of tables, that a snapshot reads at a time.")
        .shown(Importance::Medium, 11, Width::Short, "Snapshot maximum threads")
        .checked(&[Check::Positive])
        .not_applicable("one connection reads all tables.")
        .in_group("Connector"),
    declared("snapshot.max.threads.multiplier", Type::Int, Default::Text("1"), "Parts of a table for each of those.")
        .shown(Importance::Medium, 12, Width::Short, "Snapshot maximum thread multiplier")
        .checked(&[Check::Positive])
        .not_applicable("one connection reads all tables.")
        .in_group("Connector"),
    declared("legacy.snapshot.max.threads", Type::Boolean, Default::Text("false"), "Whether to read a table in one part, whatever its size.")
        .shown(Importance::Low, 13, Width::Short, "Enforces using a single thread per table regardless of table size")
        .not_applicable("one connection reads all tables.")
        .in_group("Connector"),
    declared("internal.legacy.snapshot.max.threads", Type::Boolean, Default::Text("false"), "Another name of legacy.snapshot.max.threads.")
        .shown(Importance::Low, 13, Width::Short, "Enforces using a single thread per table regardless of table size")
        .not_applicable("one connection reads all tables.")
        .in_group("Connector"),
    declared("snapshot.mode.custom.name", Type::String, Default::Null, "Java class of snapshot.mode=custom.")
        .shown(Importance::Medium, 14, Width::Medium, "Snapshot Mode Custom Name")
        .checked(&[Check::NameOfCustom("snapshot.mode")])
        .not_applicable("there is no Java here.")
        .in_group("Connector"),
    declared("snapshot.mode.configuration.based.snapshot.data", Type::Boolean, Default::Text("false"), "With snapshot.mode=configuration_based: whether to read the tables.")
        .shown(Importance::Medium, 15, Width::Medium, "Snapshot mode property based snapshot data")
        .in_group("Connector"),
    declared("snapshot.mode.configuration.based.snapshot.schema", Type::Boolean, Default::Text("false"), "With snapshot.mode=configuration_based: whether to read their structure.")
        .shown(Importance::Medium, 16, Width::Medium, "Snapshot mode property based snapshot schema")
        .in_group("Connector"),
    declared("snapshot.mode.configuration.based.start.stream", Type::Boolean, Default::Text("false"), "With snapshot.mode=configuration_based: whether to stream.")
        .shown(Importance::Medium, 17, Width::Medium, "Snapshot mode property based start stream")
        .in_group("Connector"),
    declared("snapshot.mode.configuration.based.snapshot.on.schema.error", Type::Boolean, Default::Text("false"), "With snapshot.mode=configuration_based: whether to read the structure again where it is lost.")
        .shown(Importance::Medium, 18, Width::Medium, "Snapshot mode property based snapshot on schema error")
        .in_group("Connector"),
    declared("snapshot.mode.configuration.based.snapshot.on.data.error", Type::Boolean, Default::Text("false"), "With snapshot.mode=configuration_based: whether to read the tables again where the position is lost.")
        .shown(Importance::Medium, 19, Width::Medium, "Snapshot mode property based snapshot on data error")
        .in_group("Connector"),
    declared("retriable.restart.connector.wait.ms", Type::Long, Default::Text("10000"), "Longest time before starting over after a failure, in milliseconds.")
        .shown(Importance::Low, 20, Width::Medium, "Retriable restart wait (ms)")
        .checked(&[Check::PositiveLong])
        .different("the first wait is 250 ms and each further one twice as long, up to this.")
        .in_group("Connector"),
    declared("query.fetch.size", Type::Int, Default::Text("0"), "Rows that other queries fetch at once.")
        .shown(Importance::Medium, 21, Width::Medium, "Query fetch size")
        .checked(&[Check::NonNegative])
        .not_applicable("they are small.")
        .in_group("Connector"),
    declared("errors.max.retries", Type::Int, Default::Text("-1"), "How often to start over after a failure that may pass; -1 for ever.")
        .shown(Importance::Low, 22, Width::Medium, "The maximum number of retries")
        .checked(&[Check::Integer])
        .in_group("Connector"),
    declared("incremental.snapshot.watermarking.strategy", Type::String, Default::Text("INSERT_INSERT"), "How the end of an incremental snapshot's window is marked in the signal table.")
        .shown(Importance::Low, 23, Width::Medium, "Incremental snapshot watermarking strategy")
        .checked(&[Check::OneOf(&["insert_delete", "insert_insert"])])
        .in_group("Connector"),
    declared("internal.log.position.check.enable", Type::Boolean, Default::Text("true"), "Whether to check that the stored position is still on the server.")
        .shown(Importance::Medium, 24, Width::Medium, "Enable/Disable log position check")
        .not_applicable("it always is checked.")
        .in_group("Connector"),
    declared("internal.advanced.metrics.enable", Type::Boolean, Default::Text("false"), "Whether to count each operation.")
        .shown(Importance::Medium, 25, Width::Medium, "Enable/Disable advance metrics")
        .not_applicable("they always are counted.")
        .in_group("Connector"),
    declared("connection.validation.timeout.ms", Type::Long, Default::Text("60000"), "How long the validation's connection attempt may take, in milliseconds.")
        .shown(Importance::Low, 26, Width::Short, "Connection validation timeout (ms)")
        .checked(&[Check::PositiveLong])
        .in_group("Connector"),
    declared("executor.shutdown.timeout.ms", Type::Long, Default::Text("4000"), "How long Java's threads may take to stop.")
        .shown(Importance::Medium, 27, Width::Medium, "Executor shutdown timeout (ms)")
        .checked(&[Check::PositiveLong])
        .not_applicable("there are none.")
        .in_group("Connector"),
    declared("openlineage.integration.enabled", Type::Boolean, Default::Text("false"), "Whether to report to OpenLineage.")
        .shown(Importance::Low, 28, Width::Short, "Enables OpenLineage integration")
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("openlineage.integration.config.file.path", Type::String, Default::Text("./openlineage.yml"), "OpenLineage's file.")
        .shown(Importance::Low, 29, Width::Long, "Path to OpenLineage file configuration")
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("openlineage.integration.job.namespace", Type::String, Default::Null, "OpenLineage's namespace.")
        .shown(Importance::Low, 30, Width::Long, "Namespace used for Debezium job")
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("openlineage.integration.job.description", Type::String, Default::Text("Debezium change data capture job"), "OpenLineage's description of the job.")
        .shown(Importance::Low, 31, Width::Long, "Description used for Debezium job")
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("openlineage.integration.job.tags", Type::List, Default::Null, "OpenLineage's tags.")
        .shown(Importance::Low, 32, Width::Long, "Debezium job tags")
        .checked(&[Check::Pairs])
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("openlineage.integration.job.owners", Type::List, Default::Null, "OpenLineage's owners.")
        .shown(Importance::Low, 33, Width::Long, "Debezium job owners")
        .checked(&[Check::Pairs])
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("openlineage.integration.dataset.kafka.bootstrap.servers", Type::String, Default::Null, "The brokers as OpenLineage names them.")
        .shown(Importance::Low, 34, Width::Long, "Kafka bootstrap server used in Kafka Connect deployment")
        .not_applicable("not implemented.")
        .in_group("Connector"),
    declared("extended.headers.enabled", Type::Boolean, Default::Text("true"), "Whether records carry Debezium's context headers.")
        .shown(Importance::Low, 35, Width::Short, "Enable/Disable extended headers")
        .in_group("Connector"),
    declared("guardrail.collections.max", Type::Int, Default::Text("0"), "Most tables that may be captured; 0 for no limit.")
        .shown(Importance::Medium, 36, Width::Short, "Maximum number of collections or tables")
        .checked(&[Check::NonNegative])
        .in_group("Connector"),
    declared("guardrail.collections.limit.action", Type::String, Default::Text("warn"), "What happens when there are more.")
        .shown(Importance::Medium, 37, Width::Short, "Guardrail collections limit action")
        .checked(&[Check::OneOf(&["warn", "fail"])])
        .in_group("Connector"),
    declared("custom.sanitize.pattern", Type::String, Default::Text(".*secret$|.*password$|.*sasl\\.jaas\\.config$|.*basic\\.auth\\.user\\.info|.*registry\\.auth\\.client-secret|.*credentials\\.json$|.*connectionstring$|.*connection\\.string$"), "Options whose values are not logged.")
        .shown(Importance::Low, 38, Width::Long, "Custom pattern for masking sensitive configuration")
        .not_applicable("no value of an option is logged.")
        .in_group("Connector"),
    declared("statistics.metrics.enabled", Type::Boolean, Default::Text("true"), "Whether to keep statistics of the lag.")
        .shown(Importance::Medium, 39, Width::Short, "Enable collecting statistics metrics like latencies")
        .not_applicable("they are always kept.")
        .in_group("Connector"),
    declared("decimal.handling.mode", Type::String, Default::Text("precise"), "How numeric and money are represented.")
        .shown(Importance::Medium, 40, Width::Short, "Decimal Handling")
        .checked(&[Check::OneOf(&["string", "double", "precise"])])
        .in_group("Connector"),
    declared("time.precision.mode", Type::String, Default::Text("adaptive"), "How dates and times are represented.")
        .shown(Importance::Medium, 41, Width::Short, "Time Precision")
        .checked(&[Check::OneOf(&["adaptive", "adaptive_time_microseconds", "isostring", "microseconds", "nanoseconds", "connect"])])
        .in_group("Connector"),
    declared("snapshot.lock.timeout.ms", Type::Long, Default::Text("10000"), "How long a snapshot waits for locks, in milliseconds.")
        .shown(Importance::Medium, 42, Width::Long, "Snapshot lock timeout (ms)")
        .in_group("Connector"),
    declared("memory.management.schemas.class", Type::Class, Default::Text("io.debezium.relational.ConcurrentMapTableMappingStorage"), "Java class that keeps schemas.")
        .shown(Importance::Low, 43, Width::Long, "Schema storage class")
        .not_applicable("there is no Java here.")
        .in_group("Connector"),
    declared("memory.management.tables.class", Type::Class, Default::Text("io.debezium.relational.ConcurrentMapTableMappingStorage"), "Java class that keeps tables.")
        .shown(Importance::Low, 44, Width::Long, "Table storage class")
        .not_applicable("there is no Java here.")
        .in_group("Connector"),
    declared("snapshot.mode", Type::String, Default::Text("initial"), "When to read the tables before streaming.")
        .shown(Importance::Medium, 45, Width::Short, "Snapshot mode")
        .checked(&[Check::OneOf(&["always", "initial_only", "configuration_based", "when_needed", "initial", "custom", "no_data"])])
        .in_group("Connector"),
    declared("snapshot.isolation.mode", Type::String, Default::Text("serializable"), "Isolation of a snapshot that has no slot to go with.")
        .shown(Importance::Low, 46, Width::Short, "Snapshot isolation mode")
        .checked(&[Check::OneOf(&["read_uncommitted", "repeatable_read", "read_committed", "serializable"])])
        .in_group("Connector"),
    declared("snapshot.query.mode", Type::String, Default::Text("select_all"), "What a snapshot asks for.")
        .shown(Importance::Low, 47, Width::Short, "Snapshot query mode")
        .checked(&[Check::OneOf(&["custom", "select_all"])])
        .in_group("Connector"),
    declared("snapshot.query.mode.custom.name", Type::String, Default::Null, "Java class of snapshot.query.mode=custom.")
        .shown(Importance::Medium, 48, Width::Medium, "Snapshot Query Mode Custom Name")
        .checked(&[Check::NameOfCustom("snapshot.query.mode")])
        .not_applicable("there is no Java here.")
        .in_group("Connector"),
    declared("snapshot.locking.mode.custom.name", Type::String, Default::Null, "Java class of snapshot.locking.mode=custom.")
        .shown(Importance::Medium, 49, Width::Medium, "Snapshot Locking Mode Custom Name")
        .checked(&[Check::NameOfCustom("snapshot.locking.mode")])
        .not_applicable("there is no Java here.")
        .in_group("Connector"),
    declared("snapshot.locking.mode", Type::String, Default::Text("none"), "Whether a snapshot locks the tables against changes of their structure.")
        .shown(Importance::Low, 50, Width::Short, "Snapshot locking mode")
        .checked(&[Check::OneOf(&["shared", "custom", "none"])])
        .in_group("Connector"),
    declared("hstore.handling.mode", Type::String, Default::Text("json"), "How hstore is represented.")
        .shown(Importance::Low, 51, Width::Medium, "HStore Handling")
        .checked(&[Check::OneOf(&["json", "map"])])
        .in_group("Connector"),
    declared("binary.handling.mode", Type::String, Default::Text("bytes"), "How bytea and the content of logical messages are represented.")
        .shown(Importance::Low, 52, Width::Medium, "Binary Handling")
        .checked(&[Check::OneOf(&["bytes", "base64", "hex", "base64-url-safe"])])
        .in_group("Connector"),
    declared("schema.name.adjustment.mode", Type::String, Default::Text("none"), "How names of schemas are made fit for Avro.")
        .shown(Importance::Low, 53, Width::Medium, "Schema Name Adjustment")
        .checked(&[Check::OneOf(&["none", "avro_unicode", "avro"])])
        .in_group("Connector"),
    declared("interval.handling.mode", Type::String, Default::Text("numeric"), "How intervals are represented.")
        .shown(Importance::Low, 54, Width::Medium, "Interval Handling")
        .checked(&[Check::OneOf(&["string", "numeric"])])
        .in_group("Connector"),
    declared("schema.refresh.mode", Type::String, Default::Text("columns_diff"), "When the structure of a table is read again.")
        .shown(Importance::Medium, 55, Width::Short, "Schema refresh mode")
        .checked(&[Check::OneOf(&["columns_diff", "columns_diff_exclude_unchanged_toast"])])
        .not_applicable("each row is read by the structure that the log gives it.")
        .in_group("Connector"),
    declared("incremental.snapshot.chunk.size", Type::Int, Default::Text("1024"), "Rows that an incremental snapshot reads at a time.")
        .shown(Importance::Medium, 56, Width::Medium, "Incremental snapshot chunk size")
        .checked(&[Check::NonNegative])
        .in_group("Connector"),
    declared("unavailable.value.placeholder", Type::String, Default::Text("__debezium_unavailable_value"), "What stands for a TOASTed value that did not change; hex: introduces bytes.")
        .shown(Importance::Medium, 57, Width::Medium, "Unavailable value placeholder")
        .in_group("Connector"),
    declared("message.prefix.include.list", Type::List, Default::Null, "Prefixes of logical messages to capture, as regular expressions.")
        .shown(Importance::Medium, 58, Width::Long, "Include Logical Decoding Message Prefixes")
        .checked(&[Check::Patterns])
        .in_group("Connector"),
    declared("message.prefix.exclude.list", Type::List, Default::Null, "Prefixes of logical messages not to capture.")
        .shown(Importance::Medium, 59, Width::Long, "Exclude Logical Decoding Message Prefixes")
        .checked(&[Check::Patterns, Check::Excludes("message.prefix.include.list", "logical_decoding_message.prefix.include.list")])
        .in_group("Connector"),
    declared("publish.via.partition.root", Type::Boolean, Default::Text("false"), "Whether a created publication shows changes of partitions as their root's.")
        .shown(Importance::Medium, 60, Width::Short, "Publish via partition root")
        .in_group("Connector"),
];
