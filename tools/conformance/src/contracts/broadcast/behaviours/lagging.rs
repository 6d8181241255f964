//! Receivers that lag.

use futures::FutureExt;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::super::value::Value;
use super::super::{Channels, Receiver, Sender};
use super::sending::{all, next, send};
use crate::contracts::{Held, holds};

/// A channel with two places. The receiver has missed the values 1 to 3 of 5.
fn lagging<C: Channels>(channels: &C) -> (C::Sender, C::Receiver) {
    let (sender, receiver) = channels.channel(2);
    send(&sender, 1..=5);
    (sender, receiver)
}

/// The number of missed values, if the receiver lagged.
fn missed<R: Receiver>(receiver: &mut R) -> Option<u64> {
    match receiver.try_recv() {
        Err(TryRecvError::Lagged(missed)) => Some(missed),
        _ => None,
    }
}

pub(super) fn rounded<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(3);
    send(&sender, 1..=4);
    holds!(all(&mut receiver) == [1, 2, 3, 4]);
    send(&sender, 5..=9);
    holds!(missed(&mut receiver) == Some(1));
    Ok(())
}

pub(super) fn overwrites<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(2);
    let value = Value::new(1);
    let trace = value.trace();
    holds!(sender.send(value).is_ok());
    send(&sender, [2]);
    holds!(!trace.is_released());
    send(&sender, [3]);
    holds!(trace.is_released());
    holds!(missed(&mut receiver) == Some(1));
    Ok(())
}

pub(super) fn lagged<C: Channels>(channels: &C) -> Held {
    let (_sender, mut receiver) = lagging(channels);
    let error = receiver.recv().now_or_never();
    holds!(matches!(error, Some(Err(RecvError::Lagged(_)))));
    Ok(())
}

pub(super) fn try_lagged<C: Channels>(channels: &C) -> Held {
    let (_sender, mut receiver) = lagging(channels);
    holds!(missed(&mut receiver).is_some());
    Ok(())
}

pub(super) fn number<C: Channels>(channels: &C) -> Held {
    let (_sender, mut receiver) = lagging(channels);
    holds!(missed(&mut receiver) == Some(3));
    Ok(())
}

pub(super) fn oldest<C: Channels>(channels: &C) -> Held {
    let (_sender, mut receiver) = lagging(channels);
    holds!(missed(&mut receiver).is_some());
    holds!(next(&mut receiver) == Some(4));
    Ok(())
}

pub(super) fn continues<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = lagging(channels);
    holds!(missed(&mut receiver).is_some());
    holds!(next(&mut receiver) == Some(4));
    send(&sender, [6]);
    holds!(all(&mut receiver) == [5, 6]);
    Ok(())
}

pub(super) fn stays<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = lagging(channels);
    holds!(missed(&mut receiver).is_some());
    holds!(sender.receiver_count() == 1);
    holds!(all(&mut receiver) == [4, 5]);
    send(&sender, [6]);
    holds!(next(&mut receiver) == Some(6));
    Ok(())
}

pub(super) fn lags_again<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = lagging(channels);
    holds!(missed(&mut receiver).is_some());
    send(&sender, [6]);
    holds!(missed(&mut receiver) == Some(1));
    holds!(all(&mut receiver) == [5, 6]);
    Ok(())
}

pub(super) fn others<C: Channels>(channels: &C) -> Held {
    let (sender, mut slow) = channels.channel(2);
    let mut fast = sender.subscribe();
    for number in 1..=6 {
        send(&sender, [number]);
        holds!(next(&mut fast) == Some(number));
    }
    holds!(missed(&mut slow).is_some());
    holds!(all(&mut slow) == [5, 6]);
    Ok(())
}
