//! `io.debezium.transforms.HeaderToValue`: headers as fields of the value.

use std::sync::Arc;

use super::derived::Derived;
use super::{Record, Transform, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// The transform.
#[derive(Debug)]
pub(super) struct HeaderToValue {
    /// Headers, and the paths of the fields that they become.
    pairs: Vec<(Box<str>, Vec<Box<str>>)>,
    moves: bool,
    layouts: Derived<Layout>,
}

/// A value's schema with the new fields, and the schemas of the headers that it was made for.
#[derive(Debug)]
struct Layout {
    headers: Vec<(usize, Arc<Schema>)>,
    schema: Arc<Schema>,
}

impl HeaderToValue {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let (headers, fields) = (options.list("headers"), options.list("fields"));
        if headers.len() != fields.len() {
            return Err(Error::config(
                "'fields' config must have the same number of elements as 'headers' config.",
            ));
        }
        let pairs = headers
            .into_iter()
            .zip(fields)
            .map(|(header, field)| (header.into(), field.split('.').map(Into::into).collect()));
        let moves = options.text("operation").is_some_and(|text| text.eq_ignore_ascii_case("move"));
        Ok(Self { pairs: pairs.collect(), moves, layouts: Derived::default() })
    }

    fn layout(&self, schema: &Arc<Schema>, found: &[(usize, Typed)]) -> Result<Arc<Layout>> {
        let schema_of = |typed: &Typed| {
            typed
                .schema
                .clone()
                .unwrap_or_else(|| Arc::new(Schema::new(Kind::String).optional(true)))
        };
        let same = |layout: &Layout| {
            layout.headers.len() == found.len()
                && layout.headers.iter().zip(found).all(|((index, schema), (found, typed))| {
                    index == found && typed.schema.as_ref().is_none_or(|s| s == schema)
                })
        };
        self.layouts.get_if(schema, same, || {
            let headers: Vec<_> =
                found.iter().map(|(index, typed)| (*index, schema_of(typed))).collect();
            let mut made = Schema::clone(schema);
            for (index, field) in &headers {
                if let Some((_, path)) = self.pairs.get(*index) {
                    made = with_field(&made, path, field);
                }
            }
            Ok(Layout { headers, schema: Arc::new(made) })
        })
    }
}

/// The schema with a field more behind that path; a path into what is not a struct leads nowhere.
fn with_field(schema: &Schema, path: &[Box<str>], field: &Arc<Schema>) -> Schema {
    let mut fields = schema.fields().to_vec();
    match path {
        [name] => fields.push(Field { name: (&**name).into(), schema: Arc::clone(field) }),
        [outer, inner @ ..] => {
            for known in fields.iter_mut().filter(|known| *known.name == **outer) {
                if matches!(known.schema.kind, Kind::Struct(_)) {
                    known.schema = Arc::new(with_field(&known.schema, inner, field));
                }
            }
        }
        [] => {}
    }
    Schema { kind: Kind::Struct(fields), ..schema.clone() }
}

/// Puts a value behind a path, in the order in which [`with_field`] made the fields.
fn push(schema: &Schema, values: &mut Vec<Value>, path: &[Box<str>], value: &Value) {
    match path {
        [_] => values.push(value.clone()),
        [outer, inner @ ..] => {
            let index = schema.field_index(outer);
            let known = index.and_then(|i| Some((schema.fields().get(i)?, values.get_mut(i)?)));
            if let Some((field, Value::Struct(values))) = known {
                push(&field.schema, values, inner, value);
            }
        }
        [] => {}
    }
}

impl Transform for HeaderToValue {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        if record.value.value.is_null() {
            return Ok(Some(record));
        }
        let (schema, values) = record.value.require_struct("Header field insertion")?;
        let position = |name: &str| self.pairs.iter().position(|(header, _)| **header == *name);
        // In the order in which the headers stand on the record.
        let headers = record.headers.iter();
        let found: Vec<(usize, Typed)> =
            headers.filter_map(|(name, typed)| Some((position(name)?, typed.clone()))).collect();
        if found.is_empty() {
            return Ok(Some(record));
        }
        let layout = self.layout(schema, &found)?;
        let mut values = values.to_vec();
        for (index, typed) in &found {
            if let Some((_, path)) = self.pairs.get(*index) {
                push(&layout.schema, &mut values, path, &typed.value);
            }
        }
        record.value =
            Typed { schema: Some(Arc::clone(&layout.schema)), value: Value::Struct(values) };
        if self.moves {
            record.headers.retain(|(name, _)| position(name).is_none());
        }
        Ok(Some(record))
    }
}
