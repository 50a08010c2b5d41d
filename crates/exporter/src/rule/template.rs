//! The replacement of a match, as Java's `Matcher.appendReplacement` reads it: `$1`, `${name}`, `\` escapes.

use fancy_regex::{Captures, Regex};

/// A replacement, parsed and known to refer to groups that exist.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Parses `text`, whose groups are those of `regex`.
    pub(super) fn parse(text: &str, regex: Option<&Regex>) -> Result<Self, String> {
        let groups = regex.map_or(1, Regex::captures_len);
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    plain.push(chars.next().ok_or("ends with a backslash that escapes nothing")?);
                }
                '$' => {
                    let group = if chars.next_if_eq(&'{').is_some() {
                        let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                        let names = regex.map(Regex::capture_names).into_iter().flatten();
                        names
                            .enumerate()
                            .find_map(|(index, known)| (known == Some(&name)).then_some(index))
                            .ok_or_else(|| format!("the pattern has no group {name:?}"))?
                    } else {
                        number(&mut chars, groups)?
                    };
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Group(group));
                }
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The text with the groups of a match.
    pub(super) fn expand(&self, captures: Option<&Captures<'_>>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(group) => {
                    let found = captures.and_then(|captures| captures.get(*group));
                    out.push_str(found.map_or("", |found| found.as_str()));
                }
            }
        }
        out
    }
}

/// A group's number: as many digits as still name a group.
fn number(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    groups: usize,
) -> Result<usize, String> {
    let digit = |c: &char| c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
    let Some(first) = chars.peek().and_then(digit) else {
        return Err("a $ that is no group must be written \\$".to_owned());
    };
    chars.next();
    if first >= groups {
        return Err(format!("the pattern has no group {first}"));
    }
    let mut number = first;
    while let Some(longer) = chars.peek().and_then(digit).map(|digit| number * 10 + digit) {
        if longer >= groups {
            break;
        }
        number = longer;
        chars.next();
    }
    Ok(number)
}
