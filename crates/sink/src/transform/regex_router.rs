//! `org.apache.kafka.connect.transforms.RegexRouter`: another topic, by a regular expression over its name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::java::Replacement;
use super::{Record, Rewrite, Transform};
use crate::error::Result;
use crate::option::Options;
use crate::plan::RecordPlan;

/// Topics whose new name is remembered.
const MAX_TOPICS: usize = 10_000;

/// The transform.
#[derive(Debug)]
pub(super) struct RegexRouter(Routes);

/// A replacement, and what it made of the topics that came by.
#[derive(Debug)]
pub(super) struct Routes {
    replacement: Replacement,
    known: Mutex<HashMap<Arc<str>, Option<Arc<str>>>>,
}

impl Routes {
    pub(super) fn new(replacement: Replacement) -> Self {
        Self { replacement, known: Mutex::default() }
    }

    /// The topic's new name; `None` where it does not match.
    pub(super) fn route(&self, topic: &Arc<str>) -> Result<Option<Arc<str>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = known.get(topic) {
            return Ok(route.clone());
        }
        let route: Option<Arc<str>> = self.replacement.apply(topic)?.map(Into::into);
        if known.len() >= MAX_TOPICS {
            known.clear();
        }
        known.insert(Arc::clone(topic), route.clone());
        Ok(route)
    }
}

impl RegexRouter {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let text = |name| options.text(name).unwrap_or_default();
        Ok(Self(Routes::new(Replacement::parse("regex", text("regex"), text("replacement"))?)))
    }
}

impl Transform for RegexRouter {
    fn compile(&self, mut plan: RecordPlan) -> Rewrite {
        match self.0.route(&plan.topic) {
            Ok(Some(topic)) => plan.topic = topic,
            Ok(None) => {}
            Err(_) => return Rewrite::Values(Box::new(plan)),
        }
        Rewrite::Plan(Box::new(plan))
    }

    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        if let Some(topic) = self.0.route(&record.topic)? {
            record.topic = topic;
        }
        Ok(Some(record))
    }
}
