//! `copy::parse_text_row` on arbitrary rows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgoutput::copy::parse_text_row;

const BASE: u32 = 1000;

fuzz_target!(|input: &[u8]| {
    let Some((&columns, row)) = input.split_first() else { return };
    let mut row = row.to_vec();
    let mut cells = Vec::new();
    let Ok(tuple) = parse_text_row(&mut row, BASE, &mut cells, usize::from(columns)) else {
        assert!(cells.is_empty(), "cells of a broken row are left");
        return;
    };
    assert_eq!(
        (tuple.first, tuple.len, cells.len()),
        (0, u32::from(columns), usize::from(columns))
    );
    let mut end = BASE;
    for cell in cells.iter().filter(|cell| cell.start > 0) {
        assert!(cell.start >= end, "cells overlap");
        end = cell.start + cell.len;
        assert!((end - BASE) as usize <= row.len());
    }
});
