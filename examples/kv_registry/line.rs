//! Lines of input, of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest line that is read, in bytes, without its end.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line and its end.
    Whole,
    /// What stood behind the last end of a line when the input ended: a line to a file, half a
    /// line to a connection that broke.
    Unended,
    /// A line that was skipped.
    TooLong,
}

/// Reads a line without its end, LF or CRLF; one that is too long is skipped. `None` at the end
/// of the input. Never holds more than the longest line.
pub(crate) async fn next_line<R: AsyncBufRead + Unpin>(
    input: &mut R,
    line: &mut Vec<u8>,
) -> io::Result<Option<Line>> {
    const LONGEST: usize = MAX_LINE + "\r\n".len();

    let mut too_long = false;
    loop {
        line.clear();
        let read = (&mut *input)
            .take(LONGEST as u64)
            .read_until(b'\n', line)
            .await?;
        if read == 0 && !too_long {
            return Ok(None);
        }
        let ended = line.ends_with(b"\n");
        if ended {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        too_long |= line.len() > MAX_LINE;
        if ended || read < LONGEST {
            return Ok(Some(match (too_long, ended) {
                (true, _) => Line::TooLong,
                (false, true) => Line::Whole,
                (false, false) => Line::Unended,
            }));
        }
    }
}
