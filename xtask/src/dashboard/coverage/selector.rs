//! The selectors of a PromQL expression, less what a dashboard's page and a scrape's configuration put in.
//!
//! Not a parser: it knows enough of the language to tell a metric's name from a function, a keyword and a label.

use std::fmt;

/// Labels that the scrape adds.
const TARGET: [&str; 11] = [
    "job",
    "instance",
    "env",
    "cluster",
    "hostname",
    "kafka_cluster",
    "kafka_connect_cluster_id",
    "namespace",
    "kubernetes_pod_name",
    "strimzi_io_cluster",
    "strimzi_io_kind",
];

/// Labels whose fixed value is somebody's demo, or a state that nothing may be in.
const DEMO: [&str; 6] = ["clientId", "connector", "name", "status", "table", "topic"];

/// Words that a list of labels follows.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Words between operands.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// A metric's name with matchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    name: String,
    matchers: Vec<String>,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{{}}}", self.name, self.matchers.join(","))
    }
}

impl Selector {
    /// Those of an expression.
    pub(super) fn all(query: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut rest = query;
        while let Some(c) = rest.chars().next() {
            rest = match c {
                '"' | '\'' | '`' => quoted(rest).1,
                '[' => rest.split_once(']').map_or("", |(_range, rest)| rest),
                '$' => variable(rest),
                '0'..='9' => rest.trim_start_matches(|c: char| is_word(c) || c == '.'),
                c if is_word(c) || c == '{' => operand(rest, &mut found),
                c => rest.get(c.len_utf8()..).unwrap_or_default(),
            };
        }
        found
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// A string and what follows it.
fn quoted(text: &str) -> (&str, &str) {
    let Some(quote) = text.chars().next() else { return ("", "") };
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// What follows `$name` or `${name:format}`.
fn variable(text: &str) -> &str {
    let rest = text.trim_start_matches('$');
    match rest.strip_prefix('{') {
        Some(inner) => inner.split_once('}').map_or("", |(_name, rest)| rest),
        None => rest.trim_start_matches(is_word),
    }
}

/// What follows a word, or braces without one; a selector is added to `found`.
fn operand<'a>(text: &'a str, found: &mut Vec<Selector>) -> &'a str {
    let after = text.trim_start_matches(is_word);
    let (name, _) = text.split_at(text.len() - after.len());
    let next = after.trim_start();
    if let Some(inner) = next.strip_prefix('{') {
        let (matchers, rest) = matchers(inner);
        found.push(Selector { name: name.to_owned(), matchers });
        return rest;
    }
    if LISTS.contains(&name) && next.starts_with('(') {
        return next.split_once(')').map_or("", |(_labels, rest)| rest);
    }
    let word = next.split(|c| !is_word(c)).next().unwrap_or_default();
    // `sum by (label) (…)`
    let calls = next.starts_with('(') || matches!(word, "by" | "without");
    if !calls && !WORDS.contains(&name) && !LISTS.contains(&name) {
        found.push(Selector { name: name.to_owned(), matchers: Vec::new() });
    }
    after
}

/// The matchers that count, up to the brace, and what follows it.
fn matchers(mut rest: &str) -> (Vec<String>, &str) {
    let mut kept = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let after = rest.trim_start_matches(is_word);
        let (label, _) = rest.split_at(rest.len() - after.len());
        if label.is_empty() {
            return (kept, rest.strip_prefix('}').unwrap_or(rest));
        }
        let assigned = after.trim_start();
        let value = assigned.trim_start_matches(['=', '!', '~']);
        let (operator, _) = assigned.split_at(assigned.len() - value.len());
        let (value, behind) = quoted(value.trim_start());
        rest = behind;
        if TARGET.contains(&label) || value.contains('$') {
            continue;
        }
        kept.push(if DEMO.contains(&label) && matches!(operator, "=" | "=~") {
            format!("{label}!=\"\"")
        } else {
            format!("{label}{operator}{value}")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str) -> Vec<String> {
        Selector::all(query).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn functions_keywords_ranges_and_labels_are_no_selectors() {
        let query =
            "sum by (connector) (rate(a_total{task!=\"\"}[5m])) / on(x) group_left count(b) > 1e3";
        assert_eq!(shown(query), ["a_total{task!=\"\"}", "b{}"]);
        assert_eq!(shown("max(a) by (x) or b offset 5m"), ["a{}", "b{}"]);
    }

    #[test]
    fn what_page_and_scrape_put_in_does_not_count() {
        let query = "a{job=\"x\", env=\"$env\",context=\"streaming\",name=~\"${name:regex}\", topic=\"t\"}[$range]";
        assert_eq!(shown(query), ["a{context=\"streaming\",topic!=\"\"}"]);
        assert_eq!(shown("{__name__=~\"a}b.*\"} * $factor"), ["{__name__=~\"a}b.*\"}"]);
    }
}
