//! Dropping any future of the crate, after any number of polls, whatever happens meanwhile: the
//! event is delivered to all subscribers or to none, nothing is lost, and no task hangs.
//!
//! [`manager::ROWS`], [`kv::ROWS`], [`handlers::ROWS`] and [`test_util::ROWS`] list every public
//! function that waits; a test reads the sources and fails if a function has no row.

mod completeness;
mod handlers;
mod kv;
mod manager;
mod test_util;

/// Names the row of a failing test.
struct OnPanic<F: Fn() -> String>(F);

impl<F: Fn() -> String> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("  in the story of {}", self.0());
        }
    }
}
