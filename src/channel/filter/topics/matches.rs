//! The matches of an event with the subscribers of its key.

use std::any::Any;
use std::hint::black_box;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::members::{Key, Queues};
use crate::channel::filter::key_log::Appended;
use crate::channel::filter::key_log::event::SharedEvent;
use crate::channel::filter::queue::Pushed;
use crate::channel::filter::user_code::Panicked;
use crate::channel::filter::{AnyMatches, GroupMatches, Match};
use crate::channel::ticket::Ticket;
use crate::subscriber_id::SubscriberId;
use crate::util::one_or_many::OneOrMany;
use crate::util::panic_guard::Guarded;
use crate::util::sync::Arc;

/// The matches of an event with the subscribers of its key.
pub(super) struct TopicMatches<E, K, G> {
    pub(super) pushed: GroupMatches<E, G>,
    pub(super) logged: Option<LogMatch<E, K>>,
}

/// The event for the log of its key.
pub(super) struct LogMatch<E, K> {
    key: Key<E, K>,
    /// Not `None` before delivery. Without readers then, it is dropped without the lock.
    event: Option<Arc<SharedEvent<E>>>,
}

impl<E: Clone + Send + Sync + 'static, K> LogMatch<E, K> {
    /// Clones the event for the log. A `Clone` that panics harms the readers of the log.
    pub(super) fn new(key: Key<E, K>, event: &E, panicked: &mut Vec<SubscriberId>) -> Option<Self> {
        match catch_unwind(AssertUnwindSafe(|| event.clone())) {
            Ok(event) => Some(Self {
                key,
                event: Some(Arc::new(Guarded::new(event))),
            }),
            Err(payload) => {
                _ = Panicked::from_payload(payload);
                panicked.extend(key.value.log.reader_ids());
                None
            }
        }
    }
}

impl<E, K, G> AnyMatches for TopicMatches<E, K, G>
where
    E: Send + Sync + 'static,
    K: Send + Sync + 'static,
    G: Send + 'static,
{
    fn count(&self) -> usize {
        let logged = self.logged.as_ref();
        self.pushed.count() + logged.map_or(0, |logged| logged.key.value.log.readers())
    }

    fn count_awaited(&self) -> usize {
        let logged = self.logged.as_ref();
        self.pushed.count_awaited() + logged.map_or(0, |logged| logged.key.value.log.awaited())
    }

    fn for_each_full(&self, reserved: u64, f: &mut dyn FnMut(SubscriberId)) {
        self.pushed.for_each_full(reserved, f);
        if let Some(logged) = &self.logged {
            // `f` may take a reader out of the log.
            let full = logged.key.value.log.full_readers(reserved);
            full.into_iter().for_each(f);
        }
    }

    fn deliver(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>, f: &mut dyn FnMut(Pushed<'_>)) {
        self.pushed.deliver(seq, ticket, f);
    }

    fn append(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>) -> Option<Appended> {
        let LogMatch { key, event } = self.logged.as_mut()?;
        key.value.log.append(seq, event, ticket)
    }

    fn known(&self) -> &dyn Any {
        self.pushed.known()
    }

    fn appends_to(&self, log: *const ()) -> bool {
        let own = self.logged.as_ref().map(|logged| &logged.key.value.log);
        own.is_some_and(|own| Arc::as_ptr(own).cast() == log)
    }
}

/// Returns matches without values for the queues with these numbers.
pub(super) fn unfilled_matches<E>(
    queues: &Queues<E>,
    numbers: RangeInclusive<u64>,
) -> OneOrMany<Match<E>> {
    // Prefetch the queues, as for predicates: plain loads overlap.
    for queue in queues.values_in(numbers.clone()) {
        black_box(queue.has_room(0));
    }
    let mut matches = OneOrMany::with_capacity(queues.len());
    for queue in queues.values_in(numbers) {
        matches.push(Match {
            queue: Arc::clone(queue),
            value: None,
        });
    }
    matches
}

/// Clones the event for each match. A `Clone` that panics harms the subscriber of its match, which is added
/// to `panicked`: it is disconnected before the delivery, and its queue then refuses the event.
pub(super) fn fill_matches<E: Clone>(
    matches: &mut OneOrMany<Match<E>>,
    event: &E,
    panicked: &mut Vec<SubscriberId>,
) {
    let mut unfilled = matches.iter_mut();
    let mut current = None;
    // As for predicates: catch panics around the loop, and again after each panic.
    while let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
        for found in unfilled.by_ref() {
            current = Some(found.queue.subscriber().id);
            found.value = Some(event.clone());
        }
    })) {
        _ = Panicked::from_payload(payload);
        panicked.extend(current.take());
    }
}
