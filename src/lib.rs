//! front page
#![forbid(unsafe_code)]
// Without a clock, nobody asks the core some of the questions it can answer.
#![cfg_attr(not(feature = "rt"), allow(dead_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ack;
mod channel;
mod clock;
mod cursor;
#[cfg(feature = "rt")]
mod deadline;
pub mod deadlocks;
mod delivery;
mod effects;
mod end;
pub mod error;
pub mod ext;
mod foreign;
pub mod future;
mod held;
mod inspect;
mod limits;
mod line;
mod log;
mod manager;
mod options;
mod parking;
mod permit;
mod place;
mod ring;
mod segment;
mod sink;
mod subscription;
mod sync;
mod watchers;

pub use ack::Receipt;
pub use delivery::{Ack, Deliveries, Delivery};
pub use end::{DisconnectCause, EndReason};
pub use ext::{Batch, EventStreamExt};
pub use inspect::{SubscriberId, SubscriberInfo};
pub use manager::{EventManager, EventManagerBuilder, WeakEventManager};
pub use options::{Overflow, SubscribeOptions};
pub use permit::Permit;
pub use sink::{EventSink, SyncSink};
pub use subscription::{Received, Subscription, WithMissed};
