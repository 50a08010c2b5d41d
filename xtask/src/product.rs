//! The walbridge binary that demo and tests run.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, Result};
use crate::{layout, process, say};

/// The release binary, built now; or the one that `$WALBRIDGE_BIN` names.
pub(crate) fn binary() -> Result<PathBuf> {
    if let Some(given) = env::var_os("WALBRIDGE_BIN") {
        let given = layout::root()?.join(given);
        return if given.is_file() {
            Ok(given)
        } else {
            Err(Error::new(format!("WALBRIDGE_BIN: no file {}", given.display())))
        };
    }
    say::progress("building walbridge (release)");
    let mut build = cargo()?;
    build.args(["build", "--release", "--package", "walbridge"]);
    process::run_attached(&mut build, "build walbridge")?;
    Ok(layout::target()?.join("release/walbridge"))
}

/// Cargo in the repository, with at most two jobs unless told otherwise: the native parts take much memory each.
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(layout::root()?);
    if env::var_os("CARGO_BUILD_JOBS").is_none() {
        cargo.env("CARGO_BUILD_JOBS", "2");
    }
    Ok(cargo)
}
