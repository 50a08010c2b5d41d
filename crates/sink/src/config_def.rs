//! Option tables: what an option is, how its text is parsed, and Kafka's words for what is wrong with it.
//!
//! One table per component ([`ConfigDef`]); `validate`, the REST definitions and the parsing are views of it.
//! Texts follow `org.apache.kafka.common.config.ConfigDef` of Kafka 4.3.

mod parse;

pub use parse::{ConfigError, Parsed};

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

impl Type {
    /// As REST shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// How much an option matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Most users set it.
    High,
    /// Some users set it.
    Medium,
    /// Few users set it.
    Low,
}

impl Importance {
    /// As REST shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// How wide a form's field for it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

impl Width {
    /// As REST shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Short => "SHORT",
            Self::Medium => "MEDIUM",
            Self::Long => "LONG",
        }
    }
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
    /// One of these texts exactly.
    OneOf(&'static [&'static str]),
    /// One of these texts, in any case.
    OneOfIgnoreCase(&'static [&'static str]),
    /// One of Debezium's words, in any case and with blanks around, in the order in which Debezium declares them.
    Enumerated(&'static [&'static str]),
    /// Given.
    NonNull,
    /// Not empty, if given.
    NonEmpty,
    /// Not empty and without control characters, if given.
    NonEmptyWithoutControl,
    /// A list without the same alias twice.
    UniqueAliases,
    /// A list with at least one item.
    NonEmptyList,
    /// A list without an empty item and without the same item twice; `empty`: it may have none.
    DistinctItems {
        /// Whether a list without items is fine.
        empty: bool,
    },
    /// A regular expression as Java reads it.
    Regex,
    /// The same, and not empty.
    NonEmptyRegex,
    /// Anything else: gets the option's name and value, answers what is wrong.
    Custom(fn(&str, &Parsed) -> Option<ConfigError>),
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
    /// What it must also satisfy once a class is made with it: Debezium's classes tell Connect of no check.
    pub start: Validator,
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
            start: Validator::Any,
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

    /// Without a group, but with a place and a form's field all the same.
    #[must_use]
    pub const fn shown(mut self, order: i32, width: Width, display_name: &'static str) -> Self {
        self.order = order;
        self.width = width;
        self.display_name = display_name;
        self
    }

    /// With options whose recommended values depend on it.
    #[must_use]
    pub const fn with_dependents(mut self, names: &'static [&'static str]) -> Self {
        self.dependents = names;
        self
    }

    /// With this validator.
    #[must_use]
    pub const fn checked(mut self, validator: Validator) -> Self {
        self.validator = validator;
        self
    }

    /// With this check when a class is made with it.
    #[must_use]
    pub const fn started(mut self, validator: Validator) -> Self {
        self.start = validator;
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

    /// Parses one option, its default if it is not given.
    ///
    /// # Errors
    /// Kafka's text if it is required and missing, cannot be parsed, or is refused by its validator.
    pub fn parse(&self, name: &str, given: Option<&str>) -> Result<Parsed, ConfigError> {
        let key = self.key(name).ok_or_else(|| ConfigError::Undefined(name.to_owned()))?;
        let (value, errors) = key.evaluate(key.name, key.name, given);
        match errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}
