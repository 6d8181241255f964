//! The operations on a manager, and their sequences.

use std::fmt;

use genevent::Overflow;

/// Chooses an existing item: the remainder counts.
pub(crate) type Pick = u8;

/// Which of its two wakers a future or stream is polled with.
pub(crate) type Which = bool;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    TryNotify,
    /// A number of `TryNotify` calls.
    Flood(u8),
    /// Makes a future, which is polled at once, or left unpolled.
    Start(Kind, bool),
    Poll(Pick, Which),
    /// The step of an executor: polls a woken future or stream.
    Run(Pick),
    Cancel(Pick),
    /// With a policy, a window, and the retained events.
    Subscribe(Policy, u8, From),
    /// With a policy and a window, for the events divisible by the last number.
    SubscribeFilter(Policy, u8, By, From),
    ClearRetained,
    /// With a policy and a window, after any earlier subscriber.
    SubscribeAfter(Policy, u8, Pick),
    /// In a runtime, adds a handler of the events divisible by the number, or of all.
    AddHandler(Policy, u8, Option<u8>, From),
    RemoveHandler(Pick),
    /// Publishes while user code of the publisher fails.
    PublishFailing(Failing, Publishing),
    Next(Pick, Which),
    TryNext(Pick),
    /// Like `Next`; if `Next` clones the event, the action runs during the clone.
    NextDuringClone(Pick, Which, During),
    Ack(Pick),
    /// A reader publishes a follow-up of its event in flight.
    FollowUp(Pick),
    Nack(Pick),
    /// Turns a plain stream into `with_missed()` or back.
    Convert(Pick),
    /// Turns a stream into a stream of deliveries.
    Deliver(Pick),
    Settle(Pick, Settling),
    /// A delivery is mapped, or taken apart.
    Transform(Pick, bool),
    Leave(Pick),
    /// The consumer panics and takes its stream with it.
    Crash(Pick),
    /// Disconnects any earlier id.
    Disconnect(Pick),
    UsePermit(Pick),
    DropPermit(Pick),
    /// A new sink, which waits for acknowledgements or does not.
    Sink(bool),
    PollReady(Pick, Which),
    /// Sends, if the sink is ready.
    Send(Pick),
    PollFlush(Pick, Which),
    PollClose(Pick, Which),
    DropSink(Pick),
    CloneHandle,
    DropHandle,
    Close,
    /// Closes, and disconnects every subscriber.
    StopNow,
    /// Advances the clock by this number of milliseconds.
    Advance(u8),
}

/// The retained events that a subscription begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Now,
    Newest(u8),
    /// All after the event that is this many events before the newest.
    Since(u8),
}

/// How a subscription gets the events divisible by a number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Filter(u8),
    Key(u8),
    /// By that key and others, which no event has.
    Keys(u8),
    /// By a predicate that panics at some of the events.
    Breaking(u8),
}

/// The user code that panics in a publishing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// Every key function.
    Key,
    /// Every clone for a subscriber of a key.
    Clone,
}

/// A publishing call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Publishing {
    TryNotify,
    /// A new future, which is polled.
    Future(Owned),
    Permit(Pick),
}

/// The overflow policy of a subscription, or the manager's; and whether the subscriber is an
/// observer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) overflow: Option<Overflow>,
    pub(crate) observer: bool,
}

/// An action on a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Settling {
    Ack,
    Nack,
    Drop,
}

/// The action of an event's `Clone`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum During {
    /// Takes long: this many more events arrive meanwhile.
    Publish(u8),
    /// Panics.
    Fail,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Notify,
    AckNotify,
    SyncNotify,
    Reserve,
    Flush,
    Quiet,
    /// Closes the manager, too.
    Stop,
    Closed,
    WaitForSubscribers(u8),
    Unsubscribed,
    /// By a future that borrows nothing.
    Owned(Owned),
    /// With a deadline in milliseconds.
    Within(Bounded, u8),
    OwnedWithin(Owned, u8),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Owned {
    Notify,
    AckNotify,
    SyncNotify,
    Reserve,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bounded {
    Notify,
    Reserve,
    AckNotify,
    SyncNotify,
    Flush,
    Quiet,
    Stop,
}

/// How a sequence ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// `close()`, then all readers read to the end.
    Close,
    /// All streams are dropped first.
    Leave,
    /// The futures are dropped, then the last manager; then all readers read to the end.
    DropManagers,
}

#[derive(Clone)]
pub(crate) struct Sequence {
    pub(crate) capacity: usize,
    pub(crate) retain: usize,
    pub(crate) default_overflow: Overflow,
    /// Whether everything is polled inside of a runtime. Only there can time pass.
    pub(crate) in_runtime: bool,
    pub(crate) ops: Vec<Op>,
    pub(crate) ending: Ending,
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "capacity {}, {} retained, {:?} by default, and {:?} at the end",
            self.capacity, self.retain, self.default_overflow, self.ending
        )?;
        let mut ops = self.ops.iter();
        ops.try_for_each(|op| writeln!(f, "    {op:?}"))
    }
}
