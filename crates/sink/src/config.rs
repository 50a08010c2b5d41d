//! The encoder's options, already parsed and judged.

use std::sync::Arc;

use pgoutput::{Column, Relation};

use crate::convert::Options;
use crate::converter::Converters;
use crate::mask::Mask;
use crate::name::NameAdjustment;
use crate::topic::TopicNaming;
use crate::transform::Chain;

/// `event.converting.failure.handling.mode`, of a value, and `event.processing.failure.handling.mode`, of a whole event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailureMode {
    /// Log a warning; the value becomes null, the event no record.
    #[default]
    Warn,
    /// The same without a warning.
    Skip,
    /// Stop.
    Fail,
}

/// `skipped.operations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedOperations {
    /// `c`.
    pub create: bool,
    /// `u`.
    pub update: bool,
    /// `d`.
    pub delete: bool,
    /// `t`.
    pub truncate: bool,
}

impl Default for SkippedOperations {
    fn default() -> Self {
        Self { create: false, update: false, delete: false, truncate: true }
    }
}

/// How rows become bytes. The result does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Path {
    /// Compiled where the transforms allow it.
    #[default]
    Auto,
    /// Always through trees: for tests.
    General,
}

/// A question about a table.
pub type TableFilter = Arc<dyn Fn(&Relation) -> bool + Send + Sync>;

/// A table's key as `message.key.columns` gives it: column indexes in key order; `None` to take [`Relation::key`].
pub type KeyColumns = Arc<dyn Fn(&Relation) -> Option<Vec<usize>> + Send + Sync>;

/// What the options say of a column's value. Keys keep their columns as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnRule {
    /// `column.include.list` or `column.exclude.list` leaves it out.
    pub excluded: bool,
    /// What becomes of its text.
    pub mask: Option<Mask>,
}

/// A question about a column.
pub type ColumnRules = Arc<dyn Fn(&Relation, &Column) -> ColumnRule + Send + Sync>;

/// A question about a text.
pub type TextFilter = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Whether a column's schema says what the column is in its source: asked with the column's name and its type's, as
/// [`SourceType`](crate::convert::SourceType) has it.
pub type PropagateSourceType = Arc<dyn Fn(&Relation, &str, &str) -> bool + Send + Sync>;

/// Everything the encoder must know.
#[derive(Clone)]
pub struct EncoderConfig {
    /// `topic.prefix`: the logical name.
    pub prefix: Arc<str>,
    /// `database.dbname`.
    pub database: Arc<str>,
    /// `source.version`: the peer's version whose records these are, e.g. `3.6.3.Final`.
    pub version: Arc<str>,
    /// Number of the task, in the context headers.
    pub task_id: u32,
    /// UUID of this start of the task, in the context headers.
    pub run_id: Arc<str>,
    /// `extended.headers.enabled`.
    pub extended_headers: bool,
    /// `tombstones.on.delete`.
    pub tombstones: bool,
    /// `skipped.operations`.
    pub skipped: SkippedOperations,
    /// How columns convert.
    pub options: Options,
    /// What happens when one does not.
    pub conversion_failure: FailureMode,
    /// What happens when a change cannot become a record.
    pub event_failure: FailureMode,
    /// `schema.name.adjustment.mode`.
    pub schema_names: NameAdjustment,
    /// `field.name.adjustment.mode`: of columns only.
    pub field_names: NameAdjustment,
    /// `column.propagate.source.type` and `datatype.propagate.source.type`.
    pub propagate: Option<PropagateSourceType>,
    /// How topics are named.
    pub topics: TopicNaming,
    /// Key, value and header converter.
    pub converters: Converters,
    /// The transforms.
    pub transforms: Chain,
    /// `errors.tolerance=all`: what a transform or converter refuses is left out.
    pub tolerant: bool,
    /// `errors.log.enable`: what is left out is logged.
    pub log_errors: bool,
    /// Which tables become records; all others only move the offset.
    pub included: TableFilter,
    /// `message.key.columns`.
    pub key_columns: Option<KeyColumns>,
    /// `column.include.list`, `column.exclude.list`, and the masks.
    pub columns: Option<ColumnRules>,
    /// `skip.messages.without.change`.
    pub skip_unchanged: bool,
    /// Which prefixes of logical messages become records; all without.
    pub messages: Option<TextFilter>,
    /// `provide.transaction.metadata`: the topic of the bounds of transactions.
    pub transaction_topic: Option<Arc<str>>,
    /// The topic of heartbeats.
    pub heartbeat_topic: Arc<str>,
    /// Which way rows take.
    pub path: Path,
}

impl EncoderConfig {
    /// Every option at Debezium's default, for the tables of `database` under the logical name `prefix`.
    #[must_use]
    pub fn new(prefix: &str, database: &str) -> Self {
        Self {
            prefix: prefix.into(),
            database: database.into(),
            version: crate::component::DEBEZIUM_VERSION.into(),
            task_id: 0,
            run_id: "".into(),
            extended_headers: true,
            tombstones: true,
            skipped: SkippedOperations::default(),
            options: Options::default(),
            conversion_failure: FailureMode::Warn,
            event_failure: FailureMode::Fail,
            schema_names: NameAdjustment::None,
            field_names: NameAdjustment::None,
            propagate: None,
            topics: TopicNaming::new(prefix, "."),
            converters: Converters::default(),
            transforms: Chain::default(),
            tolerant: false,
            log_errors: false,
            included: Arc::new(|_| true),
            key_columns: None,
            columns: None,
            skip_unchanged: false,
            messages: None,
            transaction_topic: None,
            heartbeat_topic: format!("__debezium-heartbeat.{prefix}").into(),
            path: Path::Auto,
        }
    }
}

impl std::fmt::Debug for EncoderConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncoderConfig")
            .field("prefix", &self.prefix)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
