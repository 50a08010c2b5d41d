//! `org.apache.kafka.connect.transforms.TimestampRouter`: the record's timestamp in its topic's name.

use super::simple_date_format::SimpleDateFormat;
use super::{Record, Transform};
use crate::error::{Error, Result};
use crate::option::Options;

/// The transform.
#[derive(Debug)]
pub(super) struct TimestampRouter {
    topic: String,
    timestamp: SimpleDateFormat,
}

impl TimestampRouter {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let topic = options.text("topic.format").unwrap_or_default().to_owned();
        let timestamp =
            SimpleDateFormat::new(options.text("timestamp.format").unwrap_or_default())?;
        Ok(Self { topic, timestamp })
    }
}

impl Transform for TimestampRouter {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let Some(ms) = record.timestamp_ms else {
            // Connect goes on to print the record with its data, which does not belong into a log.
            return Err(Error::data(format!(
                "Timestamp missing on record: SourceRecord{{topic='{}'}}",
                record.topic
            )));
        };
        let name = self.topic.replace("${topic}", &record.topic);
        record.topic = name.replace("${timestamp}", &self.timestamp.format(ms)).into();
        Ok(Some(record))
    }
}
