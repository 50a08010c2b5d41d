//! Keys as Debezium's offset holds them: a Java-serialised `Object[]`, in hexadecimal.
//!
//! The stream protocol is that of the "Java Object Serialization Specification", chapter 6. Of the values that a key
//! can have, the boxed numbers, booleans, `java.util.UUID` and strings are written and read as Debezium does; every
//! other type is written as a string, which walbridge reads back and Debezium would not take for a bound.

use std::fmt::Write as _;

use pgoutput::chunk::Key;
use pgoutput::{Column, TypeKind};

const MAGIC: [u8; 4] = [0xAC, 0xED, 0x00, 0x05];
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_STRING: u8 = 0x74;
const TC_ARRAY: u8 = 0x75;
const TC_ENDBLOCKDATA: u8 = 0x78;
const BASE_HANDLE: u32 = 0x007E_0000;

/// A class, with the bytes that describe it.
struct Class {
    name: &'static str,
    uid: u64,
    /// Letter and name of each field, in their order.
    fields: &'static [(u8, &'static str)],
    is_number: bool,
}

const OBJECTS: Class = Class {
    name: "[Ljava.lang.Object;",
    uid: 0x90CE_589F_1073_296C,
    fields: &[],
    is_number: false,
};
const NUMBER: Class =
    Class { name: "java.lang.Number", uid: 0x86AC_951D_0B94_E08B, fields: &[], is_number: false };
const INTEGER: usize = 0;
const LONG: usize = 1;
const BOOLEAN: usize = 2;
const DOUBLE: usize = 3;
const FLOAT: usize = 4;
const UUID: usize = 5;
const SHORT: usize = 6;
const CLASSES: [Class; 7] = [
    boxed("java.lang.Integer", 0x12E2_A0A4_F781_8738, &[(b'I', "value")], true),
    boxed("java.lang.Long", 0x3B8B_E490_CC8F_23DF, &[(b'J', "value")], true),
    boxed("java.lang.Boolean", 0xCD20_7280_D59C_FAEE, &[(b'Z', "value")], false),
    boxed("java.lang.Double", 0x80B3_C24A_296B_FB04, &[(b'D', "value")], true),
    boxed("java.lang.Float", 0xDAED_C9A2_DB3C_F0EC, &[(b'F', "value")], true),
    boxed(
        "java.util.UUID",
        0xBC99_03F7_986D_852F,
        &[(b'J', "leastSigBits"), (b'J', "mostSigBits")],
        false,
    ),
    boxed("java.lang.Short", 0x684D_3713_3460_DA52, &[(b'S', "value")], true),
];

const fn boxed(
    name: &'static str,
    uid: u64,
    fields: &'static [(u8, &'static str)],
    is_number: bool,
) -> Class {
    Class { name, uid, fields, is_number }
}

/// The class of a column's values in Debezium's rows, and such a value's bytes; `None` for a string.
fn boxed_value(column: &Column, text: &str) -> Option<(usize, Vec<u8>)> {
    let mut ty = &column.ty;
    while let TypeKind::Domain { base, .. } = &ty.kind {
        ty = base;
    }
    let bytes = |value: &dyn Fn() -> Option<Vec<u8>>| value();
    let parsed = match ty.oid {
        21 | 23 => (INTEGER, bytes(&|| Some(text.parse::<i32>().ok()?.to_be_bytes().to_vec()))),
        20 | 26 => (LONG, bytes(&|| Some(text.parse::<i64>().ok()?.to_be_bytes().to_vec()))),
        16 => (BOOLEAN, Some(vec![u8::from(text == "t")])),
        701 => (DOUBLE, bytes(&|| Some(text.parse::<f64>().ok()?.to_be_bytes().to_vec()))),
        700 => (FLOAT, bytes(&|| Some(text.parse::<f32>().ok()?.to_be_bytes().to_vec()))),
        2950 => {
            let halves = uuid::Uuid::parse_str(text).ok().map(|uuid| uuid.as_u64_pair());
            (UUID, halves.map(|(most, least)| [least.to_be_bytes(), most.to_be_bytes()].concat()))
        }
        _ => return None,
    };
    parsed.1.map(|bytes| (parsed.0, bytes))
}

/// Writes a key of those columns; without one, Java's null.
pub(super) fn write(columns: &[&Column], key: Option<&Key>) -> String {
    let mut writer = Writer::default();
    writer.out.extend(MAGIC);
    match key {
        None => writer.out.push(TC_NULL),
        Some(key) => writer.array(columns, key),
    }
    let mut text = String::with_capacity(writer.out.len() * 2);
    for byte in &writer.out {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "a string takes whatever is written to it");
    }
    text
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    /// The next handle, less the base.
    handles: u32,
    /// Handles of the classes that were described.
    classes: [Option<u32>; CLASSES.len()],
    number: Option<u32>,
}

impl Writer {
    const fn handle(&mut self) -> u32 {
        self.handles += 1;
        BASE_HANDLE + self.handles - 1
    }

    fn reference(&mut self, handle: u32) {
        self.out.push(TC_REFERENCE);
        self.out.extend(handle.to_be_bytes());
    }

    /// Java's "modified UTF-8" differs for NUL and beyond the basic plane only; there its reader would refuse ours.
    fn utf(&mut self, text: &str) {
        let bytes = modified_utf8(text);
        self.out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.out.extend(bytes.iter().take(usize::from(u16::MAX)));
    }

    fn describe(&mut self, class: &Class) -> u32 {
        self.out.push(TC_CLASSDESC);
        self.utf(class.name);
        self.out.extend(class.uid.to_be_bytes());
        let handle = self.handle();
        self.out.push(0x02); // Serializable
        self.out.extend(u16::try_from(class.fields.len()).unwrap_or_default().to_be_bytes());
        for (letter, name) in class.fields {
            self.out.push(*letter);
            self.utf(name);
        }
        self.out.push(TC_ENDBLOCKDATA);
        match (class.is_number, self.number) {
            (false, _) => self.out.push(TC_NULL),
            (true, Some(handle)) => self.reference(handle),
            (true, None) => self.number = Some(self.describe(&NUMBER)),
        }
        handle
    }

    fn array(&mut self, columns: &[&Column], key: &Key) {
        self.out.push(TC_ARRAY);
        self.describe(&OBJECTS);
        self.handle();
        self.out.extend(u32::try_from(key.len()).unwrap_or_default().to_be_bytes());
        for (column, value) in columns.iter().zip(key) {
            match value {
                None => self.out.push(TC_NULL),
                Some(text) => match boxed_value(column, text) {
                    Some((class, bytes)) => self.object(class, &bytes),
                    None => self.string(text),
                },
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push(TC_STRING);
        self.handle();
        self.utf(text);
    }

    fn object(&mut self, class: usize, bytes: &[u8]) {
        self.out.push(TC_OBJECT);
        match self.classes.get(class).copied().flatten() {
            Some(handle) => self.reference(handle),
            None => {
                let handle = CLASSES.get(class).map(|class| self.describe(class));
                if let Some(known) = self.classes.get_mut(class) {
                    *known = handle;
                }
            }
        }
        self.handle();
        self.out.extend(bytes);
    }
}

fn modified_utf8(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        let [high, low] = unit.to_be_bytes();
        let tail = 0x80 | (low & 0x3F);
        let middle = ((high & 0x0F) << 2) | (low >> 6);
        match unit {
            1..=0x7F => bytes.push(low),
            0 | 0x80..=0x7FF => bytes.extend([0xC0 | middle, tail]),
            _ => bytes.extend([0xE0 | (high >> 4), 0x80 | (middle & 0x3F), tail]),
        }
    }
    bytes
}

/// Reads a key; inner `None` for Java's null. Fails on whatever else is not one of the types above.
pub(super) fn parse(hex: &str) -> Result<Option<Key>, Unreadable> {
    let byte = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).ok().filter(|digits| digits.len() == 2)?;
        u8::from_str_radix(digits, 16).ok()
    };
    let bytes: Vec<u8> =
        hex.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or(Unreadable)?;
    let mut reader = Parser { rest: &bytes, handles: Vec::new() };
    if reader.array::<4>()? != MAGIC {
        return Err(Unreadable);
    }
    match reader.byte()? {
        TC_NULL => Ok(None),
        TC_ARRAY => {
            reader.class()?;
            reader.handles.push(None);
            let len = u32::from_be_bytes(reader.array()?);
            (0..len).map(|_| reader.value()).collect::<Result<_, _>>().map(Some)
        }
        _ => Err(Unreadable),
    }
}

/// The key of an offset holds what is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is not an array of strings, numbers, booleans and UUIDs as Java serialises them")]
pub(super) struct Unreadable;

struct Parser<'a> {
    rest: &'a [u8],
    /// By handle: the class that it describes, if it is one of ours.
    handles: Vec<Option<usize>>,
}

impl Parser<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Unreadable)?;
        self.rest = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Unpaired surrogates, which no text of a database has, become the replacement character.
    fn utf(&mut self) -> Result<String, Unreadable> {
        let len = usize::from(u16::from_be_bytes(self.array()?));
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Unreadable)?;
        self.rest = rest;
        let mut units = Vec::with_capacity(len);
        let mut left = bytes;
        while let [first, tail @ ..] = left {
            let unit = |parts: &[u8], top: u8| {
                parts.iter().fold(u16::from(top), |unit, byte| (unit << 6) | u16::from(byte & 0x3F))
            };
            let (value, taken) = match (first, tail) {
                (0x00..=0x7F, _) => (u16::from(*first), 0),
                (0xC0..=0xDF, [a, ..]) => (unit(&[*a], first & 0x1F), 1),
                (0xE0..=0xEF, [a, b, ..]) => (unit(&[*a, *b], first & 0x0F), 2),
                _ => return Err(Unreadable),
            };
            units.push(value);
            left = tail.get(taken..).unwrap_or_default();
        }
        Ok(String::from_utf16_lossy(&units))
    }

    /// A class description, or a reference to one.
    fn class(&mut self) -> Result<Option<usize>, Unreadable> {
        match self.byte()? {
            TC_NULL => return Ok(None),
            TC_REFERENCE => {
                let handle = u32::from_be_bytes(self.array()?).checked_sub(BASE_HANDLE);
                let index = handle.and_then(|h| usize::try_from(h).ok()).ok_or(Unreadable)?;
                return self.handles.get(index).copied().ok_or(Unreadable);
            }
            TC_CLASSDESC => {}
            _ => return Err(Unreadable),
        }
        let name = self.utf()?;
        let uid = u64::from_be_bytes(self.array()?);
        let class = CLASSES.iter().position(|class| class.name == name && class.uid == uid);
        if class.is_none() && name != OBJECTS.name && name != NUMBER.name {
            return Err(Unreadable);
        }
        self.handles.push(class);
        if self.byte()? != 0x02 {
            return Err(Unreadable);
        }
        let fields = u16::from_be_bytes(self.array()?);
        for _ in 0..fields {
            self.byte()?;
            self.utf()?;
        }
        if self.byte()? != TC_ENDBLOCKDATA {
            return Err(Unreadable);
        }
        self.class()?;
        Ok(class)
    }

    fn value(&mut self) -> Result<Option<String>, Unreadable> {
        match self.byte()? {
            TC_NULL => Ok(None),
            TC_STRING => {
                self.handles.push(None);
                self.utf().map(Some)
            }
            TC_OBJECT => {
                let class = self.class()?.ok_or(Unreadable)?;
                self.handles.push(None);
                self.object(class).map(Some)
            }
            _ => Err(Unreadable),
        }
    }

    /// The text that Postgres reads back as that value.
    fn object(&mut self, class: usize) -> Result<String, Unreadable> {
        Ok(match class {
            INTEGER => i32::from_be_bytes(self.array()?).to_string(),
            LONG => i64::from_be_bytes(self.array()?).to_string(),
            SHORT => i16::from_be_bytes(self.array()?).to_string(),
            BOOLEAN => if self.byte()? == 0 { "f" } else { "t" }.to_owned(),
            DOUBLE => f64::from_be_bytes(self.array()?).to_string(),
            FLOAT => f32::from_be_bytes(self.array()?).to_string(),
            UUID => {
                let least = u64::from_be_bytes(self.array()?);
                uuid::Uuid::from_u64_pair(u64::from_be_bytes(self.array()?), least).to_string()
            }
            _ => return Err(Unreadable),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pgoutput::Type;

    use super::*;

    fn column(oid: u32) -> Column {
        let ty = Type {
            oid,
            schema: "pg_catalog".to_owned(),
            name: String::new(),
            kind: TypeKind::Base,
        };
        Column {
            name: "k".to_owned(),
            ty: Arc::new(ty),
            typmod: -1,
            nullable: false,
            default: None,
            identity: true,
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// Written by Java 17: `{"k", 1, 2L, null, 3, 4L, true, false, 1.5, 2.5f, UUID, "k2"}`.
    const ALL: &str = "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c02000078700000000c7400016b737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870000000017372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c75657871007e00040000000000000002707371007e0003000000037371007e00060000000000000004737200116a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee0200015a000576616c75657870017371007e000a00737200106a6176612e6c616e672e446f75626c6580b3c24a296bfb0402000144000576616c75657871007e00043ff80000000000007372000f6a6176612e6c616e672e466c6f6174daedc9a2db3cf0ec02000146000576616c75657871007e0004402000007372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c65617374536967426974734a000b6d6f7374536967426974737870af2aae46edb4545ab68a35a717ad35b37400026b32";

    #[test]
    fn keys_are_written_and_read_as_java_does() {
        let columns = [25, 23, 20, 23, 21, 26, 16, 16, 701, 700, 2950, 25].map(column);
        let columns: Vec<&Column> = columns.iter().collect();
        let mut key: Key = ["k", "1", "2", "", "3", "4", "t", "f", "1.5", "2.5"].map(some).into();
        key[3] = None;
        key.push(some("b68a35a7-17ad-35b3-af2a-ae46edb4545a"));
        key.push(some("k2"));
        assert_eq!(write(&columns, Some(&key)), ALL);
        assert_eq!(parse(ALL), Ok(Some(key)));
        assert_eq!(write(&columns, None), "aced000570");
        assert_eq!(parse("aced000570"), Ok(None));
    }

    #[test]
    fn text_survives_whatever_it_holds() {
        let column = column(1082);
        let key: Key = vec![some("2024-02-29"), some("é\u{0}😀")];
        assert_eq!(parse(&write(&[&column, &column], Some(&key))), Ok(Some(key)));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for hex in ["", "x", "aced0005", "aced00057x", "aced000575", ALL.trim_end_matches("32")] {
            assert_eq!(parse(hex), Err(Unreadable), "{hex}");
        }
        // A BigDecimal.
        let decimal = ALL.replace("6a6176612e6c616e672e4c6f6e67", "6a6176612e6c616e672e4c6f6e68");
        assert_eq!(parse(&decimal), Err(Unreadable));
    }
}
