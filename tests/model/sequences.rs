//! Random sequences of operations, each with a fitting weight.

use std::time::Duration;

use genevent::Overflow;
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;

use super::ops::{
    Bounded, By, During, Ending, Failing, From, Kind, Op, Owned, Pick, Policy, Publishing,
    Sequence, Settling,
};

/// Sequences without time, outside of a runtime.
pub(crate) fn sequences() -> impl Strategy<Value = Sequence> {
    sequences_of(op().boxed(), overflow().boxed(), false)
}

/// Sequences with deadlines, `WaitAtMost`, and time that advances, inside of a runtime.
pub(crate) fn sequences_in_time() -> impl Strategy<Value = Sequence> {
    let overflow = prop_oneof![
        2 => overflow(),
        3 => (0..=20u64).prop_map(|ms| Overflow::WaitAtMost(Duration::from_millis(ms))),
    ];
    let overflow = overflow.boxed();
    let op = prop_oneof![
        60 => op(),
        8 => (1..=12u8).prop_map(Op::Advance),
        1 => (100..=120u8).prop_map(Op::Advance),
        5 => (policy(0.9, overflow.clone()), 1..=3u8, from())
            .prop_map(|(policy, window, from)| Op::Subscribe(policy, window, from)),
        3 => (policy(0.9, overflow.clone()), 1..=3u8, by(), from())
            .prop_map(|(policy, window, by, from)| Op::SubscribeFilter(policy, window, by, from)),
        3 => (policy(0.9, overflow.clone()), 1..=3u8, any::<Pick>())
            .prop_map(|(policy, window, other)| Op::SubscribeAfter(policy, window, other)),
        8 => (bounded(), 0..=30u8, weighted(0.9))
            .prop_map(|(bounded, ms, poll)| Op::Start(Kind::Within(bounded, ms), poll)),
        2 => (owned(), 0..=30u8, weighted(0.9))
            .prop_map(|(owned, ms, poll)| Op::Start(Kind::OwnedWithin(owned, ms), poll)),
        3 => (policy(0.9, overflow.clone()), 1..=3u8, proptest::option::of(1..=3u8), from())
            .prop_map(|(policy, window, by, from)| Op::AddHandler(policy, window, by, from)),
        1 => any::<Pick>().prop_map(Op::RemoveHandler),
    ];
    sequences_of(op.boxed(), overflow, true)
}

fn sequences_of(
    op: BoxedStrategy<Op>,
    overflow: BoxedStrategy<Overflow>,
    in_runtime: bool,
) -> impl Strategy<Value = Sequence> {
    // Some have room for segments of many slots.
    let capacity = prop_oneof![9 => 1..=5usize, 1 => 6..=40usize];
    let ending = prop_oneof![
        Just(Ending::Close),
        Just(Ending::Leave),
        Just(Ending::DropManagers)
    ];
    // Every operation is kept, but a failing sequence shrinks by leaving operations out.
    let ops = vec((weighted(1.0), op), 40..=100)
        .prop_map(|ops| ops.into_iter().filter(|op| op.0).map(|op| op.1).collect());
    let retain = prop_oneof![2 => Just(0), 3 => 1..=6usize, 1 => 7..=100usize];
    (capacity, retain, overflow, ops, ending).prop_map(
        move |(capacity, retain, default_overflow, ops, ending)| Sequence {
            capacity,
            retain,
            default_overflow,
            in_runtime,
            ops,
            ending,
        },
    )
}

/// `own`: how often the policy is not the manager's.
fn policy(own: f64, overflow: impl Strategy<Value = Overflow>) -> impl Strategy<Value = Policy> {
    let overflow = proptest::option::weighted(own, overflow);
    (overflow, weighted(0.3)).prop_map(|(overflow, observer)| Policy { overflow, observer })
}

fn from() -> impl Strategy<Value = From> {
    let events = || prop_oneof![3 => 0..=8u8, 1 => 9..=u8::MAX];
    prop_oneof![
        2 => Just(From::Now),
        3 => events().prop_map(From::Newest),
        2 => events().prop_map(From::Since),
    ]
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        3 => (1..=3u8).prop_map(By::Filter),
        3 => (1..=3u8).prop_map(By::Key),
        1 => (1..=3u8).prop_map(By::Keys),
        1 => (1..=3u8).prop_map(By::Breaking),
    ]
}

fn owned() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Notify),
        Just(Owned::AckNotify),
        Just(Owned::SyncNotify),
        Just(Owned::Reserve),
    ]
}

fn publishing() -> impl Strategy<Value = Publishing> {
    prop_oneof![
        1 => Just(Publishing::TryNotify),
        2 => owned().prop_map(Publishing::Future),
        2 => any::<Pick>().prop_map(Publishing::Permit),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let pick = any::<Pick>;
    let which = || prop_oneof![4 => Just(false), 1 => Just(true)];
    // Closing is so rare that most sequences have done much before, and some continue afterwards.
    prop_oneof![
        60 => Just(Op::TryNotify),
        3 => (1..=20u8).prop_map(Op::Flood),
        120 => (kind(), prop_oneof![9 => Just(true), 1 => Just(false)])
            .prop_map(|(kind, poll)| Op::Start(kind, poll)),
        80 => (pick(), which()).prop_map(|(pick, which)| Op::Poll(pick, which)),
        150 => pick().prop_map(Op::Run),
        30 => pick().prop_map(Op::Cancel),
        60 => (policy(0.8, overflow()), 1..=8u8, from())
            .prop_map(|(policy, window, from)| Op::Subscribe(policy, window, from)),
        50 => (policy(0.8, overflow()), 1..=8u8, by(), from())
            .prop_map(|(policy, window, by, from)| Op::SubscribeFilter(policy, window, by, from)),
        4 => Just(Op::ClearRetained),
        25 => (policy(0.8, overflow()), 1..=8u8, pick())
            .prop_map(|(policy, window, other)| Op::SubscribeAfter(policy, window, other)),
        180 => (pick(), which()).prop_map(|(pick, which)| Op::Next(pick, which)),
        40 => pick().prop_map(Op::TryNext),
        40 => (pick(), which(), during())
            .prop_map(|(pick, which, during)| Op::NextDuringClone(pick, which, during)),
        20 => (prop_oneof![Just(Failing::Key), Just(Failing::Clone)], publishing())
            .prop_map(|(failing, publishing)| Op::PublishFailing(failing, publishing)),
        40 => pick().prop_map(Op::Ack),
        40 => pick().prop_map(Op::FollowUp),
        20 => pick().prop_map(Op::Nack),
        15 => pick().prop_map(Op::Convert),
        25 => pick().prop_map(Op::Leave),
        8 => pick().prop_map(Op::Crash),
        15 => pick().prop_map(Op::Disconnect),
        6 => Just(Op::CloneHandle),
        5 => Just(Op::DropHandle),
        3 => Just(Op::Close),
        1 => Just(Op::StopNow),
        30 => pick().prop_map(Op::Deliver),
        70 => (pick(), settling()).prop_map(|(pick, how)| Op::Settle(pick, how)),
        10 => (pick(), any::<bool>()).prop_map(|(pick, map)| Op::Transform(pick, map)),
        35 => pick().prop_map(Op::UsePermit),
        20 => pick().prop_map(Op::DropPermit),
        12 => weighted(0.6).prop_map(Op::Sink),
        25 => (pick(), which()).prop_map(|(pick, which)| Op::PollReady(pick, which)),
        35 => pick().prop_map(Op::Send),
        20 => (pick(), which()).prop_map(|(pick, which)| Op::PollFlush(pick, which)),
        6 => (pick(), which()).prop_map(|(pick, which)| Op::PollClose(pick, which)),
        6 => pick().prop_map(Op::DropSink),
    ]
}

fn settling() -> impl Strategy<Value = Settling> {
    prop_oneof![
        7 => Just(Settling::Ack),
        2 => Just(Settling::Nack),
        2 => Just(Settling::Drop),
    ]
}

fn during() -> impl Strategy<Value = During> {
    prop_oneof![(1..=3u8).prop_map(During::Publish), Just(During::Fail)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        30 => Just(Kind::Notify),
        30 => Just(Kind::SyncNotify),
        30 => Just(Kind::AckNotify),
        25 => Just(Kind::Reserve),
        20 => Just(Kind::Flush),
        20 => Just(Kind::Quiet),
        5 => (0..=6u8).prop_map(Kind::WaitForSubscribers),
        3 => Just(Kind::Closed),
        5 => Just(Kind::Unsubscribed),
        10 => Just(Kind::Owned(Owned::Notify)),
        10 => Just(Kind::Owned(Owned::AckNotify)),
        10 => Just(Kind::Owned(Owned::SyncNotify)),
        8 => Just(Kind::Owned(Owned::Reserve)),
        1 => Just(Kind::Stop),
    ]
}

fn bounded() -> impl Strategy<Value = Bounded> {
    prop_oneof![
        4 => Just(Bounded::Notify),
        4 => Just(Bounded::Reserve),
        8 => Just(Bounded::AckNotify),
        12 => Just(Bounded::SyncNotify),
        8 => Just(Bounded::Flush),
        8 => Just(Bounded::Quiet),
        1 => Just(Bounded::Stop),
    ]
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        4 => Just(Overflow::Wait),
        3 => Just(Overflow::DropOldest),
        2 => Just(Overflow::Disconnect),
    ]
}
