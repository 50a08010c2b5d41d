//! The last few records, for people to look at. Bounded in number and in bytes, and in how many are taken in a moment.

use std::collections::VecDeque;

use pgoutput::{Batch, Event, Lsn, Op};
use sink::plan::Clock;
use sink::record::{RecordRef, Records};

/// How many are kept.
const KEPT: usize = 50;
/// At most so many are taken in one [`WINDOW_NS`]: a flood costs no more than a trickle.
const TAKEN_MAX: usize = 100;
const WINDOW_NS: i64 = 250_000_000;
/// Of a batch, only the last ones would stay anyway.
const OF_A_BATCH: usize = 16;
/// Bytes that are kept of a key, and of a value.
const KEY_BYTES: usize = 512;
const VALUE_BYTES: usize = 8192;

/// What may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Nothing is kept.
    Nothing,
    /// Keys.
    Keys,
    /// Keys and values.
    Values,
}

/// A record that was encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecentRecord {
    /// When it was encoded, in milliseconds since the Unix epoch.
    pub(crate) at_ms: i64,
    pub(crate) op: &'static str,
    /// `schema.table`, of a truncate its first.
    pub(crate) table: String,
    pub(crate) lsn: Lsn,
    /// As text, cut; `None` for a record without one.
    pub(crate) key: Option<String>,
    /// As text, cut; `None` for a tombstone, and unless values may be shown.
    pub(crate) value: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Recent {
    shows: Shows,
    ring: VecDeque<RecentRecord>,
    window_ns: i64,
    taken: usize,
}

impl Recent {
    pub(crate) fn new(shows: Shows) -> Self {
        Self { shows, ring: VecDeque::new(), window_ns: 0, taken: 0 }
    }

    /// Takes the last records of a batch.
    pub(crate) fn take(&mut self, batch: &Batch, records: &Records, clock: Clock) {
        if self.shows == Shows::Nothing {
            return;
        }
        if clock.unix_ns - self.window_ns >= WINDOW_NS || clock.unix_ns < self.window_ns {
            (self.window_ns, self.taken) = (clock.unix_ns, 0);
        }
        let count = records.len().min(OF_A_BATCH).min(TAKEN_MAX - self.taken);
        self.taken += count;
        for index in records.len() - count..records.len() {
            let Some(record) = records.get(index) else { continue };
            let event = usize::try_from(record.event()).ok().and_then(|at| batch.events.get(at));
            let Some(shown) = event.and_then(|event| self.describe(event, &record, clock)) else {
                continue;
            };
            if self.ring.len() == KEPT {
                self.ring.pop_front();
            }
            self.ring.push_back(shown);
        }
    }

    fn describe(
        &self,
        event: &Event,
        record: &RecordRef<'_>,
        clock: Clock,
    ) -> Option<RecentRecord> {
        let (op, relation, lsn) = match event {
            Event::Change(change) => {
                let op = match change.op {
                    Op::Read => "read",
                    Op::Insert => "insert",
                    Op::Update => "update",
                    Op::Delete => "delete",
                };
                (op, &change.relation, change.position.lsn)
            }
            Event::Truncate { relations, position, .. } => {
                ("truncate", relations.first()?, position.lsn)
            }
            _ => return None,
        };
        let value = record.value().filter(|_| self.shows == Shows::Values);
        Some(RecentRecord {
            at_ms: clock.unix_ns.div_euclid(1_000_000),
            op: if record.value().is_none() { "tombstone" } else { op },
            table: format!("{}.{}", relation.schema, relation.name),
            lsn,
            key: record.key().map(|key| cut(key, KEY_BYTES)),
            value: value.map(|value| cut(value, VALUE_BYTES)),
        })
    }

    /// The newest first.
    pub(crate) fn newest(&self) -> Vec<RecentRecord> {
        self.ring.iter().rev().cloned().collect()
    }
}

/// The beginning of the bytes as text; what is no text shows as replacement characters.
fn cut(bytes: &[u8], most: usize) -> String {
    match bytes.get(..most) {
        Some(start) if bytes.len() > most => format!("{}…", String::from_utf8_lossy(start)),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_are_cut_and_what_is_no_text_is_shown() {
        assert_eq!(cut(b"abc", 3), "abc");
        assert_eq!(cut(b"abcd", 3), "abc…");
        assert_eq!(cut(&[0xff, b'a'], 9), "\u{fffd}a");
    }
}
