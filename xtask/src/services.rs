//! Postgres and Kafka without containers: named stacks that outlive the command that started them.
//!
//! ```text
//! target/xtask/stacks/NAME/state.json    ports, processes, where the data is
//!                          postgres/     cluster and log (elsewhere when its user may not come here)
//!                          broker-N/     properties, log segments, log
//! ```
//!
//! Tests of any language use them through this binary: `up` prints one line of JSON, the other commands take a name.

pub(crate) mod broker;
mod command;
pub(crate) mod connect;
pub(crate) mod postgres;
pub(crate) mod prometheus;
mod registry;
pub(crate) mod stack;

pub(crate) use command::Services;
