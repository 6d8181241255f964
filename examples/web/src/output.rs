//! Lines for the terminal.
//!
//! `println!` and `eprintln!` panic if the line cannot be written, for example because the reader of a
//! pipe has exited or a disk is full. A panic would end the task, which may be a consumer of orders.

use std::fmt::Arguments;
use std::io::{self, Write};

/// Prints a line to the standard output. A write error is ignored.
pub(crate) fn say(line: Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line to the standard error. A write error is ignored.
pub(crate) fn warn(line: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
