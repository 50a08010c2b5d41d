//! The one error of xtask: a sentence for the person at the terminal.

use std::fmt;

/// What went wrong, ready to be printed; nobody branches on it.
#[derive(Debug)]
pub(crate) struct Error(String);

/// Result with this crate's error.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `what`.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts what was being done in front of the cause.
pub(crate) trait Context<T> {
    /// `action` names the thing: "read connector.json".
    fn context(self, action: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, action: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Error(format!("{action}: {cause}")))
    }
}
