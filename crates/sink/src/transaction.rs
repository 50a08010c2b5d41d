//! `provide.transaction.metadata`: how the events of the open transaction are counted.

use std::sync::Arc;

use pgoutput::Lsn;

/// Which event of its transaction a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Among all of the transaction, from 1.
    pub total: u64,
    /// Among those of its table, from 1.
    pub in_collection: u64,
}

/// The events of one transaction so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    total: u64,
    collections: Vec<(Arc<str>, u64)>,
}

impl Counts {
    /// One more event of that table.
    pub fn count(&mut self, collection: &Arc<str>) -> Order {
        self.total += 1;
        let known = |(name, _): &&mut (Arc<str>, u64)| {
            Arc::ptr_eq(name, collection) || **name == **collection
        };
        let in_collection = match self.collections.iter_mut().rev().find(known) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.collections.push((Arc::clone(collection), 1));
                1
            }
        };
        Order { total: self.total, in_collection }
    }

    /// The last `events` of that table became no records.
    pub fn take_back(&mut self, collection: &Arc<str>, events: u64) {
        self.total = self.total.saturating_sub(events);
        if let Some((_, count)) = self.collections.iter_mut().find(|(name, _)| name == collection) {
            *count = count.saturating_sub(events);
        }
        self.collections.retain(|(_, count)| *count > 0);
    }

    /// One more logical message: a collection of its own.
    pub fn count_message(&mut self, lsn: Lsn) -> Order {
        self.total += 1;
        self.collections.push((message_collection(lsn), 1));
        Order { total: self.total, in_collection: 1 }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Tables and their counts, in the order of the Java map that Debezium counts in.
    #[must_use]
    pub fn in_java_order(&self) -> Vec<(Arc<str>, u64)> {
        let mut buckets = 16_usize;
        while self.collections.len() > buckets / 4 * 3 {
            buckets *= 2;
        }
        let mask = u32::try_from(buckets - 1).unwrap_or(u32::MAX);
        let mut ordered = self.collections.clone();
        ordered.sort_by_key(|(name, _)| spread_hash(name) & mask);
        ordered
    }
}

/// Java's `String.hashCode`, spread as `HashMap` does.
fn spread_hash(text: &str) -> u32 {
    let hash = text
        .encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

/// What Debezium calls the collection of a logical message, each its own: the text of a Java object, whose hash is
/// another each time. Here it is made of the message's position.
fn message_collection(lsn: Lsn) -> Arc<str> {
    let id = lsn.get() & u64::from(u32::MAX);
    format!(
        "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@{id:x}"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_in_all_and_by_table() {
        let mut counts = Counts::default();
        let (a, b): (Arc<str>, Arc<str>) = ("public.a".into(), "public.b".into());
        let orders = [&a, &b, &a, &"public.a".into()].map(|name| counts.count(name));
        let pairs = orders.map(|order| (order.total, order.in_collection));
        assert_eq!(pairs, [(1, 1), (2, 1), (3, 2), (4, 3)]);
        assert_eq!(counts.total(), 4);
        assert_eq!(counts.in_java_order(), [(Arc::clone(&a), 3), (Arc::clone(&b), 1)]);
        counts.take_back(&b, 1);
        counts.take_back(&a, 1);
        assert_eq!((counts.total(), counts.in_java_order()), (2, vec![(a, 2)]));
    }
}
