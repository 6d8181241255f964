//! What may happen to a manager, and random sequences of it.

use std::fmt;

use genevent::Overflow;
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;

/// Chooses one of those that are there: the remainder counts.
pub(crate) type Pick = u8;

/// Which of its two wakers a future or stream is polled with.
pub(crate) type Which = bool;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    TryNotify,
    /// So many `TryNotify`.
    Flood(u8),
    /// Makes a future; it is polled at once, or left lazy.
    Start(Kind, bool),
    Poll(Pick, Which),
    /// What an executor does: polls a future or stream that has been woken.
    Run(Pick),
    Cancel(Pick),
    Subscribe(Overflow, u8),
    Next(Pick, Which),
    Ack(Pick),
    /// From a plain stream to `with_missed()` or back.
    Convert(Pick),
    Leave(Pick),
    /// The consumer panics and takes its stream with it.
    Crash(Pick),
    /// Any id there ever was.
    Disconnect(Pick),
    CloneHandle,
    DropHandle,
    Close,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Notify,
    AckNotify,
    SyncNotify,
    Flush,
    /// Closes the manager, too.
    Stop,
    Closed,
    WaitForSubscribers(u8),
}

/// How everything comes to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// `close()`, then everybody reads to the end.
    Close,
    /// All streams go first.
    Leave,
    /// The futures are dropped, then the last manager; then everybody reads to the end.
    DropManagers,
}

#[derive(Clone)]
pub(crate) struct Sequence {
    pub(crate) capacity: usize,
    pub(crate) ops: Vec<Op>,
    pub(crate) ending: Ending,
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "capacity {}, and {:?} at the end",
            self.capacity, self.ending
        )?;
        let mut ops = self.ops.iter();
        ops.try_for_each(|op| writeln!(f, "    {op:?}"))
    }
}

pub(crate) fn sequences() -> impl Strategy<Value = Sequence> {
    // Some have room for segments of many slots.
    let capacity = prop_oneof![9 => 1..=5usize, 1 => 6..=40usize];
    let ending = prop_oneof![
        Just(Ending::Close),
        Just(Ending::Leave),
        Just(Ending::DropManagers)
    ];
    // Every operation is kept, but a failing sequence shrinks by what can be left out.
    let ops = vec((weighted(1.0), op()), 40..=100)
        .prop_map(|ops| ops.into_iter().filter(|op| op.0).map(|op| op.1).collect());
    (capacity, ops, ending).prop_map(|(capacity, ops, ending)| Sequence {
        capacity,
        ops,
        ending,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let pick = any::<Pick>;
    let which = || prop_oneof![4 => Just(false), 1 => Just(true)];
    // Closing is so rare that most sequences have done much before, and some go on after it.
    prop_oneof![
        60 => Just(Op::TryNotify),
        3 => (1..=20u8).prop_map(Op::Flood),
        120 => (kind(), prop_oneof![9 => Just(true), 1 => Just(false)])
            .prop_map(|(kind, poll)| Op::Start(kind, poll)),
        80 => (pick(), which()).prop_map(|(pick, which)| Op::Poll(pick, which)),
        150 => pick().prop_map(Op::Run),
        30 => pick().prop_map(Op::Cancel),
        60 => (overflow(), 1..=8u8).prop_map(|(overflow, window)| Op::Subscribe(overflow, window)),
        180 => (pick(), which()).prop_map(|(pick, which)| Op::Next(pick, which)),
        40 => pick().prop_map(Op::Ack),
        15 => pick().prop_map(Op::Convert),
        25 => pick().prop_map(Op::Leave),
        8 => pick().prop_map(Op::Crash),
        15 => pick().prop_map(Op::Disconnect),
        6 => Just(Op::CloneHandle),
        5 => Just(Op::DropHandle),
        3 => Just(Op::Close),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        30 => Just(Kind::Notify),
        30 => Just(Kind::SyncNotify),
        30 => Just(Kind::AckNotify),
        20 => Just(Kind::Flush),
        5 => (0..=6u8).prop_map(Kind::WaitForSubscribers),
        3 => Just(Kind::Closed),
        1 => Just(Kind::Stop),
    ]
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        4 => Just(Overflow::Wait),
        3 => Just(Overflow::DropOldest),
        2 => Just(Overflow::Disconnect),
    ]
}
