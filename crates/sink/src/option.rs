//! How a converter, transform or predicate reads its options: the table is its [`Component`]'s, which `validate` and
//! REST's plugin configuration show as well.

use crate::component::Component;
use crate::config_def::Default;
use crate::error::{Error, Result};

/// The options that a configuration gives a class, judged by the class's table.
pub struct Options<'a> {
    get: &'a dyn Fn(&str) -> Option<&'a str>,
    component: &'static Component,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("class", &self.component.class).finish_non_exhaustive()
    }
}

impl<'a> Options<'a> {
    /// Judges all options of the class.
    ///
    /// # Errors
    ///
    /// The first that is missing or does not pass, in Kafka's words.
    pub fn new(
        get: &'a dyn Fn(&str) -> Option<&'a str>,
        component: &'static Component,
    ) -> Result<Self> {
        for key in component.keys() {
            let (value, errors) = key.evaluate(key.name, key.name, get(key.name));
            let refusal = errors.into_iter().next();
            if let Some(refusal) = refusal.or_else(|| key.start.refusal(key.name, &value)) {
                return Err(Error::config(refusal.to_string()));
            }
        }
        Ok(Self { get, component })
    }

    /// The option's text, or its default; `None` where it has neither.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let option = self.component.keys().find(|option| option.name == name);
        debug_assert!(option.is_some(), "{name} is in the table");
        (self.get)(name).map(str::trim).or(match option?.default {
            Default::Text(text) => Some(text),
            Default::Null | Default::Required => None,
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
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Kind, find};

    fn error(class: &str, pairs: &'static [(&'static str, &'static str)]) -> String {
        let get = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        let found = find(class, Kind::Transformation).unwrap();
        Options::new(&get, found).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(
            error("DropHeaders", &[]),
            "Missing required configuration \"headers\" which has no default value."
        );
        assert_eq!(
            error(
                "ByLogicalTableRouter",
                &[
                    ("topic.regex", "a"),
                    ("topic.replacement", "b"),
                    ("key.enforce.uniqueness", "yes")
                ]
            ),
            "Invalid value yes for configuration key.enforce.uniqueness: Expected value to be either true or false"
        );
    }

    #[test]
    fn what_debezium_checks_late_is_refused_when_a_class_is_made() {
        assert_eq!(
            error("HeaderToValue", &[("headers", "a"), ("fields", "b"), ("operation", "steal")]),
            "Invalid value steal for configuration operation: String must be one of (case insensitive): move, copy"
        );
    }

    #[test]
    fn defaults_stand_in() {
        let get = |key: &str| (key == "topic.format").then_some(" x ");
        let found = find("TimestampRouter", Kind::Transformation).unwrap();
        let options = Options::new(&get, found).unwrap();
        assert_eq!(options.text("topic.format"), Some("x"));
        assert_eq!(options.text("timestamp.format"), Some("yyyyMMdd"));
    }
}
