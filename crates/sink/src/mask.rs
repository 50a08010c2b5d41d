//! `column.truncate.to.N.chars`, `column.mask.with.N.chars` and `column.mask.hash…`: what a column's text becomes before
//! it is shown. Keys are never touched; nor are columns that are not text (Debezium asks for the JDBC types CHAR and
//! VARCHAR).

use std::sync::Arc;

use md5::Md5;
use pgoutput::{Column, Type, TypeKind};
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

use crate::data::Value;

/// What Debezium takes for the length of a column without one.
const UNLIMITED: i32 = i32::MAX;

/// What becomes of a column's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// So many UTF-16 units are left of it.
    Truncate(usize),
    /// So many asterisks stand for it, and for its absence.
    Stars(usize),
    /// Its hash stands for it.
    Hash(Arc<Hash>),
}

/// How a text is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash {
    /// The digest.
    pub algorithm: Algorithm,
    /// What goes before the text.
    pub salt: Box<[u8]>,
    /// Version 1: the text as Java serializes it, instead of its UTF-8.
    pub serialized: bool,
}

/// A digest, by Java's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-512/224.
    Sha512_224,
    /// SHA-512/256.
    Sha512_256,
}

impl Algorithm {
    /// The digest of that name, in any case; `None` for one that is not known here.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MD5" => Self::Md5,
            "SHA" | "SHA1" | "SHA-1" => Self::Sha1,
            "SHA-224" | "SHA224" => Self::Sha224,
            "SHA-256" | "SHA256" => Self::Sha256,
            "SHA-384" | "SHA384" => Self::Sha384,
            "SHA-512" | "SHA512" => Self::Sha512,
            "SHA-512/224" => Self::Sha512_224,
            "SHA-512/256" => Self::Sha512_256,
            _ => return None,
        })
    }

    fn digest(self, salt: &[u8], text: &[u8]) -> String {
        fn hex<D: Digest>(salt: &[u8], text: &[u8]) -> String {
            let digest = D::new().chain_update(salt).chain_update(text).finalize();
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        match self {
            Self::Md5 => hex::<Md5>(salt, text),
            Self::Sha1 => hex::<sha1::Sha1>(salt, text),
            Self::Sha224 => hex::<Sha224>(salt, text),
            Self::Sha256 => hex::<Sha256>(salt, text),
            Self::Sha384 => hex::<Sha384>(salt, text),
            Self::Sha512 => hex::<Sha512>(salt, text),
            Self::Sha512_224 => hex::<Sha512_224>(salt, text),
            Self::Sha512_256 => hex::<Sha512_256>(salt, text),
        }
    }
}

impl Mask {
    /// The parameter that it adds to the field's schema.
    #[must_use]
    pub fn parameter(&self, column: &Column) -> Option<(&'static str, String)> {
        match self {
            Self::Truncate(len) => {
                is_longer(column, *len).then(|| ("truncateLength", len.to_string()))
            }
            Self::Stars(_) | Self::Hash(_) => Some(("masked", "true".to_owned())),
        }
    }

    /// What it does to the column; `None` for nothing.
    #[must_use]
    pub fn compile(&self, column: &Column) -> Option<Masked> {
        if !is_text(&column.ty) {
            return None;
        }
        match self {
            Self::Truncate(len) => is_longer(column, *len).then_some(Masked::Truncate(*len)),
            Self::Stars(len) => Some(Masked::Stars("*".repeat(*len).into())),
            Self::Hash(hash) => {
                Some(Masked::Hash(Arc::clone(hash), usize::try_from(length(column)).unwrap_or(0)))
            }
        }
    }
}

/// A [`Mask`] for one column.
#[derive(Debug, Clone)]
pub enum Masked {
    /// So many UTF-16 units are left.
    Truncate(usize),
    /// This stands for everything.
    Stars(Arc<str>),
    /// The hash, cut to the column's length.
    Hash(Arc<Hash>, usize),
}

impl Masked {
    /// What stands for a value.
    #[must_use]
    pub fn apply(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Stars(stars), _) => Value::String(Arc::clone(stars)),
            (Self::Truncate(len), Value::String(text)) => Value::String(cut(&text, *len).into()),
            (Self::Hash(hash, len), Value::String(text)) => {
                let digest = if hash.serialized {
                    hash.algorithm.digest(&hash.salt, &serialized(&text))
                } else {
                    hash.algorithm.digest(&hash.salt, text.as_bytes())
                };
                Value::String(cut(&digest, *len).into())
            }
            (_, other) => other,
        }
    }
}

/// Java counts UTF-16 units. A pair that would be cut in two goes as a whole: half of one is no text.
fn cut(text: &str, units: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.len_utf16();
        used > units
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// The text as `java.io.ObjectOutputStream` writes a `String`: stream header, `TC_STRING` or `TC_LONGSTRING` with its
/// length, modified UTF-8.
fn serialized(text: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match (unit, unit.to_be_bytes()) {
            (1..=0x7F, [_, low]) => body.push(low),
            (0..=0x7FF, _) => body.extend([0xC0 | bits(unit, 6, 0x1F), 0x80 | bits(unit, 0, 0x3F)]),
            _ => body.extend([
                0xE0 | bits(unit, 12, 0x0F),
                0x80 | bits(unit, 6, 0x3F),
                0x80 | bits(unit, 0, 0x3F),
            ]),
        }
    }
    let mut out = vec![0xAC, 0xED, 0x00, 0x05];
    match u16::try_from(body.len()) {
        Ok(len) => {
            out.push(0x74);
            out.extend(len.to_be_bytes());
        }
        Err(_longer) => {
            out.push(0x7C);
            out.extend((body.len() as u64).to_be_bytes());
        }
    }
    out.append(&mut body);
    out
}

fn bits(unit: u16, shift: u32, mask: u8) -> u8 {
    u8::try_from(unit >> shift & u16::from(mask)).unwrap_or(mask)
}

/// Whether JDBC takes the type for CHAR or VARCHAR: `"char"`, name, text, bpchar, varchar, enums, and domains over them.
fn is_text(ty: &Type) -> bool {
    match &ty.kind {
        TypeKind::Enum(_) => true,
        TypeKind::Domain { base, .. } => is_text(base),
        TypeKind::Base => matches!(ty.oid, 18 | 19 | 25 | 1042 | 1043),
        _ => false,
    }
}

/// Length as declared; that of a domain's base where the domain declares it.
fn length(column: &Column) -> i32 {
    let (mut ty, mut typmod) = (&column.ty, column.typmod);
    while let TypeKind::Domain { base, typmod: own, .. } = &ty.kind {
        typmod = if typmod < 0 { *own } else { typmod };
        ty = base;
    }
    match ty.oid {
        18 => 1,
        1042 | 1043 if typmod >= 4 => typmod - 4,
        _ => UNLIMITED,
    }
}

fn is_longer(column: &Column, len: usize) -> bool {
    usize::try_from(length(column)).is_ok_and(|length| length > len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(oid: u32, typmod: i32) -> Column {
        let ty = Type {
            oid,
            schema: "pg_catalog".to_owned(),
            name: String::new(),
            kind: TypeKind::Base,
        };
        Column {
            name: "c".to_owned(),
            ty: Arc::new(ty),
            typmod,
            nullable: true,
            default: None,
            identity: false,
        }
    }

    fn shown(mask: &Mask, column: &Column, text: &str) -> Option<String> {
        match mask.compile(column)?.apply(text.into()) {
            Value::String(text) => Some((*text).to_owned()),
            _ => None,
        }
    }

    /// Digests that the real connector wrote.
    #[test]
    fn hashes_are_those_of_debezium() {
        let hash = |algorithm: &str, salt: &str, serialized| {
            let algorithm = Algorithm::parse(algorithm).unwrap();
            Mask::Hash(Arc::new(Hash { algorithm, salt: salt.as_bytes().into(), serialized }))
        };
        let v1 = hash("SHA-256", "CzQMA0cB5K", true);
        let digest = "3f3a27ada80ed3c42c8f6972a002621ea7f575e9c1d53e345269a95fa6e36526";
        assert_eq!(shown(&v1, &column(25, -1), "hash").as_deref(), Some(digest));
        assert_eq!(shown(&v1, &column(1043, 12), "hash").as_deref(), Some("3f3a27ad"));
        let emoji = "af494498a1f0472dfd45c6ca11da7b1c648a31c2a6241580ecd9f4f5f1f23154";
        assert_eq!(shown(&v1, &column(25, -1), "ž😀").as_deref(), Some(emoji));
        let v2 = hash("md5", "s.a.l.t", false);
        let digest = "7e2e5591c5474009e9d193ddf050f7ec";
        assert_eq!(shown(&v2, &column(25, -1), "hash").as_deref(), Some(digest));
        assert_eq!(shown(&v2, &column(23, -1), "5"), None, "a number is not text");
        assert!(Algorithm::parse("MD4").is_none());
    }

    #[test]
    fn text_is_cut_by_units_and_never_within_a_character() {
        let three = Mask::Truncate(3);
        let text = column(25, -1);
        assert_eq!(shown(&three, &text, "žžžž").as_deref(), Some("žžž"));
        assert_eq!(shown(&three, &text, "ab😀").as_deref(), Some("ab"));
        assert_eq!(shown(&three, &text, "ab").as_deref(), Some("ab"));
        assert_eq!(shown(&three, &column(1043, 7), "abc"), None, "the column is as short");
        assert_eq!(three.parameter(&column(1043, 7)), None);
        assert_eq!(three.parameter(&text), Some(("truncateLength", "3".to_owned())));
    }

    #[test]
    fn asterisks_stand_for_a_missing_value_too() {
        let masked = Mask::Stars(4).compile(&column(25, -1)).unwrap();
        assert_eq!(masked.apply(Value::Null), "****".into());
    }
}
