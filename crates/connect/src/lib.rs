//! The face of Kafka Connect: REST, connector lifecycle, option tables, the three storage topics.
//!
//! ```text
//!   rest ──command──> herder <──record read back── storage (configs, statuses)
//!                       │ starts, stops, watches
//!                       v
//!                    Plugin::run(TaskContext) ──> storage (offsets, active topics)
//! ```
//!
//! The herder decides through the config topic alone: whatever it writes, it acts on when it reads it back, so
//! that any number of workers could act on the same records. Reading REST answers come from the storages'
//! copies and never wait for the herder.

pub mod client;
pub mod client_config;
pub mod config_def;
pub mod connector;
pub mod error;
pub mod extension;
pub mod foreign;
mod herder;
pub mod java_properties;
pub mod logging;
pub mod monitor;
mod placeholder;
mod rest;
pub mod settings;
mod storage;
mod validation;
mod version_range;
pub mod worker;

pub use client::ClientWatch;
pub use connector::{Plugin, Properties, TaskContext, TaskError};
pub use error::WorkerError;
pub use extension::Extension;
pub use monitor::Monitor;
pub use settings::{PluginInfo, PluginKind, WorkerSettings};
pub use worker::Worker;
