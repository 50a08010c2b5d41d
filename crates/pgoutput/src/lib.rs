//! Postgres logical replication, and nothing else.
//!
//! ```text
//! socket ─frames→ Message ─Assembler→ Event ─Batch→ queue (bounded in bytes) → the reader of the crate
//!    ^                        ^
//!    │                        └── Catalog: what a Relation message does not say (keys, defaults, types)
//!    └── status update ← confirm(Lsn)
//! ```
//!
//! Parsing is pure ([`message`], [`tuple`](batch), [`assembler`], [`copy`]); the async shell around it is thin
//! (`wire`, [`sql`], [`replication`], [`stream`], [`snapshot`]). No Kafka, no Debezium, no JSON.

pub mod assembler;
pub mod batch;
pub mod catalog;
pub mod chunk;
pub mod config;
pub mod copy;
pub mod error;
pub mod identity;
pub mod lsn;
pub mod message;
pub mod preflight;
pub mod publication;
pub mod queue;
mod reader;
pub mod relation;
pub mod replication;
pub mod slot;
pub mod snapshot;
pub mod sql;
pub mod stream;
mod wire;

pub use batch::{
    Batch, Cell, CellKind, Change, Datum, Decoded, Event, Old, OldKind, Op, Position, ReadKind,
    ReadMark, Row, Tuple,
};
pub use config::{Config, Password, SslConfig, SslMode};
pub use error::{Error, Result};
pub use lsn::Lsn;
pub use relation::{Column, Relation, ReplicaIdentity, Type, TypeKind};
