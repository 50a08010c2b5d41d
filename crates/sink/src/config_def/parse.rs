//! From an option's text to its value, and Kafka's words for what cannot be one.

use super::{ConfigKey, Default, Type, Validator};
use crate::{java_map, java_regex};

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// Not given, and no default; or not readable.
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// STRING.
    String(String),
    /// INT.
    Int(i32),
    /// SHORT.
    Short(i16),
    /// LONG.
    Long(i64),
    /// DOUBLE.
    Double(f64),
    /// LIST.
    List(Vec<String>),
    /// CLASS: the name as given.
    Class(String),
    /// PASSWORD: in clear.
    Password(String),
}

/// Why an option's text is refused, in Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Required and not given.
    #[error("Missing required configuration \"{0}\" which has no default value.")]
    Missing(String),
    /// Not of the type, or refused by the validator.
    #[error("Invalid value {value} for configuration {name}{}{reason}", if .reason.is_empty() { "" } else { ": " })]
    Invalid {
        /// The option.
        name: String,
        /// Its value as Java prints it.
        value: String,
        /// Kafka's reason, if it has one.
        reason: String,
    },
    /// Refused by a validator in words of its own.
    #[error("{0}")]
    Refused(String),
    /// Asked for an option that the table does not have: a mistake of the program.
    #[error("Unknown configuration '{0}'")]
    Undefined(String),
}

/// How a password is shown.
const HIDDEN: &str = "[hidden]";

impl Parsed {
    /// As `validate` shows it: lists joined with commas, passwords hidden.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::String(text) | Self::Class(text) => Some(text.clone()),
            Self::Int(value) => Some(value.to_string()),
            Self::Short(value) => Some(value.to_string()),
            Self::Long(value) => Some(value.to_string()),
            Self::Double(value) => Some(java_double(*value)),
            Self::List(items) => Some(items.join(",")),
            Self::Password(_) => Some(HIDDEN.to_owned()),
        }
    }

    fn is_among(&self, words: &[&str]) -> bool {
        matches!(self, Self::String(text) if words.iter().any(|word| word.eq_ignore_ascii_case(text)))
    }

    fn is_empty_text(&self) -> bool {
        matches!(self, Self::String(text) if text.is_empty())
    }

    fn has_repeated_item(&self) -> bool {
        let Self::List(items) = self else { return false };
        items
            .iter()
            .enumerate()
            .any(|(at, item)| items.iter().take(at).any(|earlier| earlier == item))
    }

    /// As Java prints it within an error.
    #[must_use]
    pub fn in_error(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::List(items) => format!("[{}]", items.join(", ")),
            other => other.shown().unwrap_or_default(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(f64::from(*value)),
            Self::Short(value) => Some(f64::from(*value)),
            // Bounds in option tables are far below 2^53, where this is exact.
            Self::Long(value) => value.to_string().parse().ok(),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }
}

/// `Double.toString` for the magnitudes that options have.
fn java_double(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.1}") } else { value.to_string() }
}

impl ConfigKey {
    /// The value and all errors of the option called `name`, which may carry a prefix; validators call it
    /// `bare`. A text that does not parse is checked again as null, as Kafka does.
    #[must_use]
    pub fn evaluate(
        &self,
        name: &str,
        bare: &str,
        text: Option<&str>,
    ) -> (Parsed, Vec<ConfigError>) {
        let mut errors = Vec::new();
        let text = match (text, self.default) {
            (Some(text), _) | (None, Default::Text(text)) => Some(text),
            (None, Default::Null) => None,
            (None, Default::Required) => {
                errors.push(ConfigError::Missing(name.to_owned()));
                None
            }
        };
        let value = text.map_or(Ok(Parsed::Null), |text| self.kind.parse(name, text));
        let value = value.unwrap_or_else(|error| {
            errors.push(error);
            Parsed::Null
        });
        errors.extend(self.validator.refusal(bare, &value));
        (value, errors)
    }
}

impl Type {
    /// Reads `text` as a value of this type.
    ///
    /// # Errors
    /// Kafka's text, which holds `name` and the text.
    pub fn parse(self, name: &str, text: &str) -> Result<Parsed, ConfigError> {
        let trimmed = text.trim_matches(|letter| letter <= ' ');
        let invalid = |reason: &str| ConfigError::Invalid {
            name: name.to_owned(),
            value: text.to_owned(),
            reason: reason.to_owned(),
        };
        let number = |kind: &str| invalid(&format!("Not a number of type {kind}"));
        match self {
            Self::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Parsed::Boolean(true)),
            Self::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Parsed::Boolean(false)),
            Self::Boolean => Err(invalid("Expected value to be either true or false")),
            Self::String => Ok(Parsed::String(trimmed.to_owned())),
            Self::Int => trimmed.parse().map(Parsed::Int).map_err(|_not| number("INT")),
            Self::Short => trimmed.parse().map(Parsed::Short).map_err(|_not| number("SHORT")),
            Self::Long => trimmed.parse().map(Parsed::Long).map_err(|_not| number("LONG")),
            Self::Double => trimmed.parse().map(Parsed::Double).map_err(|_not| number("DOUBLE")),
            Self::List if trimmed.is_empty() => Ok(Parsed::List(Vec::new())),
            Self::List => {
                Ok(Parsed::List(trimmed.split(',').map(|item| item.trim().to_owned()).collect()))
            }
            Self::Class => Ok(Parsed::Class(trimmed.to_owned())),
            Self::Password => Ok(Parsed::Password(trimmed.to_owned())),
        }
    }
}

impl Validator {
    /// Why `value` is refused, if it is.
    pub(crate) fn refusal(&self, name: &str, value: &Parsed) -> Option<ConfigError> {
        let invalid = |reason: String| ConfigError::Invalid {
            name: name.to_owned(),
            value: value.in_error(),
            reason,
        };
        let reason = match self {
            Self::Any => None,
            Self::DistinctItems { empty } => {
                return distinct(name, value, *empty).map(ConfigError::Refused);
            }
            Self::Custom(check) => return check(name, value),
            Self::AtLeast(_) if *value == Parsed::Null => Some("Value must be non-null".to_owned()),
            Self::AtLeast(least) => at_least(value, *least),
            Self::OneOf(allowed) => {
                let known =
                    matches!(value, Parsed::String(text) if allowed.contains(&text.as_str()));
                (!known).then(|| format!("String must be one of: {}", allowed.join(", ")))
            }
            Self::OneOfIgnoreCase(allowed) => (!value.is_among(allowed)).then(|| {
                format!("String must be one of (case insensitive): {}", allowed.join(", "))
            }),
            Self::Enumerated(words) => (!value.is_among(words))
                .then(|| format!("Value must be one of {}", java_map::set_order(words).join(", "))),
            Self::NonNull => (*value == Parsed::Null).then(|| "entry must be non null".to_owned()),
            Self::NonEmpty => value.is_empty_text().then(|| "String must be non-empty".to_owned()),
            Self::NonEmptyWithoutControl => match value {
                Parsed::String(text) => control_characters(text),
                _ => None,
            },
            Self::UniqueAliases => {
                value.has_repeated_item().then(|| "Duplicate alias provided.".to_owned())
            }
            Self::NonEmptyList => {
                let some = matches!(value, Parsed::List(items) if !items.is_empty());
                (!some).then(|| "Empty list".to_owned())
            }
            Self::NonEmptyRegex if value.is_empty_text() => {
                Some("String must be non-empty".to_owned())
            }
            Self::Regex | Self::NonEmptyRegex => match value {
                Parsed::String(text) => {
                    java_regex::translate(text).err().map(|error| format!("Invalid regex: {error}"))
                }
                // Connect shows the text of a NullPointerException here.
                _ => Some("Invalid regex: a regular expression is required".to_owned()),
            },
        };
        reason.map(invalid)
    }
}

/// What `ConfigDef.ValidList` says: it does not show the value.
fn distinct(name: &str, value: &Parsed, may_be_empty: bool) -> Option<String> {
    let Parsed::List(items) = value else {
        return Some(format!("Configuration '{name}' values must not be null."));
    };
    if items.is_empty() {
        let text = "must not be empty. Valid values include: any non-empty value";
        return (!may_be_empty).then(|| format!("Configuration '{name}' {text}"));
    }
    if value.has_repeated_item() {
        return Some(format!("Configuration '{name}' values must not be duplicated."));
    }
    let blank = items.iter().any(String::is_empty);
    blank.then(|| format!("Configuration '{name}' values must not be empty."))
}

fn at_least(value: &Parsed, least: i64) -> Option<String> {
    let below =
        value.number().zip(Parsed::Long(least).number()).is_some_and(|(v, least)| v < least);
    below.then(|| format!("Value must be at least {least}"))
}

/// Java's `Character.isISOControl` characters, listed by code.
fn control_characters(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("String may not be empty".to_owned());
    }
    let codes: Vec<String> = text
        .chars()
        .map(u32::from)
        .filter(|code| *code <= 0x1f || (0x7f..=0x9f).contains(code))
        .map(|code| code.to_string())
        .collect();
    let text = "String may not contain control sequences but had the following ASCII chars";
    (!codes.is_empty()).then(|| format!("{text}: {}", codes.join(", ")))
}
