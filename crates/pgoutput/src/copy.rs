//! One row of `COPY … TO STDOUT` in text format: how a snapshot reads tables.
//!
//! A row is its columns, each but the last followed by a tab, and a newline. `\N` is NULL; the server writes
//! backslash, tab and the control characters that have a letter as a backslash and that letter, and nothing else so
//! (`CopyAttributeOutText` in `src/backend/commands/copyto.c`; manual, COPY, "Text Format"). A value is never longer
//! unescaped than escaped, so that unescaping needs no other memory.

use memchr::{memchr, memchr2_iter};

use crate::batch::{Cell, CellKind, Tuple};
use crate::error::{Error, Result};

/// How a row is wrong, and where.
struct Flaw {
    at: usize,
    what: &'static str,
}

/// Parses one row of `columns` columns, as one `CopyData` brings it, whose bytes lie at offset `base` of their
/// batch. Unescapes in place; `cells` gets a cell a column, and after an error is as it was (the row is then not).
///
/// # Errors
///
/// [`Error::Protocol`] when the row has fewer or more columns, does not end with its only newline, holds an escape
/// that the server does not write, or does not fit the 32 bits of a batch.
pub fn parse_text_row(
    row: &mut [u8],
    base: u32,
    cells: &mut Vec<Cell>,
    columns: usize,
) -> Result<Tuple> {
    let n_cells = cells.len();
    let parsed = parse(row, base, cells, columns);
    if parsed.is_err() {
        cells.truncate(n_cells);
    }
    parsed.map_err(|flaw| {
        let (at, len) = (flaw.at, row.len());
        let what = flaw.what;
        Error::Protocol(format!("copied row of {columns} columns, byte {at} of {len}: {what}"))
    })
}

fn parse(row: &mut [u8], base: u32, cells: &mut Vec<Cell>, columns: usize) -> Result<Tuple, Flaw> {
    const TOO_LARGE: Flaw = Flaw { at: 0, what: "it does not fit into a batch" };

    let end = u32::try_from(row.len()).ok().and_then(|len| base.checked_add(len));
    let tuple = Tuple {
        first: u32::try_from(cells.len()).ok().ok_or(TOO_LARGE)?,
        len: u32::try_from(columns).ok().ok_or(TOO_LARGE)?,
    };
    if end.is_none() || tuple.first.checked_add(tuple.len).is_none() {
        return Err(TOO_LARGE);
    }
    // Every column ends with a byte of its own; a row without columns is its newline.
    if row.len() < columns.max(1) {
        return Err(Flaw { at: row.len(), what: "it is too short" });
    }
    if columns == 0 {
        return if *row == *b"\n" {
            Ok(tuple)
        } else {
            Err(Flaw { at: 0, what: "it has columns" })
        };
    }
    cells.reserve(columns);
    let mut fields = Fields { base, cells, left: columns };
    match memchr(b'\\', row) {
        None => plain(row, &mut fields)?,
        Some(_) => escaped(row, &mut fields)?,
    }
    Ok(tuple)
}

/// Where fields go.
struct Fields<'a> {
    base: u32,
    cells: &'a mut Vec<Cell>,
    /// How many columns the row still must have.
    left: usize,
}

impl Fields<'_> {
    /// Takes the value at `start`, of `len` bytes, whose delimiter is at `at`.
    fn push_text(&mut self, start: usize, len: usize, at: usize) -> Result<(), Flaw> {
        let narrow = |value| u32::try_from(value).ok();
        let cell = narrow(start)
            .and_then(|start| self.base.checked_add(start))
            .zip(narrow(len))
            .map(|(start, len)| Cell { kind: CellKind::Text, start, len });
        self.push(cell.ok_or(Flaw { at, what: "it does not fit into a batch" })?, at)
    }

    /// Takes a NULL whose delimiter is at `at`.
    fn push_null(&mut self, at: usize) -> Result<(), Flaw> {
        self.push(Cell { kind: CellKind::Null, start: 0, len: 0 }, at)
    }

    fn push(&mut self, cell: Cell, at: usize) -> Result<(), Flaw> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(Flaw { at, what: "it has more columns" });
        };
        self.left = left;
        self.cells.push(cell);
        Ok(())
    }

    /// The newline at `at` must be the last byte and end the last column.
    const fn finish(&self, at: usize, len: usize) -> Result<(), Flaw> {
        if at + 1 != len {
            return Err(Flaw { at, what: "a newline inside the row" });
        }
        if self.left != 0 {
            return Err(Flaw { at, what: "it has fewer columns" });
        }
        Ok(())
    }
}

/// A row without a backslash: nothing to unescape, no NULL.
fn plain(row: &[u8], fields: &mut Fields<'_>) -> Result<(), Flaw> {
    let mut start = 0;
    for at in memchr2_iter(b'\t', b'\n', row) {
        fields.push_text(start, at - start, at)?;
        if row.get(at) == Some(&b'\n') {
            return fields.finish(at, row.len());
        }
        start = at + 1;
    }
    Err(Flaw { at: row.len(), what: "it does not end with a newline" })
}

/// A row with escapes. `from` reads, `to` writes and is never ahead.
fn escaped(row: &mut [u8], fields: &mut Fields<'_>) -> Result<(), Flaw> {
    let (mut start, mut from, mut to) = (0, 0, 0);
    let mut null = false;
    while let Some(&byte) = row.get(from) {
        let at = from;
        from += 1;
        let value = match byte {
            b'\t' | b'\n' => {
                if null {
                    fields.push_null(at)?;
                } else {
                    fields.push_text(start, to - start, at)?;
                }
                if byte == b'\n' {
                    return fields.finish(at, row.len());
                }
                (start, to, null) = (from, from, false);
                continue;
            }
            _ if null => return Err(Flaw { at, what: "more after the NULL marker" }),
            b'\\' => {
                let letter = row.get(from).copied();
                from += 1;
                if letter == Some(b'N') && at == start {
                    null = true;
                    continue;
                }
                let unknown = Flaw { at, what: "an escape that COPY does not write" };
                letter.and_then(unescape).ok_or(unknown)?
            }
            _ => byte,
        };
        if let Some(place) = row.get_mut(to) {
            *place = value;
        }
        to += 1;
    }
    Err(Flaw { at: row.len(), what: "it does not end with a newline" })
}

/// What a backslash and this letter stand for.
const fn unescape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        b'\\' => b'\\',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Datum, Row};
    use crate::message::golden::{directory, unhex};
    use proptest::prelude::{any, prop, proptest};

    /// The row's values, or the error's text.
    fn check(row: &[u8], columns: usize) -> Result<Vec<Option<Vec<u8>>>, String> {
        let mut bytes = [b"before".as_slice(), row].concat();
        let mut cells = vec![Cell { kind: CellKind::Null, start: 0, len: 0 }];
        let parsed = parse_text_row(&mut bytes[6..], 6, &mut cells, columns);
        let tuple = parsed.map_err(|error| {
            assert_eq!(cells.len(), 1, "cells of a broken row are left");
            error.to_string()
        })?;
        assert_eq!((tuple.first, tuple.len as usize, cells.len()), (1, columns, columns + 1));
        let row = Row::new(&bytes, &cells[1..]);
        let value = |index| match row.get(index) {
            Datum::Null => None,
            Datum::Text(text) => Some(text.to_vec()),
            other => panic!("{other:?}"),
        };
        Ok((0..columns).map(value).collect())
    }

    /// What `COPY … TO STDOUT` writes for these values.
    fn encode(values: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut row = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                row.push(b'\t');
            }
            match value {
                None => row.extend(b"\\N"),
                Some(value) => value.iter().for_each(|&byte| match byte {
                    0x08 => row.extend(b"\\b"),
                    0x0C => row.extend(b"\\f"),
                    b'\n' => row.extend(b"\\n"),
                    b'\r' => row.extend(b"\\r"),
                    b'\t' => row.extend(b"\\t"),
                    0x0B => row.extend(b"\\v"),
                    b'\\' => row.extend(b"\\\\"),
                    _ => row.push(byte),
                }),
            }
        }
        row.push(b'\n');
        row
    }

    #[test]
    fn rows_as_the_server_writes_them() {
        let some = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(check(b"1\tone\n", 2).unwrap(), [some("1"), some("one")]);
        assert_eq!(check(b"\\N\t\t\\N\n", 3).unwrap(), [None, some(""), None]);
        assert_eq!(
            check(b"a\\tb\\\\N\\n\tplain\n", 2).unwrap(),
            [some("a\tb\\N\n"), some("plain")]
        );
        assert_eq!(check(b"\n", 1).unwrap(), [some("")]);
        assert_eq!(check(b"\n", 0).unwrap(), []);
        assert_eq!(check(b"\\\\N\n", 1).unwrap(), [some("\\N")]);
    }

    #[test]
    fn null_lies_nowhere() {
        let mut cells = Vec::new();
        let mut row = *b"\\t\t\\N\n";
        parse_text_row(&mut row, 1000, &mut cells, 2).unwrap();
        let null = Cell { kind: CellKind::Null, start: 0, len: 0 };
        assert_eq!(cells.last(), Some(&null));
    }

    #[test]
    fn rows_that_the_server_does_not_write() {
        for (row, columns, what) in [
            (b"1\n".as_slice(), 2, "fewer columns"),
            (b"1\t\\N\n", 3, "fewer columns"),
            (b"1\t2\n", 1, "more columns"),
            (b"\\N\t2\n", 1, "more columns"),
            (b"1", 1, "does not end"),
            (b"\\t", 1, "does not end"),
            (b"", 1, "too short"),
            (b"", 0, "too short"),
            (b"x\n", 0, "has columns"),
            (b"1\n\n", 1, "newline inside"),
            (b"\\t\n\n", 1, "newline inside"),
            (b"\\.\n", 1, "escape"),
            (b"\\x41\n", 1, "escape"),
            (b"a\\N\n", 1, "escape"),
            (b"a\\", 1, "escape"),
            (b"\\Nx\n", 1, "NULL marker"),
            (b"\\N\\N\n", 1, "NULL marker"),
            (b"1\n", usize::MAX, "does not fit"),
            (b"1\n", 1 << 20, "too short"),
        ] {
            let error = check(row, columns).unwrap_err();
            assert!(error.contains(what), "{row:?}: {error}");
        }
    }

    #[test]
    fn captured_rows_have_the_values_that_the_server_says() {
        let mut n_rows = 0;
        for entry in std::fs::read_dir(directory()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rows") {
                continue;
            }
            let rows = std::fs::read(&path).unwrap();
            let values = std::fs::read_to_string(path.with_extension("values")).unwrap();
            let mut rows = rows.split_inclusive(|byte| *byte == b'\n');
            for line in values.lines() {
                let value = |word: &str| (word != "null").then(|| unhex(word));
                let expected: Vec<_> = line.split(' ').map(value).collect();
                let row = rows.next().unwrap();
                assert_eq!(check(row, 3).unwrap(), expected, "{path:?}: {}", row.escape_ascii());
                assert_eq!(encode(&expected), row);
                n_rows += 1;
            }
            assert_eq!(rows.next(), None);
        }
        assert_eq!(n_rows, 5 * 137);
    }

    #[test]
    fn a_row_past_the_32_bits_of_its_batch_is_an_error() {
        let mut row = *b"1\n";
        assert!(parse_text_row(&mut row, u32::MAX - 1, &mut Vec::new(), 1).is_err());
        assert!(parse_text_row(&mut row, u32::MAX - 2, &mut Vec::new(), 1).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_parsed(
            values in prop::collection::vec(prop::option::of(prop::collection::vec(
                prop::sample::select(b"\x08\x0C\n\r\t\x0B\\Nab\xD1\x8F".to_vec()), 0..6)), 0..6)
        ) {
            proptest::prop_assert_eq!(check(&encode(&values), values.len()), Ok(values));
        }

        #[test]
        fn arbitrary_rows_do_not_panic_and_mean_one_thing(
            row in prop::collection::vec(
                prop::sample::select(b"\n\n\t\t\\\\\\Nabn\x00\xFF".to_vec()), 0..12),
            columns in 0..5_usize, noise in any::<u8>()
        ) {
            let mut row = row;
            row.push(noise);
            if let Ok(values) = check(&row, columns) {
                proptest::prop_assert_eq!(encode(&values), row);
            }
        }
    }
}
