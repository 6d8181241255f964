//! Counts and identities.

use super::super::{Channels, Receiver, Sender};
use super::sending::{next, send};
use crate::contracts::{Held, holds};

pub(super) fn receivers<C: Channels>(channels: &C) -> Held {
    let (sender, one) = channels.channel(4);
    holds!(sender.receiver_count() == 1);
    let two = sender.subscribe();
    holds!(sender.receiver_count() == 2);
    drop(one);
    drop(two);
    holds!(sender.receiver_count() == 0);
    Ok(())
}

pub(super) fn sender_len<C: Channels>(channels: &C) -> Held {
    let (sender, mut one) = channels.channel(4);
    let mut two = sender.subscribe();
    holds!(sender.is_empty());
    send(&sender, [1, 2, 3]);
    holds!(sender.len() == 3);
    holds!(next(&mut one) == Some(1));
    holds!(sender.len() == 3);
    holds!(next(&mut two) == Some(1));
    holds!(sender.len() == 2);
    send(&sender, 4..=9);
    holds!(sender.len() == 4);
    holds!(!sender.is_empty());
    Ok(())
}

pub(super) fn receiver_len<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    holds!(receiver.is_empty());
    for (number, len) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)] {
        send(&sender, [number]);
        holds!(receiver.len() == len);
    }
    holds!(!receiver.is_empty());
    holds!(receiver.try_recv().is_err());
    holds!(receiver.len() == 4);
    holds!(next(&mut receiver) == Some(2));
    holds!(receiver.len() == 3);
    Ok(())
}

pub(super) fn handles<C: Channels>(channels: &C) -> Held {
    let (sender, receiver) = channels.channel(4);
    let (other, of_other) = channels.channel(4);
    let (clone, another) = (sender.clone(), sender.subscribe());
    holds!(sender.same_channel(&clone));
    holds!(!sender.same_channel(&other));
    holds!(receiver.same_channel(&another));
    holds!(!receiver.same_channel(&of_other));
    holds!((sender.strong_count(), sender.weak_count()) == (2, 0));
    let _weak = sender.downgrade();
    drop(clone);
    holds!((sender.strong_count(), sender.weak_count()) == (1, 1));
    Ok(())
}
