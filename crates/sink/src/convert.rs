//! From a column's cell to Debezium's representation of it, as each handling mode asks.
//!
//! [`compile`] chooses once per column; [`Convert::emit`] runs per cell and allocates only where the
//! representation itself needs it. Pure, table-driven: what a type becomes is said in one place, `table`.
//!
//! ```text
//! Column ──table──> Mapping: schema, Rule, fallback, placeholder ──default──> Compiled
//! Datum  ──Rule───> numeric · temporal · interval · binary · array · hstore · geometric ──> Emit
//! ```
//!
//! What has no representation in its schema is an error here, and what becomes of it (null, or the end of the task) is
//! the caller's choice: `event.converting.failure.handling.mode`. What Debezium loses or garbles although the schema
//! holds it is written as the database has it; `docs/compatibility.md` lists where.

mod array;
mod binary;
mod calendar;
mod default;
mod geometric;
mod hstore;
mod interval;
mod number;
mod numeric;
mod placeholder;
mod scan;
mod source_type;
mod stack;
mod table;
mod temporal;
#[cfg(test)]
mod tests;
mod vector;
mod wire;

use std::sync::Arc;

use pgoutput::{Column, Datum};

use crate::data::{Schema, Value};
use crate::emit::Emit;
use array::ArrayRule;
pub(crate) use binary::emit_bytes;
use interval::Interval;
pub use source_type::SourceType;
use temporal::{InfiniteDays, Unit};
use wire::Wire;

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

impl Default for Options {
    /// Debezium's defaults.
    fn default() -> Self {
        Self {
            decimal: DecimalMode::Precise,
            time: TimeMode::Adaptive,
            binary: BinaryMode::Bytes,
            interval_string: false,
            hstore_map: false,
            money_fraction_digits: 2,
            include_unknown: false,
            unavailable_placeholder: b"__debezium_unavailable_value".to_vec(),
        }
    }
}

/// Which path of Debezium a row takes: they differ for a few types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Read by a snapshot (Debezium: through JDBC).
    Snapshot,
    /// From the log (Debezium: pgoutput's text).
    Stream,
}

/// A cell that has no representation in its column's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("value is not {expected}")]
pub struct ConvertError {
    expected: &'static str,
}

impl ConvertError {
    const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

/// The result of a conversion.
type Result<T> = std::result::Result<T, ConvertError>;

/// What a column is in a record.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// Its schema: optional as the column is nullable, with the column's default where Debezium sees one.
    pub schema: Arc<Schema>,
    /// How its cells convert.
    pub convert: Convert,
    /// What stands for a missing value (the old row of a delete has only its key): null in a nullable
    /// column, else the schema's default, else the type's zero.
    pub fallback: Value,
}

/// Compiles a column.
///
/// None if Debezium leaves the field out: the type is not mapped and `include.unknown.datatypes` is off, or
/// it is an array of the few types that are left out even then.
#[must_use]
pub fn compile(column: &Column, options: &Options, origin: Origin) -> Option<Compiled> {
    let mapping = table::map(column, options, origin)?;
    let mut schema = mapping.schema;
    schema.optional |= column.nullable;
    schema.default = default::default_value(column, &mapping.rule);
    let fallback = match &schema.default {
        _ if column.nullable => Value::Null,
        Some(default) => default.clone(),
        None => mapping.fallback,
    };
    let wire = Wire::of(&column.ty);
    let convert = Convert { rule: mapping.rule, wire, unchanged: mapping.unchanged.map(Arc::new) };
    Some(Compiled { schema: Arc::new(schema), convert, fallback })
}

/// How the cells of one column convert.
#[derive(Debug, Clone)]
pub struct Convert {
    rule: Rule,
    wire: Wire,
    /// What stands for unchanged TOAST, where the schema can hold such a thing.
    unchanged: Option<Arc<Value>>,
}

impl Convert {
    /// Emits a cell.
    ///
    /// # Errors
    /// If the cell cannot be converted: nothing has been emitted then. Such are text that is not of the
    /// column's type, NaN in a Decimal, a placeholder that the schema cannot hold, and the binary form of
    /// a type that is only read as text.
    pub fn emit<E: Emit>(&self, datum: Datum<'_>, out: &mut E) -> Result<()> {
        match datum {
            Datum::Text(text) => self.rule.emit_text(text, out),
            Datum::Null => {
                out.null();
                Ok(())
            }
            Datum::Unchanged => match &self.unchanged {
                Some(value) => {
                    placeholder::emit(value, out);
                    Ok(())
                }
                None => Err(ConvertError::new("known, and its schema holds no placeholder")),
            },
            Datum::Binary(bytes) => self.wire.emit(bytes, &self.rule, out),
        }
    }
}

/// One way to convert.
#[derive(Debug, Clone)]
enum Rule {
    /// Always an error.
    Never,
    /// Numbers with blanks between them.
    Vector(Box<Self>),
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// The text as it is.
    Text,
    /// Connect's Decimal of that scale.
    Decimal(i32),
    VariableDecimal,
    DecimalText,
    DecimalDouble,
    /// Connect's Decimal of that scale.
    Money(i32),
    MoneyText,
    MoneyDouble,
    Bit,
    Bits,
    Bytea(BinaryMode),
    /// The bytes of the text.
    Opaque(BinaryMode),
    /// The bytes of the text that the JDBC driver gives such a type.
    Geometric(BinaryMode),
    Date {
        infinite: InfiniteDays,
        iso: bool,
    },
    Time(Unit),
    TimeTz,
    Timestamp(Unit),
    /// With that many decimals.
    TimestampTz(usize),
    Interval,
    IntervalText,
    HstoreJson,
    HstoreMap,
    Point,
    /// PostGIS: struct of EWKB and SRID.
    Geometry,
    Doubles,
    Floats,
    SparseDoubles,
    Array(Box<ArrayRule>),
}

impl Rule {
    fn emit_text<E: Emit>(&self, text: &[u8], out: &mut E) -> Result<()> {
        match self {
            Self::Boolean => out.boolean(number::parse_bool(text)?),
            Self::Int16 => out.int16(number::parse_integer(text, "an int2")?),
            Self::Int32 => out.int32(number::parse_integer(text, "an int4")?),
            Self::Int64 => out.int64(number::parse_integer(text, "an int8")?),
            Self::Float32 => out.float32(number::parse_f32(text)?),
            Self::Float64 => out.float64(number::parse_f64(text)?),
            Self::Text => out.string(utf8(text)?),
            Self::Timestamp(unit) => return temporal::emit_timestamp(text, *unit, out),
            Self::TimestampTz(digits) => return temporal::emit_timestamptz(text, *digits, out),
            Self::Decimal(scale) => out.decimal(&numeric::parse_decimal(text, *scale)?),
            _ => return self.emit_rare(text, out),
        }
        Ok(())
    }

    fn emit_rare<E: Emit>(&self, text: &[u8], out: &mut E) -> Result<()> {
        match self {
            Self::VariableDecimal => numeric::emit_variable(text, out)?,
            Self::DecimalText => out.string(numeric::plain_text(text)?),
            Self::DecimalDouble => out.float64(numeric::parse_double(text)?),
            Self::Money(scale) => {
                out.decimal(&numeric::rescale_money(&numeric::parse_money(text)?, *scale)?);
            }
            Self::MoneyText => out.string(&numeric::money_text(&numeric::parse_money(text)?)?),
            Self::MoneyDouble => {
                let money = numeric::money_text(&numeric::parse_money(text)?)?;
                out.float64(number::parse_f64(money.as_bytes())?);
            }
            Self::Bit => out.boolean(binary::parse_bit(text)?),
            Self::Bits => binary::emit_bits(text, out)?,
            Self::Bytea(mode) => binary::emit_bytea(text, *mode, out)?,
            Self::Opaque(mode) => emit_bytes(text, *mode, out),
            Self::Geometric(mode) => {
                emit_bytes(geometric::driver_text(text)?.as_bytes(), *mode, out);
            }
            Self::Date { infinite, iso } => temporal::emit_date(text, *infinite, *iso, out)?,
            Self::Time(unit) => temporal::emit_time(text, *unit, out)?,
            Self::TimeTz => temporal::emit_timetz(text, out)?,
            Self::Interval => out.int64(Interval::parse(text)?.duration_micros()),
            Self::IntervalText => out.string(Interval::parse(text)?.iso().as_str()),
            Self::HstoreJson => hstore::emit_json(text, out)?,
            Self::HstoreMap => hstore::emit_map(text, out)?,
            Self::Point => geometric::emit_point(text, out)?,
            Self::Geometry => geometric::emit_geometry(text, out)?,
            Self::Doubles => vector::emit_doubles(text, out)?,
            Self::Floats => vector::emit_floats(text, out)?,
            Self::SparseDoubles => vector::emit_sparse(text, out)?,
            Self::Array(rule) => array::emit_array(text, rule, out)?,
            Self::Vector(rule) => array::emit_vector(text, rule, out)?,
            Self::Never => return Err(ConvertError::new("of a type that Debezium converts")),
            _ => return self.emit_text(text, out),
        }
        Ok(())
    }
}

fn utf8(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text).map_err(|_not_text| ConvertError::new("text in UTF-8"))
}
