#![doc = include_str!("../README.md")]

mod channel;
mod checks;
#[cfg(feature = "table")]
pub mod contracts;
mod event;
#[cfg(feature = "table")]
mod handler_stream;
mod kit;
mod outcome;
mod promise;
#[cfg(feature = "table")]
mod runtime;
#[cfg(feature = "table")]
pub mod table;
#[cfg(feature = "table")]
pub mod tested;
mod trial;

pub use channel::{Channel, Closed, Publishing, Receipt, Subscriber};
pub use event::Event;
pub use kit::{Kit, Report};
pub use outcome::Outcome;
pub use promise::Promise;
