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
}

/// Emits an array. Its text is read twice: once to see that it can be converted and how long it is, so that
/// an error leaves nothing emitted; once to emit.
///
/// The schema knows one dimension; of more, the elements come in the order in which they are stored.
pub(super) fn emit_array<E: Emit>(text: &[u8], rule: &ArrayRule, out: &mut E) -> Result<()> {
    let text = without_bounds(text)?;
    let mut len = 0;
    for element in Elements::new(text, rule.delimiter) {
        emit_element(&element?, rule, &mut Discard)?;
        len += 1;
    }
    out.begin_array(len);
    for element in Elements::new(text, rule.delimiter) {
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
        Element::Null => {
            out.null();
            Ok(())
        }
    }
}

/// Emits an `int2vector` or `oidvector`: numbers with one blank between them.
pub(super) fn emit_vector<E: Emit>(text: &[u8], rule: &Rule, out: &mut E) -> Result<()> {
    let numbers = || text.split(|byte| *byte == b' ').filter(|_any| !text.is_empty());
    for number in numbers() {
        rule.emit_text(number, &mut Discard)?;
    }
    out.begin_array(numbers().count());
    for number in numbers() {
        out.item();
        rule.emit_text(number, out)?;
    }
    out.end_array();
    Ok(())
}

/// The braces and what is in them; bounds before them, `[0:1]=`, are dropped.
fn without_bounds(text: &[u8]) -> Result<&[u8]> {
    match text.first() {
        Some(b'[') => {
            let equals = memchr::memchr(b'=', text).ok_or(ARRAY)?;
            text.get(equals + 1..).ok_or(ARRAY)
        }
        _ => Ok(text),
    }
}

/// The elements within the braces, of all dimensions one after the other.
#[derive(Debug)]
struct Elements<'a> {
    rest: &'a [u8],
    /// Braces that are open.
    depth: u32,
    state: State,
    delimiter: u8,
}

/// What was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing, or an opening brace.
    Open,
    /// A delimiter.
    Delimiter,
    /// An element or a closing brace.
    Closed,
    /// The last brace, or something wrong.
    Done,
}

impl<'a> Elements<'a> {
    const fn new(text: &'a [u8], delimiter: u8) -> Self {
        Self { rest: text, depth: 0, state: State::Open, delimiter }
    }

    /// The next element; `None` where the text is not an array, `Some(None)` at its end.
    #[expect(
        clippy::option_option,
        reason = "outer: whether it is an array; inner: whether it ends here"
    )]
    fn advance(&mut self) -> Option<Option<Element<'a>>> {
        loop {
            let (byte, after) = self.rest.split_first()?;
            match (byte, self.state) {
                (b'{', State::Open | State::Delimiter)
                    if self.depth > 0 || self.state == State::Open =>
                {
                    self.depth += 1;
                    self.state = State::Open;
                }
                (b'}', State::Open | State::Closed) if self.depth > 0 => {
                    self.depth -= 1;
                    self.state = State::Closed;
                    if self.depth == 0 {
                        self.state = State::Done;
                        return after.is_empty().then_some(None);
                    }
                }
                (byte, State::Closed) if *byte == self.delimiter => self.state = State::Delimiter,
                (_, State::Open | State::Delimiter) if self.depth > 0 => {
                    self.state = State::Closed;
                    return self.element().map(Some);
                }
                _ => return None,
            }
            self.rest = after;
        }
    }

    fn element(&mut self) -> Option<Element<'a>> {
        if self.rest.first() == Some(&b'"') {
            let end = closing_quote(self.rest)?;
            let quoted = self.rest.get(1..end)?;
            self.rest = self.rest.get(end + 1..)?;
            return Some(Element::Text(unescape(quoted)));
        }
        let ends = |byte: &u8| *byte == self.delimiter || *byte == b'}';
        let (bare, rest) = self.rest.split_at_checked(self.rest.iter().position(ends)?)?;
        self.rest = rest;
        if bare.is_empty() || memchr::memchr2(b'"', b'{', bare).is_some() {
            return None;
        }
        Some(if bare == b"NULL" { Element::Null } else { Element::Text(unescape(bare)) })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let element = self.advance();
        if element.is_none() {
            self.state = State::Done;
        }
        element.ok_or(ARRAY).transpose()
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
        Elements::new(without_bounds(text)?, b',')
            .map(|element| {
                Ok(match element? {
                    Element::Text(text) => Some(text.into_owned()),
                    Element::Null => None,
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
    fn dimensions_follow_one_another() {
        let text = |text: &[u8]| Some(text.to_vec());
        let flat = Ok(vec![text(b"a"), None, text(b"}"), text(b"d")]);
        assert_eq!(parse(b"{{a,NULL},{\"}\",d}}"), flat);
        assert_eq!(parse(b"[0:0][-1:0][1:2]={{{a,NULL},{\"}\",d}}}"), flat);
        assert_eq!(parse(b"{}"), Ok(Vec::new()));
    }

    #[test]
    fn malformed_array_is_refused() {
        for text in [
            "", "{", "{a", "{a,}", "{\"a}", "{\"a\"b}", "{{a}", "[0:1]", "{,a}", "a", "{a}b",
            "{{a}{b}}", "{a}}", "{{a},}", "{}{}",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
