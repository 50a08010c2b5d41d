//! What we tell the server about our progress: pure.

use crate::lsn::Lsn;

/// Length of a status update with its frame.
pub(super) const UPDATE_LEN: usize = 39;

/// Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
const POSTGRES_EPOCH_US: u64 = 946_684_800_000_000;

/// How far we are. `flushed` is never ahead of `received`, and neither ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    received: Lsn,
    flushed: Lsn,
}

impl Status {
    pub(super) const fn new(start: Lsn) -> Self {
        Self { received: start, flushed: Lsn::INVALID }
    }

    pub(super) const fn position(self) -> Lsn {
        self.received
    }

    pub(super) const fn flushed(self) -> Lsn {
        self.flushed
    }

    /// The server has sent up to here.
    pub(super) fn receive(&mut self, lsn: Lsn) {
        self.received = self.received.max(lsn);
    }

    /// Somebody vouches for everything up to here. Whether that says more than before.
    pub(super) fn confirm(&mut self, lsn: Lsn) -> bool {
        let flushed = self.flushed.max(lsn.min(self.received));
        std::mem::replace(&mut self.flushed, flushed) != flushed
    }

    /// The update as it goes over the wire; `now_us` since the Unix epoch.
    pub(super) fn encode(self, now_us: u64) -> [u8; UPDATE_LEN] {
        let mut out = [0; UPDATE_LEN];
        let clock = now_us.saturating_sub(POSTGRES_EPOCH_US).to_be_bytes();
        let received = self.received.get().to_be_bytes();
        let flushed = self.flushed.get().to_be_bytes();
        // CopyData, its length without the tag, 'r', received, flushed, applied, clock; the last byte asks for no
        // reply.
        let fields: [&[u8]; 7] =
            [b"d", &38_u32.to_be_bytes(), b"r", &received, &flushed, &flushed, &clock];
        for (to, from) in out.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushed_stays_behind_received_and_never_falls() {
        let mut status = Status::new(Lsn::new(100));
        assert!(status.confirm(Lsn::new(500)));
        assert_eq!(status.flushed(), Lsn::new(100), "no more than received");
        status.receive(Lsn::new(300));
        assert_eq!(status.flushed(), Lsn::new(100), "received confirms nothing");
        assert!(status.confirm(Lsn::new(250)));
        assert!(!status.confirm(Lsn::new(200)));
        status.receive(Lsn::new(50));
        assert_eq!((status.position(), status.flushed()), (Lsn::new(300), Lsn::new(250)));
    }

    #[test]
    fn update_is_laid_out_as_the_protocol_says() {
        let mut status = Status::new(Lsn::new(0x0102));
        status.confirm(Lsn::new(0x0101));
        let update = status.encode(POSTGRES_EPOCH_US + 0x0304);
        assert_eq!(update[..6], *b"d\0\0\0\x26r");
        assert_eq!(update[6..14], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(update[14..22], [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(update[22..30], [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(update[30..], [0, 0, 0, 0, 0, 0, 3, 4, 0]);
    }
}
