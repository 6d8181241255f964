//! Dropping any future of the crate, after any number of polls, whatever happens meanwhile:
//! delivered to all or to none, nothing lost, nobody left hanging.
//!
//! [`manager::ROWS`], [`kv::ROWS`], [`handlers::ROWS`] and [`kit::ROWS`] list every public function
//! that waits; a test reads the sources and fails if one is missing. Whoever adds a function adds
//! its row.

mod complete;
mod handlers;
mod kit;
mod kv;
mod manager;

/// Says where it happened, if it happens.
struct OnPanic<F: Fn() -> String>(F);

impl<F: Fn() -> String> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("  in the story of {}", self.0());
        }
    }
}
