//! The traits of every public type, for any event: compiling this file is the test.

#[cfg(feature = "rt")]
mod deadlines;
#[cfg(feature = "rt")]
mod handlers;
#[cfg(feature = "rt")]
mod kv;

use std::error::Error;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{RefUnwindSafe, UnwindSafe};

use futures::stream::FusedStream;
use futures::{Sink, Stream};
use genevent::error::{
    FollowUpError, NotifyError, ReserveError, TryNextError, TryNotifyError, WouldDeadlock,
};
use genevent::ext::{FilterAcked, Latest, ReadyBatches};
use genevent::future::{
    AckNotify, AckNotifyOwned, Closed, Disconnected, Flush, Next, Notify, NotifyOwned, Quiet,
    Reserve, ReserveOwned, Stop, SyncNotify, SyncNotifyOwned, Unsubscribed, WaitForSubscribers,
};
use genevent::test_util::{Assertion, Probe, WaitFor, assert_ended, assert_next, assert_no_event};
use genevent::{
    Ack, Batch, Cause, Deliveries, Delivery, DisconnectCause, EndReason, EventManager,
    EventManagerBuilder, EventSink, Filtered, FollowUps, Overflow, Permit, Receipt, Received,
    Stats, SubscribeOptions, SubscriberId, SubscriberInfo, Subscription, SyncSink, Topics,
    Unfinished, WeakEventManager, WithMissed,
};

/// `Send + Sync + 'static`, as required, and nothing else: not `Unpin`, `Clone` or `Debug`.
struct Event(PhantomPinned);

/// An event with the least traits for a stream.
#[derive(Clone)]
struct Cloned(PhantomPinned);

/// An event without `UnwindSafe`: for the compiler, a panic may leave the event half-changed.
type Fragile = Box<dyn std::any::Any + Send + Sync>;

/// The traits of all types: sent, shared, moved while in use, and shown.
const fn at_ease<T: Send + Sync + Unpin + Debug + 'static>() {}
/// The traits also of types that hold the event, or another value that may not be moved.
const fn shared<T: Send + Sync + Debug + 'static>() {}
/// Types that may also be used after a caught panic.
const fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
const fn clone<T: Clone>() {}
const fn default<T: Default>() {}
const fn equal<T: Eq>() {}
const fn hash<T: Hash>() {}
const fn ordered<T: Ord>() {}
const fn copy<T: Copy>() {}
const fn error<T: Error + Display>() {}
const fn stream<T: FusedStream + Stream<Item = Item>, Item>() {}
const fn future<T: Future<Output = Output>, Output>() {}
const fn sink<T: Sink<Item, Error = ReserveError>, Item>() {}

#[test]
fn managers_have_their_auto_traits() {
    at_ease::<EventManager<Event>>();
    at_ease::<WeakEventManager<Event>>();
    at_ease::<EventManagerBuilder<Event>>();
    clone::<EventManager<Event>>();
    clone::<WeakEventManager<Event>>();
    default::<EventManager<Event>>();
    unwind_safe::<EventManager<Fragile>>();
    unwind_safe::<WeakEventManager<Fragile>>();
    unwind_safe::<EventManagerBuilder<Fragile>>();
}

#[test]
fn subscriptions_have_their_auto_traits() {
    at_ease::<Subscription<Event>>();
    at_ease::<WithMissed<Event>>();
    unwind_safe::<Subscription<Event>>();
    unwind_safe::<WithMissed<Event>>();
    stream::<Subscription<Cloned>, Cloned>();
    stream::<WithMissed<Cloned>, Received<Cloned>>();
}

/// Keys need no traits but `Hash`, `Eq`, `Send` and `Sync`, and the handle needs none of them.
#[test]
fn topics_have_their_auto_traits() {
    at_ease::<Topics<Cloned, Cloned>>();
    unwind_safe::<Topics<Fragile, Fragile>>();
}

/// The items of a filter may be any `Send` values: not `Sync`, `Unpin` or `Clone`.
#[test]
fn filtered_subscriptions_have_their_auto_traits() {
    struct Sent(PhantomData<std::cell::Cell<u8>>, PhantomPinned);
    at_ease::<Filtered<Sent>>();
    at_ease::<WithMissed<Sent, Filtered<Sent>>>();
    at_ease::<Deliveries<Sent, Filtered<Sent>>>();
    unwind_safe::<Filtered<Sent>>();
    unwind_safe::<WithMissed<Sent, Filtered<Sent>>>();
    unwind_safe::<Deliveries<Sent, Filtered<Sent>>>();
    stream::<Filtered<Sent>, Sent>();
    stream::<WithMissed<Sent, Filtered<Sent>>, Received<Sent>>();
    stream::<Deliveries<Sent, Filtered<Sent>>, Delivery<Sent>>();
}

/// A delivery holds the event, and is `Unpin` only if the event is.
#[test]
fn deliveries_and_acks_have_their_auto_traits() {
    at_ease::<Deliveries<Event>>();
    unwind_safe::<Deliveries<Event>>();
    stream::<Deliveries<Cloned>, Delivery<Cloned>>();
    at_ease::<Delivery<String>>();
    shared::<Delivery<Event>>();
    unwind_safe::<Delivery<Event>>();
    at_ease::<Ack>();
    unwind_safe::<Ack>();
    at_ease::<FollowUps<Event>>();
    unwind_safe::<FollowUps<Fragile>>();
    clone::<FollowUps<Event>>();
}

type Judge = fn(&Event) -> bool;

#[test]
fn delivery_operators_have_their_auto_traits() {
    at_ease::<Batch<String>>();
    shared::<Batch<Event>>();
    unwind_safe::<Batch<Event>>();
    at_ease::<FilterAcked<Deliveries<Event>, Judge>>();
    unwind_safe::<FilterAcked<Deliveries<Event>, Judge>>();
    stream::<FilterAcked<Deliveries<Cloned>, fn(&Cloned) -> bool>, Delivery<Cloned>>();
    at_ease::<ReadyBatches<Deliveries<Event>, Event>>();
    unwind_safe::<ReadyBatches<Deliveries<Event>, Event>>();
    stream::<ReadyBatches<Deliveries<Cloned>, Cloned>, Batch<Cloned>>();
}

#[test]
fn latest_has_its_auto_traits() {
    shared::<Latest<Deliveries<Event>, Event>>();
    at_ease::<Latest<Deliveries<String>, String>>();
    unwind_safe::<Latest<Deliveries<Event>, Event>>();
    stream::<Latest<Deliveries<Cloned>, Cloned>, Delivery<Cloned>>();
}

#[test]
fn permits_and_sinks_have_their_auto_traits() {
    at_ease::<Permit<Event>>();
    at_ease::<EventSink<Event>>();
    at_ease::<SyncSink<Event>>();
    unwind_safe::<Permit<Fragile>>();
    unwind_safe::<EventSink<Fragile>>();
    unwind_safe::<SyncSink<Fragile>>();
    sink::<EventSink<Event>, Event>();
    sink::<SyncSink<Event>, Event>();
    at_ease::<ReserveError>();
    unwind_safe::<ReserveError>();
    copy::<ReserveError>();
    equal::<ReserveError>();
    error::<ReserveError>();
}

#[test]
fn options_and_reasons_are_plain_values() {
    at_ease::<SubscribeOptions>();
    unwind_safe::<SubscribeOptions>();
    clone::<SubscribeOptions>();
    default::<SubscribeOptions>();
    default::<Overflow>();
    at_ease::<Overflow>();
    at_ease::<EndReason>();
    at_ease::<DisconnectCause>();
    copy::<(Overflow, EndReason, DisconnectCause)>();
    equal::<(Overflow, EndReason, DisconnectCause)>();
    hash::<(Overflow, EndReason, DisconnectCause)>();
}

/// `Received` holds the event and has its traits; but `Debug` in any case.
#[test]
fn received_has_the_traits_of_the_event() {
    at_ease::<Received<String>>();
    shared::<Received<Event>>();
    unwind_safe::<Received<Event>>();
    clone::<Received<Cloned>>();
    copy::<Received<u8>>();
    equal::<Received<u8>>();
    hash::<Received<u8>>();
}

#[test]
fn subscriber_information_is_plain_values() {
    at_ease::<SubscriberId>();
    unwind_safe::<SubscriberId>();
    copy::<SubscriberId>();
    equal::<SubscriberId>();
    hash::<SubscriberId>();
    ordered::<SubscriberId>();
    at_ease::<SubscriberInfo>();
    unwind_safe::<SubscriberInfo>();
    clone::<SubscriberInfo>();
    at_ease::<Stats>();
    unwind_safe::<Stats>();
    clone::<Stats>();
    at_ease::<Receipt>();
    unwind_safe::<Receipt>();
    clone::<Receipt>();
    equal::<Receipt>();
    hash::<Receipt>();
    at_ease::<Unfinished>();
    unwind_safe::<Unfinished>();
    clone::<Unfinished>();
    equal::<Unfinished>();
    hash::<Unfinished>();
    at_ease::<Cause>();
    unwind_safe::<Cause>();
    clone::<Cause>();
    equal::<Cause>();
    hash::<Cause>();
}

#[test]
fn errors_implement_error_for_any_event() {
    error::<TryNotifyError<Event>>();
    error::<NotifyError<Event>>();
    error::<FollowUpError<Event>>();
    at_ease::<TryNotifyError<String>>();
    at_ease::<NotifyError<String>>();
    at_ease::<FollowUpError<String>>();
    unwind_safe::<TryNotifyError<Event>>();
    unwind_safe::<NotifyError<Event>>();
    unwind_safe::<FollowUpError<Event>>();
    clone::<(
        TryNotifyError<Cloned>,
        NotifyError<Cloned>,
        FollowUpError<Cloned>,
    )>();
    at_ease::<TryNextError>();
    error::<TryNextError>();
    unwind_safe::<TryNextError>();
    copy::<TryNextError>();
    equal::<TryNextError>();
    hash::<TryNextError>();
    copy::<(TryNotifyError<u8>, NotifyError<u8>, FollowUpError<u8>)>();
    equal::<(TryNotifyError<u8>, NotifyError<u8>, FollowUpError<u8>)>();
}

#[test]
fn futures_are_send_and_unpin() {
    at_ease::<Notify<'static, Event>>();
    at_ease::<AckNotify<'static, Event>>();
    at_ease::<SyncNotify<'static, Event>>();
    at_ease::<Flush<'static, Event>>();
    at_ease::<Quiet<'static, Event>>();
    at_ease::<Stop<'static, Event>>();
    at_ease::<Closed<'static, Event>>();
    at_ease::<Disconnected>();
    at_ease::<WaitForSubscribers<'static, Event>>();
    at_ease::<Reserve<'static, Event>>();
    at_ease::<Unsubscribed<'static, Event>>();
    at_ease::<Next<'static, Subscription<Event>>>();
    at_ease::<NotifyOwned<Event>>();
    at_ease::<AckNotifyOwned<Event>>();
    at_ease::<SyncNotifyOwned<Event>>();
    at_ease::<ReserveOwned<Event>>();
    unwind_safe::<NotifyOwned<Event>>();
    unwind_safe::<AckNotifyOwned<Event>>();
    unwind_safe::<SyncNotifyOwned<Event>>();
    unwind_safe::<ReserveOwned<Fragile>>();
    unwind_safe::<Unsubscribed<'_, Fragile>>();
    unwind_safe::<Notify<'_, Event>>();
    unwind_safe::<AckNotify<'_, Event>>();
    unwind_safe::<SyncNotify<'_, Event>>();
    unwind_safe::<Flush<'_, Fragile>>();
    unwind_safe::<Quiet<'_, Fragile>>();
    unwind_safe::<Stop<'_, Fragile>>();
    unwind_safe::<Closed<'_, Fragile>>();
    unwind_safe::<Disconnected>();
    unwind_safe::<WaitForSubscribers<'_, Fragile>>();
    unwind_safe::<Reserve<'_, Fragile>>();
    future::<Notify<'_, Event>, Result<usize, NotifyError<Event>>>();
    future::<AckNotify<'_, Event>, Result<Receipt, NotifyError<Event>>>();
    future::<SyncNotify<'_, Event>, Result<Receipt, NotifyError<Event>>>();
    future::<Flush<'_, Event>, Result<(), WouldDeadlock>>();
    future::<Quiet<'_, Event>, Result<(), WouldDeadlock>>();
    future::<Stop<'_, Event>, Result<(), WouldDeadlock>>();
    future::<Closed<'_, Event>, ()>();
    future::<Disconnected, Option<EndReason>>();
    future::<WaitForSubscribers<'_, Event>, usize>();
    future::<Reserve<'_, Event>, Result<Permit<Event>, ReserveError>>();
    future::<Unsubscribed<'_, Event>, ()>();
    future::<Next<'_, Subscription<Cloned>>, Option<Cloned>>();
    future::<NotifyOwned<Event>, Result<usize, NotifyError<Event>>>();
    future::<AckNotifyOwned<Event>, Result<Receipt, NotifyError<Event>>>();
    future::<SyncNotifyOwned<Event>, Result<Receipt, NotifyError<Event>>>();
    future::<ReserveOwned<Event>, Result<Permit<Event>, ReserveError>>();
}

/// The questions of the macros are not for users to name, nor is the macros' `Shown`.
#[test]
fn assertions_and_probes_have_their_auto_traits() {
    fn may_be_sent<A: Future + Send + Unpin + Debug>(_: &A) {}
    at_ease::<Probe<Event>>();
    unwind_safe::<Probe<Fragile>>();
    clone::<Probe<Event>>();
    default::<Probe<Event>>();
    at_ease::<Assertion<WaitFor<Event>>>();
    // Never called: compiling is enough.
    let _ = |mut reader: Subscription<Cloned>, probe: Probe<Event>| {
        may_be_sent(&assert_next!(reader));
        may_be_sent(&assert_next!(reader, matches Cloned(_)));
        may_be_sent(&assert_no_event!(reader));
        may_be_sent(&assert_ended!(reader));
        may_be_sent(&probe.wait_for(1));
    };
}

/// A new public type must be entered above, or here with the reason why not: `Acks` is part of a sealed
/// trait.
#[test]
fn every_public_type_is_listed() {
    let listed = concat!(
        include_str!("auto_traits.rs"),
        include_str!("auto_traits/deadlines.rs"),
        include_str!("auto_traits/handlers.rs"),
        include_str!("auto_traits/kv.rs"),
    );
    let is_listed = |name: &str| {
        let mut words = listed.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word == name)
    };
    let missing: Vec<String> = sources()
        .iter()
        .flat_map(|text| public_types(text))
        .collect();
    assert!(missing.len() > 10, "the sources were read");
    let missing: Vec<_> = missing.iter().filter(|name| !is_listed(name)).collect();
    assert!(
        missing.is_empty(),
        "enter {missing:?} in tests/it/robustness/auto_traits"
    );
}

/// The text of every file under `src`.
fn sources() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir::<std::path::PathBuf>(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(std::fs::read_to_string(path).expect("src can be read"));
            }
        }
    }
    files
}

/// Structs and enums that are declared `pub`, and the futures that a macro declares.
fn public_types(text: &str) -> Vec<String> {
    let name_after = |rest: &str| -> String {
        let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
        rest.chars().take_while(is_name).collect()
    };
    let declared = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = ["pub struct ", "pub enum "]
            .iter()
            .find_map(|keyword| line.strip_prefix(keyword))?;
        Some(name_after(rest)).filter(|name| !name.is_empty())
    });
    let imported = text
        .split("use crate::future::{")
        .skip(1)
        .flat_map(|rest| rest.split('}').next().unwrap_or_default().split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| name.starts_with(char::is_uppercase));
    declared.chain(imported).collect()
}
