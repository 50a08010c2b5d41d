//! Arrays: the text form `{a,"b c",NULL}` and its elements.

use std::borrow::Cow;

use super::{ConvertError, Result, Rule};
use crate::emit::Emit;

const ARRAY: ConvertError = ConvertError::new("an array");

/// How the elements of one column convert.
#[derive(Debug, Clone)]
pub(super) struct ArrayRule {
    /// Conversion of an element that is not NULL.
    pub(super) element: Rule,
    /// Whether NULL among the elements is fine. Where not, the whole array cannot be converted.
    pub(super) null_elements: bool,
    /// What separates elements (`pg_type.typdelim`): a comma but for very few types.
    pub(super) delimiter: u8,
}

/// An element as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Element<'a> {
    Null,
    Text(Cow<'a, [u8]>),
    /// An array of its own. Debezium sees an object there that it cannot convert.
    Nested,
}

/// Emits an array. Its text is read twice: once to see that it can be converted and how long it is, so that
/// an error leaves nothing emitted; once to emit.
pub(super) fn emit_array<E: Emit>(text: &[u8], rule: &ArrayRule, out: &mut E) -> Result<()> {
    let body = body(text)?;
    let mut len = 0;
    for element in Elements::new(body, rule.delimiter) {
        emit_element(&element?, rule, &mut Discard)?;
        len += 1;
    }
    out.begin_array(len);
    for element in Elements::new(body, rule.delimiter) {
        out.item();
        emit_element(&element?, rule, out)?;
    }
    out.end_array();
    Ok(())
}

fn emit_element<E: Emit>(element: &Element<'_>, rule: &ArrayRule, out: &mut E) -> Result<()> {
    match element {
        Element::Text(text) => rule.element.emit_text(text, out),
        Element::Null if !rule.null_elements => Err(ConvertError::new("an array without NULL")),
        // Debezium: null for every sub-array of numbers; for text the identity of a Java object, which
        // changes at every run.
        Element::Null | Element::Nested => {
            out.null();
            Ok(())
        }
    }
}

/// What is within the outer braces; bounds before them, `[0:1]=`, are dropped.
fn body(text: &[u8]) -> Result<&[u8]> {
    let text = match text.first() {
        Some(b'[') => {
            let equals = memchr::memchr(b'=', text).ok_or(ARRAY)?;
            text.get(equals + 1..).ok_or(ARRAY)?
        }
        _ => text,
    };
    text.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).ok_or(ARRAY)
}

/// The elements between the outer braces.
#[derive(Debug)]
struct Elements<'a> {
    /// What is left; `None` at the end.
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

impl<'a> Elements<'a> {
    fn new(body: &'a [u8], delimiter: u8) -> Self {
        Self { rest: (!body.is_empty()).then_some(body), delimiter }
    }

    /// Splits off `end` bytes, and the delimiter after them.
    fn split(&mut self, text: &'a [u8], end: usize) -> Option<&'a [u8]> {
        let (taken, rest) = text.split_at_checked(end)?;
        self.rest = match rest.split_first() {
            None => None,
            Some((next, rest)) if *next == self.delimiter => Some(rest),
            Some(_) => return None,
        };
        Some(taken)
    }

    fn element(&mut self, text: &'a [u8]) -> Option<Element<'a>> {
        match text.first() {
            Some(b'"') => {
                let end = closing_quote(text)?;
                let quoted = self.split(text, end + 1)?;
                Some(Element::Text(unescape(quoted.get(1..end)?)))
            }
            Some(b'{') => {
                let end = closing_brace(text)?;
                self.split(text, end + 1)?;
                Some(Element::Nested)
            }
            _ => {
                let end = memchr::memchr(self.delimiter, text).unwrap_or(text.len());
                let bare = self.split(text, end)?;
                let valid = !bare.is_empty() && memchr::memchr3(b'"', b'{', b'}', bare).is_none();
                let element =
                    if bare == b"NULL" { Element::Null } else { Element::Text(unescape(bare)) };
                valid.then_some(element)
            }
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?;
        Some(self.element(text).ok_or(ARRAY))
    }
}

/// Index of the quote that ends what the one at the start begins.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut index = 1;
    loop {
        index += memchr::memchr2(b'"', b'\\', text.get(index..)?)?;
        if text.get(index) == Some(&b'"') {
            return Some(index);
        }
        index += 2;
    }
}

/// Index of the brace that ends what the one at the start begins.
fn closing_brace(text: &[u8]) -> Option<usize> {
    let (mut depth, mut index) = (0_u32, 0);
    loop {
        match text.get(index)? {
            b'"' => index += closing_quote(text.get(index..)?)?,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
        index += 1;
    }
}

/// Removes the backslash before each escaped byte.
fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.extend(if *byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    Cow::Owned(plain)
}

/// Takes a value and keeps nothing of it.
struct Discard;

impl Emit for Discard {
    fn null(&mut self) {}
    fn boolean(&mut self, _value: bool) {}
    fn int8(&mut self, _value: i8) {}
    fn int16(&mut self, _value: i16) {}
    fn int32(&mut self, _value: i32) {}
    fn int64(&mut self, _value: i64) {}
    fn float32(&mut self, _value: f32) {}
    fn float64(&mut self, _value: f64) {}
    fn string(&mut self, _value: &str) {}
    fn bytes(&mut self, _value: &[u8]) {}
    fn decimal(&mut self, _value: &crate::data::Decimal) {}
    fn begin_struct(&mut self) {}
    fn field(&mut self, _index: usize) {}
    fn end_struct(&mut self) {}
    fn begin_array(&mut self, _len: usize) {}
    fn item(&mut self) {}
    fn end_array(&mut self) {}
    fn begin_map(&mut self, _len: usize) {}
    fn map_key(&mut self) {}
    fn map_value(&mut self) {}
    fn end_map(&mut self) {}
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn parse(text: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
        Elements::new(body(text)?, b',')
            .map(|element| {
                Ok(match element? {
                    Element::Text(text) => Some(text.into_owned()),
                    Element::Null | Element::Nested => None,
                })
            })
            .collect()
    }

    /// As Postgres writes an array of text, with every element quoted.
    fn quoted(elements: &[Option<String>]) -> String {
        let written = elements.iter().map(|element| match element {
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            None => "NULL".to_owned(),
        });
        format!("{{{}}}", written.collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn elements_round_trip(elements in vec(option::of(any::<String>()), 0..6)) {
            let parsed = parse(quoted(&elements).as_bytes()).unwrap();
            let expected: Vec<_> = elements.into_iter().map(|element| element.map(String::into_bytes)).collect();
            prop_assert_eq!(parsed, expected);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text in any::<Vec<u8>>()) {
            let braced = [b"{", text.as_slice(), b"}"].concat();
            if let Ok(elements) = parse(&braced) {
                prop_assert!(elements.len() <= text.len());
            }
        }
    }

    #[test]
    fn malformed_array_is_refused() {
        for text in ["", "{", "{a", "{a,}", "{\"a}", "{\"a\"b}", "{{a}", "[0:1]", "{,a}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
