//! `postage::broadcast`.

use std::pin::Pin;
use std::task::{Context, Poll};

use postage::broadcast::{Receiver, Sender, channel};
use postage::sink::Sink;
use postage::stream::{PollRecv, Stream};

use crate::{Channel, Event, Kit, Publishing, Subscriber};

#[derive(Clone)]
struct Postage(Sender<Event>);

impl Channel for Postage {
    type Subscriber = Receiver<Event>;

    fn subscribe(&self) -> Self::Subscriber {
        self.0.subscribe()
    }

    fn publish(&self, event: Event) -> Publishing {
        let mut sender = self.0.clone();
        Box::pin(async move {
            // An error: there is no receiver.
            let _ = sender.send(event).await;
            Ok(())
        })
    }
}

impl Subscriber for Receiver<Event> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match Pin::new(self).poll_recv(&mut cx.into()) {
            PollRecv::Ready(event) => Poll::Ready(Some(event)),
            PollRecv::Pending => Poll::Pending,
            PollRecv::Closed => Poll::Ready(None),
        }
    }
}

pub(super) fn kit() -> Kit {
    // The smallest buffer has two places.
    Kit::new("postage broadcast", |capacity| Postage(channel(capacity).0)).slack(1)
}
