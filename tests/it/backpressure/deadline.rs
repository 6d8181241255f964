//! `within`: a publisher with a deadline gets an error that describes the state of the event and
//! names the subscribers that it waited for.

mod flush_and_stop;
mod in_handlers;
mod in_time;
mod not_answered;
mod not_stored;
mod races;
mod room;
mod settled;

use std::time::Duration;

use futures::FutureExt;
use genevent::error::{DeadlineError, NotStored, Unanswered};
use genevent::{SubscribeOptions, SubscriberId, SubscriberInfo};

/// Polls the future once and returns its output.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

const SECOND: Duration = Duration::from_secs(1);

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

fn ids(pending: &[SubscriberInfo]) -> Vec<SubscriberId> {
    pending.iter().map(SubscriberInfo::id).collect()
}

#[track_caller]
fn not_stored<T, E>(result: Result<T, DeadlineError<E>>) -> NotStored<E> {
    match result {
        Err(DeadlineError::NotStored(not_stored)) => not_stored,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("in time"),
    }
}

#[track_caller]
fn unanswered<T, E>(result: Result<T, DeadlineError<E>>) -> Unanswered {
    match result {
        Err(DeadlineError::Unanswered(unanswered)) => unanswered,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("in time"),
    }
}
