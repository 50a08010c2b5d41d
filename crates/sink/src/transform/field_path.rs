//! A field's path in the two syntaxes of Kafka (`field.syntax.version`): a plain name, or names with dots and backticks.

use std::sync::Arc;

use crate::data::{Schema, Value};
use crate::error::{Error, Result};

/// Names from the outside to the inside.
#[derive(Debug)]
pub(super) struct FieldPath {
    text: String,
    steps: Vec<String>,
}

impl FieldPath {
    /// A path in the syntax of that version.
    ///
    /// # Errors
    ///
    /// A backtick that is not closed.
    pub(super) fn parse(text: &str, v2: bool) -> Result<Self> {
        let steps = if v2 && !text.is_empty() { steps(text)? } else { vec![text.to_owned()] };
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Indexes from struct to struct, and the schema at the end; `None` where there is no such field.
    pub(super) fn resolve(&self, schema: &Arc<Schema>) -> Option<(Vec<usize>, Arc<Schema>)> {
        let mut schema = Arc::clone(schema);
        let mut indexes = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let index = schema.field_index(step)?;
            indexes.push(index);
            schema = Arc::clone(&schema.fields().get(index)?.schema);
        }
        Some((indexes, schema))
    }

    /// Looks the path up in a value without a schema.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| match value {
            Value::Map(entries) => entries
                .iter()
                .find(|(key, _)| matches!(key, Value::String(key) if **key == **step))
                .map(|(_, value)| value),
            _ => None,
        })
    }
}

/// Splits at dots outside of backticks; `\`` is a backtick.
fn steps(text: &str) -> Result<Vec<String>> {
    let mut steps = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut step = String::new();
        if chars.next_if_eq(&'`').is_some() {
            loop {
                match chars.next() {
                    Some('\\') if chars.peek() == Some(&'`') => step.extend(chars.next()),
                    // A backtick ends the step only before a dot or at the end.
                    Some('`') if matches!(chars.peek(), None | Some('.')) => break,
                    Some(c) => step.push(c),
                    None => {
                        return Err(Error::config(format!(
                            "Incomplete backtick pair in path: [{text}], consider adding a backslash before backtick at position 0 to escape it"
                        )));
                    }
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != '.') {
                step.push(c);
            }
        }
        steps.push(step);
        if chars.next().is_none() {
            return Ok(steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_split_outside_of_backticks() {
        assert_eq!(steps("a.b").unwrap(), ["a", "b"]);
        assert_eq!(steps("`a.b`.c").unwrap(), ["a.b", "c"]);
        assert_eq!(steps("`a\\`b`").unwrap(), ["a`b"]);
        assert!(steps("`a").is_err());
        assert_eq!(FieldPath::parse("a.b", false).unwrap().steps, ["a.b"]);
    }
}
