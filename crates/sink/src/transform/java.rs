//! Java's regular expressions as far as transforms use them: whole matches, and replacements with `$1` and `${name}`.

use fancy_regex::{Captures, Regex};

use crate::error::{Error, Result};

/// A pattern that must match a whole text, and the text that replaces it.
#[derive(Debug)]
pub(super) struct Replacement {
    whole: Regex,
    first: Regex,
    parts: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
    Named(String),
}

/// A pattern that must match a whole text (`Matcher.matches`).
pub(super) fn whole(option: &str, pattern: &str) -> Result<Regex> {
    compile(option, &format!(r"\A(?:{pattern})\z"), pattern)
}

fn compile(option: &str, regex: &str, shown: &str) -> Result<Regex> {
    Regex::new(regex).map_err(|error| {
        Error::config(format!(
            "Invalid value {shown} for configuration {option}: Invalid regex: {error}"
        ))
    })
}

impl Replacement {
    /// Reads both options.
    ///
    /// # Errors
    ///
    /// A pattern that is none, or a replacement with a dangling `$` or backslash.
    pub(super) fn parse(option: &str, pattern: &str, replacement: &str) -> Result<Self> {
        let first = compile(option, pattern, pattern)?;
        let parts = pieces(replacement, first.captures_len())?;
        Ok(Self { whole: whole(option, pattern)?, first, parts })
    }

    /// The text with its first match replaced, if the pattern matches the whole; else `None`.
    ///
    /// # Errors
    ///
    /// A group that the pattern does not have, or a pattern that takes too long.
    pub(super) fn apply(&self, text: &str) -> Result<Option<String>> {
        let failed = |error: fancy_regex::Error| {
            Error::java("java.lang.StackOverflowError", error.to_string())
        };
        if !self.whole.is_match(text).map_err(failed)? {
            return Ok(None);
        }
        let Some(captures) = self.first.captures(text).map_err(failed)? else {
            return Ok(Some(text.to_owned()));
        };
        let (start, end) = captures.get(0).map_or((0, 0), |found| (found.start(), found.end()));
        let mut out = text.get(..start).unwrap_or_default().to_owned();
        for piece in &self.parts {
            out.push_str(self.expand(piece, &captures)?);
        }
        out.push_str(text.get(end..).unwrap_or_default());
        Ok(Some(out))
    }

    fn expand<'t>(&self, piece: &'t Piece, captures: &Captures<'t>) -> Result<&'t str> {
        match piece {
            Piece::Text(text) => Ok(text),
            Piece::Group(index) if *index >= self.first.captures_len() => {
                Err(Error::java("java.lang.IndexOutOfBoundsException", format!("No group {index}")))
            }
            Piece::Group(index) => Ok(captures.get(*index).map_or("", |found| found.as_str())),
            Piece::Named(name)
                if !self.first.capture_names().flatten().any(|known| known == name) =>
            {
                Err(Error::argument(format!("No group with name {{{name}}}")))
            }
            Piece::Named(name) => Ok(captures.name(name).map_or("", |found| found.as_str())),
        }
    }
}

/// Reads a replacement as `Matcher.appendReplacement` does: a group's number takes as many digits as there are groups.
fn pieces(text: &str, groups: usize) -> Result<Vec<Piece>> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(
                chars
                    .next()
                    .ok_or_else(|| Error::argument("character to be escaped is missing"))?,
            ),
            '$' => {
                if !plain.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut plain)));
                }
                if chars.next_if_eq(&'{').is_some() {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => {
                                return Err(Error::argument(
                                    "named capturing group is missing trailing '}'",
                                ));
                            }
                        }
                    }
                    out.push(Piece::Named(name));
                    continue;
                }
                let digit = |c: &char| c.to_digit(10).and_then(|d| usize::try_from(d).ok());
                let Some(mut index) = chars.peek().and_then(digit) else {
                    return Err(Error::argument("Illegal group reference"));
                };
                chars.next();
                while let Some(longer) = chars.peek().and_then(digit).map(|d| index * 10 + d) {
                    if longer >= groups {
                        break;
                    }
                    index = longer;
                    chars.next();
                }
                out.push(Piece::Group(index));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() {
        out.push(Piece::Text(plain));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(pattern: &str, replacement: &str, text: &str) -> Option<String> {
        Replacement::parse("regex", pattern, replacement).unwrap().apply(text).unwrap()
    }

    #[test]
    fn groups_expand_as_in_java() {
        assert_eq!(replace("(.*)\\.public\\.(.*)", "$1.r_$2", "a.public.b").unwrap(), "a.r_b");
        assert_eq!(replace("(a)(b)?", "$12$2", "ab").unwrap(), "a2b");
        assert_eq!(replace("(?<n>.*)", "x.${n}\\$", "t").unwrap(), "x.t$");
        assert_eq!(replace("item", "x", "an item"), None);
        // What is replaced is the first match, which need not be the whole one.
        assert_eq!(replace("a|ab", "X", "ab").unwrap(), "Xb");
    }

    #[test]
    fn unknown_group_is_an_error() {
        let error = Replacement::parse("regex", "(.*)", "${n}").unwrap().apply("t").unwrap_err();
        assert_eq!(error.to_string(), "java.lang.IllegalArgumentException: No group with name {n}");
    }
}
