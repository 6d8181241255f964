//! A bounded channel for each subscriber, in a vector: the publisher sends a clone into each.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, unfold};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{Channel, Event, Kit, Publishing};

/// A bounded channel to a single receiver.
trait Single: 'static {
    type Sender: Clone + Send + Sync + 'static;

    fn open(capacity: usize) -> (Self::Sender, BoxStream<'static, Event>);

    /// Sends, once there is room. A dropped receiver does not matter.
    fn send(sender: &Self::Sender, event: Event) -> impl Future<Output = ()> + Send;

    fn is_gone(sender: &Self::Sender) -> bool;
}

struct Each<S: Single> {
    capacity: usize,
    senders: Arc<Mutex<Vec<S::Sender>>>,
    send_all: fn(Vec<S::Sender>, Event) -> BoxFuture<'static, ()>,
}

impl<S: Single> Clone for Each<S> {
    fn clone(&self) -> Self {
        Self {
            senders: Arc::clone(&self.senders),
            ..*self
        }
    }
}

impl<S: Single> Channel for Each<S> {
    type Subscriber = BoxStream<'static, Event>;

    fn subscribe(&self) -> Self::Subscriber {
        let (sender, events) = S::open(self.capacity);
        self.senders.lock().unwrap().push(sender);
        events
    }

    fn publish(&self, event: Event) -> Publishing {
        let this = self.clone();
        Box::pin(async move {
            let senders = {
                let mut senders = this.senders.lock().unwrap();
                senders.retain(|sender| !S::is_gone(sender));
                senders.clone()
            };
            (this.send_all)(senders, event).await;
            Ok(())
        })
    }
}

fn kit<S: Single>(name: &str) -> Kit {
    kit_with::<S>(name, |senders, event| {
        Box::pin(send_in_turn::<S>(senders, event))
    })
}

fn kit_with<S: Single>(
    name: &str,
    send_all: fn(Vec<S::Sender>, Event) -> BoxFuture<'static, ()>,
) -> Kit {
    Kit::new(name, move |capacity| Each::<S> {
        capacity,
        senders: Arc::default(),
        send_all,
    })
}

async fn send_in_turn<S: Single>(senders: Vec<S::Sender>, event: Event) {
    for sender in &senders {
        S::send(sender, event.clone()).await;
    }
}

struct Tokio;

impl Single for Tokio {
    type Sender = mpsc::Sender<Event>;

    fn open(capacity: usize) -> (Self::Sender, BoxStream<'static, Event>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (sender, ReceiverStream::new(receiver).boxed())
    }

    async fn send(sender: &Self::Sender, event: Event) {
        let _ = sender.send(event).await;
    }

    fn is_gone(sender: &Self::Sender) -> bool {
        sender.is_closed()
    }
}

/// Reserves a place in each channel, and sends when all are reserved: the docs of `send` recommend `reserve` for
/// futures that may be dropped.
async fn send_when_reserved(senders: Vec<mpsc::Sender<Event>>, event: Event) {
    let mut permits = Vec::new();
    for sender in &senders {
        permits.extend(sender.reserve().await);
    }
    for permit in permits {
        permit.send(event.clone());
    }
}

struct Flume;

impl Single for Flume {
    type Sender = flume::Sender<Event>;

    fn open(capacity: usize) -> (Self::Sender, BoxStream<'static, Event>) {
        let (sender, receiver) = flume::bounded(capacity);
        (sender, receiver.into_stream().boxed())
    }

    async fn send(sender: &Self::Sender, event: Event) {
        let _ = sender.send_async(event).await;
    }

    fn is_gone(sender: &Self::Sender) -> bool {
        sender.is_disconnected()
    }
}

struct Kanal;

impl Single for Kanal {
    type Sender = kanal::AsyncSender<Event>;

    fn open(capacity: usize) -> (Self::Sender, BoxStream<'static, Event>) {
        let (sender, receiver) = kanal::bounded_async(capacity);
        let events = unfold(receiver, |receiver| async move {
            let event = receiver.recv().await.ok()?;
            Some((event, receiver))
        });
        (sender, events.fuse().boxed())
    }

    async fn send(sender: &Self::Sender, event: Event) {
        let _ = sender.send(event).await;
    }

    fn is_gone(sender: &Self::Sender) -> bool {
        sender.is_disconnected()
    }
}

struct Crossfire;

impl Single for Crossfire {
    type Sender = crossfire::MAsyncTx<crossfire::mpsc::Array<Event>>;

    fn open(capacity: usize) -> (Self::Sender, BoxStream<'static, Event>) {
        let (sender, receiver) = crossfire::mpsc::bounded_async(capacity);
        (sender, receiver.into_stream().boxed())
    }

    async fn send(sender: &Self::Sender, event: Event) {
        let _ = sender.send(event).await;
    }

    fn is_gone(sender: &Self::Sender) -> bool {
        sender.is_disconnected()
    }
}

pub(super) fn tokio() -> Kit {
    kit::<Tokio>("tokio mpsc each")
}

pub(super) fn tokio_reserved() -> Kit {
    kit_with::<Tokio>("tokio mpsc each, reserved", |senders, event| {
        Box::pin(send_when_reserved(senders, event))
    })
}

pub(super) fn flume() -> Kit {
    kit::<Flume>("flume each")
}

pub(super) fn kanal() -> Kit {
    // A waiting receiver is handed an event beside the buffer.
    kit::<Kanal>("kanal each").slack(1)
}

pub(super) fn crossfire() -> Kit {
    kit::<Crossfire>("crossfire each")
}
