//! From a column's cell to Debezium's representation of it, as each handling mode asks.
//!
//! [`compile`] chooses once per column; [`Convert::emit`] runs per cell and allocates only where the
//! representation itself needs it. Pure, table-driven.

use std::sync::Arc;

use pgoutput::{Column, Datum};

use crate::data::{Schema, Value};
use crate::emit::Emit;

/// `decimal.handling.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalMode {
    /// Connect's Decimal, or `VariableScaleDecimal` for a numeric without precision.
    #[default]
    Precise,
    /// Text.
    String,
    /// FLOAT64.
    Double,
}

/// `time.precision.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeMode {
    /// By the column's precision.
    #[default]
    Adaptive,
    /// As adaptive, but time always in microseconds.
    AdaptiveTimeMicroseconds,
    /// Connect's logical types, in milliseconds.
    Connect,
    /// ISO-8601 text.
    IsoString,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// `binary.handling.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BinaryMode {
    /// BYTES.
    #[default]
    Bytes,
    /// Base64 text.
    Base64,
    /// URL-safe base64 text.
    Base64UrlSafe,
    /// Lower-case hexadecimal text.
    Hex,
}

/// How values are represented: the connector's options that matter per cell.
#[derive(Debug, Clone)]
pub struct Options {
    /// `decimal.handling.mode`.
    pub decimal: DecimalMode,
    /// `time.precision.mode`.
    pub time: TimeMode,
    /// `binary.handling.mode`.
    pub binary: BinaryMode,
    /// `interval.handling.mode=string`.
    pub interval_string: bool,
    /// `hstore.handling.mode=map`.
    pub hstore_map: bool,
    /// `money.fraction.digits`.
    pub money_fraction_digits: i16,
    /// `include.unknown.datatypes`.
    pub include_unknown: bool,
    /// `unavailable.value.placeholder`, decoded from `hex:` if so given.
    pub unavailable_placeholder: Vec<u8>,
}

/// Which path of Debezium a row takes: they differ for a few types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Read by a snapshot (Debezium: through JDBC).
    Snapshot,
    /// From the log (Debezium: pgoutput's text).
    Stream,
}
