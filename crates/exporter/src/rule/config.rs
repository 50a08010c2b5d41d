//! A rule file: JMX exporter's YAML, with the keys of 0.x and of 1.x.

use fancy_regex::Regex;
use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use super::object_name::{ObjectName, ObjectNames};
use super::template::Template;
use super::{Agent, Pattern, Rule, RuleSet};
use crate::text::Type;

/// A rule file that cannot be used: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {reason}", .rule.map(|rule| format!(", rule {rule}")).unwrap_or_default())]
pub struct RuleError {
    /// From 1.
    pub line: usize,
    /// Number of the rule, from 1, where it is one's.
    pub rule: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

/// Keys of JMX exporter that say how the agent runs and not what it shows. They have no effect here.
const WITHOUT_EFFECT: &[&str] = &[
    "startDelaySeconds",
    "hostPort",
    "jmxUrl",
    "username",
    "password",
    "ssl",
    "cacheRules",
    "autoExcludeObjectNameAttributes",
    "inferCounterTypeFromName",
    "httpServer",
    "openTelemetry",
];

type Node<'a> = MarkedYaml<'a>;

impl RuleSet {
    /// Reads a rule file; each document of it is a set of its own. `agent` is whose spelling it is meant for, unless a
    /// document says so itself.
    ///
    /// Besides JMX exporter's keys a document may have `agent: 0`, `1` or `both`, `typesByName` and `unquote`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and rule.
    pub fn parse(yaml: &str, agent: Agent) -> Result<Vec<Self>, RuleError> {
        let documents = Node::load_from_str(yaml).map_err(|error| RuleError {
            line: error.marker().line(),
            rule: None,
            reason: error.info().to_owned(),
        })?;
        if documents.is_empty() {
            return Ok(vec![Self::new(agent)]);
        }
        let mut sets = Vec::with_capacity(documents.len());
        for document in &documents {
            match document.data.as_mapping_get("agent").and_then(text).as_deref() {
                None => sets.push(Self::document(document, agent)?),
                Some("0") => sets.push(Self::document(document, Agent::Zero)?),
                Some("1") => sets.push(Self::document(document, Agent::One)?),
                Some("both") => {
                    sets.push(Self::document(document, Agent::Zero)?);
                    sets.push(Self::document(document, Agent::One)?);
                }
                Some(_) => return Err(wrong(document, None, "agent: neither 0 nor 1 nor both")),
            }
        }
        Ok(sets)
    }

    /// Without a rule: one that takes everything in the default format.
    fn new(agent: Agent) -> Self {
        Self {
            rules: vec![Rule::new()],
            names: ObjectNames::default(),
            lowercase_names: false,
            lowercase_labels: false,
            agent,
            types_by_name: false,
            unquote: false,
        }
    }

    fn document(document: &Node<'_>, agent: Agent) -> Result<Self, RuleError> {
        let mut set = Self::new(agent);
        if matches!(document.data, YamlData::Value(Scalar::Null)) {
            return Ok(set);
        }
        for (key, value) in entries(document, None)? {
            match key {
                "lowercaseOutputName" => set.lowercase_names = boolean(value, key, None)?,
                "lowercaseOutputLabelNames" => set.lowercase_labels = boolean(value, key, None)?,
                "whitelistObjectNames" | "includeObjectNames" => {
                    set.names.include = object_names(value, key)?;
                }
                "blacklistObjectNames" | "excludeObjectNames" => {
                    set.names.exclude = object_names(value, key)?;
                }
                "includeObjectNameAttributes" => {
                    set.names.include_attributes = attributes(value, key)?;
                }
                "excludeObjectNameAttributes" => {
                    set.names.exclude_attributes = attributes(value, key)?;
                }
                "rules" => set.rules = rules(value)?,
                "typesByName" => set.types_by_name = boolean(value, key, None)?,
                "unquote" => set.unquote = boolean(value, key, None)?,
                // Read before the others.
                "agent" => {}
                known if WITHOUT_EFFECT.contains(&known) => {}
                other => {
                    let line = value.span.start.line();
                    tracing::warn!(
                        line,
                        key = other,
                        "key of the rule file is not known and has no effect"
                    );
                }
            }
        }
        Ok(set)
    }
}

impl Rule {
    const fn new() -> Self {
        Self {
            pattern: None,
            name: None,
            value: None,
            factor: 1.0,
            help: None,
            labels: Vec::new(),
            snake_case: false,
            kind: Type::Unknown,
        }
    }

    fn parse(node: &Node<'_>, number: usize) -> Result<Self, RuleError> {
        let mut rule = Self::new();
        let at = Some(number);
        let entries = entries(node, at)?;
        // The groups that the others refer to.
        if let Some((_, value)) = entries.iter().find(|(key, _)| *key == "pattern") {
            rule.pattern = Some(Pattern::parse(value, at)?);
        }
        let template = |value: &Node<'_>, key: &str| {
            let text = string(value, key, at)?;
            let regex = rule.pattern.as_ref().map(|pattern| &pattern.regex);
            Template::parse(&text, regex)
                .map_err(|reason| wrong(value, at, &format!("{key}: {reason}")))
        };
        let (mut name, mut help, mut constant, mut labels) = (None, None, None, Vec::new());
        let (mut factor, mut snake_case, mut kind) = (1.0, false, Type::Unknown);
        for (key, value) in entries {
            match key {
                "name" => name = Some(template(value, key)?),
                "help" => help = Some(template(value, key)?),
                "value" => constant = Some(template(value, key)?),
                "valueFactor" => {
                    factor = string(value, key, at)?
                        .parse()
                        .map_err(|_not| wrong(value, at, "valueFactor: not a number"))?;
                }
                "attrNameSnakeCase" => snake_case = boolean(value, key, at)?,
                "type" => kind = type_of(value, at)?,
                "labels" => {
                    for (label, value) in self::entries(value, at)? {
                        let name = Template::parse(label, rule.pattern.as_ref().map(|p| &p.regex))
                            .map_err(|reason| {
                                wrong(value, at, &format!("label {label}: {reason}"))
                            })?;
                        labels.push((name, template(value, label)?));
                    }
                }
                // Matches are always kept here.
                "pattern" | "cache" => {}
                other => {
                    let line = value.span.start.line();
                    tracing::warn!(
                        line,
                        rule = number,
                        key = other,
                        "key of a rule is not known and has no effect"
                    );
                }
            }
        }
        if name.is_none() && (help.is_some() || !labels.is_empty()) {
            return Err(wrong(node, at, "help or labels are given, and no name"));
        }
        if name.is_some() && rule.pattern.is_none() {
            return Err(wrong(node, at, "a name is given, and no pattern"));
        }
        Ok(Self { name, help, value: constant, labels, factor, snake_case, kind, ..rule })
    }
}

impl Pattern {
    fn parse(node: &Node<'_>, rule: Option<usize>) -> Result<Self, RuleError> {
        let text = string(node, "pattern", rule)?;
        let regex = Regex::new(&format!("^.*(?:{text}).*$"))
            .map_err(|error| wrong(node, rule, &format!("pattern: {error}")))?;
        Ok(Self { regex, sees_value: sees_value(&text) })
    }
}

/// Whether anything but the end follows a colon outside a class: `status: ([a-z-]+)` and not `([^:]+):`.
fn sees_value(pattern: &str) -> bool {
    let (mut in_class, mut escaped, mut before) = (false, false, ' ');
    for (index, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            ':' if !in_class && before != '?' => {
                let rest = pattern.get(index + 1..).unwrap_or_default();
                if !rest.trim_matches([' ', ')', '$']).is_empty() {
                    return true;
                }
            }
            _ => {}
        }
        before = c;
    }
    false
}

fn rules(node: &Node<'_>) -> Result<Vec<Rule>, RuleError> {
    let list = list(node, "rules")?;
    (1..).zip(list).map(|(number, rule)| Rule::parse(rule, number)).collect()
}

fn type_of(node: &Node<'_>, rule: Option<usize>) -> Result<Type, RuleError> {
    match string(node, "type", rule)?.to_ascii_uppercase().as_str() {
        "GAUGE" => Ok(Type::Gauge),
        "COUNTER" => Ok(Type::Counter),
        "UNTYPED" | "UNKNOWN" => Ok(Type::Unknown),
        other => Err(wrong(node, rule, &format!("type: {other} is not GAUGE, COUNTER or UNTYPED"))),
    }
}

fn object_names(node: &Node<'_>, key: &str) -> Result<Vec<ObjectName>, RuleError> {
    let list = list(node, key)?;
    list.iter().map(|node| object_name(node, &string(node, key, None)?)).collect()
}

fn object_name(node: &Node<'_>, text: &str) -> Result<ObjectName, RuleError> {
    ObjectName::parse(text).map_err(|reason| wrong(node, None, &format!("{text}: {reason}")))
}

fn attributes(node: &Node<'_>, key: &str) -> Result<Vec<(ObjectName, Vec<String>)>, RuleError> {
    let entries = entries(node, None)?.into_iter();
    let read = |(name, value): (&str, &Node<'_>)| {
        let attributes = list(value, key)?.iter().map(|node| string(node, key, None));
        Ok((object_name(value, name)?, attributes.collect::<Result<_, _>>()?))
    };
    entries.map(read).collect()
}

fn wrong(node: &Node<'_>, rule: Option<usize>, reason: &str) -> RuleError {
    RuleError { line: node.span.start.line(), rule, reason: reason.to_owned() }
}

/// A mapping's entries, in order.
fn entries<'a>(
    node: &'a Node<'_>,
    rule: Option<usize>,
) -> Result<Vec<(&'a str, &'a Node<'a>)>, RuleError> {
    let YamlData::Mapping(mapping) = &node.data else {
        return Err(wrong(node, rule, "not a mapping"));
    };
    let entry = |(key, value): (&'a Node<'_>, &'a Node<'_>)| match &key.data {
        YamlData::Value(Scalar::String(text)) => Ok((text.as_ref(), value)),
        _ => Err(wrong(key, rule, "a key that is no text")),
    };
    mapping.iter().map(entry).collect()
}

fn list<'a>(node: &'a Node<'_>, key: &str) -> Result<&'a [Node<'a>], RuleError> {
    match &node.data {
        YamlData::Sequence(list) => Ok(list),
        YamlData::Value(Scalar::Null) => Ok(&[]),
        _ => Err(wrong(node, None, &format!("{key}: not a list"))),
    }
}

fn boolean(node: &Node<'_>, key: &str, rule: Option<usize>) -> Result<bool, RuleError> {
    match text(node).as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(wrong(node, rule, &format!("{key}: neither true nor false"))),
    }
}

fn string(node: &Node<'_>, key: &str, rule: Option<usize>) -> Result<String, RuleError> {
    text(node).ok_or_else(|| wrong(node, rule, &format!("{key}: not a text")))
}

/// A scalar as a text: a label may be written as a number.
fn text(node: &Node<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Boolean(yes)) => Some(yes.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::FloatingPoint(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Null) => Some(String::new()),
        _ => None,
    }
}
