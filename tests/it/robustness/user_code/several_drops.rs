//! Several values whose `Drop` panics, dropped together or while a panic unwinds: a second panic
//! that escaped would abort the process, so a test that ends proves that no panic escaped.

#[cfg(feature = "rt")]
mod work;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt};
use genevent::test_util::Probe;
use genevent::{
    Deliveries, Delivery, EventManager, EventStreamExt, Overflow, SubscribeOptions, Subscription,
};

use super::{now, silent_panic};

/// Panics when dropped, as do its clones. Counts the drops.
struct Bomb(Arc<AtomicUsize>);

impl Clone for Bomb {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        silent_panic();
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bomb")
    }
}

/// A manager with bombs, and how many of them have gone off.
struct Field {
    manager: EventManager<Bomb>,
    drops: Arc<AtomicUsize>,
}

impl Field {
    fn new() -> Self {
        Self {
            manager: EventManager::new(8),
            drops: Arc::default(),
        }
    }

    fn bomb(&self) -> Bomb {
        Bomb(Arc::clone(&self.drops))
    }

    fn publish(&self, events: usize) {
        for _ in 0..events {
            assert!(self.manager.try_notify(self.bomb()).is_ok());
        }
    }

    /// Three deliveries are ready, and the log still holds their events.
    fn jobs(&self) -> (Deliveries<Bomb>, Subscription<Bomb>) {
        let jobs = self.manager.subscribe().deliveries();
        let other = self.manager.subscribe();
        self.publish(3);
        (jobs, other)
    }

    /// Returns the number of drops since the last call.
    fn take_drops(&self) -> usize {
        self.drops.swap(0, Ordering::Relaxed)
    }

    #[track_caller]
    fn assert_drops<T>(&self, count: usize, unneeded: T) {
        drop(unneeded);
        assert_eq!(self.take_drops(), count);
    }
}

#[track_caller]
fn panics(code: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(code)).is_err());
}

#[test]
fn dropping_a_batch_drops_each_event() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let mut batches = jobs.ready_batches(8);
    let batch = now(batches.next()).unwrap();
    assert_eq!(batch.len(), 3);
    field.assert_drops(3, batch);
    assert_eq!(batches.get_ref().unacked(), 0, "each is answered for");
}

#[test]
fn dropping_collected_deliveries_drops_each_event() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let mut batches = jobs.ready_batches(8);
    let deliveries = now(batches.next()).unwrap().into_deliveries();
    field.assert_drops(3, deliveries);

    field.publish(3);
    let mut half = now(batches.next()).unwrap().into_deliveries().into_iter();
    std::mem::forget(half.next().unwrap().ack());
    field.assert_drops(2, half);

    field.publish(2);
    let mut chunks = batches.into_inner().chunks(3);
    assert!(chunks.next().now_or_never().is_none());
    field.assert_drops(2, chunks);
}

#[test]
fn dropping_during_a_panic_does_not_abort() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let mut batches = jobs.ready_batches(2);
    let batch = now(batches.next()).unwrap();
    panics(|| {
        let _batch = batch;
        silent_panic();
    });
    assert_eq!(field.take_drops(), 2);
    let mut jobs = batches.into_inner();
    let delivery = now(jobs.next()).unwrap();
    panics(|| {
        let _delivery = delivery;
        silent_panic();
    });
    assert_eq!((field.take_drops(), jobs.unacked()), (1, 0));
}

#[test]
fn ack_of_a_batch_returns_all_events() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let events = now(jobs.ready_batches(8).next()).unwrap().ack();
    assert_eq!((events.len(), field.take_drops()), (3, 0));
    events.into_iter().for_each(std::mem::forget);
}

#[test]
fn filter_acked_continues_past_panicking_drops() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let own = field.bomb();
    let mut asked = 0;
    let mut wanted = jobs.filter_acked(move |_| {
        let _own = &own;
        asked += 1;
        assert!(asked < 3, "the predicate panics");
        false
    });
    panics(|| _ = wanted.next().now_or_never());
    assert_eq!((field.take_drops(), wanted.get_ref().unacked()), (3, 0));
    field.assert_drops(1, wanted);
}

#[test]
fn dropping_a_backlog_drops_each_event() {
    let field = Field::new();
    let reader = field.manager.subscribe();
    field.publish(8);
    field.assert_drops(8, reader);

    let cut = field.manager.subscribe();
    field.publish(8);
    field.manager.disconnect(cut.id());
    field.assert_drops(8, cut);

    let lossy = field.manager.subscribe_with(Overflow::DropOldest);
    field.publish(16);
    field.assert_drops(16, lossy);
}

#[test]
fn dropping_a_filtered_subscription_drops_each_item() {
    let field = Field::new();
    let items = field
        .manager
        .subscribe_filter_map(|event| Some(event.clone()));
    field.publish(3);
    assert_eq!(field.take_drops(), 3, "the events themselves");
    field.assert_drops(3, items);

    let jobs = field
        .manager
        .subscribe_filter_map(|event| Some(event.clone()));
    let mut batches = jobs.deliveries().ready_batches(8);
    field.publish(3);
    field.take_drops();
    let batch = now(batches.next()).unwrap();
    field.publish(2);
    field.take_drops();
    field.assert_drops(3, batch);
    field.assert_drops(2, batches);
}

#[test]
fn retained_events_are_dropped_one_by_one() {
    let mut field = Field::new();
    field.manager = EventManager::builder().capacity(8).retain(8).build();
    field.publish(8);
    let late = SubscribeOptions::new().replay(8);
    let late = field.manager.subscribe_with(late);
    field.manager.close();
    assert_eq!(field.take_drops(), 0);
    field.assert_drops(8, late);
}

#[test]
fn publishing_futures_drop_each_event() {
    let field = Field::new();
    let manager = EventManager::new(1);
    let _reader = manager.subscribe();
    assert!(manager.try_notify(field.bomb()).is_ok());
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(manager.notify(field.bomb()).boxed());
        let bomb = field.bomb();
        waiting.push(
            manager
                .sync_notify(bomb)
                .map(|reported| reported.map(|_| 1))
                .boxed(),
        );
        let bomb = field.bomb();
        waiting.push(
            manager
                .ack_notify(bomb)
                .map(|reported| reported.map(|_| 1))
                .boxed(),
        );
    }
    for future in &mut waiting[..3] {
        assert!(future.now_or_never().is_none());
    }
    field.assert_drops(6, waiting);
}

/// The third clone of the event panics.
struct Fragile(Bomb, Arc<AtomicUsize>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        if self.1.fetch_add(1, Ordering::Relaxed) == 2 {
            silent_panic();
        }
        Self(self.0.clone(), Arc::clone(&self.1))
    }
}

#[test]
fn dropping_a_probe_drops_each_item() {
    let field = Field::new();
    let probe = Probe::new();
    probe.record(field.bomb());
    probe.record(field.bomb());
    field.assert_drops(2, probe);

    let (probe, clones) = (Probe::new(), Arc::default());
    for _ in 0..4 {
        probe.record(Fragile(field.bomb(), Arc::clone(&clones)));
    }
    panics(|| _ = probe.seen());
    assert_eq!(field.take_drops(), 2, "those that were cloned by then");
    field.assert_drops(4, probe);
}

#[test]
fn dropping_a_mapped_delivery_drops_its_value() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let made: Vec<Delivery<(Bomb, u32)>> =
        now(jobs.take(3).map(|job| job.map(|bomb| (bomb, 1))).collect());
    field.assert_drops(3, made);
}
