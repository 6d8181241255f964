//! Results of running user code.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::util::panic_guard::drop_payload;

/// Result of running a future of the user.
pub(super) enum Outcome<T> {
    Done(T),
    /// The user code panicked, with this message.
    Panicked(String),
    Aborted,
}

/// Result of handling one event.
pub(super) type Handled = Outcome<ControlFlow<()>>;

/// Runs user code and returns the message of a panic as an error.
pub(super) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).to_owned()),
            None => payload.downcast_ref::<String>().cloned(),
        };
        drop_payload(payload);
        message.unwrap_or_else(|| "a value that is no message".to_owned())
    })
}
