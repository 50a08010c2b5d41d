//! The state of an incremental snapshot: which tables, how far, which window. Pure.
//!
//! It follows Debezium's `AbstractIncrementalSnapshotChangeEventSource` and its context step by step, since the watermark
//! rows, notifications and offsets of both must be the same. Where it departs:
//!
//! * After a restart the key of the last row sent stays in the offset until another is sent; Debezium forgets it and
//!   would begin the table anew after a second restart.
//! * A key of the offset that cannot be read makes the table begin anew, and no error.

use std::collections::VecDeque;

use fancy_regex::Regex;
use pgoutput::chunk::{Chunk, Key, key_of};
use pgoutput::{Batch, Column, Position, Relation, Row};
use serde_json::{Map, Value};
use sink::offset::IncrementalOffset;

use super::java_key;
use super::message::Execute;
use super::window::Window;
use crate::notification::Note;

/// A table to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    /// `schema.table`, or whatever the signal named and no table is.
    pub(super) name: String,
    pub(super) condition: Option<String>,
    pub(super) surrogate_key: Option<String>,
}

/// How reading a table ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    Empty,
    NoPrimaryKey,
    SqlException,
    Succeeded,
    UnknownSchema,
}

impl Scan {
    const fn word(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::NoPrimaryKey => "NO_PRIMARY_KEY",
            Self::SqlException => "SQL_EXCEPTION",
            Self::Succeeded => "SUCCEEDED",
            Self::UnknownSchema => "UNKNOWN_SCHEMA",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Incremental {
    collections: VecDeque<Collection>,
    /// Id of the signal that came last.
    correlation: Option<String>,
    is_paused: bool,
    /// Patterns of tables that are to be stopped before the next chunk.
    stops: Vec<String>,
    /// Id of the chunk whose window is expected.
    chunk: Option<String>,
    is_open: bool,
    window: Window,
    /// The columns that order the current table.
    columns: Vec<Column>,
    /// Their indexes in its rows.
    order: Vec<usize>,
    /// Of the current table: the key of its last row when it began, of the last row read, and of the last row sent.
    maximum: Option<Key>,
    read: Option<Key>,
    sent: Option<Key>,
    /// Rows read of the current table.
    rows: u64,
    /// The table that was worked on last.
    current: Option<String>,
}

impl Incremental {
    /// Goes on from a stored offset.
    pub(super) fn restore(stored: &IncrementalOffset) -> Self {
        let mut state = Self { correlation: stored.correlation_id.clone(), ..Self::default() };
        let Ok(Value::Array(collections)) = serde_json::from_str(&stored.collections) else {
            tracing::warn!(
                "the offset's list of tables to snapshot cannot be read: the incremental snapshot ends"
            );
            return state;
        };
        state.collections = collections.iter().filter_map(collection).collect();
        match (java_key::parse(&stored.primary_key), java_key::parse(&stored.maximum_key)) {
            (Ok(sent), Ok(maximum)) => {
                state.read.clone_from(&sent);
                (state.sent, state.maximum) = (sent, maximum);
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "the offset's place in the incremental snapshot cannot be read: its table begins anew");
            }
        }
        state
    }

    /// What is to be stored; `None` when nothing runs.
    pub(super) fn offset(&self) -> Option<IncrementalOffset> {
        if !self.is_running() {
            return None;
        }
        const PREFIX: &str = "incremental_snapshot_collections_";
        let text = |text: Option<&String>| text.map_or(Value::Null, |text| text.as_str().into());
        let collection = |collection: &Collection| {
            Value::Object(Map::from_iter([
                (format!("{PREFIX}id"), collection.name.as_str().into()),
                (format!("{PREFIX}additional_condition"), text(collection.condition.as_ref())),
                (format!("{PREFIX}surrogate_key"), text(collection.surrogate_key.as_ref())),
            ]))
        };
        let columns: Vec<&Column> = self.columns.iter().collect();
        Some(IncrementalOffset {
            correlation_id: self.correlation.clone(),
            maximum_key: java_key::write(&columns, self.maximum.as_ref()),
            primary_key: java_key::write(&columns, self.sent.as_ref()),
            collections: Value::Array(self.collections.iter().map(collection).collect())
                .to_string(),
        })
    }

    pub(super) fn is_running(&self) -> bool {
        !self.collections.is_empty()
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// The table to read from.
    pub(super) fn head(&self) -> Option<&Collection> {
        self.collections.front()
    }

    /// Bounds of the next chunk: behind that key, and up to that one.
    pub(super) fn bounds(&self) -> (Option<&Key>, Option<&Key>) {
        // The first chunk has neither.
        (self.read.as_ref(), self.maximum.as_ref().filter(|_| self.read.is_some()))
    }

    pub(super) const fn has_maximum(&self) -> bool {
        self.maximum.is_some()
    }

    pub(super) fn set_maximum(&mut self, maximum: Key) {
        self.maximum = Some(maximum);
    }

    /// Takes up what a signal asks for. The note, if nothing ran before: then a chunk is to be read.
    pub(super) fn add(&mut self, execute: &Execute, known: &[String]) -> Option<Note> {
        let ran = self.is_running();
        self.collections.extend(expand(&execute.tables, known).into_iter().map(|name| {
            Collection {
                condition: execute.condition(&name).map(str::to_owned),
                surrogate_key: execute.surrogate_key.clone(),
                name,
            }
        }));
        self.correlation.clone_from(&execute.id);
        (!ran).then(|| self.note("STARTED", vec![("data_collections", self.names())]))
    }

    pub(super) fn pause(&mut self) -> Option<Note> {
        if !self.is_running() || self.is_paused {
            return None;
        }
        self.is_paused = true;
        Some(self.note("PAUSED", vec![("data_collections", self.names())]))
    }

    /// The note, if it goes on: then a chunk is to be read.
    pub(super) fn resume(&mut self) -> Option<Note> {
        if !self.is_running() || !self.is_paused {
            return None;
        }
        self.is_paused = false;
        Some(self.note("RESUMED", vec![("data_collections", self.names())]))
    }

    /// Tables to be stopped before the next chunk; all without a list.
    pub(super) fn request_stop(&mut self, tables: Option<Vec<String>>) {
        if self.is_running() {
            self.stops.extend(tables.unwrap_or_else(|| vec![".*".to_owned()]));
        }
    }

    pub(super) const fn wants_stop(&self) -> bool {
        !self.stops.is_empty()
    }

    /// Stops what was asked for: first the tables that wait, then the one that is being read.
    pub(super) fn stop(&mut self, known: &[String]) -> Vec<Note> {
        let stops = std::mem::take(&mut self.stops);
        if stops.is_empty() || !self.is_running() {
            return Vec::new();
        }
        let (mut notes, mut stopped, mut current) = (Vec::new(), Vec::new(), None);
        for name in expand(&stops, known) {
            let is_head = self.head().is_some_and(|head| head.name == name);
            if is_head && self.current.as_ref() == Some(&name) {
                current = Some(name);
                continue;
            }
            let before = self.collections.len();
            self.collections.retain(|collection| collection.name != name);
            if self.collections.len() < before {
                stopped.push(name);
            }
            if is_head {
                self.begin_table();
            }
        }
        if let Some(name) = current {
            stopped.push(name);
            self.rows = 0;
            notes.extend(self.next());
        }
        notes.push(self.note("ABORTED", vec![("data_collections", stopped.join(","))]));
        notes
    }

    /// A new chunk begins, with that id.
    pub(super) fn begin_chunk(&mut self, id: String) {
        self.chunk = Some(id);
    }

    /// The id of the chunk.
    pub(super) fn chunk(&self) -> &str {
        self.chunk.as_deref().unwrap_or_default()
    }

    fn expects(&self, id: &str) -> bool {
        self.chunk.as_ref().is_some_and(|chunk| id.starts_with(chunk.as_str()))
    }

    /// The window of the chunk opens in the log, if that is its mark: what comes from here on is newer than the rows.
    pub(super) fn open(&mut self, id: &str) {
        self.is_open |= self.expects(id);
    }

    /// The window closes, if that is its mark.
    pub(super) fn close(&mut self, id: &str) -> bool {
        let closes = self.expects(id);
        self.is_open &= !closes;
        closes
    }

    /// For windows without marks.
    pub(super) const fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// A row of a table streams past.
    pub(super) fn passes(&mut self, table: &str, row: Row<'_>, key: &[usize]) {
        if self.is_open && self.head().is_some_and(|head| head.name == table) {
            self.window.remove(row, key);
        }
    }

    /// The table at the head is that one, ordered by those columns.
    pub(super) fn work_on(&mut self, relation: &Relation, order: Vec<usize>) {
        let column = |index: &usize| relation.columns.get(*index).cloned();
        self.columns = order.iter().filter_map(column).collect();
        self.order = order;
        self.current = self.head().map(|head| head.name.clone());
    }

    /// Rows were read, at least one.
    pub(super) fn load(&mut self, chunk: Chunk, record_key: &[usize]) -> Note {
        self.rows += u64::try_from(chunk.rows.len()).unwrap_or(u64::MAX);
        self.read = chunk.last_key(&self.order);
        self.window.load(chunk, record_key);
        self.note(
            "IN_PROGRESS",
            vec![
                ("data_collections", self.names()),
                ("current_collection_in_progress", self.current.clone().unwrap_or_default()),
                ("maximum_key", self.shown(self.maximum.as_ref())),
                ("last_processed_key", self.shown(self.read.as_ref())),
            ],
        )
    }

    /// What is left of the window.
    pub(super) fn take_window(&mut self, position: Position) -> Option<Batch> {
        let (batch, chunk) = self.window.take(position)?;
        self.sent = chunk.rows.last().map(|row| key_of(chunk.row(*row), &self.order));
        Some(batch)
    }

    pub(super) fn clear_window(&mut self) {
        self.window.clear();
    }

    /// The table at the head is done with; the snapshot too, if it was the last one.
    pub(super) fn end_table(&mut self, scan: Scan) -> Vec<Note> {
        let scanned = self.head().map(|head| head.name.clone()).unwrap_or_default();
        let data = vec![
            ("data_collections", self.names()),
            ("scanned_collection", scanned),
            ("total_rows_scanned", self.rows.to_string()),
            ("status", scan.word().to_owned()),
        ];
        let mut notes = vec![self.note("TABLE_SCAN_COMPLETED", data)];
        if scan == Scan::Succeeded {
            self.rows = 0;
        }
        notes.extend(self.next());
        notes
    }

    fn next(&mut self) -> Option<Note> {
        self.collections.pop_front();
        self.begin_table();
        (!self.is_running()).then(|| self.note("COMPLETED", Vec::new()))
    }

    fn begin_table(&mut self) {
        (self.maximum, self.read, self.sent) = (None, None, None);
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.collections.iter().map(|c| c.name.as_str()).collect();
        names.join(",")
    }

    fn note(&self, kind: &'static str, data: Vec<(&'static str, String)>) -> Note {
        Note { id: self.correlation.clone(), kind, data }
    }

    /// A key as Java prints it.
    fn shown(&self, key: Option<&Key>) -> String {
        let value =
            |(column, value): (&Column, &Option<String>)| match (column.ty.oid, value.as_deref()) {
                (_, None) => "<null>".to_owned(),
                (16, Some("t")) => "true".to_owned(),
                (16, Some("f")) => "false".to_owned(),
                (_, Some(text)) => text.to_owned(),
            };
        let values = key.map(|key| self.columns.iter().zip(key).map(value).collect::<Vec<_>>());
        values.map_or_else(|| "\"<null>\"".to_owned(), |values| values.join(","))
    }
}

/// One of the offset's tables.
fn collection(stored: &Value) -> Option<Collection> {
    let text = |part: &str| {
        let value = stored.get(format!("incremental_snapshot_collections_{part}"));
        value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(Collection {
        name: text("id")?,
        condition: text("additional_condition"),
        surrogate_key: text("surrogate_key"),
    })
}

/// The tables that the patterns match as a whole, case for case; a pattern that matches none stands for itself.
fn expand(patterns: &[String], known: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for pattern in patterns {
        let regex = Regex::new(&format!("^(?:{pattern})$"));
        let matches =
            |name: &&String| regex.as_ref().is_ok_and(|r| r.is_match(name).unwrap_or(false));
        let mut found: Vec<String> = known.iter().filter(matches).cloned().collect();
        if found.is_empty() {
            found.push(pattern.clone());
        }
        for name in found {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;
