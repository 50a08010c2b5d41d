//! Transforms, predicates and converters that come with Kafka Connect 4.3, and their options.

use super::check::{cast_spec, renames};
use super::{Component, Kind};
use crate::config_def::{ConfigKey, Default, Importance, Type, Validator, Width};

use Default::{Null, Required, Text};
use Importance::{High, Low, Medium};

const CAST: &[ConfigKey] = &[
    ConfigKey::new("spec", Type::List, Required)
        .documented(High, "What to cast: pairs of field and type (`a:int32,b:string`), or one type for a whole key or value that is not a struct.")
        .checked(Validator::Custom(cast_spec)),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const DROP_HEADERS: &[ConfigKey] = &[ConfigKey::new("headers", Type::List, Required)
    .documented(High, "Names of the headers to drop.")
    .checked(Validator::DistinctItems { empty: false })];

const EXTRACT_FIELD: &[ConfigKey] = &[
    ConfigKey::new("field", Type::String, Required).documented(Medium, "Field to extract."),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
    ConfigKey::new("field.syntax.version", Type::String, Text("V1"))
        .documented(High, "V1: a name is a field; V2: dots lead into structs, backticks quote.")
        .checked(Validator::OneOfIgnoreCase(&["V1", "V2"])),
];

const FLATTEN: &[ConfigKey] = &[ConfigKey::new("delimiter", Type::String, Text("."))
    .documented(Medium, "What joins the names of nested fields.")];

const HEADER_FROM: &[ConfigKey] = &[
    ConfigKey::new("fields", Type::List, Required)
        .documented(High, "Fields whose values become headers.")
        .checked(Validator::NonEmptyList),
    ConfigKey::new("headers", Type::List, Required)
        .documented(High, "Headers for these fields, in the same order.")
        .checked(Validator::NonEmptyList),
    ConfigKey::new("operation", Type::String, Required)
        .documented(High, "move: the field goes; copy: it stays.")
        .checked(Validator::OneOf(&["move", "copy"])),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const HOIST_FIELD: &[ConfigKey] = &[ConfigKey::new("field", Type::String, Required)
    .documented(Medium, "Name of the field that takes the whole key or value.")];

const INSERT_FIELD: &[ConfigKey] = &[
    ConfigKey::new("topic.field", Type::String, Null).documented(
        Medium,
        "Field for the topic; `!` behind the name makes it required, `?` optional.",
    ),
    ConfigKey::new("partition.field", Type::String, Null)
        .documented(Medium, "Field for the partition."),
    ConfigKey::new("offset.field", Type::String, Null)
        .documented(Medium, "Field for the offset; only for sinks."),
    ConfigKey::new("timestamp.field", Type::String, Null)
        .documented(Medium, "Field for the timestamp."),
    ConfigKey::new("static.field", Type::String, Null).documented(Medium, "Field for a constant."),
    ConfigKey::new("static.value", Type::String, Null).documented(Medium, "The constant."),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const INSERT_HEADER: &[ConfigKey] = &[
    ConfigKey::new("header", Type::String, Required)
        .documented(High, "Name of the header.")
        .checked(Validator::NonNull),
    ConfigKey::new("value.literal", Type::String, Required)
        .documented(High, "Its value, as text that is read as a number, a boolean, a list or a map where it looks like one.")
        .checked(Validator::NonNull),
];

const MASK_FIELD: &[ConfigKey] = &[
    ConfigKey::new("fields", Type::List, Required)
        .documented(High, "Fields to mask.")
        .checked(Validator::DistinctItems { empty: false }),
    ConfigKey::new("replacement", Type::String, Null)
        .documented(Low, "What takes the place of numbers and texts; without it zero, false and the empty text do.")
        .checked(Validator::NonEmpty),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const REGEX_ROUTER: &[ConfigKey] = &[
    ConfigKey::new("regex", Type::String, Required)
        .documented(High, "Pattern that the whole topic must match.")
        .checked(Validator::Regex),
    ConfigKey::new("replacement", Type::String, Required)
        .documented(High, "The new topic; `$1` is the first group."),
];

const REPLACE_FIELD: &[ConfigKey] = &[
    ConfigKey::new("exclude", Type::List, Text(""))
        .documented(Medium, "Fields to leave out.")
        .checked(Validator::DistinctItems { empty: true }),
    ConfigKey::new("include", Type::List, Text(""))
        .documented(Medium, "Fields to keep; empty: all.")
        .checked(Validator::DistinctItems { empty: true }),
    ConfigKey::new("renames", Type::List, Text(""))
        .documented(Medium, "Pairs of old and new name (`a:b,c:d`).")
        .checked(Validator::Custom(renames)),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const SET_SCHEMA_METADATA: &[ConfigKey] = &[
    ConfigKey::new("schema.name", Type::String, Null).documented(High, "The schema's new name."),
    ConfigKey::new("schema.version", Type::Int, Null).documented(High, "The schema's new version."),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const TIMESTAMP_CONVERTER: &[ConfigKey] = &[
    ConfigKey::new("field", Type::String, Text(""))
        .documented(High, "Field to convert; empty: the whole key or value."),
    ConfigKey::new("target.type", Type::String, Required)
        .documented(High, "What it becomes: string, unix, Date, Time or Timestamp.")
        .checked(Validator::OneOf(&["string", "unix", "Date", "Time", "Timestamp"])),
    ConfigKey::new("format", Type::String, Text(""))
        .documented(Medium, "Pattern of texts, as `java.text.SimpleDateFormat` reads it."),
    ConfigKey::new("unix.precision", Type::String, Text("milliseconds"))
        .documented(Low, "Unit of unix times.")
        .checked(Validator::OneOf(&["nanoseconds", "microseconds", "milliseconds", "seconds"])),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const TIMESTAMP_ROUTER: &[ConfigKey] = &[
    ConfigKey::new("topic.format", Type::String, Text("${topic}-${timestamp}"))
        .documented(High, "The new topic, with `${topic}` and `${timestamp}`."),
    ConfigKey::new("timestamp.format", Type::String, Text("yyyyMMdd"))
        .documented(High, "Pattern of the timestamp, as `java.text.SimpleDateFormat` reads it."),
];

const VALUE_TO_KEY: &[ConfigKey] = &[
    ConfigKey::new("fields", Type::List, Required)
        .documented(High, "Fields of the value that make the key.")
        .checked(Validator::DistinctItems { empty: false }),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field."),
];

const HAS_HEADER_KEY: &[ConfigKey] = &[ConfigKey::new("name", Type::String, Required)
    .documented(Medium, "Name of the header.")
    .checked(Validator::NonEmpty)];

const TOPIC_NAME_MATCHES: &[ConfigKey] = &[ConfigKey::new("pattern", Type::String, Required)
    .documented(Medium, "Pattern that the whole topic must match.")
    .checked(Validator::NonEmptyRegex)];

const BOOLEAN_CONVERTER: &[ConfigKey] = &[ConfigKey::new("converter.type", Type::String, Required)
    .documented(Low, "What is converted: key, value or header. The worker sets it.")
    .checked(Validator::OneOf(&["key", "value", "header"]))];

const JSON_CONVERTER: &[ConfigKey] = &[
    ConfigKey::new("converter.type", Type::String, Required)
        .documented(Low, "What is converted: key, value or header. The worker sets it.")
        .checked(Validator::OneOf(&["key", "value", "header"])),
    ConfigKey::new("schemas.enable", Type::Boolean, Text("true"))
        .documented(High, "Whether each document carries its schema.")
        .placed("Schemas", 0, Width::Medium, "Enable Schemas"),
    ConfigKey::new("schemas.cache.size", Type::Int, Text("1000"))
        .documented(High, "Schemas to keep; without effect here.")
        .placed("Schemas", 1, Width::Medium, "Schema Cache Size"),
    ConfigKey::new("schema.content", Type::String, Null)
        .documented(High, "A schema for documents without one; only for sinks.")
        .placed("Schemas", 2, Width::Medium, "Schema Content"),
    ConfigKey::new("decimal.format", Type::String, Text("BASE64"))
        .documented(Low, "How decimals are written: BASE64 or NUMERIC.")
        .placed("Serialization", 0, Width::Medium, "Decimal Format")
        .checked(Validator::OneOfIgnoreCase(&["NUMERIC", "BASE64"])),
    ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Low, "Whether a null becomes the default of its field.")
        .placed("Serialization", 1, Width::Medium, "Replace null with default"),
];

const STRING_CONVERTER: &[ConfigKey] = &[
    ConfigKey::new("converter.type", Type::String, Required)
        .documented(Low, "What is converted: key, value or header. The worker sets it.")
        .checked(Validator::OneOf(&["key", "value", "header"])),
    ConfigKey::new("converter.encoding", Type::String, Text("UTF-8"))
        .documented(High, "Character set of the text.")
        .shown(-1, Width::Medium, "Encoding"),
];

/// In the order of their names.
pub(super) const COMPONENTS: &[Component] = &[
    Component::new("org.apache.kafka.connect.transforms.Cast$Key", Kind::Transformation, CAST),
    Component::new("org.apache.kafka.connect.transforms.Cast$Value", Kind::Transformation, CAST),
    Component::new(
        "org.apache.kafka.connect.transforms.DropHeaders",
        Kind::Transformation,
        DROP_HEADERS,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.ExtractField$Key",
        Kind::Transformation,
        EXTRACT_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.ExtractField$Value",
        Kind::Transformation,
        EXTRACT_FIELD,
    ),
    Component::new("org.apache.kafka.connect.transforms.Filter", Kind::Transformation, &[]),
    Component::new(
        "org.apache.kafka.connect.transforms.Flatten$Key",
        Kind::Transformation,
        FLATTEN,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.Flatten$Value",
        Kind::Transformation,
        FLATTEN,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.HeaderFrom$Key",
        Kind::Transformation,
        HEADER_FROM,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.HeaderFrom$Value",
        Kind::Transformation,
        HEADER_FROM,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.HoistField$Key",
        Kind::Transformation,
        HOIST_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.HoistField$Value",
        Kind::Transformation,
        HOIST_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.InsertField$Key",
        Kind::Transformation,
        INSERT_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.InsertField$Value",
        Kind::Transformation,
        INSERT_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.InsertHeader",
        Kind::Transformation,
        INSERT_HEADER,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.MaskField$Key",
        Kind::Transformation,
        MASK_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.MaskField$Value",
        Kind::Transformation,
        MASK_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.RegexRouter",
        Kind::Transformation,
        REGEX_ROUTER,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.ReplaceField$Key",
        Kind::Transformation,
        REPLACE_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.ReplaceField$Value",
        Kind::Transformation,
        REPLACE_FIELD,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key",
        Kind::Transformation,
        SET_SCHEMA_METADATA,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        Kind::Transformation,
        SET_SCHEMA_METADATA,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.TimestampConverter$Key",
        Kind::Transformation,
        TIMESTAMP_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        Kind::Transformation,
        TIMESTAMP_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.TimestampRouter",
        Kind::Transformation,
        TIMESTAMP_ROUTER,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.ValueToKey",
        Kind::Transformation,
        VALUE_TO_KEY,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
        Kind::Predicate,
        HAS_HEADER_KEY,
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        Kind::Predicate,
        &[],
    ),
    Component::new(
        "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        Kind::Predicate,
        TOPIC_NAME_MATCHES,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.BooleanConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.ByteArrayConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.DoubleConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.FloatConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.IntegerConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.LongConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.ShortConverter",
        Kind::Converter,
        BOOLEAN_CONVERTER,
    ),
    Component::new("org.apache.kafka.connect.json.JsonConverter", Kind::Converter, JSON_CONVERTER),
    Component::new(
        "org.apache.kafka.connect.storage.StringConverter",
        Kind::Converter,
        STRING_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.BooleanConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.ByteArrayConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.DoubleConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.FloatConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.IntegerConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.LongConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.converters.ShortConverter",
        Kind::HeaderConverter,
        BOOLEAN_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.json.JsonConverter",
        Kind::HeaderConverter,
        JSON_CONVERTER,
    ),
    Component::new(
        "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        Kind::HeaderConverter,
        &[],
    ),
    Component::new(
        "org.apache.kafka.connect.storage.StringConverter",
        Kind::HeaderConverter,
        STRING_CONVERTER,
    ),
];
