//! Hash codes as Java and Debezium compute them of what a field holds.

use super::part::java_class;
use crate::data::{Decimal, Schema, Unscaled, Value};

/// `Object.hashCode`; `None` for what has none that is the same in every process.
pub(super) fn java_hash(schema: &Schema, value: &Value) -> Option<i32> {
    Some(match value {
        Value::Boolean(flag) => {
            if *flag {
                1231
            } else {
                1237
            }
        }
        Value::Int8(n) => (*n).into(),
        Value::Int16(n) => (*n).into(),
        // `java.util.Date` counts milliseconds.
        Value::Int32(days) if schema.name.as_deref() == Some(super::part::DATE) => {
            of_long(i64::from(*days) * 86_400_000)
        }
        Value::Int32(n) if java_class(Some(schema), value) == "java.util.Date" => {
            of_long((*n).into())
        }
        Value::Int32(n) => *n,
        Value::Int64(n) => of_long(*n),
        Value::Float32(n) => if n.is_nan() { f32::NAN } else { *n }.to_bits().cast_signed(),
        Value::Float64(n) => {
            of_long(if n.is_nan() { f64::NAN } else { *n }.to_bits().cast_signed())
        }
        Value::String(text) => of_units(text.encode_utf16().map(i32::from)),
        // `ByteBuffer.hashCode` goes backwards.
        Value::Bytes(bytes) => bytes.iter().rev().fold(1_i32, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(i32::from(byte.cast_signed()))
        }),
        Value::Decimal(decimal) => of_decimal(decimal),
        Value::Array(_) | Value::Map(_) | Value::Struct(_) | Value::Null => return None,
    })
}

fn of_units(units: impl Iterator<Item = i32>) -> i32 {
    units.fold(0, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit))
}

fn of_long(n: i64) -> i32 {
    let folded = n ^ (n.cast_unsigned() >> 32).cast_signed();
    folded.to_le_bytes().first_chunk().map_or(0, |low| i32::from_le_bytes(*low))
}

/// `BigDecimal.hashCode`: another one where the digits fit a long.
fn of_decimal(decimal: &Decimal) -> i32 {
    let scale = decimal.scale;
    let long = match &decimal.unscaled {
        Unscaled::Small(digits) => i64::try_from(*digits).ok(),
        Unscaled::Big(digits) => i64::try_from(digits).ok(),
    };
    if let Some(digits) = long.filter(|digits| *digits != i64::MIN) {
        let bits = digits.unsigned_abs();
        let words = [bits >> 32, bits & 0xFFFF_FFFF]
            .map(|word| u32::try_from(word).unwrap_or(0).cast_signed());
        let [high, low] = words;
        let hash = high.wrapping_mul(31).wrapping_add(low);
        let signed = if digits < 0 { hash.wrapping_neg() } else { hash };
        return signed.wrapping_mul(31).wrapping_add(scale);
    }
    let digits = super::mask_field::big(&decimal.unscaled);
    let hash = digits
        .magnitude()
        .to_u32_digits()
        .iter()
        .rev()
        .fold(0_i32, |hash, word| hash.wrapping_mul(31).wrapping_add(word.cast_signed()));
    let signed = if digits.sign() == num_bigint::Sign::Minus { hash.wrapping_neg() } else { hash };
    signed.wrapping_mul(31).wrapping_add(scale)
}

/// The upper half of `MurmurHash3_x64_128`'s first word with the seed 9001, as Debezium's `MurmurHash3` takes it of texts,
/// bytes and numbers; of all else it hashes the hash code.
pub(super) fn murmur3(schema: &Schema, value: &Value) -> Option<i32> {
    let hash = match value {
        Value::String(text) => murmur_bytes(text.as_bytes()),
        Value::Bytes(bytes) => murmur_bytes(bytes),
        Value::Int64(n) => murmur_bytes(&n.to_le_bytes()),
        Value::Float64(n) => murmur_bytes(&n.to_bits().to_le_bytes()),
        _ => murmur_bytes(&java_hash(schema, value)?.to_le_bytes()),
    };
    Some(hash)
}

fn murmur_bytes(bytes: &[u8]) -> i32 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let (mut h1, mut h2) = (9001_u64, 9001_u64);
    let word =
        |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let mut chunks = bytes.chunks_exact(16);
    for chunk in &mut chunks {
        let (low, high) = chunk.split_at_checked(8).unwrap_or((chunk, &[]));
        h1 ^= mix1(word(low));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(high));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let rest = chunks.remainder();
    let (low, high) = rest.split_at_checked(8).unwrap_or((rest, &[]));
    h2 ^= mix2(word(high));
    h1 ^= mix1(word(low));
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    (h1, h2) = (h1 ^ len, h2 ^ len);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    let high = h1.wrapping_add(h2) >> 32;
    u32::try_from(high).unwrap_or(0).cast_signed()
}

const fn finish(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Kind;

    #[test]
    fn hash_codes_are_those_of_java() {
        let string = Schema::new(Kind::String);
        assert_eq!(java_hash(&string, &"n11".into()), Some(107_278));
        let long = Schema::new(Kind::Int64);
        assert_eq!(java_hash(&long, &Value::Int64(-1)), Some(0));
        assert_eq!(java_hash(&long, &Value::Int64(1 << 32)), Some(1));
        // new BigDecimal("10.50").hashCode() = 31 * 1050 + 2
        let decimal = Decimal { unscaled: Unscaled::Small(1050), scale: 2 };
        assert_eq!(java_hash(&string, &Value::Decimal(decimal)), Some(32_552));
    }
}
