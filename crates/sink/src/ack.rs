//! [`AckTracker`]: deliveries in any order in, one rising watermark out.
//!
//! Records are counted per *segment*, a run of records that were handed to the producer together (one batch of the
//! log), because brokers acknowledge partitions independently of each other: a per-record list would cost memory
//! per record in flight and tell nothing more. The watermark is the end of the last segment of the unbroken prefix
//! of delivered ones. It only rises and never passes a gap: a record that is not delivered holds everything behind
//! it back for ever, and a failed one is never reported here at all.

use std::collections::VecDeque;

/// Names a segment. Rises by one with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(u64);

impl SegmentId {
    /// For a producer's opaque value.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Back from [`Self::get`].
    #[must_use]
    pub const fn from_raw(value: u64) -> Self {
        Self(value)
    }
}

/// A delivery that cannot be: our mistake, not the world's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} deliveries for segment {segment} of which {outstanding} are outstanding")]
pub struct UnexpectedDelivery {
    segment: u64,
    count: u64,
    outstanding: u64,
}

#[derive(Debug)]
struct Segment<P> {
    id: u64,
    outstanding: u64,
    /// Where the log stands once all of it is delivered; `None` while records are still being handed over.
    end: Option<P>,
}

/// Turns deliveries into progress. `P` is what a segment's end means: an offset, an LSN.
#[derive(Debug)]
pub struct AckTracker<P> {
    /// Id of the next segment.
    next: u64,
    segments: VecDeque<Segment<P>>,
    outstanding: u64,
}

impl<P> Default for AckTracker<P> {
    fn default() -> Self {
        Self { next: 0, segments: VecDeque::new(), outstanding: 0 }
    }
}

impl<P> AckTracker<P> {
    /// Opens the next segment.
    pub fn open(&mut self) -> SegmentId {
        let id = self.next;
        self.next += 1;
        self.segments.push_back(Segment { id, outstanding: 0, end: None });
        SegmentId(id)
    }

    /// Records of the open segment went to the producer. To be called before their delivery can be reported.
    pub fn sent(&mut self, count: u64) {
        if let Some(segment) = self.segments.back_mut() {
            segment.outstanding += count;
            self.outstanding += count;
        }
    }

    /// The open segment is complete; `end` is reached once it and all before it are delivered.
    /// Returns the watermark if that is already so.
    ///
    /// A segment without records becomes one with the segment before it: while the brokers are away, batches that make
    /// no record cost no memory.
    pub fn close(&mut self, end: P) -> Option<P> {
        if self.segments.len() > 1 {
            self.segments.pop_back_if(|open| open.outstanding == 0);
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.end = Some(end);
        }
        self.advance()
    }

    /// `count` records of the segment were delivered. Returns the watermark if it rose.
    ///
    /// # Errors
    /// More deliveries than records: the caller counts wrongly and must stop.
    pub fn delivered(
        &mut self,
        id: SegmentId,
        count: u64,
    ) -> Result<Option<P>, UnexpectedDelivery> {
        let index = self.segments.binary_search_by_key(&id.0, |segment| segment.id).ok();
        let segment = index.and_then(|i| self.segments.get_mut(i));
        let outstanding = segment.as_ref().map_or(0, |s| s.outstanding);
        match segment {
            Some(segment) if count <= outstanding => segment.outstanding -= count,
            _ => return Err(UnexpectedDelivery { segment: id.0, count, outstanding }),
        }
        self.outstanding -= count;
        Ok(self.advance())
    }

    /// Records that were sent and not delivered yet.
    #[must_use]
    pub const fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// Whether everything that was sent is delivered and every segment is complete.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.segments.is_empty()
    }

    fn advance(&mut self) -> Option<P> {
        let mut watermark = None;
        while let Some(segment) = self.segments.front_mut() {
            if segment.outstanding > 0 || segment.end.is_none() {
                break;
            }
            watermark = segment.end.take();
            self.segments.pop_front();
        }
        watermark
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gap_holds_the_watermark() {
        let mut acks = AckTracker::default();
        let first = acks.open();
        acks.sent(2);
        assert_eq!(acks.close(10), None);
        let second = acks.open();
        acks.sent(1);
        assert_eq!(acks.close(20), None);
        assert_eq!(acks.delivered(second, 1), Ok(None));
        assert_eq!(acks.delivered(first, 1), Ok(None));
        assert_eq!(acks.outstanding(), 1);
        assert_eq!(acks.delivered(first, 1), Ok(Some(20)));
        assert!(acks.is_idle());
    }

    #[test]
    fn open_segment_holds_the_watermark() {
        let mut acks = AckTracker::default();
        let id = acks.open();
        acks.sent(1);
        assert_eq!(acks.delivered(id, 1), Ok(None));
        acks.sent(1);
        assert_eq!(acks.close(5), None);
        assert_eq!(acks.delivered(id, 1), Ok(Some(5)));
    }

    #[test]
    fn segment_without_records_follows_those_before() {
        let mut acks = AckTracker::default();
        let id = acks.open();
        acks.sent(1);
        assert_eq!(acks.close(1), None);
        acks.open();
        assert_eq!(acks.close(2), None);
        assert_eq!(acks.delivered(id, 1), Ok(Some(2)));
        acks.open();
        assert_eq!(acks.close(3), Some(3));
    }

    #[test]
    fn segments_without_records_do_not_pile_up_behind_one_that_waits() {
        let mut acks = AckTracker::default();
        let id = acks.open();
        acks.sent(1);
        assert_eq!(acks.close(0), None);
        for end in 1..1000 {
            acks.open();
            assert_eq!(acks.close(end), None);
        }
        assert_eq!(acks.segments.len(), 1);
        let later = acks.open();
        acks.sent(1);
        assert_eq!(acks.close(1000), None);
        assert_eq!(acks.delivered(later, 1), Ok(None));
        assert_eq!(acks.delivered(id, 1), Ok(Some(1000)));
        assert!(acks.is_idle());
    }

    #[test]
    fn one_delivery_too_many_is_an_error() {
        let mut acks = AckTracker::<u64>::default();
        let id = acks.open();
        acks.sent(1);
        assert!(acks.delivered(id, 2).is_err());
        assert_eq!(acks.delivered(id, 1), Ok(None));
        assert!(acks.delivered(id, 1).is_err());
        assert!(acks.delivered(SegmentId::from_raw(7), 1).is_err());
    }

    proptest! {
        /// Whatever the order of deliveries: the watermark rises, and equals the longest delivered prefix.
        #[test]
        fn watermark_is_the_longest_delivered_prefix(
            sizes in prop::collection::vec(0u64..5, 1..40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            let mut acks = AckTracker::default();
            let mut left = Vec::new();
            let mut watermark = 0;
            let mut see = |seen: Option<usize>| -> Result<usize, TestCaseError> {
                if let Some(now) = seen {
                    prop_assert!(now > watermark);
                    watermark = now;
                }
                Ok(watermark)
            };
            for (i, size) in sizes.iter().enumerate() {
                let id = acks.open();
                acks.sent(*size);
                left.push((id, *size));
                see(acks.close(i + 1))?;
            }
            for pick in picks {
                let open: Vec<usize> = (0..left.len()).filter(|i| left[*i].1 > 0).collect();
                if open.is_empty() { break; }
                let at = open[pick.index(open.len())];
                left[at].1 -= 1;
                let now = see(acks.delivered(left[at].0, 1).unwrap())?;
                prop_assert_eq!(now, left.iter().take_while(|(_, n)| *n == 0).count());
            }
        }
    }
}
