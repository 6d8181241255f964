//! Deliveries: an event is finished when its delivery is settled, by any holder.

mod converting;
mod flush_and_disconnect;
mod max_unacked;
mod max_unacked_replayed;
mod settling;
mod user_code;

use futures::{FutureExt, Stream, StreamExt};
use genevent::{Deliveries, Delivery, EventManager, SubscribeOptions};

/// Polls the future once and returns its output.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

/// Polls the stream once and returns its item.
#[track_caller]
fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    now(stream.next()).expect("it has not ended")
}

fn waits<S: Stream + Unpin>(stream: &mut S) -> bool {
    stream.next().now_or_never().is_none()
}

/// A manager with a stream of deliveries of which `N` are out, numbered from 1.
fn out<const N: usize>(
    options: SubscribeOptions,
) -> (EventManager<usize>, Deliveries<usize>, [Delivery<usize>; N]) {
    let manager = EventManager::new(8);
    let mut jobs = manager.subscribe_with(options).deliveries();
    let out = std::array::from_fn(|index| {
        manager.try_notify(index + 1).unwrap();
        next(&mut jobs)
    });
    (manager, jobs, out)
}
