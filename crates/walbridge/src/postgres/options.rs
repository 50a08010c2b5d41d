//! Every option of the connector that walbridge knows, in one table: name, type, default, check, documentation,
//! and what walbridge does with it.
//!
//! Names, defaults and meanings are those of Debezium's PostgreSQL connector 3.6. The words of a failed check are
//! Debezium's too (`io.debezium.config.Field`).

use connect::config_def::{ConfigKey, Default, Importance, Type};
use fancy_regex::Regex;

/// What a value must be beyond being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Zero or more.
    NonNegative,
    /// One or more.
    Positive,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A comma-separated list of regular expressions.
    Patterns,
    /// Letters, digits, `_`, `.`, `-`.
    TopicPrefix,
    /// A replication slot's name.
    SlotName,
}

/// What walbridge does with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// What Debezium does.
    Same,
    /// It tunes machinery that walbridge does not have: accepted, said once in the log.
    Ignored,
    /// Not yet: any other value than the default is refused, since ignoring it would change what is captured.
    Refused,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostgresOption {
    pub(super) key: ConfigKey,
    pub(super) check: Check,
    pub(super) handling: Handling,
}

const fn option(
    name: &'static str,
    kind: Type,
    default: Default,
    check: Check,
    documentation: &'static str,
) -> PostgresOption {
    let key = ConfigKey::new(name, kind, default).documented(Importance::Medium, documentation);
    PostgresOption { key, check, handling: Handling::Same }
}

const fn text(value: &'static str) -> Default {
    Default::Text(value)
}

const fn ignored(name: &'static str, kind: Type, default: Default) -> PostgresOption {
    let key = ConfigKey::new(name, kind, default).documented(
        Importance::Low,
        "Tunes Debezium's own machinery: accepted and without effect.",
    );
    PostgresOption { key, check: Any, handling: Handling::Ignored }
}

const fn refused(name: &'static str, kind: Type, default: Default) -> PostgresOption {
    let key = ConfigKey::new(name, kind, default).documented(
        Importance::Low,
        "Not supported yet: another value than the default is refused.",
    );
    PostgresOption { key, check: Any, handling: Handling::Refused }
}

use Check::{Any, Boolean, NonNegative, OneOf, Patterns, Positive};
use Default::{Null, Required};

/// The table.
pub(super) const OPTIONS: &[PostgresOption] = &[
    option(
        "topic.prefix",
        Type::String,
        Required,
        Check::TopicPrefix,
        "Name of the database server as topics, schemas and offsets carry it. Two connectors must not share one.",
    ),
    option(
        "database.hostname",
        Type::String,
        Required,
        Any,
        "Host name or address of the database server; a directory (leading slash) for its Unix socket.",
    ),
    option(
        "database.port",
        Type::Int,
        text("5432"),
        Check::Integer,
        "Port of the database server.",
    ),
    option(
        "database.user",
        Type::String,
        Required,
        Any,
        "User to connect as; needs LOGIN, REPLICATION and SELECT on the captured tables.",
    ),
    option("database.password", Type::Password, Null, Any, "The user's password."),
    option("database.dbname", Type::String, Required, Any, "The database to capture."),
    option(
        "database.initial.statements",
        Type::String,
        Null,
        Any,
        "SQL to run on each plain connection, separated by semicolons; two semicolons are one literal semicolon.",
    ),
    option(
        "database.query.timeout.ms",
        Type::Int,
        text("600000"),
        NonNegative,
        "How long a catalog query may take, in milliseconds; 0 for no limit.",
    ),
    option(
        "database.connection.timeout.ms",
        Type::Int,
        text("600000"),
        NonNegative,
        "How long connecting may take, in milliseconds.",
    ),
    option(
        "database.sslmode",
        Type::String,
        text("prefer"),
        OneOf(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        "Whether and how to use TLS, with libpq's meaning of each word.",
    ),
    option(
        "database.sslcert",
        Type::String,
        Null,
        Any,
        "File with the client's certificate (PEM).",
    ),
    option(
        "database.sslkey",
        Type::String,
        Null,
        Any,
        "File with the certificate's key (PEM, or PKCS-8 DER).",
    ),
    option("database.sslpassword", Type::Password, Null, Any, "Passphrase of the key."),
    option(
        "database.sslrootcert",
        Type::String,
        Null,
        Any,
        "File with the trusted root certificates (PEM).",
    ),
    option(
        "database.tcpKeepAlive",
        Type::Boolean,
        text("true"),
        Boolean,
        "Whether to let the operating system probe idle connections.",
    ),
    option(
        "plugin.name",
        Type::String,
        text("decoderbufs"),
        OneOf(&["decoderbufs", "pgoutput"]),
        "Output plugin of the slot. walbridge reads pgoutput only; without the option it uses pgoutput and says so.",
    ),
    option("slot.name", Type::String, text("debezium"), Check::SlotName, "Replication slot."),
    option(
        "slot.drop.on.stop",
        Type::Boolean,
        text("false"),
        Boolean,
        "Whether to drop the slot when the connector is stopped in an orderly way.",
    ),
    option(
        "slot.max.retries",
        Type::Int,
        text("6"),
        Check::Integer,
        "How often to try to start streaming when that fails.",
    ),
    option(
        "slot.retry.delay.ms",
        Type::Long,
        text("10000"),
        NonNegative,
        "Time between those attempts, in milliseconds.",
    ),
    option(
        "slot.stream.params",
        Type::String,
        Null,
        Any,
        "Further options of START_REPLICATION, as k=v pairs separated by semicolons.",
    ),
    option(
        "publication.name",
        Type::String,
        text("dbz_publication"),
        Any,
        "Publication to stream.",
    ),
    option(
        "publication.autocreate.mode",
        Type::String,
        text("all_tables"),
        OneOf(&["disabled", "all_tables", "filtered", "no_tables"]),
        "How the publication is made when it does not exist.",
    ),
    option(
        "publish.via.partition.root",
        Type::Boolean,
        text("false"),
        Boolean,
        "Whether a created publication shows changes of partitions as their root's.",
    ),
    option(
        "snapshot.mode",
        Type::String,
        text("initial"),
        OneOf(&[
            "always",
            "initial",
            "no_data",
            "initial_only",
            "when_needed",
            "configuration_based",
            "custom",
        ]),
        "When to read the tables before streaming. walbridge knows initial and no_data so far.",
    ),
    option(
        "snapshot.delay.ms",
        Type::Long,
        text("0"),
        NonNegative,
        "Time before the snapshot, in milliseconds.",
    ),
    option(
        "schema.include.list",
        Type::List,
        Null,
        Patterns,
        "Schemas to capture, as regular expressions.",
    ),
    option("schema.exclude.list", Type::List, Null, Patterns, "Schemas not to capture."),
    option(
        "table.include.list",
        Type::List,
        Null,
        Patterns,
        "Tables to capture, as regular expressions over schema.table.",
    ),
    option("table.exclude.list", Type::List, Null, Patterns, "Tables not to capture."),
    option(
        "table.ignore.builtin",
        Type::Boolean,
        text("true"),
        Boolean,
        "Whether to leave out the system schemas.",
    ),
    option(
        "skipped.operations",
        Type::List,
        text("t"),
        Any,
        "Operations that make no record: c, u, d, t, r, or none.",
    ),
    option(
        "tombstones.on.delete",
        Type::Boolean,
        text("true"),
        Boolean,
        "Whether a delete is followed by a tombstone.",
    ),
    option(
        "extended.headers.enabled",
        Type::Boolean,
        text("true"),
        Boolean,
        "Whether records carry Debezium's context headers.",
    ),
    option(
        "decimal.handling.mode",
        Type::String,
        text("precise"),
        OneOf(&["precise", "string", "double"]),
        "How numeric and money are represented.",
    ),
    option(
        "time.precision.mode",
        Type::String,
        text("adaptive"),
        OneOf(&[
            "adaptive",
            "adaptive_time_microseconds",
            "connect",
            "isostring",
            "microseconds",
            "nanoseconds",
        ]),
        "How dates and times are represented.",
    ),
    option(
        "interval.handling.mode",
        Type::String,
        text("numeric"),
        OneOf(&["numeric", "string"]),
        "How intervals are represented.",
    ),
    option(
        "hstore.handling.mode",
        Type::String,
        text("json"),
        OneOf(&["json", "map"]),
        "How hstore is represented.",
    ),
    option(
        "binary.handling.mode",
        Type::String,
        text("bytes"),
        OneOf(&["bytes", "base64", "base64-url-safe", "hex"]),
        "How bytea is represented.",
    ),
    option(
        "money.fraction.digits",
        Type::Short,
        text("2"),
        Check::Integer,
        "Digits after the point of money.",
    ),
    option(
        "include.unknown.datatypes",
        Type::Boolean,
        text("false"),
        Boolean,
        "Whether columns of unmapped types appear as opaque bytes.",
    ),
    option(
        "unavailable.value.placeholder",
        Type::String,
        text("__debezium_unavailable_value"),
        Any,
        "What stands for a TOASTed value that did not change; hex: introduces bytes.",
    ),
    option(
        "event.converting.failure.handling.mode",
        Type::String,
        text("warn"),
        OneOf(&["skip", "warn", "fail"]),
        "What happens to a value that cannot be represented: null with or without a warning, or the task fails.",
    ),
    option(
        "status.update.interval.ms",
        Type::Int,
        text("10000"),
        Positive,
        "Time between status updates to the server, in milliseconds.",
    ),
    option(
        "errors.max.retries",
        Type::Int,
        text("-1"),
        Check::Integer,
        "How often to start over after a failure that may pass; -1 for ever.",
    ),
    option(
        "retriable.restart.connector.wait.ms",
        Type::Long,
        text("10000"),
        Positive,
        "Longest time before starting over, in milliseconds; the first wait is 250 ms and each further one twice as long.",
    ),
    option(
        "connection.validation.timeout.ms",
        Type::Long,
        text("60000"),
        Positive,
        "How long the validation's connection attempt may take, in milliseconds.",
    ),
    option(
        "max.queue.size.in.bytes",
        Type::Long,
        text("0"),
        NonNegative,
        "Bound of the queue between reading and writing, in bytes; 0 for walbridge's own (8 MiB).",
    ),
    ignored("max.batch.size", Type::Int, text("2048")),
    ignored("max.queue.size", Type::Int, text("8192")),
    ignored("poll.interval.ms", Type::Long, text("500")),
    ignored("query.fetch.size", Type::Int, text("0")),
    ignored("snapshot.fetch.size", Type::Int, text("10240")),
    ignored("snapshot.max.threads", Type::Int, text("1")),
    ignored("snapshot.lock.timeout.ms", Type::Long, text("10000")),
    ignored("snapshot.isolation.mode", Type::String, text("serializable")),
    ignored("snapshot.tables.order.by.row.count", Type::String, text("disabled")),
    ignored("schema.refresh.mode", Type::String, text("columns_diff")),
    ignored("include.schema.comments", Type::Boolean, text("false")),
    ignored("lsn.flush.timeout.ms", Type::Long, text("30000")),
    ignored("lsn.flush.timeout.action", Type::String, text("fail")),
    ignored("statistics.metrics.enabled", Type::Boolean, text("true")),
    ignored("custom.metric.tags", Type::List, Null),
    ignored("executor.shutdown.timeout.ms", Type::Long, text("4000")),
    ignored("topic.cache.size", Type::Int, text("10000")),
    ignored("heartbeat.topics.prefix", Type::String, text("__debezium-heartbeat")),
    ignored("topic.heartbeat.prefix", Type::String, text("__debezium-heartbeat")),
    ignored("custom.sanitize.pattern", Type::String, Null),
    ignored("database.sslfactory", Type::String, Null),
    ignored("event.processing.failure.handling.mode", Type::String, text("fail")),
    refused("column.include.list", Type::List, Null),
    refused("column.exclude.list", Type::List, Null),
    refused("column.propagate.source.type", Type::List, Null),
    refused("datatype.propagate.source.type", Type::List, Null),
    refused("message.key.columns", Type::String, Null),
    refused("message.prefix.include.list", Type::List, Null),
    refused("message.prefix.exclude.list", Type::List, Null),
    refused("skip.messages.without.change", Type::Boolean, text("false")),
    refused("provide.transaction.metadata", Type::Boolean, text("false")),
    refused("heartbeat.interval.ms", Type::Int, text("0")),
    refused("heartbeat.action.query", Type::String, Null),
    refused("signal.data.collection", Type::String, Null),
    refused("notification.enabled.channels", Type::List, Null),
    refused("snapshot.include.collection.list", Type::List, Null),
    refused("snapshot.select.statement.overrides", Type::String, Null),
    refused("snapshot.locking.mode", Type::String, text("none")),
    refused("snapshot.query.mode", Type::String, text("select_all")),
    refused("converters", Type::List, Null),
    refused("post.processors", Type::List, Null),
    refused("schema.name.adjustment.mode", Type::String, text("none")),
    refused("field.name.adjustment.mode", Type::String, text("none")),
    refused(
        "topic.naming.strategy",
        Type::Class,
        text("io.debezium.schema.SchemaTopicNamingStrategy"),
    ),
    refused("topic.delimiter", Type::String, text(".")),
    refused("replica.identity.autoset.values", Type::String, Null),
    refused("slot.failover", Type::Boolean, text("false")),
    refused("lsn.flush.mode", Type::String, text("connector")),
    refused("flush.lsn.source", Type::Boolean, text("true")),
    refused("offset.mismatch.strategy", Type::String, text("no_validation")),
    refused("xmin.fetch.interval.ms", Type::Long, text("0")),
    refused("read.only", Type::Boolean, text("false")),
    refused("guardrail.collections.max", Type::Int, text("0")),
    refused(
        "sourceinfo.struct.maker",
        Type::Class,
        text("io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"),
    ),
    refused("streaming.delay.ms", Type::Long, text("0")),
];

/// Families of options that would change what is captured and are not supported yet.
pub(super) const REFUSED_PREFIXES: &[&str] =
    &["column.mask.", "column.truncate.to.", "snapshot.select.statement.overrides."];

/// Names of older Debezium versions that today's ignores, and what they are called today.
pub(super) const LEGACY: &[(&str, &str)] = &[
    ("database.server.name", "topic.prefix"),
    ("table.whitelist", "table.include.list"),
    ("table.blacklist", "table.exclude.list"),
    ("schema.whitelist", "schema.include.list"),
    ("schema.blacklist", "schema.exclude.list"),
    ("column.whitelist", "column.include.list"),
    ("column.blacklist", "column.exclude.list"),
    ("slot.drop_on_stop", "slot.drop.on.stop"),
    ("toasted.value.placeholder", "unavailable.value.placeholder"),
    ("sanitize.field.names", "field.name.adjustment.mode"),
    ("snapshot.custom.class", "snapshot.mode.custom.name"),
];

/// The option of that name.
pub(super) fn find(name: &str) -> Option<&'static PostgresOption> {
    OPTIONS.iter().find(|o| o.key.name == name)
}

impl Check {
    /// What is wrong with the value, in Debezium's words.
    pub(super) fn problem(self, value: &str) -> Option<String> {
        let number = value.trim().parse::<i64>().ok();
        let named = |allowed: fn(char) -> bool| !value.is_empty() && value.chars().all(allowed);
        match self {
            Self::Any => None,
            Self::Boolean => (!matches!(value.trim().to_ascii_lowercase().as_str(), "true" | "false"))
                .then(|| "Either 'true' or 'false' is expected".to_owned()),
            Self::Integer => number.is_none().then(|| "An integer is expected".to_owned()),
            Self::NonNegative => number.is_none_or(|n| n < 0).then(|| "An non-negative integer is expected".to_owned()),
            Self::Positive => number.is_none_or(|n| n <= 0).then(|| "A positive, non-zero integer value is expected".to_owned()),
            Self::OneOf(words) => (!words.iter().any(|w| w.eq_ignore_ascii_case(value.trim())))
                .then(|| format!("Value must be one of {}", words.join(", "))),
            Self::Patterns => super::settings::split_list(value).into_iter().find_map(|pattern| {
                Regex::new(&pattern).err().map(|error| format!("A comma-separated list of valid regular expressions is expected, but {pattern}: {error}"))
            }),
            Self::TopicPrefix => (!named(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))).then(|| {
                format!("{value} has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)")
            }),
            Self::SlotName => (!(named(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && value.len() <= 63))
                .then(|| "Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63".to_owned()),
        }
    }
}
