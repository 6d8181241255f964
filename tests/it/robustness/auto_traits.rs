//! The traits of every public type, for any event: compiling this file is the test.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{RefUnwindSafe, UnwindSafe};

use futures::stream::FusedStream;
use futures::{Sink, Stream};
use genevent::error::{NotifyError, ReserveError, TryNotifyError, WouldDeadlock};
use genevent::ext::{FilterAcked, ReadyBatches};
use genevent::future::{
    AckNotify, Closed, Flush, Notify, Reserve, Stop, SyncNotify, WaitForSubscribers,
};
use genevent::test_util::{Assertion, Probe, WaitFor, assert_ended, assert_next, assert_no_event};
use genevent::{
    Ack, Batch, Deliveries, Delivery, DisconnectCause, EndReason, EventManager,
    EventManagerBuilder, EventSink, Filtered, Overflow, Permit, Receipt, Received, Stats,
    SubscribeOptions, SubscriberId, SubscriberInfo, Subscription, SyncSink, WeakEventManager,
    WithMissed,
};

/// `Send + Sync + 'static`, as required, and nothing else: not `Unpin`, `Clone` or `Debug`.
struct Event(PhantomPinned);

/// An event that can at least be yielded.
#[derive(Clone)]
struct Cloned(PhantomPinned);

/// An event that does not even survive a panic unharmed, as far as the compiler knows.
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

/// A delivery holds the event, and may be moved while in use if that may.
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
}

#[test]
fn errors_implement_error_for_any_event() {
    error::<TryNotifyError<Event>>();
    error::<NotifyError<Event>>();
    at_ease::<TryNotifyError<String>>();
    at_ease::<NotifyError<String>>();
    unwind_safe::<TryNotifyError<Event>>();
    unwind_safe::<NotifyError<Event>>();
    clone::<(TryNotifyError<Cloned>, NotifyError<Cloned>)>();
    copy::<(TryNotifyError<u8>, NotifyError<u8>)>();
    equal::<(TryNotifyError<u8>, NotifyError<u8>)>();
}

#[test]
fn futures_are_send_and_unpin() {
    at_ease::<Notify<'static, Event>>();
    at_ease::<AckNotify<'static, Event>>();
    at_ease::<SyncNotify<'static, Event>>();
    at_ease::<Flush<'static, Event>>();
    at_ease::<Stop<'static, Event>>();
    at_ease::<Closed<'static, Event>>();
    at_ease::<WaitForSubscribers<'static, Event>>();
    at_ease::<Reserve<'static, Event>>();
    unwind_safe::<Notify<'_, Event>>();
    unwind_safe::<AckNotify<'_, Event>>();
    unwind_safe::<SyncNotify<'_, Event>>();
    unwind_safe::<Flush<'_, Fragile>>();
    unwind_safe::<Stop<'_, Fragile>>();
    unwind_safe::<Closed<'_, Fragile>>();
    unwind_safe::<WaitForSubscribers<'_, Fragile>>();
    unwind_safe::<Reserve<'_, Fragile>>();
    future::<Notify<'_, Event>, Result<usize, NotifyError<Event>>>();
    future::<AckNotify<'_, Event>, Result<Receipt, NotifyError<Event>>>();
    future::<SyncNotify<'_, Event>, Result<Receipt, NotifyError<Event>>>();
    future::<Flush<'_, Event>, Result<(), WouldDeadlock>>();
    future::<Stop<'_, Event>, Result<(), WouldDeadlock>>();
    future::<Closed<'_, Event>, ()>();
    future::<WaitForSubscribers<'_, Event>, usize>();
    future::<Reserve<'_, Event>, Result<Permit<Event>, ReserveError>>();
}

/// Types that wait on tokio's clock.
#[cfg(feature = "rt")]
mod rt {
    use std::future::Ready;

    use genevent::error::{
        DeadlineError, NotReserved, NotStored, ReserveDeadlineError, Unanswered, Unsettled,
        WaitError,
    };
    use genevent::ext::{Batches, ContinueOnError, ForEachAcked, TryForEachAcked};
    use genevent::future::{Settled, Within};

    use super::{AckNotify, Batch, Cloned, Deliveries, Event, Flush, Fragile, Notify, Permit};
    use super::{Receipt, Reserve, Stop, SyncNotify};
    use super::{at_ease, clone, error, future, shared, stream, unwind_safe};

    #[test]
    fn deadline_futures_are_send_and_unpin() {
        at_ease::<Within<Notify<'static, Event>>>();
        at_ease::<Within<Reserve<'static, Event>>>();
        at_ease::<Within<SyncNotify<'static, Event>>>();
        at_ease::<Within<AckNotify<'static, Event>>>();
        at_ease::<Within<Flush<'static, Event>>>();
        at_ease::<Within<Stop<'static, Event>>>();
        at_ease::<Settled>();
        unwind_safe::<Within<Notify<'_, Event>>>();
        unwind_safe::<Within<Reserve<'_, Fragile>>>();
        unwind_safe::<Settled>();
        future::<Within<Notify<'_, Event>>, Result<usize, DeadlineError<Event>>>();
        future::<Within<Reserve<'_, Event>>, Result<Permit<Event>, ReserveDeadlineError>>();
        future::<Settled, Receipt>();
        future::<Within<SyncNotify<'_, Event>>, Result<Receipt, DeadlineError<Event>>>();
        future::<Within<AckNotify<'_, Event>>, Result<Receipt, DeadlineError<Event>>>();
        future::<Within<Flush<'_, Event>>, Result<(), WaitError>>();
        future::<Within<Stop<'_, Event>>, Result<(), WaitError>>();
    }

    #[test]
    fn deadline_errors_implement_error_for_any_event() {
        error::<DeadlineError<Event>>();
        error::<Unanswered>();
        error::<Unsettled>();
        error::<WaitError>();
        error::<ReserveDeadlineError>();
        error::<NotReserved>();
        at_ease::<DeadlineError<String>>();
        shared::<DeadlineError<Event>>();
        at_ease::<NotStored<String>>();
        shared::<NotStored<Event>>();
        at_ease::<Unanswered>();
        at_ease::<WaitError>();
        at_ease::<(Unsettled, ReserveDeadlineError, NotReserved)>();
        unwind_safe::<(Unsettled, ReserveDeadlineError, NotReserved)>();
        unwind_safe::<DeadlineError<Event>>();
        unwind_safe::<NotStored<Event>>();
        unwind_safe::<Unanswered>();
        unwind_safe::<WaitError>();
        clone::<(
            DeadlineError<Cloned>,
            NotStored<Cloned>,
            Unanswered,
            WaitError,
        )>();
        clone::<(Unsettled, ReserveDeadlineError, NotReserved)>();
    }

    type Done = Ready<()>;
    type Tried = Ready<Result<(), String>>;
    type Work<Fut> = fn(Event) -> Fut;
    type OfCloned<Fut> = fn(Cloned) -> Fut;

    #[test]
    fn working_operators_are_send() {
        shared::<ForEachAcked<Deliveries<Event>, Done, Work<Done>>>();
        shared::<TryForEachAcked<Deliveries<Event>, Tried, Work<Tried>, String>>();
        shared::<ContinueOnError<Deliveries<Event>, Tried, Work<Tried>, fn(String)>>();
        shared::<Batches<Deliveries<Event>, Event>>();
        stream::<Batches<Deliveries<Cloned>, Cloned>, Batch<Cloned>>();
        future::<ForEachAcked<Deliveries<Cloned>, Done, OfCloned<Done>>, ()>();
        future::<
            TryForEachAcked<Deliveries<Cloned>, Tried, OfCloned<Tried>, String>,
            Result<(), String>,
        >();
        future::<ContinueOnError<Deliveries<Cloned>, Tried, OfCloned<Tried>, fn(String)>, ()>();
    }
}

/// Not `UnwindSafe`: code that catches a panic during a call of a registry has to vouch for the
/// registry.
#[cfg(feature = "rt")]
mod kv {
    use genevent::kv::{
        Bucket, CreateError, Created, ExitReason, Exited, Named, Reflect, Registry,
        RegistryBuilder, RegistryEvent, View, Watch, WatchEvent,
    };

    use super::{Cloned, Event, Subscription};
    use super::{at_ease, clone, copy, default, equal, error, hash, stream, unwind_safe};

    type Events = Subscription<RegistryEvent<Event>>;

    #[test]
    fn registries_and_buckets_have_their_auto_traits() {
        at_ease::<Registry<Event>>();
        at_ease::<RegistryBuilder<Event>>();
        at_ease::<Bucket<Event>>();
        at_ease::<RegistryEvent<Event>>();
        clone::<(Registry<Event>, Bucket<Event>, RegistryEvent<Event>)>();
        equal::<Bucket<Event>>();
        hash::<Bucket<Event>>();
    }

    #[test]
    fn registry_reasons_are_plain_values() {
        at_ease::<ExitReason>();
        at_ease::<CreateError>();
        unwind_safe::<(ExitReason, CreateError)>();
        copy::<(ExitReason, CreateError)>();
        equal::<(ExitReason, CreateError)>();
        hash::<(ExitReason, CreateError)>();
        error::<CreateError>();
    }

    #[test]
    fn watches_and_views_have_their_auto_traits() {
        at_ease::<Watch<Event>>();
        at_ease::<WatchEvent<Event>>();
        at_ease::<View<Event>>();
        clone::<(WatchEvent<Event>, View<Event>)>();
        default::<View<Event>>();
        stream::<Watch<Event>, WatchEvent<Event>>();
        at_ease::<Reflect<Watch<Event>, Event>>();
        stream::<Reflect<Watch<Event>, Event>, WatchEvent<Event>>();
    }

    #[test]
    fn adapters_have_the_traits_of_their_streams() {
        at_ease::<Created<Events>>();
        at_ease::<Exited<Events>>();
        at_ease::<Named<Events>>();
        at_ease::<Reflect<Events, Event>>();
        stream::<Reflect<Events, Event>, RegistryEvent<Event>>();
        stream::<Created<Events>, (String, Bucket<Event>)>();
        stream::<Exited<Events>, (String, Bucket<Event>, ExitReason)>();
        stream::<Named<Events>, RegistryEvent<Event>>();
    }

    #[test]
    fn futures_can_be_spawned() {
        fn may_be_sent<F: Future + Send>(_: &F) {}
        fn may_be_spawned<F: Future + Send + 'static>(_: &F) {}
        // Never called: compiling is enough.
        let _ = |registry: Registry<Cloned>, bucket: Bucket<Cloned>, value: Cloned| {
            may_be_sent(&registry.create("name"));
            may_be_sent(&registry.flush());
            may_be_sent(&bucket.get("key"));
            may_be_sent(&bucket.put("key", value));
            may_be_sent(&bucket.delete("key"));
            may_be_sent(&bucket.update("key", |old| old));
            may_be_spawned(&bucket.stopped());
        };
    }
}

#[cfg(feature = "rt")]
mod handlers {
    use std::future::Future;
    use std::ops::ControlFlow;

    use genevent::handler::{
        AddHandlerError, CallError, HandlerFn, RemoveError, SwapError, TrySwapError,
    };
    use genevent::{
        Handler, HandlerGroup, HandlerGuard, HandlerRef, Restart, StopReason, SubscriberKind,
    };

    use super::{Event, at_ease, clone, error, shared};

    /// Neither `Sync`, nor `Debug`, nor `Clone`: a handler only has to be `Send`.
    struct Plain(std::cell::Cell<u8>);

    impl Handler<Event> for Plain {
        async fn handle_event(&mut self, _: &Event) -> ControlFlow<()> {
            self.0.set(1);
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn handler_references_have_their_auto_traits() {
        at_ease::<HandlerRef<Event, Plain>>();
        at_ease::<HandlerGuard<Event, Plain>>();
        at_ease::<HandlerGroup<Event>>();
        at_ease::<Restart>();
        at_ease::<StopReason>();
        at_ease::<SubscriberKind>();
        at_ease::<CallError>();
        at_ease::<RemoveError>();
        at_ease::<SwapError>();
        clone::<(StopReason, SubscriberKind)>();
        error::<CallError>();
        error::<RemoveError>();
        error::<SwapError>();
        error::<AddHandlerError<Plain>>();
        shared::<AddHandlerError<u8>>();
        error::<TrySwapError<Event, Plain>>();
        at_ease::<HandlerFn<fn(&Event)>>();
    }

    #[test]
    fn futures_can_be_spawned() {
        fn may_be_sent<F: Future + Send>(_: &F) {}
        fn may_be_spawned<F: Future + Send + 'static>(_: &F) {}
        // Never called: compiling is enough.
        let _ = |handler: HandlerRef<Event, Plain>, group: HandlerGroup<Event>| {
            may_be_spawned(&handler.stopped());
            may_be_spawned(&group.stopped());
            may_be_sent(&handler.call(|h| h.0.get()));
            may_be_sent(&group.remove_handler("name"));
            may_be_spawned(&handler.remove());
        };
    }
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

/// A new public type must be entered above, or here with the reason why not.
#[test]
fn every_public_type_is_listed() {
    let listed = include_str!("auto_traits.rs");
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
        "enter {missing:?} in tests/it/robustness/auto_traits.rs"
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
