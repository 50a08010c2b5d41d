//! Regular expressions as users of Java write them, for the engine that is here; and Java's words for those that it
//! refuses (`java.util.regex.Pattern` of Java 17, `PatternSyntaxException`).
//!
//! What differs is translated: quoting by `\Q…\E`, classes of ASCII where the engine's are Unicode's, blanks and line
//! ends, POSIX classes, what the engine takes for an operator and Java does not. Blocks (`\p{InGreek}`) and a few names
//! that are Java's alone are refused. Letters without case are Unicode's where Java's are ASCII's.

mod syntax;

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use fancy_regex::Regex;

/// Why Java, or the engine, refuses a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    description: String,
    /// In UTF-16 units.
    index: Option<usize>,
    pattern: String,
}

impl fmt::Display for SyntaxError {
    /// As `PatternSyntaxException.getMessage`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { description, index, pattern } = self;
        let Some(index) = index else { return write!(f, "{description}\n{pattern}") };
        write!(f, "{description} near index {index}\n{pattern}")?;
        if *index < pattern.encode_utf16().count() {
            let tabs = pattern.chars().take(*index).map(|c| if c == '\t' { '\t' } else { ' ' });
            write!(f, "\n{}^", tabs.collect::<String>())?;
        }
        Ok(())
    }
}

impl std::error::Error for SyntaxError {}

/// The pattern for the engine.
///
/// # Errors
///
/// What Java refuses, in its words; what the engine does not know.
pub fn translate(pattern: &str) -> Result<String, SyntaxError> {
    syntax::judge(pattern).map_err(|(description, at)| SyntaxError {
        description,
        index: at.map(|at| pattern.chars().take(at).map(char::len_utf16).sum()),
        pattern: pattern.to_owned(),
    })?;
    let mut scanner = Scanner { chars: pattern.chars().peekable(), at: 0, out: String::new() };
    let fault = |fault: Fault| SyntaxError {
        description: fault.description,
        index: fault.index,
        pattern: pattern.to_owned(),
    };
    scanner.pattern().map_err(fault)?;
    let translated = scanner.out;
    match Regex::new(&translated) {
        Ok(_) => Ok(translated),
        Err(error) => Err(fault(Fault { description: error.to_string(), index: None })),
    }
}

/// The pattern, which must match a whole text, in any case: how Debezium compiles its lists.
///
/// # Errors
///
/// As [`translate`].
pub fn whole(pattern: &str) -> Result<Regex, SyntaxError> {
    let translated = translate(pattern)?;
    compile(&format!("(?i)^(?:{translated})$"), pattern)
}

/// The pattern, which must match a whole text, as it is written.
///
/// # Errors
///
/// As [`translate`].
pub fn exact(pattern: &str) -> Result<Regex, SyntaxError> {
    let translated = translate(pattern)?;
    compile(&format!("^(?:{translated})$"), pattern)
}

fn compile(translated: &str, pattern: &str) -> Result<Regex, SyntaxError> {
    Regex::new(translated).map_err(|error| SyntaxError {
        description: error.to_string(),
        index: None,
        pattern: pattern.to_owned(),
    })
}

/// A replacement as `Matcher.replaceFirst` reads it: `$1` and `${name}` are groups, a backslash makes the next
/// character plain.
#[must_use]
pub fn replacement(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('$') => out.push_str("$$"),
                Some(plain) => out.push(plain),
                None => {}
            },
            '$' => {
                let mut name = String::new();
                if chars.next_if_eq(&'{').is_some() {
                    name.extend(std::iter::from_fn(|| chars.next_if(|c| *c != '}')));
                    chars.next();
                } else {
                    name.extend(std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)));
                }
                // Braces, or what follows would be taken for a part of the name.
                out.push_str("${");
                out.push_str(&name);
                out.push('}');
            }
            other => out.push(other),
        }
    }
    out
}

struct Fault {
    description: String,
    index: Option<usize>,
}

struct Scanner<'a> {
    chars: Peekable<Chars<'a>>,
    /// Of the next character, in UTF-16 units.
    at: usize,
    out: String,
}

const LINE_END: &str = r"\n\r\x{85}\x{2028}\x{2029}";
const VERTICAL: &str = r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}";
const BLANK: &str = r" \t\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
const SPACE: &str = r" \t\n\x0B\x0C\r";
const WORD: &str = "a-zA-Z0-9_";

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.at += c.len_utf16();
        Some(c)
    }

    fn next_if(&mut self, wanted: char) -> bool {
        let found = self.chars.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    fn fault<T>(&self, description: impl Into<String>, back: usize) -> Result<T, Fault> {
        let index = self.at.checked_sub(back);
        Err(Fault { description: description.into(), index })
    }

    fn pattern(&mut self) -> Result<(), Fault> {
        let mut depth = 0_usize;
        // Whether there is something that a quantifier could follow.
        let mut atom = false;
        while let Some(c) = self.next() {
            match c {
                '(' => {
                    depth += 1;
                    atom = false;
                    self.group(&mut depth)?;
                }
                ')' if depth == 0 => return self.fault("Unmatched closing ')'", 2),
                ')' => {
                    depth -= 1;
                    atom = true;
                    self.out.push(')');
                }
                '|' | '^' => {
                    atom = false;
                    self.out.push(c);
                }
                '*' | '+' | '?' | '{' => {
                    self.quantifier(c, atom)?;
                    atom = false;
                }
                '[' => {
                    self.class()?;
                    atom = true;
                }
                '\\' => {
                    self.escape(false)?;
                    atom = true;
                }
                '.' => {
                    self.out.push_str(&format!("[^{LINE_END}]"));
                    atom = true;
                }
                ']' | '}' => {
                    self.out.push('\\');
                    self.out.push(c);
                    atom = true;
                }
                other => {
                    self.out.push(other);
                    atom = true;
                }
            }
        }
        if depth > 0 { self.fault("Unclosed group", 0) } else { Ok(()) }
    }

    /// What follows an opening parenthesis.
    fn group(&mut self, depth: &mut usize) -> Result<(), Fault> {
        self.out.push('(');
        if !self.next_if('?') {
            return Ok(());
        }
        self.out.push('?');
        match self.next() {
            Some(c @ (':' | '=' | '!' | '>')) => self.out.push(c),
            Some('<') => {
                self.out.push('<');
                while let Some(c) = self
                    .chars
                    .next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '=' | '!' | '>'))
                {
                    self.at += 1;
                    self.out.push(c);
                    if !c.is_ascii_alphanumeric() {
                        break;
                    }
                }
            }
            Some(flag) if flag.is_ascii_alphabetic() || flag == '-' => {
                let mut next = Some(flag);
                while let Some(c) = next {
                    // UNIX_LINES and the Unicode flags say what the engine does anyway.
                    if !matches!(c, 'd' | 'u' | 'U') {
                        self.out.push(c);
                    }
                    if c == ')' {
                        *depth -= 1;
                    }
                    if matches!(c, ')' | ':') {
                        return Ok(());
                    }
                    next = self.next();
                }
                return self.fault("Unknown inline modifier", 0);
            }
            Some(_) => return self.fault("Unknown inline modifier", 1),
            None => return self.fault("Unknown inline modifier", 0),
        }
        Ok(())
    }

    fn quantifier(&mut self, c: char, atom: bool) -> Result<(), Fault> {
        if c == '{' {
            if !atom || !self.chars.peek().is_some_and(char::is_ascii_digit) {
                return self.fault("Illegal repetition", 1);
            }
            self.out.push('{');
            loop {
                match self.next() {
                    Some(c) if c.is_ascii_digit() || c == ',' => self.out.push(c),
                    Some('}') => break self.out.push('}'),
                    _ => return self.fault("Unclosed counted closure", 0),
                }
            }
        } else if atom {
            self.out.push(c);
        } else {
            return self.fault(format!("Dangling meta character '{c}'"), 1);
        }
        for mode in ['?', '+'] {
            if self.next_if(mode) {
                self.out.push(mode);
                break;
            }
        }
        Ok(())
    }

    /// The rest of a class, up to its closing bracket.
    fn class(&mut self) -> Result<(), Fault> {
        self.out.push('[');
        if self.next_if('^') {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.next() else { return self.fault("Unclosed character class", 1) };
            match c {
                ']' if !first => break self.out.push(']'),
                '[' => self.class()?,
                '\\' => self.escape(true)?,
                // Operators to the engine only.
                '~' | '#' | ' ' | ']' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                '-' if self.chars.peek() == Some(&'-') => self.out.push_str("\\-"),
                other => self.out.push(other),
            }
            first = false;
        }
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) -> Result<(), Fault> {
        let Some(c) = self.next() else { return self.fault("Unexpected internal error", 0) };
        let set = |positive: bool, members: &str| match (in_class, positive) {
            (true, true) => members.to_owned(),
            (_, true) => format!("[{members}]"),
            (_, false) => format!("[^{members}]"),
        };
        let text = match c {
            'Q' => return self.quoted(),
            'd' | 'D' => set(c == 'd', "0-9"),
            'w' | 'W' => set(c == 'w', WORD),
            's' | 'S' => set(c == 's', SPACE),
            'h' | 'H' => set(c == 'h', BLANK),
            'v' | 'V' => set(c == 'v', VERTICAL),
            'R' if !in_class => format!("(?:\\r\\n|[{VERTICAL}])"),
            'Z' if !in_class => r"(?=\n?\z)".to_owned(),
            'A' | 'b' | 'B' | 'G' | 'z' | 'k' | '1'..='9' if !in_class => format!("\\{c}"),
            't' | 'n' | 'r' | 'f' | 'a' => format!("\\{c}"),
            'e' => r"\x1B".to_owned(),
            '0' => self.number(8, 3)?,
            'x' if self.next_if('{') => self.braced()?,
            'x' => self.number(16, 2)?,
            'u' => self.number(16, 4)?,
            'p' | 'P' => self.property(c == 'p')?,
            c if c.is_ascii_alphanumeric() => {
                return self.fault("Illegal/unsupported escape sequence", 1);
            }
            c => fancy_regex::escape(c.encode_utf8(&mut [0; 4])).into_owned(),
        };
        self.out.push_str(&text);
        Ok(())
    }

    /// Everything up to `\E` is plain.
    fn quoted(&mut self) -> Result<(), Fault> {
        let mut plain = String::new();
        while let Some(c) = self.next() {
            if c == '\\' && self.next_if('E') {
                break;
            }
            plain.push(c);
        }
        self.out.push_str(&fancy_regex::escape(&plain));
        Ok(())
    }

    fn number(&mut self, radix: u32, most: usize) -> Result<String, Fault> {
        let mut value = 0;
        let mut digits = 0;
        while let Some(digit) =
            self.chars.peek().and_then(|c| c.to_digit(radix)).filter(|_| digits < most)
        {
            self.next();
            value = value * radix + digit;
            digits += 1;
        }
        if digits == 0 {
            return self.fault("Illegal hexadecimal escape sequence", 0);
        }
        Ok(format!("\\x{{{value:X}}}"))
    }

    fn braced(&mut self) -> Result<String, Fault> {
        let mut digits = String::new();
        while let Some(c) = self.next() {
            match c {
                '}' => return Ok(format!("\\x{{{digits}}}")),
                c => digits.push(c),
            }
        }
        self.fault("Unclosed hexadecimal escape sequence", 0)
    }

    /// `\p{…}` or `\pL`.
    fn property(&mut self, positive: bool) -> Result<String, Fault> {
        let mut name = String::new();
        if self.next_if('{') {
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(c) => name.push(c),
                    None => return self.fault("Unclosed character family", 1),
                }
            }
        } else {
            name.extend(self.next());
        }
        const POSIX: [&str; 13] = [
            "Lower", "Upper", "ASCII", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print",
            "Blank", "Cntrl", "XDigit", "Space",
        ];
        let not = if positive { "" } else { "^" };
        if POSIX.contains(&name.as_str()) {
            return Ok(format!("[{not}[:{}:]]", name.to_ascii_lowercase()));
        }
        let name = match name.as_str() {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaWhitespace" => "White_Space",
            other => other.strip_prefix("Is").unwrap_or(other),
        };
        Ok(format!("\\{}{{{name}}}", if positive { 'p' } else { 'P' }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        whole(pattern).unwrap().is_match(text).unwrap()
    }

    #[test]
    fn what_java_matches_matches() {
        for (pattern, text, wanted) in [
            ("public.Users", "public.users", true),
            ("public.users", "publicXusers", true),
            ("public\\.users", "publicXusers", false),
            ("\\Qa.b\\E.*", "a.bc", true),
            ("\\Qa.b\\E.*", "axbc", false),
            ("[a-z&&[^b]]", "b", false),
            ("[a-z&&[^b]]", "c", true),
            ("a\\_b", "a_b", true),
            ("\\p{Alpha}+", "abC", true),
            ("\\d+", "\u{661}", false),
            ("(?<x>a|b)\\k<x>", "bb", true),
            ("a++b", "aab", true),
            ("(?!tmp).*", "tmp_x", false),
            ("[a~~b]", "~", true),
            ("[]a]", "]", true),
            ("\\u0041", "A", true),
            ("x{2,3}", "xx", true),
            ("(?i:a)b", "AB", true),
            ("a\\hb", "a\u{a0}b", true),
            ("}", "}", true),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn what_java_refuses_is_refused_in_its_words() {
        for (pattern, message) in [
            ("public.(a", "Unclosed group near index 9\npublic.(a"),
            ("*", "Dangling meta character '*' near index 0\n*\n^"),
            ("[a", "Unclosed character class near index 1\n[a\n ^"),
            ("((", "Unclosed group near index 2\n(("),
            ("a\\", "Unexpected internal error near index 2\na\\"),
            ("a)", "Unmatched closing ')' near index 0\na)\n^"),
            (")", "Unmatched closing ')'\n)"),
            ("a|*b", "Dangling meta character '*' near index 2\na|*b\n  ^"),
            ("\\y", "Illegal/unsupported escape sequence near index 1\n\\y\n ^"),
        ] {
            assert_eq!(translate(pattern).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn replacements_keep_their_groups_apart_from_what_follows() {
        let regex = exact("(.*)shard_[0-9]+(.*)").unwrap();
        assert_eq!(regex.replace("p.shard_1x", replacement("$1all$2")), "p.allx");
        assert_eq!(replacement("a\\$b"), "a$$b");
    }
}
