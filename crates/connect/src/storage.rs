//! The three topics in which a worker keeps everything, in Connect's formats.
//!
//! Each has a [`Log`](log::Log) and a copy of its content in memory, filled from the topic's beginning and kept up
//! by the live tail. A copy changes only through records read back.

pub(crate) mod config;
pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod offset;
pub(crate) mod status;
pub(crate) mod topic;
