//! TCP ports of 127.0.0.1.

use std::net::TcpListener;

use crate::error::{Error, Result};

/// Below Linux's ephemeral range (32768 on): there, somebody's outgoing connection could take the port of a broker
/// that a test has stopped.
const RANGE: std::ops::Range<u16> = 20000..32000;

/// Whether nobody listens there.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// `wanted` where it is free and not `taken`, else any that is.
pub(crate) fn choose(wanted: Option<u16>, taken: &mut Vec<u16>) -> Result<u16> {
    // Two that choose at the same time begin at different places.
    let offset = std::process::id().wrapping_mul(37) % u32::from(RANGE.end - RANGE.start);
    let offset = u16::try_from(offset).unwrap_or_default();
    let candidates = (RANGE.start + offset..RANGE.end).chain(RANGE.start..RANGE.start + offset);
    let port = wanted
        .into_iter()
        .chain(candidates)
        .find(|port| !taken.contains(port) && is_free(*port))
        .ok_or_else(|| Error::new("no free port of 127.0.0.1"))?;
    taken.push(port);
    Ok(port)
}
