//! front page
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ack;
mod channel;
mod cursor;
mod effects;
mod end;
pub mod error;
mod foreign;
pub mod future;
mod inspect;
mod line;
mod manager;
mod options;
mod parking;
mod place;
mod ring;
mod segment;
mod subscription;
mod sync;
mod watchers;

pub use ack::Receipt;
pub use end::{DisconnectCause, EndReason};
pub use inspect::{SubscriberId, SubscriberInfo};
pub use manager::{EventManager, EventManagerBuilder, WeakEventManager};
pub use options::{Overflow, SubscribeOptions};
pub use subscription::{Received, Subscription, WithMissed};
