//! Debezium's envelope: the plans of a relation's records.
//!
//! Field orders, names, versions and optionality are those of Debezium 3.6's PostgreSQL connector.

use std::collections::HashSet;
use std::sync::Arc;

use pgoutput::{Column, Relation};

use crate::config::EncoderConfig;
use crate::convert::{self, Origin, SourceType};
use crate::data::{self, Field, Schema, Value};
use crate::error::{DEBEZIUM_EXCEPTION, Error, Result};
use crate::mask::{Mask, Masked};
use crate::name::NameAdjustment;
use crate::plan::{ColumnExpr, Expr, Image, Kind, Node, RecordPlan, Scalar};

/// What all plans of a relation are made from.
#[derive(Debug)]
pub struct Envelope<'a> {
    config: &'a EncoderConfig,
    topic: Arc<str>,
    key: Option<KeyRow>,
    row: Row,
    source: Arc<Schema>,
    envelope: Arc<Schema>,
    schema: Value,
    table: Value,
}

/// A row's struct: its schema and its columns.
#[derive(Debug)]
struct Row {
    schema: Arc<Schema>,
    columns: Vec<Arc<ColumnExpr>>,
}

impl Row {
    fn expr(&self, image: Image) -> Expr {
        Expr::Struct(
            self.columns
                .iter()
                .map(|column| Expr::Column(image, Arc::clone(column), Value::Null))
                .collect(),
        )
    }
}

/// A key's struct.
#[derive(Debug)]
struct KeyRow {
    row: Row,
    /// What its last field always says, where it has one beside the columns.
    identifier: Option<Value>,
}

impl<'a> Envelope<'a> {
    /// Compiles what the relation's records have in common.
    #[must_use]
    pub fn new(relation: &Relation, origin: Origin, config: &'a EncoderConfig) -> Self {
        let topic = config.topics.data_topic(relation);
        let name =
            |part: &str| config.schema_names.schema_name(&format!("{topic}.{part}")).into_owned();
        let rows = Rows { relation, origin, config };
        let row = rows.row((0..relation.columns.len()).collect(), true, &name("Value"));
        let key = rows.key(&name("Key"));
        let source = Arc::new(source_schema(config.schema_names));
        let envelope =
            envelope_schema(&name("Envelope"), &row.schema, &source, config.schema_names);
        let envelope = Arc::new(envelope);
        let (schema, table) =
            (Value::from(relation.schema.as_str()), Value::from(relation.name.as_str()));
        Self { config, topic, key, row, source, envelope, schema, table }
    }

    /// The plan of one kind of record.
    #[must_use]
    pub fn record(&self, kind: Kind) -> RecordPlan {
        let companion = match kind {
            Kind::Tombstone => self.value(Kind::Delete),
            Kind::KeyTombstone => self.value(Kind::KeyDelete),
            _ => Node::NOTHING,
        };
        RecordPlan {
            kind,
            topic: Arc::clone(&self.topic),
            partition: None,
            key: self.key(kind),
            value: self.value(kind),
            headers: self.headers(kind),
            companion,
        }
    }

    fn key(&self, kind: Kind) -> Node {
        match kind {
            Kind::Read | Kind::Create | Kind::Update | Kind::KeyCreate => self.key_of(Image::New),
            Kind::Delete | Kind::Tombstone | Kind::KeyDelete | Kind::KeyTombstone => {
                self.key_of(Image::Old)
            }
            Kind::Truncate | Kind::Notice => Node::NOTHING,
        }
    }

    /// The row that a change's value shows, of both images: what tells whether an update changed anything.
    #[must_use]
    pub fn rows(&self) -> [Expr; 2] {
        [self.row.expr(Image::Old), self.row.expr(Image::New)]
    }

    fn key_of(&self, image: Image) -> Node {
        match &self.key {
            Some(KeyRow { row, identifier }) => {
                let mut expr = row.expr(image);
                if let (Expr::Struct(fields), Some(value)) = (&mut expr, identifier) {
                    fields.push(Expr::Constant(value.clone()));
                }
                Node::new(Arc::clone(&row.schema), expr)
            }
            None => Node::NOTHING,
        }
    }

    fn value(&self, kind: Kind) -> Node {
        let old = || self.row.expr(Image::Old);
        let new = || self.row.expr(Image::New);
        let (op, before, after) = match kind {
            Kind::Tombstone | Kind::KeyTombstone | Kind::Notice => return Node::NOTHING,
            Kind::Read => ("r", Expr::Null, new()),
            Kind::Create | Kind::KeyCreate => ("c", Expr::Null, new()),
            Kind::Update => ("u", Expr::IfImage(Image::Old, Box::new(old())), new()),
            Kind::Delete | Kind::KeyDelete => ("d", old(), Expr::Null),
            Kind::Truncate => ("t", Expr::Null, Expr::Null),
        };
        let fields = vec![
            before,
            after,
            self.source(kind),
            Expr::Scalar(Scalar::Transaction),
            Expr::Constant(op.into()),
            Expr::Scalar(Scalar::ClockMs),
            Expr::Scalar(Scalar::ClockUs),
            Expr::Scalar(Scalar::ClockNs),
        ];
        Node::new(Arc::clone(&self.envelope), Expr::Struct(fields))
    }

    fn source(&self, kind: Kind) -> Expr {
        debug_assert_eq!(self.source.fields().len(), 16);
        source(self.config, [&self.schema, &self.table], kind == Kind::Read)
    }

    fn headers(&self, kind: Kind) -> Vec<(Arc<str>, Node)> {
        let mut headers: Vec<(Arc<str>, Node)> = Vec::new();
        match kind {
            Kind::KeyDelete | Kind::KeyTombstone => {
                headers.push(("__debezium.newkey".into(), self.key_of(Image::New)));
            }
            Kind::KeyCreate => headers.push(("__debezium.oldkey".into(), self.key_of(Image::Old))),
            _ => {}
        }
        if self.config.extended_headers {
            let string = Arc::new(Schema::new(data::Kind::String));
            let task = self.config.task_id.to_string();
            let context = [
                ("connectorLogicalName", &*self.config.prefix),
                ("taskId", &task),
                ("connectorName", "postgresql"),
                ("runId", &self.config.run_id),
            ];
            headers.extend(context.map(|(name, value)| {
                let node = Node::new(Arc::clone(&string), Expr::Constant(value.into()));
                (format!("__debezium.context.{name}").into(), node)
            }));
        }
        headers
    }
}

/// The relation's key: `message.key.columns`, else its own.
#[must_use]
pub fn key_columns(relation: &Relation, config: &EncoderConfig) -> Vec<usize> {
    let custom = config.key_columns.as_ref().and_then(|columns| columns(relation));
    custom.unwrap_or_else(|| relation.key.clone())
}

/// The `source` block of a table's records; both names are empty for those of no table.
pub(crate) fn source(
    config: &EncoderConfig,
    [schema, table]: [&Value; 2],
    is_snapshot: bool,
) -> Expr {
    let text = |text: &Arc<str>| Expr::Constant(Value::String(Arc::clone(text)));
    // Left unset while streaming: converters show the default.
    let snapshot = if is_snapshot { Expr::Scalar(Scalar::Snapshot) } else { Expr::Null };
    let xmin = if is_snapshot { Expr::Null } else { Expr::Scalar(Scalar::Xmin) };
    Expr::Struct(vec![
        text(&config.version),
        Expr::Constant("postgresql".into()),
        text(&config.prefix),
        Expr::Scalar(Scalar::SourceMs),
        snapshot,
        text(&config.database),
        Expr::Scalar(Scalar::Sequence),
        Expr::Scalar(Scalar::SourceUs),
        Expr::Scalar(Scalar::SourceNs),
        Expr::Constant(schema.clone()),
        Expr::Constant(table.clone()),
        Expr::Scalar(Scalar::TxId),
        Expr::Scalar(if is_snapshot { Scalar::ReadLsn } else { Scalar::Lsn }),
        xmin,
        Expr::Scalar(Scalar::Origin),
        Expr::Scalar(Scalar::OriginLsn),
    ])
}

/// What rows of a relation are made from.
struct Rows<'a> {
    relation: &'a Relation,
    origin: Origin,
    config: &'a EncoderConfig,
}

impl Rows<'_> {
    /// The columns with those indexes as a struct: the whole row, which is optional, or its key.
    fn row(&self, columns: Vec<usize>, whole: bool, name: &str) -> Row {
        let Self { relation, origin, config } = *self;
        let mut fields = Vec::new();
        let mut exprs = Vec::new();
        for index in columns {
            let Some(column) = relation.columns.get(index) else { continue };
            let Some(compiled) = convert::compile(column, &config.options, origin) else {
                continue;
            };
            let mut schema = Arc::unwrap_or_clone(compiled.schema);
            let mut mask = None;
            if whole {
                let Some(shown) = self.shown(column, &mut schema) else { continue };
                mask = shown;
            }
            let default = schema.default.clone();
            let required = (!schema.optional && default.is_none()).then(|| schema.kind.name());
            let null =
                if schema.optional { Value::Null } else { default.unwrap_or(compiled.fallback) };
            let name = config.field_names.field_name(&column.name).as_ref().into();
            fields.push(Field { name, schema: Arc::new(schema) });
            let convert = compiled.convert;
            exprs.push(Arc::new(ColumnExpr { index, convert, null, required, mask }));
        }
        let schema = Schema::new(data::Kind::Struct(fields)).optional(whole).with_name(name);
        Row { schema: Arc::new(schema), columns: exprs }
    }

    /// The key: its columns, and the field that tells tables apart which share a topic.
    fn key(&self, name: &str) -> Option<KeyRow> {
        let columns = key_columns(self.relation, self.config);
        let identifier = self.config.topics.key_field(self.relation);
        if columns.is_empty() && identifier.is_none() {
            return None;
        }
        let mut row = self.row(columns, false, name);
        let identifier = identifier.map(|(name, value)| {
            let mut fields = row.schema.fields().to_vec();
            fields.push(Field { name, schema: primitive(data::Kind::String, false) });
            let kind = data::Kind::Struct(fields);
            row.schema = Arc::new(Schema { kind, ..Schema::clone(&row.schema) });
            Value::from(value.as_str())
        });
        Some(KeyRow { row, identifier })
    }

    /// What becomes of a column's text, and what the field's schema tells of it; `None` for a column that is left out.
    /// Debezium takes one of these only, the first in this order: truncation, asterisks, source type, hash.
    #[expect(clippy::option_option, reason = "outer: whether it is shown; inner: whether masked")]
    fn shown(&self, column: &Column, schema: &mut Schema) -> Option<Option<Masked>> {
        let rules = self.config.columns.as_ref();
        let rule = rules.map(|rules| rules(self.relation, column)).unwrap_or_default();
        if rule.excluded {
            return None;
        }
        let source_type = self.source_type(column);
        let mask =
            rule.mask.filter(|mask| !matches!(mask, Mask::Hash(_)) || source_type.is_empty());
        let Some(mask) = mask else {
            schema.parameters.extend(source_type);
            return Some(None);
        };
        if let Some((name, value)) = mask.parameter(column) {
            schema.parameters.push((name.into(), value.into()));
        }
        Some(mask.compile(column))
    }

    /// The parameters that say what the column is in its source, if the options ask for them.
    fn source_type(&self, column: &Column) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(propagate) = &self.config.propagate else { return Vec::new() };
        let ty = SourceType::of(column, self.origin);
        if !propagate(self.relation, &column.name, &ty.name) {
            return Vec::new();
        }
        let parameters = ty.parameters(&column.name).into_iter();
        parameters.map(|(key, value)| (key.into(), value.into())).collect()
    }
}

/// Refuses a relation whose columns Debezium cannot tell apart, or which the field names' adjustment makes alike.
///
/// # Errors
/// Names the table and the column.
pub(crate) fn check_names(relation: &Relation, config: &EncoderConfig) -> Result<()> {
    let mut seen = HashSet::new();
    for column in &relation.columns {
        if !seen.insert(column.name.to_lowercase()) {
            let Relation { schema, name, .. } = relation;
            return Err(Error::Schema {
                class: DEBEZIUM_EXCEPTION,
                message: format!(
                    "Table '{schema}.{name}' has columns that differ only by case. Column name: '{}'. Debezium does not \
                     support case-sensitive duplicate column names as this causes data corruption. Please rename one of \
                     the duplicate columns before running Debezium.",
                    column.name
                ),
            });
        }
    }
    let mut fields = HashSet::new();
    for column in &relation.columns {
        let field = config.field_names.field_name(&column.name);
        if let Some(field) = fields.replace(field) {
            return Err(Error::Schema {
                class: "org.apache.kafka.connect.errors.SchemaBuilderException",
                message: format!("Cannot create field because of field name duplication {field}"),
            });
        }
    }
    Ok(())
}

pub(crate) fn primitive(kind: data::Kind, optional: bool) -> Arc<Schema> {
    Arc::new(Schema::new(kind).optional(optional))
}

fn envelope_schema(
    name: &str,
    row: &Arc<Schema>,
    source: &Arc<Schema>,
    names: NameAdjustment,
) -> Schema {
    let long = || primitive(data::Kind::Int64, true);
    Schema::structure([
        ("before", Arc::clone(row)),
        ("after", Arc::clone(row)),
        ("source", Arc::clone(source)),
        ("transaction", Arc::new(transaction_schema(names))),
        ("op", primitive(data::Kind::String, false)),
        ("ts_ms", long()),
        ("ts_us", long()),
        ("ts_ns", long()),
    ])
    .with_name(name)
    .with_version(2)
}

/// `event.block`.
pub(crate) fn transaction_schema(names: NameAdjustment) -> Schema {
    Schema::structure([
        ("id", primitive(data::Kind::String, false)),
        ("total_order", primitive(data::Kind::Int64, false)),
        ("data_collection_order", primitive(data::Kind::Int64, false)),
    ])
    .optional(true)
    .with_name(&names.schema_name("event.block"))
    .with_version(1)
}

/// `io.debezium.connector.postgresql.Source`.
pub(crate) fn source_schema(names: NameAdjustment) -> Schema {
    let string = |optional| primitive(data::Kind::String, optional);
    let long = |optional| primitive(data::Kind::Int64, optional);
    let snapshot = Schema::named(data::Kind::String, "io.debezium.data.Enum")
        .parameter(
            "allowed",
            "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental",
        )
        .optional(true)
        .with_default("false".into());
    Schema::structure([
        ("version", string(false)),
        ("connector", string(false)),
        ("name", string(false)),
        ("ts_ms", long(false)),
        ("snapshot", Arc::new(snapshot)),
        ("db", string(false)),
        ("sequence", string(true)),
        ("ts_us", long(true)),
        ("ts_ns", long(true)),
        ("schema", string(false)),
        ("table", string(false)),
        ("txId", long(true)),
        ("lsn", long(true)),
        ("xmin", long(true)),
        ("origin", string(true)),
        ("origin_lsn", long(true)),
    ])
    .with_name(&names.schema_name("io.debezium.connector.postgresql.Source"))
    .with_version(1)
}
