//! Names that Avro can hold: `schema.name.adjustment.mode` and `field.name.adjustment.mode`.
//!
//! The rules are Debezium's (`SchemaNameAdjuster` and its replacement functions), unit by unit of UTF-16 as Java has
//! them. Only the first character of a whole schema name must not be a digit, not that of each of its parts.

use std::borrow::Cow;

/// How names are adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameAdjustment {
    /// Not at all.
    #[default]
    None,
    /// What Avro does not allow becomes `_`.
    Avro,
    /// What Avro does not allow, and `_` itself, becomes `_u` and the character's code in hexadecimal.
    AvroUnicode,
}

impl NameAdjustment {
    /// The name of a schema, whose parts dots separate.
    #[must_use]
    pub fn schema_name(self, name: &str) -> Cow<'_, str> {
        self.adjust(name, true)
    }

    /// The name of a field.
    #[must_use]
    pub fn field_name(self, name: &str) -> Cow<'_, str> {
        self.adjust(name, false)
    }

    fn adjust(self, name: &str, dots: bool) -> Cow<'_, str> {
        if self == Self::None {
            return Cow::Borrowed(name);
        }
        let mut adjusted = String::with_capacity(name.len() + 1);
        for (index, unit) in name.encode_utf16().enumerate() {
            let char = u8::try_from(unit).map(char::from).ok().filter(char::is_ascii);
            match char {
                Some(char) if self.keeps(char, index == 0, dots) => adjusted.push(char),
                _ => self.replace(unit, index == 0, &mut adjusted),
            }
        }
        if adjusted == name { Cow::Borrowed(name) } else { Cow::Owned(adjusted) }
    }

    fn keeps(self, char: char, first: bool, dots: bool) -> bool {
        match char {
            '_' => self == Self::Avro,
            '.' => dots && !first,
            '0'..='9' => !first,
            _ => char.is_ascii_alphabetic(),
        }
    }

    fn replace(self, unit: u16, first: bool, adjusted: &mut String) {
        if self == Self::AvroUnicode {
            // Java pads one or two digits by two zeros, and three digits not at all.
            let padding = if unit <= 0xff { "00" } else { "" };
            adjusted.push_str(&format!("_u{padding}{unit:x}"));
            return;
        }
        adjusted.push('_');
        // So that names which differ in a leading digit alone stay different.
        if let Some(digit) = u8::try_from(unit).ok().filter(u8::is_ascii_digit).filter(|_| first) {
            adjusted.push(char::from(digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    /// Debezium 3.6.3: captures of names, and `0fc`, which is as `Integer.toHexString` leaves it.
    #[test]
    fn field_names_are_those_of_debezium() {
        for (name, avro, unicode) in [
            ("Col A", "Col_A", "Col_u0020A"),
            ("a.b", "a_b", "a_u002eb"),
            ("ünï", "_n_", "_u00fcn_u00ef"),
            ("1st", "_1st", "_u0031st"),
            ("q\"uote", "q_uote", "q_u0022uote"),
            ("日本", "__", "_u65e5_u672c"),
            ("_u", "_u", "_u005fu"),
            ("UPPER", "UPPER", "UPPER"),
            ("ő", "_", "_u151"),
            ("😀", "__", "_ud83d_ude00"),
            ("", "", ""),
        ] {
            assert_eq!(NameAdjustment::Avro.field_name(name), avro);
            assert_eq!(NameAdjustment::AvroUnicode.field_name(name), unicode);
            assert_eq!(NameAdjustment::None.field_name(name), name);
        }
    }

    #[test]
    fn schema_names_keep_dots_and_leading_digits_of_parts() {
        assert_eq!(NameAdjustment::Avro.schema_name("a-b.1num.Value"), "a_b.1num.Value");
        assert_eq!(
            NameAdjustment::AvroUnicode.schema_name("a_b.My_Schema.1-t.Key"),
            "a_u005fb.My_u005fSchema.1_u002dt.Key"
        );
        assert_eq!(NameAdjustment::Avro.schema_name("9.t"), "_9.t");
    }

    proptest! {
        #[test]
        fn adjusted_names_are_names_of_avro(name in any::<String>()) {
            for mode in [NameAdjustment::Avro, NameAdjustment::AvroUnicode] {
                let adjusted = mode.field_name(&name);
                prop_assert!(adjusted.chars().all(|char| char.is_ascii_alphanumeric() || char == '_'));
                prop_assert!(!adjusted.starts_with(|char: char| char.is_ascii_digit()));
            }
        }
    }
}
