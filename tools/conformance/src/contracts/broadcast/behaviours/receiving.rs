//! Waiting for values.

use std::thread;

use futures::FutureExt;
use tokio::sync::broadcast::error::TryRecvError;

use super::super::{Channels, Receiver, Sender};
use super::sending::{all, next, send};
use crate::contracts::{Held, holds};
use crate::trial::Wakes;

pub(super) fn wakes<C: Channels>(channels: &C) -> Held {
    let (sender, mut one) = channels.channel(4);
    let mut two = sender.subscribe();
    let wakes = [Wakes::default(), Wakes::default()].map(std::sync::Arc::new);
    let mut first = one.recv();
    let mut second = two.recv();
    holds!(wakes[0].poll(&mut first).is_pending());
    holds!(wakes[1].poll(&mut second).is_pending());
    send(&sender, [1]);
    channels.turn();
    holds!(wakes.iter().all(|wakes| wakes.count() > 0));
    holds!(wakes[0].poll(&mut first).is_ready());
    holds!(wakes[1].poll(&mut second).is_ready());
    Ok(())
}

pub(super) fn cancelled<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    holds!(receiver.recv().now_or_never().is_none());
    send(&sender, [1, 2]);
    drop(receiver.recv()); // never polled
    let first = receiver.recv().now_or_never();
    holds!(first.is_some_and(|value| value.is_ok_and(|value| value.number == 1)));
    holds!(all(&mut receiver) == [2]);
    Ok(())
}

pub(super) fn empty<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    holds!(receiver.try_recv().err() == Some(TryRecvError::Empty));
    send(&sender, [1]);
    holds!(receiver.try_recv().is_ok());
    holds!(receiver.try_recv().err() == Some(TryRecvError::Empty));
    Ok(())
}

pub(super) fn blocking<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    // The value may come before or after the call.
    let value = thread::scope(|scope| {
        let sending = scope.spawn(|| send(&sender, [1]));
        let value = receiver.blocking_recv();
        sending.join().map(|()| value)
    });
    holds!(value.is_ok_and(|value| value.is_ok_and(|value| value.number == 1)));
    Ok(())
}

pub(super) fn resubscribed<C: Channels>(channels: &C) -> Held {
    let (sender, receiver) = channels.channel(4);
    send(&sender, [1, 2]);
    let mut again = receiver.resubscribe();
    send(&sender, [3]);
    holds!(all(&mut again) == [3]);
    Ok(())
}

pub(super) fn independent<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    send(&sender, [1]);
    let again = receiver.resubscribe();
    holds!(sender.receiver_count() == 2);
    drop(again);
    send(&sender, [2]);
    holds!(next(&mut receiver) == Some(1));
    holds!(next(&mut receiver) == Some(2));
    Ok(())
}
