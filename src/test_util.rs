//! For tests of what is built on events: assertions that wait a little, and a probe that records.
//!
//! What `assert_receive` is in Elixir's guide: an event that comes from another task is not there
//! at once, and a test that sleeps for it is slow or wrong. These wait until it comes, and fail
//! when it has not come in time:
//!
//! | assertion | holds if the stream | and gives |
//! |---|---|---|
//! | [`assert_next!`]`(events)` | yields an item | the item |
//! | `assert_next!(events, expected)` | yields one that `== expected` | the item |
//! | `assert_next!(events, matches Pattern if guard => value)` | yields one that matches; guard and value may be left out | `value`, or `()` |
//! | [`assert_no_event!`]`(events)` | yields nothing, and has not ended | `()` |
//! | [`assert_ended!`]`(events)` | ends | `()` |
//!
//! Each is an [`Assertion`], a future, which says how long it waits: `.await` for 100 ms as
//! `ExUnit` does, `.within(duration).await` for so long, and `.now()` not at all, also outside of
//! async code. `events` is a variable or a field that holds any `Stream + Unpin`, or a `&mut` of one,
//! and stays where it is. All but the first take a message at the end, as `assert_eq!` does.
//!
//! ```
//! use genevent::EventManager;
//! use genevent::kv::{Registry, RegistryEvent};
//! use genevent::test_util::{assert_ended, assert_next, assert_no_event};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // In a `#[tokio::test(start_paused = true)]`:
//! let registry = Registry::<u32>::new(EventManager::default());
//! let mut events = registry.events();
//!
//! let shopping = registry.create("shopping").await.unwrap();
//! let told = assert_next!(
//!     events,
//!     matches RegistryEvent::Created { name, bucket } if *name == *"shopping" => bucket
//! );
//! assert_eq!(told.await, shopping);
//! assert_no_event!(events).await; // on a paused clock: when all other tasks have nothing to do
//!
//! shopping.stop();
//! assert_next!(events, matches RegistryEvent::Exited { .. }).await;
//! drop(registry);
//! assert_ended!(events).await;
//! # }
//! ```
//!
//! A [`Probe`] records what a handler or a stream has seen, in order, to be asked at any time.
//!
//! # When one fails
//! It panics with the line of the assertion, what it expected and what came instead:
//!
//! ```text
//! thread 'it_cooks' panicked at tests/kitchen.rs:12:5:
//! assert_next!(orders)
//!  expected: "tea"
//!      came: "coffee"
//!    within: 100ms
//! ```
//!
//! Items are shown by their `Debug`, which is not asked for: an item that has none is shown by the
//! name of its type, and so is one of a generic type of which no `Debug` is known.
//!
//! # Clocks and runtimes
//! Inside of a tokio runtime, time is tokio's (feature `rt`). On a
//! [paused clock](https://docs.rs/tokio/latest/tokio/time/fn.pause.html) no real time passes: it
//! moves on when no task has anything left to do, so `assert_no_event!(events).await` says just
//! that, and moves the clock on by 100 ms. Elsewhere, under any other executor or without feature
//! `rt`, it is the system's clock: while an assertion waits, a thread of its own keeps its time.
//!
//! An assertion that is asked with `now()`, or given no time, looks at the stream once. It finds
//! what is there also when the task has used up its budget of tokio's.
//!
//! # What asking does
//! An assertion polls the stream. So it finishes with the event that was yielded before, as
//! anyone does who comes back for the next; also [`assert_no_event!`], which takes nothing else. It
//! polls no more once the stream has yielded something or ended.

mod assertion;
mod check;
mod macros;
mod probe;
mod shown;
mod timer;

#[doc(inline)]
pub use crate::{assert_ended, assert_next, assert_no_event};
pub use assertion::{Assertion, Check};
pub use probe::{Probe, WaitFor};

/// What the macros are made of.
#[doc(hidden)]
pub mod hidden {
    pub use super::check::{Lend, ended, equal, next, pending};
    pub use super::shown::{Opaque, Shown, WithDebug};
}
