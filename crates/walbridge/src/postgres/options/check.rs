//! What a value must be, and Debezium's words where it is not.

use connect::Properties;
use connect::config_def::{Default, Type};
use connect::java_map;
use fancy_regex::Regex;
use sink::java_regex;

use super::PostgresOption;
use crate::postgres::settings::{skipped_operations, split_list};

/// What a value must be beyond being of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Check {
    /// Nothing.
    Any,
    /// There, and not blank.
    Required,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Zero or more.
    NonNegative,
    /// One or more.
    Positive,
    /// Zero or more, of 64 bits.
    NonNegativeLong,
    /// One or more, of 64 bits.
    PositiveLong,
    /// One of these words, in any case; in the order in which Debezium declares them.
    OneOf(&'static [&'static str]),
    /// A comma-separated list of regular expressions.
    Patterns,
    /// `topic.prefix`: there; letters, digits, `_`, `.`, `-`.
    Prefix,
    /// `database.hostname`: the same.
    Host,
    /// A replication slot's name.
    Slot,
    /// `skipped.operations`.
    Operations,
    /// `message.key.columns`.
    Keys,
    /// `replica.identity.autoset.values`.
    Identities,
    /// `max.queue.size`: positive, and more than `max.batch.size`.
    Queue,
    /// `….custom.name`: there if the mode is custom.
    Custom,
}

/// An entry of `message.key.columns`; shown to the user where one does not match.
const KEY_ENTRY: &str = r"^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$";

/// An entry of `replica.identity.autoset.values`; the same.
const IDENTITY_ENTRY: &str = r"(?i)^\s*(?<tablepredicate>[^\s:]+):(?<replicaidentity>DEFAULT|(INDEX) (?<indexname>.\w*)|FULL|NOTHING)\s*$";

const BOOLEAN: &str = "Either 'true' or 'false' is expected";
const INTEGER: &str = "An integer is expected";
const REQUIRED: &str = "A value is required";

/// What is wrong with the option's value in that configuration: the type's complaint, then the check's own.
pub(in crate::postgres) fn problems(option: &PostgresOption, config: &Properties) -> Vec<String> {
    if !option.declared {
        return Vec::new();
    }
    let name = option.key.name;
    let default = match option.key.default {
        Default::Text(default) => Some(default),
        Default::Required | Default::Null => None,
    };
    let given = config.get(name).map(String::as_str);
    let value = given.or(default);
    let kind = given.and_then(|value| of_type(option.key.kind, value));
    kind.map(ToOwned::to_owned).into_iter().chain(own(option.check, name, value, config)).collect()
}

/// Not for classes, whose names Debezium does not look at here.
fn of_type(kind: Type, value: &str) -> Option<&'static str> {
    let value = value.trim();
    match kind {
        Type::Boolean => (!is_boolean(value)).then_some(BOOLEAN),
        Type::Int => value.parse::<i32>().is_err().then_some(INTEGER),
        Type::Short => value.parse::<i16>().is_err().then_some("A short value is expected"),
        Type::Long => value.parse::<i64>().is_err().then_some("A long value is expected"),
        Type::Double => value.parse::<f64>().is_err().then_some("A double value is expected"),
        Type::String | Type::List | Type::Class | Type::Password => None,
    }
}

fn is_boolean(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("true") || value.trim().eq_ignore_ascii_case("false")
}

fn own(check: Check, name: &str, value: Option<&str>, config: &Properties) -> Vec<String> {
    let blank = value.is_none_or(|value| value.trim().is_empty());
    let required = || blank.then(|| REQUIRED.to_owned());
    let one: Option<String> = match (check, value) {
        (Check::Prefix, _) => {
            let form = value.and_then(prefix_form);
            return required().into_iter().chain(form).collect();
        }
        (Check::Queue, Some(value)) => return queue(value, config),
        (Check::Required, _) => required(),
        // A directory is our addition: the server's Unix socket.
        (Check::Host, Some(value)) if value.starts_with('/') => None,
        (Check::Host, _) => required().or_else(|| prefix_form(value?)),
        (Check::Custom, _) => custom(name, blank, config),
        (Check::Any, _) | (_, None) => None,
        (check, Some(value)) => check.problem(value),
    };
    one.into_iter().collect()
}

fn queue(value: &str, config: &Properties) -> Vec<String> {
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<i64>().ok());
    let size = number(Some(value)).unwrap_or(0);
    let batch = number(config.get("max.batch.size").map(String::as_str)).unwrap_or(2048);
    let positive = (size <= 0).then(|| "A positive queue size is required".to_owned());
    let larger = (size <= batch).then(|| "Must be larger than the maximum batch size".to_owned());
    positive.into_iter().chain(larger).collect()
}

/// `snapshot.locking.mode.custom.name` goes with `snapshot.locking.mode`.
fn custom(name: &str, blank: bool, config: &Properties) -> Option<String> {
    let mode = name.strip_suffix(".custom.name")?;
    let is_custom =
        config.get(mode).is_some_and(|value| value.trim().eq_ignore_ascii_case("custom"));
    (is_custom && blank).then(|| format!("{name} cannot be empty when {mode} 'custom' is defined"))
}

fn prefix_form(value: &str) -> Option<String> {
    let fits = !value.is_empty()
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    (!fits).then(|| {
        format!(
            "{value} has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)"
        )
    })
}

impl Check {
    fn problem(self, value: &str) -> Option<String> {
        let trimmed = value.trim();
        let int = trimmed.parse::<i32>().ok();
        let long = trimmed.parse::<i64>().ok();
        let say = |wrong: bool, text: &str| wrong.then(|| text.to_owned());
        match self {
            Self::Boolean => say(!is_boolean(value), BOOLEAN),
            Self::Integer => say(int.is_none(), INTEGER),
            Self::NonNegative => {
                say(int.is_none_or(|n| n < 0), "An non-negative integer is expected")
            }
            Self::Positive => {
                say(long.is_none_or(|n| n <= 0), "A positive, non-zero integer value is expected")
            }
            Self::NonNegativeLong => {
                say(long.is_none_or(|n| n < 0), "A non-negative long value is expected")
            }
            Self::PositiveLong => {
                say(long.is_none_or(|n| n <= 0), "A positive, non-zero long value is expected")
            }
            Self::OneOf(words) => {
                let known = words.iter().any(|word| word.eq_ignore_ascii_case(trimmed));
                (!known).then(|| format!("Value must be one of {}", in_java_order(words)))
            }
            Self::Patterns => split_list(value).iter().find_map(|pattern| {
                let error = java_regex::translate(pattern).err()?;
                Some(format!(
                    "A comma-separated list of valid regular expressions is expected, but {error}"
                ))
            }),
            Self::Slot => {
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let fits = !value.is_empty() && value.len() <= 63 && value.chars().all(fits);
                say(
                    !fits,
                    "Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63",
                )
            }
            Self::Operations => skipped_operations(Some(value)).err(),
            Self::Keys => entries(value, ';', KEY_ENTRY),
            Self::Identities => entries(value, ',', IDENTITY_ENTRY),
            Self::Any | Self::Required | Self::Prefix | Self::Host | Self::Queue | Self::Custom => {
                None
            }
        }
    }
}

/// The first entry that does not match. `form` is the same to Java and here.
fn entries(value: &str, separator: char, form: &str) -> Option<String> {
    let regex = Regex::new(form).ok()?;
    let wrong = value.split(separator).find(|entry| !regex.is_match(entry).unwrap_or(false))?;
    Some(format!("{wrong} has an invalid format (expecting '{form}')"))
}

/// As Java's `HashSet` lists them.
fn in_java_order(words: &[&str]) -> String {
    let words: Properties = words.iter().map(|word| ((*word).to_owned(), String::new())).collect();
    java_map::hash_order(words).into_keys().collect::<Vec<_>>().join(", ")
}
