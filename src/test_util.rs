//! Tools for tests of event-driven code: assertions with a short wait, and a recording probe.
//!
//! An event from another task does not arrive at once, and a test with a sleep for the event is
//! slow or wrong. The assertions wait until the event arrives, and fail after a time limit, like
//! `assert_receive` in Elixir's guide:
//!
//! | assertion | holds if the stream | result |
//! |---|---|---|
//! | [`assert_next!`]`(events)` | yields an item | the item |
//! | `assert_next!(events, expected)` | yields an item that `== expected` | the item |
//! | `assert_next!(events, matches Pattern if guard => value)` | yields an item that matches; guard and value are optional | `value`, or `()` |
//! | [`assert_no_event!`]`(events)` | yields nothing, and has not ended | `()` |
//! | [`assert_ended!`]`(events)` | ends | `()` |
//!
//! Each assertion is an [`Assertion`], a future. `.await` waits up to 100 ms as `ExUnit` does,
//! `.within(duration).await` waits up to `duration`, and `.now()` does not wait and also works
//! outside of async code. `events` is a variable or a field that holds any `Stream + Unpin`, or a
//! `&mut` of such a stream. The macro borrows the stream. All forms except the first accept a
//! message at the end, as `assert_eq!` does.
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
//! let created = assert_next!(
//!     events,
//!     matches RegistryEvent::Created { name, bucket } if *name == *"shopping" => bucket
//! );
//! assert_eq!(created.await, shopping);
//! assert_no_event!(events).await; // on a paused clock: once all tasks are idle
//!
//! shopping.stop();
//! assert_next!(events, matches RegistryEvent::Exited { .. }).await;
//! drop(registry);
//! assert_ended!(events).await;
//! # }
//! ```
//!
//! A [`Probe`] records the items that a handler receives or a stream yields, in order.
//!
//! # When an assertion fails
//! A failed assertion panics with its source line, the expected item and the actual item:
//!
//! ```text
//! thread 'it_cooks' panicked at tests/kitchen.rs:12:5:
//! assert_next!(orders)
//!  expected: "tea"
//!      came: "coffee"
//!    within: 100ms
//! ```
//!
//! Items are printed with their `Debug` text, but need not be `Debug`: an item without `Debug` is
//! described by the name of its type, and so is an item of a generic type without a `Debug` bound.
//!
//! # Clocks and runtimes
//! Inside of a tokio runtime, assertions use tokio's clock. On a
//! [paused clock](https://docs.rs/tokio/latest/tokio/time/fn.pause.html) no real time passes: the
//! clock advances when all tasks are idle. So `assert_no_event!(events).await` asserts exactly that
//! no task is about to publish, and advances the clock by 100 ms. Under any other executor,
//! assertions use the system's clock. See [Time limits](crate#time-limits).
//!
//! An assertion with `now()`, or with a time limit of zero, polls the stream once. That poll finds
//! an available item even if the task has used up its coop budget.
//!
//! # Acknowledgement
//! An assertion polls the stream. Like every poll, the assertion finishes the event yielded before,
//! also [`assert_no_event!`], which takes no further event. An assertion does not poll the stream
//! again once the stream has yielded an item or has ended.

mod assertion;
mod check;
mod describe;
mod macros;
mod probe;

#[doc(inline)]
pub use crate::{assert_ended, assert_next, assert_no_event};
pub use assertion::{Assertion, Check};
pub use probe::{Probe, WaitFor};

/// The functions and types used by the macros' expansions.
#[doc(hidden)]
pub mod hidden {
    pub use super::check::{Lend, ended, equal, next, no_event};
    pub use super::describe::{DescribeType, Item};
}
