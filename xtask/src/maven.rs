//! Downloads by Maven coordinates, unpacked once into the cache; what is there is never resolved again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::cached;
use crate::error::{Context, Error, Result};
use crate::package::Need;
use crate::{layout, process, version};

/// What must be on the machine for [`postgres()`] and [`kafka`], all named at once; less where the cache has it.
pub(crate) fn needs(major: u8, with_kafka: bool) -> Result<Vec<Need>> {
    let cache = layout::cache()?;
    let mut needs = Vec::new();
    if !cache.join(postgres_name(version::postgres(major)?)).is_dir() {
        needs.extend([Need::Java, Need::Maven, Need::Unzip, Need::Xz]);
    } else if with_kafka && !cache.join(kafka_name()).is_dir() {
        needs.extend([Need::Java, Need::Maven]);
    } else if with_kafka {
        needs.push(Need::Java);
    }
    Ok(needs)
}

/// The folder with `bin`, `lib` and `share` of a Postgres.
pub(crate) fn postgres(major: u8) -> Result<PathBuf> {
    let version = version::postgres(major)?;
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64v8",
        other => return Err(Error::new(format!("postgres for {other}: no binaries known"))),
    };
    cached(&postgres_name(version), |new| {
        let jars = new.join("jars");
        let artifact =
            format!("io.zonky.test.postgres:embedded-postgres-binaries-linux-{machine}:{version}");
        let mut copy = maven("copy", new);
        copy.arg(format!("-Dartifact={artifact}")).arg(option("outputDirectory", &jars));
        process::run(&mut copy, "download postgres with mvn")?;
        let jar = jars.join(format!("embedded-postgres-binaries-linux-{machine}-{version}.jar"));
        let mut unzip = Command::new("unzip");
        unzip.arg("-qj").arg(jar).arg("*.txz").arg("-d").arg(&jars);
        process::run(&mut unzip, "unzip the postgres jar")?;
        let mut tar = Command::new("sh");
        tar.args(["-c", "tar --no-same-owner -xJf \"$1\"/*.txz -C \"$2\"", "sh"]);
        process::run(tar.arg(&jars).arg(new), "unpack postgres")?;
        // Another user will run it, whatever the umask of the one who unpacked it.
        let mut open = Command::new("chmod");
        process::run(open.args(["-R", "a+rX"]).arg(new), "chmod")?;
        fs::remove_dir_all(&jars).context(jars.display())
    })
}

/// The folder with the jars of a broker.
pub(crate) fn kafka() -> Result<PathBuf> {
    jars(&kafka_name(), "xtask/kafka/pom.xml")
}

/// The folder with the jars of a Kafka Connect worker.
pub(crate) fn connect() -> Result<PathBuf> {
    jars(&format!("connect-{}", version::KAFKA), "xtask/kafka/connect.xml")
}

/// The plugin path of a Kafka Connect worker that shall have Debezium's connector.
pub(crate) fn debezium() -> Result<PathBuf> {
    let version = version::DEBEZIUM;
    let artifact = ("io.debezium", "debezium-connector-postgres", "plugin");
    archive(&format!("debezium-{version}"), artifact, version)
}

/// The folder of an Apicurio Registry.
pub(crate) fn apicurio() -> Result<PathBuf> {
    let version = version::APICURIO;
    let artifact = ("io.apicurio", "apicurio-registry-app", "all");
    archive(&format!("apicurio-{version}"), artifact, version)
}

/// What is in an archive, named by group, artifact and classifier.
fn archive(
    name: &str,
    (group, artifact, classifier): (&str, &str, &str),
    version: &str,
) -> Result<PathBuf> {
    cached(name, |new| {
        let coordinates = format!("{group}:{artifact}:{version}:tar.gz:{classifier}");
        let mut copy = maven("copy", new);
        copy.arg(format!("-Dartifact={coordinates}")).arg(option("outputDirectory", new));
        process::run(&mut copy, &format!("download {name} with mvn"))?;
        let archive = new.join(format!("{artifact}-{version}-{classifier}.tar.gz"));
        let mut tar = Command::new("tar");
        let unpack = tar.arg("-xzf").arg(&archive).arg("-C").arg(new);
        process::run(unpack, &format!("unpack {name}"))?;
        fs::remove_file(&archive).context(archive.display())
    })
}

/// A class path as a folder, from what a project file names.
fn jars(name: &str, project: &str) -> Result<PathBuf> {
    cached(name, |new| {
        let mut copy = maven("copy-dependencies", new);
        copy.arg("-f").arg(layout::root()?.join(project));
        copy.arg(format!("-Dkafka.version={}", version::KAFKA));
        copy.arg(format!("-Dlog4j.version={}", version::LOG4J));
        copy.arg("-DincludeScope=runtime").arg(option("outputDirectory", new));
        process::run(&mut copy, &format!("download {name} with mvn"))
    })
}

fn postgres_name(version: &str) -> String {
    format!("postgres-{version}")
}

fn kafka_name() -> String {
    format!("kafka-{}", version::KAFKA)
}

fn maven(goal: &str, dir: &Path) -> Command {
    let plugin = version::MAVEN_DEPENDENCY_PLUGIN;
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "-ntp"]).current_dir(dir);
    maven.arg(format!("org.apache.maven.plugins:maven-dependency-plugin:{plugin}:{goal}"));
    maven
}

fn option(name: &str, value: &Path) -> String {
    format!("-D{name}={}", value.display())
}
