//! The options that Debezium's PostgreSQL connector 3.6 declares, in its order, with its checks and its words: what
//! `validate` and the plugin's definitions in REST are made of (`io.debezium.connector.postgresql.PostgresConnector`,
//! `config()` and `validate()`). What walbridge makes of an option is in [`super::options`].

mod connection;
mod connector;
mod event;

use std::sync::LazyLock;

use connect::config_def::{ConfigDef, ConfigKey, Default, Importance, Type};

use super::check::Check;

/// One declared option.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) key: ConfigKey,
    /// Besides that of its type.
    pub(super) checks: &'static [Check],
}

const fn field(key: ConfigKey, checks: &'static [Check]) -> Field {
    Field { key, checks }
}

const fn key(
    name: &'static str,
    kind: Type,
    default: Default,
    importance: Importance,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey::new(name, kind, default).documented(importance, documentation)
}

impl Field {
    /// The values that a form should offer.
    pub(super) fn recommended(&self) -> Vec<String> {
        let words = self.checks.iter().find_map(|check| match check {
            Check::OneOf(words) => Some(*words),
            _ => None,
        });
        words.unwrap_or_default().iter().map(|&word| word.to_owned()).collect()
    }

    /// Whether a form should show it: Debezium hides one of its filters.
    pub(super) fn visible(&self) -> bool {
        self.key.name != "schema.exclude.list"
    }
}

static KEYS: LazyLock<Vec<ConfigKey>> = LazyLock::new(|| fields().map(|field| field.key).collect());

/// The table as `connect` reads it.
pub(super) static CONFIG_DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef::new(&KEYS));

/// The table.
pub(super) fn fields() -> impl Iterator<Item = &'static Field> {
    connection::FIELDS.iter().chain(connector::FIELDS).chain(event::FIELDS)
}
