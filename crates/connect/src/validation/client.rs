//! What a connector overrides of its clients: `producer.override.*` and so on.

use indexmap::IndexMap;
use sink::java_map::hash_order;

use super::{Candidate, Part};
use crate::client_config::{Role, definition};
use crate::config_def::{ConfigValue, Definition, Type};
use crate::settings::{OverridePolicy, PluginKind};

/// What the worker's policy says about each override, and its definition where Kafka has one.
///
/// # Errors
/// A value is not of the option's type: Connect does not even answer then.
pub(super) fn part(candidate: &Candidate<'_>) -> Result<Part, String> {
    let mut part = Part::default();
    let settings = &candidate.shared.settings;
    let source = candidate.plugin.kind() == PluginKind::Source;
    // A source reads and creates nothing itself unless it is to write exactly once.
    for (role, name, used) in [
        (Role::Producer, "producer", source),
        (Role::Consumer, "consumer", !source || settings.exactly_once),
        (Role::Admin, "admin", source && settings.exactly_once),
    ] {
        if used {
            append(candidate, role, &format!("{name}.override."), &mut part)?;
        }
    }
    Ok(part)
}

fn append(
    candidate: &Candidate<'_>,
    role: Role,
    prefix: &str,
    part: &mut Part,
) -> Result<(), String> {
    let given: IndexMap<String, &String> = candidate
        .config
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value)))
        .collect();
    let policy = &candidate.shared.settings.override_policy;
    for (key, text) in hash_order(given) {
        let known = definition::find(role, &key);
        let kind = known.map_or(Type::String, |known| known.kind);
        let parsed = kind.parse(&key, text).map_err(|error| error.to_string())?;
        let mut value = ConfigValue::new(format!("{prefix}{key}"), parsed.shown());
        if !policy.allows(&key) {
            let policy = policy.name();
            value.errors.push(format!(
                "The '{policy}' policy does not allow '{key}' to be overridden in the connector configuration."
            ));
        }
        part.definitions.extend(known.map(|known| Definition::prefixed(known, prefix)));
        part.values.push(value);
    }
    Ok(())
}

impl OverridePolicy {
    /// Whether a connector may set that option of its clients.
    fn allows(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Principal => {
                matches!(key, "sasl.jaas.config" | "sasl.mechanism" | "security.protocol")
            }
            Self::Allowlist(keys) => keys.iter().any(|allowed| allowed == key),
        }
    }

    /// As Connect calls it.
    fn name(&self) -> &'static str {
        match self {
            Self::All => "All",
            Self::None => "None",
            Self::Principal => "Principal",
            Self::Allowlist(_) => "Allowlist",
        }
    }
}
