//! Predicates: whether a transform applies to a record.

use fancy_regex::Regex;

use super::{Record, Rewrite, Transform, java};
use crate::error::{Error, Result};
use crate::option::Options;
use crate::plan::RecordPlan;

/// A question about a record.
pub(super) trait Predicate: std::fmt::Debug + Send + Sync {
    /// The answer for all records of a plan; `None` where it depends on their values.
    fn compile(&self, plan: &RecordPlan) -> Option<bool>;

    /// The answer for a record.
    ///
    /// # Errors
    ///
    /// The question cannot be answered.
    fn test(&self, record: &Record) -> Result<bool>;
}

/// A transform that applies where a predicate says so.
#[derive(Debug)]
pub(super) struct Conditional {
    pub(super) predicate: Box<dyn Predicate>,
    pub(super) negate: bool,
    pub(super) transform: Box<dyn Transform>,
}

impl Transform for Conditional {
    fn compile(&self, plan: RecordPlan) -> Rewrite {
        match self.predicate.compile(&plan) {
            Some(answer) if answer == self.negate => Rewrite::Plan(Box::new(plan)),
            Some(_) => self.transform.compile(plan),
            None => Rewrite::Values(Box::new(plan)),
        }
    }

    fn apply(&self, record: Record) -> Result<Option<Record>> {
        if self.predicate.test(&record)? == self.negate {
            return Ok(Some(record));
        }
        self.transform.apply(record)
    }
}

/// `org.apache.kafka.connect.transforms.predicates.TopicNameMatches`.
#[derive(Debug)]
pub(super) struct TopicNameMatches(Regex);

impl TopicNameMatches {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        Ok(Self(java::whole("pattern", options.text("pattern").unwrap_or_default())?))
    }

    fn matches(&self, topic: &str) -> Result<bool> {
        let failed = |error: fancy_regex::Error| {
            Error::java("java.lang.StackOverflowError", error.to_string())
        };
        self.0.is_match(topic).map_err(failed)
    }
}

impl Predicate for TopicNameMatches {
    fn compile(&self, plan: &RecordPlan) -> Option<bool> {
        self.matches(&plan.topic).ok()
    }

    fn test(&self, record: &Record) -> Result<bool> {
        self.matches(&record.topic)
    }
}

/// `org.apache.kafka.connect.transforms.predicates.HasHeaderKey`.
#[derive(Debug)]
pub(super) struct HasHeaderKey(Box<str>);

impl HasHeaderKey {
    pub(super) fn parse(options: &Options<'_>) -> Self {
        Self(options.text("name").unwrap_or_default().into())
    }
}

impl Predicate for HasHeaderKey {
    fn compile(&self, plan: &RecordPlan) -> Option<bool> {
        Some(plan.headers.iter().any(|(name, _)| **name == *self.0))
    }

    fn test(&self, record: &Record) -> Result<bool> {
        Ok(record.headers.iter().any(|(name, _)| **name == *self.0))
    }
}

/// `org.apache.kafka.connect.transforms.predicates.RecordIsTombstone`: a record without a value, whatever its schema.
#[derive(Debug)]
pub(super) struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn compile(&self, plan: &RecordPlan) -> Option<bool> {
        use crate::plan::Expr;
        match &plan.value.expr {
            expr if expr.is_null() => Some(true),
            Expr::Struct(_) | Expr::Constant(_) => Some(false),
            _ => None,
        }
    }

    fn test(&self, record: &Record) -> Result<bool> {
        Ok(record.value.value.is_null())
    }
}
