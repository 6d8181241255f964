//! tokio's own channel.

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, SendError, TryRecvError};

use super::value::Value;
use super::{Channels, Receiver, Sender, WeakSender};

pub(super) struct Tokio;

impl Channels for Tokio {
    type Sender = broadcast::Sender<Value>;
    type Receiver = broadcast::Receiver<Value>;

    fn channel(&self, capacity: usize) -> (Self::Sender, Self::Receiver) {
        broadcast::channel(capacity)
    }

    fn sender(&self, capacity: usize) -> Self::Sender {
        broadcast::Sender::new(capacity)
    }
}

impl Sender for broadcast::Sender<Value> {
    type Receiver = broadcast::Receiver<Value>;
    type Weak = broadcast::WeakSender<Value>;

    fn send(&self, value: Value) -> Result<usize, SendError<Value>> {
        self.send(value)
    }

    fn subscribe(&self) -> Self::Receiver {
        self.subscribe()
    }

    fn downgrade(&self) -> Self::Weak {
        self.downgrade()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn receiver_count(&self) -> usize {
        self.receiver_count()
    }

    fn same_channel(&self, other: &Self) -> bool {
        self.same_channel(other)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        self.closed().boxed()
    }

    fn strong_count(&self) -> usize {
        self.strong_count()
    }

    fn weak_count(&self) -> usize {
        self.weak_count()
    }
}

impl WeakSender for broadcast::WeakSender<Value> {
    type Sender = broadcast::Sender<Value>;

    fn upgrade(&self) -> Option<Self::Sender> {
        self.upgrade()
    }
}

impl Receiver for broadcast::Receiver<Value> {
    fn recv(&mut self) -> BoxFuture<'_, Result<Value, RecvError>> {
        self.recv().boxed()
    }

    fn try_recv(&mut self) -> Result<Value, TryRecvError> {
        self.try_recv()
    }

    fn blocking_recv(&mut self) -> Result<Value, RecvError> {
        self.blocking_recv()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn same_channel(&self, other: &Self) -> bool {
        self.same_channel(other)
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn resubscribe(&self) -> Self {
        self.resubscribe()
    }
}
