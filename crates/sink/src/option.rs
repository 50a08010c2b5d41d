//! Options of converters, transforms and predicates: a table per class, and how a class reads its own.
//!
//! The tables stand next to the classes. Whatever shows or judges options (REST's plugin configuration, `validate`,
//! the manual) is a view of them.

use crate::error::{Error, Result};

/// The type of an option, as in Kafka's `ConfigDef.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text.
    String,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    Long,
    /// 64-bit floating point.
    Double,
    /// Comma separated.
    List,
    /// A class name.
    Class,
    /// Text that is never shown.
    Password,
}

/// How much an option matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Most users set it.
    High,
    /// Some users set it.
    Medium,
    /// Few users set it.
    Low,
}

/// What holds if an option is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// It must be given.
    Required,
    /// Nothing.
    Null,
    /// This text, as if the user had written it.
    Text(&'static str),
}

/// What a value must satisfy beyond its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Nothing.
    Any,
    /// One of these texts exactly.
    OneOf(&'static [&'static str]),
    /// One of these texts, in any case.
    OneOfIgnoreCase(&'static [&'static str]),
    /// Not empty.
    NonEmpty,
    /// A list that is not empty.
    NonEmptyList,
    /// A regular expression of Java.
    Regex,
    /// A number that is at least this.
    AtLeast(i64),
}

/// One option of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name, without the prefix that the configuration gives it.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// What holds without it.
    pub fallback: Fallback,
    /// What its value must satisfy.
    pub check: Check,
    /// How much it matters.
    pub importance: Importance,
    /// What it does.
    pub documentation: &'static str,
}

impl Definition {
    /// An optional option of low importance; the other methods refine it.
    #[must_use]
    pub const fn new(name: &'static str, kind: Type, documentation: &'static str) -> Self {
        let (fallback, check, importance) = (Fallback::Null, Check::Any, Importance::Low);
        Self { name, kind, fallback, check, importance, documentation }
    }

    /// The same, with that default.
    #[must_use]
    pub const fn or(mut self, text: &'static str) -> Self {
        self.fallback = Fallback::Text(text);
        self
    }

    /// The same, but it must be given.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.fallback = Fallback::Required;
        self
    }

    /// The same, with that check.
    #[must_use]
    pub const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// The same, of that importance.
    #[must_use]
    pub const fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// The same, of medium importance.
    #[must_use]
    pub const fn medium(self) -> Self {
        self.importance(Importance::Medium)
    }

    /// The same, of high importance.
    #[must_use]
    pub const fn high(self) -> Self {
        self.importance(Importance::High)
    }

    /// What is wrong with a value, in Kafka's words without the leading `Invalid value … for configuration …: `.
    #[must_use]
    pub fn problem(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let number =
            |kind: &str, reads: bool| (!reads).then(|| format!("Not a number of type {kind}"));
        let typed = match self.kind {
            Type::Boolean => parse_flag(text)
                .is_none()
                .then(|| "Expected value to be either true or false".to_owned()),
            Type::Int => number("INT", text.parse::<i32>().is_ok()),
            Type::Long => number("LONG", text.parse::<i64>().is_ok()),
            Type::Double => number("DOUBLE", text.parse::<f64>().is_ok()),
            Type::String | Type::List | Type::Class | Type::Password => None,
        };
        typed.or_else(|| self.check.problem(text))
    }
}

impl Check {
    fn problem(self, text: &str) -> Option<String> {
        match self {
            Self::Any => None,
            Self::OneOf(words) => (!words.contains(&text))
                .then(|| format!("String must be one of: {}", words.join(", "))),
            Self::OneOfIgnoreCase(words) => {
                let known = words.iter().any(|word| word.eq_ignore_ascii_case(text));
                let all = || words.join(", ");
                (!known).then(|| format!("String must be one of (case insensitive): {}", all()))
            }
            Self::NonEmpty => text.is_empty().then(|| "String must be non-empty".to_owned()),
            Self::NonEmptyList => text.is_empty().then(|| "Empty list".to_owned()),
            Self::Regex => {
                fancy_regex::Regex::new(text).err().map(|error| format!("Invalid regex: {error}"))
            }
            Self::AtLeast(least) => text
                .parse::<i64>()
                .is_ok_and(|number| number < least)
                .then(|| format!("Value must be at least {least}")),
        }
    }
}

fn parse_flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The options that a configuration gives a class, judged by the class's table.
pub struct Options<'a> {
    get: &'a dyn Fn(&str) -> Option<&'a str>,
    table: &'static [Definition],
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("table", &self.table.len()).finish_non_exhaustive()
    }
}

impl<'a> Options<'a> {
    /// Judges all options of the table.
    ///
    /// # Errors
    ///
    /// The first that is missing or does not pass, in Kafka's words.
    pub fn new(
        get: &'a dyn Fn(&str) -> Option<&'a str>,
        table: &'static [Definition],
    ) -> Result<Self> {
        for option in table {
            match (get(option.name), option.fallback) {
                (Some(text), _) => {
                    if let Some(problem) = option.problem(text) {
                        let shown = if option.kind == Type::Password { "[hidden]" } else { text };
                        return Err(Error::config(format!(
                            "Invalid value {shown} for configuration {}: {problem}",
                            option.name
                        )));
                    }
                }
                (None, Fallback::Required) => {
                    return Err(Error::config(format!(
                        "Missing required configuration \"{}\" which has no default value.",
                        option.name
                    )));
                }
                (None, _) => {}
            }
        }
        Ok(Self { get, table })
    }

    /// The option's text, or its default; `None` where it has neither.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let option = self.table.iter().find(|option| option.name == name);
        debug_assert!(option.is_some(), "{name} is in the table");
        (self.get)(name).map(str::trim).or(match option?.fallback {
            Fallback::Text(text) => Some(text),
            Fallback::Null | Fallback::Required => None,
        })
    }

    /// A text that stands for something: an empty one is none.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Of a BOOLEAN.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).and_then(parse_flag).unwrap_or(false)
    }

    /// Of an INT or LONG.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// Of a LIST: its items, trimmed.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&'a str> {
        let text = self.text(name).unwrap_or_default();
        if text.is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() }
    }

    /// Of a class that has options of its own behind a further prefix, or of options that no table has.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        (self.get)(name)
    }
}

/// A class that a configuration can name.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// Its full Java name.
    pub name: &'static str,
    /// Its options.
    pub options: &'static [Definition],
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Definition] = &[
        Definition::new("name", Type::String, "").required(),
        Definition::new("flag", Type::Boolean, "").or("true"),
        Definition::new("list", Type::List, ""),
        Definition::new("secret", Type::Password, "").check(Check::OneOf(&["a"])),
    ];

    fn error(pairs: &'static [(&'static str, &'static str)]) -> String {
        let get = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        Options::new(&get, TABLE).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is() {
        assert_eq!(
            error(&[]),
            "Missing required configuration \"name\" which has no default value."
        );
        assert_eq!(
            error(&[("name", "x"), ("flag", "yes")]),
            "Invalid value yes for configuration flag: Expected value to be either true or false"
        );
        assert!(!error(&[("name", "x"), ("secret", "hunter2")]).contains("hunter2"));
    }

    #[test]
    fn defaults_stand_in() {
        let get = |key: &str| (key == "name").then_some(" x ");
        let options = Options::new(&get, TABLE).unwrap();
        assert_eq!(options.text("name"), Some("x"));
        assert!(options.flag("flag"));
        assert!(options.list("list").is_empty());
    }
}
