//! Records as they leave the encoder: an arena that is reused from batch to batch.
//!
//! One buffer holds the bytes of all keys, values and headers; an entry says where they lie. So a record costs
//! no allocation once the buffers have grown to a batch's size.

use std::ops::Range;
use std::sync::Arc;

/// Where a record goes and which headers it has: what most records of a table share.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// The topic.
    pub topic: Arc<str>,
    /// The headers, in order.
    pub headers: Vec<Slot>,
}

/// One header of a [`Target`].
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: Arc<str>,
    /// Its value, where all records share it; else the record has its own.
    pub shared: Option<Option<Box<[u8]>>>,
}

#[derive(Debug)]
struct Entry {
    target: u32,
    parts: Parts,
}

/// What one record has of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) key: Option<Range<usize>>,
    pub(crate) value: Option<Range<usize>>,
    /// Index of the first of its own header values.
    pub(crate) headers: u32,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) event: u32,
}

/// The records of one batch.
#[derive(Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    targets: Vec<Arc<Target>>,
    headers: Vec<Option<Range<usize>>>,
}

impl Records {
    /// An empty arena.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.targets.clear();
        self.headers.clear();
    }

    /// Number of records.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of keys, values and own header values.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The record with that index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        let entry = self.entries.get(index)?;
        let target = self.targets.get(entry.target as usize)?;
        Some(RecordRef { records: self, entry, target })
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordRef<'_>> {
        (0..self.entries.len()).filter_map(|index| self.get(index))
    }

    fn slice(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        range.map(|range| self.bytes.get(range.clone()).unwrap_or_default())
    }

    /// The buffer, for a converter to append to.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The index of the header value that is pushed next.
    pub(crate) fn next_header(&self) -> u32 {
        u32::try_from(self.headers.len()).unwrap_or(u32::MAX)
    }

    /// Adds a header value of the next record.
    pub(crate) fn push_header(&mut self, value: Option<Range<usize>>) {
        self.headers.push(value);
    }

    /// Adds a record whose parts have been written.
    pub(crate) fn push(&mut self, target: &Arc<Target>, parts: Parts) {
        if !self.targets.last().is_some_and(|last| Arc::ptr_eq(last, target)) {
            self.targets.push(Arc::clone(target));
        }
        let target = u32::try_from(self.targets.len() - 1).unwrap_or(u32::MAX);
        self.entries.push(Entry { target, parts });
    }

    /// Takes back what was written of a record that failed.
    pub(crate) fn truncate(&mut self, mark: &Mark) {
        self.bytes.truncate(mark.bytes);
        self.headers.truncate(mark.headers);
        self.entries.truncate(mark.entries);
    }

    /// Where the arena ends now.
    pub(crate) const fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), headers: self.headers.len(), entries: self.entries.len() }
    }
}

/// An end of the arena to go back to.
#[derive(Debug)]
pub(crate) struct Mark {
    bytes: usize,
    headers: usize,
    entries: usize,
}

/// One record of [`Records`].
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    records: &'a Records,
    entry: &'a Entry,
    target: &'a Target,
}

impl<'a> RecordRef<'a> {
    /// Its topic.
    #[must_use]
    pub const fn topic(&self) -> &'a Arc<str> {
        &self.target.topic
    }

    /// Its key; `None` for a record without one.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.records.slice(self.entry.parts.key.as_ref())
    }

    /// Its value; `None` for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.records.slice(self.entry.parts.value.as_ref())
    }

    /// Its partition, where a transform or the kind of record sets it.
    #[must_use]
    pub const fn partition(&self) -> Option<i32> {
        self.entry.parts.partition
    }

    /// Its timestamp in milliseconds, where a transform sets it.
    #[must_use]
    pub const fn timestamp_ms(&self) -> Option<i64> {
        self.entry.parts.timestamp_ms
    }

    /// Index in [`Batch::events`](pgoutput::Batch) of the event that it comes from.
    #[must_use]
    pub const fn event(&self) -> u32 {
        self.entry.parts.event
    }

    /// Its headers: name and value, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a Arc<str>, Option<&'a [u8]>)> + use<'a> {
        let Self { records, entry, target } = *self;
        let mut own =
            records.headers.get(entry.parts.headers as usize..).unwrap_or_default().iter();
        target.headers.iter().map(move |slot| match &slot.shared {
            Some(value) => (&slot.name, value.as_deref()),
            None => (&slot.name, records.slice(own.next().and_then(Option::as_ref))),
        })
    }
}
