//! Which converter a configuration names, and with which options.

use std::sync::Arc;

use super::java_string::Encoding;
use super::json::JsonConfig;
use super::primitive::Primitive;
use super::{Converter, Converters, avro, cloud_events, delegate, json_schema, protobuf, registry};
use crate::error::{Error, Result};
use crate::option::{Check, Class, Definition, Options, Type};

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const SIMPLE_HEADER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";
const BINARY_DATA: &str = "io.debezium.converters.BinaryDataConverter";
const DEBEZIUM_BYTES: &str = "io.debezium.converters.ByteArrayConverter";
const CLOUD_EVENTS: &str = "io.debezium.converters.CloudEventsConverter";
const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const APICURIO_AVRO: &str = "io.apicurio.registry.utils.converter.AvroConverter";
const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";

const SCHEMAS_ENABLE: Definition = Definition::new(
    "schemas.enable",
    Type::Boolean,
    "Include schemas within each of the serialized values and keys.",
)
.or("true")
.high();

const JSON_OPTIONS: &[Definition] = &[
    SCHEMAS_ENABLE,
    Definition::new("schemas.cache.size", Type::Int, "Has no effect: schemas are remembered as long as they are used.").or("1000").high(),
    Definition::new(
        "decimal.format",
        Type::String,
        "Controls which format this converter will serialize decimals in. This value is case insensitive and can be either 'BASE64' (default) or 'NUMERIC'",
    )
    .or("BASE64")
    .check(Check::OneOfIgnoreCase(&["BASE64", "NUMERIC"])),
    Definition::new(
        "replace.null.with.default",
        Type::Boolean,
        "Whether to replace fields that have a default value and that are null to the default value. When set to true, the default value is used, otherwise null is used.",
    )
    .or("true"),
];

const STRING_OPTIONS: &[Definition] = &[Definition::new(
    "converter.encoding",
    Type::String,
    "The name of the Java character set to use for encoding strings as byte arrays.",
)
.or("UTF-8")
.high()];

const DELEGATE_OPTIONS: &[Definition] = &[Definition::new(
    "delegate.converter.type",
    Type::Class,
    "The converter of what is not bytes; its own options stand behind this one's name.",
)];

const CLOUD_EVENTS_OPTIONS: &[Definition] = &[
    Definition::new(
        "serializer.type",
        Type::String,
        "Specify a serialization type this converter can use: json.",
    )
    .or("json")
    .check(Check::OneOfIgnoreCase(&["json", "avro"]))
    .high(),
    Definition::new(
        "data.serializer.type",
        Type::String,
        "Specify a serialization type of the data attribute this converter can use: json.",
    )
    .or("json")
    .check(Check::OneOfIgnoreCase(&["json", "avro"]))
    .high(),
    Definition::new(
        "extension.attributes.enable",
        Type::Boolean,
        "Specify whether to include extension attributes to a cloud event",
    )
    .or("true")
    .high(),
    Definition::new(
        "opentelemetry.tracing.attributes.enable",
        Type::Boolean,
        "Has no effect: there is no tracing.",
    )
    .or("false"),
    Definition::new("schema.name.adjustment.mode", Type::String, "Has an effect on Avro only.")
        .or("avro"),
    Definition::new("schema.cloudevents.name", Type::String, "Has an effect on Avro only."),
    Definition::new(
        "json.schemas.enable",
        Type::Boolean,
        "Whether the data stands with its schema.",
    )
    .or("true"),
    Definition::new(
        "json.decimal.format",
        Type::String,
        "How decimals are written: BASE64 or NUMERIC.",
    )
    .or("BASE64")
    .check(Check::OneOfIgnoreCase(&["BASE64", "NUMERIC"])),
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

/// All converters of keys and values, and their options.
pub const CLASSES: &[Class] = &[
    Class { name: JSON, options: JSON_OPTIONS },
    Class { name: STRING, options: STRING_OPTIONS },
    Class { name: "org.apache.kafka.connect.converters.ShortConverter", options: &[] },
    Class { name: "org.apache.kafka.connect.converters.IntegerConverter", options: &[] },
    Class { name: "org.apache.kafka.connect.converters.LongConverter", options: &[] },
    Class { name: "org.apache.kafka.connect.converters.FloatConverter", options: &[] },
    Class { name: "org.apache.kafka.connect.converters.DoubleConverter", options: &[] },
    Class { name: "org.apache.kafka.connect.converters.BooleanConverter", options: &[] },
    Class { name: BYTES, options: &[] },
    Class { name: BINARY_DATA, options: DELEGATE_OPTIONS },
    Class { name: DEBEZIUM_BYTES, options: DELEGATE_OPTIONS },
    Class { name: CLOUD_EVENTS, options: CLOUD_EVENTS_OPTIONS },
    Class { name: APICURIO_AVRO, options: registry::APICURIO_OPTIONS },
    Class { name: AVRO, options: avro::OPTIONS },
    Class { name: JSON_SCHEMA, options: json_schema::OPTIONS },
    Class { name: PROTOBUF, options: protobuf::OPTIONS },
];

/// Those that are converters of headers as well, and the one that is only that.
pub const HEADER_CLASSES: &[&str] = &[
    SIMPLE_HEADER,
    JSON,
    STRING,
    "org.apache.kafka.connect.converters.ShortConverter",
    "org.apache.kafka.connect.converters.IntegerConverter",
    "org.apache.kafka.connect.converters.LongConverter",
    "org.apache.kafka.connect.converters.FloatConverter",
    "org.apache.kafka.connect.converters.DoubleConverter",
    "org.apache.kafka.connect.converters.BooleanConverter",
    BYTES,
    BINARY_DATA,
    DEBEZIUM_BYTES,
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
    let is_header = role == "header.converter";
    let unknown = || {
        Error::config(format!(
            "Invalid value {class} for configuration {role}: Class {class} could not be found."
        ))
    };
    if is_header && !HEADER_CLASSES.contains(&class) {
        return Err(unknown());
    }
    if class == SIMPLE_HEADER {
        return if is_header { Ok(Converter::SimpleHeader) } else { Err(unknown()) };
    }
    let known = CLASSES.iter().find(|known| known.name == class).ok_or_else(unknown)?;
    let own = |name: &str| get(&format!("{role}.{name}"));
    let options = Options::new(&own, known.options).map_err(|error| named(&error, role))?;
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
