//! Debezium's checks of its options (`io.debezium.config.Field` and the connector's own), in its words.

use connect::Properties;
use connect::config_def::Type;
use fancy_regex::Regex;
use sink::java_regex;

use crate::postgres::settings::{skipped_operations, split_list};

/// What a value must be, besides being of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Given, and not blank.
    Required,
    /// `true` or `false`: said once more than by the type.
    Boolean,
    /// A whole number of 32 bits; the same.
    Integer,
    /// One or more.
    Positive,
    /// One or more, in 64 bits.
    PositiveLong,
    /// Zero or more.
    NonNegative,
    /// Zero or more, in 64 bits.
    NonNegativeLong,
    /// One of these words, in any case and with blanks around; in the order in which Debezium lists them.
    OneOf(&'static [&'static str]),
    /// A comma-separated list of regular expressions.
    Patterns,
    /// Only if the first option is not given, which the text calls as the second says.
    Excludes(&'static str, &'static str),
    /// Letters, digits, `_`, `.`, `-`.
    TopicPrefix,
    /// The same, where there is anything; a Unix socket's directory is walbridge's addition.
    Hostname,
    /// A replication slot's name.
    SlotName,
    /// More than `max.batch.size`.
    QueueSize,
    /// `k=v` pairs, separated by commas.
    Pairs,
    /// At most one table.
    OneSignalTable,
    /// `message.key.columns`.
    KeyColumns,
    /// `replica.identity.autoset.values`.
    ReplicaIdentities,
    /// Operations that make no record.
    SkippedOperations,
    /// Given if that option is `custom`.
    NameOfCustom(&'static str),
    /// Given if notifications go to a topic.
    NotificationTopic,
}

const NAME_FORMAT: &str =
    "has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)";
const KEY_COLUMNS: &str = r"^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$";
const REPLICA_IDENTITY: &str = r"(?i)^\s*(?<tablepredicate>[^\s:]+):(?<replicaidentity>DEFAULT|(INDEX) (?<indexname>.\w*)|FULL|NOTHING)\s*$";

const BOOLEAN: &str = "Either 'true' or 'false' is expected";
const INTEGER: &str = "An integer is expected";

fn is_boolean(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("true") || value.trim().eq_ignore_ascii_case("false")
}

/// What with an option's value as one of its type.
pub(super) fn of_type(kind: Type, value: Option<&str>) -> Option<&'static str> {
    let value = value?;
    match kind {
        Type::Boolean => (!is_boolean(value)).then_some(BOOLEAN),
        Type::Int => value.parse::<i32>().is_err().then_some(INTEGER),
        Type::Long => value.parse::<i64>().is_err().then_some("A long value is expected"),
        Type::Class => (!is_class_name(value)).then_some("A Java class name is expected"),
        _ => None,
    }
}

fn is_class_name(text: &str) -> bool {
    let letter = |c: char| c.is_alphabetic() || matches!(c, '_' | '$');
    text.split('.').all(|part| {
        part.starts_with(letter)
            && part.chars().all(|c| letter(c) || c.is_numeric())
            && !matches!(part, "true" | "false" | "null")
    })
}

impl Check {
    /// What is wrong with the value of an option, which may not be given; `config` is the whole configuration.
    pub(super) fn problems(self, value: Option<&str>, config: &Properties) -> Vec<String> {
        let text = |key: &str| config.get(key).map(String::as_str);
        match self {
            Self::Required if value.is_none_or(|value| value.trim().is_empty()) => {
                vec!["A value is required".to_owned()]
            }
            Self::NameOfCustom(option) => {
                let custom =
                    text(option).is_some_and(|mode| mode.trim().eq_ignore_ascii_case("custom"));
                let missing = custom && value.is_none_or(|value| value.trim().is_empty());
                let name = format!("{option}.custom.name");
                missing
                    .then(|| format!("{name} cannot be empty when {option} 'custom' is defined"))
                    .into_iter()
                    .collect()
            }
            Self::NotificationTopic => {
                let channels = text("notification.enabled.channels").unwrap_or_default();
                let sink = channels.split(',').any(|channel| channel.trim() == "sink");
                let what = "Notification topic name must be provided when kafka notification channel is enabled";
                (sink && value.is_none()).then(|| what.to_owned()).into_iter().collect()
            }
            Self::QueueSize => queue_size(value, text("max.batch.size")),
            _ => value.map(|value| self.of_given(value, config)).unwrap_or_default(),
        }
    }

    fn of_given(self, value: &str, config: &Properties) -> Vec<String> {
        let int = value.parse::<i32>().ok();
        let long = value.parse::<i64>().ok();
        let wrong =
            |wrong: bool, what: &str| if wrong { vec![what.to_owned()] } else { Vec::new() };
        match self {
            Self::Boolean => wrong(!is_boolean(value), BOOLEAN),
            Self::Integer => wrong(int.is_none(), INTEGER),
            Self::Positive => {
                wrong(int.is_none_or(|n| n <= 0), "A positive, non-zero integer value is expected")
            }
            Self::PositiveLong => {
                wrong(long.is_none_or(|n| n <= 0), "A positive, non-zero long value is expected")
            }
            Self::NonNegative => {
                wrong(int.is_none_or(|n| n < 0), "An non-negative integer is expected")
            }
            Self::NonNegativeLong => {
                wrong(long.is_none_or(|n| n < 0), "A non-negative long value is expected")
            }
            Self::OneOf(words) => wrong(
                !words.iter().any(|word| word.eq_ignore_ascii_case(value.trim())),
                &format!("Value must be one of {}", words.join(", ")),
            ),
            Self::Patterns => patterns(value).into_iter().collect(),
            Self::Excludes(option, shown) => {
                wrong(config.contains_key(option), &format!("\"{shown}\" is already specified"))
            }
            Self::TopicPrefix => wrong(!is_name(value), &format!("{value} {NAME_FORMAT}")),
            Self::Hostname => {
                let fine = value.trim().is_empty() || value.starts_with('/') || is_name(value);
                wrong(!fine, &format!("{value} {NAME_FORMAT}"))
            }
            Self::SlotName => {
                let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let fine = (1..=63).contains(&value.len()) && value.chars().all(letter);
                wrong(
                    !fine,
                    "Valid replication slot name must contain only digits, lowercase characters and underscores \
                     with length <= 63",
                )
            }
            Self::Pairs => wrong(
                !is_pairs(value),
                "A equivalent-separated map of valid key/value pairs is expected, for example: k1=v1,k2=v2",
            ),
            Self::OneSignalTable => wrong(
                value.contains(','),
                "For single task connector only one signal data collection is permitted.",
            ),
            Self::KeyColumns => formatted(value, ';', KEY_COLUMNS),
            Self::ReplicaIdentities => formatted(value, ',', REPLICA_IDENTITY),
            Self::SkippedOperations => skipped_operations(Some(value)).err().into_iter().collect(),
            Self::Required | Self::NameOfCustom(_) | Self::NotificationTopic | Self::QueueSize => {
                Vec::new()
            }
        }
    }
}

fn is_name(value: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !value.is_empty() && value.chars().all(letter)
}

fn queue_size(value: Option<&str>, batch: Option<&str>) -> Vec<String> {
    let number = |text: Option<&str>, default: i64| match text {
        None => Some(default),
        Some(text) => text.parse::<i32>().ok().map(i64::from),
    };
    // Debezium's defaults.
    let Some((size, batch)) = number(value, 8192).zip(number(batch, 2048)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if size <= 0 {
        found.push("A positive queue size is required".to_owned());
    }
    if size <= batch {
        found.push("Must be larger than the maximum batch size".to_owned());
    }
    found
}

fn patterns(value: &str) -> Option<String> {
    let problem =
        split_list(value).into_iter().find_map(|pattern| java_regex::translate(&pattern).err())?;
    Some(format!("A comma-separated list of valid regular expressions is expected, but {problem}"))
}

fn is_pairs(value: &str) -> bool {
    let pair = |pair: &str| {
        pair.split_once('=').is_some_and(|(key, value)| !key.trim().is_empty() && !value.is_empty())
    };
    value.trim().is_empty() || value.split(',').all(pair)
}

/// The first part that the pattern does not match, which is a constant of this module.
fn formatted(value: &str, separator: char, pattern: &str) -> Vec<String> {
    let mut found = Vec::new();
    if value.is_empty() {
        found.push("Must not be empty".to_owned());
    }
    let matches = |part: &str| {
        Regex::new(pattern).and_then(|pattern| pattern.is_match(part)).unwrap_or(false)
    };
    let wrong = value.split(separator).find(|part| !matches(part));
    found.extend(wrong.map(|part| format!("{part} has an invalid format (expecting '{pattern}')")));
    found
}
