//! A handler as a stream: each event is passed on, and the handler waits until the reader is done with the event.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use genevent::handler::{AddHandlerError, AnyHandlerRef, HandlerRef, StopReason};
use genevent::{
    EventManager, Handled, Handler, HandlerGroup, HandlerOptions, Received, SubscribeOptions,
    SubscriberId,
};
use tokio::sync::Semaphore;

use crate::runtime;

/// Between the handler and the reader.
struct Inbox<E> {
    state: Mutex<State<E>>,
    /// A permit for each event with which the reader is done.
    finished: Semaphore,
}

struct State<E> {
    received: VecDeque<Received<E>>,
    ended: bool,
    reader: Option<Waker>,
}

impl<E> Inbox<E> {
    fn change(&self, change: impl FnOnce(&mut State<E>)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

struct Passes<E: Send + 'static>(Arc<Inbox<E>>);

impl<E: Clone + Send + Sync + 'static> Handler<E> for Passes<E> {
    async fn handle_event(&mut self, event: &E) -> Handled {
        let event = Received::Event(event.clone());
        self.0.change(|state| state.received.push_back(event));
        self.0.finished.acquire().await?.forget();
        Ok(ControlFlow::Continue(()))
    }

    async fn handle_missed(&mut self, events: u64) {
        let missed = Received::Missed(events);
        self.0.change(|state| state.received.push_back(missed));
    }
}

impl<E: Send + 'static> Drop for Passes<E> {
    fn drop(&mut self) {
        self.0.change(|state| state.ended = true);
    }
}

/// The reader's end. Dropping it aborts the handler.
pub(crate) struct HandlerStream<E: Send + Sync + 'static> {
    inbox: Arc<Inbox<E>>,
    handler: AnyHandlerRef<E>,
}

impl<E: Clone + Send + Sync + 'static> HandlerStream<E> {
    pub(crate) fn new(manager: &EventManager<E>, options: SubscribeOptions) -> Self {
        Self::add(|name, handler| {
            let options = HandlerOptions::new(name).subscribe(options);
            manager.add_handler_with(options, handler)
        })
    }

    pub(crate) fn in_group(group: &HandlerGroup<E>) -> Self {
        Self::add(|name, handler| group.add_handler(name, handler))
    }

    /// Adds a handler with a name of its own.
    fn add(
        add: impl FnOnce(
            String,
            Passes<E>,
        ) -> Result<HandlerRef<E, Passes<E>>, AddHandlerError<Passes<E>>>,
    ) -> Self {
        static ADDED: AtomicUsize = AtomicUsize::new(0);
        let inbox = Arc::new(Inbox {
            state: Mutex::new(State {
                received: VecDeque::new(),
                ended: false,
                reader: None,
            }),
            finished: Semaphore::new(0),
        });
        let name = ADDED.fetch_add(1, Ordering::Relaxed).to_string();
        let handler = Passes(Arc::clone(&inbox));
        let handler = runtime::enter(|| add(name, handler))
            .map_err(drop)
            .expect("the manager is open, and the name is new")
            .erase();
        Self { inbox, handler }
    }

    /// Whether the handler ended by a disconnect, not by the end of the channel.
    pub(crate) fn is_disconnected(&self) -> bool {
        let reason = self.handler.stopped().now_or_never();
        matches!(
            reason,
            Some(StopReason::Disconnected(_) | StopReason::Aborted)
        )
    }

    pub(crate) fn missed(&self) -> u64 {
        self.handler.missed()
    }

    pub(crate) fn id(&self) -> SubscriberId {
        self.handler.id()
    }

    /// Returns the next event, or the number of events missed before the next event.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Received<E>>> {
        let mut state = self.inbox.state.lock().unwrap();
        match state.received.pop_front() {
            Some(received) => Poll::Ready(Some(received)),
            None if state.ended => Poll::Ready(None),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The reader is done with the last event read.
    pub(crate) fn finish(&mut self) {
        self.inbox.finished.add_permits(1);
    }

    /// How many events wait between the handler and the reader.
    pub(crate) fn passed_on(&self) -> usize {
        let state = self.inbox.state.lock().unwrap();
        let events = state.received.iter();
        events
            .filter(|received| matches!(received, Received::Event(_)))
            .count()
    }
}

impl<E: Send + Sync + 'static> Drop for HandlerStream<E> {
    fn drop(&mut self) {
        self.handler.abort();
    }
}
