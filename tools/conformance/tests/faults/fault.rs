//! The faults, and the checks that must notice each.

use genevent_conformance::Promise::{self, *};

/// A fault of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    LosesAnEvent,
    DeliversTwice,
    Reorders,
    LosesAWakeUp,
    WakesItself,
    ReadsInStep,
    KeepsEventsForLater,
    FreesNothing,
    StoresInSteps,
    TakesBackTheCancelled,
    BusyLoop,
    NeverWaits,
    Overwrites,
    StoresOneTooMany,
    LastComeFirst,
    StoresForSomeFirst,
    KeepsTheRoomOfTheCancelled,
    KeepsTheFirstTask,
    KeepsTheSubscriberThatLeft,
    ReadWakesNobody,
    LeaveWakesNobody,
    GivesOldEvents,
    NeverEnds,
    EndWakesNobody,
    EndsWithEventsUnread,
    AcceptsAfterClose,
    AcknowledgesEarly,
    AcknowledgesWhenReceived,
    AckWakesNobody,
    WaitsForThoseWhoLeft,
    CountsLaterSubscribers,
    CountsLeavingAsFinished,
    Panics,
}

/// Each fault with the checks which must fail, beside the random check.
pub(crate) const NOTICED: &[(Fault, &[Promise])] = &[
    (Fault::LosesAnEvent, &[InOrder]),
    (Fault::DeliversTwice, &[InOrder]),
    (Fault::Reorders, &[InOrder]),
    (Fault::LosesAWakeUp, &[NoLostWakeUp]),
    (Fault::WakesItself, &[NoIdleWakeUp]),
    (Fault::ReadsInStep, &[FastBesideSlow]),
    (Fault::KeepsEventsForLater, &[Nobody]),
    (Fault::FreesNothing, &[Freed]),
    (Fault::StoresInSteps, &[SameOrderOnThreads]),
    (Fault::TakesBackTheCancelled, &[AckCancelled]),
    (Fault::BusyLoop, &[NoIdleWakeUp]),
    (Fault::NeverWaits, &[Bounded]),
    (Fault::Overwrites, &[NoLoss, Bounded]),
    (Fault::StoresOneTooMany, &[Bounded]),
    (Fault::LastComeFirst, &[FirstCome]),
    (Fault::StoresForSomeFirst, &[AllOrNobody, SameOrder]),
    (Fault::KeepsTheRoomOfTheCancelled, &[RoomPassedOn]),
    (Fault::KeepsTheFirstTask, &[TaskChanged]),
    (
        Fault::KeepsTheSubscriberThatLeft,
        &[RoomAfterLeave, Freed, AckAfterLeave],
    ),
    (Fault::ReadWakesNobody, &[RoomAfterRead]),
    (Fault::LeaveWakesNobody, &[RoomAfterLeave]),
    (Fault::GivesOldEvents, &[LateJoiner]),
    (Fault::NeverEnds, &[LastPublisher]),
    (Fault::EndWakesNobody, &[LastPublisher]),
    (Fault::EndsWithEventsUnread, &[LastPublisher, Close]),
    (Fault::AcceptsAfterClose, &[Close]),
    (Fault::AcknowledgesEarly, &[AckNotEarly]),
    (Fault::AcknowledgesWhenReceived, &[AckNotEarly]),
    (Fault::AckWakesNobody, &[AckNotEarly, AckAfterLeave]),
    (Fault::WaitsForThoseWhoLeft, &[AckAfterLeave]),
    (Fault::CountsLaterSubscribers, &[AckAfterJoin]),
    (Fault::CountsLeavingAsFinished, &[ExactReceipt]),
    (Fault::Panics, &[InOrder]),
];

/// The faults unnoticeable by random sequences, with the reason.
pub(crate) const NOT_AT_RANDOM: &[(Fault, &str)] = &[
    (Fault::KeepsEventsForLater, "a replay is allowed"),
    (Fault::FreesNothing, "memory is not looked at"),
    (Fault::StoresInSteps, "there is one thread"),
    (Fault::BusyLoop, "the publisher goes on when there is room"),
    (
        Fault::LastComeFirst,
        "the order of waiting is not looked at",
    ),
];
