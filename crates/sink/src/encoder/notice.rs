//! The compiled plans of records of no table, each made when it is first asked for.

use std::sync::Arc;

use super::table::Plan;
use crate::config::EncoderConfig;
use crate::notice::{self, Bound};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Notices {
    begin: Option<Plan>,
    end: Option<Plan>,
    message: Option<Plan>,
    heartbeat: Option<Plan>,
}

impl Notices {
    pub(super) fn bound(
        &mut self,
        bound: Bound,
        topic: &Arc<str>,
        config: &EncoderConfig,
    ) -> &Plan {
        let plan = match bound {
            Bound::Begin => &mut self.begin,
            Bound::End => &mut self.end,
        };
        plan.get_or_insert_with(|| Plan::new(notice::transaction(bound, topic), config))
    }

    pub(super) fn message(&mut self, config: &EncoderConfig) -> &Plan {
        self.message.get_or_insert_with(|| Plan::new(notice::message(config), config))
    }

    pub(super) fn heartbeat(&mut self, config: &EncoderConfig) -> &Plan {
        self.heartbeat.get_or_insert_with(|| Plan::new(notice::heartbeat(config), config))
    }
}
