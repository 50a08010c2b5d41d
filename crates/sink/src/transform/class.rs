//! The transforms and predicates that a configuration can name. A new one adds its lines here.

use super::cast::Cast;
use super::decode_message::DecodeMessage;
use super::enforce_record_size::EnforceRecordSize;
use super::event_router::EventRouter;
use super::extract_changed_record_state::ExtractChangedRecordState;
use super::extract_field::ExtractField;
use super::extract_schema::ExtractSchema;
use super::filter::Filter;
use super::flatten::Flatten;
use super::geometry::{GeometryFormat, SwapCoordinates};
use super::header::{DropHeaders, HeaderFrom, InsertHeader};
use super::header_to_value::HeaderToValue;
use super::hoist_field::HoistField;
use super::insert_field::InsertField;
use super::logical_table_router::ByLogicalTableRouter;
use super::mask_field::MaskField;
use super::part::Part;
use super::partition_routing::PartitionRouting;
use super::passive::{self, ActivateTracingSpan, PassThrough, TimescaleDb};
use super::predicate::{HasHeaderKey, Predicate, RecordIsTombstone, TopicNameMatches};
use super::regex_router::RegexRouter;
use super::replace_field::ReplaceField;
use super::set_schema_metadata::SetSchemaMetadata;
use super::timestamp_converter::TimestampConverter;
use super::timestamp_router::TimestampRouter;
use super::timezone_converter::TimezoneConverter;
use super::value_to_key::ValueToKey;
use super::vector_to_json::VectorToJson;
use super::{ExtractNewRecordState, Transform};
use crate::error::{Error, Result};
use crate::option::{Class, Options};

type Get<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

macro_rules! classes {
    ($($name:literal => $options:expr),* $(,)?) => {
        &[$(Class { name: $name, options: $options }),*]
    };
}

/// All transforms and their options.
pub const CLASSES: &[Class] = classes! {
    "org.apache.kafka.connect.transforms.Cast$Key" => Cast::OPTIONS,
    "org.apache.kafka.connect.transforms.Cast$Value" => Cast::OPTIONS,
    "org.apache.kafka.connect.transforms.DropHeaders" => DropHeaders::OPTIONS,
    "org.apache.kafka.connect.transforms.ExtractField$Key" => ExtractField::OPTIONS,
    "org.apache.kafka.connect.transforms.ExtractField$Value" => ExtractField::OPTIONS,
    "org.apache.kafka.connect.transforms.Filter" => &[],
    "org.apache.kafka.connect.transforms.Flatten$Key" => Flatten::OPTIONS,
    "org.apache.kafka.connect.transforms.Flatten$Value" => Flatten::OPTIONS,
    "org.apache.kafka.connect.transforms.HeaderFrom$Key" => HeaderFrom::OPTIONS,
    "org.apache.kafka.connect.transforms.HeaderFrom$Value" => HeaderFrom::OPTIONS,
    "org.apache.kafka.connect.transforms.HoistField$Key" => HoistField::OPTIONS,
    "org.apache.kafka.connect.transforms.HoistField$Value" => HoistField::OPTIONS,
    "org.apache.kafka.connect.transforms.InsertField$Key" => InsertField::OPTIONS,
    "org.apache.kafka.connect.transforms.InsertField$Value" => InsertField::OPTIONS,
    "org.apache.kafka.connect.transforms.InsertHeader" => InsertHeader::OPTIONS,
    "org.apache.kafka.connect.transforms.MaskField$Key" => MaskField::OPTIONS,
    "org.apache.kafka.connect.transforms.MaskField$Value" => MaskField::OPTIONS,
    "org.apache.kafka.connect.transforms.RegexRouter" => RegexRouter::OPTIONS,
    "org.apache.kafka.connect.transforms.ReplaceField$Key" => ReplaceField::OPTIONS,
    "org.apache.kafka.connect.transforms.ReplaceField$Value" => ReplaceField::OPTIONS,
    "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key" => SetSchemaMetadata::OPTIONS,
    "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value" => SetSchemaMetadata::OPTIONS,
    "org.apache.kafka.connect.transforms.TimestampConverter$Key" => TimestampConverter::OPTIONS,
    "org.apache.kafka.connect.transforms.TimestampConverter$Value" => TimestampConverter::OPTIONS,
    "org.apache.kafka.connect.transforms.TimestampRouter" => TimestampRouter::OPTIONS,
    "org.apache.kafka.connect.transforms.ValueToKey" => ValueToKey::OPTIONS,
    "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent" => DecodeMessage::OPTIONS,
    "io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb" => TimescaleDb::OPTIONS,
    "io.debezium.transforms.ByLogicalTableRouter" => ByLogicalTableRouter::OPTIONS,
    "io.debezium.transforms.EnforceRecordSize" => EnforceRecordSize::OPTIONS,
    "io.debezium.transforms.ExtractChangedRecordState" => ExtractChangedRecordState::OPTIONS,
    "io.debezium.transforms.ExtractNewRecordState" => ExtractNewRecordState::OPTIONS,
    "io.debezium.transforms.ExtractSchemaToNewRecord" => &[],
    "io.debezium.transforms.GeometryFormatTransformer" => GeometryFormat::OPTIONS,
    "io.debezium.transforms.HeaderToValue" => HeaderToValue::OPTIONS,
    "io.debezium.transforms.SchemaChangeEventFilter" => PassThrough::SCHEMA_CHANGE_FILTER,
    "io.debezium.transforms.SwapGeometryCoordinates" => SwapCoordinates::OPTIONS,
    "io.debezium.transforms.TimezoneConverter" => TimezoneConverter::OPTIONS,
    "io.debezium.transforms.VectorToJsonConverter" => &[],
    "io.debezium.transforms.openlineage.OpenLineage" => &[],
    "io.debezium.transforms.outbox.EventRouter" => EventRouter::OPTIONS,
    "io.debezium.transforms.partitions.PartitionRouting" => PartitionRouting::OPTIONS,
    "io.debezium.transforms.tracing.ActivateTracingSpan" => ActivateTracingSpan::OPTIONS,
};

/// All predicates and their options.
pub const PREDICATES: &[Class] = classes! {
    "org.apache.kafka.connect.transforms.predicates.HasHeaderKey" => HasHeaderKey::OPTIONS,
    "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone" => &[],
    "org.apache.kafka.connect.transforms.predicates.TopicNameMatches" => TopicNameMatches::OPTIONS,
};

fn find(classes: &'static [Class], option: &str, class: &str) -> Result<&'static Class> {
    classes.iter().find(|known| known.name == class).ok_or_else(|| {
        Error::config(format!(
            "Invalid value {class} for configuration {option}: Class {class} could not be found."
        ))
    })
}

/// The transform of that class, with the options of that alias.
pub(super) fn create(alias: &str, class: &str, get: Get<'_>) -> Result<Box<dyn Transform>> {
    if let Some(error) = passive::scripting(class) {
        return Err(error);
    }
    let class = find(CLASSES, &format!("transforms.{alias}.type"), class)?;
    let options = Options::new(get, class.options)?;
    let part = if class.name.ends_with("$Key") { Part::Key } else { Part::Value };
    if class.name.starts_with("io.debezium.") {
        return debezium(class.name, get, &options);
    }
    let name = class.name.rsplit('.').next().unwrap_or_default();
    Ok(match name.split('$').next().unwrap_or_default() {
        "Cast" => Box::new(Cast::parse(part, &options)?),
        "DropHeaders" => Box::new(DropHeaders::parse(&options)),
        "ExtractField" => Box::new(ExtractField::parse(part, &options)?),
        "Filter" => Box::new(Filter),
        "Flatten" => Box::new(Flatten::parse(part, &options)),
        "HeaderFrom" => Box::new(HeaderFrom::parse(part, &options)?),
        "HoistField" => Box::new(HoistField::parse(part, &options)),
        "InsertField" => Box::new(InsertField::parse(part, &options)?),
        "InsertHeader" => Box::new(InsertHeader::parse(&options)),
        "MaskField" => Box::new(MaskField::parse(part, &options)),
        "RegexRouter" => Box::new(RegexRouter::parse(&options)?),
        "ReplaceField" => Box::new(ReplaceField::parse(part, &options)?),
        "SetSchemaMetadata" => Box::new(SetSchemaMetadata::parse(part, &options)?),
        "TimestampConverter" => Box::new(TimestampConverter::parse(part, &options)?),
        "TimestampRouter" => Box::new(TimestampRouter::parse(&options)?),
        _ => Box::new(ValueToKey::parse(&options)),
    })
}

fn debezium(class: &str, get: Get<'_>, options: &Options<'_>) -> Result<Box<dyn Transform>> {
    Ok(match class.rsplit('.').next().unwrap_or_default() {
        "ActivateTracingSpan" => Box::new(ActivateTracingSpan),
        "ByLogicalTableRouter" => Box::new(ByLogicalTableRouter::parse(options)?),
        "DecodeLogicalDecodingMessageContent" => Box::new(DecodeMessage::parse(options)),
        "EnforceRecordSize" => Box::new(EnforceRecordSize::parse(options)?),
        "EventRouter" => Box::new(EventRouter::parse(options)?),
        "ExtractChangedRecordState" => Box::new(ExtractChangedRecordState::parse(options)),
        "ExtractNewRecordState" => Box::new(ExtractNewRecordState::parse(&|key| get(key))?),
        "ExtractSchemaToNewRecord" => Box::new(ExtractSchema::default()),
        "GeometryFormatTransformer" => Box::new(GeometryFormat),
        "HeaderToValue" => Box::new(HeaderToValue::parse(options)?),
        "PartitionRouting" => Box::new(PartitionRouting::parse(options)),
        "SwapGeometryCoordinates" => Box::new(SwapCoordinates::parse(options)?),
        "TimescaleDb" => Box::new(TimescaleDb::parse(options)),
        "TimezoneConverter" => Box::new(TimezoneConverter::parse(options)?),
        "VectorToJsonConverter" => Box::new(VectorToJson::default()),
        _ => Box::new(PassThrough),
    })
}

/// The predicate of that class, with the options of that alias.
pub(super) fn create_predicate(
    alias: &str,
    class: &str,
    get: Get<'_>,
) -> Result<Box<dyn Predicate>> {
    let class = find(PREDICATES, &format!("predicates.{alias}.type"), class)?;
    let options = Options::new(get, class.options)?;
    Ok(match class.name.rsplit('.').next() {
        Some("HasHeaderKey") => Box::new(HasHeaderKey::parse(&options)),
        Some("TopicNameMatches") => Box::new(TopicNameMatches::parse(&options)?),
        _ => Box::new(RecordIsTombstone),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_can_be_created_or_says_what_is_missing() {
        for class in CLASSES {
            let option = |name: &str| {
                let option = class.options.iter().find(|option| option.name == name);
                option.and_then(|option| match option.check {
                    crate::option::Check::OneOf(words) => words.first().copied(),
                    _ => Some("int8")
                        .filter(|_| option.fallback == crate::option::Fallback::Required),
                })
            };
            if let Err(error) = create("x", class.name, &option) {
                let text = error.to_string();
                assert!(!text.contains("could not be found"), "{}: {text}", class.name);
            }
        }
    }

    #[test]
    fn unknown_class_is_named() {
        let error = create("x", "a.B", &|_| None).unwrap_err().to_string();
        assert_eq!(
            error,
            "Invalid value a.B for configuration transforms.x.type: Class a.B could not be found."
        );
    }
}
