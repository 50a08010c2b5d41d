//! Validation of a connector's configuration: the worker's own options, those of its transforms, predicates and
//! converters, the plugin's, and what it overrides of its clients.

mod client;
mod component;
mod framework;

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use sink::component::Component;
use sink::java_map;

use crate::config_def::{ConfigValue, Definition};
use crate::connector::{Plugin, Properties, TaskError};
use crate::herder::Shared;
use crate::herder::command::Refusal;
use crate::settings::{PluginInfo, PluginKind, WorkerSettings};
use crate::version_range::VersionRange;

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

/// Options with their definitions, as one part of a validation makes them.
#[derive(Debug, Default)]
struct Part {
    definitions: Vec<Definition>,
    values: Vec<ConfigValue>,
}

impl Part {
    fn push(&mut self, definition: Definition, value: ConfigValue) {
        self.definitions.push(definition);
        self.values.push(value);
    }
}

/// A configuration on its way through the validation.
struct Candidate<'a> {
    shared: &'a Shared,
    plugin: &'a Arc<dyn Plugin>,
    /// Placeholders resolved.
    config: &'a Properties,
}

impl Candidate<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }
}

/// Every class that this worker lists, in Connect's order: by kind, then by name.
pub(crate) fn classes(shared: &Shared) -> Vec<PluginInfo> {
    let connectors = shared.plugins.iter().map(|plugin| PluginInfo {
        class: plugin.class().to_owned(),
        kind: plugin.kind(),
        version: Some(plugin.version().to_owned()),
    });
    let components = sink::component::all().filter(|component| component.listed);
    let components = components.map(|component| PluginInfo {
        class: component.class.to_owned(),
        kind: PluginKind::from(component.kind),
        version: component.version().map(str::to_owned),
    });
    let mut all: Vec<PluginInfo> = connectors.chain(components).collect();
    all.sort_by(|left, right| (left.kind, &left.class).cmp(&(right.kind, &right.class)));
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
    let class = config.get("connector.class").and_then(Option::as_deref);
    let class = class.ok_or_else(|| no_class(config))?;
    let plugin = shared.plugin(class).ok_or_else(|| unknown_class(shared, class))?;
    let given: Properties =
        config.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let resolved = shared.settings.placeholders.resolve(&given);
    let resolved = resolved.map_err(|reason| Refusal::new(500, reason))?;
    let candidate = Candidate { shared, plugin, config: &resolved };
    let mut base = framework::part(&candidate);
    component::append_aliases(&candidate, &mut base);
    refuse_nulls(config, &mut base.values);
    let overrides = client::part(&candidate).map_err(|reason| Refusal::new(500, reason))?;
    let converters = component::converters(&candidate);
    let own = plugin.validate(resolved.clone()).await;
    base.definitions = with_own(base.definitions, plugin);
    base.values.extend(own);
    let mut infos = ConfigInfos {
        name: class.to_owned(),
        error_count: 0,
        groups: Vec::new(),
        configs: Vec::new(),
    };
    infos.append(base);
    infos.append_values(overrides);
    infos.append_values(converters);
    Ok(infos)
}

/// Connect shows the whole configuration; secrets are hidden here.
fn no_class(config: &IndexMap<String, Option<String>>) -> Refusal {
    let ordered = java_map::copied_hash_order(config.clone());
    let entries = ordered.iter().map(|(key, value)| {
        let shown = if crate::client_config::is_secret(key) { Some("[hidden]") } else { None };
        (key.as_str(), shown.or(value.as_deref()))
    });
    let text = java_map::print(entries);
    Refusal::new(400, format!("Connector config {text} contains no connector type"))
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

/// Why the version that was asked for is not there; `available` are the versions of the class.
pub(crate) fn version_problem(class: &str, wanted: &str, available: &[&str]) -> Option<String> {
    let range = VersionRange::parse(wanted);
    if available.iter().any(|version| range.matches(version)) {
        return None;
    }
    Some(format!(
        "Plugin {class} not found that matches the version range {}, available versions: [{}]",
        range.shown(),
        available.join(", ")
    ))
}

/// The versions of a component's class: one for each of its kinds, as Connect lists them.
pub(crate) fn versions(component: &Component) -> Vec<&'static str> {
    let same = sink::component::all().filter(|other| other.class == component.class);
    same.filter_map(Component::version).collect()
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

/// For `validate`: the worker's, then the plugin's, which win.
fn with_own(mut all: Vec<Definition>, plugin: &Arc<dyn Plugin>) -> Vec<Definition> {
    let own = plugin.config_def();
    all.retain(|definition| own.key(&definition.name).is_none());
    all.extend(own.keys.iter().map(Definition::from));
    all
}

/// For `/connector-plugins/…/config`: the plugin's, then those of the worker's that it does not define.
pub(crate) fn definitions(plugin: &Arc<dyn Plugin>) -> Vec<Definition> {
    let own = plugin.config_def();
    let mut all: Vec<Definition> = own.keys.iter().map(Definition::from).collect();
    let framework = framework::definitions(plugin).into_iter();
    all.extend(framework.filter(|definition| own.key(&definition.name).is_none()));
    all
}

impl ConfigInfos {
    fn groups_of(&mut self, definitions: &[Definition]) {
        let mut groups: IndexSet<String> = std::mem::take(&mut self.groups).into_iter().collect();
        groups.extend(definitions.iter().filter_map(|definition| definition.group.clone()));
        self.groups = groups.into_iter().collect();
    }

    fn push(&mut self, definition: Option<Definition>, value: ConfigValue) {
        self.error_count += value.errors.len();
        self.configs.push(ConfigInfo { definition, value });
    }

    /// Adds what has no definition, then the options in the order of their definitions.
    fn append(&mut self, part: Part) {
        self.groups_of(&part.definitions);
        let mut values: IndexMap<String, ConfigValue> =
            part.values.into_iter().map(|value| (value.name.clone(), value)).collect();
        let defined: IndexSet<&String> =
            part.definitions.iter().map(|definition| &definition.name).collect();
        let undefined: Vec<String> =
            values.keys().filter(|name| !defined.contains(name)).cloned().collect();
        for name in undefined {
            if let Some(value) = values.shift_remove(&name) {
                self.push(None, value);
            }
        }
        for definition in part.definitions {
            if let Some(value) = values.shift_remove(&definition.name) {
                self.push(Some(definition), value);
            }
        }
    }

    /// Adds options in the order of their values.
    fn append_values(&mut self, part: Part) {
        self.groups_of(&part.definitions);
        let mut definitions: IndexMap<String, Definition> = part
            .definitions
            .into_iter()
            .map(|definition| (definition.name.clone(), definition))
            .collect();
        for value in part.values {
            let definition = definitions.shift_remove(&value.name);
            self.push(definition, value);
        }
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
