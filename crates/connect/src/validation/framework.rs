//! The worker's own options of every connector.

use std::sync::Arc;

use sink::component::{self, Kind};

use super::{Candidate, Part, version_problem, versions};
use crate::config_def::{ConfigKey, ConfigValue, Definition, framework};
use crate::connector::Plugin;
use crate::settings::{PluginKind, WorkerSettings};

/// Connect's default when neither connector nor worker says anything.
const HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// As `/connector-plugins/…/config` shows them: without the worker's defaults.
pub(super) fn definitions(plugin: &Arc<dyn Plugin>) -> Vec<Definition> {
    let define = |key: &ConfigKey| {
        let mut definition = Definition::from(key);
        if key.name == "connector.plugin.version" {
            definition.default_value = Some(plugin.version().to_owned());
        }
        definition
    };
    framework::keys(plugin.kind()).map(define).collect()
}

pub(super) fn part(candidate: &Candidate<'_>) -> Part {
    let mut part = Part::default();
    for key in framework::keys(candidate.plugin.kind()) {
        let mut definition = Definition::from(key);
        let mut value = ConfigValue::of(key, key.name, candidate.text(key.name));
        if definition.default_value.is_none() && !definition.required {
            definition.default_value = default(candidate, key.name);
            if candidate.text(key.name).is_none() {
                value.value.clone_from(&definition.default_value);
            }
        }
        if let Some(kind) = converter_kind(key.name) {
            value.recommended_values = listed(kind);
            check_class(kind, candidate.text(key.name), &mut value);
        } else if key.name.ends_with(".plugin.version") {
            value.recommended_values = definition.default_value.clone().into_iter().collect();
        }
        part.push(definition, value);
    }
    check_versions(candidate, &mut part.values);
    check_exactly_once(&candidate.shared.settings, &mut part.values);
    if candidate.plugin.kind() == PluginKind::Sink {
        check_topics(&mut part.values);
    }
    part
}

fn converter_kind(name: &str) -> Option<Kind> {
    match name {
        "key.converter" | "value.converter" => Some(Kind::Converter),
        "header.converter" => Some(Kind::HeaderConverter),
        _ => None,
    }
}

/// What a form should offer.
pub(super) fn listed(kind: Kind) -> Vec<String> {
    let own = component::all().filter(|component| component.kind == kind && component.listed);
    let mut classes: Vec<String> = own.map(|component| component.class.to_owned()).collect();
    classes.sort();
    classes
}

/// The worker's default of a key whose default is not in the table.
fn default(candidate: &Candidate<'_>, name: &str) -> Option<String> {
    let worker = &candidate.shared.settings.properties;
    match name {
        "connector.plugin.version" => Some(candidate.plugin.version().to_owned()),
        "key.converter" | "value.converter" => worker.get(name).cloned(),
        "header.converter" => {
            Some(worker.get(name).map_or(HEADER_CONVERTER, String::as_str).to_owned())
        }
        _ => {
            let converter = name.strip_suffix(".plugin.version")?;
            let own = candidate.text(converter).map(str::to_owned);
            let class = own.or_else(|| default(candidate, converter))?;
            let known = component::find(class.trim(), converter_kind(converter)?)?;
            known.version().map(str::to_owned)
        }
    }
}

/// Whether a text names a class of that kind; `value` gets the class, or what is wrong.
pub(super) fn check_class(kind: Kind, text: Option<&str>, value: &mut ConfigValue) {
    let Some(text) = text else { return };
    let name = text.trim();
    if let Some(component) = component::find(name, kind) {
        value.value = Some(component.class.to_owned());
        return;
    }
    let nested = component::nested(name);
    if let Some(class) = component::class(name) {
        value.value = Some(class.to_owned());
        let interface = kind.interface();
        value
            .errors
            .push(format!("Class class {class} does not implement the {interface} interface"));
    } else if nested.is_empty() {
        value.value = None;
        let key = &value.name;
        value.errors.push(format!(
            "Invalid value {text} for configuration {key}: Class {text} could not be found."
        ));
    } else {
        value.value = Some(name.to_owned());
        let nested = nested.join(", ");
        value
            .errors
            .push(format!("This class is abstract and cannot be created. Did you mean {nested}?"));
    }
}

/// A version that is not there is wrong at the class and at the version.
fn check_versions(candidate: &Candidate<'_>, values: &mut [ConfigValue]) {
    for (class_key, version_key) in [
        ("connector.class", "connector.plugin.version"),
        ("key.converter", "key.converter.plugin.version"),
        ("value.converter", "value.converter.plugin.version"),
        ("header.converter", "header.converter.plugin.version"),
    ] {
        let Some(wanted) = candidate.text(version_key) else { continue };
        let (class, available) = if class_key == "connector.class" {
            (candidate.plugin.class(), vec![candidate.plugin.version()])
        } else {
            let named = values.iter().find(|value| value.name == class_key);
            let Some(class) = named.and_then(|value| value.value.clone()) else { continue };
            let kind = converter_kind(class_key);
            let Some(found) = kind.and_then(|kind| component::find(class.trim(), kind)) else {
                continue;
            };
            (found.class, versions(found))
        };
        let Some(problem) = version_problem(class, wanted, &available) else { continue };
        for value in
            values.iter_mut().filter(|value| value.name == class_key || value.name == version_key)
        {
            value.errors.push(problem.clone());
        }
    }
}

fn check_exactly_once(settings: &WorkerSettings, values: &mut [ConfigValue]) {
    for value in values.iter_mut().filter(|value| value.errors.is_empty()) {
        let given = value.value.as_deref().unwrap_or_default().to_ascii_lowercase();
        match (value.name.as_str(), given.as_str()) {
            ("exactly.once.support", "required") if !settings.exactly_once => value
                .errors
                .push("This worker does not have exactly-once source support enabled.".to_owned()),
            ("transaction.boundary", "connector") => value.errors.push(
                "The connector does not support connector-defined transaction boundaries with the given \
                 configuration. Please reconfigure it to use a different transaction boundary definition."
                    .to_owned(),
            ),
            _ => {}
        }
    }
}

/// A sink reads either named topics or those of a pattern.
fn check_topics(values: &mut [ConfigValue]) {
    let is_topics = |value: &ConfigValue| matches!(value.name.as_str(), "topics" | "topics.regex");
    let given = values.iter().filter(|value| is_topics(value));
    let given = given.filter(|value| value.value.as_deref().is_some_and(|text| !text.is_empty()));
    let problem = match given.count() {
        0 => "Must configure one of topics or topics.regex",
        1 => return,
        _ => "topics and topics.regex are mutually exclusive options, but both are set.",
    };
    for value in values.iter_mut().filter(|value| is_topics(value)) {
        value.errors.push(problem.to_owned());
    }
}
