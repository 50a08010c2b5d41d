//! JMX exporter's rules over virtual beans.
//!
//! A rule is matched against `domain<key=value, key=value><>attribute: value`, unanchored; the first that matches wins.
//! The semantics are those of `io.prometheus.jmx.JmxCollector`; where agents 0.x and 1.x differ, [`Agent`] decides.
//! Matching costs regular expressions, so its result is kept per bean and attribute ([`Engine`]).

mod config;
mod engine;
mod object_name;
mod template;

use std::fmt::Write as _;
use std::sync::Arc;

use fancy_regex::Regex;

use crate::bean::{Bean, Value};
use crate::text::Type;
use object_name::ObjectNames;
use template::Template;

pub use config::RuleError;
pub use engine::Engine;

/// Whose spelling of names is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Agent {
    /// 0.x: names are kept as the rules make them.
    #[default]
    Zero,
    /// 1.x: `_total`, `_info`, `_created` and `_bucket` are cut off the names of gauges; counters end with `_total`.
    One,
}

/// One rule.
#[derive(Debug)]
struct Rule {
    pattern: Option<Pattern>,
    name: Option<Template>,
    value: Option<Template>,
    factor: f64,
    help: Option<Template>,
    labels: Vec<(Template, Template)>,
    snake_case: bool,
    kind: Type,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// Whether it looks at the value behind the attribute's name.
    sees_value: bool,
}

/// A rule file.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    names: ObjectNames,
    lowercase_names: bool,
    lowercase_labels: bool,
    agent: Agent,
    /// Counters are what ends with `_total`, whatever the rule says.
    types_by_name: bool,
    /// Label values lose the quotes that JMX puts around some.
    unquote: bool,
}

/// What a rule makes of an attribute.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    name: String,
    kind: Type,
    help: String,
    /// Sorted by name.
    labels: Vec<(String, String)>,
    number: Number,
    /// Whether another value could give another outcome.
    sees_value: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Fixed(f64),
    Times(f64),
}

/// An attribute as rules see it.
struct Subject<'a> {
    bean: &'a Bean,
    /// Further property, of a row of a tabular attribute.
    key: Option<&'a str>,
    attribute: &'a str,
}

impl Subject<'_> {
    fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.bean.properties.iter().map(|(key, value)| (*key, value.as_str()));
        own.chain(self.key.map(|value| ("key", value)))
    }

    /// `domain<key=value, key=value><>`.
    fn head(&self) -> String {
        let mut head = format!("{}<", self.bean.domain);
        for (index, (key, value)) in self.properties().enumerate() {
            let _ok = write!(head, "{}{key}={value}", if index > 0 { ", " } else { "" });
        }
        head.push_str("><>");
        head
    }
}

impl RuleSet {
    /// What the first matching rule makes of an attribute whose value is written `text`; `None` if none matches or it
    /// gives no number.
    fn apply(&self, subject: &Subject<'_>, text: &str, is_number: bool) -> Option<Outcome> {
        let head = subject.head();
        let snake = snake_case(subject.attribute);
        let mut sees_value = false;
        for rule in &self.rules {
            let attribute = if rule.snake_case { snake.as_str() } else { subject.attribute };
            let line = format!("{head}{attribute}: {text}");
            let captures = match &rule.pattern {
                None => None,
                Some(pattern) => {
                    sees_value |= pattern.sees_value;
                    // A pattern that gives up on a line (backtracking without end) does not match it.
                    match pattern.regex.captures(&line) {
                        Ok(Some(captures)) => Some(captures),
                        Ok(None) | Err(_) => continue,
                    }
                }
            };
            let expand = |template: &Template| template.expand(captures.as_ref());
            let number = match rule.value.as_ref().map(expand) {
                Some(value) => Number::Fixed(value.trim().parse::<f64>().ok()? * rule.factor),
                None if is_number => Number::Times(rule.factor),
                None => return None,
            };
            let Some(name) = &rule.name else {
                let outcome = default(subject, attribute, rule.kind, number, sees_value);
                return Some(self.spell(outcome));
            };
            let name = safe_name(&expand(name));
            if name.is_empty() {
                return None;
            }
            let help = rule.help.as_ref().map_or_else(|| format!("{head}{attribute}"), expand);
            let labels = rule.labels.iter().map(|(key, value)| (expand(key), expand(value)));
            let labels = labels.collect();
            let kind = rule.kind;
            return Some(self.spell(Outcome { name, kind, help, labels, number, sees_value }));
        }
        None
    }

    /// Names, types and labels as the file's switches and the agent's version have them.
    fn spell(&self, outcome: Outcome) -> Outcome {
        let Outcome { mut name, kind, help, labels, number, sees_value } = outcome;
        if self.lowercase_names {
            name = name.to_lowercase();
        }
        let kind = match kind {
            kind if !self.types_by_name => kind,
            // The cut twin of a counter is a gauge: it has no ending to tell by.
            _ if name.ends_with("_total") && self.agent == Agent::Zero => Type::Counter,
            _ => Type::Gauge,
        };
        if self.agent == Agent::One {
            let base = cut(&name);
            let total = if kind == Type::Counter { "_total" } else { "" };
            name = format!("{base}{total}");
        }
        let mut labels: Vec<_> = labels
            .into_iter()
            .map(|(key, value)| {
                let key = safe_name(&key);
                let key = if self.lowercase_labels { key.to_lowercase() } else { key };
                (key, if self.unquote { unquote(&value) } else { value })
            })
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .collect();
        labels.sort_unstable();
        labels.dedup_by(|a, b| a.0 == b.0);
        Outcome { name, kind, help, labels, number, sees_value }
    }

    /// Whether the bean is asked for at all.
    fn takes(&self, object_name: &str) -> bool {
        self.names.take(object_name)
    }

    fn takes_attribute(&self, object_name: &str, attribute: &str) -> bool {
        self.names.take_attribute(object_name, attribute)
    }
}

/// The format of an attribute for which no name is given.
fn default(
    subject: &Subject<'_>,
    attribute: &str,
    kind: Type,
    number: Number,
    sees_value: bool,
) -> Outcome {
    let mut properties = subject.properties();
    let first = properties.next().map(|(_, value)| format!("_{value}")).unwrap_or_default();
    let name = safe_name(&format!("{}{first}_{attribute}", subject.bean.domain));
    let labels = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let help = format!("{}{attribute}", subject.head());
    let labels = labels.collect();
    Outcome { name, kind, help, labels, number, sees_value }
}

/// A family's name and what goes with it.
type FamilyName = Arc<str>;

/// What agents 1.x cut off, as often as it is there.
fn cut(mut name: &str) -> &str {
    let suffixes = ["_total", "_info", "_created", "_bucket"];
    while let Some(base) = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        if base.is_empty() {
            break;
        }
        name = base;
    }
    name
}

/// Other characters than letters, digits, `:` and `_` become `_`, runs of which become one.
fn safe_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len() + 1);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        safe.push('_');
    }
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
        if c != '_' || !safe.ends_with('_') {
            safe.push(c);
        }
    }
    safe
}

/// `MilliSecondsBehindSource` to `milli_seconds_behind_source`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = c;
    }
    snake
}

/// Undoes `ObjectName.quote`.
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(c) => plain.push(c),
                None => {}
            },
            (c, false) => plain.push(c),
        }
    }
    plain
}

/// Whether a value is a number to a rule without one of its own.
const fn is_number(value: &Value) -> bool {
    value.number().is_some()
}

#[cfg(test)]
mod tests;
