//! Debezium's two transforms of `io.debezium.data.geometry.Geometry`: `SwapGeometryCoordinates` and
//! `GeometryFormatTransformer`. Points of PostgreSQL's own are of another type and stay as they are.

use bytes::Bytes;

use super::{Record, Transform};
use crate::data::{Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

const GEOMETRY: &str = "io.debezium.data.geometry.Geometry";
/// Flags of EWKB in a geometry's type.
const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;

/// `io.debezium.transforms.SwapGeometryCoordinates`.
#[derive(Debug)]
pub(super) struct SwapCoordinates(Vec<i32>);

impl SwapCoordinates {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let number = |text: &str| {
            text.parse().map_err(|_not| {
                Error::config(format!("The 'srids' value is invalid: {text} is not an integer"))
            })
        };
        let list = options.given("srids").unwrap_or("4326,3857,4269");
        Ok(Self(list.split(',').map(str::trim).map(number).collect::<Result<_>>()?))
    }
}

impl Transform for SwapCoordinates {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let swap = |wkb: &[u8], srid: Option<i32>| {
            srid.filter(|srid| self.0.contains(srid)).and_then(|_| swapped(wkb))
        };
        visit(&mut record, &swap);
        Ok(Some(record))
    }
}

/// `io.debezium.transforms.GeometryFormatTransformer`.
#[derive(Debug)]
pub(super) struct GeometryFormat;

impl Transform for GeometryFormat {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        visit(&mut record, &reformatted);
        Ok(Some(record))
    }
}

type Change<'a> = &'a dyn Fn(&[u8], Option<i32>) -> Option<Vec<u8>>;

fn visit(record: &mut Record, change: Change<'_>) {
    if let Some(schema) = record.value.schema.clone() {
        visit_value(&schema, &mut record.value.value, change);
    }
}

fn visit_value(schema: &Schema, value: &mut Value, change: Change<'_>) {
    match (&schema.kind, value) {
        (Kind::Struct(_), Value::Struct(values)) if schema.name.as_deref() == Some(GEOMETRY) => {
            let at = |name| schema.field_index(name);
            let srid = match at("srid").and_then(|index| values.get(index)) {
                Some(Value::Int32(srid)) => Some(*srid),
                _ => None,
            };
            if let Some(Value::Bytes(wkb)) = at("wkb").and_then(|index| values.get_mut(index))
                && let Some(changed) = change(wkb, srid)
            {
                *wkb = Bytes::from(changed);
            }
        }
        (Kind::Struct(fields), Value::Struct(values)) => {
            for (field, value) in fields.iter().zip(values) {
                visit_value(&field.schema, value, change);
            }
        }
        (Kind::Array(items), Value::Array(values)) => {
            for value in values {
                visit_value(items, value, change);
            }
        }
        _ => {}
    }
}

/// Well-known binary on its way.
struct Wkb<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Wkb<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn number(&mut self, little: bool) -> Option<u32> {
        let bytes: [u8; 4] = self.bytes.get(self.at..self.at + 4)?.try_into().ok()?;
        self.at += 4;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

/// The same with x and y of every point exchanged; `None` where it is not well-known binary.
fn swapped(wkb: &[u8]) -> Option<Vec<u8>> {
    let mut out = wkb.to_vec();
    let mut reader = Wkb { bytes: wkb, at: 0 };
    swap_geometry(&mut reader, &mut out, 0)?;
    Some(out)
}

/// How deep collections may nest.
const MAX_DEPTH: usize = 32;

fn swap_geometry(reader: &mut Wkb<'_>, out: &mut [u8], depth: usize) -> Option<()> {
    let little = reader.byte()? == 1;
    let kind = reader.number(little)?;
    if kind & HAS_SRID != 0 {
        reader.number(little)?;
    }
    let plain = kind & 0x0FFF_FFFF;
    let (extra, plain) = (plain / 1000, plain % 1000);
    let has = |flag: u32, iso: [u32; 2]| u8::from(kind & flag != 0 || iso.contains(&extra));
    let dimensions = usize::from(2 + has(HAS_Z, [1, 3]) + has(HAS_M, [2, 3]));
    let mut points = |reader: &mut Wkb<'_>, count: u32| {
        for _ in 0..count {
            let point = out.get_mut(reader.at..reader.at + dimensions * 8)?;
            let (x, y) = point.split_at_mut_checked(8)?;
            x.swap_with_slice(y.get_mut(..8)?);
            reader.at += dimensions * 8;
        }
        Some(())
    };
    match plain {
        1 => points(reader, 1),
        2 => {
            let count = reader.number(little)?;
            points(reader, count)
        }
        3 => {
            for _ in 0..reader.number(little)? {
                let count = reader.number(little)?;
                points(reader, count)?;
            }
            Some(())
        }
        4..=7 if depth < MAX_DEPTH => {
            for _ in 0..reader.number(little)? {
                swap_geometry(reader, out, depth + 1)?;
            }
            Some(())
        }
        _ => None,
    }
}

/// WKB as EWKB with its SRID, EWKB as WKB without; `None` where there is nothing to add or it is neither.
fn reformatted(wkb: &[u8], srid: Option<i32>) -> Option<Vec<u8>> {
    let (order, rest) = wkb.split_first()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let little = *order == 1;
    let number = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let kind = if little { u32::from_le_bytes(*kind) } else { u32::from_be_bytes(*kind) };
    let mut out = vec![*order];
    if kind & HAS_SRID == 0 {
        out.extend(number(kind | HAS_SRID));
        out.extend(number(srid?.cast_unsigned()));
        out.extend(rest);
    } else {
        out.extend(number(kind & !HAS_SRID));
        out.extend(rest.get(4..)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// POINT(1 2), little-endian.
    fn point() -> Vec<u8> {
        let mut wkb = vec![1, 1, 0, 0, 0];
        wkb.extend(1.0_f64.to_le_bytes());
        wkb.extend(2.0_f64.to_le_bytes());
        wkb
    }

    #[test]
    fn coordinates_change_places() {
        let swapped = swapped(&point()).unwrap();
        assert_eq!(swapped.get(5..13).unwrap(), 2.0_f64.to_le_bytes());
        assert_eq!(super::swapped(&swapped).unwrap(), point());
        assert_eq!(super::swapped(&point()[..9]), None);
    }

    #[test]
    fn srid_comes_and_goes() {
        let extended = reformatted(&point(), Some(4326)).unwrap();
        assert_eq!(extended.len(), point().len() + 4);
        assert_eq!(reformatted(&extended, Some(4326)).unwrap(), point());
        assert_eq!(reformatted(&point(), None), None);
    }
}
