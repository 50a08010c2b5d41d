//! From a change to an acknowledged Kafka record.
//!
//! ```text
//!  relation + options ──compile──> Plan: per kind of record its topic, and for key, value and headers a Node:
//!                                  a Connect schema, and where each field comes from and how it converts
//!                                    │
//!               row (raw cells) ─────┤ Node::drive(context, emit)    Value (tree) ── Value::emit(emit)
//!                                    v                                    ^     │
//!                        Emit: JsonWriter · …                      ValueBuilder  └→ transforms
//! ```
//!
//! One statement of a record, two ways to run it: see `docs/architecture.md`.

pub mod ack;
pub mod brokers;
pub mod component;
pub mod config;
pub mod config_def;
pub mod consumer;
pub mod convert;
pub mod converter;
pub mod data;
pub mod emit;
pub mod encoder;
pub mod envelope;
pub mod error;
pub mod java_map;
pub mod java_regex;
pub mod mask;
pub mod name;
pub mod notice;
pub mod notification;
pub mod offset;
pub mod option;
pub mod plan;
pub mod producer;
pub mod record;
pub mod topic;
pub mod topic_creation;
pub mod transaction;
pub mod transform;
