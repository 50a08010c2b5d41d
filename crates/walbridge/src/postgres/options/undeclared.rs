//! Options that Debezium reads and does not declare: `validate` neither shows nor checks them.

use connect::config_def::{Default, Importance, Type};

use super::{Check, PostgresOption, declared};

/// By subject.
#[rustfmt::skip]
pub(super) const OPTIONS: &[PostgresOption] = &[
    declared("database.connection.timeout.ms", Type::Int, Default::Text("600000"), "How long connecting may take, in milliseconds.")
        .undeclared(Importance::Low),
    declared("database.connection.factory.class", Type::Class, Default::Null, "Java class that makes connections.")
        .undeclared(Importance::Low)
        .not_applicable("there is no Java here."),
    declared("read.only", Type::Boolean, Default::Text("false"), "Whether incremental snapshots do without writes to the database.")
        .undeclared(Importance::Low),
    declared("offset.mismatch.strategy", Type::String, Default::Text("no_validation"), "What holds when the stored position is not the slot's: no_validation, trust_offset, trust_slot or trust_greater_lsn.")
        .undeclared(Importance::Medium),
    declared("internal.slot.seek.to.known.offset.on.start", Type::Boolean, Default::Text("false"), "Old form of offset.mismatch.strategy=trust_offset.")
        .undeclared(Importance::Low),
    declared("internal.create.slot.command.timeout", Type::Long, Default::Text("90"), "How long making the slot may take, in seconds.")
        .undeclared(Importance::Low)
        .not_applicable("it waits for running transactions as long as they take."),
    declared("money.fraction.digits", Type::Short, Default::Text("2"), "Digits after the point of money.")
        .undeclared(Importance::Low),
    declared("skip.messages.without.change", Type::Boolean, Default::Text("false"), "Whether updates that change no captured column make no record; needs REPLICA IDENTITY FULL.")
        .undeclared(Importance::Low),
    declared("field.name.adjustment.mode", Type::String, Default::Null, "How names of fields are made fit for Avro; without it avro where the key's or value's converter is an AvroConverter, else none.")
        .checked(&[Check::OneOf(&["none", "avro_unicode", "avro"])])
        .undeclared(Importance::Low),
    declared("event.converting.failure.handling.mode", Type::String, Default::Text("warn"), "What happens to a value that cannot be represented: null with or without a warning, or the task fails.")
        .undeclared(Importance::Medium),
    declared("incremental.snapshot.allow.schema.changes", Type::Boolean, Default::Text("false"), "Whether tables may change during an incremental snapshot.")
        .undeclared(Importance::Low)
        .not_applicable("Debezium has no such thing on PostgreSQL."),
    declared("queue.provider.type", Type::String, Default::Text("memory"), "Java's kind of queue.")
        .undeclared(Importance::Low)
        .not_applicable("there is one queue."),
    declared("topic.delimiter", Type::String, Default::Text("."), "What stands between the parts of a topic's name.")
        .undeclared(Importance::Low),
    declared("topic.cache.size", Type::Int, Default::Text("10000"), "Names that Debezium keeps.")
        .undeclared(Importance::Low)
        .not_applicable("a table's name is computed once."),
    declared("topic.transaction", Type::String, Default::Text("transaction"), "Last part of the name of the topic of transactions.")
        .undeclared(Importance::Low),
    declared("topic.heartbeat.prefix", Type::String, Default::Text("__debezium-heartbeat"), "First part of the name of the topic of heartbeats.")
        .undeclared(Importance::Low),
    declared("topic.heartbeat.name", Type::String, Default::Null, "Whole name of the topic of heartbeats, in place of prefix and topic.prefix.")
        .undeclared(Importance::Low),
    declared("topic.regex", Type::String, Default::Null, "Of the regex strategies: which topics to rename.")
        .undeclared(Importance::Low),
    declared("topic.replacement", Type::String, Default::Null, "Of the regex strategies: their new name, with $1 for a group.")
        .undeclared(Importance::Low),
    declared("topic.key.enforce.uniqueness", Type::Boolean, Default::Text("true"), "Of the regex strategies: whether keys get a field that tells tables apart.")
        .undeclared(Importance::Low),
    declared("topic.key.field.name", Type::String, Default::Text("__dbz__physicalTableIdentifier"), "Of the regex strategies: the name of that field.")
        .undeclared(Importance::Low),
    declared("topic.key.field.regex", Type::String, Default::Null, "Of the regex strategies: what of the old topic's name that field shows.")
        .undeclared(Importance::Low),
    declared("topic.key.field.replacement", Type::String, Default::Null, "Of the regex strategies: its form.")
        .undeclared(Importance::Low),
    declared("signal.kafka.topic", Type::String, Default::Null, "Topic that signals are read from.")
        .undeclared(Importance::Low),
    declared("signal.kafka.bootstrap.servers", Type::String, Default::Null, "Brokers of that topic.")
        .undeclared(Importance::Low),
    declared("signal.kafka.poll.timeout.ms", Type::Int, Default::Text("0"), "How long to wait for signals, in milliseconds.")
        .undeclared(Importance::Low),
    declared("signal.kafka.groupId", Type::String, Default::Text("kafka-signal"), "Consumer group of that topic.")
        .undeclared(Importance::Low),
    declared("signal.file", Type::String, Default::Text("file-signals.txt"), "File that signals are read from.")
        .undeclared(Importance::Low),
    declared("internal.custom.retriable.exception", Type::String, Default::Text("false"), "Java exceptions to try again after.")
        .undeclared(Importance::Low)
        .not_applicable("there are none."),
];
