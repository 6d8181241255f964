//! genevent with the methods of tokio's channel: `DropOldest` for every receiver.
//!
//! The shim adds the error of a send without receivers, the rounding of the capacity, and counts of handles, which
//! genevent does not have. Receivers know the manager weakly.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use genevent::{Overflow, Received};
use tokio::sync::broadcast::error::{RecvError, SendError, TryRecvError};

use super::value::Value;
use super::{Channels, Receiver, Sender, WeakSender};
use crate::contracts::kinds::{Kind, Manager, Reader};
use crate::runtime;

pub(super) struct Genevent(pub(super) Kind);

impl Channels for Genevent {
    type Sender = ShimSender;
    type Receiver = ShimReceiver;

    fn channel(&self, capacity: usize) -> (ShimSender, ShimReceiver) {
        let sender = self.sender(capacity);
        let receiver = sender.subscribe();
        (sender, receiver)
    }

    fn turn(&self) {
        runtime::run_tasks();
    }

    fn sender(&self, capacity: usize) -> ShimSender {
        assert!(capacity <= usize::MAX / 2, "the capacity is rounded up");
        // A capacity of zero panics in the manager.
        let capacity = if capacity == 0 {
            0
        } else {
            capacity.next_power_of_two()
        };
        ShimSender {
            manager: Arc::new(Manager::new(self.0, capacity)),
            weak: Arc::default(),
            _after: RunsTasks,
        }
    }
}

/// A clone of the `Arc` for each sender; a clone of the manager keeps the channel open.
#[derive(Clone)]
pub(super) struct ShimSender {
    manager: Arc<Manager<Value>>,
    /// A clone for each weak sender.
    weak: Arc<()>,
    /// The last field: dropped when the manager may be closed.
    _after: RunsTasks,
}

/// Runs the tasks of handlers when dropped.
#[derive(Clone)]
struct RunsTasks;

impl Drop for RunsTasks {
    fn drop(&mut self) {
        runtime::run_tasks();
    }
}

#[derive(Clone)]
pub(super) struct ShimWeak {
    manager: std::sync::Weak<Manager<Value>>,
    weak: Arc<()>,
}

impl WeakSender for ShimWeak {
    type Sender = ShimSender;

    fn upgrade(&self) -> Option<ShimSender> {
        let manager = self.manager.upgrade()?;
        let weak = Arc::clone(&self.weak);
        Some(ShimSender {
            manager,
            weak,
            _after: RunsTasks,
        })
    }
}

impl Sender for ShimSender {
    type Receiver = ShimReceiver;
    type Weak = ShimWeak;

    fn send(&self, value: Value) -> Result<usize, SendError<Value>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        let sent = self.manager.events.try_notify(value);
        let sent = sent.expect("every subscriber drops the oldest event");
        // As the task of a receiver, a handler gets no turn between two sends.
        self.manager.settle_before();
        Ok(sent - self.manager.hidden())
    }

    fn subscribe(&self) -> ShimReceiver {
        let reader = self.manager.subscribe(Overflow::DropOldest);
        self.manager.settle();
        ShimReceiver {
            told: 0,
            reader: Some(reader),
            channel: Arc::downgrade(&self.manager),
            needs_tasks: self.manager.kind().has_tasks(),
        }
    }

    fn downgrade(&self) -> ShimWeak {
        ShimWeak {
            manager: Arc::downgrade(&self.manager),
            weak: Arc::clone(&self.weak),
        }
    }

    fn len(&self) -> usize {
        let subscribers = self.manager.events.subscribers();
        let unread = subscribers.iter().map(genevent::SubscriberInfo::unread);
        unread.max().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn receiver_count(&self) -> usize {
        self.manager.subscriber_count()
    }

    fn same_channel(&self, other: &Self) -> bool {
        self.manager.events.same_manager(&other.manager.events)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        let unsubscribed = self.manager.events.unsubscribed();
        async move {
            if self.manager.hidden() == 0 {
                return unsubscribed.await;
            }
            // The stage before is a subscriber that stays.
            poll_fn(|_| match self.receiver_count() {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            })
            .await;
        }
        .boxed()
    }

    fn strong_count(&self) -> usize {
        Arc::strong_count(&self.manager)
    }

    fn weak_count(&self) -> usize {
        // Each weak sender has a clone, and so has each sender.
        Arc::strong_count(&self.weak) - self.strong_count()
    }
}

pub(super) struct ShimReceiver {
    /// The missed events reported so far.
    told: u64,
    /// `None` after the end, or when subscribed after the end.
    reader: Option<Box<dyn Reader<Value>>>,
    channel: std::sync::Weak<Manager<Value>>,
    /// Whether values pass through a task.
    needs_tasks: bool,
}

impl ShimReceiver {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Value, RecvError>> {
        let Some(reader) = &mut self.reader else {
            return Poll::Ready(Err(RecvError::Closed));
        };
        let received = ready!(reader.poll_next(cx));
        Poll::Ready(match received {
            Some(Received::Event(value)) => {
                reader.finish();
                Ok(value)
            }
            Some(Received::Missed(events)) => {
                self.told += events;
                Err(RecvError::Lagged(events))
            }
            Some(other) => panic!("neither an event nor a loss: {other:?}"),
            None => {
                self.reader = None;
                Err(RecvError::Closed)
            }
        })
    }
}

impl Drop for ShimReceiver {
    fn drop(&mut self) {
        self.reader = None;
        if let Some(channel) = self.channel.upgrade() {
            channel.settle();
        }
    }
}

impl Receiver for ShimReceiver {
    fn recv(&mut self) -> BoxFuture<'_, Result<Value, RecvError>> {
        poll_fn(|cx| self.poll_recv(cx)).boxed()
    }

    fn try_recv(&mut self) -> Result<Value, TryRecvError> {
        match self.poll_recv(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(value)) => Ok(value),
            Poll::Ready(Err(RecvError::Lagged(events))) => Err(TryRecvError::Lagged(events)),
            Poll::Ready(Err(RecvError::Closed)) => Err(TryRecvError::Closed),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    fn blocking_recv(&mut self) -> Result<Value, RecvError> {
        if !self.needs_tasks {
            return block_on(self.recv());
        }
        // The runtime of handlers runs in this thread.
        loop {
            match self.try_recv() {
                Ok(value) => return Ok(value),
                Err(TryRecvError::Lagged(events)) => return Err(RecvError::Lagged(events)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
    }

    fn len(&self) -> usize {
        let Some(reader) = &self.reader else { return 0 };
        let untold = reader.missed() - self.told;
        reader.unread() + usize::try_from(untold).expect("a test sends few")
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn same_channel(&self, other: &Self) -> bool {
        self.channel.ptr_eq(&other.channel)
    }

    fn is_closed(&self) -> bool {
        self.channel.strong_count() == 0
    }

    fn resubscribe(&self) -> Self {
        let channel = self.channel.upgrade();
        let reader = channel.map(|channel| channel.subscribe(Overflow::DropOldest));
        Self {
            told: 0,
            reader,
            channel: self.channel.clone(),
            needs_tasks: self.needs_tasks,
        }
    }
}
