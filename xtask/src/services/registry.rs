//! Apicurio Registry: a real one for the converters, in its own interface and in Confluent's.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::error::{Context, Result};
use crate::package::{self, Need};
use crate::{maven, version};

/// Turns this process into a registry, so that signals reach it. Returns if it cannot.
pub(crate) fn become_registry(port: u16) -> Result<()> {
    package::require(&[Need::Java, Need::Maven])?;
    let registry = maven::apicurio()?;
    let jar = format!("apicurio-registry-app-{}-runner.jar", version::APICURIO);
    let mut java = Command::new("java");
    java.args(["-Xmx384m", "-Dquarkus.http.host=127.0.0.1"]);
    java.arg(format!("-Dquarkus.http.port={port}"));
    Err(java.arg("-jar").arg(registry.join(jar)).exec()).context("java")
}
