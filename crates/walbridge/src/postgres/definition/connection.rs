//! Debezium's options of the group Postgres: the database, the slot and the publication.

use connect::config_def::{Default, Importance, Type, Width};

use super::{Field, field, key};
use crate::postgres::check::Check;

use Check::{
    Hostname, Integer, NonNegativeLong, OneOf, Positive, ReplicaIdentities, Required,
    SkippedOperations, SlotName, TopicPrefix,
};
use Default::{Null, Text};
use Importance::{High, Low, Medium};
use Type::{Boolean, Int, List, Long, Password, String};

const GROUP: &str = "Postgres";

/// In Debezium's order.
pub(super) const FIELDS: &[Field] = &[
    field(
        key("topic.prefix", String, Null, High, "Name of the database server as topics, schemas and offsets carry it. Two connectors must not share one.")
            .placed(GROUP, 1, Width::Medium, "Topic prefix"),
        &[Required, TopicPrefix],
    ),
    field(
        key("database.hostname", String, Null, High, "Host name or address of the database server; a directory (leading slash) for its Unix socket.")
            .placed(GROUP, 2, Width::Medium, "Hostname"),
        &[Required, Hostname],
    ),
    field(
        key("database.port", Int, Text("5432"), High, "Port of the database server.")
            .placed(GROUP, 3, Width::Short, "Port"),
        &[],
    ),
    field(
        key("database.user", String, Null, High, "User to connect as; needs LOGIN, REPLICATION and SELECT on the captured tables.")
            .placed(GROUP, 4, Width::Short, "User"),
        &[Required],
    ),
    field(
        key("database.password", Password, Null, High, "The user's password.")
            .placed(GROUP, 5, Width::Short, "Password"),
        &[],
    ),
    field(
        key("database.dbname", String, Null, High, "The database to capture.")
            .placed(GROUP, 6, Width::Medium, "Database"),
        &[Required],
    ),
    field(
        key("database.query.timeout.ms", Int, Text("600000"), Low, "How long a catalog query may take, in milliseconds; 0 for no limit.")
            .placed(GROUP, 7, Width::None, "Query timeout"),
        &[],
    ),
    field(
        key("plugin.name", String, Text("decoderbufs"), Medium, "Output plugin of the slot. walbridge reads pgoutput only; without the option it uses pgoutput and says so.")
            .placed(GROUP, 8, Width::Medium, "Plugin"),
        &[OneOf(&["decoderbufs", "pgoutput"])],
    ),
    field(
        key("slot.name", String, Text("debezium"), Medium, "Replication slot.")
            .placed(GROUP, 9, Width::Medium, "Slot"),
        &[SlotName],
    ),
    field(
        key("publication.name", String, Text("dbz_publication"), Medium, "Publication to stream.")
            .placed(GROUP, 10, Width::Medium, "Publication"),
        &[],
    ),
    field(
        key("publication.autocreate.mode", String, Text("all_tables"), Medium, "How the publication is made when it does not exist.")
            .placed(GROUP, 11, Width::Medium, "Publication Auto Create Mode"),
        &[OneOf(&["no_tables", "filtered", "disabled", "all_tables"])],
    ),
    field(
        key("replica.identity.autoset.values", String, Null, Medium, "Replica identities to set on captured tables: pairs of table pattern and identity.")
            .placed(GROUP, 12, Width::Long, "Replica Identity Auto Set Values"),
        &[ReplicaIdentities],
    ),
    field(
        key("slot.drop.on.stop", Boolean, Text("false"), Medium, "Whether to drop the slot when the connector is stopped in an orderly way.")
            .placed(GROUP, 13, Width::None, "Drop slot on stop"),
        &[],
    ),
    field(
        key("slot.failover", Boolean, Text("false"), Medium, "Whether the slot is made to survive a failover.")
            .placed(GROUP, 14, Width::None, "Create failover slot"),
        &[],
    ),
    field(
        key("slot.stream.params", String, Null, Low, "Further options of START_REPLICATION, as k=v pairs separated by semicolons.")
            .placed(GROUP, 15, Width::Long, "Optional parameters to pass to the logical decoder when the stream is started."),
        &[],
    ),
    field(
        key("database.initial.statements", String, Null, Low, "SQL to run on each plain connection, separated by semicolons; two semicolons are one literal semicolon.")
            .placed(GROUP, 16, Width::Long, "Initial statements"),
        &[],
    ),
    field(
        key("database.sslmode", String, Text("prefer"), Medium, "Whether and how to use TLS, with libpq's meaning of each word.")
            .placed(GROUP, 17, Width::Medium, "SSL mode"),
        &[OneOf(&["allow", "prefer", "disable", "verify-ca", "require", "verify-full"])],
    ),
    field(
        key("database.sslcert", String, Null, Medium, "File with the client's certificate (PEM).")
            .placed(GROUP, 18, Width::Long, "SSL Client Certificate"),
        &[],
    ),
    field(
        key("database.sslpassword", Password, Null, Medium, "Passphrase of the key.")
            .placed(GROUP, 19, Width::Medium, "SSL Client Key Password"),
        &[],
    ),
    field(
        key("database.sslrootcert", String, Null, Medium, "File with the trusted root certificates (PEM).")
            .placed(GROUP, 20, Width::Long, "SSL Root Certificate"),
        &[],
    ),
    field(
        key("database.sslkey", String, Null, Medium, "File with the certificate's key (PEM, or PKCS-8 DER).")
            .placed(GROUP, 21, Width::Long, "SSL Client Key"),
        &[],
    ),
    field(
        key("slot.max.retries", Int, Text("6"), Low, "How often to try to start streaming when that fails.")
            .placed(GROUP, 22, Width::None, "Retry count"),
        &[],
    ),
    field(
        key("slot.retry.delay.ms", Long, Text("10000"), Low, "Time between those attempts, in milliseconds.")
            .placed(GROUP, 23, Width::None, "Retry delay"),
        &[Integer],
    ),
    field(
        key("database.sslfactory", String, Null, Medium, "Class of the driver's sockets; without effect here.")
            .placed(GROUP, 24, Width::Long, "SSL Root Certificate"),
        &[],
    ),
    field(
        key("status.update.interval.ms", Int, Text("10000"), Medium, "Time between status updates to the server, in milliseconds.")
            .placed(GROUP, 25, Width::Short, "Status update interval (ms)"),
        &[Positive],
    ),
    field(
        key("lsn.flush.timeout.ms", Long, Text("30000"), Medium, "How long confirming a position may take, in milliseconds.")
            .placed(GROUP, 26, Width::Short, "LSN flush timeout (ms)"),
        &[Positive],
    ),
    field(
        key("lsn.flush.timeout.action", String, Text("fail"), Medium, "What happens when it takes longer.")
            .placed(GROUP, 27, Width::Medium, "LSN flush timeout action"),
        &[OneOf(&["fail", "warn", "ignore"])],
    ),
    field(
        key("database.tcpKeepAlive", Boolean, Text("true"), Medium, "Whether to let the operating system probe idle connections.")
            .placed(GROUP, 28, Width::Short, "TCP keep-alive probe"),
        &[],
    ),
    field(
        key("xmin.fetch.interval.ms", Long, Text("0"), Medium, "How often the slot's xmin is read, in milliseconds; 0 for never.")
            .placed(GROUP, 29, Width::Short, "Xmin fetch interval (ms)"),
        &[NonNegativeLong],
    ),
    field(
        key("skipped.operations", List, Text("t"), Low, "Operations that make no record: c, u, d, t, r, or none.")
            .placed(GROUP, 30, Width::Short, "Skipped Operations"),
        &[SkippedOperations],
    ),
    field(
        key("lsn.flush.mode", String, Null, Low, "Who confirms positions to the server.")
            .placed(GROUP, 31, Width::Short, "LSN flush mode"),
        &[OneOf(&["connector_and_driver", "connector", "manual"])],
    ),
    field(
        key("flush.lsn.source", Boolean, Text("true"), Low, "Older form of lsn.flush.mode: whether positions are confirmed.")
            .placed(GROUP, 32, Width::Short, "Boolean to determine if Debezium should flush LSN in the source database"),
        &[],
    ),
];
