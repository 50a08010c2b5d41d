//! What the machine must have: Debian packages, installed where we are root, named where we are not.
//!
//! What compiles librdkafka (g++, make) is not among them: without it, xtask itself would not be here.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::error::{Error, Result};
use crate::{layout, process, say};

/// Something that other people's software must provide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Runs the brokers.
    Java,
    /// Downloads jars.
    Maven,
    /// Opens a jar.
    Unzip,
    /// Opens what is in the Postgres jar.
    Xz,
    /// The terminal client, for `cargo xtask psql` alone.
    Psql,
    /// Makes the certificates of the TLS tests.
    Openssl,
    /// What walbridge is measured beside.
    PgRecvlogical,
    /// Runs the consumer of the examples.
    Python,
    /// Scrapes walbridge; its `promtool` tests the alert rules.
    Prometheus,
    /// Takes pictures of pages.
    Chromium,
    /// Reads `docker-compose.yml`. No engine is needed for that.
    Compose,
}

impl Need {
    fn package(self) -> &'static str {
        match self {
            Self::Java => "default-jre-headless",
            Self::Maven => "maven",
            Self::Unzip => "unzip",
            Self::Xz => "xz-utils",
            Self::Openssl => "openssl",
            Self::Psql | Self::PgRecvlogical => "postgresql-client",
            Self::Python => "python3-venv",
            Self::Prometheus => "prometheus",
            Self::Chromium => "chromium",
            Self::Compose => "docker-compose",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Java => find("java").is_some(),
            Self::Maven => find("mvn").is_some(),
            Self::Unzip => find("unzip").is_some(),
            Self::Xz => find("xz").is_some(),
            Self::Openssl => find("openssl").is_some(),
            Self::Psql => find("psql").is_some(),
            Self::PgRecvlogical => pg_recvlogical().is_some(),
            // Debian's python3 alone has venv, and what it then calls is in a package of its own.
            Self::Python => succeeds("python3", &["-c", "import venv, ensurepip"]),
            Self::Prometheus => find("prometheus").is_some() && find("promtool").is_some(),
            Self::Chromium => find("chromium").is_some(),
            Self::Compose => compose().is_some(),
        }
    }
}

/// Makes sure that all `needs` are met. Installs with apt-get as root on Debian; else the error is the command to run.
pub(crate) fn require(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package()).collect();
    packages.dedup();
    let install = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if find("apt-get").is_none() {
        return Err(Error::new(format!(
            "missing software; install what Debian calls: {}",
            packages.join(" ")
        )));
    }
    if !layout::is_root()? {
        return Err(Error::new(format!(
            "missing software; run:\n  sudo apt-get update && sudo {install}"
        )));
    }
    say::progress(format!("installing {}", packages.join(" ")));
    process::run(&mut apt(&["update"]), "apt-get update")?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    process::run(&mut apt(&arguments), &install)?;
    match self::missing(needs).as_slice() {
        [] => Ok(()),
        still => Err(Error::new(format!("{install}: done, and still missing: {still:?}"))),
    }
}

fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|need| !need.is_met()).collect()
}

fn apt(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// The newest of Debian's, whose wrapper in the path does not pass every option on; else the one in the path.
pub(crate) fn pg_recvlogical() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |name: &str| name.parse::<u32>().ok();
    let newest = versions
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path())))
        .map(|(major, dir)| (major, dir.join("bin/pg_recvlogical")))
        .filter(|(_, program)| program.is_file())
        .max();
    newest.map(|(_, program)| program).or_else(|| find("pg_recvlogical"))
}

/// Docker's plugin where there is one, else the program of its own that it replaced.
pub(crate) fn compose() -> Option<Command> {
    if succeeds("docker", &["compose", "version"]) {
        let mut docker = Command::new("docker");
        docker.arg("compose");
        return Some(docker);
    }
    find("docker-compose").map(Command::new)
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    process::run(command.args(arguments), program).is_ok()
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}
