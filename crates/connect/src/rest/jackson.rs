//! Why a body is not JSON, in the words of Jackson, which Connect reads bodies with.

/// A way down from the body's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of that field.
    Field(String),
    /// The item with that index.
    Item(usize),
}

/// What is wrong with the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What, and where: Jackson's message without the chain of references.
    pub(super) message: String,
    /// The value within which it is.
    pub(super) path: Vec<Step>,
}

/// `line` and `column` begin with 1.
pub(super) fn source(line: usize, column: usize) -> String {
    format!(
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )
}

/// The first fault of a text; nothing if it is one value of JSON and nothing else.
pub(super) fn fault(text: &str) -> Option<Fault> {
    let mut scanner = Scanner { letters: text.chars().collect(), at: 0, path: Vec::new() };
    scanner.document().err()
}

type Scan = Result<(), Fault>;

struct Scanner {
    letters: Vec<char>,
    at: usize,
    path: Vec<Step>,
}

impl Scanner {
    fn place(&self, at: usize) -> String {
        let before = self.letters.get(..at).unwrap_or(&self.letters);
        let line = before.iter().filter(|letter| **letter == '\n').count() + 1;
        let column = before.iter().rev().take_while(|letter| **letter != '\n').count() + 1;
        source(line, column)
    }

    fn fail<T>(&self, what: impl AsRef<str>, at: usize) -> Result<T, Fault> {
        let message = format!("{}\n at {}", what.as_ref(), self.place(at));
        // What is reached through a value's own container belongs to that container.
        Err(Fault { message, path: self.path.clone() })
    }

    fn unexpected<T>(&self, letter: char, what: &str) -> Result<T, Fault> {
        let code = u32::from(letter);
        self.fail(format!("Unexpected character ('{letter}' (code {code})): {what}"), self.at)
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn blanks(&mut self) -> Scan {
        while let Some(letter) = self.peek() {
            match letter {
                ' ' | '\t' | '\n' | '\r' => self.at += 1,
                '\0'..='\u{1f}' => {
                    let code = u32::from(letter);
                    let what = format!(
                        "Illegal character ((CTRL-CHAR, code {code})): only regular white space (\\r, \\n, \\t) \
                         is allowed between tokens"
                    );
                    return self.fail(what, self.at + 1);
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn document(&mut self) -> Scan {
        self.blanks()?;
        self.value()?;
        self.blanks()?;
        if self.peek().is_none() { Ok(()) } else { self.value() }
    }

    fn value(&mut self) -> Scan {
        match self.peek() {
            Some('{') => self.object(),
            Some('[') => self.array(),
            Some('"') => {
                self.at += 1;
                self.string("was expecting closing quote for a string value", "string value")
            }
            Some('-' | '0'..='9') => self.number(),
            Some('/') => self.unexpected(
                '/',
                "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not \
                 enabled for parser)",
            ),
            Some(letter) if letter.is_alphabetic() => self.word(),
            Some(letter @ (']' | '}' | ',')) => self.unexpected(letter, "expected a value"),
            Some(letter) => self.unexpected(
                letter,
                "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            ),
            None => self.fail("No content to map due to end-of-input", self.at),
        }
    }

    fn word(&mut self) -> Scan {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            self.at += 1;
        }
        let word: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        match word.as_str() {
            "null" | "true" | "false" => Ok(()),
            "NaN" | "Infinity" => self.fail(
                format!(
                    "Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
                ),
                self.at,
            ),
            _ => self.fail(
                format!(
                    "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token \
                     'null', 'true' or 'false')"
                ),
                start,
            ),
        }
    }

    /// What follows the opening quote.
    fn string(&mut self, unclosed: &str, noun: &str) -> Scan {
        loop {
            let Some(letter) = self.peek() else {
                return self.fail(format!("Unexpected end-of-input: {unclosed}"), self.at);
            };
            self.at += 1;
            match letter {
                '"' => return Ok(()),
                '\\' => self.escape()?,
                '\0'..='\u{1f}' => {
                    let code = u32::from(letter);
                    let what = format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {code})): has to be escaped using backslash \
                         to be included in {noun}"
                    );
                    return self.fail(what, self.at);
                }
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Scan {
        let letter = self.peek();
        self.at += 1;
        match letter {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => Ok(()),
            Some('u') => {
                for _ in 0..4 {
                    match self.peek() {
                        Some(digit) if digit.is_ascii_hexdigit() => self.at += 1,
                        Some(other) => {
                            return self.unexpected(
                                other,
                                "expected a hex-digit for character escape sequence",
                            );
                        }
                        None => {
                            let what = "Unexpected end-of-input in character escape sequence";
                            return self.fail(what, self.at);
                        }
                    }
                }
                Ok(())
            }
            Some(other) => {
                let code = u32::from(other);
                self.fail(format!("Unrecognized character escape '{other}' (code {code})"), self.at)
            }
            None => self.fail("Unexpected end-of-input in character escape sequence", self.at - 1),
        }
    }

    fn number(&mut self) -> Scan {
        let start = self.at;
        self.at += usize::from(self.peek() == Some('-'));
        let digits = self.at;
        self.digits("a digit")?;
        let leading = self.letters.get(digits) == Some(&'0') && self.at > digits + 1;
        if leading {
            return self.fail("Invalid numeric value: Leading zeroes not allowed", start + 1);
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.digits("Decimal point not followed by a digit")?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some('+' | '-')));
            self.digits("Exponent indicator not followed by a digit")?;
        }
        match self.peek() {
            Some(letter) if self.path.is_empty() && letter.is_alphanumeric() => {
                self.unexpected(letter, "Expected space separating root-level values")
            }
            _ => Ok(()),
        }
    }

    fn digits(&mut self, missing: &str) -> Scan {
        if !self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            return match self.peek() {
                Some(letter) => self.unexpected(letter, missing),
                None => self.fail(format!("Unexpected end-of-input: {missing}"), self.at),
            };
        }
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn unclosed<T>(&self, kind: &str, start: usize) -> Result<T, Fault> {
        let start = self.place(start);
        self.fail(
            format!(
                "Unexpected end-of-input: expected close marker for {kind} (start marker at {start})"
            ),
            self.at,
        )
    }

    /// Goes down one step for as long as a container is read.
    fn below(&mut self, step: Step) -> Scan {
        let container = matches!(self.peek(), Some('{' | '['));
        if container {
            self.path.push(step);
        }
        self.value()?;
        if container {
            self.path.pop();
        }
        Ok(())
    }

    fn object(&mut self) -> Scan {
        let start = self.at;
        self.at += 1;
        let mut first = true;
        loop {
            self.blanks()?;
            match self.peek() {
                None => return self.unclosed("Object", start),
                Some('}') if first => {
                    self.at += 1;
                    return Ok(());
                }
                Some('"') => {}
                Some(letter) => {
                    return self
                        .unexpected(letter, "was expecting double-quote to start field name");
                }
            }
            first = false;
            let name = self.at + 1;
            self.at += 1;
            self.string("was expecting closing quote for a field name", "name")?;
            let name = self.letters.get(name..self.at - 1).unwrap_or_default().iter().collect();
            self.blanks()?;
            match self.peek() {
                Some(':') => self.at += 1,
                Some(letter) => {
                    let what = "was expecting a colon to separate field name and value";
                    return self.unexpected(letter, what);
                }
                None => return self.unclosed("Object", start),
            }
            self.blanks()?;
            if self.peek().is_none() {
                return self.fail("Unexpected end-of-input within/between Object entries", self.at);
            }
            self.below(Step::Field(name))?;
            if self.closes('}', "Object", start)? {
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Scan {
        let start = self.at;
        self.at += 1;
        self.blanks()?;
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            self.blanks()?;
            if self.peek().is_none() {
                return self.unclosed("Array", start);
            }
            self.below(Step::Item(index))?;
            if self.closes(']', "Array", start)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// After an entry: whether the container ends; else another entry follows.
    fn closes(&mut self, close: char, kind: &str, start: usize) -> Result<bool, Fault> {
        self.blanks()?;
        match self.peek() {
            Some(letter) if letter == close => {
                self.at += 1;
                Ok(true)
            }
            Some(',') => {
                self.at += 1;
                Ok(false)
            }
            Some(letter @ (']' | '}')) => {
                let start = self.place(start);
                self.fail(
                    format!(
                        "Unexpected close marker '{letter}': expected '{close}' (for {kind} starting at {start})"
                    ),
                    self.at,
                )
            }
            Some(letter) => {
                self.unexpected(letter, &format!("was expecting comma to separate {kind} entries"))
            }
            None => self.unclosed(kind, start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Connect 4.3.0: the text, the message's first line, the column.
    #[test]
    fn faults_are_jacksons() {
        let value = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'";
        for (text, expected, column) in [
            ("{}x", format!("Unrecognized token 'x': was expecting ({value})"), 3),
            ("{\"name\":}", "Unexpected character ('}' (code 125)): expected a value".to_owned(), 9),
            (
                "{'name':'x'}",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name".to_owned(),
                2,
            ),
            (
                "\0",
                "Illegal character ((CTRL-CHAR, code 0)): only regular white space (\\r, \\n, \\t) is allowed \
                 between tokens"
                    .to_owned(),
                2,
            ),
            (
                "{\"name\":NaN}",
                "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow".to_owned(),
                12,
            ),
        ] {
            let message = fault(text).unwrap().message;
            assert_eq!(message, format!("{expected}\n at {}", source(1, column)), "{text}");
        }
        let unclosed = fault("{").unwrap().message;
        let start = source(1, 1);
        assert!(unclosed.starts_with(&format!(
            "Unexpected end-of-input: expected close marker for Object (start marker at {start})"
        )));
    }

    #[test]
    fn a_fault_says_within_which_value_it_is() {
        let found = fault("{\"name\":\"a\",\"config\":{\"a\"}}").unwrap();
        assert_eq!(found.path, [Step::Field("config".to_owned())]);
        assert!(found.message.ends_with(&source(1, 26)), "{}", found.message);
    }

    #[test]
    fn json_has_no_fault() {
        for text in ["{}", "[1,-2.5e+3,\"a\\u00e9\\n\",null,true]", " {\"a\":{\"b\":[]}} ", "0"] {
            assert_eq!(fault(text), None, "{text}");
        }
    }
}
