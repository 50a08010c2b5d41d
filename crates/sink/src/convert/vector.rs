//! `vector`, `halfvec` and `sparsevec` of pgvector.

use super::number::{parse_f32, parse_f64, parse_integer};
use super::{ConvertError, Result};
use crate::emit::Emit;

const VECTOR: ConvertError = ConvertError::new("a vector");
const SPARSE: ConvertError = ConvertError::new("a sparse vector of at most 32767 dimensions");

/// Emits `[1,2.5]` as an array of doubles.
pub(super) fn emit_doubles<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let numbers = parse_all(text, parse_f64)?;
    out.begin_array(numbers.len());
    for number in numbers {
        out.item();
        out.float64(number);
    }
    out.end_array();
    Ok(())
}

/// Emits `[1,2.5]` as an array of floats.
pub(super) fn emit_floats<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let numbers = parse_all(text, parse_f32)?;
    out.begin_array(numbers.len());
    for number in numbers {
        out.item();
        out.float32(number);
    }
    out.end_array();
    Ok(())
}

/// Emits `{1:1.5,3:2}/5` as a struct of dimensions and a map from index to number.
///
/// # Errors
/// If there are more dimensions than Debezium's INT16 holds.
pub(super) fn emit_sparse<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let slash = memchr::memrchr(b'/', text).ok_or(SPARSE)?;
    let (elements, dimensions) = text.split_at_checked(slash).ok_or(SPARSE)?;
    let dimensions: i16 = integer(dimensions.get(1..).unwrap_or_default())?;
    let elements = within(elements, b"{", b"}").ok_or(SPARSE)?;
    let mut entries = Vec::new();
    for element in elements.split(|byte| *byte == b',').filter(|_one| !elements.is_empty()) {
        let colon = memchr::memchr(b':', element).ok_or(SPARSE)?;
        let (index, number) = element.split_at_checked(colon).ok_or(SPARSE)?;
        let number = parse_f64(number.get(1..).unwrap_or_default()).map_err(|_number| SPARSE)?;
        entries.push((integer(index)?, number));
    }
    out.begin_struct();
    out.field(0);
    out.int16(dimensions);
    out.field(1);
    out.begin_map(entries.len());
    for (index, number) in entries {
        out.map_key();
        out.int16(index);
        out.map_value();
        out.float64(number);
    }
    out.end_map();
    out.end_struct();
    Ok(())
}

fn integer(text: &[u8]) -> Result<i16> {
    parse_integer(text, "an int2").map_err(|_out_of_range| SPARSE)
}

fn within<'a>(text: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
    text.strip_prefix(open)?.strip_suffix(close)
}

fn parse_all<T>(text: &[u8], parse: fn(&[u8]) -> Result<T>) -> Result<Vec<T>> {
    let inner = within(text, b"[", b"]").ok_or(VECTOR)?;
    inner.split(|byte| *byte == b',').map(|number| parse(number).map_err(|_e| VECTOR)).collect()
}
