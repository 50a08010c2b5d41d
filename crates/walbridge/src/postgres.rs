//! `io.debezium.connector.postgresql.PostgresConnector`, as the worker runs it.

pub(crate) mod check;
mod options;
mod settings;
mod signal;
mod source;
pub(crate) mod tail;
mod task;

use std::sync::Arc;

use connect::config_def::{ConfigDef, ConfigValue};
use connect::connector::BoxFuture;
use connect::settings::{PluginInfo, PluginKind};
use connect::{Plugin, Properties, TaskContext, TaskError};

use crate::live::Live;
use settings::Settings;

/// The peer's version whose records walbridge writes; in `source.version` and in REST.
pub(crate) const DEBEZIUM_VERSION: &str = "3.6.3.Final";
const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// The connector class.
#[derive(Debug)]
pub(crate) struct PostgresConnector {
    /// Where its tasks enter themselves.
    pub(crate) live: Arc<Live>,
}

impl Plugin for PostgresConnector {
    fn class(&self) -> &'static str {
        CLASS
    }

    fn version(&self) -> &'static str {
        DEBEZIUM_VERSION
    }

    fn config_def(&self) -> &'static ConfigDef {
        &options::CONFIG_DEF
    }

    fn validate(&self, config: Properties) -> BoxFuture<Vec<ConfigValue>> {
        Box::pin(validate(config))
    }

    fn task_configs(&self, config: &Properties) -> Vec<Properties> {
        vec![config.clone()]
    }

    fn task_class(&self) -> &'static str {
        "io.debezium.connector.postgresql.PostgresConnectorTask"
    }

    fn run(&self, context: TaskContext) -> BoxFuture<Result<(), TaskError>> {
        Box::pin(task::run(context, Arc::clone(&self.live)))
    }
}

/// As Debezium does: every option by itself, and a connection only if none of them has an error. The value of a
/// validated option is null in Debezium's answer, whatever was submitted.
async fn validate(config: Properties) -> Vec<ConfigValue> {
    let mut values: Vec<ConfigValue> =
        options::OPTIONS.iter().map(|o| ConfigValue::new(o.key.name, None)).collect();
    let mut report =
        |option: &str, message: String| match values.iter_mut().find(|v| v.name == option) {
            Some(value) => value.errors.push(message),
            None => {
                let mut value = ConfigValue::new(option, None);
                value.errors.push(message);
                values.push(value);
            }
        };
    match Settings::parse(&config) {
        Err(problems) => {
            for problem in problems {
                report(&problem.option, problem.to_string());
            }
        }
        Ok(settings) => {
            let limit = settings.validation_timeout;
            match tokio::time::timeout(limit, source::probe(&settings)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    report(
                        "database.hostname",
                        format!("Error while validating connector config: {error}"),
                    );
                }
                Err(_elapsed) => {
                    report(
                        "database.hostname",
                        format!("Connection validation timed out after {} ms", limit.as_millis()),
                    );
                }
            }
        }
    }
    values
}

/// What REST lists beside the connector: the transforms and converters that walbridge implements.
pub(crate) fn components() -> Vec<PluginInfo> {
    let apache = |class: &str, kind| PluginInfo {
        class: class.to_owned(),
        kind,
        version: Some(crate::CONNECT_VERSION.to_owned()),
    };
    let mut list = vec![PluginInfo {
        class: "io.debezium.transforms.ExtractNewRecordState".to_owned(),
        kind: PluginKind::Transformation,
        version: Some(DEBEZIUM_VERSION.to_owned()),
    }];
    list.push(apache("org.apache.kafka.connect.json.JsonConverter", PluginKind::Converter));
    list.push(apache(
        "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        PluginKind::HeaderConverter,
    ));
    list
}
