//! A table's compiled plans, and how one record is written with them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use pgoutput::Relation;

use super::{check, key_columns};
use crate::config::{EncoderConfig, FailureMode, Path};
use crate::convert::Origin;
use crate::converter::{self, Compiled, Converter, Scratch, Source};
use crate::data::{Schema, ValueBuilder};
use crate::envelope::{Envelope, check_names};
use crate::error::{Error, Result};
use crate::plan::{Context, Driven, Expr, Kind, Node, RecordPlan, drive};
use crate::record::{Mark, Parts, Records, Slot, Target};
use crate::transform::{self, Record, Typed};

/// Compiled converters that a general path may hold: one per schema that its transforms make.
const MAX_CONVERTERS: usize = 1000;

/// A table's plans.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) relation: Arc<Relation>,
    /// The relation by whose address the table is known: it must not be another's while the table lives.
    known_as: Arc<Relation>,
    pub(super) included: bool,
    /// Columns of its key.
    pub(super) key: Vec<usize>,
    /// What transactions count its events under.
    pub(super) collection: Arc<str>,
    /// Its row before and after a change, where unchanged ones are looked for.
    rows: Option<[Expr; 2]>,
    /// Why no record can be made of its rows.
    pub(super) broken: Option<Error>,
    origin: Origin,
    plans: Vec<(Kind, Plan)>,
}

impl Table {
    pub(super) fn new(relation: Arc<Relation>, origin: Origin, config: &EncoderConfig) -> Self {
        let (included, key) = ((config.included)(&relation), key_columns(&relation, config));
        let collection = format!("{}.{}", relation.schema, relation.name).into();
        let known_as = Arc::clone(&relation);
        let broken = check_names(&relation, config).err();
        Self {
            relation,
            known_as,
            included,
            key,
            collection,
            broken,
            rows: None,
            origin,
            plans: Vec::new(),
        }
    }

    /// The same, coming after what the table was before. One that was captured and is renamed to what is not goes on
    /// under its old name, as in Debezium, which does not look at relations that it does not capture.
    pub(super) fn after(self, before: Option<Self>, config: &EncoderConfig) -> Self {
        let Some(before) = before.filter(|before| before.included && !self.included) else {
            return self;
        };
        let Relation { schema, name, .. } = &*before.relation;
        let renamed = Relation {
            schema: schema.clone(),
            name: name.clone(),
            ..Relation::clone(&self.relation)
        };
        Self { known_as: self.known_as, ..Self::new(Arc::new(renamed), self.origin, config) }
    }

    /// Whether an update shows the same row before and after, as far as columns are captured.
    pub(super) fn is_unchanged(&mut self, context: &Context<'_>, config: &EncoderConfig) -> bool {
        if context.old.is_none() {
            return false;
        }
        let [old, new] = self
            .rows
            .get_or_insert_with(|| Envelope::new(&self.relation, self.origin, config).rows());
        let tree = |expr| {
            let mut builder = ValueBuilder::new();
            drive(expr, context, &mut builder);
            builder.finish()
        };
        let same = tree(old) == tree(new);
        // What did not convert is told when the record is written.
        context.failure.set(None);
        same
    }

    /// The plan of that kind of record, compiled when it is first asked for, and the relation.
    fn plan(&mut self, kind: Kind, config: &EncoderConfig) -> (Option<&Plan>, &Relation) {
        let at = self.plans.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            let record = Envelope::new(&self.relation, self.origin, config).record(kind);
            self.plans.push((kind, Plan::new(record, config)));
            self.plans.len() - 1
        });
        (self.plans.get(at).map(|(_, plan)| plan), &self.relation)
    }
}

/// How one kind of record is written.
#[derive(Debug)]
pub(super) enum Plan {
    /// Not at all.
    Dropped,
    /// Straight to bytes.
    Compiled(Box<Straight>),
    /// Through trees, and the transforms from that one on.
    General(Box<RecordPlan>, usize),
}

#[derive(Debug)]
pub(super) struct Straight {
    target: Arc<Target>,
    partition: Option<i32>,
    key: Option<(Compiled, Expr)>,
    value: Option<(Compiled, Expr)>,
    /// Of the headers that differ from record to record.
    headers: Vec<(Compiled, Expr)>,
}

impl Plan {
    pub(super) fn new(record: RecordPlan, config: &EncoderConfig) -> Self {
        if config.path == Path::General {
            return Self::General(Box::new(record), 0);
        }
        match config.transforms.compile(record) {
            transform::Compiled::Drop => Self::Dropped,
            transform::Compiled::Plan(record, done) if done == config.transforms.len() => {
                Self::Compiled(Box::new(Straight::new(*record, config)))
            }
            transform::Compiled::Plan(record, done) => Self::General(record, done),
        }
    }
}

impl Straight {
    fn new(record: RecordPlan, config: &EncoderConfig) -> Self {
        let topic = Arc::clone(&record.topic);
        let part = |node: Node, converter: &Converter| {
            // Neither schema nor value: a tombstone, or a record without a key.
            if node.schema.is_none() && node.expr.is_null() {
                return None;
            }
            Some((converter.compile(&topic, node.schema.as_ref()), node.expr))
        };
        let mut slots = Vec::new();
        let mut headers = Vec::new();
        for (name, node) in record.headers {
            let compiled = config.converters.header.compile(&topic, node.schema.as_ref());
            let shared = match &node.expr {
                Expr::Constant(value) => constant(&compiled, value),
                _ => None,
            };
            if shared.is_none() {
                headers.push((compiled, node.expr));
            }
            slots.push(Slot { name, shared });
        }
        Self {
            partition: record.partition,
            key: part(record.key, &config.converters.key),
            value: part(record.value, &config.converters.value),
            target: Arc::new(Target { topic: Arc::clone(&topic), headers: slots }),
            headers,
        }
    }
}

/// A header's bytes where its value is always the same and can be written.
#[expect(clippy::option_option, reason = "outer: whether it is shared; inner: Kafka's null")]
fn constant(compiled: &Compiled, value: &crate::data::Value) -> Option<Option<Box<[u8]>>> {
    let mut out = Vec::new();
    let written = compiled.write(value, &mut Scratch::default(), &mut out).ok()?;
    Some(written.then(|| out.into()))
}

/// Writes records, with the memory that this takes.
#[derive(Debug)]
pub(super) struct Writer {
    /// Index of the event that records come from.
    pub(super) event: u32,
    /// See [`Counters`](super::Counters).
    pub(super) tolerated: u64,
    /// Likewise.
    pub(super) logged: u64,
    config: Arc<EncoderConfig>,
    scratch: Scratch,
    keys: Cache,
    values: Cache,
    headers: Cache,
}

/// Whose record it is, and what a failed conversion comes to.
#[derive(Clone, Copy)]
struct Judge<'a> {
    /// The table; `None` for a record of none, whose values are ours and convert.
    relation: Option<&'a Relation>,
    mode: FailureMode,
}

impl Judge<'_> {
    fn check(self, context: &Context<'_>) -> Result<()> {
        self.relation.map_or(Ok(()), |relation| check(context, relation, self.mode))
    }
}

impl Writer {
    pub(super) fn new(config: Arc<EncoderConfig>) -> Self {
        let converter::Converters { key, value, header } = config.converters.clone();
        Self {
            event: 0,
            tolerated: 0,
            logged: 0,
            config,
            scratch: Scratch::default(),
            keys: Cache::new(key),
            values: Cache::new(value),
            headers: Cache::new(header),
        }
    }

    pub(super) fn record(
        &mut self,
        table: &mut Table,
        kind: Kind,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let (plan, relation) = table.plan(kind, &self.config);
        let Some(plan) = plan else { return Ok(()) };
        let judge = Judge { relation: Some(relation), mode: self.config.conversion_failure };
        self.write(plan, context, judge, records)
    }

    /// A record of no table.
    pub(super) fn notice(
        &mut self,
        plan: &Plan,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let judge = Judge { relation: None, mode: self.config.conversion_failure };
        self.write(plan, context, judge, records)
    }

    fn write(
        &mut self,
        plan: &Plan,
        context: &Context<'_>,
        judge: Judge<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let mark = records.mark();
        let outcome = match plan {
            Plan::Dropped => Ok(()),
            Plan::Compiled(plan) => {
                let written = self.straight(plan, context, records);
                // What could not be converted goes before what the converter makes of the hole.
                judge.check(context).and_then(|()| self.tolerate(written, judge, &mark, records))
            }
            Plan::General(plan, from) => {
                let record = tree(plan, context);
                judge.check(context).and_then(|()| {
                    let record = self.config.transforms.apply(*from, record);
                    let written = record.and_then(|record| self.tree(record, records));
                    self.tolerate(written, judge, &mark, records)
                })
            }
        };
        if outcome.is_err() {
            records.truncate(&mark);
        }
        outcome
    }

    /// `errors.tolerance`: what a transform or converter refuses may be left out.
    fn tolerate(
        &mut self,
        written: Result<()>,
        judge: Judge<'_>,
        mark: &Mark,
        records: &mut Records,
    ) -> Result<()> {
        match written {
            Err(error @ Error::Data { .. }) if self.config.tolerant => {
                records.truncate(mark);
                self.tolerated += 1;
                if self.config.log_errors {
                    self.logged += 1;
                    let table = judge.relation.map_or("", |relation| &relation.name);
                    tracing::error!(table, %error, "record left out");
                }
                Ok(())
            }
            written => written,
        }
    }

    fn straight(
        &mut self,
        plan: &Straight,
        context: &Context<'_>,
        records: &mut Records,
    ) -> Result<()> {
        let scratch = &mut self.scratch;
        let mut part = |part: &Option<(Compiled, Expr)>, records: &mut Records| match part {
            Some((compiled, expr)) => write(compiled, &Driven { expr, context }, scratch, records),
            None => Ok(None),
        };
        let key = part(&plan.key, records)?;
        let value = part(&plan.value, records)?;
        let headers = records.next_header();
        for (compiled, expr) in &plan.headers {
            let bytes = write(compiled, &Driven { expr, context }, &mut self.scratch, records)?;
            records.push_header(bytes);
        }
        let partition = plan.partition;
        let parts = Parts { key, value, headers, partition, timestamp_ms: None, event: self.event };
        records.push(&plan.target, parts);
        Ok(())
    }

    /// Writes a record that is no table's.
    pub(super) fn lone(&mut self, record: Record, records: &mut Records) -> Result<()> {
        let mark = records.mark();
        let record = self.config.transforms.apply(0, record);
        let written = record.and_then(|record| self.tree(record, records));
        let judge = Judge { relation: None, mode: self.config.conversion_failure };
        let outcome = self.tolerate(written, judge, &mark, records);
        if outcome.is_err() {
            records.truncate(&mark);
        }
        outcome
    }

    fn tree(&mut self, record: Option<Record>, records: &mut Records) -> Result<()> {
        let Some(record) = record else { return Ok(()) };
        let topic = &record.topic;
        let key = self.keys.write(topic, &record.key, &mut self.scratch, records)?;
        let value = self.values.write(topic, &record.value, &mut self.scratch, records)?;
        let headers = records.next_header();
        let mut slots = Vec::with_capacity(record.headers.len());
        for (name, header) in record.headers {
            let bytes = self.headers.write(topic, &header, &mut self.scratch, records)?;
            records.push_header(bytes);
            slots.push(Slot { name, shared: None });
        }
        let Record { topic, partition, timestamp_ms, .. } = record;
        let parts = Parts { key, value, headers, partition, timestamp_ms, event: self.event };
        records.push(&Arc::new(Target { topic, headers: slots }), parts);
        Ok(())
    }
}

fn write<S: Source>(
    compiled: &Compiled,
    source: &S,
    scratch: &mut Scratch,
    records: &mut Records,
) -> Result<Option<Range<usize>>> {
    let out = records.buffer();
    let start = out.len();
    Ok(compiled.write(source, scratch, out)?.then_some(start..out.len()))
}

/// Runs a plan into trees.
fn tree(plan: &RecordPlan, context: &Context<'_>) -> Record {
    let typed = |node: &Node| {
        let mut builder = ValueBuilder::new();
        drive(&node.expr, context, &mut builder);
        Typed { schema: node.schema.clone(), value: builder.finish() }
    };
    Record {
        topic: Arc::clone(&plan.topic),
        partition: plan.partition,
        timestamp_ms: None,
        key: typed(&plan.key),
        value: typed(&plan.value),
        headers: plan.headers.iter().map(|(name, node)| (Arc::clone(name), typed(node))).collect(),
        companion: typed(&plan.companion),
    }
}

/// A schema that came by, and the converter compiled against it.
type Entry = (Option<Arc<Schema>>, Compiled);

/// A converter compiled against each schema that came by. The schema is held so that its address stays its own.
#[derive(Debug)]
struct Cache {
    converter: Converter,
    compiled: HashMap<(usize, Arc<str>), Entry>,
    /// Stands for the topic where the converter does not care.
    any: Arc<str>,
}

impl Cache {
    fn new(converter: Converter) -> Self {
        Self { converter, compiled: HashMap::new(), any: "".into() }
    }

    fn write(
        &mut self,
        topic: &Arc<str>,
        typed: &Typed,
        scratch: &mut Scratch,
        records: &mut Records,
    ) -> Result<Option<Range<usize>>> {
        let id = typed.schema.as_ref().map_or(0, |schema| Arc::as_ptr(schema).addr());
        if self.compiled.len() > MAX_CONVERTERS {
            self.compiled.clear();
        }
        let converter = &self.converter;
        let key = if converter.knows_topics() { topic } else { &self.any };
        let (_, compiled) = self.compiled.entry((id, Arc::clone(key))).or_insert_with(|| {
            (typed.schema.clone(), converter.compile(topic, typed.schema.as_ref()))
        });
        write(compiled, &typed.value, scratch, records)
    }
}
