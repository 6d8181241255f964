//! `futures::channel::mpsc`, a channel for each subscriber and a sender for each publisher, as its docs assume: a
//! sender has a place of its own beside the buffer.
//!
//! A publish waits until every sender is ready, and then starts every send.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use futures::StreamExt;
use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::stream::BoxStream;

use crate::{Channel, Event, Kit, Publishing};

struct FuturesMpsc {
    capacity: usize,
    /// A sender for each subscriber, which never sends.
    subscribed: Arc<Mutex<Vec<Sender<Event>>>>,
    /// The senders of this publisher: clones of `subscribed`, in the same order.
    senders: Arc<Mutex<Vec<Sender<Event>>>>,
}

impl Clone for FuturesMpsc {
    fn clone(&self) -> Self {
        Self {
            capacity: self.capacity,
            subscribed: Arc::clone(&self.subscribed),
            senders: Arc::default(),
        }
    }
}

/// Waits until every sender has room.
fn poll_ready(senders: &mut [Sender<Event>], cx: &mut Context<'_>) -> Poll<()> {
    for sender in senders {
        // An error: the receiver is gone.
        let _ = ready!(sender.poll_ready(cx));
    }
    Poll::Ready(())
}

impl Channel for FuturesMpsc {
    type Subscriber = BoxStream<'static, Event>;

    fn subscribe(&self) -> Self::Subscriber {
        let (sender, receiver): (_, Receiver<Event>) = channel(self.capacity);
        self.subscribed.lock().unwrap().push(sender);
        receiver.boxed()
    }

    fn publish(&self, event: Event) -> Publishing {
        let this = Self {
            senders: Arc::clone(&self.senders),
            ..self.clone()
        };
        let mut begun = false;
        Box::pin(std::future::poll_fn(move |cx| {
            let mut senders = this.senders.lock().unwrap();
            if !begun {
                // Subscribers that join during the publish do not count.
                begun = true;
                let subscribed = this.subscribed.lock().unwrap();
                let known = senders.len();
                senders.extend(subscribed[known..].iter().cloned());
            }
            ready!(poll_ready(&mut senders, cx));
            for sender in &mut *senders {
                let _ = sender.start_send(event.clone());
            }
            Poll::Ready(Ok(()))
        }))
    }
}

/// The most publishers of a check.
const PUBLISHERS: usize = 3;

pub(super) fn kit() -> Kit {
    let kit = Kit::new("futures mpsc each", |capacity| FuturesMpsc {
        capacity,
        subscribed: Arc::default(),
        senders: Arc::default(),
    });
    kit.slack(PUBLISHERS)
}
