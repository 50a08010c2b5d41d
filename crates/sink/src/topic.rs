//! Names of topics, as Debezium's six `topic.naming.strategy` classes make them.
//!
//! | strategy | name | what Kafka does not allow |
//! |---|---|---|
//! | Schema | `<prefix>.<schema>.<table>` | becomes `_` |
//! | Default | `<prefix>.<table>` | becomes `_` |
//! | …Unicode | the same | becomes `_uXXXX`, and `_` itself does too |
//! | …Regex | the same, then `topic.regex` | becomes `_` |

use std::sync::Arc;

use fancy_regex::Regex;
use pgoutput::Relation;

use crate::java_regex;

/// Kafka's limit of a topic's name, in characters.
const MAX_LEN: usize = 249;

/// How tables map to topics.
#[derive(Debug, Clone)]
pub struct TopicNaming {
    prefix: Arc<str>,
    delimiter: Arc<str>,
    with_schema: bool,
    unicode: bool,
    routing: Option<Arc<Routing>>,
}

/// What a regex strategy does to a topic.
#[derive(Debug, Clone)]
pub struct Routing {
    /// `topic.regex`: which topics it renames.
    pub regex: Regex,
    /// `topic.replacement`, as the engine reads it: see [`java_regex::replacement`].
    pub replacement: String,
    /// The field that it adds to keys.
    pub key: Option<KeyField>,
}

/// The field of a key that tells apart tables which share a topic.
#[derive(Debug, Clone)]
pub struct KeyField {
    /// `topic.key.field.name`.
    pub name: Arc<str>,
    /// `topic.key.field.regex` and `topic.key.field.replacement`; the topic's old name without.
    pub form: Option<(Regex, String)>,
}

impl TopicNaming {
    /// `topic.prefix` and `topic.delimiter`, with Debezium's default strategy.
    #[must_use]
    pub fn new(prefix: &str, delimiter: &str) -> Self {
        Self {
            prefix: prefix.into(),
            delimiter: delimiter.into(),
            with_schema: true,
            unicode: false,
            routing: None,
        }
    }

    /// The same, of another strategy: whether names have the schema, and whether what Kafka does not allow is spelled
    /// out.
    #[must_use]
    pub const fn strategy(mut self, with_schema: bool, unicode: bool) -> Self {
        self.with_schema = with_schema;
        self.unicode = unicode;
        self
    }

    /// The same, with the routing of a regex strategy.
    #[must_use]
    pub fn routed(mut self, routing: Routing) -> Self {
        self.routing = Some(Arc::new(routing));
        self
    }

    /// The topic of a table's records.
    #[must_use]
    pub fn data_topic(&self, relation: &Relation) -> Arc<str> {
        let topic = self.table_topic(relation);
        let Some(routing) = self.routing.as_deref() else { return topic.into() };
        // A regex that leaves nothing of a name leaves the name, as in Debezium.
        let renamed = replaced(&routing.regex, &topic, &routing.replacement);
        renamed.filter(|next| !next.is_empty()).unwrap_or(topic).into()
    }

    /// The field that keys get: its name, and its value for that table.
    #[must_use]
    pub fn key_field(&self, relation: &Relation) -> Option<(Arc<str>, String)> {
        let key = self.routing.as_deref()?.key.as_ref()?;
        let topic = self.table_topic(relation);
        let form = key.form.as_ref();
        let value = form.and_then(|(regex, replacement)| replaced(regex, &topic, replacement));
        Some((Arc::clone(&key.name), value.unwrap_or(topic)))
    }

    /// `topic.transaction`, behind the prefix.
    #[must_use]
    pub fn beside(&self, last: &str) -> Arc<str> {
        let Self { prefix, delimiter, .. } = self;
        format!("{prefix}{delimiter}{last}").into()
    }

    /// The topic of heartbeats: `topic.heartbeat.prefix` before the prefix.
    #[must_use]
    pub fn heartbeat(&self, first: &str) -> Arc<str> {
        let Self { prefix, delimiter, .. } = self;
        format!("{first}{delimiter}{prefix}").into()
    }

    /// The topic of logical messages. Debezium joins it by a dot whatever the delimiter is.
    #[must_use]
    pub fn message(&self) -> Arc<str> {
        format!("{}.message", self.prefix).into()
    }

    fn table_topic(&self, relation: &Relation) -> String {
        let Self { prefix, delimiter, .. } = self;
        let name = if self.with_schema {
            format!("{prefix}{delimiter}{}{delimiter}{}", relation.schema, relation.name)
        } else {
            format!("{prefix}{delimiter}{}", relation.name)
        };
        if self.unicode { spell_out(&name) } else { sanitize(&name) }
    }
}

fn replaced(regex: &Regex, topic: &str, replacement: &str) -> Option<String> {
    let matches = regex.is_match(topic).unwrap_or(false);
    matches.then(|| regex.replace(topic, replacement).into_owned())
}

/// Compiles `topic.regex` and its like.
///
/// # Errors
///
/// In Java's words.
pub fn compile(regex: &str, replacement: &str) -> Result<(Regex, String), java_regex::SyntaxError> {
    Ok((java_regex::exact(regex)?, java_regex::replacement(replacement)))
}

/// What Kafka does not allow in a name becomes `_` (Debezium's `TopicNamingStrategy.sanitizedTopicName`).
/// Java counts UTF-16 units: a supplementary character becomes two.
#[must_use]
pub fn sanitize(name: &str) -> String {
    legal(name, |c| matches!(c, '.' | '_' | '-'), |_| "_".to_owned())
}

/// What Kafka does not allow, and `_`, becomes `_u` and its number in hexadecimal, with two zeros before a short one
/// (Debezium's `UnicodeReplacementFunction`).
#[must_use]
pub fn spell_out(name: &str) -> String {
    legal(
        name,
        |c| matches!(c, '.' | '-'),
        |unit| if unit <= 0xFF { format!("_u00{unit:x}") } else { format!("_u{unit:x}") },
    )
}

fn legal(name: &str, allowed: impl Fn(char) -> bool, replace: impl Fn(u16) -> String) -> String {
    match name {
        "." => return "_".to_owned(),
        ".." => return "__".to_owned(),
        _ => {}
    }
    name.encode_utf16()
        .take(MAX_LEN)
        .map(|unit| match u8::try_from(unit).map(char::from) {
            Ok(c) if c.is_ascii_alphanumeric() || allowed(c) => c.to_string(),
            _ => replace(unit),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use pgoutput::ReplicaIdentity;

    use super::*;

    fn relation(schema: &str, name: &str) -> Relation {
        Relation {
            oid: 1,
            schema: schema.to_owned(),
            name: name.to_owned(),
            identity: ReplicaIdentity::Default,
            columns: Vec::new(),
            key: Vec::new(),
        }
    }

    #[test]
    fn replaces_what_kafka_refuses() {
        assert_eq!(sanitize("p.public.Mixed Case"), "p.public.Mixed_Case");
        assert_eq!(sanitize("p.public.é$😀"), "p.public.____");
        assert_eq!(sanitize("."), "_");
        assert_eq!(sanitize(".."), "__");
        assert_eq!(sanitize(&"x".repeat(300)).len(), 249);
    }

    #[test]
    fn strategies_name_tables_as_debezium_does() {
        let table = relation("s:x", "ą t_y");
        let naming = TopicNaming::new("p_1", "-");
        assert_eq!(&*naming.data_topic(&table), "p_1-s_x-__t_y");
        let default = naming.clone().strategy(false, false);
        assert_eq!(&*default.data_topic(&table), "p_1-__t_y");
        let unicode = naming.clone().strategy(true, true);
        assert_eq!(&*unicode.data_topic(&table), "p_u005f1-s_u003ax-_u105_u0020t_u005fy");
        assert_eq!(&*naming.message(), "p_1.message", "a dot, not the delimiter");
        assert_eq!(&*naming.beside("transaction"), "p_1-transaction");
        assert_eq!(&*naming.heartbeat("hb"), "hb-p_1");
    }

    #[test]
    fn routing_renames_and_keys_tell_tables_apart() {
        let (regex, replacement) = compile("(.*)shard_[0-9]+(.*)", "$1all$2").unwrap();
        let form = compile("p\\.public\\.(.*)", "$1").unwrap();
        let key = Some(KeyField { name: "t".into(), form: Some(form) });
        let naming = TopicNaming::new("p", ".").routed(Routing { regex, replacement, key });
        let shard = relation("public", "shard_1");
        assert_eq!(&*naming.data_topic(&shard), "p.public.all");
        assert_eq!(naming.key_field(&shard), Some(("t".into(), "shard_1".to_owned())));
        let other = relation("s", "other");
        assert_eq!(&*naming.data_topic(&other), "p.s.other");
        assert_eq!(naming.key_field(&other), Some(("t".into(), "p.s.other".to_owned())));
    }
}
