//! `io.debezium.connector.postgresql.PostgresConnector`, as the worker runs it.

mod check;
mod definition;
mod options;
mod settings;
mod source;
mod task;
mod validation;

use connect::config_def::{ConfigDef, ConfigValue};
use connect::connector::BoxFuture;
use connect::{Plugin, Properties, TaskContext, TaskError};

/// The peer's version whose records walbridge writes; in `source.version` and in REST.
const DEBEZIUM_VERSION: &str = sink::component::DEBEZIUM_VERSION;
const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// The connector class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PostgresConnector;

impl Plugin for PostgresConnector {
    fn class(&self) -> &'static str {
        CLASS
    }

    fn version(&self) -> &'static str {
        DEBEZIUM_VERSION
    }

    fn config_def(&self) -> &'static ConfigDef {
        &definition::CONFIG_DEF
    }

    fn validate(&self, config: Properties) -> BoxFuture<Vec<ConfigValue>> {
        Box::pin(validation::validate(config))
    }

    fn task_configs(&self, config: &Properties) -> Vec<Properties> {
        vec![config.clone()]
    }

    fn task_class(&self) -> &'static str {
        "io.debezium.connector.postgresql.PostgresConnectorTask"
    }

    fn run(&self, context: TaskContext) -> BoxFuture<Result<(), TaskError>> {
        Box::pin(task::run(context))
    }
}
