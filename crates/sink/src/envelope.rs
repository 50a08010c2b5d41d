//! Debezium's envelope: the plans of a relation's records.
//!
//! Field orders, names, versions and optionality are those of Debezium 3.6's PostgreSQL connector.

use std::sync::Arc;

use pgoutput::{Column, Relation};

use crate::config::EncoderConfig;
use crate::convert::{self, Origin};
use crate::data::{self, Field, Schema, Value};
use crate::mask::Mask;
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
        let row = value_row(relation, origin, config, &topic);
        let key = key_row(relation, origin, config, &topic);
        let source = Arc::new(source_schema());
        let envelope = Arc::new(envelope_schema(&topic, &row.schema, &source));
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
        Expr::Scalar(Scalar::Lsn),
        xmin,
        Expr::Scalar(Scalar::Origin),
        Expr::Scalar(Scalar::OriginLsn),
    ])
}

/// The row as values show it.
fn value_row(relation: &Relation, origin: Origin, config: &EncoderConfig, topic: &str) -> Row {
    let columns = relation.columns.iter().enumerate().filter_map(|(index, column)| {
        let rule = config.columns.as_ref().map(|rules| rules(relation, column)).unwrap_or_default();
        let shown = (!rule.excluded).then(|| shown(index, column, origin, config))??;
        Some(match &rule.mask {
            Some(mask) => masked(shown, mask, column),
            None => shown,
        })
    });
    row(columns, true, &format!("{topic}.Value"))
}

/// The key: its columns, and the field that tells tables apart which share a topic.
fn key_row(
    relation: &Relation,
    origin: Origin,
    config: &EncoderConfig,
    topic: &str,
) -> Option<KeyRow> {
    let indexes = key_columns(relation, config);
    let identifier = config.topics.key_field(relation);
    if indexes.is_empty() && identifier.is_none() {
        return None;
    }
    let columns = indexes
        .iter()
        .filter_map(|index| shown(*index, relation.columns.get(*index)?, origin, config));
    let mut row = row(columns, false, &format!("{topic}.Key"));
    let identifier = identifier.map(|(name, value)| {
        let mut fields = row.schema.fields().to_vec();
        fields.push(Field { name, schema: primitive(data::Kind::String, false) });
        let kind = data::Kind::Struct(fields);
        row.schema = Arc::new(Schema { kind, ..Schema::clone(&row.schema) });
        Value::from(value.as_str())
    });
    Some(KeyRow { row, identifier })
}

/// A column as a field and what it shows; `None` where Debezium leaves it out.
fn shown(
    index: usize,
    column: &Column,
    origin: Origin,
    config: &EncoderConfig,
) -> Option<(Field, ColumnExpr)> {
    let compiled = convert::compile(column, &config.options, origin)?;
    let default = compiled.schema.default.clone();
    let required =
        (!compiled.schema.optional && default.is_none()).then(|| compiled.schema.kind.name());
    let null =
        if compiled.schema.optional { Value::Null } else { default.unwrap_or(compiled.fallback) };
    let field = Field { name: column.name.as_str().into(), schema: compiled.schema };
    let convert = compiled.convert;
    Some((field, ColumnExpr { index, convert, null, required, mask: None }))
}

fn masked(
    (mut field, mut expr): (Field, ColumnExpr),
    mask: &Mask,
    column: &Column,
) -> (Field, ColumnExpr) {
    expr.mask = mask.compile(column);
    if let Some((name, value)) = mask.parameter(column) {
        field.schema = Arc::new(Schema::clone(&field.schema).parameter(name, &value));
    }
    (field, expr)
}

fn row(columns: impl Iterator<Item = (Field, ColumnExpr)>, optional: bool, name: &str) -> Row {
    let (fields, columns): (Vec<_>, Vec<_>) =
        columns.map(|(field, expr)| (field, Arc::new(expr))).unzip();
    let schema = Schema::new(data::Kind::Struct(fields)).optional(optional).with_name(name);
    Row { schema: Arc::new(schema), columns }
}

pub(crate) fn primitive(kind: data::Kind, optional: bool) -> Arc<Schema> {
    Arc::new(Schema::new(kind).optional(optional))
}

fn envelope_schema(topic: &str, row: &Arc<Schema>, source: &Arc<Schema>) -> Schema {
    let long = || primitive(data::Kind::Int64, true);
    Schema::structure([
        ("before", Arc::clone(row)),
        ("after", Arc::clone(row)),
        ("source", Arc::clone(source)),
        ("transaction", Arc::new(transaction_schema())),
        ("op", primitive(data::Kind::String, false)),
        ("ts_ms", long()),
        ("ts_us", long()),
        ("ts_ns", long()),
    ])
    .with_name(&format!("{topic}.Envelope"))
    .with_version(2)
}

/// `event.block`.
pub(crate) fn transaction_schema() -> Schema {
    Schema::structure([
        ("id", primitive(data::Kind::String, false)),
        ("total_order", primitive(data::Kind::Int64, false)),
        ("data_collection_order", primitive(data::Kind::Int64, false)),
    ])
    .optional(true)
    .with_name("event.block")
    .with_version(1)
}

/// `io.debezium.connector.postgresql.Source`.
pub(crate) fn source_schema() -> Schema {
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
    .with_name("io.debezium.connector.postgresql.Source")
    .with_version(1)
}
