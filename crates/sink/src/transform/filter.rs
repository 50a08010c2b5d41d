//! `org.apache.kafka.connect.transforms.Filter`: drops every record that reaches it; a predicate says which do.

use super::{Record, Rewrite, Transform};
use crate::error::Result;
use crate::plan::RecordPlan;

/// The transform.
#[derive(Debug)]
pub(super) struct Filter;

impl Transform for Filter {
    fn compile(&self, _plan: RecordPlan) -> Rewrite {
        Rewrite::Drop
    }

    fn apply(&self, _record: Record) -> Result<Option<Record>> {
        Ok(None)
    }
}
