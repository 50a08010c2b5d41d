//! What the machine must have: Debian packages, installed where we are root, named where we are not.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// Compiles librdkafka and ring; its configure wants a C++ compiler too, and `make`.
    Compiler,
    /// Drives librdkafka's build.
    Make,
    /// zlib's header, for librdkafka.
    Zlib,
}

/// For building walbridge.
pub(crate) const BUILD: [Need; 3] = [Need::Compiler, Need::Make, Need::Zlib];

impl Need {
    fn package(self) -> &'static str {
        match self {
            Self::Java => "default-jre-headless",
            Self::Maven => "maven",
            Self::Unzip => "unzip",
            Self::Xz => "xz-utils",
            Self::Psql => "postgresql-client",
            Self::Compiler => "g++",
            Self::Make => "make",
            Self::Zlib => "zlib1g-dev",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Java => find("java").is_some(),
            Self::Maven => find("mvn").is_some(),
            Self::Unzip => find("unzip").is_some(),
            Self::Xz => find("xz").is_some(),
            Self::Psql => find("psql").is_some(),
            Self::Compiler => find("cc").is_some() && find("c++").is_some(),
            Self::Make => find("make").is_some(),
            Self::Zlib => Path::new("/usr/include/zlib.h").is_file(),
        }
    }
}

/// Makes sure that all `needs` are met. Installs with apt-get as root on Debian; else the error is the command to run.
pub(crate) fn require(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package()).collect();
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

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}
