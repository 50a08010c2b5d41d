//! Connect's source offset of a connector: Debezium's map, how its numbers move, and what a replay repeats.
//!
//! The server replays whole transactions: all whose commit record starts at or after the position that is asked for.
//! Their order is the order of commit, while the LSNs of their rows may lie anywhere before. So [`Resume`] never
//! compares a row's LSN across transactions:
//!
//! ```text
//!   commit record before `lsn_commit`   → delivered as a whole
//!   transaction `txId`                  → delivered up to `lsn`, and up to the n-th event with that very LSN
//!   everything else                     → new
//! ```

use pgoutput::{Lsn, Position};
use serde_json::{Map, Value as Json};

use crate::error::{Error, Result};

/// `messageType`: the words that Debezium's offset may hold. Any other word makes it refuse the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// A row was inserted.
    Insert,
    /// A row was updated.
    Update,
    /// A row was deleted.
    Delete,
    /// A table was truncated.
    Truncate,
    /// A logical message.
    Message,
    /// A transaction began.
    Begin,
    /// A transaction was committed.
    Commit,
    /// Nothing of interest.
    Noop,
    /// The origin of a transaction.
    Origin,
}

const WORDS: [(MessageType, &str); 9] = [
    (MessageType::Insert, "INSERT"),
    (MessageType::Update, "UPDATE"),
    (MessageType::Delete, "DELETE"),
    (MessageType::Truncate, "TRUNCATE"),
    (MessageType::Message, "MESSAGE"),
    (MessageType::Begin, "BEGIN"),
    (MessageType::Commit, "COMMIT"),
    (MessageType::Noop, "NOOP"),
    (MessageType::Origin, "ORIGIN"),
];

impl MessageType {
    /// Debezium's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(ty, _)| *ty == self).map_or("NOOP", |(_, word)| word)
    }
}

/// `snapshot`: which kind of snapshot the offset is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotKind {
    /// The initial one.
    Initial,
    /// Asked for by a signal, with streaming halted.
    Blocking,
    /// Asked for by a signal, while streaming.
    Incremental,
}

impl SnapshotKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Initial => "INITIAL",
            Self::Blocking => "BLOCKING",
            Self::Incremental => "INCREMENTAL",
        }
    }
}

/// Where a connector stands, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceOffset {
    /// `ts_usec`: source time of the last event, in microseconds since the Unix epoch.
    pub ts_usec: Option<i64>,
    /// `txId`: its transaction.
    pub tx_id: Option<i64>,
    /// `lsn`: its LSN.
    pub lsn: Option<Lsn>,
    /// `lsn_proc`: the last LSN that is processed completely.
    pub lsn_proc: Option<Lsn>,
    /// `lsn_commit`: end of the last commit before the event.
    pub lsn_commit: Option<Lsn>,
    /// `xmin`: the slot's `catalog_xmin`, where `xmin.fetch.interval.ms` asks for it.
    pub xmin: Option<i64>,
    /// `messageType`: kind of the event; `None` in a snapshot.
    pub message_type: Option<MessageType>,
    /// `lsn_events_processed`: how many events with that very LSN are delivered, where that is more than one.
    pub lsn_events: Option<u64>,
    /// `snapshot`: of a snapshot's rows.
    pub snapshot: Option<SnapshotKind>,
    /// `snapshot_completed`: all its rows are delivered.
    pub snapshot_completed: bool,
    /// `last_snapshot_record`: this is its last row.
    pub last_snapshot_record: bool,
}

/// A running incremental snapshot, as the offset keeps it beside the position in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncrementalOffset {
    /// `incremental_snapshot_correlation_id`: id of the signal that asked for it.
    pub correlation_id: Option<String>,
    /// `incremental_snapshot_maximum_key`: a Java-serialised `Object[]` in hexadecimal.
    pub maximum_key: String,
    /// `incremental_snapshot_primary_key`: likewise, the key of the last row that was sent.
    pub primary_key: String,
    /// `incremental_snapshot_collections`: the tables to do, as the text of a JSON array.
    pub collections: String,
}

impl IncrementalOffset {
    /// Reads its keys from Debezium's map; `None` where no incremental snapshot runs.
    #[must_use]
    pub fn from_map(map: &Map<String, Json>) -> Option<Self> {
        let text =
            |key: &str| map.get(&format!("incremental_snapshot_{key}")).and_then(Json::as_str);
        let owned = |key: &str| text(key).unwrap_or_default().to_owned();
        Some(Self {
            collections: text("collections")?.to_owned(),
            correlation_id: text("correlation_id").map(str::to_owned),
            maximum_key: owned("maximum_key"),
            primary_key: owned("primary_key"),
        })
    }
}

impl SourceOffset {
    /// Debezium's map, with the keys in the order in which its worker writes them.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Json> {
        self.to_map_with(None)
    }

    /// The same, with an incremental snapshot that is running.
    #[must_use]
    pub fn to_map_with(&self, incremental: Option<&IncrementalOffset>) -> Map<String, Json> {
        let mut map = Map::new();
        let mut put = |key: &str, value: Option<Json>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        let running = |value: fn(&IncrementalOffset) -> Json| incremental.map(value);
        put(
            "incremental_snapshot_correlation_id",
            running(|i| i.correlation_id.clone().map_or(Json::Null, Json::String)),
        );
        let lsn = |lsn: Option<Lsn>| lsn.map(|lsn| lsn.to_signed().into());
        let flag = |value: bool| self.snapshot.map(|_| value.into());
        put("lsn_proc", lsn(self.lsn_proc));
        put("messageType", self.message_type.map(|ty| ty.word().into()));
        put("lsn_commit", lsn(self.lsn_commit));
        put("lsn_events_processed", self.lsn_events.map(Into::into));
        put("last_snapshot_record", flag(self.last_snapshot_record));
        put("lsn", lsn(self.lsn));
        put("incremental_snapshot_maximum_key", running(|i| i.maximum_key.clone().into()));
        put("txId", self.tx_id.map(Into::into));
        put("incremental_snapshot_collections", running(|i| i.collections.clone().into()));
        put("ts_usec", self.ts_usec.map(Into::into));
        put("xmin", self.xmin.map(Into::into));
        put("incremental_snapshot_primary_key", running(|i| i.primary_key.clone().into()));
        put("snapshot", self.snapshot.map(|kind| kind.word().into()));
        put("snapshot_completed", flag(self.snapshot_completed));
        map
    }

    /// Reads Debezium's map. Keys that it does not know are ignored, as Debezium does.
    ///
    /// # Errors
    ///
    /// A number that is not an integer, a flag that is not a boolean, or an unknown word.
    pub fn from_map(map: &Map<String, Json>) -> Result<Self> {
        let word = |key: &str| match map.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(word)) => Ok(Some(word.as_str())),
            Some(_) => Err(Error::Offset(format!("{key} is not a string"))),
        };
        let number = |key: &str| match map.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| Error::Offset(format!("{key} is not an integer"))),
        };
        let flag = |key: &str| match map.get(key) {
            None | Some(Json::Null) => Ok(false),
            Some(Json::Bool(value)) => Ok(*value),
            Some(_) => Err(Error::Offset(format!("{key} is not a boolean"))),
        };
        let lsn = |key: &str| Ok::<_, Error>(number(key)?.map(Lsn::from_signed));
        let message_type = word("messageType")?.map(|word| {
            let known = WORDS.iter().find(|(_, known)| *known == word).map(|(ty, _)| *ty);
            known.ok_or_else(|| Error::Offset(format!("unknown messageType {word:?}")))
        });
        let lsn_events = number("lsn_events_processed")?.map(|count| {
            u64::try_from(count).map_err(|_negative: std::num::TryFromIntError| {
                Error::Offset("lsn_events_processed is negative".to_owned())
            })
        });
        Ok(Self {
            ts_usec: number("ts_usec")?,
            tx_id: number("txId")?,
            lsn: lsn("lsn")?,
            lsn_proc: lsn("lsn_proc")?,
            lsn_commit: lsn("lsn_commit")?,
            xmin: number("xmin")?,
            message_type: message_type.transpose()?,
            lsn_events: lsn_events.transpose()?,
            snapshot: snapshot_kind(map.get("snapshot"))?,
            snapshot_completed: flag("snapshot_completed")?,
            last_snapshot_record: flag("last_snapshot_record")?,
        })
    }

    /// Where streaming starts: `lsn_proc`, else `lsn`; `None` where the offset says nothing.
    #[must_use]
    pub fn start_lsn(&self) -> Option<Lsn> {
        self.lsn_proc.or(self.lsn)
    }

    /// Everything up to `lsn` is delivered or makes no record: a transaction without a captured row has passed, or the
    /// server is idle there. The event stays the one it was. Without an event there is nothing to move, and an initial
    /// snapshot that was not finished is to be taken again.
    ///
    /// It becomes a commit's offset: where a row's says that everything up to here was processed, Debezium 3.6 takes the
    /// first row of a transaction that begins right here for the one it has seen, and leaves it out.
    pub fn advance(&mut self, lsn: Lsn) {
        let Some(event) = self.lsn.filter(|_| !self.snapshot_unfinished()) else { return };
        let streams = self.snapshot.is_none();
        if streams {
            self.message_type = Some(MessageType::Commit);
            self.lsn_events = None;
        } else {
            self.lsn = Some(event.max(lsn));
        }
        // The peer's offsets of snapshots that are taken while streaming have these two as well, and they go first.
        for position in [&mut self.lsn_proc, &mut self.lsn_commit] {
            if streams || position.is_some() {
                *position = (*position).max(Some(lsn));
            }
        }
    }

    /// Whether an initial snapshot was begun and not finished: it must be taken again.
    #[must_use]
    pub fn snapshot_unfinished(&self) -> bool {
        self.snapshot == Some(SnapshotKind::Initial) && !self.snapshot_completed
    }
}

fn snapshot_kind(value: Option<&Json>) -> Result<Option<SnapshotKind>> {
    match value {
        None | Some(Json::Null | Json::Bool(false)) => Ok(None),
        Some(Json::Bool(true)) => Ok(Some(SnapshotKind::Initial)),
        Some(Json::String(word)) => {
            let kinds = [SnapshotKind::Initial, SnapshotKind::Blocking, SnapshotKind::Incremental];
            let known = kinds.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word));
            // The peer wrote its old boolean as text, too.
            match (known, word.as_str()) {
                (Some(kind), _) => Ok(Some(kind)),
                (None, "true") => Ok(Some(SnapshotKind::Initial)),
                (None, "false") => Ok(None),
                (None, _) => Err(Error::Offset(format!("unknown snapshot {word:?}"))),
            }
        }
        Some(_) => Err(Error::Offset("snapshot is neither a word nor a boolean".to_owned())),
    }
}

/// How the numbers of the offset move as events pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    offset: SourceOffset,
    /// End of the last commit that has passed, for `source.sequence`.
    last_commit: Option<Lsn>,
    /// Everything committed before this was in the snapshot.
    snapshot_point: Option<Lsn>,
    /// Events with the offset's LSN in the offset's transaction.
    at_lsn: u64,
}

impl Progress {
    /// Goes on from a stored offset.
    #[must_use]
    pub fn new(stored: Option<&SourceOffset>) -> Self {
        let Some(stored) = stored else { return Self::default() };
        let snapshot_point = if stored.snapshot.is_some() { stored.lsn } else { None };
        // A missing `lsn_commit` falls back to `lsn_proc`, as in Debezium's loader.
        let last_commit = stored.lsn_commit.or(stored.lsn_proc);
        let at_lsn = stored.lsn_events.unwrap_or(1);
        Self { offset: *stored, last_commit, snapshot_point, at_lsn }
    }

    /// The offset after the events so far.
    #[must_use]
    pub const fn offset(&self) -> SourceOffset {
        self.offset
    }

    /// End of the last commit: the first element of `source.sequence`.
    #[must_use]
    pub const fn last_commit(&self) -> Option<Lsn> {
        self.last_commit
    }

    /// The slot's `catalog_xmin` from here on.
    pub const fn set_xmin(&mut self, xmin: Option<i64>) {
        self.offset.xmin = xmin;
    }

    /// A row, truncate or message of a transaction passes.
    pub fn event(&mut self, position: &Position, message_type: MessageType) {
        let tx_id = position.xid.and_then(|xid| i64::try_from(xid).ok());
        let before = &self.offset;
        let same = before
            .message_type
            .is_some_and(|ty| ty != MessageType::Begin && ty != MessageType::Commit)
            && (before.tx_id, before.lsn) == (tx_id, Some(position.lsn));
        self.at_lsn = if same { self.at_lsn + 1 } else { 1 };
        // Only of a transaction that began before the snapshot: what committed between is not to come again.
        let floor = self.snapshot_point.filter(|point| position.lsn < *point);
        self.offset = SourceOffset {
            ts_usec: Some(position.commit_time_us),
            tx_id,
            lsn: Some(position.lsn),
            lsn_proc: if message_type == MessageType::Message {
                before.lsn_proc
            } else {
                Some(position.lsn)
            },
            lsn_commit: self.last_commit.or(floor),
            xmin: before.xmin,
            message_type: Some(message_type),
            lsn_events: (self.at_lsn > 1).then_some(self.at_lsn),
            ..SourceOffset::default()
        };
    }

    /// A message outside any transaction passes: it counts as a commit of its own.
    pub fn lone_message(&mut self, position: &Position) {
        self.last_commit = Some(position.lsn);
        self.at_lsn = 1;
        self.offset = SourceOffset {
            ts_usec: self.offset.ts_usec,
            lsn: Some(position.lsn),
            lsn_proc: Some(position.lsn),
            lsn_commit: Some(position.lsn),
            xmin: self.offset.xmin,
            message_type: Some(MessageType::Message),
            ..SourceOffset::default()
        };
    }

    /// A commit passes.
    pub fn commit(&mut self, position: &Position, end_lsn: Lsn) {
        self.last_commit = Some(end_lsn);
        self.offset = SourceOffset {
            ts_usec: Some(position.commit_time_us),
            tx_id: position.xid.and_then(|xid| i64::try_from(xid).ok()),
            lsn: Some(end_lsn),
            lsn_proc: Some(end_lsn),
            lsn_commit: Some(end_lsn),
            xmin: self.offset.xmin,
            message_type: Some(MessageType::Commit),
            ..SourceOffset::default()
        };
    }

    /// A row of the initial snapshot passes.
    pub fn snapshot_row(&mut self, position: &Position, last: bool) {
        self.last_commit = None;
        self.snapshot_point = Some(position.lsn);
        self.offset = SourceOffset {
            ts_usec: Some(position.commit_time_us),
            tx_id: position.xid.and_then(|xid| i64::try_from(xid).ok()),
            lsn: Some(position.lsn),
            snapshot: Some(SnapshotKind::Initial),
            snapshot_completed: last,
            last_snapshot_record: last,
            ..SourceOffset::default()
        };
    }
}

impl Progress {
    /// The initial snapshot is complete, whether it had rows or not.
    pub fn snapshot_done(&mut self, position: &Position) {
        self.snapshot_row(position, true);
    }
}

/// What of a replay was delivered before the restart. See the module.
#[derive(Debug, Clone)]
pub struct Resume {
    /// Transactions whose commit record starts before this are delivered.
    floor: Lsn,
    /// The transaction that was being delivered.
    xid: Option<u64>,
    /// Up to where, in that transaction.
    lsn: Lsn,
    /// How many of its events with that LSN are delivered.
    delivered: u64,
    seen: u64,
    /// Whether a lone message that stands exactly at the floor is delivered.
    message_at_floor: bool,
}

impl Resume {
    /// What a replay from that offset repeats.
    #[must_use]
    pub fn new(stored: &SourceOffset) -> Self {
        let lsn = stored.lsn.unwrap_or(Lsn::INVALID);
        let floor = stored.lsn_commit.or(stored.lsn_proc).or(stored.lsn).unwrap_or(Lsn::INVALID);
        let partial =
            stored.snapshot.is_none() && !matches!(stored.message_type, Some(MessageType::Commit));
        let delivered = match stored.message_type {
            Some(MessageType::Begin) => 0,
            // The peer moves `lsn_proc` at the last table of a truncate only: the others are to come again.
            Some(MessageType::Truncate) if stored.lsn_proc != stored.lsn => 0,
            _ => stored.lsn_events.unwrap_or(1),
        };
        Self {
            floor,
            xid: stored.tx_id.filter(|_| partial).and_then(|xid| u64::try_from(xid).ok()),
            lsn,
            delivered,
            seen: 0,
            message_at_floor: !matches!(
                stored.message_type,
                None | Some(MessageType::Commit | MessageType::Noop)
            ),
        }
    }

    /// Whether the transaction at that position is delivered as a whole.
    #[must_use]
    pub fn is_whole(&self, position: &Position) -> bool {
        position.commit_lsn < self.floor && self.partial(position).is_none()
    }

    /// Whether the transaction that begins at that position was being delivered.
    #[must_use]
    pub fn is_partial(&self, position: &Position) -> bool {
        self.partial(position).is_some()
    }

    /// Whether the event is delivered. To be asked once for each event, in order; after the first `false` all
    /// that follows is new.
    pub fn is_delivered(&mut self, position: &Position) -> bool {
        if position.xid.is_none() {
            return position.lsn < self.floor
                || (position.lsn == self.floor && self.message_at_floor);
        }
        if self.partial(position).is_none() {
            return position.commit_lsn < self.floor;
        }
        if position.lsn == self.lsn {
            self.seen += 1;
            return self.seen <= self.delivered;
        }
        position.lsn < self.lsn
    }

    /// The transaction that was being delivered, if the position is in it.
    fn partial(&self, position: &Position) -> Option<u64> {
        position.xid.filter(|xid| self.xid == Some(*xid) && position.commit_lsn >= self.lsn)
    }
}
