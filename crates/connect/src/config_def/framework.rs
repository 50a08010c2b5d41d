//! The options that the worker itself gives every connector (Kafka 4.3, `SourceConnectorConfig` and
//! `SinkConnectorConfig`).

use super::{ConfigKey, Default, Importance, Type, Validator, Width};
use crate::settings::PluginKind;

use Default::{Null, Required, Text};
use Importance::{High, Low, Medium};

const COMMON: &str = "Common";
const ERRORS: &str = "Error Handling";
const EXACTLY_ONCE: &str = "Exactly Once Support";

/// In Connect's order. The defaults of the converters and of the versions are the worker's: see
/// [`crate::validation`].
const COMMON_KEYS: &[ConfigKey] = &[
    ConfigKey::new("name", Type::String, Required)
        .documented(High, "Globally unique name to use for this connector.")
        .placed(COMMON, 1, Width::Medium, "Connector name")
        .checked(Validator::NonEmptyWithoutControl),
    ConfigKey::new("connector.class", Type::String, Required)
        .documented(High, "Name or alias of the class for this connector.")
        .placed(COMMON, 2, Width::Long, "Connector class"),
    ConfigKey::new("connector.plugin.version", Type::String, Null)
        .documented(Medium, "Version of the connector.")
        .placed(COMMON, 3, Width::Medium, "Connector version"),
    ConfigKey::new("tasks.max", Type::Int, Text("1"))
        .documented(High, "Maximum number of tasks to use for this connector.")
        .placed(COMMON, 4, Width::Short, "Tasks max")
        .checked(Validator::AtLeast(1)),
    ConfigKey::new("tasks.max.enforce", Type::Boolean, Text("true"))
        .documented(Low, "Whether more tasks than tasks.max are an error.")
        .placed(COMMON, 5, Width::Short, "Enforce tasks max"),
    ConfigKey::new("key.converter", Type::Class, Null)
        .documented(Low, "Converter of record keys; the worker's if not given.")
        .placed(COMMON, 6, Width::Short, "Key converter class"),
    ConfigKey::new("key.converter.plugin.version", Type::String, Null)
        .documented(Low, "Version of the key converter.")
        .placed(COMMON, 7, Width::Short, "Key converter version"),
    ConfigKey::new("value.converter", Type::Class, Null)
        .documented(Low, "Converter of record values; the worker's if not given.")
        .placed(COMMON, 8, Width::Short, "Value converter class"),
    ConfigKey::new("value.converter.plugin.version", Type::String, Null)
        .documented(Low, "Version of the value converter.")
        .placed(COMMON, 9, Width::Short, "Value converter version"),
    ConfigKey::new("header.converter", Type::Class, Null)
        .documented(Low, "Converter of record headers; the worker's if not given.")
        .placed(COMMON, 10, Width::Short, "Header converter class"),
    ConfigKey::new("header.converter.plugin.version", Type::String, Null)
        .documented(Low, "Version of the header converter.")
        .placed(COMMON, 11, Width::Short, "Header converter version"),
    ConfigKey::new("transforms", Type::List, Text(""))
        .documented(Low, "Aliases of the transformations to be applied to records, in order.")
        .placed("Transforms", 12, Width::Long, "Transforms")
        .checked(Validator::UniqueAliases),
    ConfigKey::new("predicates", Type::List, Text(""))
        .documented(Low, "Aliases of the predicates that transformations use.")
        .placed("Predicates", 13, Width::Long, "Predicates")
        .checked(Validator::UniqueAliases),
    ConfigKey::new("config.action.reload", Type::String, Text("restart"))
        .documented(Low, "What happens when an external configuration provider's value changes.")
        .placed(COMMON, 14, Width::Medium, "Reload Action")
        .checked(Validator::OneOf(&["none", "restart"])),
    ConfigKey::new("errors.retry.timeout", Type::Long, Text("0"))
        .documented(Medium, "Milliseconds for which a failed operation is retried; -1 for ever.")
        .placed(ERRORS, 1, Width::Medium, "Retry Timeout for Errors"),
    ConfigKey::new("errors.retry.delay.max.ms", Type::Long, Text("60000"))
        .documented(Medium, "Longest pause between two retries.")
        .placed(ERRORS, 2, Width::Medium, "Maximum Delay Between Retries for Errors"),
    ConfigKey::new("errors.tolerance", Type::String, Text("none"))
        .documented(Medium, "none: an error fails the task; all: the record is skipped.")
        .placed(ERRORS, 3, Width::Short, "Error Tolerance")
        .checked(Validator::OneOf(&["none", "all"])),
    ConfigKey::new("errors.log.enable", Type::Boolean, Text("false"))
        .documented(Medium, "Whether tolerated errors are logged.")
        .placed(ERRORS, 4, Width::Short, "Log Errors"),
    ConfigKey::new("errors.log.include.messages", Type::Boolean, Text("false"))
        .documented(Medium, "Whether the log shows the record that led to an error.")
        .placed(ERRORS, 5, Width::Short, "Log Error Details"),
];

const SOURCE_KEYS: &[ConfigKey] = &[
    ConfigKey::new("topic.creation.groups", Type::List, Text(""))
        .documented(Low, "Groups of settings for topics that the connector creates.")
        .placed("Topic Creation", 1, Width::Long, "Topic Creation Groups")
        .checked(Validator::UniqueAliases),
    ConfigKey::new("exactly.once.support", Type::String, Text("requested"))
        .documented(Medium, "requested, or required: refuse to start without exactly-once support.")
        .placed(EXACTLY_ONCE, 2, Width::Short, "Exactly once support")
        .checked(Validator::OneOfIgnoreCase(&["REQUIRED", "REQUESTED"])),
    ConfigKey::new("transaction.boundary", Type::String, Text("poll"))
        .documented(Medium, "When transactions are committed: poll, interval or connector.")
        .placed(EXACTLY_ONCE, 3, Width::Short, "Transaction Boundary")
        .checked(Validator::OneOfIgnoreCase(&["INTERVAL", "POLL", "CONNECTOR"])),
    ConfigKey::new("transaction.boundary.interval.ms", Type::Long, Null)
        .documented(Low, "The interval of transaction.boundary=interval; the worker's flush interval if not given.")
        .placed(EXACTLY_ONCE, 4, Width::Short, "Transaction boundary interval"),
    ConfigKey::new("offsets.storage.topic", Type::String, Null)
        .documented(Low, "A topic of the connector's own for its source offsets.")
        .placed("offsets.topic", 1, Width::Long, "Offsets topic")
        .checked(Validator::NonEmpty),
];

const SINK_KEYS: &[ConfigKey] = &[
    ConfigKey::new("topics", Type::List, Text(""))
        .documented(High, "Topics to read.")
        .placed(COMMON, 4, Width::Long, "Topics")
        .checked(Validator::DistinctItems { empty: true }),
    ConfigKey::new("topics.regex", Type::String, Text(""))
        .documented(High, "Pattern of the topics to read.")
        .placed(COMMON, 4, Width::Long, "Topics regex")
        .checked(Validator::Regex),
    ConfigKey::new("errors.deadletterqueue.topic.name", Type::String, Text(""))
        .documented(Medium, "Topic for records that could not be processed.")
        .placed(ERRORS, 6, Width::Medium, "Dead Letter Queue Topic Name"),
    ConfigKey::new("errors.deadletterqueue.topic.replication.factor", Type::Short, Text("3"))
        .documented(Medium, "Its replicas, if it is created.")
        .placed(ERRORS, 7, Width::Medium, "Dead Letter Queue Topic Replication Factor"),
    ConfigKey::new("errors.deadletterqueue.context.headers.enable", Type::Boolean, Text("false"))
        .documented(Medium, "Whether its records say in headers what went wrong.")
        .placed(ERRORS, 8, Width::Medium, "Enable Error Context Headers"),
];

/// The worker's options of a connector of that kind, in Connect's order.
pub(crate) fn keys(kind: PluginKind) -> impl Iterator<Item = &'static ConfigKey> {
    let own = if kind == PluginKind::Sink { SINK_KEYS } else { SOURCE_KEYS };
    COMMON_KEYS.iter().chain(own)
}
