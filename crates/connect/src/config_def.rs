//! What REST shows of option tables, and the tables of the worker's own options.

pub(crate) mod framework;

use serde::Serialize;

pub use sink::config_def::{
    ConfigDef, ConfigError, ConfigKey, Default, Importance, Parsed, Type, Validator, Width,
};

/// What `validate` says about one option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigValue {
    /// The option.
    pub name: String,
    /// Its value as text; none for what cannot be parsed.
    pub value: Option<String>,
    /// What a form should offer.
    pub recommended_values: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// Whether a form should show it.
    pub visible: bool,
}

impl ConfigValue {
    /// A visible value without errors.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Option<String>) -> Self {
        let name = name.into();
        Self { name, value, recommended_values: Vec::new(), errors: Vec::new(), visible: true }
    }

    /// The value of the option called `name`, which may carry a prefix that validators do not see.
    #[must_use]
    pub fn of(key: &ConfigKey, name: &str, text: Option<&str>) -> Self {
        let (value, errors) = key.evaluate(name, key.name, text);
        let errors = errors.iter().map(ToString::to_string).collect();
        Self { errors, ..Self::new(name, value.shown()) }
    }
}

/// What `/connector-plugins/…/config` and `validate` show of an option, in Kafka 4.3's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Definition {
    /// The option, with the prefix under which a connector configures it.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Its default as text.
    pub default_value: Option<String>,
    /// Its importance.
    pub importance: &'static str,
    /// What it does.
    pub documentation: String,
    /// Its group.
    pub group: Option<String>,
    /// Its place in the group.
    pub order_in_group: i32,
    /// Its width.
    pub width: &'static str,
    /// Its name in a form.
    pub display_name: String,
    /// What depends on it.
    pub dependents: Vec<String>,
}

impl From<&ConfigKey> for Definition {
    fn from(key: &ConfigKey) -> Self {
        Self {
            name: key.name.to_owned(),
            kind: key.kind.name(),
            required: key.default == Default::Required,
            default_value: match key.default {
                Default::Text(_) if key.kind == Type::Password => Some("[hidden]".to_owned()),
                Default::Text(text) => Some(text.to_owned()),
                Default::Required | Default::Null => None,
            },
            importance: key.importance.name(),
            documentation: key.documentation.to_owned(),
            group: key.group.map(str::to_owned),
            order_in_group: key.order,
            width: key.width.name(),
            display_name: key.display_name.to_owned(),
            dependents: key.dependents.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl Definition {
    /// The same option below a prefix.
    #[must_use]
    pub fn prefixed(key: &ConfigKey, prefix: &str) -> Self {
        Self { name: format!("{prefix}{}", key.name), ..Self::from(key) }
    }
}

#[cfg(test)]
mod tests;
