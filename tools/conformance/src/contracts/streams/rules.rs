//! The translated rules, with a check each.

mod publisher;
mod subscription;

use crate::contracts::matrix::Reason;
use crate::contracts::{Held, Kind};

pub(super) struct Rule {
    pub(super) number: &'static str,
    /// The rule in other words.
    pub(super) fact: &'static str,
    pub(super) check: fn(Kind) -> Held,
}

/// The deviations by design.
pub(super) const REASONS: &[Reason] = &[
    (
        &["1.4", "1.6"],
        &["group"],
        "A group has no policy that disconnects: publishers wait for its handlers.",
    ),
    (
        &["1.9"],
        &["handler", "group"],
        "`add_handler` on a closed manager is an error, which gives the handler back.",
    ),
    (
        &["1.11"],
        &["group"],
        "The handlers of a group share a task, which waits for each of them.",
    ),
    (
        &["2.8"],
        &["handler", "group"],
        "`disconnect` aborts a handler, which handles nothing any more.",
    ),
    (
        &["3.13"],
        &["replaying"],
        "The manager retains the event for later subscriptions.",
    ),
    (
        &["3.13"],
        &["staged"],
        "The subscription before has finished with the event and does not wait for the next yet.",
    ),
];

const fn rule(number: &'static str, fact: &'static str, check: fn(Kind) -> Held) -> Rule {
    Rule {
        number,
        fact,
        check,
    }
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "1.1",
        "No more events are signalled than were requested",
        publisher::no_more_than_requested,
    ),
    rule(
        "1.2",
        "Fewer events may come, and then the end",
        publisher::fewer_than_requested,
    ),
    rule(
        "1.3",
        "Signals do not overlap, also with publishers on several threads",
        publisher::serial,
    ),
    rule(
        "1.4",
        "A publisher that fails a subscriber signals `onError`",
        publisher::error,
    ),
    rule(
        "1.5",
        "A publisher that ends signals `onComplete`",
        publisher::complete,
    ),
    rule(
        "1.6",
        "After `onError` or `onComplete`, the subscription is cancelled",
        publisher::ended_is_cancelled,
    ),
    rule(
        "1.7",
        "After the end there are no signals",
        publisher::nothing_after_end,
    ),
    rule(
        "1.8",
        "After `cancel`, signals stop",
        publisher::nothing_after_cancel,
    ),
    rule(
        "1.9",
        "`onSubscribe` comes first, and `subscribe` returns normally, also at the end",
        publisher::subscribed_first,
    ),
    rule(
        "1.10",
        "`subscribe` may be called any number of times",
        publisher::any_number,
    ),
    rule(
        "1.11",
        "Each subscription gets every event, in the same order, at its own pace",
        publisher::multicast,
    ),
    rule(
        "2.8",
        "Events under way may come after the publisher has cut a subscription",
        publisher::under_way,
    ),
    rule(
        "2.9",
        "`onComplete` comes with or without a request",
        publisher::complete_without_request,
    ),
    rule(
        "2.10",
        "`onError` comes with or without a request",
        publisher::error_without_request,
    ),
    rule(
        "2.12",
        "`onSubscribe` comes once",
        publisher::subscribed_once,
    ),
    rule(
        "3.2",
        "`request` may be called inside of `onSubscribe` and `onNext`",
        subscription::inside,
    ),
    rule(
        "3.3",
        "Requests inside of signals do not recurse without bound",
        subscription::no_recursion,
    ),
    rule(
        "3.4",
        "`request` does not wait, also while a publisher waits",
        subscription::no_waiting,
    ),
    rule(
        "3.5",
        "`cancel` does not wait, and can be called twice and from several threads",
        subscription::cancel_at_once,
    ),
    rule(
        "3.6",
        "After `cancel`, `request` does nothing",
        subscription::request_after_cancel,
    ),
    rule(
        "3.7",
        "After `cancel`, `cancel` does nothing",
        subscription::cancel_after_cancel,
    ),
    rule("3.8", "Requests add up", subscription::adds_up),
    rule(
        "3.9",
        "A request of fewer than one event signals `onError`",
        subscription::invalid,
    ),
    rule(
        "3.10",
        "`request` may call `onNext` before it returns",
        subscription::next_inside,
    ),
    rule(
        "3.11",
        "`request` may call `onComplete` before it returns",
        subscription::complete_inside,
    ),
    rule(
        "3.12",
        "`cancel` stops the publisher: the subscription takes no room",
        subscription::cancel_frees_room,
    ),
    rule(
        "3.13",
        "`cancel` drops the subscriber and its events",
        subscription::cancel_drops,
    ),
    rule(
        "3.14",
        "The publisher goes on after the last `cancel`",
        subscription::goes_on,
    ),
    rule(
        "3.15",
        "`cancel` returns normally, also after the end",
        subscription::cancel_returns,
    ),
    rule(
        "3.16",
        "`request` returns normally, also after the end",
        subscription::request_returns,
    ),
    rule(
        "3.17",
        "A request may be 2^63 - 1, again and again",
        subscription::unbounded,
    ),
];
