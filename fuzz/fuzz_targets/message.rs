//! `message::parse` on arbitrary bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgoutput::Cell;
use pgoutput::message::{Format, Message, parse};

const BASE: u32 = 1000;

fuzz_target!(|input: &[u8]| {
    let Some((head, message)) = input.split_first() else { return };
    let format = Format { streaming: head & 4 != 0, protocol: (head & 3) + 1 };
    let mut cells: Vec<Cell> = Vec::new();
    let Ok(parsed) = parse(message, BASE, &mut cells, format) else {
        assert!(cells.is_empty(), "cells of a broken message are left");
        return;
    };
    for cell in cells.iter().filter(|cell| cell.len > 0) {
        assert!(cell.start >= BASE);
        assert!((cell.start - BASE + cell.len) as usize <= message.len());
    }
    // Of a stream abort, 16 bytes may be left out; one byte more than either form is still an error.
    let longer = [message, b"\0"].concat();
    let again = parse(&longer, BASE, &mut Vec::new(), format);
    assert!(again.is_err(), "left-over byte accepted after {parsed:?}");
    assert!(!matches!(parsed, Message::StreamStop) || message.len() == 1);
});
