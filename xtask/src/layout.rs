//! Where things are: the repository, what was downloaded, the stacks' data.

use std::env;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

/// The repository: the nearest folder above the working directory that holds xtask and the crates, whoever calls.
pub(crate) fn root() -> Result<PathBuf> {
    let here = env::current_dir().context("working directory")?;
    here.ancestors()
        .find(|dir| dir.join("xtask/Cargo.toml").is_file() && dir.join("crates").is_dir())
        .map(Path::to_path_buf)
        .ok_or_else(|| Error::new(format!("{}: not inside the repository", here.display())))
}

/// Where cargo builds.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => Ok(root()?.join(dir)),
        None => Ok(root()?.join("target")),
    }
}

/// Downloads, outside the repository so that a clean clone starts fast: `$WALBRIDGE_CACHE`, else `/var/cache/walbridge`
/// for root (whose home the unprivileged user that runs Postgres may not enter), else `~/.cache/walbridge`.
pub(crate) fn cache() -> Result<PathBuf> {
    let dir = if let Some(dir) = env::var_os("WALBRIDGE_CACHE") {
        root()?.join(dir)
    } else if is_root()? {
        PathBuf::from("/var/cache/walbridge")
    } else if let Some(dir) = env::var_os("XDG_CACHE_HOME") {
        PathBuf::from(dir).join("walbridge")
    } else {
        let home = env::var_os("HOME").ok_or_else(|| Error::new("HOME: not set"))?;
        PathBuf::from(home).join(".cache/walbridge")
    };
    make(&dir)?;
    Ok(dir)
}

/// The folder of all stacks.
pub(crate) fn stacks() -> Result<PathBuf> {
    Ok(root()?.join("target/xtask/stacks"))
}

/// Makes a folder that every user may enter, whatever the umask.
pub(crate) fn make(dir: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(dir);
    made.context(dir.display())?;
    let mode = fs::metadata(dir).context(dir.display())?.permissions().mode();
    if is_root()? && mode & 0o055 != 0o055 {
        let open = fs::Permissions::from_mode(mode | 0o055);
        fs::set_permissions(dir, open).context(dir.display())?;
    }
    Ok(())
}

/// Whether every user may enter each of the folders that lead to `dir`, which need not exist yet.
pub(crate) fn is_reachable(dir: &Path) -> bool {
    dir.ancestors()
        .filter_map(|dir| fs::metadata(dir).ok())
        .all(|found| found.permissions().mode() & 0o001 != 0)
}

/// Whether we are root.
pub(crate) fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self").context("/proc/self")?.uid() == 0)
}
