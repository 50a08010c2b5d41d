//! `point`, and the text of the geometric types that Debezium does not map.

use super::binary::decode_hex;
use super::number::{java_double, parse_f64};
use super::{ConvertError, Result};
use crate::emit::Emit;

const POINT: ConvertError = ConvertError::new("a point");
const GEOMETRY: ConvertError = ConvertError::new("a geometry in hexadecimal EWKB");

/// Emits a point as `io.debezium.data.geometry.Point`: x, y, well-known binary, no SRID.
pub(super) fn emit_point<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let inner = text.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).ok_or(POINT)?;
    let comma = memchr::memchr(b',', inner).ok_or(POINT)?;
    let (x, y) = inner.split_at_checked(comma).ok_or(POINT)?;
    let x = parse_f64(x).map_err(|_not_a_number| POINT)?;
    let y = parse_f64(y.get(1..).unwrap_or_default()).map_err(|_not_a_number| POINT)?;
    out.begin_struct();
    out.field(0);
    out.float64(x);
    out.field(1);
    out.float64(y);
    out.field(2);
    out.bytes(&well_known_binary(x, y));
    out.field(3);
    out.null();
    out.end_struct();
    Ok(())
}

/// A point in well-known binary: little-endian, type 1.
pub(super) fn well_known_binary(x: f64, y: f64) -> [u8; 21] {
    let mut bytes = [0; 21];
    let parts = [1_u8].into_iter().chain(1_u32.to_le_bytes()).chain(x.to_le_bytes());
    for (byte, part) in bytes.iter_mut().zip(parts.chain(y.to_le_bytes())) {
        *byte = part;
    }
    bytes
}

/// Emits a geometry or geography of PostGIS: the EWKB as it is, and the SRID if it has one.
pub(super) fn emit_geometry<E: Emit>(text: &[u8], out: &mut E) -> Result<()> {
    let bytes = decode_hex(text).ok_or(GEOMETRY)?;
    let srid = srid(&bytes).ok_or(GEOMETRY)?;
    out.begin_struct();
    out.field(0);
    out.bytes(&bytes);
    out.field(1);
    match srid {
        Some(srid) => out.int32(srid),
        None => out.null(),
    }
    out.end_struct();
    Ok(())
}

/// The SRID within EWKB: a byte for the byte order, a type whose flag 0x20000000 says that one follows.
fn srid(bytes: &[u8]) -> Option<Option<i32>> {
    let (order, rest) = bytes.split_first()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let little = *order == 1;
    let kind = if little { u32::from_le_bytes(*kind) } else { u32::from_be_bytes(*kind) };
    if kind & 0x2000_0000 == 0 {
        return Some(None);
    }
    let (srid, _coordinates) = rest.split_first_chunk()?;
    Some(Some(if little { i32::from_le_bytes(*srid) } else { i32::from_be_bytes(*srid) }))
}

/// The text of a line, box and so on as the JDBC driver writes it: every number as Java does.
pub(super) fn driver_text(text: &[u8]) -> Result<String> {
    let text =
        std::str::from_utf8(text).map_err(|_not_text| ConvertError::new("a geometric value"))?;
    let mut written = String::with_capacity(text.len() * 2);
    for part in text.split_inclusive(|char: char| "()[]{}<>,".contains(char)) {
        let number = part.trim_end_matches(|char: char| "()[]{}<>,".contains(char));
        if !number.is_empty() {
            written.push_str(&java_double(parse_f64(number.as_bytes())?));
        }
        written.push_str(part.trim_start_matches(number));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_does() {
        assert_eq!(driver_text(b"<(0,-1.5),1e+20>").unwrap(), "<(0.0,-1.5),1.0E20>");
        assert!(driver_text(b"(a,1)").is_err());
    }
}
