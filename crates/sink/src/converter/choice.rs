//! Which converter a configuration names, and with which options.

use std::sync::Arc;

use super::java_string::Encoding;
use super::json::JsonConfig;
use super::primitive::Primitive;
use super::{Converter, Converters, avro, cloud_events, delegate, json_schema, protobuf};
use crate::component::{self, Kind};
use crate::config_def::{ConfigKey, Default, Importance, Type, Validator};
use crate::error::{Error, Result};
use crate::option::Options;

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const SIMPLE_HEADER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";
const DEBEZIUM_BYTES: &str = "io.debezium.converters.ByteArrayConverter";
const CLOUD_EVENTS: &str = "io.debezium.converters.CloudEventsConverter";
const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const APICURIO_AVRO: &str = "io.apicurio.registry.utils.converter.AvroConverter";
const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";

/// Options of `CloudEventsConverter`, which declares none to Connect.
pub(crate) const CLOUD_EVENTS_OPTIONS: &[ConfigKey] = &[
    ConfigKey::new("serializer.type", Type::String, Default::Text("json"))
        .documented(Importance::High, "Specify a serialization type this converter can use: json.")
        .checked(Validator::OneOfIgnoreCase(&["json", "avro"])),
    ConfigKey::new("data.serializer.type", Type::String, Default::Text("json"))
        .documented(
            Importance::High,
            "Specify a serialization type of the data attribute this converter can use: json.",
        )
        .checked(Validator::OneOfIgnoreCase(&["json", "avro"])),
    ConfigKey::new("extension.attributes.enable", Type::Boolean, Default::Text("true")).documented(
        Importance::High,
        "Specify whether to include extension attributes to a cloud event",
    ),
    ConfigKey::new(
        "opentelemetry.tracing.attributes.enable",
        Type::Boolean,
        Default::Text("false"),
    )
    .documented(Importance::Low, "Has no effect: there is no tracing."),
    ConfigKey::new("schema.name.adjustment.mode", Type::String, Default::Text("avro"))
        .documented(Importance::Low, "Has an effect on Avro only."),
    ConfigKey::new("schema.cloudevents.name", Type::String, Default::Null)
        .documented(Importance::Low, "Has an effect on Avro only."),
    ConfigKey::new("json.schemas.enable", Type::Boolean, Default::Text("true"))
        .documented(Importance::Low, "Whether the data stands with its schema."),
    ConfigKey::new("json.decimal.format", Type::String, Default::Text("BASE64"))
        .documented(Importance::Low, "How decimals are written: BASE64 or NUMERIC.")
        .checked(Validator::OneOfIgnoreCase(&["BASE64", "NUMERIC"])),
];

const PRIMITIVES: [(&str, Primitive); 7] = [
    ("org.apache.kafka.connect.converters.ShortConverter", Primitive::Short),
    ("org.apache.kafka.connect.converters.IntegerConverter", Primitive::Integer),
    ("org.apache.kafka.connect.converters.LongConverter", Primitive::Long),
    ("org.apache.kafka.connect.converters.FloatConverter", Primitive::Float),
    ("org.apache.kafka.connect.converters.DoubleConverter", Primitive::Double),
    ("org.apache.kafka.connect.converters.BooleanConverter", Primitive::Boolean),
    (BYTES, Primitive::Bytes),
];

type Get<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

impl Converters {
    /// Reads `key.converter`, `value.converter`, `header.converter` and their keys. As in Connect, a connector that
    /// names a class brings all of its keys itself; else the worker's class and the worker's keys apply, and keys of
    /// the connector alone have no effect.
    ///
    /// # Errors
    ///
    /// A class that walbridge does not implement, or a value out of its range.
    pub fn parse<'a>(connector: Get<'a>, worker: Get<'a>) -> Result<Self> {
        let choose = |role: &str, fallback: Option<&'static str>| {
            let given = |from: Get<'a>| from(role).map(str::trim).filter(|class| !class.is_empty());
            match (given(connector), given(worker)) {
                (Some(class), _) => converter(role, class, connector),
                (None, Some(class)) => converter(role, class, worker),
                (None, None) => match fallback {
                    Some(class) => converter(role, class, worker),
                    None => Err(Error::config(format!(
                        "Missing required configuration \"{role}\" which has no default value."
                    ))),
                },
            }
        };
        Ok(Self {
            key: choose("key.converter", None)?,
            value: choose("value.converter", None)?,
            header: choose("header.converter", Some(SIMPLE_HEADER))?,
        })
    }
}

/// The converter of a role; its options stand behind the role's name.
fn converter<'a>(role: &str, class: &str, get: Get<'a>) -> Result<Converter> {
    let unknown = || {
        Error::config(format!(
            "Invalid value {class} for configuration {role}: Class {class} could not be found."
        ))
    };
    let kind = if role == "header.converter" { Kind::HeaderConverter } else { Kind::Converter };
    let known = component::find(class, kind).ok_or_else(unknown)?;
    let class = known.class;
    if class == SIMPLE_HEADER {
        return Ok(Converter::SimpleHeader);
    }
    // The worker says what the converter is for.
    let part = role.split('.').next();
    let own = |name: &str| match name {
        "converter.type" => ["key", "value", "header"].into_iter().find(|word| Some(*word) == part),
        _ => get(&format!("{role}.{name}")),
    };
    let options = Options::new(&own, known).map_err(|error| named(&error, role))?;
    let is_key = role.starts_with("key.");
    if let Some((_, primitive)) = PRIMITIVES.iter().find(|(name, _)| *name == class) {
        return Ok(Converter::Primitive(*primitive));
    }
    Ok(match class {
        JSON => Converter::Json(json(&options, "")),
        STRING => {
            let name = options.text("converter.encoding").unwrap_or_default();
            let encoding = Encoding::parse(name).ok_or_else(|| {
                Error::config(format!("Invalid value {name} for configuration {role}.converter.encoding: this character set is not supported"))
            })?;
            Converter::String(encoding)
        }
        AVRO => Converter::Avro(Arc::new(avro::Config::parse(is_key, &options)?)),
        APICURIO_AVRO => Converter::Avro(Arc::new(avro::Config::parse_apicurio(is_key, &options)?)),
        PROTOBUF => Converter::Protobuf(Arc::new(protobuf::Config::parse(is_key, &options)?)),
        JSON_SCHEMA => {
            Converter::JsonSchema(Arc::new(json_schema::Config::parse(is_key, &options)?))
        }
        CLOUD_EVENTS => {
            for option in ["serializer.type", "data.serializer.type"] {
                if options.text(option).is_some_and(|text| !text.eq_ignore_ascii_case("json")) {
                    return Err(Error::config(format!("{role}.{option}: only json is supported")));
                }
            }
            let json = json(&options, "json.");
            let extensions = options.flag("extension.attributes.enable");
            Converter::CloudEvents(Arc::new(cloud_events::Config { extensions, json }))
        }
        _ => {
            let nested = options.given("delegate.converter.type");
            let role = format!("{role}.delegate.converter.type");
            let delegate = nested.map(|class| converter(&role, class, get)).transpose()?;
            let arrays_only = class == DEBEZIUM_BYTES;
            Converter::Delegate(Arc::new(delegate::Config { delegate, arrays_only }))
        }
    })
}

/// The error with the option's whole name.
fn named(error: &Error, role: &str) -> Error {
    let text = error.to_string();
    let text = text.replacen("for configuration ", &format!("for configuration {role}."), 1);
    Error::config(text.replacen("configuration \"", &format!("configuration \"{role}."), 1))
}

fn json(options: &Options<'_>, prefix: &str) -> JsonConfig {
    let name = |name: &str| format!("{prefix}{name}");
    let numeric = options.text(&name("decimal.format"));
    JsonConfig {
        schemas: options.flag(&name("schemas.enable")),
        numeric_decimals: numeric.is_some_and(|text| text.eq_ignore_ascii_case("NUMERIC")),
        replace_null_with_default: prefix.is_empty() && options.flag("replace.null.with.default")
            || !prefix.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = [(&'static str, &'static str)];

    fn parse(connector: &Pairs, worker: &Pairs) -> Result<Converters> {
        let find =
            |pairs: &Pairs, key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        Converters::parse(&|key| find(connector, key), &|key| find(worker, key))
    }

    const WORKER: &Pairs = &[
        ("key.converter", JSON),
        ("value.converter", JSON),
        ("value.converter.schemas.enable", "false"),
    ];

    fn schemas(converter: &Converter) -> bool {
        matches!(converter, Converter::Json(JsonConfig { schemas: true, .. }))
    }

    #[test]
    fn keys_without_a_class_have_no_effect() {
        let converters = parse(&[("value.converter.schemas.enable", "true")], WORKER).unwrap();
        assert!(!schemas(&converters.value));
        assert!(schemas(&converters.key));
    }

    #[test]
    fn class_of_the_connector_leaves_the_workers_keys_behind() {
        let converters = parse(&[("value.converter", JSON)], WORKER).unwrap();
        assert!(schemas(&converters.value));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pairs, named) in [
            (&[("key.converter", "x.Y")], "x.Y"),
            (&[("header.converter", "x.Y")], "header.converter"),
        ] {
            let error = parse(pairs, WORKER).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let error = parse(&[], &[]).unwrap_err().to_string();
        assert!(error.contains("key.converter"), "{error}");
        let pairs = &[("key.converter", JSON), ("key.converter.decimal.format", "hex")];
        assert!(
            parse(pairs, WORKER).unwrap_err().to_string().contains("key.converter.decimal.format")
        );
    }
}
