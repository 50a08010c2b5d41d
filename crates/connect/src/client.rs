//! The worker's own Kafka clients, and who is told what they tell of themselves.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{ConsumerContext, StreamConsumer};
use rdkafka::producer::FutureProducer;
use sink::producer::StatisticsSink;

use crate::client_config::Role;

/// Is asked once a client of the worker's own, by role and `client.id`, and answers who is told what that client tells
/// of itself, every few seconds. An admin client tells nothing: the binding does not hand out its events.
pub type ClientWatch = Arc<dyn Fn(Role, &str) -> StatisticsSink + Send + Sync>;

pub(crate) type Consumer = StreamConsumer<Context>;
pub(crate) type Producer = FutureProducer<Context>;
pub(crate) type Admin = AdminClient<Context>;

/// Hands a client's statistics on.
#[derive(Clone, Default)]
pub(crate) struct Context {
    pub(crate) statistics: Option<StatisticsSink>,
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        if let Some(sink) = &self.statistics {
            sink(&statistics);
        }
    }
}

impl ConsumerContext for Context {}
