#![doc = include_str!("../README.md")]

mod channel;
mod checks;
mod event;
mod kit;
mod outcome;
mod promise;
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
