//! How often each row of a table came to a topic.

use crate::error::{Error, Result};

/// Counts the ids from 1 to the last.
#[derive(Debug)]
pub(crate) struct Tally {
    /// By id, the records of it.
    times: Vec<u8>,
    n_stray: u64,
}

impl Tally {
    /// Nothing came yet.
    pub(crate) fn new(last: usize) -> Self {
        Self { times: vec![0; last + 1], n_stray: 0 }
    }

    /// A record came; `None` where its key is no id.
    pub(crate) fn count(&mut self, id: Option<u64>) {
        let id = id.and_then(|id| usize::try_from(id).ok()).filter(|id| *id > 0);
        match id.and_then(|id| self.times.get_mut(id)) {
            Some(times) => *times = times.saturating_add(1),
            None => self.n_stray += 1,
        }
    }

    /// Whether the last id came.
    pub(crate) fn has_last(&self) -> bool {
        self.times.last().is_some_and(|times| *times > 0)
    }

    /// An error unless each id came exactly once, and nothing else.
    pub(crate) fn check(&self) -> Result<()> {
        let ids = self.times.iter().skip(1);
        let missing = ids.clone().filter(|times| **times == 0).count();
        let repeated = ids.clone().filter(|times| **times > 1).count();
        if missing == 0 && repeated == 0 && self.n_stray == 0 {
            return Ok(());
        }
        let (n_rows, n_stray) = (ids.len(), self.n_stray);
        Err(Error::new(format!(
            "of {n_rows} rows {missing} are missing and {repeated} repeated; {n_stray} others"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn tally(ids: &[u64]) -> Tally {
        let mut tally = Tally::new(3);
        ids.iter().for_each(|id| tally.count(Some(*id)));
        tally
    }

    #[test]
    fn each_row_once_in_any_order_passes() {
        assert!(tally(&[2, 1, 3]).check().is_ok());
    }

    #[test]
    fn missing_repeated_and_stray_records_fail() {
        assert!(tally(&[1, 3]).check().is_err());
        assert!(tally(&[1, 2, 2, 3]).check().is_err());
        assert!(tally(&[1, 2, 3, 4]).check().is_err());
        assert!(tally(&[0, 1, 2, 3]).check().is_err());
        let mut no_id = tally(&[1, 2, 3]);
        no_id.count(None);
        assert!(no_id.check().is_err());
    }

    #[test]
    fn last_is_awaited() {
        assert!(!tally(&[1, 2]).has_last());
        assert!(tally(&[3]).has_last());
    }
}
