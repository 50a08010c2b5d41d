//! Options of the transforms, predicates and converters that a configuration names.

use std::cmp::Reverse;

use indexmap::{IndexMap, IndexSet};
use sink::component::{self, Component, Kind};
use sink::java_map::hash_order;

use super::framework::{check_class, listed};
use super::{Candidate, Part, version_problem, versions};
use crate::config_def::{ConfigKey, ConfigValue, Default, Definition, Importance, Type, Width};

const NEGATE: ConfigKey = ConfigKey::new("negate", Type::Boolean, Default::Text("false"))
    .documented(
        Importance::Medium,
        "Whether the transform applies where the predicate does not hold.",
    );

const PREDICATE: ConfigKey = ConfigKey::new("predicate", Type::String, Default::Null).documented(
    Importance::Medium,
    "Alias of the predicate that decides whether the transform applies.",
);

/// Adds the options of every alias in `transforms` and `predicates`.
pub(super) fn append_aliases(candidate: &Candidate<'_>, part: &mut Part) {
    for kind in [Kind::Transformation, Kind::Predicate] {
        let list = if kind == Kind::Predicate { "predicates" } else { "transforms" };
        let text = candidate.text(list).unwrap_or_default().trim();
        let aliases = if text.is_empty() { None } else { Some(text.split(',').map(str::trim)) };
        for alias in aliases.into_iter().flatten().collect::<IndexSet<_>>() {
            append_alias(candidate, kind, alias, part);
        }
    }
}

fn append_alias(candidate: &Candidate<'_>, kind: Kind, alias: &str, part: &mut Part) {
    let (list, noun) = match kind {
        Kind::Predicate => ("predicates", "Predicate"),
        _ => ("transforms", "Transformation"),
    };
    let prefix = format!("{list}.{alias}.");
    let group =
        format!("{}: {alias}", if kind == Kind::Predicate { "Predicates" } else { "Transforms" });
    let placed = |key: &ConfigKey, order: i32| {
        let group = match key.group {
            Some(own) => format!("{group}: {own}"),
            None => group.clone(),
        };
        Definition {
            group: Some(group),
            order_in_group: order,
            ..Definition::prefixed(key, &prefix)
        }
    };
    let class_key = ConfigKey::new("type", Type::Class, Default::Required)
        .documented(Importance::High, "Class of the transform or predicate.")
        .shown(0, Width::Long, "");
    let version_key = ConfigKey::new("plugin.version", Type::String, Default::Null)
        .documented(Importance::High, "Version of its class.")
        .shown(1, Width::Long, "");
    let text = |key: &str| candidate.text(&format!("{prefix}{key}"));
    let mut class = ConfigValue::of(&class_key, &format!("{prefix}type"), text("type"));
    class.recommended_values = listed(kind);
    check_class(kind, text("type"), &mut class);
    let found = text("type").and_then(|name| component::find(name.trim(), kind));
    let installed = found.and_then(Component::version).map(str::to_owned);
    let mut version =
        ConfigValue::of(&version_key, &format!("{prefix}plugin.version"), text("plugin.version"));
    version.recommended_values = installed.clone().into_iter().collect();
    match (found, text("plugin.version")) {
        (Some(found), Some(wanted)) => {
            if let Some(problem) = version_problem(found.class, wanted, &versions(found)) {
                class.errors.push(problem.clone());
                version.errors.push(problem);
            }
        }
        (_, None) => version.value.clone_from(&installed),
        (None, Some(_)) => {}
    }
    if kind == Kind::Transformation && text("negate").is_some() && text("predicate").is_none() {
        class.errors.push(format!(
            "Config '{prefix}negate' was provided but there is no config '{prefix}predicate' defining a \
             predicate to be negated."
        ));
    }
    let class_definition =
        Definition { display_name: format!("{noun} type for {alias}"), ..placed(&class_key, 0) };
    let version_definition = Definition {
        display_name: format!("{noun} version for {alias}"),
        default_value: installed,
        ..placed(&version_key, 1)
    };
    part.push(class_definition, class);
    part.push(version_definition, version);
    let Some(found) = found else { return };
    for (order, key) in (2..).zip(sorted(kind, found)) {
        let name = format!("{prefix}{}", key.name);
        part.push(placed(&key, order), ConfigValue::of(&key, &name, candidate.text(&name)));
    }
}

/// In the order of Kafka's `ConfigDef.sortedConfigs`: by group, place, whether it must be given, importance, name.
fn sorted(kind: Kind, component: &Component) -> Vec<ConfigKey> {
    let mut keys = component.def.keys.to_vec();
    if kind == Kind::Transformation {
        keys.extend([NEGATE, PREDICATE]);
    }
    let groups: IndexSet<&str> = keys.iter().filter_map(|key| key.group).collect();
    keys.sort_by_key(|key| {
        let group = key.group.and_then(|group| groups.get_index_of(group));
        let required = Reverse(key.default == Default::Required);
        (group, key.order, required, key.importance, key.name)
    });
    keys
}

/// The options of the converters that the connector names itself, in Connect's order.
pub(super) fn converters(candidate: &Candidate<'_>) -> Part {
    let mut part = Part::default();
    for role in ["header", "key", "value"] {
        let kind = if role == "header" { Kind::HeaderConverter } else { Kind::Converter };
        let prefix = format!("{role}.converter");
        let named = candidate.text(&prefix).and_then(|name| component::find(name.trim(), kind));
        let Some(found) = named else { continue };
        let keys: IndexMap<String, &ConfigKey> =
            found.def.keys.iter().map(|key| (key.name.to_owned(), key)).collect();
        for (bare, key) in hash_order(keys) {
            let text = match bare.as_str() {
                // The worker says what the converter is for.
                "converter.type" => Some(role),
                _ => candidate.text(&format!("{prefix}.{bare}")),
            };
            // Its errors name the option without the prefix.
            let value = ConfigValue::of(key, &bare, text);
            let value = ConfigValue { name: format!("{prefix}.{bare}"), ..value };
            part.push(Definition::prefixed(key, &format!("{prefix}.")), value);
        }
    }
    part
}
