//! The ends of senders and receivers.

use futures::FutureExt;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::super::value::Value;
use super::super::{Channels, Receiver, Sender, WeakSender};
use super::sending::{all, next, send};
use crate::contracts::{Held, holds};
use crate::trial::Wakes;

pub(super) fn retained<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    send(&sender, [1, 2]);
    drop(sender);
    holds!(
        receiver
            .recv()
            .now_or_never()
            .is_some_and(|value| value.is_ok())
    );
    holds!(
        receiver
            .recv()
            .now_or_never()
            .is_some_and(|value| value.is_ok())
    );
    let end = receiver.recv().now_or_never();
    holds!(matches!(end, Some(Err(RecvError::Closed))));
    Ok(())
}

pub(super) fn try_retained<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    send(&sender, [1, 2]);
    drop(sender);
    holds!(all(&mut receiver) == [1, 2]);
    holds!(receiver.try_recv().err() == Some(TryRecvError::Closed));
    holds!(receiver.try_recv().err() == Some(TryRecvError::Closed));
    Ok(())
}

pub(super) fn wakes<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    let wakes = std::sync::Arc::new(Wakes::default());
    let mut waiting = receiver.recv();
    holds!(wakes.poll(&mut waiting).is_pending());
    drop(sender);
    holds!(wakes.count() > 0);
    holds!(wakes.poll(&mut waiting).is_ready());
    Ok(())
}

pub(super) fn clone_left<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    let clone = sender.clone();
    let wakes = std::sync::Arc::new(Wakes::default());
    let mut waiting = receiver.recv();
    holds!(wakes.poll(&mut waiting).is_pending());
    drop(sender);
    holds!(wakes.count() == 0);
    drop(waiting);
    holds!(receiver.try_recv().err() == Some(TryRecvError::Empty));
    send(&clone, [1]);
    holds!(next(&mut receiver) == Some(1));
    Ok(())
}

pub(super) fn is_closed<C: Channels>(channels: &C) -> Held {
    let (sender, receiver) = channels.channel(4);
    send(&sender, [1]);
    let clone = sender.clone();
    drop(sender);
    holds!(!receiver.is_closed());
    drop(clone);
    holds!(receiver.is_closed());
    Ok(())
}

pub(super) fn weak<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    let weak = sender.downgrade();
    drop(sender);
    holds!(receiver.try_recv().err() == Some(TryRecvError::Closed));
    holds!(weak.clone().upgrade().is_none());
    Ok(())
}

pub(super) fn upgrades<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    let weak = sender.downgrade();
    let upgraded = weak.upgrade();
    drop(sender);
    holds!(upgraded.is_some_and(|sender| sender.send(Value::new(1)).is_ok()));
    holds!(next(&mut receiver) == Some(1));
    Ok(())
}

pub(super) fn dropped_receiver<C: Channels>(channels: &C) -> Held {
    let (sender, mut reads) = channels.channel(4);
    let unread = sender.subscribe();
    let value = Value::new(1);
    let trace = value.trace();
    holds!(sender.send(value).is_ok());
    holds!(next(&mut reads) == Some(1));
    holds!(!trace.is_released());
    drop(unread);
    holds!(trace.is_released());
    Ok(())
}

pub(super) fn closed<C: Channels>(channels: &C) -> Held {
    let (sender, one) = channels.channel(4);
    let two = sender.subscribe();
    let wakes = std::sync::Arc::new(Wakes::default());
    let mut closed = sender.closed();
    holds!(wakes.poll(&mut closed).is_pending());
    drop(one);
    holds!(wakes.poll(&mut closed).is_pending());
    drop(two);
    holds!(wakes.count() > 0);
    holds!(wakes.poll(&mut closed).is_ready());
    Ok(())
}
