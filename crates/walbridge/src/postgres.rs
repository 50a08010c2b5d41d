//! `io.debezium.connector.postgresql.PostgresConnector`, as the worker runs it.

pub(crate) mod check;
mod columns;
mod connection;
mod identity;
mod options;
mod pulse;
mod refusal;
mod settings;
mod signal;
mod source;
pub(crate) mod tail;
pub(crate) mod task;
mod validation;

use std::sync::Arc;

use connect::config_def::{ConfigDef, ConfigValue};
use connect::connector::BoxFuture;
use connect::{Plugin, Properties, TaskContext, TaskError};

use crate::live::Live;
pub(crate) use settings::TableName;

/// The peer's version whose records walbridge writes; in `source.version` and in REST.
pub(crate) const DEBEZIUM_VERSION: &str = sink::component::DEBEZIUM_VERSION;
const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// The connector class.
#[derive(Debug)]
pub(crate) struct PostgresConnector {
    /// Where its tasks enter themselves.
    pub(crate) live: Arc<Live>,
    /// Where they are measured.
    pub(crate) metrics: task::Measuring,
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
        Box::pin(validation::validate(config))
    }

    fn task_configs(&self, config: &Properties) -> Vec<Properties> {
        vec![config.clone()]
    }

    fn task_class(&self) -> &'static str {
        "io.debezium.connector.postgresql.PostgresConnectorTask"
    }

    fn run(&self, context: TaskContext) -> BoxFuture<Result<(), TaskError>> {
        Box::pin(task::run(context, Arc::clone(&self.live), self.metrics.clone()))
    }
}
