//! Types that wait on tokio's clock.

use std::future::Ready;

use genevent::error::{
    DeadlineError, NotReserved, NotStored, ReserveDeadlineError, Unanswered, Unsettled, WaitError,
};
use genevent::ext::{Batches, ContinueOnError, ForEachAcked, TryForEachAcked};
use genevent::future::{Settled, Within};

use super::{AckNotify, Batch, Cloned, Deliveries, Event, Flush, Fragile, Notify, Permit, Quiet};
use super::{Receipt, Reserve, Stop, SyncNotify};
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
    future::<Within<Quiet<'_, Event>>, Result<(), WaitError>>();
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
    future::<TryForEachAcked<Deliveries<Cloned>, Tried, OfCloned<Tried>, String>, Result<(), String>>(
    );
    future::<ContinueOnError<Deliveries<Cloned>, Tried, OfCloned<Tried>, fn(String)>, ()>();
}
