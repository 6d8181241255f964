//! Sending, and the values received.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::super::value::Value;
use super::super::{Channels, Receiver, Sender};
use crate::contracts::{Held, holds};

/// The number of the next value.
pub(super) fn next<R: Receiver>(receiver: &mut R) -> Option<u32> {
    receiver.try_recv().ok().map(|value| value.number)
}

/// The numbers of all values to be received now.
pub(super) fn all<R: Receiver>(receiver: &mut R) -> Vec<u32> {
    std::iter::from_fn(|| next(receiver)).collect()
}

pub(super) fn send<S: Sender>(sender: &S, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        assert!(
            sender.send(Value::new(number)).is_ok(),
            "there is a receiver"
        );
    }
}

pub(super) fn each_receiver<C: Channels>(channels: &C) -> Held {
    let (sender, mut one) = channels.channel(4);
    let mut two = sender.subscribe();
    send(&sender, [1]);
    holds!(next(&mut one) == Some(1));
    holds!(next(&mut two) == Some(1));
    Ok(())
}

pub(super) fn in_order<C: Channels>(channels: &C) -> Held {
    let (sender, mut one) = channels.channel(8);
    let mut two = sender.subscribe();
    send(&sender, 1..=4);
    holds!(all(&mut one) == [1, 2, 3, 4]);
    send(&sender, [5]);
    holds!(all(&mut two) == [1, 2, 3, 4, 5]);
    holds!(all(&mut one) == [5]);
    Ok(())
}

pub(super) fn cloned_on_demand<C: Channels>(channels: &C) -> Held {
    let (sender, mut one) = channels.channel(4);
    let _two = sender.subscribe();
    let value = Value::new(1);
    let trace = value.trace();
    holds!(sender.send(value).is_ok());
    holds!(trace.clones() == 0);
    holds!(next(&mut one) == Some(1));
    holds!(trace.clones() <= 1);
    Ok(())
}

pub(super) fn released<C: Channels>(channels: &C) -> Held {
    let (sender, mut one) = channels.channel(4);
    let mut two = sender.subscribe();
    let value = Value::new(1);
    let trace = value.trace();
    holds!(sender.send(value).is_ok());
    holds!(next(&mut one) == Some(1));
    holds!(!trace.is_released());
    holds!(next(&mut two) == Some(1));
    holds!(trace.is_released());
    Ok(())
}

pub(super) fn count<C: Channels>(channels: &C) -> Held {
    let (sender, _one) = channels.channel(4);
    holds!(sender.send(Value::new(1)).ok() == Some(1));
    let two = sender.subscribe();
    holds!(sender.send(Value::new(2)).ok() == Some(2));
    drop(two);
    holds!(sender.send(Value::new(3)).ok() == Some(1));
    Ok(())
}

pub(super) fn nobody<C: Channels>(channels: &C) -> Held {
    let (sender, receiver) = channels.channel(4);
    drop(receiver);
    let back = sender.send(Value::new(7)).err();
    holds!(back.is_some_and(|back| back.0.number == 7));
    Ok(())
}

pub(super) fn somebody_again<C: Channels>(channels: &C) -> Held {
    let (sender, receiver) = channels.channel(4);
    drop(receiver);
    holds!(sender.send(Value::new(1)).is_err());
    let mut later = sender.subscribe();
    holds!(sender.send(Value::new(2)).is_ok());
    holds!(next(&mut later) == Some(2));
    Ok(())
}

pub(super) fn clones<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(4);
    let clone = sender.clone();
    send(&clone, [1]);
    send(&sender, [2]);
    holds!(all(&mut receiver) == [1, 2]);
    Ok(())
}

pub(super) fn threads<C: Channels>(channels: &C) -> Held {
    let (sender, mut receiver) = channels.channel(64);
    thread::scope(|scope| {
        for base in [100, 200] {
            let sender = &sender;
            scope.spawn(move || send(sender, base..base + 20));
        }
    });
    let numbers = all(&mut receiver);
    for base in [100, 200] {
        let of_one = numbers.iter().filter(|number| **number / 100 == base / 100);
        holds!(of_one.copied().eq(base..base + 20));
    }
    Ok(())
}

pub(super) fn without_receiver<C: Channels>(channels: &C) -> Held {
    let sender = channels.sender(4);
    holds!(sender.receiver_count() == 0);
    holds!(sender.send(Value::new(1)).is_err());
    Ok(())
}

pub(super) fn after_subscribe<C: Channels>(channels: &C) -> Held {
    let (sender, _first) = channels.channel(4);
    send(&sender, [1]);
    let mut late = sender.subscribe();
    send(&sender, [2]);
    holds!(all(&mut late) == [2]);
    Ok(())
}

fn panics<C: Channels>(channels: &C, capacity: usize) -> bool {
    catch_unwind(AssertUnwindSafe(|| channels.sender(capacity))).is_err()
}

pub(super) fn capacity_of_zero<C: Channels>(channels: &C) -> Held {
    holds!(panics(channels, 0));
    Ok(())
}

pub(super) fn capacity_too_large<C: Channels>(channels: &C) -> Held {
    holds!(panics(channels, usize::MAX / 2 + 1));
    Ok(())
}
