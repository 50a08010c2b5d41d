//! What xtask tells: results on standard output, progress on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// One line of result; a reader that went away is not an error of ours.
pub(crate) fn result(line: impl Display) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// One line of progress.
pub(crate) fn progress(line: impl Display) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}
