//! Writes the corpora that fuzzing starts from: the captures of real servers, in each target's input format.

use std::fs;
use std::io::{Error, Result};
use std::path::Path;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = root.join("../crates/pgoutput/tests/golden");
    for target in ["message", "assembler", "copy_row"] {
        fs::create_dir_all(root.join("corpus").join(target))?;
    }
    for entry in fs::read_dir(golden)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("hex") => seed_messages(root, &name, &fs::read_to_string(&path)?)?,
            Some("rows") => seed_rows(root, &name, &fs::read(&path)?)?,
            _ => {}
        }
    }
    Ok(())
}

/// `message`: a message a seed, after its format. `assembler`: a capture a seed, each message after start and length.
fn seed_messages(root: &Path, name: &str, text: &str) -> Result<()> {
    let bad = || Error::other(format!("{name}: not a capture"));
    let (head, body) = text.split_once('\n').ok_or_else(bad)?;
    let mut words = head.split_whitespace().skip_while(|word| *word != "proto_version");
    let protocol: u8 = words.nth(1).and_then(|word| word.parse().ok()).ok_or_else(bad)?;
    let mut streaming = false;
    let mut stream = Vec::new();
    for (index, line) in body.lines().enumerate() {
        let (lsn, hex) = line.split_once(' ').ok_or_else(bad)?;
        let lsn: pgoutput::Lsn = lsn.parse().map_err(Error::other)?;
        let message = unhex(hex).ok_or_else(bad)?;
        streaming = match message.first() {
            Some(b'S') => true,
            Some(b'E') => false,
            _ => streaming,
        };
        let format = (protocol - 1) | u8::from(streaming) << 2;
        let seed = [&[format], message.as_slice()].concat();
        fs::write(root.join(format!("corpus/message/{name}-{index}")), seed)?;
        let len = u16::try_from(message.len()).map_err(Error::other)?;
        stream.extend(lsn.get().to_be_bytes());
        stream.extend(len.to_be_bytes());
        stream.extend(message);
    }
    if protocol == 1 {
        fs::write(root.join(format!("corpus/assembler/{name}")), stream)?;
    }
    Ok(())
}

/// `copy_row`: a row a seed, after its number of columns.
fn seed_rows(root: &Path, name: &str, rows: &[u8]) -> Result<()> {
    for (index, row) in rows.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let seed = [&[3], row].concat();
        fs::write(root.join(format!("corpus/copy_row/{name}-{index}")), seed)?;
    }
    Ok(())
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}
