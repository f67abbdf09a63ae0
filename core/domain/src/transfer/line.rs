//! Lines of a file, one at a time, none longer than memory allows.

use std::io::{self, BufRead, Read};

/// The longest line: 64 MiB.
pub const LINE_BYTES: u64 = 64 << 20;

/// One line without its end.
pub(super) enum Line {
    Text {
        bytes: Vec<u8>,
        read: u64,
    },
    /// Longer than allowed; the rest of it was skipped.
    TooLong {
        read: u64,
    },
}

/// The next line, or `None` at the end.
pub(super) fn next(reader: &mut impl BufRead, limit: u64) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    let mut read = reader.by_ref().take(limit + 1).read_until(b'\n', &mut bytes)? as u64;
    if read == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if read > limit {
        drop(bytes);
        read += reader.skip_until(b'\n')? as u64;
        return Ok(Some(Line::TooLong { read }));
    }
    Ok(Some(Line::Text { bytes, read }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_read() {
        let mut reader = io::Cursor::new(b"12345\n123456\nx".to_vec());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut reader, 5).expect("memory is readable") {
            lines.push(match line {
                Line::Text { bytes, read } => (String::from_utf8(bytes).expect("ASCII"), read),
                Line::TooLong { read } => ("(too long)".to_owned(), read),
            });
        }
        assert_eq!(lines, [("12345".to_owned(), 6), ("(too long)".to_owned(), 7), ("x".to_owned(), 1)]);
    }
}
