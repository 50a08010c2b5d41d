//! `org.apache.kafka.connect.transforms.ReplaceField`: keeps, drops and renames fields.

use std::collections::HashMap;
use std::sync::Arc;

use super::derived::Derived;
use super::part::{Part, default_of, rebuilt};
use super::shape::{From, Shape};
use super::{Record, Rewrite, Transform};
use crate::data::{Field, Schema};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::RecordPlan;

/// The transform.
#[derive(Debug)]
pub(super) struct ReplaceField {
    part: Part,
    exclude: Vec<String>,
    include: Vec<String>,
    renames: HashMap<String, Arc<str>>,
    replace_null: bool,
    shapes: Derived<Shape>,
}

impl ReplaceField {
    pub(super) fn parse(part: Part, options: &Options<'_>) -> Result<Self> {
        let list = |name| options.list(name).into_iter().map(str::to_owned).collect();
        let mut renames = HashMap::new();
        for pair in options.list("renames") {
            let wrong = || {
                Error::config(format!(
                    "Invalid value {} for configuration renames: Invalid rename mapping: {pair}",
                    options.text("renames").unwrap_or_default()
                ))
            };
            let (old, new) = pair.split_once(':').ok_or_else(wrong)?;
            if old.is_empty() || new.is_empty() || new.contains(':') {
                return Err(wrong());
            }
            renames.insert(old.to_owned(), new.into());
        }
        Ok(Self {
            part,
            exclude: list("exclude"),
            include: list("include"),
            renames,
            replace_null: options.flag("replace.null.with.default"),
            shapes: Derived::default(),
        })
    }

    fn keeps(&self, name: &str) -> bool {
        let has = |list: &[String]| list.iter().any(|listed| listed == name);
        !has(&self.exclude) && (self.include.is_empty() || has(&self.include))
    }

    fn shape(&self, schema: &Arc<Schema>) -> Result<Arc<Shape>> {
        self.shapes.get(schema, || {
            let kept =
                schema.fields().iter().enumerate().filter(|(_, field)| self.keeps(&field.name));
            let (mut fields, mut sources) = (Vec::new(), Vec::new());
            for (index, Field { name, schema }) in kept {
                let name = Arc::clone(self.renames.get(&**name).unwrap_or(name));
                fields.push(Field { name, schema: Arc::clone(schema) });
                sources.push(From::Field(index, default_of(schema, self.replace_null)));
            }
            Ok(Shape { schema: Arc::new(rebuilt(schema, fields)), fields: sources })
        })
    }
}

impl Transform for ReplaceField {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        Shape::rewrite(self.part, plan, |schema| self.shape(schema))
    }

    fn apply(&self, record: Record) -> Result<Option<Record>> {
        if self.part.of(&record).value.is_null() {
            return Ok(Some(record));
        }
        Shape::apply(self.part, record, "field replacement", |schema| self.shape(schema)).map(Some)
    }
}
