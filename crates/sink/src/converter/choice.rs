//! Which converter a configuration names, and with which options.

use super::json::JsonConfig;
use super::{Converter, Converters};
use crate::error::{Error, Result};

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const SIMPLE_HEADER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

impl Converters {
    /// Reads `key.converter`, `value.converter`, `header.converter` and their keys. As in Connect, a connector that
    /// names a class brings all of its keys itself; else the worker's class and the worker's keys apply, and keys of
    /// the connector alone have no effect.
    ///
    /// # Errors
    ///
    /// A class that walbridge does not implement, or a value out of its range.
    pub fn parse<'a>(
        connector: &dyn Fn(&str) -> Option<&'a str>,
        worker: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Result<Self> {
        let choose = |role: &str, fallback: Option<&'static str>| {
            let given = |from: &dyn Fn(&str) -> Option<&'a str>| {
                from(role).map(str::trim).filter(|c| !c.is_empty())
            };
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

fn converter<'a>(
    role: &str,
    class: &str,
    get: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Converter> {
    match class {
        JSON => Ok(Converter::Json(json(role, get)?)),
        SIMPLE_HEADER if role == "header.converter" => Ok(Converter::SimpleHeader),
        _ => Err(Error::config(format!(
            "Invalid value {class} for configuration {role}: Class {class} could not be found."
        ))),
    }
}

fn json<'a>(role: &str, get: &dyn Fn(&str) -> Option<&'a str>) -> Result<JsonConfig> {
    let defaults = JsonConfig::default();
    let flag = |name: &str, default: bool| {
        let key = format!("{role}.{name}");
        match get(&key).map(|v| v.trim().to_ascii_lowercase()).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(Error::config(format!(
                "Invalid value {other} for configuration {key}: Expected value to be either true or false"
            ))),
        }
    };
    let key = format!("{role}.decimal.format");
    let numeric_decimals = match get(&key).map(|v| v.trim().to_ascii_uppercase()).as_deref() {
        None => defaults.numeric_decimals,
        Some("BASE64") => false,
        Some("NUMERIC") => true,
        Some(other) => {
            return Err(Error::config(format!(
                "Invalid value {other} for configuration {key}: String must be one of (case insensitive): BASE64, NUMERIC"
            )));
        }
    };
    Ok(JsonConfig {
        schemas: flag("schemas.enable", defaults.schemas)?,
        numeric_decimals,
        replace_null_with_default: flag(
            "replace.null.with.default",
            defaults.replace_null_with_default,
        )?,
    })
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
