//! What a transform makes of a schema, made once and remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::Schema;
use crate::error::Result;

/// Schemas that are remembered: a connector has a few per table.
const MAX_SCHEMAS: usize = 1000;

/// A schema, and what was made of it.
type Entry<T> = (Arc<Schema>, Arc<T>);

/// By the address of a schema, which is held so that it stays its own.
#[derive(Debug)]
pub(super) struct Derived<T>(Mutex<HashMap<usize, Entry<T>>>);

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Derived<T> {
    /// What was made of the schema, or is made now.
    pub(super) fn get(
        &self,
        schema: &Arc<Schema>,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        self.get_if(schema, |_| true, make)
    }

    /// The same; what was made before counts only if it fits.
    pub(super) fn get_if(
        &self,
        schema: &Arc<Schema>,
        fits: impl FnOnce(&T) -> bool,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let id = Arc::as_ptr(schema).addr();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = known.get(&id)
            && fits(made)
        {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(make()?);
        if known.len() >= MAX_SCHEMAS {
            known.clear();
        }
        known.insert(id, (Arc::clone(schema), Arc::clone(&made)));
        Ok(made)
    }
}
