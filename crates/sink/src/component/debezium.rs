//! Transforms and converters that come with Debezium 3.6's PostgreSQL connector, and their options.

use super::{Component, Kind};
use crate::config_def::{ConfigKey, Default, Importance, Type, Validator, Width};
use crate::converter;

use Default::{Null, Required, Text};
use Importance::{High, Low, Medium};

const DECODE_LOGICAL_DECODING_MESSAGE_CONTENT: &[ConfigKey] =
    &[ConfigKey::new("fields.null.include", Type::Boolean, Text("false"))
        .documented(Medium, "Whether null fields of the decoded content are kept.")
        .shown(
            1,
            Width::Medium,
            "Defines whether to include fields with null values to the decoded structure",
        )];

const TIMESCALE_DB: &[ConfigKey] = &[
    ConfigKey::new("schema.list", Type::List, Text("_timescaledb_internal"))
        .documented(High, "Schemas in which TimescaleDB keeps its chunks.")
        .shown(1, Width::Medium, "The list of TimescaleDB data schemas"),
    ConfigKey::new("target.topic.prefix", Type::String, Text("timescaledb"))
        .documented(Medium, "What the topics of hypertables begin with.")
        .shown(1, Width::Medium, "The prefix of TimescaleDB topic names"),
];

const BY_LOGICAL_TABLE_ROUTER: &[ConfigKey] = &[
    ConfigKey::new("topic.regex", Type::String, Null)
        .documented(Low, "Pattern that the whole topic must match.")
        .shown(1, Width::Long, "Topic regex")
        .started(Validator::NonEmptyRegex),
    ConfigKey::new("topic.replacement", Type::String, Null)
        .documented(Low, "The new topic; `$1` is the first group.")
        .shown(1, Width::Long, "Topic replacement")
        .started(Validator::NonNull),
    ConfigKey::new("key.enforce.uniqueness", Type::Boolean, Text("true"))
        .documented(Low, "Whether the key gets a field that tells the tables apart.")
        .shown(1, Width::Short, "Add source topic name into key"),
    ConfigKey::new("key.field.regex", Type::String, Null)
        .documented(Low, "Pattern of the topic for the value of that field.")
        .shown(1, Width::Long, "Key field regex"),
    ConfigKey::new("key.field.replacement", Type::String, Null)
        .documented(Low, "The value of that field; `$1` is the first group.")
        .shown(1, Width::Long, "Key field replacement"),
    ConfigKey::new("logical.table.cache.size", Type::Int, Text("16"))
        .documented(Low, "Schemas to keep; without effect here.")
        .shown(1, Width::Long, "Logical table cache size"),
];

const ENFORCE_RECORD_SIZE: &[ConfigKey] = &[
    ConfigKey::new("max.bytes", Type::Int, Required)
        .documented(High, "Largest size of a record.")
        .started(Validator::AtLeast(1)),
    ConfigKey::new("compression.ratio", Type::Double, Text("1.0"))
        .documented(Medium, "How much compression is expected to save."),
    ConfigKey::new("min.field.size", Type::Int, Text("25000"))
        .documented(Medium, "Smallest size of a field that may be shortened.")
        .started(Validator::AtLeast(0)),
];

const EXTRACT_CHANGED_RECORD_STATE: &[ConfigKey] = &[
    ConfigKey::new("header.changed.name", Type::String, Null)
        .documented(Low, "Header for the names of changed fields.")
        .shown(1, Width::Long, "Header change name."),
    ConfigKey::new("header.unchanged.name", Type::String, Null)
        .documented(Low, "Header for the names of unchanged fields.")
        .shown(1, Width::Long, "Header unchanged name."),
];

const EXTRACT_NEW_RECORD_STATE: &[ConfigKey] = &[
    ConfigKey::new("delete.tombstone.handling.mode", Type::String, Text("tombstone"))
        .documented(Medium, "What becomes of deletes and tombstones.")
        .shown(1, Width::Medium, "Handle delete and tombstone records")
        .checked(Validator::Enumerated(&[
            "drop",
            "tombstone",
            "rewrite",
            "rewrite-with-tombstone",
            "delete-to-tombstone",
        ])),
    ConfigKey::new("route.by.field", Type::String, Text(""))
        .documented(Low, "Field whose value becomes the topic.")
        .shown(1, Width::Long, "Route by field name"),
    ConfigKey::new("add.fields.prefix", Type::String, Text("__"))
        .documented(Low, "What the names of added fields begin with.")
        .shown(1, Width::Short, "Field prefix to be added to each field."),
    ConfigKey::new("add.fields", Type::List, Text(""))
        .documented(Low, "Fields of the envelope to add to the value.")
        .shown(1, Width::Long, "Adds the specified field(s) to the message if they exist."),
    ConfigKey::new("add.headers.prefix", Type::String, Text("__"))
        .documented(Low, "What the names of added headers begin with.")
        .shown(1, Width::Short, "Header prefix to be added to each header."),
    ConfigKey::new("add.headers", Type::List, Text(""))
        .documented(Low, "Fields of the envelope to add as headers.")
        .shown(1, Width::Long, "Adds the specified fields to the header if they exist."),
    ConfigKey::new("drop.fields.header.name", Type::String, Null)
        .documented(Low, "Header that lists fields to drop.")
        .shown(
            1,
            Width::Short,
            "Specifies a header that contains a list of field names to be removed",
        ),
    ConfigKey::new("drop.fields.from.key", Type::Boolean, Text("false"))
        .documented(Low, "Whether these fields leave the key too.")
        .shown(
            1,
            Width::Short,
            "Specifies whether the fields to be dropped should also be omitted from the key",
        ),
    ConfigKey::new("drop.fields.keep.schema.compatible", Type::Boolean, Text("true"))
        .documented(Low, "Whether only optional fields are dropped.")
        .shown(
            1,
            Width::Short,
            "Specifies if fields are dropped, will the event's schemas be compatible",
        ),
];

const GEOMETRY_FORMAT_TRANSFORMER: &[ConfigKey] =
    &[ConfigKey::new("format", Type::String, Text("wkb"))
        .documented(Low, "Format of geometries.")
        .shown(1, Width::Medium, "Target Format")
        .started(Validator::OneOfIgnoreCase(&["wkb", "ewkb"]))];

const HEADER_TO_VALUE: &[ConfigKey] = &[
    ConfigKey::new("headers", Type::List, Null)
        .documented(High, "Headers whose values become fields.")
        .shown(1, Width::None, "Header names list")
        .started(Validator::NonEmptyList),
    ConfigKey::new("fields", Type::List, Null)
        .documented(High, "Fields for these headers, in the same order.")
        .shown(1, Width::None, "Field names list")
        .started(Validator::NonEmptyList),
    ConfigKey::new("operation", Type::String, Null)
        .documented(High, "move: the header goes; copy: it stays.")
        .shown(1, Width::None, "Operation: mover or copy")
        .started(Validator::OneOfIgnoreCase(&["move", "copy"])),
];

const SCHEMA_CHANGE_EVENT_FILTER: &[ConfigKey] =
    &[ConfigKey::new("schema.change.event.exclude.list", Type::String, Null)
        .documented(High, "Kinds of schema changes to leave out.")
        .shown(1, Width::Short, "Schema change event exclude list")
        .started(Validator::NonNull)];

const SWAP_GEOMETRY_COORDINATES: &[ConfigKey] = &[ConfigKey::new("srids", Type::String, Null)
    .documented(Low, "Reference systems whose coordinates are swapped.")
    .shown(1, Width::Medium, "Geometry SRIDs that should be considered for coordinate swapping")];

const TIMEZONE_CONVERTER: &[ConfigKey] = &[
    ConfigKey::new("converted.timezone", Type::String, Null)
        .documented(High, "Zone or offset to convert to.")
        .shown(1, Width::Medium, "Converted Timezone")
        .started(Validator::NonNull),
    ConfigKey::new("include.list", Type::List, Null)
        .documented(High, "Tables and fields to convert.")
        .shown(1, Width::Medium, "Include List"),
    ConfigKey::new("exclude.list", Type::List, Null)
        .documented(High, "Tables and fields not to convert.")
        .shown(1, Width::Medium, "Exclude List"),
];

const EVENT_ROUTER: &[ConfigKey] = &[
    ConfigKey::new("table.field.event.id", Type::String, Text("id"))
        .documented(Low, "Column with the event's id.")
        .placed("Table", 1, Width::Medium, "Event ID Field"),
    ConfigKey::new("table.field.event.key", Type::String, Text("aggregateid"))
        .documented(Low, "Column with the record's key.")
        .placed("Table", 2, Width::Medium, "Event Key Field"),
    ConfigKey::new("table.field.event.type", Type::String, Text("type"))
        .documented(Low, "Column with the event's type.")
        .placed("Table", 3, Width::Medium, "Event Type Field"),
    ConfigKey::new("table.field.event.payload", Type::String, Text("payload"))
        .documented(Low, "Column with the payload.")
        .placed("Table", 4, Width::Medium, "Event Payload Field"),
    ConfigKey::new("table.field.event.timestamp", Type::String, Null)
        .documented(Medium, "Column with the record's timestamp; without it the change's time.")
        .placed("Table", 5, Width::Medium, "Event Timestamp Field"),
    ConfigKey::new("table.fields.additional.placement", Type::List, Null)
        .documented(High, "Further columns and where they go: `column:header:alias`, `column:envelope:alias` or `column:partition`.")
        .placed("Table", 6, Width::Medium, "Settings for each additional column in the outbox table"),
    ConfigKey::new("table.field.additional.missing", Type::String, Text("error"))
        .documented(Medium, "What happens if such a column is missing: error or ignore.")
        .placed("Table", 7, Width::Medium, "Behavior when an additional field is missing in the change data").started(Validator::OneOfIgnoreCase(&["error", "ignore"])),
    ConfigKey::new("table.field.event.schema.version", Type::String, Null)
        .documented(Low, "Column with the version of the schema.")
        .placed("Table", 8, Width::Medium, "Event Schema Version Field"),
    ConfigKey::new("table.op.invalid.behavior", Type::String, Text("warn"))
        .documented(Medium, "What happens to updates of the outbox: warn, error or fatal.")
        .placed("Table", 9, Width::Medium, "Behavior when capturing an unexpected outbox event").started(Validator::OneOfIgnoreCase(&["warn", "error", "fatal"])),
    ConfigKey::new("table.expand.json.payload", Type::Boolean, Text("false"))
        .documented(Medium, "Whether a payload in JSON becomes a structure.")
        .placed("Table", 10, Width::Medium, "Expand Payload escaped string as real JSON"),
    ConfigKey::new("table.json.payload.null.behavior", Type::String, Text("ignore"))
        .documented(Medium, "What becomes of null within such a payload: ignore or optional_bytes.")
        .placed("Table", 11, Width::Medium, "Behavior when json payload including null value").started(Validator::OneOfIgnoreCase(&["ignore", "optional_bytes"])),
    ConfigKey::new("route.by.field", Type::String, Text("aggregatetype"))
        .documented(High, "Column that decides the topic.")
        .placed("Router", 1, Width::Medium, "Field to route events by"),
    ConfigKey::new("route.topic.regex", Type::String, Text("(?<routedByValue>.*)"))
        .documented(Low, "Pattern over that column's value.")
        .placed("Router", 2, Width::Medium, "The name of the routed topic").started(Validator::Regex),
    ConfigKey::new("route.topic.replacement", Type::String, Text("outbox.event.${routedByValue}"))
        .documented(High, "The topic; `${routedByValue}` is the value.")
        .placed("Router", 3, Width::Medium, "The name of the routed topic"),
    ConfigKey::new("route.tombstone.on.empty.payload", Type::Boolean, Text("false"))
        .documented(High, "Whether an empty payload becomes a tombstone.")
        .placed("Router", 4, Width::Medium, "Empty payloads cause a tombstone message"),
    ConfigKey::new("tracing.span.context.field", Type::String, Text("tracingspancontext"))
        .documented(High, "Field with the span's context.")
        .placed("Tracing", 1, Width::Medium, "Serialized tracing span context field"),
    ConfigKey::new("tracing.operation.name", Type::String, Text("debezium-read"))
        .documented(High, "Name of the operation in traces.")
        .placed("Tracing", 2, Width::Medium, "Tracing operation name"),
    ConfigKey::new("tracing.with.context.field.only", Type::Boolean, Text("false"))
        .documented(High, "Whether only records with that field are traced.")
        .placed("Tracing", 3, Width::Medium, "Trace only events with context field present"),
];

const PARTITION_ROUTING: &[ConfigKey] = &[
    ConfigKey::new("partition.payload.fields", Type::List, Null)
        .documented(High, "Fields of the payload that decide the partition.")
        .placed(
            "partitions",
            1,
            Width::None,
            "List of payload fields to use for compute partition.",
        )
        .started(Validator::NonEmptyList),
    ConfigKey::new("partition.topic.num", Type::Int, Null)
        .documented(High, "Number of partitions.")
        .placed("partitions", 2, Width::None, "Number of partition configured for topic")
        .started(Validator::AtLeast(1)),
    ConfigKey::new("partition.hash.function", Type::String, Text("java"))
        .documented(Low, "How fields are hashed: java or murmur.")
        .placed("partitions", 3, Width::None, "Hash function"),
];

const ACTIVATE_TRACING_SPAN: &[ConfigKey] = &[
    ConfigKey::new("tracing.span.context.field", Type::String, Text("tracingspancontext"))
        .documented(High, "Field with the span's context.")
        .shown(1, Width::Medium, "Serialized tracing span context field"),
    ConfigKey::new("tracing.operation.name", Type::String, Text("debezium-read"))
        .documented(High, "Name of the operation in traces.")
        .shown(1, Width::Medium, "Tracing operation name"),
    ConfigKey::new("tracing.with.context.field.only", Type::Boolean, Text("false"))
        .documented(High, "Whether only records with that field are traced.")
        .shown(1, Width::Medium, "Trace only events with context field present"),
];

const BINARY_DELEGATE: &[ConfigKey] = &[
    ConfigKey::new("converter.type", Type::String, Required)
        .documented(Low, "What is converted: key, value or header. The worker sets it.")
        .checked(Validator::OneOf(&["key", "value", "header"])),
    ConfigKey::new("delegate.converter.type", Type::String, Null)
        .documented(Low, "Converter of what is no bytes."),
];

/// Read without being declared.
const BY_LOGICAL_TABLE_ROUTER_MORE: &[ConfigKey] = &[
    ConfigKey::new("key.field.name", Type::String, Text("__dbz__physicalTableIdentifier"))
        .documented(Low, "The field that the key gets."),
    ConfigKey::new("schema.name.adjustment.mode", Type::String, Text("none"))
        .documented(Low, "How schema names are made fit for Avro.")
        .checked(Validator::OneOfIgnoreCase(&["none", "avro", "avro_unicode"])),
];

/// Read without being declared.
const EXTRACT_NEW_RECORD_STATE_MORE: &[ConfigKey] =
    &[ConfigKey::new("replace.null.with.default", Type::Boolean, Text("true"))
        .documented(Medium, "Whether a null becomes the default of its field.")];

/// Read without being declared.
const TIMESCALE_DB_MORE: &[ConfigKey] = &[
    ConfigKey::new("database.hostname", Type::String, Null)
        .documented(High, "Host of the database."),
    ConfigKey::new("database.port", Type::Int, Text("5432")).documented(Low, "Its port."),
    ConfigKey::new("database.user", Type::String, Null).documented(High, "The user."),
    ConfigKey::new("database.password", Type::Password, Null)
        .documented(Low, "The user's password."),
    ConfigKey::new("database.dbname", Type::String, Null).documented(High, "The database."),
];

/// Read without being declared.
const EVENT_ROUTER_MORE: &[ConfigKey] =
    &[ConfigKey::new("table.json.payload.empty.array.behavior", Type::String, Text("ignore"))
        .documented(
            Medium,
            "What becomes of empty arrays within a payload: ignore or optional_string.",
        )
        .checked(Validator::OneOfIgnoreCase(&["ignore", "optional_string"]))];

/// In the order of their names.
pub(super) const COMPONENTS: &[Component] = &[
    Component::new(
        "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent",
        Kind::Transformation,
        DECODE_LOGICAL_DECODING_MESSAGE_CONTENT,
    ),
    Component::new(
        "io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb",
        Kind::Transformation,
        TIMESCALE_DB,
    )
    .with(TIMESCALE_DB_MORE),
    Component::new(
        "io.debezium.transforms.ByLogicalTableRouter",
        Kind::Transformation,
        BY_LOGICAL_TABLE_ROUTER,
    )
    .with(BY_LOGICAL_TABLE_ROUTER_MORE),
    Component::new(
        "io.debezium.transforms.EnforceRecordSize",
        Kind::Transformation,
        ENFORCE_RECORD_SIZE,
    ),
    Component::new(
        "io.debezium.transforms.ExtractChangedRecordState",
        Kind::Transformation,
        EXTRACT_CHANGED_RECORD_STATE,
    ),
    Component::new(
        "io.debezium.transforms.ExtractNewRecordState",
        Kind::Transformation,
        EXTRACT_NEW_RECORD_STATE,
    )
    .with(EXTRACT_NEW_RECORD_STATE_MORE),
    Component::new("io.debezium.transforms.ExtractSchemaToNewRecord", Kind::Transformation, &[]),
    Component::new(
        "io.debezium.transforms.GeometryFormatTransformer",
        Kind::Transformation,
        GEOMETRY_FORMAT_TRANSFORMER,
    ),
    Component::new("io.debezium.transforms.HeaderToValue", Kind::Transformation, HEADER_TO_VALUE),
    Component::new(
        "io.debezium.transforms.SchemaChangeEventFilter",
        Kind::Transformation,
        SCHEMA_CHANGE_EVENT_FILTER,
    ),
    Component::new(
        "io.debezium.transforms.SwapGeometryCoordinates",
        Kind::Transformation,
        SWAP_GEOMETRY_COORDINATES,
    ),
    Component::new(
        "io.debezium.transforms.TimezoneConverter",
        Kind::Transformation,
        TIMEZONE_CONVERTER,
    ),
    Component::new("io.debezium.transforms.VectorToJsonConverter", Kind::Transformation, &[]),
    Component::new("io.debezium.transforms.openlineage.OpenLineage", Kind::Transformation, &[]),
    Component::new("io.debezium.transforms.outbox.EventRouter", Kind::Transformation, EVENT_ROUTER)
        .with(EVENT_ROUTER_MORE),
    Component::new(
        "io.debezium.transforms.partitions.PartitionRouting",
        Kind::Transformation,
        PARTITION_ROUTING,
    ),
    Component::new(
        "io.debezium.transforms.tracing.ActivateTracingSpan",
        Kind::Transformation,
        ACTIVATE_TRACING_SPAN,
    ),
    Component::new("io.debezium.converters.BinaryDataConverter", Kind::Converter, BINARY_DELEGATE),
    Component::new("io.debezium.converters.ByteArrayConverter", Kind::Converter, BINARY_DELEGATE),
    Component::new("io.debezium.converters.CloudEventsConverter", Kind::Converter, &[])
        .with(converter::CLOUD_EVENTS_OPTIONS),
    Component::new(
        "io.debezium.converters.BinaryDataConverter",
        Kind::HeaderConverter,
        BINARY_DELEGATE,
    ),
    Component::new(
        "io.debezium.converters.ByteArrayConverter",
        Kind::HeaderConverter,
        BINARY_DELEGATE,
    ),
];
