//! Validation of a connector's configuration: the worker's own options, then the plugin's.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

use crate::config_def::source::SOURCE;
use crate::config_def::{ConfigValue, Definition};
use crate::connector::{Plugin, Properties, TaskError};
use crate::herder::Shared;
use crate::herder::command::Refusal;
use crate::java_map;
use crate::settings::{PluginInfo, PluginKind, WorkerSettings};

/// Connect's default when neither connector nor worker says anything.
const HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// The answer of `validate`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ConfigInfos {
    name: String,
    error_count: usize,
    groups: Vec<String>,
    configs: Vec<ConfigInfo>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ConfigInfo {
    definition: Option<Definition>,
    value: ConfigValue,
}

/// Every class that this worker lists, in Connect's order: by kind, then by name.
pub(crate) fn classes(shared: &Shared) -> Vec<PluginInfo> {
    let connectors = shared.plugins.iter().map(|plugin| PluginInfo {
        class: plugin.class().to_owned(),
        kind: PluginKind::Source,
        version: Some(plugin.version().to_owned()),
    });
    let mut all: Vec<PluginInfo> =
        connectors.chain(shared.settings.components.iter().cloned()).collect();
    all.sort_by(|left, right| (left.kind, &left.class).cmp(&(right.kind, &right.class)));
    all.dedup();
    all
}

/// Refuses a configuration with errors as POST, PUT and PATCH do.
pub(crate) async fn check(
    shared: &Shared,
    config: &IndexMap<String, Option<String>>,
) -> Result<(), Refusal> {
    let infos = validate(shared, config).await?;
    let errors: Vec<String> =
        infos.configs.into_iter().flat_map(|config| config.value.errors).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let (count, errors) = (errors.len(), errors.join("\n"));
    Err(Refusal::new(
        400,
        format!(
            "Connector configuration is invalid and contains the following {count} error(s):\n{errors}\nYou can \
             also find the above list of errors at the endpoint \
             `/connector-plugins/{{connectorType}}/config/validate`"
        ),
    ))
}

/// Everything about every option.
///
/// # Errors
/// There is no connector class, or none that this worker knows; a placeholder cannot be resolved.
pub(crate) async fn validate(
    shared: &Shared,
    config: &IndexMap<String, Option<String>>,
) -> Result<ConfigInfos, Refusal> {
    let class = config.get("connector.class").and_then(Option::as_deref).ok_or_else(|| {
        let ordered = java_map::copied_hash_order(config.clone());
        let entries = ordered.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        Refusal::new(
            400,
            format!("Connector config {} contains no connector type", java_map::print(entries)),
        )
    })?;
    let plugin = shared.plugin(class).ok_or_else(|| unknown_class(shared, class))?;
    let given: Properties =
        config.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let resolved = shared.settings.placeholders.resolve(&given);
    let resolved = resolved.map_err(|reason| Refusal::new(500, reason))?;
    check_overrides(&resolved)?;
    let mut values = framework_values(shared, plugin, &resolved);
    refuse_nulls(config, &mut values);
    check_exactly_once(&shared.settings, &mut values);
    let own = plugin.validate(resolved).await;
    Ok(merge(plugin.class(), definitions_in_order(shared, plugin), values, own))
}

fn unknown_class(shared: &Shared, class: &str) -> Refusal {
    let mut connectors = classes(shared);
    connectors.retain(|info| matches!(info.kind, PluginKind::Sink | PluginKind::Source));
    connectors.sort_by(|left, right| left.class.cmp(&right.class));
    let one = |info: &PluginInfo| {
        let (class, version) = (&info.class, info.version.as_deref().unwrap_or("undefined"));
        let kind = if info.kind == PluginKind::Sink { "sink" } else { "source" };
        format!(
            "PluginDesc{{klass=class {class}, name='{class}', version='{version}', encodedVersion={version}, \
             type={kind}, typeName='{kind}', location='classpath'}}"
        )
    };
    let all: Vec<String> = connectors.iter().map(one).collect();
    Refusal::new(
        400,
        format!(
            "Failed to find any class that implements Connector and which name matches {class}, available \
             connectors are: {}",
            all.join(", ")
        ),
    )
}

/// The worker's default of a key whose default is not in the table.
fn dynamic_default(
    shared: &Shared,
    plugin: &Arc<dyn Plugin>,
    config: &Properties,
    name: &str,
) -> Option<String> {
    let worker = &shared.settings.properties;
    match name {
        "connector.plugin.version" => Some(plugin.version().to_owned()),
        "key.converter" | "value.converter" => worker.get(name).cloned(),
        "header.converter" => {
            Some(worker.get(name).map_or(HEADER_CONVERTER, String::as_str).to_owned())
        }
        _ => {
            let converter = name.strip_suffix(".plugin.version")?;
            let own = config.get(converter).cloned();
            let class = own.or_else(|| dynamic_default(shared, plugin, config, converter))?;
            let known = shared.settings.components.iter().find(|info| info.class == class)?;
            known.version.clone()
        }
    }
}

fn recommended(shared: &Shared, name: &str, default: Option<&String>) -> Option<Vec<String>> {
    let of_kind = |kind: PluginKind| {
        let own = shared.settings.components.iter().filter(|info| info.kind == kind);
        let mut classes: Vec<String> = own.map(|info| info.class.clone()).collect();
        classes.sort();
        Some(classes)
    };
    match name {
        "key.converter" | "value.converter" => of_kind(PluginKind::Converter),
        "header.converter" => of_kind(PluginKind::HeaderConverter),
        _ if name.ends_with(".plugin.version") => Some(default.into_iter().cloned().collect()),
        _ => None,
    }
}

fn framework_values(
    shared: &Shared,
    plugin: &Arc<dyn Plugin>,
    config: &Properties,
) -> Vec<ConfigValue> {
    let mut values = SOURCE.validate(config);
    for value in &mut values {
        let default = dynamic_default(shared, plugin, config, &value.name);
        if let Some(recommended) = recommended(shared, &value.name, default.as_ref()) {
            value.recommended_values = recommended;
        }
        if value.value.is_none() && !config.contains_key(&value.name) {
            value.value = default;
        }
    }
    values
}

fn refuse_nulls(config: &IndexMap<String, Option<String>>, values: &mut Vec<ConfigValue>) {
    let text = "Null value can not be supplied as the configuration value.";
    for (key, _) in config.iter().filter(|(_, value)| value.is_none()) {
        if let Some(value) = values.iter_mut().find(|value| value.name == *key) {
            value.errors.push(text.to_owned());
        } else {
            let mut value = ConfigValue::new(key.clone(), None);
            value.errors.push(text.to_owned());
            values.push(value);
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

/// A client's number that is none is the one override that Connect refuses, and with a plain 500.
fn check_overrides(config: &Properties) -> Result<(), Refusal> {
    for (key, value) in config {
        let Some(name) = key.strip_prefix("producer.override.") else { continue };
        if let Some(kind) = crate::client_config::producer_number(name) {
            kind.parse(name, value).map_err(|error| Refusal::new(500, error.to_string()))?;
        }
    }
    Ok(())
}

fn framework_definitions(shared: &Shared, plugin: &Arc<dyn Plugin>) -> Vec<Definition> {
    let none = Properties::new();
    let define = |key| {
        let mut definition = Definition::from(key);
        if definition.default_value.is_none() && !definition.required {
            definition.default_value = dynamic_default(shared, plugin, &none, &definition.name);
        }
        definition
    };
    SOURCE.keys.iter().map(define).collect()
}

/// For `validate`: the worker's, then the plugin's, which win.
fn definitions_in_order(shared: &Shared, plugin: &Arc<dyn Plugin>) -> Vec<Definition> {
    let own = plugin.config_def();
    let mut all = framework_definitions(shared, plugin);
    all.retain(|definition| own.key(&definition.name).is_none());
    all.extend(own.keys.iter().map(Definition::from));
    all
}

/// For `/connector-plugins/…/config`: the plugin's, then those of the worker's that it does not define.
pub(crate) fn definitions(shared: &Shared, plugin: &Arc<dyn Plugin>) -> Vec<Definition> {
    let own = plugin.config_def();
    let mut all: Vec<Definition> = own.keys.iter().map(Definition::from).collect();
    let framework = framework_definitions(shared, plugin).into_iter();
    all.extend(framework.filter(|definition| own.key(&definition.name).is_none()));
    all
}

fn merge(
    class: &str,
    definitions: Vec<Definition>,
    framework: Vec<ConfigValue>,
    own: Vec<ConfigValue>,
) -> ConfigInfos {
    let mut values: IndexMap<String, ConfigValue> =
        framework.into_iter().chain(own).map(|value| (value.name.clone(), value)).collect();
    let groups: IndexSet<String> =
        definitions.iter().filter_map(|definition| definition.group.clone()).collect();
    let mut configs: Vec<ConfigInfo> = definitions
        .into_iter()
        .filter_map(|definition| {
            let value = values.shift_remove(&definition.name)?;
            Some(ConfigInfo { definition: Some(definition), value })
        })
        .collect();
    let undefined = values.into_values().filter(|value| !value.errors.is_empty());
    configs.extend(undefined.map(|value| ConfigInfo { definition: None, value }));
    let error_count = configs.iter().map(|config| config.value.errors.len()).sum();
    ConfigInfos {
        name: class.to_owned(),
        error_count,
        groups: groups.into_iter().collect(),
        configs,
    }
}

/// What Connect checks about topic creation only when the connector starts.
pub(crate) fn topic_creation(
    settings: &WorkerSettings,
    config: &Properties,
) -> Result<(), TaskError> {
    let used = config.keys().any(|key| key.starts_with("topic.creation."));
    if !settings.topic_creation || !used {
        return Ok(());
    }
    for key in ["topic.creation.default.replication.factor", "topic.creation.default.partitions"] {
        if !config.contains_key(key) {
            return Err(TaskError {
                trace: format!(
                    "org.apache.kafka.common.config.ConfigException: Missing required configuration \"{key}\" \
                     which has no default value.\n"
                ),
            });
        }
    }
    Ok(())
}
