//! Names of topics: `<prefix>.<schema>.<table>`, made fit for Kafka as Debezium does.

use std::sync::Arc;

use pgoutput::Relation;

/// Kafka's limit of a topic's name, in characters.
const MAX_LEN: usize = 249;

/// How tables map to topics (Debezium's `SchemaTopicNamingStrategy`).
#[derive(Debug, Clone)]
pub struct TopicNaming {
    prefix: Arc<str>,
    delimiter: Arc<str>,
}

impl TopicNaming {
    /// `topic.prefix` and `topic.delimiter`.
    #[must_use]
    pub fn new(prefix: &str, delimiter: &str) -> Self {
        Self { prefix: prefix.into(), delimiter: delimiter.into() }
    }

    /// The topic of a table's records.
    #[must_use]
    pub fn data_topic(&self, relation: &Relation) -> Arc<str> {
        let Self { prefix, delimiter } = self;
        sanitize(&format!("{prefix}{delimiter}{}{delimiter}{}", relation.schema, relation.name))
            .into()
    }
}

/// What Kafka does not allow in a name becomes `_` (Debezium's `TopicNamingStrategy.sanitizedTopicName`).
/// Java counts UTF-16 units: a supplementary character becomes two.
#[must_use]
pub fn sanitize(name: &str) -> String {
    match name {
        "." => return "_".to_owned(),
        ".." => return "__".to_owned(),
        _ => {}
    }
    name.encode_utf16()
        .take(MAX_LEN)
        .map(|unit| match u8::try_from(unit).map(char::from) {
            Ok(c) if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_what_kafka_refuses() {
        assert_eq!(sanitize("p.public.Mixed Case"), "p.public.Mixed_Case");
        assert_eq!(sanitize("p.public.é$😀"), "p.public.____");
        assert_eq!(sanitize("."), "_");
        assert_eq!(sanitize(".."), "__");
        assert_eq!(sanitize(&"x".repeat(300)).len(), 249);
    }
}
