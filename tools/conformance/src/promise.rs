//! The promises, with a check each.

use crate::checks::{acks, cancelling, closing, joining, order, random, room, wake_ups};
use crate::outcome::Verdict;
use crate::trial::Setup;

/// A promise of a broadcast channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "`sentence` describes each promise")]
pub enum Promise {
    InOrder,
    NoLoss,
    FastBesideSlow,
    SameOrder,
    SameOrderOnThreads,
    Bounded,
    RoomAfterRead,
    RoomAfterLeave,
    FirstCome,
    AllOrNobody,
    RoomPassedOn,
    TaskChanged,
    LateJoiner,
    Nobody,
    Freed,
    LastPublisher,
    Close,
    NoLostWakeUp,
    NoIdleWakeUp,
    AckNotEarly,
    AckAfterLeave,
    AckAfterJoin,
    AckCancelled,
    ExactReceipt,
    Random,
}

use Promise as P;

impl Promise {
    /// All promises, in the order of the table.
    pub const ALL: [Self; 25] = [
        P::InOrder,
        P::NoLoss,
        P::FastBesideSlow,
        P::SameOrder,
        P::SameOrderOnThreads,
        P::Bounded,
        P::RoomAfterRead,
        P::RoomAfterLeave,
        P::FirstCome,
        P::AllOrNobody,
        P::RoomPassedOn,
        P::TaskChanged,
        P::LateJoiner,
        P::Nobody,
        P::Freed,
        P::LastPublisher,
        P::Close,
        P::NoLostWakeUp,
        P::NoIdleWakeUp,
        P::AckNotEarly,
        P::AckAfterLeave,
        P::AckAfterJoin,
        P::AckCancelled,
        P::ExactReceipt,
        P::Random,
    ];

    /// The promise in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            P::InOrder => "A subscriber reads events in the order of publishing, each once",
            P::NoLoss => "A subscriber that reads late reads every event",
            P::FastBesideSlow => "A slow subscriber delays no stored event for another subscriber",
            P::SameOrder => "Events of two publishers arrive in the same order at every subscriber",
            P::SameOrderOnThreads => {
                "Events of two publishers on two threads arrive in the same order"
            }
            P::Bounded => {
                "For a subscriber that reads nothing, `capacity` events are stored, and the next publish waits"
            }
            P::RoomAfterRead => {
                "A waiting publish goes on when the slowest subscriber has read an event"
            }
            P::RoomAfterLeave => {
                "A waiting publish goes on when the subscriber without room has left"
            }
            P::FirstCome => "Room goes to the publisher that has waited longest",
            P::AllOrNobody => {
                "A publish that is dropped while it waits has reached all subscribers or none"
            }
            P::RoomPassedOn => {
                "A publish that is dropped after it was woken passes the room to the next"
            }
            P::TaskChanged => "A subscriber that moves to another task is woken there",
            P::LateJoiner => "A late subscriber misses nothing that is published after it joined",
            P::Nobody => {
                "An event without subscribers does not wait, and is not kept for later subscribers"
            }
            P::Freed => "An event is freed when every subscriber has read it or left",
            P::LastPublisher => {
                "After the last publisher, subscribers read what is stored and end; sleeping ones are woken"
            }
            P::Close => {
                "`close` refuses events, wakes waiting publishers, and loses nothing that is stored"
            }
            P::NoLostWakeUp => "An event wakes every sleeping subscriber",
            P::NoIdleWakeUp => "A task that waits is not woken for nothing: there is no busy loop",
            P::AckNotEarly => {
                "An acknowledged publish is ready when every subscriber has finished, not earlier"
            }
            P::AckAfterLeave => "A subscriber that leaves is not waited for",
            P::AckAfterJoin => "A subscriber that joins later is not waited for",
            P::AckCancelled => {
                "Dropping the wait for acknowledgements withdraws the event from no subscriber"
            }
            P::ExactReceipt => {
                "A receipt counts the subscribers that finished, and those that left before"
            }
            P::Random => "All of these, in random sequences of operations",
        }
    }

    pub(crate) fn check(self, setup: &Setup<'_>) -> Verdict {
        match self {
            P::InOrder => order::in_order(setup),
            P::NoLoss => order::slow(setup),
            P::FastBesideSlow => order::fast_beside_slow(setup),
            P::SameOrder => order::same_order(setup),
            P::SameOrderOnThreads => order::same_order_on_threads(setup),
            P::Bounded => room::bounded(setup),
            P::RoomAfterRead => room::after_a_read(setup),
            P::RoomAfterLeave => room::after_a_leave(setup),
            P::FirstCome => room::first_come(setup),
            P::AllOrNobody => cancelling::all_or_nobody(setup),
            P::RoomPassedOn => cancelling::room_is_passed_on(setup),
            P::TaskChanged => cancelling::moved(setup),
            P::LateJoiner => joining::late_joiner(setup),
            P::Nobody => joining::nobody(setup),
            P::Freed => joining::freed(setup),
            P::LastPublisher => closing::last_publisher(setup),
            P::Close => closing::close(setup),
            P::NoLostWakeUp => wake_ups::none_lost(setup),
            P::NoIdleWakeUp => wake_ups::none_idle(setup),
            P::AckNotEarly => acks::not_early(setup),
            P::AckAfterLeave => acks::leaving(setup),
            P::AckAfterJoin => acks::joining(setup),
            P::AckCancelled => acks::cancelled(setup),
            P::ExactReceipt => acks::receipt(setup),
            P::Random => random::sequences(setup),
        }
    }
}
