//! The classes that a connector's configuration can name besides the connector: transforms, predicates and converters,
//! with their options. One table per class, for the parsing, for `validate` and for the plugins that REST lists.

mod apache;
mod check;
mod debezium;

use crate::config_def::{ConfigDef, ConfigKey};
use crate::converter;

/// The version of Kafka Connect whose classes these are.
pub const KAFKA_VERSION: &str = "4.3.0";

/// The version of Debezium whose classes these are.
pub const DEBEZIUM_VERSION: &str = "3.6.3.Final";

/// What a class is to Connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A single message transform.
    Transformation,
    /// A predicate.
    Predicate,
    /// A key or value converter.
    Converter,
    /// A header converter.
    HeaderConverter,
}

impl Kind {
    /// The Java interface.
    #[must_use]
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Transformation => "Transformation",
            Self::Predicate => "Predicate",
            Self::Converter => "Converter",
            Self::HeaderConverter => "HeaderConverter",
        }
    }
}

/// A class as one of its kinds: a converter of keys and values may also be one of headers.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// The full class name.
    pub class: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The options that it declares to Connect.
    pub def: ConfigDef,
    /// Options that it reads besides.
    pub more: &'static [ConfigKey],
    /// Whether it belongs to what REST lists: what a worker of these versions has without further plugins.
    pub listed: bool,
}

impl Component {
    const fn new(class: &'static str, kind: Kind, keys: &'static [ConfigKey]) -> Self {
        Self { class, kind, def: ConfigDef::new(keys), more: &[], listed: true }
    }

    /// With these options that it does not declare.
    const fn with(mut self, more: &'static [ConfigKey]) -> Self {
        self.more = more;
        self
    }

    /// A converter that comes as a plugin of its own; Connect is not told of its options.
    const fn plugin(class: &'static str, more: &'static [ConfigKey]) -> Self {
        let bare = Self::new(class, Kind::Converter, &[]).with(more);
        Self { listed: false, ..bare }
    }

    /// Every option that it reads.
    pub fn keys(&self) -> impl Iterator<Item = &'static ConfigKey> + use<> {
        self.def.keys.iter().chain(self.more)
    }

    /// Its version; none for what does not tell.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        if !self.listed {
            None
        } else if self.class.starts_with("io.debezium.") {
            Some(DEBEZIUM_VERSION)
        } else {
            Some(KAFKA_VERSION)
        }
    }

    /// Its name without the package; none for a nested class, which Connect does not find by a short name.
    fn simple(&self) -> Option<&'static str> {
        let simple = self.class.rsplit('.').next()?;
        (!simple.contains('$')).then_some(simple)
    }

    /// Whether `name` is its short name: without the package, or without the ending of its kind as well.
    fn is_called(&self, name: &str) -> bool {
        let Some(simple) = self.simple() else { return false };
        simple == name || simple.strip_suffix(self.kind.interface()) == Some(name)
    }
}

/// What Confluent's schema registry and Apicurio's bring.
const PLUGINS: &[Component] = &[
    Component::plugin(
        "io.apicurio.registry.utils.converter.AvroConverter",
        converter::registry::APICURIO_OPTIONS,
    ),
    Component::plugin("io.confluent.connect.avro.AvroConverter", converter::avro::OPTIONS),
    Component::plugin(
        "io.confluent.connect.json.JsonSchemaConverter",
        converter::json_schema::OPTIONS,
    ),
    Component::plugin(
        "io.confluent.connect.protobuf.ProtobufConverter",
        converter::protobuf::OPTIONS,
    ),
];

/// Every component, those of one kind in the order of their names.
pub fn all() -> impl Iterator<Item = &'static Component> {
    debezium::COMPONENTS.iter().chain(apache::COMPONENTS).chain(PLUGINS)
}

/// The component that `name` names as one of `kind`: in full, or by a short name that no other class has.
#[must_use]
pub fn find(name: &str, kind: Kind) -> Option<&'static Component> {
    let class = class(name)?;
    all().find(|component| component.class == class && component.kind == kind)
}

/// The class that `name` names, of whatever kind.
#[must_use]
pub fn class(name: &str) -> Option<&'static str> {
    if let Some(exact) = all().find(|component| component.class == name) {
        return Some(exact.class);
    }
    let mut called = all().filter(|component| component.is_called(name)).map(|found| found.class);
    let first = called.next()?;
    called.all(|class| class == first).then_some(first)
}

/// The nested classes of `name`, which itself is abstract: `…Cast$Key` and `…Cast$Value` of `…Cast`.
#[must_use]
pub fn nested(name: &str) -> Vec<&'static str> {
    let nested = |class: &&str| class.strip_prefix(name).is_some_and(|rest| rest.starts_with('$'));
    all().map(|component| component.class).filter(nested).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_def::Default;

    #[test]
    fn short_names_are_found_unless_two_classes_share_them() {
        let named = |name| find(name, Kind::Converter).map(|component| component.class);
        assert_eq!(named("JsonConverter"), Some("org.apache.kafka.connect.json.JsonConverter"));
        assert_eq!(named("String"), Some("org.apache.kafka.connect.storage.StringConverter"));
        assert_eq!(named("ByteArrayConverter"), None);
        assert_eq!(named("SimpleHeaderConverter"), None);
        assert_eq!(class("Cast$Value"), None);
        assert_eq!(class("RegexRouter"), Some("org.apache.kafka.connect.transforms.RegexRouter"));
    }

    #[test]
    fn abstract_classes_name_what_can_be_created() {
        let nested = nested("org.apache.kafka.connect.transforms.Cast");
        assert_eq!(nested.len(), 2);
    }

    #[test]
    fn every_default_is_one_of_its_type_and_passes_its_check() {
        for component in all() {
            for key in component.keys() {
                if key.default == Default::Required {
                    continue;
                }
                let (_, errors) = key.evaluate(key.name, key.name, None);
                assert_eq!(errors, [], "{} {}", component.class, key.name);
            }
        }
    }
}
