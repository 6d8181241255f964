//! The behaviours that the documentation states, with a check each.

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
        &["4", "15", "37"],
        &["plain", "replaying", "staged"],
        "The log keeps an event with its segment until its subscribers wait for the next, or until `flush`.",
    ),
    (
        &["11", "28"],
        &["replaying"],
        "A replaying subscription begins with retained events.",
    ),
    (
        &[
            "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "40", "41",
        ],
        &["handler"],
        "A handler takes its first event at once, so that one is not overwritten, and the lag begins behind it.",
    ),
    (
        &["38"],
        &["staged"],
        "The subscription before is a subscriber of the manager too, and is left.",
    ),
];

/// All behaviours. Their numbers are their places, from 1.
pub(super) fn behaviours<C: Channels>() -> Vec<Behaviour<C>> {
    let checks: [(&str, fn(&C) -> Held); 42] = [
        ("Each receiver receives each value", sending::each_receiver),
        (
            "Values are received in the order they were sent",
            sending::in_order,
        ),
        (
            "`send` clones nothing: a value is cloned when a receiver takes it",
            sending::cloned_on_demand,
        ),
        (
            "A value is released when every receiver has received a clone",
            sending::released,
        ),
        ("`send` returns the number of receivers", sending::count),
        (
            "Without receivers, `send` fails and gives the value back",
            sending::nobody,
        ),
        (
            "After such an error, a new receiver makes `send` succeed",
            sending::somebody_again,
        ),
        (
            "A clone of the sender sends to the same channel",
            sending::clones,
        ),
        ("Senders on several threads send at once", sending::threads),
        (
            "`Sender::new` makes a channel without a receiver",
            sending::without_receiver,
        ),
        (
            "A new receiver receives the values sent after `subscribe` only",
            sending::after_subscribe,
        ),
        ("A capacity of 0 panics", sending::capacity_of_zero),
        (
            "A capacity above half of `usize::MAX` panics",
            sending::capacity_too_large,
        ),
        (
            "The capacity is rounded up to a power of two",
            lagging::rounded,
        ),
        (
            "At capacity, `send` succeeds and overwrites the oldest value",
            lagging::overwrites,
        ),
        (
            "A receiver that lagged gets `Lagged` from `recv`",
            lagging::lagged,
        ),
        ("So it does from `try_recv`", lagging::try_lagged),
        (
            "`Lagged` has the number of values that were overwritten",
            lagging::number,
        ),
        (
            "The next receive returns the oldest value that is retained",
            lagging::oldest,
        ),
        (
            "Receives continue in the order of sending from there",
            lagging::continues,
        ),
        ("`Lagged` does not disconnect the receiver", lagging::stays),
        (
            "Further sends before the next receive make it lag again",
            lagging::lags_again,
        ),
        ("A slow receiver takes nothing from others", lagging::others),
        (
            "A receiver that sleeps is woken by a value, and so are all",
            receiving::wakes,
        ),
        (
            "`recv` that is dropped has received nothing",
            receiving::cancelled,
        ),
        (
            "`try_recv` returns `Empty` while there is nothing to receive",
            receiving::empty,
        ),
        (
            "`blocking_recv` receives without a runtime",
            receiving::blocking,
        ),
        (
            "`resubscribe` begins at the newest value, without what its receiver has unread",
            receiving::resubscribed,
        ),
        (
            "A receiver that was resubscribed is independent",
            receiving::independent,
        ),
        (
            "After the last sender, a receiver receives what is retained, then `Closed`",
            closing::retained,
        ),
        ("So does `try_recv`", closing::try_retained),
        ("A receiver that sleeps is woken by the end", closing::wakes),
        (
            "The channel stays open while a clone of the sender is left",
            closing::clone_left,
        ),
        (
            "`is_closed` turns true when the last sender is dropped",
            closing::is_closed,
        ),
        (
            "A weak sender does not keep the channel open",
            closing::weak,
        ),
        (
            "A weak sender can be upgraded while a sender is left",
            closing::upgrades,
        ),
        (
            "A receiver that is dropped releases the values only it had not read",
            closing::dropped_receiver,
        ),
        (
            "`closed` is ready when the last receiver is dropped, not earlier",
            closing::closed,
        ),
        ("`receiver_count` counts the receivers", counting::receivers),
        (
            "A sender's `len` and `is_empty` count the values that some receiver has not seen and that are not overwritten",
            counting::sender_len,
        ),
        (
            "A receiver's `len` and `is_empty` count the unread values, also those overwritten: above the capacity, it lags",
            counting::receiver_len,
        ),
        (
            "`same_channel`, `strong_count` and `weak_count` tell handles of one channel",
            counting::handles,
        ),
    ];
    checks
        .into_iter()
        .map(|(fact, check)| Behaviour { fact, check })
        .collect()
}
