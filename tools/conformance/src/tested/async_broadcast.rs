//! `async-broadcast`, lossless. An inactive receiver keeps the channel open without receivers.

use async_broadcast::{InactiveReceiver, Receiver, Sender, broadcast};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::{Channel, Closed, Event, Kit, Publishing};

#[derive(Clone)]
struct AsyncBroadcast {
    sender: Sender<Event>,
    _keeps_open: InactiveReceiver<Event>,
}

impl Channel for AsyncBroadcast {
    type Subscriber = BoxStream<'static, Event>;

    fn subscribe(&self) -> Self::Subscriber {
        let receiver: Receiver<Event> = self.sender.new_receiver();
        receiver.boxed()
    }

    fn publish(&self, event: Event) -> Publishing {
        let sender = self.sender.clone();
        Box::pin(async move {
            match sender.broadcast_direct(event).await {
                // Refused: there is no receiver.
                Err(_) if sender.is_closed() => Err(Closed),
                _ => Ok(()),
            }
        })
    }

    fn close(&self) -> bool {
        self.sender.close()
    }
}

pub(super) fn kit() -> Kit {
    Kit::new("async-broadcast", |capacity| {
        let (mut sender, receiver) = broadcast(capacity);
        // Otherwise an event without receivers waits for a receiver.
        sender.set_await_active(false);
        AsyncBroadcast {
            sender,
            _keeps_open: receiver.deactivate(),
        }
    })
}
