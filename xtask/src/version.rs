//! Every version of a foreign part that xtask downloads.

use crate::error::{Error, Result};

/// Major version and artifact version of `io.zonky.test.postgres:embedded-postgres-binaries-linux-*`.
pub(crate) const POSTGRES: [(u8, &str); 5] =
    [(14, "14.20.0"), (15, "15.15.0"), (16, "16.11.0"), (17, "17.7.0"), (18, "18.1.0")];

/// `org.apache.kafka:kafka_2.13`.
pub(crate) const KAFKA: &str = "4.3.0";

/// `io.debezium:debezium-connector-postgres`, whose records the captures hold.
pub(crate) const DEBEZIUM: &str = "3.6.3.Final";

/// `io.apicurio:apicurio-registry-app`, the last one that runs on Java 17.
pub(crate) const APICURIO: &str = "2.6.13.Final";

/// `org.apache.logging.log4j`, the one that Kafka's own distribution of that version carries.
pub(crate) const LOG4J: &str = "2.25.4";

/// `org.apache.maven.plugins:maven-dependency-plugin`; unpinned, Maven would ask for the newest one each time.
pub(crate) const MAVEN_DEPENDENCY_PLUGIN: &str = "3.8.1";

/// The artifact version for a major version of Postgres.
pub(crate) fn postgres(major: u8) -> Result<&'static str> {
    POSTGRES
        .iter()
        .find(|(known, _)| *known == major)
        .map(|(_, version)| *version)
        .ok_or_else(|| Error::new(format!("postgres {major}: not one of 14 to 18")))
}
