//! Every option of the connector, in one table: name, type, default, check, importance, documentation, and what
//! walbridge does with it. `docs/configuration.md` is written from it.
//!
//! Names, defaults, groups and the words of a failed check are those of Debezium's PostgreSQL connector 3.6
//! (`io.debezium.config.Field`). A check has two parts, as there: that of the type, then the option's own; so some
//! mistakes are told twice.

mod check;
mod connector;
#[cfg(test)]
mod document;
mod event;
mod server;
mod undeclared;

use std::sync::LazyLock;

use connect::Properties;
use connect::config_def::{ConfigDef, ConfigKey, Default, Importance, Type, Width};

use check::Check;

/// What walbridge does with an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// What Debezium does.
    Same,
    /// Something else, and why.
    Different(&'static str),
    /// Nothing, and why: accepted, and said once in the log.
    NotApplicable(&'static str),
    /// Not yet: any other value than the default is refused, since ignoring it would change what is captured.
    Refused,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostgresOption {
    pub(super) key: ConfigKey,
    /// Besides that of its type.
    checks: &'static [Check],
    pub(super) handling: Handling,
    /// Whether `validate` shows and checks it.
    pub(super) declared: bool,
}

const fn declared(
    name: &'static str,
    kind: Type,
    default: Default,
    documentation: &'static str,
) -> PostgresOption {
    let key = ConfigKey::new(name, kind, default).documented(Importance::Medium, documentation);
    PostgresOption { key, checks: &[], handling: Handling::Same, declared: true }
}

impl PostgresOption {
    const fn shown(
        mut self,
        importance: Importance,
        order: i32,
        width: Width,
        display_name: &'static str,
    ) -> Self {
        self.key.importance = importance;
        self.key.order = order;
        self.key.width = width;
        self.key.display_name = display_name;
        self
    }

    const fn in_group(mut self, group: &'static str) -> Self {
        self.key.group = Some(group);
        self
    }

    const fn with_dependents(mut self, names: &'static [&'static str]) -> Self {
        self.key.dependents = names;
        self
    }

    const fn checked(mut self, checks: &'static [Check]) -> Self {
        self.checks = checks;
        self
    }

    const fn different(mut self, why: &'static str) -> Self {
        self.handling = Handling::Different(why);
        self
    }

    const fn not_applicable(mut self, why: &'static str) -> Self {
        self.handling = Handling::NotApplicable(why);
        self
    }

    const fn refused(mut self) -> Self {
        self.handling = Handling::Refused;
        self
    }

    const fn undeclared(mut self, importance: Importance) -> Self {
        self.key.importance = importance;
        self.declared = false;
        self
    }
}

impl PostgresOption {
    /// What is wrong with it in that configuration, in Debezium's words: the type's complaint, then the checks'.
    pub(super) fn problems(&self, config: &Properties) -> Vec<String> {
        let given = config.get(self.key.name).map(String::as_str);
        let kind = if self.declared { check::of_type(self.key.kind, given) } else { None };
        let checks = self.checks.iter().flat_map(|check| check.problems(given, config));
        kind.map(str::to_owned).into_iter().chain(checks).collect()
    }

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

/// The table.
pub(super) fn all() -> impl Iterator<Item = &'static PostgresOption> {
    [server::OPTIONS, connector::OPTIONS, event::OPTIONS, undeclared::OPTIONS].into_iter().flatten()
}

/// Names of older Debezium versions that today's ignores, and what they are called today.
pub(super) const LEGACY: &[(&str, &str)] = &[
    ("database.server.name", "topic.prefix"),
    ("table.whitelist", "table.include.list"),
    ("table.blacklist", "table.exclude.list"),
    ("schema.whitelist", "schema.include.list"),
    ("schema.blacklist", "schema.exclude.list"),
    ("column.whitelist", "column.include.list"),
    ("column.blacklist", "column.exclude.list"),
    ("slot.drop_on_stop", "slot.drop.on.stop"),
    ("toasted.value.placeholder", "unavailable.value.placeholder"),
    ("sanitize.field.names", "field.name.adjustment.mode"),
    ("snapshot.custom.class", "snapshot.mode.custom.name"),
    ("transaction.topic", "topic.transaction"),
];

static KEYS: LazyLock<Vec<ConfigKey>> =
    LazyLock::new(|| all().filter(|o| o.declared).map(|o| o.key).collect());

/// What is declared, as `connect` reads it.
pub(super) static CONFIG_DEF: LazyLock<ConfigDef> = LazyLock::new(|| ConfigDef::new(&KEYS));

/// The option of that name.
pub(super) fn find(name: &str) -> Option<&'static PostgresOption> {
    all().find(|o| o.key.name == name)
}
