//! The channels of the table: an adapter each. They are examples for adapters of other channels.

mod async_broadcast;
mod each;
mod futures_mpsc;
mod genevent;
mod postage;
mod tokio_broadcast;
mod tokio_watch;

use crate::{Kit, Promise};

/// The kinds of subscription of genevent, all lossless.
pub fn genevent() -> Vec<Kit> {
    genevent::kinds()
}

/// genevent with the lossy policy `DropOldest`.
pub fn genevent_lossy() -> Kit {
    lossy(
        genevent::drop_oldest(),
        "the policy overwrites the oldest unread event",
    )
}

/// The peers, each used as its docs recommend.
pub fn peers() -> Vec<Kit> {
    let watch = "only the latest value is kept";
    vec![
        lossy(
            tokio_broadcast::kit(),
            "a receiver that lags loses the oldest events",
        ),
        async_broadcast::kit(),
        postage::kit(),
        each::tokio(),
        each::tokio_reserved(),
        each::flume(),
        each::kanal(),
        each::crossfire(),
        futures_mpsc::kit(),
        lossy(tokio_watch::kit(), watch)
            .by_design(Promise::InOrder, watch)
            .by_design(Promise::LateJoiner, watch)
            .by_design(Promise::Freed, watch)
            .by_design(Promise::LastPublisher, watch),
    ]
}

/// Declares the promises declined by an overwriting channel.
fn lossy(kit: Kit, reason: &str) -> Kit {
    let declined = [Promise::NoLoss, Promise::Bounded, Promise::Random];
    declined
        .into_iter()
        .fold(kit, |kit, promise| kit.by_design(promise, reason))
}
