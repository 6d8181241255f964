//! Items that are worked on and then settled: deliveries, and batches of deliveries.

use crate::ack::Ack;
use crate::delivery::Delivery;
use crate::ext::batch::Batch;
use crate::util::panic_guard::drop_caught;
use crate::util::sync::Arc;

/// An item with the duty to settle it: a [`Delivery`] or a [`Batch`]. Sealed.
#[expect(
    unnameable_types,
    reason = "no other crate can implement an item with acknowledgements"
)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a `Delivery` nor a `Batch`",
    note = "call `.deliveries()` on a subscription first"
)]
pub trait Settle {
    /// The event of a delivery, or the events of a batch.
    type Value;

    /// Separates the value from its acknowledgements.
    fn into_value(self) -> (Self::Value, Acks);
}

/// The acknowledgements of a delivery or a batch.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Debug)]
pub struct Acks(Inner);

#[derive(Debug)]
enum Inner {
    One(Ack),
    Many(Vec<Ack>),
}

impl Acks {
    pub(crate) fn ack(self) {
        match self.0 {
            Inner::One(ack) => ack.ack(),
            Inner::Many(acks) => acks.into_iter().for_each(Ack::ack),
        }
    }

    pub(crate) fn nack(self, reason: String) {
        match self.0 {
            Inner::One(ack) => ack.nack(reason),
            Inner::Many(acks) => {
                let reason: Arc<str> = reason.into();
                for ack in acks {
                    ack.nack(Arc::clone(&reason));
                }
            }
        }
    }
}

impl<E> Settle for Delivery<E> {
    type Value = E;

    fn into_value(self) -> (E, Acks) {
        let (event, ack) = self.into_parts();
        (event, Acks(Inner::One(ack)))
    }
}

impl<E> Settle for Batch<E> {
    type Value = Vec<E>;

    fn into_value(self) -> (Vec<E>, Acks) {
        let (events, acks) = self.into_parts();
        (events, Acks(Inner::Many(acks)))
    }
}

/// Acknowledges a delivery that no consumer gets.
pub(crate) fn ack_unused<E>(delivery: Delivery<E>) {
    // Drop the event first: a flush that waits for the acknowledgement must find it dropped.
    let (event, ack) = delivery.into_parts();
    drop_caught(event);
    ack.ack();
}
