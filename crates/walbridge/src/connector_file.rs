//! What `check` and `tail` are given: a connector's JSON, as one would send it to REST, and the worker's properties.

use std::path::{Path, PathBuf};

use connect::Properties;
use serde_json::{Map, Value};

use crate::worker_config::{self, WorkerConfigError};

/// The connector cannot be read from what was given. Never holds a value of it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorFileError {
    /// The file cannot be read.
    #[error("connector {path}: {source}")]
    Read {
        /// Its path as given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what REST takes.
    #[error("connector {path}: {reason}")]
    Form {
        /// Its path as given.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// The worker's properties.
    #[error(transparent)]
    Worker(#[from] WorkerConfigError),
    /// A placeholder cannot be replaced.
    #[error(transparent)]
    Placeholder(#[from] connect::WorkerError),
}

/// A connector, placeholders replaced, with the worker that would run it.
#[derive(Debug)]
pub(crate) struct ConnectorFile {
    /// Its name, where the file has one.
    pub(crate) name: Option<String>,
    pub(crate) config: Properties,
    /// `None`: no worker was given.
    pub(crate) worker: Option<Properties>,
}

/// Which files to read.
#[derive(Debug, Clone)]
pub struct Given {
    /// The connector's JSON; `-` for standard input.
    pub connector: PathBuf,
    /// The worker's properties; without it the `CONNECT_*` environment, where that names brokers.
    pub worker: Option<PathBuf>,
}

impl ConnectorFile {
    pub(crate) fn read(given: &Given) -> Result<Self, ConnectorFileError> {
        let path = || given.connector.display().to_string();
        let text = if given.connector == Path::new("-") {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(&given.connector)
        };
        let text = text.map_err(|source| ConnectorFileError::Read { path: path(), source })?;
        let (name, config) =
            parse(&text).map_err(|reason| ConnectorFileError::Form { path: path(), reason })?;
        let worker = match &given.worker {
            Some(path) => Some(worker_config::from_file(path)?),
            None => Some(worker_config::from_env(std::env::vars()))
                .filter(|found| found.contains_key("bootstrap.servers")),
        };
        let (resolved, config) =
            connect::settings::resolve(worker.as_ref().unwrap_or(&Properties::new()), &config)?;
        Ok(Self { name, config, worker: worker.map(|_| resolved) })
    }
}

/// The body of a PUT (the options alone) or of a POST (`name` and `config`).
fn parse(text: &str) -> Result<(Option<String>, Properties), String> {
    let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(object) = json else { return Err("not a JSON object".to_owned()) };
    let (name, options) = match object.get("config") {
        Some(Value::Object(config)) => (object.get("name"), config),
        Some(_) => return Err("\"config\" is not an object".to_owned()),
        None => (object.get("name"), &object),
    };
    Ok((name.and_then(Value::as_str).map(str::to_owned), strings(options)?))
}

/// As REST does: numbers and booleans by their text, nulls left out.
fn strings(options: &Map<String, Value>) -> Result<Properties, String> {
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Some(Ok((key.clone(), text.clone()))),
        Value::Number(number) => Some(Ok((key.clone(), number.to_string()))),
        Value::Bool(flag) => Some(Ok((key.clone(), flag.to_string()))),
        Value::Null => None,
        Value::Array(_) | Value::Object(_) => {
            Some(Err(format!("option {key:?} is neither a text nor a number nor a boolean")))
        }
    };
    options.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bodies_of_rest_are_read() {
        for text in [
            r#"{"name": "c", "a": "1", "b": 2, "x": null}"#,
            r#"{"name": "c", "config": {"name": "c", "a": "1", "b": 2}}"#,
        ] {
            let (name, config) = parse(text).unwrap();
            assert_eq!(name.as_deref(), Some("c"));
            assert_eq!(config.get("b").map(String::as_str), Some("2"));
            assert_eq!(config.len(), 3);
        }
    }

    #[test]
    fn what_rest_would_not_take_is_named_without_its_value() {
        let error = parse(r#"{"database.password": ["hunter2"]}"#).unwrap_err();
        assert!(error.contains("database.password") && !error.contains("hunter2"), "{error}");
        parse("[]").unwrap_err();
        parse(r#"{"config": "x"}"#).unwrap_err();
        // serde_json names line and column, not what stands there.
        let error = parse("{\"database.password\": \"hunter2\" x}").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
