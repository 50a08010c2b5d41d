//! What was downloaded, each thing unpacked once under its name and version.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::{Context, Result};
use crate::{layout, say};

/// `name` in the cache, made by `fill` if it is not there. A half-made one is never seen under its name.
pub(crate) fn cached(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = layout::cache()?;
    let ready = cache.join(name);
    if ready.is_dir() {
        return Ok(ready);
    }
    let started = Instant::now();
    say::progress(format!("downloading {name} into {}", cache.display()));
    let new = cache.join(format!(".{name}.{}", std::process::id()));
    layout::make(&new)?;
    let filled = fill(&new).and_then(|()| match fs::rename(&new, &ready) {
        // Somebody else made it meanwhile.
        Err(_) if ready.is_dir() => fs::remove_dir_all(&new).context(new.display()),
        renamed => renamed.context(ready.display()),
    });
    if let Err(error) = filled {
        drop(fs::remove_dir_all(&new));
        return Err(error);
    }
    say::progress(format!("{name} is there ({:.1} s)", started.elapsed().as_secs_f64()));
    Ok(ready)
}
