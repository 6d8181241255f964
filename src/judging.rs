//! Whom an event concerns: filters, asked by the publisher before any queue and outside of every
//! lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::ack::Ticket;
use crate::foreign::discard;
use crate::inspect::SubscriberId;
use crate::lane::Lane;
use crate::place::Place;
use crate::sync::Arc;

/// A filter, and the lane behind it.
pub(crate) trait Judge<E>: Send + Sync {
    /// What it makes of the event, if anything. `Err`: it panicked.
    fn judge(&self, event: &E) -> Result<Option<Box<dyn Wanted>>, SubscriberId>;

    fn place(&self) -> &Arc<Place>;
}

/// What a filter made of an event, on its way into the lane behind it.
pub(crate) trait Wanted: Send {
    fn place(&self) -> &Arc<Place>;

    /// Puts it there. It keeps what it finds overwritten, to be dropped without the lock.
    fn store(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>) -> Told;
}

/// Whom to tell of what was stored.
pub(crate) struct Told {
    /// Who waits for an answer to what was overwritten.
    pub(crate) lost: Option<Arc<Ticket>>,
    pub(crate) reader: Option<Waker>,
    /// The number of the event that was overwritten.
    #[cfg(feature = "tracing")]
    pub(crate) overwrote: Option<u64>,
}

pub(crate) struct Filter<T, F> {
    lane: Arc<Lane<T>>,
    /// Taken when it is dropped.
    judge: Option<F>,
}

impl<T, F> Filter<T, F> {
    pub(crate) fn new(lane: Arc<Lane<T>>, judge: F) -> Self {
        let judge = Some(judge);
        Self { lane, judge }
    }
}

impl<T, F> Drop for Filter<T, F> {
    /// By whoever has it last, which may be a publisher that still asks: its panic harms nobody.
    fn drop(&mut self) {
        discard(self.judge.take());
    }
}

struct Found<T> {
    lane: Arc<Lane<T>>,
    value: Option<T>,
}

impl<E, T, F> Judge<E> for Filter<T, F>
where
    T: Send + 'static,
    F: Fn(&E) -> Option<T> + Send + Sync,
{
    fn judge(&self, event: &E) -> Result<Option<Box<dyn Wanted>>, SubscriberId> {
        let judge = self.judge.as_ref().expect("it is taken by `drop` alone");
        match catch_unwind(AssertUnwindSafe(|| judge(event))) {
            Ok(None) => Ok(None),
            Ok(value) => Ok(Some(Box::new(Found {
                lane: Arc::clone(&self.lane),
                value,
            }))),
            Err(payload) => {
                // Dropping the payload could panic once more.
                std::mem::forget(payload);
                Err(self.lane.place().id)
            }
        }
    }

    fn place(&self) -> &Arc<Place> {
        self.lane.place()
    }
}

impl<T: Send> Wanted for Found<T> {
    fn place(&self) -> &Arc<Place> {
        self.lane.place()
    }

    fn store(&mut self, seq: u64, ticket: Option<&Arc<Ticket>>) -> Told {
        let value = self.value.take().expect("it is stored once");
        let pushed = self.lane.push(seq, value, ticket);
        #[cfg(feature = "tracing")]
        let overwrote = pushed.lost.as_ref().map(|item| item.seq);
        let (value, lost) = match pushed.lost {
            Some(item) => (Some(item.value), item.ticket),
            None => (None, None),
        };
        self.value = value;
        Told {
            lost,
            reader: pushed.waker,
            #[cfg(feature = "tracing")]
            overwrote,
        }
    }
}

/// The filters of a manager, oldest first.
///
/// Publishers judge by a snapshot of it; it is copied only if it changes while one is held.
///
/// # Invariants
/// 1. The numbers of the entries rise; `newest` is that of the last there ever was.
/// 2. `gone` counts the entries without a filter: at most as many as there are with one.
pub(crate) struct Roll<E> {
    entries: Arc<Vec<Entry<E>>>,
    gone: usize,
    newest: u64,
}

struct Entry<E> {
    number: u64,
    filter: Option<Arc<dyn Judge<E>>>,
}

// Not derived, which would ask `E` for `Clone`.
impl<E> Clone for Entry<E> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            filter: self.filter.clone(),
        }
    }
}

impl<E> Roll<E> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Arc::default(),
            gone: 0,
            newest: 0,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn join(&mut self, filter: Arc<dyn Judge<E>>) {
        let number = filter.place().id.number;
        self.newest = number;
        Arc::make_mut(&mut self.entries).push(Entry {
            number,
            filter: Some(filter),
        });
    }

    /// Takes a filter out, to be dropped without the lock.
    pub(crate) fn leave(&mut self, id: SubscriberId) -> Option<Arc<dyn Judge<E>>> {
        let at = self.entries.binary_search_by_key(&id.number, |e| e.number);
        let at = at.ok()?;
        let entries = Arc::make_mut(&mut self.entries);
        let filter = entries[at].filter.take();
        self.gone += 1;
        if self.gone > entries.len() / 2 {
            entries.retain(|entry| entry.filter.is_some());
            entries.shrink_to(2 * entries.len());
            self.gone = 0;
        }
        filter
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> Filters<E> {
        self.gone = 0;
        Filters {
            entries: std::mem::take(&mut self.entries),
            from: 0,
            newest: self.newest,
        }
    }

    /// All there are.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Arc<Place>> {
        let filters = self
            .entries
            .iter()
            .filter_map(|entry| entry.filter.as_ref());
        filters.map(|filter| filter.place())
    }

    /// The filters that have not judged yet, unless all have.
    #[inline]
    pub(crate) fn after(&self, judged: &Judged) -> Option<Filters<E>> {
        if self.is_empty() || self.newest <= judged.seen() {
            return None;
        }
        Some(Filters {
            from: self.entries.partition_point(|e| e.number <= judged.seen()),
            entries: Arc::clone(&self.entries),
            newest: self.newest,
        })
    }
}

/// Filters as they were at a moment, to be dropped without the lock.
pub(crate) struct Filters<E> {
    entries: Arc<Vec<Entry<E>>>,
    from: usize,
    /// The newest filter then, which may have left already.
    newest: u64,
}

/// What the filters made of one event. Nothing, while there are none: most publishers wait
/// without.
#[derive(Default)]
pub(crate) struct Judged(Option<Box<Answers>>);

#[derive(Default)]
struct Answers {
    /// The number of the newest filter that was asked.
    seen: u64,
    wanted: Vec<Claimant>,
    /// Those whose filter panicked.
    panicked: Vec<SubscriberId>,
}

/// One that wants the event.
pub(crate) struct Claimant {
    pub(crate) value: Box<dyn Wanted>,
    /// It will get it.
    pub(crate) counts: bool,
}

impl Judged {
    /// There were filters to ask.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.0.is_some()
    }

    /// Those that want the event.
    pub(crate) fn wanted(&self) -> &[Claimant] {
        self.0.as_ref().map_or(&[], |answers| &answers.wanted)
    }

    pub(crate) fn wanted_mut(&mut self) -> &mut [Claimant] {
        match &mut self.0 {
            Some(answers) => &mut answers.wanted,
            None => &mut [],
        }
    }

    /// Those whose filter panicked, once.
    pub(crate) fn take_panicked(&mut self) -> Vec<SubscriberId> {
        let answers = self.0.as_mut();
        answers.map_or_else(Vec::new, |answers| std::mem::take(&mut answers.panicked))
    }

    #[inline]
    fn seen(&self) -> u64 {
        self.0.as_ref().map_or(0, |answers| answers.seen)
    }

    /// Asks the filters; not under a lock.
    pub(crate) fn ask<E>(&mut self, filters: &Filters<E>, event: &E) {
        let answers = self.0.get_or_insert_default();
        for entry in &filters.entries[filters.from..] {
            let Some(filter) = &entry.filter else {
                continue;
            };
            match filter.judge(event) {
                Ok(None) => {}
                Ok(Some(value)) => answers.wanted.push(Claimant {
                    value,
                    counts: true,
                }),
                Err(panicked) => answers.panicked.push(panicked),
            }
        }
        answers.seen = filters.newest;
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.wanted.drain(..).for_each(discard);
    }
}
