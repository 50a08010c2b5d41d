//! What the parser makes of the server's bytes, however they are cut.

use tokio::net::UnixStream;

use super::*;
use crate::batch::Event;
use crate::wire::Socket;

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&[tag], len.to_be_bytes().as_slice(), body].concat()
}

fn keepalive(end: u64, reply: bool) -> Vec<u8> {
    frame(b'd', &[b"k", end.to_be_bytes().as_slice(), &[0; 8], &[u8::from(reply)]].concat())
}

fn message(start: u64, content: &[u8]) -> Vec<u8> {
    let mut body = vec![b'M', 0];
    body.extend_from_slice(&start.to_be_bytes());
    body.extend_from_slice(b"prefix\0");
    body.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
    body.extend_from_slice(content);
    let lsn = start.to_be_bytes();
    frame(b'd', &[b"w", lsn.as_slice(), &lsn, &[0; 8], &body].concat())
}

fn link() -> (Link, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Link::new(Socket::Unix(ours), "test".to_owned(), Lsn::new(1), Duration::from_secs(60)), theirs)
}

fn parser() -> Parser {
    Parser { buf: BytesMut::new(), assembler: Assembler::new() }
}

fn take(parser: &mut Parser, link: &mut Link) -> Result<Batch> {
    let mut batch = Batch { bytes: parser.take_frames()?, ..Batch::default() };
    let bytes = batch.bytes.clone();
    let relation = parser.parse(&bytes, &mut 0, &mut batch, link)?;
    assert!(relation.is_none());
    Ok(batch)
}

#[tokio::test]
async fn events_do_not_depend_on_how_the_bytes_are_cut() {
    let wire = [message(5, b"one"), keepalive(6, true), message(7, b"two")].concat();
    for size in 1..=wire.len() {
        let (mut link, _theirs) = link();
        let mut parser = parser();
        let mut seen = Vec::new();
        for piece in wire.chunks(size) {
            parser.buf.extend_from_slice(piece);
            for event in take(&mut parser, &mut link).unwrap().events {
                seen.push(match event {
                    Event::Message { content, .. } => String::from_utf8(content.to_vec()).unwrap(),
                    Event::Idle { lsn, reply } => format!("{lsn} {reply}"),
                    other => panic!("{other:?}"),
                });
            }
        }
        assert_eq!(seen, ["one", "0/6 true", "two"], "in pieces of {size}");
        assert_eq!(link.position(), Lsn::new(7));
        assert!(parser.buf.is_empty());
    }
}

#[tokio::test]
async fn content_of_a_message_is_not_copied() {
    let (mut link, _theirs) = link();
    let mut parser = parser();
    parser.buf.extend_from_slice(&message(5, b"content"));
    let batch = take(&mut parser, &mut link).unwrap();
    let [Event::Message { content, .. }] = batch.events.as_slice() else { panic!("one message") };
    assert!(batch.bytes.as_ptr_range().contains(&content.as_ptr()));
}

#[tokio::test]
async fn leave_of_the_server_ends_the_stream_at_once() {
    let end = |wire: Vec<u8>| {
        let (mut link, _theirs) = link();
        let mut parser = parser();
        parser.buf.extend_from_slice(&keepalive(9, false));
        parser.buf.extend_from_slice(&wire);
        take(&mut parser, &mut link).unwrap_err()
    };
    for wire in [frame(b'c', b""), frame(b'C', b"COPY 0\0"), frame(b'Z', b"I")] {
        assert!(matches!(end(wire), Error::StreamEnded(lsn) if lsn == Lsn::new(9)));
    }
    let shutdown = frame(b'E', b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0");
    let error = end(shutdown);
    assert_eq!(error.sqlstate(), Some("57P01"));
    assert!(error.is_transient());
}

#[tokio::test]
async fn unknown_is_an_error() {
    for wire in [
        frame(b'q', b""),
        frame(b'd', b""),
        frame(b'd', b"x"),
        frame(b'd', b"k\0"),
        frame(b'd', &[b'w'; 24]),
        frame(b'd', &[b'k'; 19]),
    ] {
        let (mut link, _theirs) = link();
        let mut parser = parser();
        parser.buf.extend_from_slice(&wire);
        assert!(matches!(take(&mut parser, &mut link), Err(Error::Protocol(_))), "{wire:?}");
    }
}

#[tokio::test]
async fn huge_frame_reserves_no_more_than_comes() {
    let mut parser = parser();
    let header = 0x3000_0000_u32.to_be_bytes();
    parser.buf.extend_from_slice(&[b'd', header[0], header[1], header[2], header[3]]);
    for _ in 0..4 {
        assert!(parser.take_frames().unwrap().is_empty());
        parser.make_room();
        parser.buf.extend_from_slice(&[0; 1024]);
    }
    assert!(parser.buf.capacity() <= 2 * READ_BYTES, "{}", parser.buf.capacity());
}

/// What is written into the link's socket, until `count` updates are there.
async fn updates(theirs: &mut UnixStream, count: usize) -> Vec<u64> {
    use tokio::io::AsyncReadExt as _;
    let mut all = Vec::new();
    for _ in 0..count {
        let mut update = [0; status::UPDATE_LEN];
        theirs.read_exact(&mut update).await.unwrap();
        all.push(u64::from_be_bytes(*update[14..].first_chunk().unwrap()));
    }
    all
}

#[tokio::test]
async fn updates_go_on_while_something_else_is_awaited() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let interval = Duration::from_millis(10);
    let mut link = Link::new(Socket::Unix(ours), "test".to_owned(), Lsn::new(100), interval);
    let (confirm, confirmed) = watch::channel(Lsn::INVALID);
    let stop = CancellationToken::new();
    link.follow(confirmed, stop.clone());
    let waiting = tokio::spawn(async move {
        let outcome = link.until(std::future::pending::<()>()).await;
        (link, outcome)
    });
    assert_eq!(updates(&mut theirs, 3).await, [0, 0, 0]);
    confirm.send_replace(Lsn::new(50));
    loop {
        match updates(&mut theirs, 1).await.as_slice() {
            [0] => {}
            other => break assert_eq!(other, [50]),
        }
    }
    drop(confirm);
    assert_eq!(
        updates(&mut theirs, 2).await,
        [50, 50],
        "a closed watch confirms no more and spins no loop"
    );
    stop.cancel();
    let (link, outcome) = waiting.await.unwrap();
    assert!(matches!(outcome, Ok(None)));
    assert_eq!(link.progress().flushed(), Lsn::new(50));
}
