//! A reader of lines with bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest accepted line, in bytes, without the line end.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// The result of reading a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line with a line end.
    Whole,
    /// The text between the last line end and the end of the input: a whole line if the input is a
    /// file, possibly half a line if the input is a broken connection.
    Unended,
    /// A line that was longer than [`MAX_LINE`], and was skipped.
    TooLong,
}

/// Reads a line without its end, LF or CRLF. Skips a line that is too long. Returns `None` at the
/// end of the input. Never buffers more than [`MAX_LINE`] bytes and a line end.
pub(crate) async fn next_line<R: AsyncBufRead + Unpin>(
    input: &mut R,
    line: &mut Vec<u8>,
) -> io::Result<Option<Line>> {
    const MAX_READ: usize = MAX_LINE + "\r\n".len();

    let mut too_long = false;
    loop {
        line.clear();
        let read = (&mut *input)
            .take(MAX_READ as u64)
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
        if ended || read < MAX_READ {
            return Ok(Some(match (too_long, ended) {
                (true, _) => Line::TooLong,
                (false, true) => Line::Whole,
                (false, false) => Line::Unended,
            }));
        }
    }
}
