//! The documented behaviours, with a check each.

mod closing;
mod counting;
mod lagging;
mod receiving;
mod sending;

use super::Channels;
use crate::contracts::Held;
use crate::contracts::matrix::Reason;

/// A statement of the documentation, in other words.
pub(super) struct Behaviour<C> {
    pub(super) fact: &'static str,
    pub(super) check: fn(&C) -> Held,
}

/// The deviations by design.
pub(super) const REASONS: &[Reason] = &[
    (
        &["3"],
        &["filtered", "keyed"],
        "The publisher clones the event into the queue of each subscriber that wants it.",
    ),
    (
        &["3"],
        &["staged", "handler"],
        "The subscription before has taken a clone, or the handler has: neither waits for the reader.",
    ),
    (
        &["4", "37"],
        &["plain", "deliveries", "replaying", "staged"],
        "The log keeps an event with its segment until its subscribers wait for the next, or until `flush`.",
    ),
    (
        &["15"],
        &["plain", "deliveries", "replaying", "staged", "handler"],
        "It succeeds and overwrites; but the log keeps the overwritten event with its segment, as above.",
    ),
    (
        &["11", "28"],
        &["replaying"],
        "A replaying subscription begins with retained events.",
    ),
    (
        &["22", "23", "40"],
        &["handler"],
        "A handler takes an event when it gets a turn and not when the reader asks: that event is not overwritten.",
    ),
    (
        &["38"],
        &["staged"],
        "The subscription before is a subscriber of the manager too, and is left.",
    ),
];

const fn behaviour<C>(fact: &'static str, check: fn(&C) -> Held) -> Behaviour<C> {
    Behaviour { fact, check }
}

/// All behaviours. Their numbers are their places, from 1.
#[allow(clippy::too_many_lines, reason = "a list")]
pub(super) fn behaviours<C: Channels>() -> [Behaviour<C>; 42] {
    [
        behaviour("Each receiver receives each value", sending::each_receiver),
        behaviour(
            "Values are received in the order they were sent",
            sending::in_order,
        ),
        behaviour(
            "`send` clones nothing: a value is cloned when a receiver takes it",
            sending::cloned_on_demand,
        ),
        behaviour(
            "A value is released when every receiver has received a clone",
            sending::released,
        ),
        behaviour("`send` returns the number of receivers", sending::count),
        behaviour(
            "Without receivers, `send` fails and gives the value back",
            sending::nobody,
        ),
        behaviour(
            "After such an error, a new receiver makes `send` succeed",
            sending::somebody_again,
        ),
        behaviour(
            "A clone of the sender sends to the same channel",
            sending::clones,
        ),
        behaviour("Senders on several threads send at once", sending::threads),
        behaviour(
            "`Sender::new` makes a channel without a receiver",
            sending::without_receiver,
        ),
        behaviour(
            "A new receiver receives the values sent after `subscribe` only",
            sending::after_subscribe,
        ),
        behaviour("A capacity of 0 panics", sending::capacity_of_zero),
        behaviour(
            "A capacity above half of `usize::MAX` panics",
            sending::capacity_too_large,
        ),
        behaviour(
            "The capacity is rounded up to a power of two",
            lagging::rounded,
        ),
        behaviour(
            "At capacity, `send` succeeds and overwrites the oldest value",
            lagging::overwrites,
        ),
        behaviour(
            "A receiver that lagged gets `Lagged` from `recv`",
            lagging::lagged,
        ),
        behaviour("So it does from `try_recv`", lagging::try_lagged),
        behaviour(
            "`Lagged` has the number of values that were overwritten",
            lagging::number,
        ),
        behaviour(
            "The next receive returns the oldest value that is retained",
            lagging::oldest,
        ),
        behaviour(
            "Receives continue in the order of sending from there",
            lagging::continues,
        ),
        behaviour("`Lagged` does not disconnect the receiver", lagging::stays),
        behaviour(
            "Further sends before the next receive make it lag again",
            lagging::lags_again,
        ),
        behaviour("A slow receiver takes nothing from others", lagging::others),
        behaviour(
            "A receiver that sleeps is woken by a value, and so are all",
            receiving::wakes,
        ),
        behaviour(
            "`recv` that is dropped has received nothing",
            receiving::cancelled,
        ),
        behaviour(
            "`try_recv` returns `Empty` while there is nothing to receive",
            receiving::empty,
        ),
        behaviour(
            "`blocking_recv` receives without a runtime",
            receiving::blocking,
        ),
        behaviour(
            "`resubscribe` begins at the newest value, without what its receiver has unread",
            receiving::resubscribed,
        ),
        behaviour(
            "A receiver that was resubscribed is independent",
            receiving::independent,
        ),
        behaviour(
            "After the last sender, a receiver receives what is retained, then `Closed`",
            closing::retained,
        ),
        behaviour("So does `try_recv`", closing::try_retained),
        behaviour("A receiver that sleeps is woken by the end", closing::wakes),
        behaviour(
            "The channel stays open while a clone of the sender is left",
            closing::clone_left,
        ),
        behaviour(
            "`is_closed` turns true when the last sender is dropped",
            closing::is_closed,
        ),
        behaviour(
            "A weak sender does not keep the channel open",
            closing::weak,
        ),
        behaviour(
            "A weak sender can be upgraded while a sender is left",
            closing::upgrades,
        ),
        behaviour(
            "A receiver that is dropped releases the values only it had not read",
            closing::dropped_receiver,
        ),
        behaviour(
            "`closed` is ready when the last receiver is dropped, not earlier",
            closing::closed,
        ),
        behaviour("`receiver_count` counts the receivers", counting::receivers),
        behaviour(
            "A sender's `len` and `is_empty` count the values that some receiver has not seen and that are not overwritten",
            counting::sender_len,
        ),
        behaviour(
            "A receiver's `len` and `is_empty` count the unread values, also those overwritten: above the capacity, it lags",
            counting::receiver_len,
        ),
        behaviour(
            "`same_channel`, `strong_count` and `weak_count` tell handles of one channel",
            counting::handles,
        ),
    ]
}
