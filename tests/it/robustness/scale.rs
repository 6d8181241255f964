//! Sizes at which a careless data structure turns slow or overflows. All tests together take a few
//! seconds in a debug build; quadratic time would take minutes.

mod dropped_waiters;
mod publishers;
mod sizes;
mod subscribers;
mod unpolled;

use std::sync::Arc;
use std::task::{Context, Waker};

use futures::FutureExt;
use genevent::{EventManager, Subscription};

const MANY: usize = 10_000;

fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

fn read<E: Clone>(reader: &mut Subscription<E>) -> Option<E> {
    now(reader.next())
}

fn subscribe_many<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Vec<Subscription<E>> {
    (0..MANY).map(|_| manager.subscribe()).collect()
}

/// Polls with a waker that does nothing, and drops nothing.
fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    future
        .poll_unpin(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

/// An event whose instances are counted.
#[derive(Clone)]
struct Counted(#[expect(dead_code, reason = "held only to be counted")] Arc<()>);
