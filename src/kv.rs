//! A registry of named key-value buckets that publishes an event when a bucket is created or ends.
//!
//! This is the registry of the `GenEvent` chapter in Elixir's guide, built on the public API of the
//! event manager. The registry is given an [`EventManager`], and every subscriber of that manager
//! observes each bucket's creation and end. One task delivers the events with [`sync_notify`], so
//! the registry is never more than one event ahead of its subscribers, while calls of the registry
//! never wait for subscribers.
//!
//! | stream | yields |
//! |---|---|
//! | [`Registry::events`] | the events delivered from now on |
//! | [`Registry::watch`] | the existing buckets, then [`Ready`](WatchEvent::Ready), then every later change, without gaps or duplicates |
//!
//! [`RegistryStreamExt`] selects events of the first stream. `reflect` builds a [`View`] of the
//! existing buckets from either stream, and keeps the view up to date.
//!
//! # Examples
//! ```
//! use futures::StreamExt;
//! use genevent::EventManager;
//! use genevent::kv::{ExitReason, Registry, RegistryStreamExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), genevent::kv::CreateError> {
//! let registry = Registry::new(EventManager::default());
//! let mut exited = registry.events().exited();
//!
//! let shopping = registry.create("shopping").await?;
//! shopping.put("milk", 3).await;
//! assert_eq!(shopping.get("milk").await, Some(3));
//!
//! shopping.stop();
//! assert_eq!(registry.lookup("shopping"), None);
//! let (name, bucket, reason) = exited.next().await.unwrap();
//! assert_eq!((&*name, bucket, reason), ("shopping", shopping, ExitReason::Stopped));
//! # Ok(())
//! # }
//! ```
//!
//! [`EventManager`]: crate::EventManager
//! [`sync_notify`]: crate::EventManager::sync_notify

mod announcer;
mod bucket;
mod builder;
mod contents;
mod event;
mod exit;
mod ext;
mod reflect;
mod registry;
mod table;
mod view;
mod watch;
mod watch_event;

pub use bucket::Bucket;
pub use builder::RegistryBuilder;
pub use event::RegistryEvent;
pub use exit::ExitReason;
pub use ext::{Created, Exited, Named, RegistryStreamExt};
pub use reflect::{Reflect, Reflected};
pub use registry::Registry;
pub use table::CreateError;
pub use view::View;
pub use watch::Watch;
pub use watch_event::WatchEvent;
