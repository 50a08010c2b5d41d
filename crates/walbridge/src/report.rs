//! What a check found, for people and for machines.

use std::io::{self, Write};

use serde_json::{Value, json};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Ok,
    /// It will run, with a limit that the user should know.
    Warn,
    /// It will not run, or not as configured.
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// Green, yellow, red.
    fn color(self) -> &'static str {
        match self {
            Self::Ok => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Fail => "\x1b[31m",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) message: String,
    /// What to run: SQL statements, or a command line.
    pub(crate) fix: Vec<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, message: message.into(), fix: Vec::new() }
    }

    pub(crate) fn warn(check: &'static str, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, ..Self::ok(check, message) }
    }

    pub(crate) fn fail(check: &'static str, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::ok(check, message) }
    }

    pub(crate) fn run(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }
}

/// All of a check.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) connector: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// One line a check; below it what to run, ready to be copied.
    pub(crate) fn write_text(&self, out: &mut impl Write, color: bool) -> io::Result<()> {
        let width = self.findings.iter().map(|f| f.check.len()).max().unwrap_or(0);
        for Finding { check, verdict, message, fix } in &self.findings {
            let (on, off) = if color { (verdict.color(), "\x1b[0m") } else { ("", "") };
            let message = printable(message);
            writeln!(out, "{on}{:<4}{off}  {check:<width$}  {message}", verdict.word())?;
            for line in fix.iter().flat_map(|fix| fix.lines()) {
                writeln!(out, "      {}", printable(line))?;
            }
        }
        let [n_ok, n_warn, n_fail] =
            [Verdict::Ok, Verdict::Warn, Verdict::Fail].map(|v| self.count(v));
        writeln!(out, "\n{n_ok} ok, {n_warn} warnings, {n_fail} failures")
    }

    /// One object.
    pub(crate) fn to_json(&self) -> Value {
        let finding = |f: &Finding| json!({"check": f.check, "verdict": f.verdict.word(), "message": f.message, "fix": f.fix});
        json!({
            "connector": self.connector,
            "verdict": self.verdict().word(),
            "checks": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

/// Text that cannot steer a terminal: names come from others.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// `a, b, c and 9 more`.
pub(crate) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            connector: Some("c".to_owned()),
            findings: vec![
                Finding::ok("connection", "there"),
                Finding::fail("wal_level", "is \x1b[31m\"replica\"")
                    .run("ALTER SYSTEM …;\n-- restart"),
            ],
        }
    }

    #[test]
    fn text_has_a_line_a_check_and_what_to_run_below_it() {
        let mut out = Vec::new();
        report().write_text(&mut out, false).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ok    connection  there\nfail  wal_level   is \\u{1b}[31m\"replica\"\n      ALTER SYSTEM …;\n      -- restart\n\n1 ok, 0 warnings, 1 failures\n"
        );
    }

    #[test]
    fn json_says_the_same() {
        let json = report().to_json();
        assert_eq!(json["verdict"], "fail");
        assert_eq!(json["checks"][1]["check"], "wal_level");
        assert_eq!(json["checks"][0]["fix"], json!([]));
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..7).map(|n| n.to_string()).collect();
        assert_eq!(some_of(&names), "0, 1, 2, 3, 4 and 2 more");
        assert_eq!(some_of(&names[..2]), "0, 1");
    }
}
