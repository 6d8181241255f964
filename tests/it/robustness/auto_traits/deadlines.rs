//! Types that wait on tokio's clock.

use std::future::Ready;
use std::time::Duration;

use genevent::error::{
    DeadlineError, NotReserved, NotStored, ReserveDeadlineError, Unanswered, Unsettled, WaitError,
};
use genevent::ext::{
    Batches, ContinueOnError, DebounceAcked, ForEachAcked, OneTry, Retries, TryForEachAcked,
};
use genevent::future::{Settled, Within};

use super::{
    AckNotify, AckNotifyOwned, Batch, Cloned, Deliveries, Delivery, Event, Flush, Fragile, Notify,
    NotifyOwned, Permit, Quiet, Receipt, Reserve, ReserveOwned, Stop, SyncNotify, SyncNotifyOwned,
};
use super::{at_ease, clone, error, future, shared, stream, unwind_safe};

#[test]
fn deadline_futures_are_send_and_unpin() {
    at_ease::<Within<Notify<'static, Event>>>();
    at_ease::<Within<Reserve<'static, Event>>>();
    at_ease::<Within<SyncNotify<'static, Event>>>();
    at_ease::<Within<AckNotify<'static, Event>>>();
    at_ease::<Within<Flush<'static, Event>>>();
    at_ease::<Within<Quiet<'static, Event>>>();
    at_ease::<Within<Stop<'static, Event>>>();
    at_ease::<Within<NotifyOwned<Event>>>();
    at_ease::<Within<ReserveOwned<Event>>>();
    at_ease::<Within<SyncNotifyOwned<Event>>>();
    at_ease::<Within<AckNotifyOwned<Event>>>();
    at_ease::<Settled>();
    unwind_safe::<Within<Notify<'_, Event>>>();
    unwind_safe::<Within<Reserve<'_, Fragile>>>();
    unwind_safe::<Settled>();
    future::<Within<Notify<'_, Event>>, Result<usize, DeadlineError<Event>>>();
    future::<Within<Reserve<'_, Event>>, Result<Permit<Event>, ReserveDeadlineError>>();
    future::<Settled, Receipt>();
    future::<Within<NotifyOwned<Event>>, Result<usize, DeadlineError<Event>>>();
    future::<Within<ReserveOwned<Event>>, Result<Permit<Event>, ReserveDeadlineError>>();
    future::<Within<SyncNotifyOwned<Event>>, Result<Receipt, DeadlineError<Event>>>();
    future::<Within<AckNotifyOwned<Event>>, Result<Receipt, DeadlineError<Event>>>();
    future::<Within<SyncNotify<'_, Event>>, Result<Receipt, DeadlineError<Event>>>();
    future::<Within<AckNotify<'_, Event>>, Result<Receipt, DeadlineError<Event>>>();
    future::<Within<Flush<'_, Event>>, Result<(), WaitError>>();
    future::<Within<Quiet<'_, Event>>, Result<(), WaitError>>();
    future::<Within<Stop<'_, Event>>, Result<(), WaitError>>();
}

#[test]
fn deadline_errors_implement_error_for_any_event() {
    error::<DeadlineError<Event>>();
    error::<NotStored<Event>>();
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

type Once = OneTry<Deliveries<Event>, Tried, Work<Tried>>;
type OnceOfCloned = OneTry<Deliveries<Cloned>, Tried, OfCloned<Tried>>;
type Backoff = [Duration; 3];
type Again = Retries<Deliveries<Event>, Tried, Work<Tried>, Event, Backoff>;
type AgainOfCloned = Retries<Deliveries<Cloned>, Tried, OfCloned<Tried>, Cloned, Backoff>;
type Debounced<E> = DebounceAcked<Deliveries<E>, E, String, fn(&E) -> String>;

#[test]
fn working_operators_are_send() {
    shared::<ForEachAcked<Deliveries<Event>, Done, Work<Done>>>();
    shared::<TryForEachAcked<Once, String>>();
    shared::<ContinueOnError<Once, fn(String)>>();
    shared::<TryForEachAcked<Again, String>>();
    shared::<ContinueOnError<Again, fn(String)>>();
    shared::<(Once, Again)>();
    shared::<Batches<Deliveries<Event>, Event>>();
    shared::<Debounced<Event>>();
    stream::<Batches<Deliveries<Cloned>, Cloned>, Batch<Cloned>>();
    stream::<Debounced<Cloned>, Delivery<Cloned>>();
    future::<ForEachAcked<Deliveries<Cloned>, Done, OfCloned<Done>>, ()>();
    future::<TryForEachAcked<OnceOfCloned, String>, Result<(), String>>();
    future::<ContinueOnError<OnceOfCloned, fn(String)>, ()>();
    future::<TryForEachAcked<AgainOfCloned, String>, Result<(), String>>();
    future::<ContinueOnError<AgainOfCloned, fn(String)>, ()>();
}
