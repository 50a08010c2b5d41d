//! A Python with the packages that a program of the repository names, in the cache.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;

use crate::cache::cached;
use crate::error::{Context, Result};
use crate::package::{self, Need};
use crate::{layout, process};

/// What the consumer of the examples needs.
const REQUIREMENTS: &str = "examples/consumer/requirements.txt";

/// The interpreter of a virtual environment that has what `requirements.txt` pins.
pub(crate) fn consumer() -> Result<PathBuf> {
    let requirements = layout::root()?.join(REQUIREMENTS);
    let text = fs::read(&requirements).context(REQUIREMENTS)?;
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let dir = cached(&format!("python-{:016x}", hasher.finish()), |new| {
        package::require(&[Need::Python])?;
        let mut venv = Command::new("python3");
        process::run(venv.args(["-m", "venv"]).arg(new), "python3 -m venv")?;
        // Through the interpreter: the folder gets another name, and pip's own script would hold the old one.
        let mut pip = Command::new(new.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements);
        process::run(&mut pip, "pip install")
    })?;
    Ok(dir.join("bin/python"))
}
