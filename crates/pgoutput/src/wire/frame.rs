//! Frames of the v3 protocol: a tag, a length, a body.

use postgres_protocol::message::backend::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Socket, explain, fault};
use crate::error::{Error, Result};
use bytes::BytesMut;

/// Tag and length.
const HEADER_LEN: usize = 5;
/// Longest frame: the server cannot build a larger one (its `MaxAllocSize`, 1 GiB).
const FRAME_LEN_MAX: usize = 0x4000_0000;
/// Longest frame outside of a stream: rows of small queries, errors.
const CONTROL_LEN_MAX: usize = 0x10_0000;
/// `CopyBothResponse`, which [`Message`] does not know.
const COPY_BOTH: u8 = b'W';

/// A complete frame at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it is.
    pub(crate) tag: u8,
    /// Its content.
    pub(crate) body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// How far the body lies from the frame's start.
    pub(crate) const BODY: usize = HEADER_LEN;

    /// The frame at the start of `input`; `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a length that no server sends.
    pub(crate) fn parse(input: &'a [u8]) -> Result<Option<Self>> {
        let Some((&[tag, a, b, c, d], rest)) = input.split_first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let len = body_len(tag, u32::from_be_bytes([a, b, c, d]), FRAME_LEN_MAX)?;
        Ok(rest.get(..len).map(|body| Self { tag, body }))
    }

    /// Its length with the header.
    pub(crate) const fn len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }
}

/// The length of the body from the length of the frame, which counts itself.
fn body_len(tag: u8, len: u32, max: usize) -> Result<usize> {
    usize::try_from(len)
        .ok()
        .and_then(|len| len.checked_sub(4))
        .filter(|len| *len <= max)
        .ok_or_else(|| {
            Error::Protocol(format!("frame {:?} of impossible length {len}", char::from(tag)))
        })
}

/// What the server says while no stream runs.
pub(crate) enum Reply {
    /// An ordinary message; never an error or a notice.
    Message(Message),
    /// The stream is open.
    CopyBoth,
}

/// A connection that speaks the protocol: what is read but not yet used stays in `buf`.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) buf: BytesMut,
    pub(crate) address: String,
    /// Major version of the server, once it said so.
    pub(crate) server_major: u32,
}

impl Connection {
    pub(crate) fn io(&self, source: std::io::Error) -> Error {
        Error::Io { address: self.address.clone(), source: explain(source) }
    }

    /// Writes whole frames.
    pub(crate) async fn send(&mut self, frames: &[u8]) -> Result<()> {
        let sent = async {
            self.socket.write_all(frames).await?;
            self.socket.flush().await
        };
        sent.await.map_err(|e| self.io(e))
    }

    /// The next message but notices, parameters and notifications. An error of the server is an error here, said
    /// to have come of `action`.
    pub(crate) async fn receive(&mut self, action: &str) -> Result<Reply> {
        loop {
            if let Some(&[tag, a, b, c, d]) = self.buf.first_chunk::<HEADER_LEN>() {
                let body = body_len(tag, u32::from_be_bytes([a, b, c, d]), CONTROL_LEN_MAX)?;
                if self.buf.len() >= HEADER_LEN + body {
                    match self.take(tag, HEADER_LEN + body, action)? {
                        Some(reply) => return Ok(reply),
                        None => continue,
                    }
                }
            }
            let count = self.socket.read_buf(&mut self.buf).await.map_err(|e| self.io(e))?;
            if count == 0 {
                return Err(self.io(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Takes the complete frame at the start of the buffer.
    fn take(&mut self, tag: u8, len: usize, action: &str) -> Result<Option<Reply>> {
        if tag == COPY_BOTH {
            drop(self.buf.split_to(len));
            return Ok(Some(Reply::CopyBoth));
        }
        let message = Message::parse(&mut self.buf).map_err(|e| {
            Error::Protocol(format!("{action}: message {:?}: {e}", char::from(tag)))
        })?;
        match message {
            Some(Message::ErrorResponse(body)) => Err(fault::from_fields(action, body.fields())),
            Some(Message::ParameterStatus(body)) => {
                if matches!(body.name(), Ok("server_version")) {
                    self.server_major = body.value().ok().map_or(0, major);
                }
                Ok(None)
            }
            Some(Message::NoticeResponse(_) | Message::NotificationResponse(_)) | None => Ok(None),
            Some(message) => Ok(Some(Reply::Message(message))),
        }
    }
}

/// The major version at the start of `server_version`: 15 of "15.4 (Debian 15.4-1)", 17 of "17beta1".
pub(crate) fn major(version: &str) -> u32 {
    let digits = version.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |major, digit| major.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_is_whole_or_not_there() {
        let bytes = b"d\0\0\0\x06xyz";
        for len in 0..7 {
            assert_eq!(Frame::parse(&bytes[..len]).unwrap(), None, "{len} bytes");
        }
        let frame = Frame::parse(bytes).unwrap().unwrap();
        assert_eq!((frame.tag, frame.body, frame.len()), (b'd', b"xy".as_slice(), 7));
    }

    #[test]
    fn impossible_length_is_refused_before_its_bytes_come() {
        for len in [0_u32, 3, 0x4000_0005, u32::MAX] {
            let mut bytes = vec![b'd'];
            bytes.extend_from_slice(&len.to_be_bytes());
            assert!(Frame::parse(&bytes).is_err(), "{len}");
        }
    }

    #[test]
    fn major_version_is_the_leading_number() {
        assert_eq!(
            [major("15.4 (Debian)"), major("17beta1"), major("9.6.1"), major("x")],
            [15, 17, 9, 0]
        );
    }
}
