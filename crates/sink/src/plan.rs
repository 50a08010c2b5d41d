//! What a record is: for its key, value and headers a Connect schema and where each part comes from.
//!
//! Compiled once per relation and kind of record; [`drive`] runs it per row into any [`Emit`].

use std::cell::Cell;
use std::sync::Arc;

use pgoutput::{Datum, Lsn, Position, ReadKind, ReadMark, Row};

use crate::convert::{BinaryMode, Convert, emit_bytes};
use crate::converter::Source;
use crate::data::{Schema, Value, ValueBuilder};
use crate::emit::{Emit, Presence};
use crate::mask::Masked;
use crate::transaction::{Counts, Order};

/// Which of a change's two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// The row before the change.
    Old,
    /// The row after it.
    New,
}

/// A part of the envelope that is known only when the event is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Our clock, in milliseconds.
    ClockMs,
    /// In microseconds.
    ClockUs,
    /// In nanoseconds.
    ClockNs,
    /// Source time, in milliseconds.
    SourceMs,
    /// In microseconds.
    SourceUs,
    /// In nanoseconds.
    SourceNs,
    /// Where in the snapshot the row stands, in Debezium's words.
    Snapshot,
    /// End of the last commit and LSN of the event, as a JSON array of texts.
    Sequence,
    /// Transaction id.
    TxId,
    /// LSN of the event.
    Lsn,
    /// LSN of a snapshot's row; an incremental one has none.
    ReadLsn,
    /// Name of the transaction's origin.
    Origin,
    /// LSN of the commit at the origin.
    OriginLsn,
    /// The slot's `catalog_xmin`, where it is asked for.
    Xmin,
    /// The block that says which event of its transaction this is; nothing outside one.
    Transaction,
    /// The transaction's name: its id and the LSN of the event.
    TransactionId,
    /// How many events the transaction had.
    EventCount,
    /// How many each of its tables had: an array of structs.
    Collections,
    /// Prefix of a logical message.
    MessagePrefix,
    /// Its content.
    MessageContent(BinaryMode),
}

impl Scalar {
    fn drive<E: Emit>(self, context: &Context<'_>, emit: &mut E) {
        let position = &context.position;
        let clock_ns = context.clock.unix_ns;
        let source_us = position.commit_time_us;
        match self {
            Self::ClockMs => emit.int64(clock_ns.div_euclid(1_000_000)),
            Self::ClockUs => emit.int64(clock_ns.div_euclid(1_000)),
            Self::ClockNs => emit.int64(clock_ns),
            Self::SourceMs => emit.int64(source_us.div_euclid(1_000)),
            Self::SourceUs => emit.int64(source_us),
            Self::SourceNs => emit.int64(source_us.wrapping_mul(1_000)),
            Self::Snapshot => emit.string(snapshot_word(context.mark)),
            Self::Sequence => write_sequence(context.last_commit, position.lsn, emit),
            Self::TxId => match position.xid.and_then(|xid| i64::try_from(xid).ok()) {
                Some(xid) => emit.int64(xid),
                None => emit.null(),
            },
            Self::Lsn => emit.int64(position.lsn.to_signed()),
            Self::ReadLsn => match context.mark.kind {
                ReadKind::Incremental => emit.null(),
                ReadKind::Initial | ReadKind::Blocking => emit.int64(position.lsn.to_signed()),
            },
            Self::Origin => match context.origin {
                Some((name, _)) => emit.string(name),
                None => emit.null(),
            },
            Self::OriginLsn => match context.origin {
                Some((_, lsn)) => emit.int64(lsn.to_signed()),
                None => emit.null(),
            },
            Self::Xmin => match context.xmin {
                Some(xmin) => emit.int64(xmin),
                None => emit.null(),
            },
            Self::Transaction => match context.order.get() {
                Some(order) => write_block(context, order, emit),
                None => emit.null(),
            },
            Self::TransactionId => write_transaction_id(context, emit),
            Self::EventCount => match context.counts {
                Some(counts) => emit.int64(signed(counts.total())),
                None => emit.null(),
            },
            Self::Collections => match context.counts {
                Some(counts) => write_collections(counts, emit),
                None => emit.null(),
            },
            Self::MessagePrefix => match context.message {
                Some((prefix, _)) => emit.string(prefix),
                None => emit.null(),
            },
            Self::MessageContent(mode) => match context.message {
                Some((_, content)) => emit_bytes(content, mode, emit),
                None => emit.null(),
            },
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn write_block<E: Emit>(context: &Context<'_>, order: Order, emit: &mut E) {
    emit.begin_struct();
    emit.field(0);
    write_transaction_id(context, emit);
    emit.field(1);
    emit.int64(signed(order.total));
    emit.field(2);
    emit.int64(signed(order.in_collection));
    emit.end_struct();
}

/// `<transaction id>:<lsn>`; the LSN is that of the event, so each record of a transaction has another one.
fn write_transaction_id<E: Emit>(context: &Context<'_>, emit: &mut E) {
    let Position { xid, lsn, .. } = context.position;
    let (mut xid_text, mut lsn_text) = (itoa::Buffer::new(), itoa::Buffer::new());
    let xid = xid.map_or("null", |xid| xid_text.format(xid));
    emit.string(ShortText::of(&[xid, ":", lsn_text.format(lsn.to_signed())]).as_str());
}

/// A text of at most two numbers and what stands around them, made without an allocation.
struct ShortText {
    bytes: [u8; 64],
    len: usize,
}

impl ShortText {
    fn of(parts: &[&str]) -> Self {
        let mut text = Self { bytes: [0; 64], len: 0 };
        for part in parts {
            if let Some(room) = text.bytes.get_mut(text.len..text.len + part.len()) {
                room.copy_from_slice(part.as_bytes());
                text.len += part.len();
            }
        }
        text
    }

    fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|text| std::str::from_utf8(text).ok())
            .unwrap_or_default()
    }
}

fn write_collections<E: Emit>(counts: &Counts, emit: &mut E) {
    let collections = counts.in_java_order();
    emit.begin_array(collections.len());
    for (name, count) in collections {
        emit.item();
        emit.begin_struct();
        emit.field(0);
        emit.string(&name);
        emit.field(1);
        emit.int64(signed(count));
        emit.end_struct();
    }
    emit.end_array();
}

/// Debezium's word for a row's place in its snapshot; the first that fits.
const fn snapshot_word(mark: ReadMark) -> &'static str {
    match mark {
        ReadMark { kind: ReadKind::Incremental, .. } => "incremental",
        ReadMark { last: true, .. } => "last",
        ReadMark { first: true, .. } => "first",
        ReadMark { last_in_table: true, .. } => "last_in_data_collection",
        ReadMark { first_in_table: true, .. } => "first_in_data_collection",
        ReadMark { .. } => "true",
    }
}

/// `["<end of last commit>","<lsn>"]`, the first `null` where no commit has passed.
fn write_sequence<E: Emit>(last_commit: Option<Lsn>, lsn: Lsn, emit: &mut E) {
    let (mut commit, mut event) = (itoa::Buffer::new(), itoa::Buffer::new());
    let event = event.format(lsn.to_signed());
    let text = match last_commit {
        Some(lsn) => ShortText::of(&["[\"", commit.format(lsn.to_signed()), "\",\"", event, "\"]"]),
        None => ShortText::of(&["[null,\"", event, "\"]"]),
    };
    emit.string(text.as_str());
}

/// A column and how it converts.
#[derive(Debug)]
pub struct ColumnExpr {
    /// Its index in the rows.
    pub index: usize,
    /// How a cell converts.
    pub convert: Convert,
    /// What stands for NULL: null where the field is optional, else its default or the type's fallback.
    pub null: Value,
    /// Connect's name of the field's type, if the field needs a value and has no default.
    pub required: Option<&'static str>,
    /// What becomes of its text before it is shown.
    pub mask: Option<Masked>,
}

impl ColumnExpr {
    fn drive<E: Emit>(&self, image: Image, missing: &Value, context: &Context<'_>, emit: &mut E) {
        let Some(mask) = &self.mask else {
            return self.drive_plain(image, missing, context, emit);
        };
        if let Masked::Stars(stars) = mask {
            return emit.string(stars);
        }
        let mut value = ValueBuilder::new();
        self.drive_plain(image, &Value::Null, context, &mut value);
        match value.finish() {
            Value::Null => missing.emit(emit),
            value => mask.apply(value).emit(emit),
        }
    }

    fn drive_plain<E: Emit>(
        &self,
        image: Image,
        missing: &Value,
        context: &Context<'_>,
        emit: &mut E,
    ) {
        let datum = context.row(image).map_or(Datum::Null, |row| row.get(self.index));
        let datum = match (datum, image) {
            (Datum::Null, _) if self.null.is_null() => return missing.emit(emit),
            (Datum::Null, _) => return self.null.emit(emit),
            // The old row has the value that did not change, where the identity covers the column.
            (Datum::Unchanged, Image::New) => {
                match context.old.map_or(Datum::Null, |old| old.get(self.index)) {
                    Datum::Null => datum,
                    old => old,
                }
            }
            _ => datum,
        };
        if self.convert.emit(datum, emit).is_err() {
            if self.required.is_some() || context.failure.get().is_none() {
                context.failure.set(Some(Failure { column: self.index, required: self.required }));
            }
            missing.emit(emit);
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum Expr {
    /// No value.
    Null,
    /// Always the same.
    Constant(Value),
    /// A column, and what is shown where it has no value.
    Column(Image, Arc<ColumnExpr>, Value),
    /// A part of the envelope.
    Scalar(Scalar),
    /// A struct: one expression per field of its schema.
    Struct(Vec<Self>),
    /// The expression if the change has that row, else no value.
    IfImage(Image, Box<Self>),
    /// The value where the expression has one, else none.
    Masked(Box<Self>, Value),
}

impl Expr {
    /// The same with a default in place of null; `None` where that is not a matter of structure alone.
    #[must_use]
    pub fn or(&self, default: &Value) -> Option<Self> {
        Some(match self {
            _ if default.is_null() => self.clone(),
            Self::Column(image, column, _) => {
                Self::Column(*image, Arc::clone(column), default.clone())
            }
            Self::Null | Self::Constant(Value::Null) => Self::Constant(default.clone()),
            // The snapshot's word is never null where it is not a constant.
            Self::Constant(_) | Self::Struct(_) | Self::Scalar(Scalar::Snapshot) => self.clone(),
            Self::Scalar(_) | Self::IfImage(..) | Self::Masked(..) => return None,
        })
    }

    /// The field with that index of a struct, present or not; `None` where that is not a matter of structure alone.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<Self> {
        match self {
            Self::Struct(fields) => fields.get(index).cloned(),
            Self::Null | Self::Constant(Value::Null) => Some(Self::Null),
            Self::Constant(Value::Struct(values)) => values.get(index).cloned().map(Self::Constant),
            Self::IfImage(image, inner) => {
                Some(Self::IfImage(*image, Box::new(inner.field(index)?)))
            }
            _ => None,
        }
    }

    /// Whether there is never a value.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::Constant(Value::Null))
    }
}

/// A value: its schema and where it comes from.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its schema; `None` for no value at all (a tombstone).
    pub schema: Option<Arc<Schema>>,
    /// Where it comes from.
    pub expr: Expr,
}

impl Node {
    /// Neither schema nor value.
    pub const NOTHING: Self = Self { schema: None, expr: Expr::Null };

    /// A value of that schema.
    #[must_use]
    pub const fn new(schema: Arc<Schema>, expr: Expr) -> Self {
        Self { schema: Some(schema), expr }
    }
}

/// The kinds of records that changes become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A snapshot's row.
    Read,
    /// An insert.
    Create,
    /// An update that keeps the key.
    Update,
    /// A delete.
    Delete,
    /// What follows a delete, for compaction.
    Tombstone,
    /// First record of an update that changes the key.
    KeyDelete,
    /// Second record of such.
    KeyTombstone,
    /// Third record of such.
    KeyCreate,
    /// A truncate.
    Truncate,
    /// Of no table: the bounds of a transaction, a logical message, a heartbeat.
    Notice,
}

/// One kind of record of one relation.
#[derive(Debug, Clone)]
pub struct RecordPlan {
    /// Which kind.
    pub kind: Kind,
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition, where one is set.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Node,
    /// Its value.
    pub value: Node,
    /// Its headers, in order.
    pub headers: Vec<(Arc<str>, Node)>,
    /// Of a tombstone: the value of the delete before it. Their headers are one list in Debezium.
    pub companion: Node,
}

/// When a batch was read: one reading of the clock for all its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds since the Unix epoch.
    pub unix_ns: i64,
}

impl Clock {
    /// The time now, read once a batch: Debezium stamps records with the connector's clock. The epoch where the system's clock is before it or beyond the year 2262.
    #[must_use]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            unix_ns: since.ok().and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0),
        }
    }
}

/// What a plan runs over: one event.
#[derive(Debug)]
pub struct Context<'a> {
    /// The row before the change.
    pub old: Option<Row<'a>>,
    /// The row after it.
    pub new: Option<Row<'a>>,
    /// Where the event stands.
    pub position: Position,
    /// Of a snapshot's row.
    pub mark: ReadMark,
    /// Our clock.
    pub clock: Clock,
    /// End of the last commit.
    pub last_commit: Option<Lsn>,
    /// Origin of the transaction: name and commit LSN there.
    pub origin: Option<(&'a str, Lsn)>,
    /// The slot's `catalog_xmin`.
    pub xmin: Option<i64>,
    /// Which event of its transaction the record at hand is of, where that is told.
    pub order: Cell<Option<Order>>,
    /// Of the end of a transaction: its events.
    pub counts: Option<&'a Counts>,
    /// A logical message: prefix and content.
    pub message: Option<(&'a str, &'a [u8])>,
    /// A cell that could not be converted; one that leaves a required field empty goes before others.
    pub failure: Cell<Option<Failure>>,
}

/// A cell that could not be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The column's index.
    pub column: usize,
    /// Connect's name of the field's type, if the field needs a value and has no default.
    pub required: Option<&'static str>,
}

impl Context<'_> {
    /// An event without rows.
    #[must_use]
    pub fn bare(position: Position, clock: Clock) -> Self {
        Self {
            old: None,
            new: None,
            position,
            mark: ReadMark::default(),
            clock,
            last_commit: None,
            origin: None,
            xmin: None,
            order: Cell::new(None),
            counts: None,
            message: None,
            failure: Cell::new(None),
        }
    }

    fn row(&self, image: Image) -> Option<&Row<'_>> {
        match image {
            Image::Old => self.old.as_ref(),
            Image::New => self.new.as_ref(),
        }
    }
}

/// A plan's value over an event.
#[derive(Debug)]
pub struct Driven<'a, 'b> {
    /// Where the value comes from.
    pub expr: &'a Expr,
    /// The event.
    pub context: &'a Context<'b>,
}

impl Source for Driven<'_, '_> {
    fn drive<E: Emit>(&self, emit: &mut E) {
        drive(self.expr, self.context, emit);
    }
}

/// Runs an expression over an event.
pub fn drive<E: Emit>(expr: &Expr, context: &Context<'_>, emit: &mut E) {
    match expr {
        Expr::Null => emit.null(),
        Expr::Constant(value) => value.emit(emit),
        Expr::Column(image, column, missing) => column.drive(*image, missing, context, emit),
        Expr::Scalar(scalar) => scalar.drive(context, emit),
        Expr::Struct(fields) => {
            emit.begin_struct();
            for (index, field) in fields.iter().enumerate() {
                emit.field(index);
                drive(field, context, emit);
            }
            emit.end_struct();
        }
        Expr::IfImage(image, inner) => match context.row(*image) {
            Some(_) => drive(inner, context, emit),
            None => emit.null(),
        },
        Expr::Masked(inner, mask) => {
            let mut probe = Presence::default();
            drive(inner, context, &mut probe);
            if probe.is_present() { mask.emit(emit) } else { emit.null() }
        }
    }
}
