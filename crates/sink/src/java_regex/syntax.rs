//! Whether Java would take a regular expression, and what it says if not: a walk over the syntax of
//! `java.util.regex.Pattern` (JDK 17), which compiles nothing.

/// Why Java would refuse a pattern: what, and near which of its characters.
pub(super) fn judge(pattern: &str) -> Result<(), Fault> {
    let mut walk = Walk { letters: pattern.chars().collect(), at: 0, names: Vec::new() };
    walk.alternatives(false)
}

/// What is wrong, and at which letter Java sees it; none before the first.
pub(super) type Fault = (String, Option<usize>);

struct Walk {
    letters: Vec<char>,
    at: usize,
    /// Of the groups so far.
    names: Vec<String>,
}

impl Walk {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += 1;
        letter
    }

    fn eat(&mut self, letter: char) -> bool {
        let there = self.peek() == Some(letter);
        self.at += usize::from(there);
        there
    }

    /// A fault just before the present letter, where Java's cursor stands.
    fn fault<T>(
        &self,
        what: impl Into<String>,
        index: impl Into<Option<usize>>,
    ) -> Result<T, Fault> {
        Err((what.into(), index.into().map(|index| index.min(self.letters.len()))))
    }

    fn alternatives(&mut self, within: bool) -> Result<(), Fault> {
        while let Some(letter) = self.peek() {
            match letter {
                ')' if within => return Ok(()),
                ')' => {
                    return self.fault("Unmatched closing ')'", self.at.checked_sub(1));
                }
                '|' => self.at += 1,
                '*' | '+' | '?' => {
                    return self.fault(format!("Dangling meta character '{letter}'"), self.at);
                }
                _ => {
                    self.atom()?;
                    self.repetition()?;
                }
            }
        }
        Ok(())
    }

    fn atom(&mut self) -> Result<(), Fault> {
        match self.next() {
            Some('(') => self.group(),
            Some('[') => self.class(),
            Some('\\') => self.escape(),
            // Nothing is there that could be repeated.
            Some('{') => self.fault("Illegal repetition", self.at),
            _ => Ok(()),
        }
    }

    fn group(&mut self) -> Result<(), Fault> {
        if self.eat('?') {
            match self.next() {
                Some(':' | '=' | '!' | '>') => {}
                Some('<') if matches!(self.peek(), Some('=' | '!')) => self.at += 1,
                Some('<') => self.name()?,
                _ => {
                    self.at -= 1;
                    if self.modifiers()? {
                        return Ok(());
                    }
                }
            }
        }
        self.alternatives(true)?;
        if self.eat(')') { Ok(()) } else { self.fault("Unclosed group", self.letters.len()) }
    }

    /// `(?i)` and `(?i:…`; says whether the group is complete.
    fn modifiers(&mut self) -> Result<bool, Fault> {
        loop {
            match self.next() {
                Some('i' | 'd' | 'm' | 's' | 'u' | 'c' | 'x' | 'U' | '-') => {}
                Some(')') => return Ok(true),
                Some(':') => return Ok(false),
                _ => return self.fault("Unknown inline modifier", self.at - 1),
            }
        }
    }

    fn name(&mut self) -> Result<(), Fault> {
        if !self.peek().is_some_and(|letter| letter.is_ascii_alphabetic()) {
            return self.fault("capturing group name does not start with a Latin letter", self.at);
        }
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        let name: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        if !self.eat('>') {
            return self.fault("named capturing group is missing trailing '>'", self.at);
        }
        if self.names.contains(&name) {
            let what = format!("Named capturing group <{name}> is already defined");
            return self.fault(what, self.at - 1);
        }
        self.names.push(name);
        Ok(())
    }

    fn repetition(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some('*' | '+' | '?') => self.at += 1,
            Some('{') => {
                self.at += 1;
                self.counted()?;
            }
            _ => return Ok(()),
        }
        if matches!(self.peek(), Some('+' | '?')) {
            self.at += 1;
        }
        Ok(())
    }

    /// What follows `{`.
    fn counted(&mut self) -> Result<(), Fault> {
        if !self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            return self.fault("Illegal repetition", self.at);
        }
        let least = self.count()?;
        let most = match self.peek() {
            Some(',') => {
                self.at += 1;
                if self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
                    Some(self.count()?)
                } else {
                    None
                }
            }
            _ => Some(least),
        };
        if !self.eat('}') {
            return self.fault("Unclosed counted closure", self.at);
        }
        if most.is_some_and(|most| most < least) {
            return self.fault("Illegal repetition range", self.at - 1);
        }
        Ok(())
    }

    fn count(&mut self) -> Result<u32, Fault> {
        let mut value: u32 = 0;
        while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(10)) {
            self.at += 1;
            let next = value.checked_mul(10).and_then(|value| value.checked_add(digit));
            value = match next.filter(|value| *value <= i32::MAX.unsigned_abs()) {
                Some(value) => value,
                None => return self.fault("Illegal repetition range", self.at - 1),
            };
        }
        Ok(value)
    }

    /// What follows `[`.
    fn class(&mut self) -> Result<(), Fault> {
        self.eat('^');
        let mut first = true;
        loop {
            match self.peek() {
                None => {
                    return self
                        .fault("Unclosed character class", self.letters.len().saturating_sub(1));
                }
                Some(']') if !first => {
                    self.at += 1;
                    return Ok(());
                }
                Some('[') => {
                    self.at += 1;
                    self.class()?;
                }
                Some('&') if self.letters.get(self.at + 1) == Some(&'&') => self.at += 2,
                Some(_) => self.range()?,
            }
            first = false;
        }
    }

    /// One letter of a class, or two with a hyphen between.
    fn range(&mut self) -> Result<(), Fault> {
        let from = self.class_letter()?;
        let closes = matches!(self.letters.get(self.at + 1), Some(']' | '['));
        if self.peek() != Some('-') || closes {
            return Ok(());
        }
        self.at += 1;
        if self.peek().is_none() {
            return self.fault("Illegal character range", self.at);
        }
        let to = self.class_letter()?;
        match (from, to) {
            (Some(from), Some(to)) if to < from => {
                self.fault("Illegal character range", self.at - 1)
            }
            _ => Ok(()),
        }
    }

    /// A letter of a class; nothing for what stands for several.
    fn class_letter(&mut self) -> Result<Option<char>, Fault> {
        let letter = self.next();
        if letter != Some('\\') {
            return Ok(letter);
        }
        let escaped = self.peek();
        self.escape()?;
        Ok(escaped.filter(|letter| !letter.is_ascii_alphanumeric()))
    }

    /// What follows `\`.
    fn escape(&mut self) -> Result<(), Fault> {
        let Some(letter) = self.next() else {
            return self.fault("Unexpected internal error", self.letters.len());
        };
        match letter {
            'Q' => {
                let quoted = self.letters.get(self.at..).unwrap_or_default();
                let end = quoted.windows(2).position(|pair| pair == ['\\', 'E']);
                self.at = end.map_or(self.letters.len(), |end| self.at + end + 2);
                Ok(())
            }
            'x' | 'u' => self.hexadecimal(letter),
            'c' if self.next().is_none() => self.fault("Illegal control escape sequence", 1),
            'p' | 'P' => self.property(),
            'k' => self.reference(),
            'C' | 'E' | 'F' | 'I' | 'J' | 'K' | 'L' | 'M' | 'O' | 'T' | 'U' | 'Y' | 'g' | 'i'
            | 'j' | 'l' | 'm' | 'o' | 'q' | 'y' => {
                self.fault("Illegal/unsupported escape sequence", self.at - 1)
            }
            _ => Ok(()),
        }
    }

    fn hexadecimal(&mut self, kind: char) -> Result<(), Fault> {
        let (digits, what) = if kind == 'x' { (2, "hexadecimal") } else { (4, "Unicode") };
        if kind == 'x' && self.eat('{') {
            while self.peek().is_some_and(|letter| letter.is_ascii_hexdigit()) {
                self.at += 1;
            }
            if self.eat('}') {
                return Ok(());
            }
            return self.fault("Unclosed hexadecimal escape sequence", self.at);
        }
        for _ in 0..digits {
            if !self.next().is_some_and(|letter| letter.is_ascii_hexdigit()) {
                return self.fault(format!("Illegal {what} escape sequence"), self.at - 1);
            }
        }
        Ok(())
    }

    fn property(&mut self) -> Result<(), Fault> {
        if !self.eat('{') {
            self.at += 1;
            return Ok(());
        }
        while self.peek().is_some_and(|letter| letter != '}') {
            self.at += 1;
        }
        if self.eat('}') {
            Ok(())
        } else {
            self.fault("Unclosed character family", self.letters.len().saturating_sub(1))
        }
    }

    fn reference(&mut self) -> Result<(), Fault> {
        if !self.eat('<') {
            return self.fault("\\k is not followed by '<' for named capturing group", self.at);
        }
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        let name: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        if !self.eat('>') {
            return self.fault("named capturing group is missing trailing '>'", self.at);
        }
        if self.names.contains(&name) {
            return Ok(());
        }
        self.fault(format!("named capturing group <{name}> does not exist"), self.at - 1)
    }
}

#[cfg(test)]
mod tests {
    use crate::java_regex::translate;

    /// Recorded from JDK 17.
    #[test]
    fn refusals_are_javas() {
        for (pattern, expected) in [
            ("(", "Unclosed group near index 1\n("),
            ("[", "Unclosed character class near index 0\n[\n^"),
            ("[]", "Unclosed character class near index 1\n[]\n ^"),
            ("[[a]", "Unclosed character class near index 3\n[[a]\n   ^"),
            ("a)", "Unmatched closing ')' near index 0\na)\n^"),
            ("*a", "Dangling meta character '*' near index 0\n*a\n^"),
            ("a**", "Dangling meta character '*' near index 2\na**\n  ^"),
            ("a|*", "Dangling meta character '*' near index 2\na|*\n  ^"),
            ("a{", "Illegal repetition near index 2\na{"),
            ("{", "Illegal repetition near index 1\n{"),
            ("${a}", "Illegal repetition near index 2\n${a}\n  ^"),
            ("a{2", "Unclosed counted closure near index 3\na{2"),
            ("a{2,1}", "Illegal repetition range near index 5\na{2,1}\n     ^"),
            ("\\", "Unexpected internal error near index 1\n\\"),
            ("(?z)a", "Unknown inline modifier near index 2\n(?z)a\n  ^"),
            ("(?<n>a", "Unclosed group near index 6\n(?<n>a"),
            ("[a-", "Illegal character range near index 3\n[a-"),
            ("[z-a]", "Illegal character range near index 3\n[z-a]\n   ^"),
            ("\\x", "Illegal hexadecimal escape sequence near index 2\n\\x"),
            (
                "(?<n>a)(?<n>b)",
                "Named capturing group <n> is already defined near index 11\n(?<n>a)(?<n>b)\n           ^",
            ),
        ] {
            assert_eq!(translate(pattern).unwrap_err().to_string(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_java_takes_has_no_problem() {
        for pattern in [
            "",
            "public\\.t",
            "a]",
            "a}",
            "(?i)a(?:b|c)*?d++",
            "[a-z&&[^b]]",
            "[]a]",
            "[a-]",
            "(?<n>a)\\k<n>",
            "\\p{L}\\d\\Q(\\E",
            "(?<=a)b{1,}c{2}d{1,3}",
            "\\x41\\u00e9",
            "()",
        ] {
            translate(pattern).unwrap();
        }
    }
}
