//! Options of Debezium's group "Postgres": server, slot, publication, positions.

use connect::config_def::{Default, Importance, Type, Width};

use super::{Check, PostgresOption, declared};

/// In Debezium's order.
#[rustfmt::skip]
pub(super) const OPTIONS: &[PostgresOption] = &[
    declared("topic.prefix", Type::String, Default::Null, "Name of the database server as topics, schemas and offsets carry it. Two connectors must not share one.")
        .shown(Importance::High, 1, Width::Medium, "Topic prefix")
        .checked(&[Check::Required, Check::TopicPrefix])
        .in_group("Postgres"),
    declared("database.hostname", Type::String, Default::Null, "Host name or address of the database server.")
        .shown(Importance::High, 2, Width::Medium, "Hostname")
        .checked(&[Check::Required, Check::Hostname])
        .different("a directory, with its leading slash, is that of the server's Unix socket.")
        .in_group("Postgres"),
    declared("database.port", Type::Int, Default::Text("5432"), "Port of the database server.")
        .shown(Importance::High, 3, Width::Short, "Port")
        .checked(&[Check::Integer])
        .in_group("Postgres"),
    declared("database.user", Type::String, Default::Null, "User to connect as; needs LOGIN, REPLICATION and SELECT on the captured tables.")
        .shown(Importance::High, 4, Width::Short, "User")
        .checked(&[Check::Required])
        .in_group("Postgres"),
    declared("database.password", Type::Password, Default::Null, "The user's password.")
        .shown(Importance::High, 5, Width::Short, "Password")
        .in_group("Postgres"),
    declared("database.dbname", Type::String, Default::Null, "The database to capture.")
        .shown(Importance::High, 6, Width::Medium, "Database")
        .checked(&[Check::Required])
        .in_group("Postgres"),
    declared("database.query.timeout.ms", Type::Int, Default::Text("600000"), "How long a catalog query may take, in milliseconds; 0 for no limit.")
        .shown(Importance::Low, 7, Width::None, "Query timeout")
        .in_group("Postgres"),
    declared("plugin.name", Type::String, Default::Text("decoderbufs"), "Output plugin of the slot.")
        .shown(Importance::Medium, 8, Width::Medium, "Plugin")
        .checked(&[Check::OneOf(&["decoderbufs", "pgoutput"])])
        .different("walbridge reads pgoutput only, and uses it where the option is missing.")
        .in_group("Postgres"),
    declared("slot.name", Type::String, Default::Text("debezium"), "Replication slot.")
        .shown(Importance::Medium, 9, Width::Medium, "Slot")
        .checked(&[Check::SlotName])
        .in_group("Postgres"),
    declared("publication.name", Type::String, Default::Text("dbz_publication"), "Publication to stream.")
        .shown(Importance::Medium, 10, Width::Medium, "Publication")
        .in_group("Postgres"),
    declared("publication.autocreate.mode", Type::String, Default::Text("all_tables"), "How the publication is made when it does not exist; filtered also changes one that does.")
        .shown(Importance::Medium, 11, Width::Medium, "Publication Auto Create Mode")
        .checked(&[Check::OneOf(&["no_tables", "filtered", "disabled", "all_tables"])])
        .in_group("Postgres"),
    declared("replica.identity.autoset.values", Type::String, Default::Null, "REPLICA IDENTITY to set at the start, as table:DEFAULT, table:FULL, table:NOTHING or table:INDEX name, separated by commas; table is a regular expression.")
        .shown(Importance::Medium, 12, Width::Long, "Replica Identity Auto Set Values")
        .checked(&[Check::ReplicaIdentities])
        .in_group("Postgres"),
    declared("slot.drop.on.stop", Type::Boolean, Default::Text("false"), "Whether to drop the slot when the connector is stopped in an orderly way.")
        .shown(Importance::Medium, 13, Width::None, "Drop slot on stop")
        .in_group("Postgres"),
    declared("slot.failover", Type::Boolean, Default::Text("false"), "Whether a slot that is made is synchronized to standbys (PostgreSQL 17 and later; else ignored with a warning).")
        .shown(Importance::Medium, 14, Width::None, "Create failover slot")
        .in_group("Postgres"),
    declared("slot.stream.params", Type::String, Default::Null, "Further options of START_REPLICATION, as k=v pairs separated by semicolons.")
        .shown(Importance::Low, 15, Width::Long, "Optional parameters to pass to the logical decoder when the stream is started.")
        .in_group("Postgres"),
    declared("database.initial.statements", Type::String, Default::Null, "SQL to run on each plain connection, separated by semicolons; two semicolons are one literal semicolon.")
        .shown(Importance::Low, 16, Width::Long, "Initial statements")
        .in_group("Postgres"),
    declared("database.sslmode", Type::String, Default::Text("prefer"), "Whether and how to use TLS, with libpq's meaning of each word.")
        .shown(Importance::Medium, 17, Width::Medium, "SSL mode")
        .checked(&[Check::OneOf(&["allow", "prefer", "disable", "verify-ca", "require", "verify-full"])])
        .in_group("Postgres"),
    declared("database.sslcert", Type::String, Default::Null, "File with the client's certificate (PEM).")
        .shown(Importance::Medium, 18, Width::Long, "SSL Client Certificate")
        .in_group("Postgres"),
    declared("database.sslpassword", Type::Password, Default::Null, "Passphrase of the client's key.")
        .shown(Importance::Medium, 19, Width::Medium, "SSL Client Key Password")
        .in_group("Postgres"),
    declared("database.sslrootcert", Type::String, Default::Null, "File with the trusted root certificates (PEM).")
        .shown(Importance::Medium, 20, Width::Long, "SSL Root Certificate")
        .in_group("Postgres"),
    declared("database.sslkey", Type::String, Default::Null, "File with the key of the client's certificate.")
        .shown(Importance::Medium, 21, Width::Long, "SSL Client Key")
        .different("PEM is read as well as PKCS-8 DER.")
        .in_group("Postgres"),
    declared("slot.max.retries", Type::Int, Default::Text("6"), "How often to try to start streaming when that fails.")
        .shown(Importance::Low, 22, Width::None, "Retry count")
        .in_group("Postgres"),
    declared("slot.retry.delay.ms", Type::Long, Default::Text("10000"), "Time between those attempts, in milliseconds.")
        .shown(Importance::Low, 23, Width::None, "Retry delay")
        .checked(&[Check::Integer])
        .in_group("Postgres"),
    declared("database.sslfactory", Type::String, Default::Null, "Java class that makes sockets.")
        .shown(Importance::Medium, 24, Width::Long, "SSL Root Certificate")
        .not_applicable("there is no Java here; use database.sslmode and its files.")
        .in_group("Postgres"),
    declared("status.update.interval.ms", Type::Int, Default::Text("10000"), "Time between status updates to the server, in milliseconds.")
        .shown(Importance::Medium, 25, Width::Short, "Status update interval (ms)")
        .checked(&[Check::Positive])
        .in_group("Postgres"),
    declared("lsn.flush.timeout.ms", Type::Long, Default::Text("30000"), "How long one flush of the position may take.")
        .shown(Importance::Medium, 26, Width::Short, "LSN flush timeout (ms)")
        .checked(&[Check::Positive])
        .not_applicable("a position is confirmed without waiting for it.")
        .in_group("Postgres"),
    declared("lsn.flush.timeout.action", Type::String, Default::Text("fail"), "What happens when that time is over.")
        .shown(Importance::Medium, 27, Width::Medium, "LSN flush timeout action")
        .checked(&[Check::OneOf(&["fail", "warn", "ignore"])])
        .not_applicable("a position is confirmed without waiting for it.")
        .in_group("Postgres"),
    declared("database.tcpKeepAlive", Type::Boolean, Default::Text("true"), "Whether to let the operating system probe idle connections.")
        .shown(Importance::Medium, 28, Width::Short, "TCP keep-alive probe")
        .checked(&[Check::Boolean])
        .in_group("Postgres"),
    declared("xmin.fetch.interval.ms", Type::Long, Default::Text("0"), "How often to read the slot's catalog_xmin for source.xmin, in milliseconds; 0 for never.")
        .shown(Importance::Medium, 29, Width::Short, "Xmin fetch interval (ms)")
        .checked(&[Check::NonNegativeLong])
        .in_group("Postgres"),
    declared("skipped.operations", Type::List, Default::Text("t"), "Operations that make no record: c, u, d, t, or none. Given explicitly, they also leave a publication that is created.")
        .shown(Importance::Low, 30, Width::Short, "Skipped Operations")
        .checked(&[Check::SkippedOperations])
        .in_group("Postgres"),
    declared("lsn.flush.mode", Type::String, Default::Null, "Who confirms positions to the server: connector, connector_and_driver (idle positions too, with a heartbeat), or nobody (manual).")
        .shown(Importance::Low, 31, Width::Short, "LSN flush mode")
        .checked(&[Check::OneOf(&["connector_and_driver", "connector", "manual"])])
        .different("an idle server's position is confirmed in the mode connector too, so that its log does not grow.")
        .in_group("Postgres"),
    declared("flush.lsn.source", Type::Boolean, Default::Text("true"), "Old form of lsn.flush.mode: true for connector, false for manual.")
        .shown(Importance::Low, 32, Width::Short, "Boolean to determine if Debezium should flush LSN in the source database")
        .checked(&[Check::Boolean])
        .in_group("Postgres"),
];
