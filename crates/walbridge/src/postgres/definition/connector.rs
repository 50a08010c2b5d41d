//! Debezium's options of the group Connector: how the connector works.

use connect::config_def::{Default, Importance, Type, Width};

use super::{Field, field, key};
use crate::postgres::check::Check;

use Check::{
    Excludes, NameOfCustom, NonNegative, NonNegativeLong, OneOf, Pairs, Patterns, Positive,
    PositiveLong, QueueSize,
};
use Default::{Null, Text};
use Importance::{Low, Medium};
use Type::{Boolean, Class, Int, List, Long, String};

const GROUP: &str = "Connector";

/// In Debezium's order.
pub(super) const FIELDS: &[Field] = &[
    field(
        key("event.processing.failure.handling.mode", String, Text("fail"), Medium, "What happens to an event that cannot be processed.")
            .placed(GROUP, 1, Width::Short, "Event deserialization failure handling"),
        &[OneOf(&["warn", "fail", "ignore", "skip"])],
    ),
    field(
        key("max.batch.size", Int, Text("2048"), Medium, "Events in one of Debezium's batches; without effect here.")
            .placed(GROUP, 2, Width::Short, "Change event batch size"),
        &[Positive],
    ),
    field(
        key("max.queue.size", Int, Text("8192"), Medium, "Events in Debezium's queue; without effect here.")
            .placed(GROUP, 3, Width::Short, "Change event buffer size"),
        &[QueueSize],
    ),
    field(
        key("poll.interval.ms", Long, Text("500"), Medium, "Pause between Debezium's polls; without effect here.")
            .placed(GROUP, 4, Width::Short, "Poll interval (ms)"),
        &[Positive],
    ),
    field(
        key("max.queue.size.in.bytes", Long, Text("0"), Medium, "Bound of the queue between reading and writing, in bytes; 0 for walbridge's own (8 MiB).")
            .placed(GROUP, 5, Width::Long, "Change event buffer size in bytes"),
        &[NonNegativeLong],
    ),
    field(
        key("provide.transaction.metadata", Boolean, Text("false"), Low, "Whether transactions get records of their own and events say to which they belong.")
            .placed(GROUP, 6, Width::Short, "Store transaction metadata information in a dedicated topic."),
        &[],
    ),
    field(
        key("snapshot.delay.ms", Long, Text("0"), Low, "Time before the snapshot, in milliseconds.")
            .placed(GROUP, 7, Width::Medium, "Snapshot Delay (milliseconds)"),
        &[NonNegativeLong],
    ),
    field(
        key("streaming.delay.ms", Long, Text("0"), Low, "Time between the snapshot and streaming, in milliseconds.")
            .placed(GROUP, 8, Width::Medium, "Streaming Delay (milliseconds)"),
        &[NonNegativeLong],
    ),
    field(
        key("snapshot.include.collection.list", List, Null, Medium, "Tables that the snapshot reads, if not all captured ones.")
            .placed(GROUP, 9, Width::Long, "Snapshot mode include data collection"),
        &[Patterns],
    ),
    field(
        key("snapshot.fetch.size", Int, Null, Medium, "Rows that Debezium's snapshot fetches at a time; without effect here.")
            .placed(GROUP, 10, Width::Medium, "Snapshot fetch size"),
        &[NonNegative],
    ),
    field(
        key("snapshot.max.threads", Int, Text("1"), Medium, "Tables that the snapshot reads at a time.")
            .placed(GROUP, 11, Width::Short, "Snapshot maximum threads"),
        &[Positive],
    ),
    field(
        key("snapshot.max.threads.multiplier", Int, Text("1"), Medium, "Parts into which Debezium splits a table; without effect here.")
            .placed(GROUP, 12, Width::Short, "Snapshot maximum thread multiplier"),
        &[Positive],
    ),
    field(
        key("legacy.snapshot.max.threads", Boolean, Text("false"), Low, "Whether a table is read by one thread only.")
            .placed(GROUP, 13, Width::Short, "Enforces using a single thread per table regardless of table size"),
        &[],
    ),
    field(
        key("internal.legacy.snapshot.max.threads", Boolean, Text("false"), Low, "Whether a table is read by one thread only.")
            .placed(GROUP, 13, Width::Short, "Enforces using a single thread per table regardless of table size"),
        &[],
    ),
    field(
        key("snapshot.mode.custom.name", String, Null, Medium, "Name of the class for snapshot.mode=custom.")
            .placed(GROUP, 14, Width::Medium, "Snapshot Mode Custom Name"),
        &[NameOfCustom("snapshot.mode")],
    ),
    field(
        key("snapshot.mode.configuration.based.snapshot.data", Boolean, Text("false"), Medium, "With snapshot.mode=configuration_based: whether rows are read.")
            .placed(GROUP, 15, Width::Medium, "Snapshot mode property based snapshot data"),
        &[],
    ),
    field(
        key("snapshot.mode.configuration.based.snapshot.schema", Boolean, Text("false"), Medium, "With snapshot.mode=configuration_based: whether schemas are read.")
            .placed(GROUP, 16, Width::Medium, "Snapshot mode property based snapshot schema"),
        &[],
    ),
    field(
        key("snapshot.mode.configuration.based.start.stream", Boolean, Text("false"), Medium, "With snapshot.mode=configuration_based: whether streaming follows.")
            .placed(GROUP, 17, Width::Medium, "Snapshot mode property based start stream"),
        &[],
    ),
    field(
        key("snapshot.mode.configuration.based.snapshot.on.schema.error", Boolean, Text("false"), Medium, "With snapshot.mode=configuration_based: whether schemas are read again after an error.")
            .placed(GROUP, 18, Width::Medium, "Snapshot mode property based snapshot on schema error"),
        &[],
    ),
    field(
        key("snapshot.mode.configuration.based.snapshot.on.data.error", Boolean, Text("false"), Medium, "With snapshot.mode=configuration_based: whether rows are read again after an error.")
            .placed(GROUP, 19, Width::Medium, "Snapshot mode property based snapshot on data error"),
        &[],
    ),
    field(
        key("retriable.restart.connector.wait.ms", Long, Text("10000"), Low, "Longest time before starting over, in milliseconds; the first wait is 250 ms and each further one twice as long.")
            .placed(GROUP, 20, Width::Medium, "Retriable restart wait (ms)"),
        &[PositiveLong],
    ),
    field(
        key("query.fetch.size", Int, Text("0"), Medium, "Rows that Debezium's queries fetch at a time; without effect here.")
            .placed(GROUP, 21, Width::Medium, "Query fetch size"),
        &[NonNegative],
    ),
    field(
        key("errors.max.retries", Int, Text("-1"), Low, "How often to start over after a failure that may pass; -1 for ever.")
            .placed(GROUP, 22, Width::Medium, "The maximum number of retries"),
        &[],
    ),
    field(
        key("incremental.snapshot.watermarking.strategy", String, Text("INSERT_INSERT"), Low, "How windows of an incremental snapshot are marked.")
            .placed(GROUP, 23, Width::Medium, "Incremental snapshot watermarking strategy"),
        &[OneOf(&["insert_delete", "insert_insert"])],
    ),
    field(
        key("internal.log.position.check.enable", Boolean, Text("true"), Medium, "Whether a stored position is looked for in the log.")
            .placed(GROUP, 24, Width::Medium, "Enable/Disable log position check"),
        &[],
    ),
    field(
        key("internal.advanced.metrics.enable", Boolean, Text("false"), Medium, "Whether Debezium counts more; without effect here.")
            .placed(GROUP, 25, Width::Medium, "Enable/Disable advance metrics"),
        &[],
    ),
    field(
        key("connection.validation.timeout.ms", Long, Text("60000"), Low, "How long the validation's connection attempt may take, in milliseconds.")
            .placed(GROUP, 26, Width::Short, "Connection validation timeout (ms)"),
        &[PositiveLong],
    ),
    field(
        key("executor.shutdown.timeout.ms", Long, Text("4000"), Medium, "How long Debezium waits for its threads; without effect here.")
            .placed(GROUP, 27, Width::Medium, "Executor shutdown timeout (ms)"),
        &[PositiveLong],
    ),
    field(
        key("openlineage.integration.enabled", Boolean, Text("false"), Low, "Whether OpenLineage events are sent.")
            .placed(GROUP, 28, Width::Short, "Enables OpenLineage integration"),
        &[],
    ),
    field(
        key("openlineage.integration.config.file.path", String, Text("./openlineage.yml"), Low, "Configuration of OpenLineage.")
            .placed(GROUP, 29, Width::Long, "Path to OpenLineage file configuration"),
        &[],
    ),
    field(
        key("openlineage.integration.job.namespace", String, Null, Low, "Namespace in OpenLineage.")
            .placed(GROUP, 30, Width::Long, "Namespace used for Debezium job"),
        &[],
    ),
    field(
        key("openlineage.integration.job.description", String, Text("Debezium change data capture job"), Low, "Description in OpenLineage.")
            .placed(GROUP, 31, Width::Long, "Description used for Debezium job"),
        &[],
    ),
    field(
        key("openlineage.integration.job.tags", List, Null, Low, "Tags in OpenLineage.")
            .placed(GROUP, 32, Width::Long, "Debezium job tags"),
        &[Pairs],
    ),
    field(
        key("openlineage.integration.job.owners", List, Null, Low, "Owners in OpenLineage.")
            .placed(GROUP, 33, Width::Long, "Debezium job owners"),
        &[Pairs],
    ),
    field(
        key("openlineage.integration.dataset.kafka.bootstrap.servers", String, Null, Low, "Brokers in OpenLineage.")
            .placed(GROUP, 34, Width::Long, "Kafka bootstrap server used in Kafka Connect deployment"),
        &[],
    ),
    field(
        key("extended.headers.enabled", Boolean, Text("true"), Low, "Whether records carry Debezium's context headers.")
            .placed(GROUP, 35, Width::Short, "Enable/Disable extended headers"),
        &[],
    ),
    field(
        key("guardrail.collections.max", Int, Text("0"), Medium, "Most tables that may be captured; 0 for any number.")
            .placed(GROUP, 36, Width::Short, "Maximum number of collections or tables"),
        &[NonNegative],
    ),
    field(
        key("guardrail.collections.limit.action", String, Text("warn"), Medium, "What happens when there are more.")
            .placed(GROUP, 37, Width::Short, "Guardrail collections limit action"),
        &[OneOf(&["warn", "fail"])],
    ),
    field(
        key("custom.sanitize.pattern", String, Text(".*secret$|.*password$|.*sasl\\.jaas\\.config$|.*basic\\.auth\\.user\\.info|.*registry\\.auth\\.client-secret|.*credentials\\.json$|.*connectionstring$|.*connection\\.string$"), Low, "Pattern of options whose values logs do not show.")
            .placed(GROUP, 38, Width::Long, "Custom pattern for masking sensitive configuration"),
        &[],
    ),
    field(
        key("statistics.metrics.enabled", Boolean, Text("true"), Medium, "Whether lags are summed up in statistics.")
            .placed(GROUP, 39, Width::Short, "Enable collecting statistics metrics like latencies"),
        &[],
    ),
    field(
        key("decimal.handling.mode", String, Text("precise"), Medium, "How numeric and money are represented.")
            .placed(GROUP, 40, Width::Short, "Decimal Handling"),
        &[OneOf(&["string", "double", "precise"])],
    ),
    field(
        key("time.precision.mode", String, Text("adaptive"), Medium, "How dates and times are represented.")
            .placed(GROUP, 41, Width::Short, "Time Precision"),
        &[OneOf(&["adaptive", "adaptive_time_microseconds", "isostring", "microseconds", "nanoseconds", "connect"])],
    ),
    field(
        key("snapshot.lock.timeout.ms", Long, Text("10000"), Medium, "How long a snapshot waits for locks, in milliseconds.")
            .placed(GROUP, 42, Width::Long, "Snapshot lock timeout (ms)"),
        &[],
    ),
    field(
        key("memory.management.schemas.class", Class, Text("io.debezium.relational.ConcurrentMapTableMappingStorage"), Low, "Where Debezium keeps schemas; without effect here.")
            .placed(GROUP, 43, Width::Long, "Schema storage class"),
        &[],
    ),
    field(
        key("memory.management.tables.class", Class, Text("io.debezium.relational.ConcurrentMapTableMappingStorage"), Low, "Where Debezium keeps tables; without effect here.")
            .placed(GROUP, 44, Width::Long, "Table storage class"),
        &[],
    ),
    field(
        key("snapshot.mode", String, Text("initial"), Medium, "When to read the tables before streaming. walbridge knows initial and no_data so far.")
            .placed(GROUP, 45, Width::Short, "Snapshot mode"),
        &[OneOf(&["always", "initial_only", "configuration_based", "when_needed", "initial", "custom", "no_data"])],
    ),
    field(
        key("snapshot.isolation.mode", String, Text("serializable"), Low, "Isolation of the snapshot on a slot that was there before.")
            .placed(GROUP, 46, Width::Short, "Snapshot isolation mode"),
        &[OneOf(&["read_uncommitted", "repeatable_read", "read_committed", "serializable"])],
    ),
    field(
        key("snapshot.query.mode", String, Text("select_all"), Low, "How the snapshot's queries are made.")
            .placed(GROUP, 47, Width::Short, "Snapshot query mode"),
        &[OneOf(&["custom", "select_all"])],
    ),
    field(
        key("snapshot.query.mode.custom.name", String, Null, Medium, "Name of the class for snapshot.query.mode=custom.")
            .placed(GROUP, 48, Width::Medium, "Snapshot Query Mode Custom Name"),
        &[NameOfCustom("snapshot.query.mode")],
    ),
    field(
        key("snapshot.locking.mode.custom.name", String, Null, Medium, "Name of the class for snapshot.locking.mode=custom.")
            .placed(GROUP, 49, Width::Medium, "Snapshot Locking Mode Custom Name"),
        &[NameOfCustom("snapshot.locking.mode")],
    ),
    field(
        key("snapshot.locking.mode", String, Text("none"), Low, "Whether the snapshot locks tables.")
            .placed(GROUP, 50, Width::Short, "Snapshot locking mode"),
        &[OneOf(&["shared", "custom", "none"])],
    ),
    field(
        key("hstore.handling.mode", String, Text("json"), Low, "How hstore is represented.")
            .placed(GROUP, 51, Width::Medium, "HStore Handling"),
        &[OneOf(&["json", "map"])],
    ),
    field(
        key("binary.handling.mode", String, Text("bytes"), Low, "How bytea is represented.")
            .placed(GROUP, 52, Width::Medium, "Binary Handling"),
        &[OneOf(&["bytes", "base64", "hex", "base64-url-safe"])],
    ),
    field(
        key("schema.name.adjustment.mode", String, Text("none"), Low, "How names of schemas are adjusted to Avro.")
            .placed(GROUP, 53, Width::Medium, "Schema Name Adjustment"),
        &[OneOf(&["none", "avro_unicode", "avro"])],
    ),
    field(
        key("interval.handling.mode", String, Text("numeric"), Low, "How intervals are represented.")
            .placed(GROUP, 54, Width::Medium, "Interval Handling"),
        &[OneOf(&["string", "numeric"])],
    ),
    field(
        key("schema.refresh.mode", String, Text("columns_diff"), Medium, "When Debezium reads a table's schema again; without effect here.")
            .placed(GROUP, 55, Width::Short, "Schema refresh mode"),
        &[OneOf(&["columns_diff", "columns_diff_exclude_unchanged_toast"])],
    ),
    field(
        key("incremental.snapshot.chunk.size", Int, Text("1024"), Medium, "Rows of a chunk of an incremental snapshot.")
            .placed(GROUP, 56, Width::Medium, "Incremental snapshot chunk size"),
        &[NonNegative],
    ),
    field(
        key("unavailable.value.placeholder", String, Text("__debezium_unavailable_value"), Medium, "What stands for a TOASTed value that did not change; hex: introduces bytes.")
            .placed(GROUP, 57, Width::Medium, "Unavailable value placeholder"),
        &[],
    ),
    field(
        key("message.prefix.include.list", List, Null, Medium, "Prefixes of logical messages to capture.")
            .placed(GROUP, 58, Width::Long, "Include Logical Decoding Message Prefixes"),
        &[Patterns],
    ),
    field(
        key("message.prefix.exclude.list", List, Null, Medium, "Prefixes of logical messages not to capture.")
            .placed(GROUP, 59, Width::Long, "Exclude Logical Decoding Message Prefixes"),
        &[Patterns, Excludes("message.prefix.include.list", "logical_decoding_message.prefix.include.list")],
    ),
    field(
        key("publish.via.partition.root", Boolean, Text("false"), Medium, "Whether a created publication shows changes of partitions as their root's.")
            .placed(GROUP, 60, Width::Short, "Publish via partition root"),
        &[],
    ),
];
