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
use crate::component::{self, Component, Kind};
use crate::error::{Error, Result};
use crate::option::Options;

type Get<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// The class that an option names.
fn find(option: &str, class: &str, kind: Kind) -> Result<&'static Component> {
    component::find(class, kind).ok_or_else(|| {
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
    let found = find(&format!("transforms.{alias}.type"), class, Kind::Transformation)?;
    let (class, options) = (found.class, Options::new(get, found)?);
    let part = if class.ends_with("$Key") { Part::Key } else { Part::Value };
    if class.starts_with("io.debezium.") {
        return debezium(class, get, &options);
    }
    let name = class.rsplit('.').next().unwrap_or_default();
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
    let found = find(&format!("predicates.{alias}.type"), class, Kind::Predicate)?;
    let options = Options::new(get, found)?;
    Ok(match found.class.rsplit('.').next() {
        Some("HasHeaderKey") => Box::new(HasHeaderKey::parse(&options)),
        Some("TopicNameMatches") => Box::new(TopicNameMatches::parse(&options)?),
        _ => Box::new(RecordIsTombstone),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_def::{Default, Validator};

    #[test]
    fn every_class_can_be_created_or_says_what_is_missing() {
        for found in component::all().filter(|found| found.kind == Kind::Transformation) {
            let option = |name: &str| {
                let option = found.keys().find(|option| option.name == name)?;
                match option.validator {
                    Validator::OneOf(words) => words.first().copied(),
                    _ => Some("int8").filter(|_| option.default == Default::Required),
                }
            };
            if let Err(error) = create("x", found.class, &option) {
                let text = error.to_string();
                assert!(!text.contains("could not be found"), "{}: {text}", found.class);
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
