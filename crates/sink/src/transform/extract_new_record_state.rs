//! `io.debezium.transforms.ExtractNewRecordState`: the row instead of the envelope.
//!
//! Facts from the captures of Debezium 3.6: a row's schema loses its optionality, an added field's schema its
//! default; the older options `drop.tombstones` and `delete.handling.mode` have no effect, because
//! `delete.tombstone.handling.mode` always has a value; a delete and its tombstone share one list of headers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Record, Rewrite, Transform, Typed};
use crate::data::{Field, Kind, Schema, Value};
use crate::error::{Error, Result};
use crate::plan::{Expr, Node, RecordPlan};

/// Envelope schemas whose layout the general path remembers.
const MAX_LAYOUTS: usize = 64;

/// `delete.tombstone.handling.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Drop,
    Tombstone,
    Rewrite,
    RewriteWithTombstone,
    DeleteToTombstone,
}

impl Mode {
    const fn rewrites(self) -> bool {
        matches!(self, Self::Rewrite | Self::RewriteWithTombstone)
    }
}

/// The transform.
#[derive(Debug)]
pub struct ExtractNewRecordState {
    mode: Mode,
    fields: Vec<Reference>,
    headers: Vec<Reference>,
    route_by_field: Option<Box<str>>,
    drop_header: Option<Box<str>>,
    drop_from_key: bool,
    drop_compatible: bool,
    replace_null: bool,
    layouts: Mutex<Layouts>,
}

/// By the address of the envelope's schema, which is held so that it stays its own.
type Layouts = HashMap<usize, (Arc<Schema>, Arc<Layout>)>;

/// A part of the envelope to add, as the options name it.
#[derive(Debug)]
struct Reference {
    parent: Option<Box<str>>,
    field: Box<str>,
    name: Arc<str>,
}

/// A part of the envelope by index: in a struct of it, or at its top.
#[derive(Debug, Clone, Copy)]
struct At(Option<usize>, usize);

/// What is to be taken from envelopes of one schema.
#[derive(Debug)]
struct Layout {
    before: usize,
    after: usize,
    op: usize,
    /// Schema of a row as the envelope has it.
    row: Arc<Schema>,
    /// Schema of a row with the added fields.
    schema: Arc<Schema>,
    /// What stands for a null of each of the row's fields.
    defaults: Vec<Value>,
    fields: Vec<At>,
    headers: Vec<(Arc<str>, Arc<Schema>, At)>,
}

impl ExtractNewRecordState {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// A value that an option does not have.
    pub fn parse<'a>(option: &dyn Fn(&str) -> Option<&'a str>) -> Result<Self> {
        let mode = match option("delete.tombstone.handling.mode")
            .map(str::to_lowercase)
            .as_deref()
            .map(str::trim)
        {
            None | Some("tombstone") => Mode::Tombstone,
            Some("drop") => Mode::Drop,
            Some("rewrite") => Mode::Rewrite,
            Some("rewrite-with-tombstone") => Mode::RewriteWithTombstone,
            Some("delete-to-tombstone") => Mode::DeleteToTombstone,
            Some(other) => {
                let text = format!(
                    "Invalid value {other} for configuration delete.tombstone.handling.mode"
                );
                return Err(Error::config(text));
            }
        };
        let text = |key: &str| option(key).filter(|text| !text.is_empty());
        let flag = |key: &str, default: bool| {
            option(key).map_or(default, |text| text.eq_ignore_ascii_case("true"))
        };
        let references = |key: &str| {
            let prefix = option(&format!("{key}.prefix")).unwrap_or("__");
            let list = text(key).unwrap_or_default();
            let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| Reference::parse(prefix, part)).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            mode,
            fields: references("add.fields")?,
            headers: references("add.headers")?,
            route_by_field: text("route.by.field").map(Into::into),
            drop_header: text("drop.fields.header.name").map(Into::into),
            drop_from_key: flag("drop.fields.from.key", false),
            drop_compatible: flag("drop.fields.keep.schema.compatible", true),
            replace_null: flag("replace.null.with.default", true),
            layouts: Mutex::new(HashMap::new()),
        })
    }

    /// What to take from envelopes of that schema; `None` where it is not one.
    fn layout(&self, envelope: &Schema) -> Option<Layout> {
        envelope.name.as_ref().filter(|name| name.ends_with(".Envelope"))?;
        let after = envelope.field_index("after")?;
        let row = Arc::clone(&envelope.fields().get(after)?.schema);
        let mut fields = row.fields().to_vec();
        // Only a row that gets further fields is copied field by field, and only then defaults stand in for nulls.
        let replaces = self.replace_null && (self.mode.rewrites() || !self.fields.is_empty());
        let default = |field: &Field| field.schema.default.clone().filter(|_| replaces);
        let defaults = fields.iter().map(|field| default(field).unwrap_or(Value::Null)).collect();
        if self.mode.rewrites() {
            let schema = Arc::new(Schema::new(Kind::String).optional(true));
            fields.push(Field { name: "__deleted".into(), schema });
        }
        let resolve = |reference: &Reference| {
            let (at, schema) = reference.resolve(envelope)?;
            Some((Arc::clone(&reference.name), schema, at))
        };
        let mut added = Vec::new();
        for (name, schema, at) in self.fields.iter().filter_map(resolve) {
            fields.push(Field { name, schema });
            added.push(at);
        }
        let schema = Schema {
            kind: Kind::Struct(fields),
            optional: false,
            default: None,
            ..Schema::clone(&row)
        };
        Some(Layout {
            before: envelope.field_index("before")?,
            after,
            op: envelope.field_index("op")?,
            row,
            schema: Arc::new(schema),
            defaults,
            fields: added,
            headers: self.headers.iter().filter_map(resolve).collect(),
        })
    }

    fn cached_layout(&self, envelope: &Arc<Schema>) -> Option<Arc<Layout>> {
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        let id = Arc::as_ptr(envelope).addr();
        if let Some((_, layout)) = layouts.get(&id) {
            return Some(Arc::clone(layout));
        }
        let layout = Arc::new(self.layout(envelope)?);
        if layouts.len() >= MAX_LAYOUTS {
            layouts.clear();
        }
        layouts.insert(id, (Arc::clone(envelope), Arc::clone(&layout)));
        Some(layout)
    }

    /// Names under which a tombstone says that it is a delete.
    fn operation_headers(&self) -> impl Iterator<Item = (Arc<str>, Typed)> + '_ {
        let schema = Arc::new(Schema::new(Kind::String));
        self.headers.iter().filter(|reference| &*reference.field == "op").map(move |reference| {
            let value = Typed { schema: Some(Arc::clone(&schema)), value: "d".into() };
            (Arc::clone(&reference.name), value)
        })
    }

    fn compile_tombstone(&self, mut plan: RecordPlan) -> Rewrite {
        if self.mode != Mode::RewriteWithTombstone {
            return Rewrite::Drop;
        }
        if let Some(layout) = plan.companion.schema.as_ref().and_then(|schema| self.layout(schema))
        {
            for (name, schema, at) in &layout.headers {
                let Some(expr) = at.expr(&plan.companion.expr) else {
                    return Rewrite::Values(Box::new(plan));
                };
                plan.headers.push((Arc::clone(name), Node::new(Arc::clone(schema), expr)));
            }
        }
        let operation = self.operation_headers();
        plan.headers.extend(operation.map(|(name, typed)| {
            (name, Node { schema: typed.schema, expr: Expr::Constant(typed.value) })
        }));
        Rewrite::Plan(Box::new(plan))
    }

    /// The plan with the row in place of the envelope; `None` where that is not a matter of structure alone.
    fn compile_row(&self, plan: &RecordPlan, layout: &Layout) -> Option<RecordPlan> {
        let Expr::Struct(parts) = &plan.value.expr else { return None };
        let deleted = matches!(parts.get(layout.after)?, Expr::Null);
        let mut next = plan.clone();
        for (name, schema, at) in &layout.headers {
            next.headers.push((
                Arc::clone(name),
                Node::new(Arc::clone(schema), at.expr(&plan.value.expr)?),
            ));
        }
        if deleted && !self.mode.rewrites() {
            let keeps_schema = self.mode == Mode::Tombstone;
            next.value =
                Node { schema: keeps_schema.then(|| Arc::clone(&layout.row)), expr: Expr::Null };
            return Some(next);
        }
        let row = parts.get(if deleted { layout.before } else { layout.after })?;
        let Expr::Struct(columns) = row else { return None };
        let columns =
            columns.iter().zip(&layout.defaults).map(|(column, default)| column.or(default));
        let mut fields = columns.collect::<Option<Vec<_>>>()?;
        if self.mode.rewrites() {
            fields.push(Expr::Constant(deleted_text(deleted)));
        }
        for at in &layout.fields {
            fields.push(at.expr(&plan.value.expr)?);
        }
        next.value = Node::new(Arc::clone(&layout.schema), Expr::Struct(fields));
        Some(next)
    }

    fn apply_tombstone(&self, mut record: Record) -> Option<Record> {
        if self.mode != Mode::RewriteWithTombstone {
            return None;
        }
        let companion = &record.companion;
        if let Some(layout) =
            companion.schema.as_ref().and_then(|schema| self.cached_layout(schema))
        {
            record.headers.extend(layout.headers(&companion.value));
        }
        record.headers.extend(self.operation_headers());
        Some(record)
    }

    fn apply_row(&self, mut record: Record, layout: &Layout) -> Result<Option<Record>> {
        record.headers.extend(layout.headers(&record.value.value));
        let envelope = std::mem::replace(&mut record.value, Typed::NOTHING).value;
        let Value::Struct(parts) = &envelope else {
            return Err(Error::data("Only Struct objects supported for [source field insertion]"));
        };
        if matches!(parts.get(layout.op), Some(Value::String(op)) if &**op == "t") {
            return Ok(None);
        }
        let deleted = parts.get(layout.after).is_none_or(Value::is_null);
        if deleted && self.mode == Mode::Drop {
            return Ok(None);
        }
        let row = parts.get(if deleted { layout.before } else { layout.after });
        if let (Some(name), Some(Value::Struct(row))) = (&self.route_by_field, row) {
            route(name, &layout.row, row, &mut record)?;
        }
        if deleted && !self.mode.rewrites() {
            if self.mode == Mode::Tombstone {
                record.value.schema = Some(Arc::clone(&layout.row));
            }
            return Ok(Some(record));
        }
        let Some(Value::Struct(row)) = row else {
            return Err(Error::data(
                "Only Struct objects supported for [source field insertion], found: null",
            ));
        };
        let or = |(value, default): (&Value, &Value)| {
            if value.is_null() { default.clone() } else { value.clone() }
        };
        let mut fields = row.iter().zip(&layout.defaults).map(or).collect::<Vec<_>>();
        if self.mode.rewrites() {
            fields.push(deleted_text(deleted));
        }
        fields.extend(layout.fields.iter().map(|at| at.value(&envelope)));
        record.value =
            Typed { schema: Some(Arc::clone(&layout.schema)), value: Value::Struct(fields) };
        if let Some(header) = &self.drop_header {
            self.drop_fields(header, &mut record);
        }
        Ok(Some(record))
    }

    /// Drops the fields that a header lists.
    fn drop_fields(&self, header: &str, record: &mut Record) {
        let listed = record.headers.iter().find(|(name, _)| &**name == header);
        let Some((_, Typed { value: Value::Array(names), .. })) = listed else { return };
        let names = names.clone();
        let is_listed = |field: &Field| {
            let named =
                names.iter().any(|name| matches!(name, Value::String(name) if *name == field.name));
            named && (field.schema.optional || !self.drop_compatible)
        };
        record.value.retain_fields(|field| !is_listed(field));
        if self.drop_from_key {
            record.key.retain_fields(|field| !is_listed(field));
        }
    }
}

impl Transform for ExtractNewRecordState {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        if matches!(plan.value.expr, Expr::Null) {
            return self.compile_tombstone(plan);
        }
        let Some(layout) = plan.value.schema.as_ref().and_then(|schema| self.layout(schema)) else {
            return Rewrite::Plan(Box::new(plan));
        };
        let Expr::Struct(parts) = &plan.value.expr else { return Rewrite::Values(Box::new(plan)) };
        let op = match parts.get(layout.op) {
            Some(Expr::Constant(Value::String(op))) => &**op,
            _ => return Rewrite::Values(Box::new(plan)),
        };
        if op == "t"
            || (self.mode == Mode::Drop && matches!(parts.get(layout.after), Some(Expr::Null)))
        {
            return Rewrite::Drop;
        }
        if self.route_by_field.is_some() || self.drop_header.is_some() {
            return Rewrite::Values(Box::new(plan));
        }
        match self.compile_row(&plan, &layout) {
            Some(next) => Rewrite::Plan(Box::new(next)),
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, record: Record) -> Result<Option<Record>> {
        if record.value.value.is_null() {
            return Ok(self.apply_tombstone(record));
        }
        match record.value.schema.as_ref().and_then(|schema| self.cached_layout(schema)) {
            Some(layout) => self.apply_row(record, &layout),
            None => Ok(Some(record)),
        }
    }
}

/// Takes the topic from a text field of the row; NULL leaves it.
fn route(name: &str, schema: &Schema, row: &[Value], record: &mut Record) -> Result<()> {
    let index = schema.field_index(name);
    let index = index.ok_or_else(|| Error::data(format!("{name} is not a valid field name")))?;
    let default = schema.fields().get(index).and_then(|field| field.schema.default.as_ref());
    match row.get(index).filter(|value| !value.is_null()).or(default) {
        Some(Value::String(topic)) if !topic.trim().is_empty() => record.topic = Arc::clone(topic),
        Some(Value::String(_)) | None => {}
        Some(_) => return Err(Error::data(format!("Field '{name}' is not of type STRING"))),
    }
    Ok(())
}

fn deleted_text(deleted: bool) -> Value {
    if deleted { "true" } else { "false" }.into()
}

impl Reference {
    /// `field`, `struct.field`, either with `:name`.
    fn parse(prefix: &str, text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let (path, alias) = (parts.next().unwrap_or_default(), parts.next());
        if parts.next().is_some() {
            return Err(Error::config(format!("Unexpected field name: {text}")));
        }
        let (parent, field, plain) = match path.split_once('.') {
            Some((parent, field)) => {
                let field = field.split('.').next().unwrap_or_default();
                (Some(parent), field, format!("{parent}_{field}"))
            }
            None => (home(path), path, path.to_owned()),
        };
        let name = format!("{prefix}{}", alias.unwrap_or(&plain)).into();
        Ok(Self { parent: parent.map(Into::into), field: field.into(), name })
    }

    /// Where in an envelope the part is, and the schema that it gets; `None` where the envelope has no such part.
    fn resolve(&self, envelope: &Schema) -> Option<(At, Arc<Schema>)> {
        let inner = self.parent.as_ref().and_then(|parent| {
            let outer = envelope.field_index(parent)?;
            let parent = &envelope.fields().get(outer)?.schema;
            let index = parent.field_index(&self.field)?;
            Some((At(Some(outer), index), &parent.fields().get(index)?.schema))
        });
        let (at, schema) = match inner {
            Some(found) => found,
            None => {
                let index = envelope.field_index(&self.field)?;
                (At(None, index), &envelope.fields().get(index)?.schema)
            }
        };
        Some((at, Arc::new(Schema { optional: true, default: None, ..Schema::clone(schema) })))
    }
}

/// The struct in which a bare name is looked up first.
fn home(field: &str) -> Option<&'static str> {
    match field {
        "id" | "total_order" | "data_collection_order" => Some("transaction"),
        "op" | "ts_ms" | "ts_us" | "ts_ns" => None,
        _ => Some("source"),
    }
}

impl At {
    fn expr(self, envelope: &Expr) -> Option<Expr> {
        let field = |expr: &Expr, index: usize| match expr {
            Expr::Struct(fields) => fields.get(index).cloned(),
            Expr::Null => Some(Expr::Null),
            Expr::IfImage(image, inner) => match &**inner {
                Expr::Struct(fields) => {
                    Some(Expr::IfImage(*image, Box::new(fields.get(index)?.clone())))
                }
                _ => None,
            },
            _ => None,
        };
        let Self(outer, index) = self;
        match outer {
            Some(outer) => field(&field(envelope, outer)?, index),
            None => field(envelope, index),
        }
    }

    fn value(self, envelope: &Value) -> Value {
        let field = |value: &Value, index: usize| match value {
            Value::Struct(fields) => fields.get(index).cloned().unwrap_or(Value::Null),
            _ => Value::Null,
        };
        let Self(outer, index) = self;
        match outer {
            Some(outer) => field(&field(envelope, outer), index),
            None => field(envelope, index),
        }
    }
}

impl Layout {
    fn headers(&self, envelope: &Value) -> Vec<(Arc<str>, Typed)> {
        let header = |(name, schema, at): &(Arc<str>, Arc<Schema>, At)| {
            (
                Arc::clone(name),
                Typed { schema: Some(Arc::clone(schema)), value: at.value(envelope) },
            )
        };
        self.headers.iter().map(header).collect()
    }
}
