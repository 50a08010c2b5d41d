//! Option tables: what an option is, how its text is parsed, and Kafka's words for what is wrong with it.
//!
//! One table per component ([`ConfigDef`]); `validate`, the REST definitions and the parsing are views of it.
//! Texts follow `org.apache.kafka.common.config.ConfigDef` of Kafka 4.3.

mod parse;
pub(crate) mod source;

use serde::Serialize;

pub use parse::{ConfigError, Parsed};

use crate::connector::Properties;

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text; surrounding blanks do not count.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Importance {
    /// Most users set it.
    High,
    /// Some users set it.
    Medium,
    /// Few users set it.
    Low,
}

/// How wide a form's field for it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Width {
    /// Not said.
    None,
    /// A word.
    Short,
    /// A few words.
    Medium,
    /// A line.
    Long,
}

/// What holds if an option is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// It must be given.
    Required,
    /// Nothing.
    Null,
    /// This text, as if the user had written it.
    Text(&'static str),
}

/// What a parsed value must also satisfy.
#[derive(Debug, Clone, Copy)]
pub enum Validator {
    /// Nothing.
    Any,
    /// A number that is at least this.
    AtLeast(i64),
    /// A number within these bounds, both included.
    Between(i64, i64),
    /// One of these texts exactly.
    OneOf(&'static [&'static str]),
    /// One of these texts, in any case.
    OneOfIgnoreCase(&'static [&'static str]),
    /// Not empty, if given.
    NonEmpty,
    /// Not empty and without control characters, if given.
    NonEmptyWithoutControl,
    /// A list without the same alias twice.
    UniqueAliases,
    /// Anything else: gets the option's name and value, answers Kafka's text without the leading
    /// `Invalid value … for configuration …: `, or nothing.
    Custom(fn(&str, &Parsed) -> Option<String>),
}

/// One option of a component.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// As in a configuration.
    pub name: &'static str,
    /// How its text is read.
    pub kind: Type,
    /// What holds without it.
    pub default: Default,
    /// How much it matters.
    pub importance: Importance,
    /// What it does.
    pub documentation: &'static str,
    /// Its group in a form, if it has one.
    pub group: Option<&'static str>,
    /// Its place in that group; −1 without a group.
    pub order: i32,
    /// The width of its field.
    pub width: Width,
    /// Its name in a form.
    pub display_name: &'static str,
    /// Options whose recommended values depend on it.
    pub dependents: &'static [&'static str],
    /// What its value must satisfy.
    pub validator: Validator,
    /// The values that a form should offer.
    pub recommended: &'static [&'static str],
}

impl ConfigKey {
    /// An option without group, of low importance. The other methods refine it, so that tables stay one
    /// expression per option.
    #[must_use]
    pub const fn new(name: &'static str, kind: Type, default: Default) -> Self {
        Self {
            name,
            kind,
            default,
            importance: Importance::Low,
            documentation: "",
            group: None,
            order: -1,
            width: Width::None,
            display_name: name,
            dependents: &[],
            validator: Validator::Any,
            recommended: &[],
        }
    }

    /// With this importance and documentation.
    #[must_use]
    pub const fn documented(mut self, importance: Importance, documentation: &'static str) -> Self {
        self.importance = importance;
        self.documentation = documentation;
        self
    }

    /// In `group` at `order`, `width` wide, called `display_name`.
    #[must_use]
    pub const fn placed(
        mut self,
        group: &'static str,
        order: i32,
        width: Width,
        display_name: &'static str,
    ) -> Self {
        self.group = Some(group);
        self.order = order;
        self.width = width;
        self.display_name = display_name;
        self
    }

    /// With this validator.
    #[must_use]
    pub const fn checked(mut self, validator: Validator) -> Self {
        self.validator = validator;
        self
    }

    /// With these recommended values.
    #[must_use]
    pub const fn recommending(mut self, values: &'static [&'static str]) -> Self {
        self.recommended = values;
        self
    }

    /// With these dependents.
    #[must_use]
    pub const fn with_dependents(mut self, names: &'static [&'static str]) -> Self {
        self.dependents = names;
        self
    }
}

/// Every option of a component.
#[derive(Debug, Clone, Copy)]
pub struct ConfigDef {
    /// In the order in which they are shown.
    pub keys: &'static [ConfigKey],
}

impl ConfigDef {
    /// A table of these options.
    #[must_use]
    pub const fn new(keys: &'static [ConfigKey]) -> Self {
        Self { keys }
    }

    /// The option called `name`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Parses and checks every option, as Kafka's `ConfigDef.validate` does: one value per option, in the
    /// table's order, errors attached.
    #[must_use]
    pub fn validate(&self, config: &Properties) -> Vec<ConfigValue> {
        let value =
            |key: &ConfigKey| key.validate(key.name, config.get(key.name).map(String::as_str));
        self.keys.iter().map(value).collect()
    }

    /// Parses one option, its default if it is not given.
    ///
    /// # Errors
    /// Kafka's text if it is required and missing, cannot be parsed, or is refused by its validator.
    pub fn parse(&self, name: &str, config: &Properties) -> Result<Parsed, ConfigError> {
        let key = self.key(name).ok_or_else(|| ConfigError::Undefined(name.to_owned()))?;
        let (value, errors) = key.evaluate(key.name, config.get(name).map(String::as_str));
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}

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
}

/// What `/connector-plugins/…/config` and `validate` show of an option, in Kafka 4.3's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Definition {
    /// The option, with the prefix under which a connector configures it.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether it must be given.
    pub required: bool,
    /// Its default as text.
    pub default_value: Option<String>,
    /// Its importance.
    pub importance: Importance,
    /// What it does.
    pub documentation: String,
    /// Its group.
    pub group: Option<String>,
    /// Its place in the group.
    pub order_in_group: i32,
    /// Its width.
    pub width: Width,
    /// Its name in a form.
    pub display_name: String,
    /// What depends on it.
    pub dependents: Vec<String>,
}

impl From<&ConfigKey> for Definition {
    fn from(key: &ConfigKey) -> Self {
        Self {
            name: key.name.to_owned(),
            kind: key.kind,
            required: key.default == Default::Required,
            default_value: match key.default {
                Default::Text(text) if key.kind == Type::Password => {
                    Some(parse::shown_password(text).to_owned())
                }
                Default::Text(text) => Some(text.to_owned()),
                Default::Required | Default::Null => None,
            },
            importance: key.importance,
            documentation: key.documentation.to_owned(),
            group: key.group.map(str::to_owned),
            order_in_group: key.order,
            width: key.width,
            display_name: key.display_name.to_owned(),
            dependents: key.dependents.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod test;
