//! Models of the concurrent core: random schedules of every lock and every atomic step.
//!
//! A schedule in which somebody waits for ever is a deadlock to the checker, so "no wake-up is
//! lost" needs no assertion of its own: each model only has to come to its end. Run by
//! `.ci/run`; `GENEVENT_SCHEDULES` says how many schedules a model tries.
#![cfg(genevent_shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{FutureExt, StreamExt, poll};
use genevent::{
    Deliveries, Delivery, EndReason, EventManager, Overflow, Received, StopReason,
    SubscribeOptions, Subscription, handler_fn,
};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

async fn read_all(reader: Subscription<u64>) -> Vec<u64> {
    reader.collect().await
}

#[test]
fn what_is_published_is_read_and_nobody_sleeps_on() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let readers = [manager.subscribe(), manager.subscribe()].map(|r| spawn(read_all(r)));
            for n in 1..=3 {
                manager.notify(n).await.unwrap();
            }
            drop(manager);
            for reader in readers {
                assert_eq!(reader.await.unwrap(), [1, 2, 3]);
            }
        });
    });
}

#[test]
fn a_batch_frees_its_places_one_by_one() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(3);
            let mut reader = manager.subscribe();
            for n in 1..=3 {
                manager.try_notify(n).unwrap();
            }
            // One event read is one place, also while the rest of the batch is in hand: the
            // publisher gets it without the reader doing anything more.
            let publisher = spawn(async move {
                manager.notify(4).await.unwrap();
                manager
            });
            assert_eq!(reader.next().await, Some(1));
            let manager = publisher.await.unwrap();
            assert!(manager.try_notify(5).is_err());
            drop(manager);
            assert_eq!(read_all(reader).await, [2, 3, 4]);
        });
    });
}

#[test]
fn sync_notify_answers_after_the_work_however_a_subscriber_ends() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let done = Arc::new(AtomicU64::new(0));
            let mut worker = manager.subscribe();
            let leaver = manager.subscribe();
            let stuck = manager.subscribe();
            let (left, cut) = (leaver.id(), stuck.id());
            let work = spawn({
                let done = Arc::clone(&done);
                async move {
                    while let Some(n) = worker.next().await {
                        yield_now().await;
                        done.fetch_add(n, Ordering::SeqCst);
                    }
                }
            });
            let leaving = spawn(async move { drop(leaver) });
            let cutting = spawn({
                let manager = manager.clone();
                async move { assert!(manager.disconnect(cut)) }
            });
            let receipt = manager.sync_notify(7).await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 7);
            assert_eq!(receipt.acked(), 1);
            let gone = receipt.dropped_by();
            assert!(gone.iter().all(|id| [left, cut].contains(id)));
            leaving.await.unwrap();
            cutting.await.unwrap();
            drop(manager);
            work.await.unwrap();
            drop(stuck);
        });
    });
}

#[test]
fn a_cancelled_publisher_passes_its_turn_on() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut reader = manager.subscribe();
            manager.try_notify(1).unwrap();
            let quitter = spawn({
                let manager = manager.clone();
                async move {
                    let mut first = manager.notify(2);
                    let stored = poll!(&mut first).is_ready();
                    yield_now().await;
                    stored || first.now_or_never().is_some()
                }
            });
            let patient = spawn({
                let manager = manager.clone();
                async move { manager.notify(3).await.unwrap() }
            });
            let mut read = vec![reader.next().await.unwrap(), reader.next().await.unwrap()];
            let stored = quitter.await.unwrap();
            if stored {
                read.push(reader.next().await.unwrap());
            }
            patient.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, if stored { vec![1, 2, 3] } else { vec![1, 3] });
        });
    });
}

#[test]
fn of_several_called_publishers_one_quits_and_the_others_store_in_turn() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(3);
            let mut reader = manager.subscribe();
            for n in 1..=3 {
                manager.try_notify(n).unwrap();
            }
            let mut first = Box::pin(manager.notify(4));
            assert!(poll!(&mut first).is_pending());
            let publishers = [5, 6, 7].map(|n| {
                let manager = manager.clone();
                spawn(async move { manager.notify(n).await.unwrap() })
            });
            let reading = spawn(async move {
                let mut read = Vec::new();
                while let Some(n) = reader.next().await {
                    read.push(n);
                }
                read
            });
            yield_now().await;
            // At the head, called or not, it goes: with its event stored, or without.
            let stored = poll!(&mut first).is_ready();
            drop(first);
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            let mut read = reading.await.unwrap();
            let later = read.split_off(3);
            assert_eq!(read, [1, 2, 3]);
            assert_eq!(later.contains(&4), stored);
            assert_eq!(later.len(), 3 + usize::from(stored));
        });
    });
}

#[test]
fn a_close_reaches_every_publisher_in_line_called_or_not_and_however_it_looked() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut reader = manager.subscribe();
            for n in 1..=2 {
                manager.try_notify(n).unwrap();
            }
            let publishers = [3, 4, 5, 6].map(|n| {
                let manager = manager.clone();
                spawn(async move { u64::from(manager.notify(n).await.is_ok()) })
            });
            let closing = spawn({
                let manager = manager.clone();
                async move {
                    yield_now().await;
                    manager.close();
                }
            });
            let reading = spawn(async move {
                let mut read = Vec::new();
                // Both at once: there is room for two publishers.
                while let Some(n) = reader.next().await {
                    read.push(n);
                }
                read
            });
            let mut stored = 2;
            for publisher in publishers {
                stored += publisher.await.unwrap();
            }
            closing.await.unwrap();
            assert_eq!(reading.await.unwrap().len() as u64, stored);
        });
    });
}

#[test]
fn permits_given_back_and_a_reader_that_joins_leave_no_called_publisher_asleep() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(3);
            let reader = spawn(read_all(manager.subscribe()));
            let permits = [
                manager.reserve().await.unwrap(),
                manager.reserve().await.unwrap(),
                manager.reserve().await.unwrap(),
            ];
            let publishers = [1, 2, 3].map(|n| {
                let manager = manager.clone();
                spawn(async move { manager.notify(n).await.unwrap() })
            });
            let joining = spawn({
                let manager = manager.clone();
                async move {
                    let narrow = SubscribeOptions::new().window(1);
                    let late = manager.subscribe_with(narrow);
                    drop(manager);
                    read_all(late).await
                }
            });
            for permit in permits {
                spawn(async move { drop(permit) });
            }
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            let mut read = reader.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, [1, 2, 3]);
            joining.await.unwrap();
        });
    });
}

#[test]
fn a_slow_and_two_quick_readers_see_all_however_segments_are_sealed_and_joined() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(8);
            let mut slow = manager.subscribe();
            let quick = [manager.subscribe(), manager.subscribe()].map(|r| spawn(read_all(r)));
            let late = spawn({
                let manager = manager.clone();
                async move {
                    let late = manager.subscribe();
                    drop(manager);
                    read_all(late).await
                }
            });
            for n in 1..=6 {
                if n == 4 {
                    assert_eq!(slow.next().await, Some(1));
                }
                manager.try_notify(n).unwrap();
                yield_now().await;
            }
            drop(manager);
            assert_eq!(read_all(slow).await, [2, 3, 4, 5, 6]);
            for reader in quick {
                assert_eq!(reader.await.unwrap(), [1, 2, 3, 4, 5, 6]);
            }
            let read = late.await.unwrap();
            assert!(read.windows(2).all(|pair| pair[1] == pair[0] + 1));
            assert!(read.last().is_none_or(|last| *last == 6));
        });
    });
}

#[test]
fn an_awaited_event_in_hand_is_answered_for_once_amid_overwriting_and_disconnection() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut lossy = manager.subscribe_with(Overflow::DropOldest);
            let quick = spawn(read_all(manager.subscribe_with(Overflow::DropOldest)));
            let id = lossy.id();
            let publisher = spawn({
                let manager = manager.clone();
                async move {
                    let receipt = manager.sync_notify(1).await.unwrap();
                    let heard = receipt.acked() + receipt.dropped();
                    assert!((1..=2).contains(&heard), "one may be cut off before");
                }
            });
            let reading = spawn(async move {
                while lossy.next().await.is_some() {
                    yield_now().await;
                }
            });
            let flooding = shuttle::thread::spawn({
                let manager = manager.clone();
                move || {
                    for n in 2..=6 {
                        manager.try_notify(n).unwrap();
                    }
                }
            });
            let cutting = shuttle::thread::spawn({
                let manager = manager.clone();
                move || manager.disconnect(id)
            });
            publisher.await.unwrap();
            flooding.join().unwrap();
            cutting.join().unwrap();
            manager.stop().await.unwrap();
            drop(manager);
            reading.await.unwrap();
            quick.await.unwrap();
        });
    });
}

#[test]
fn those_who_come_late_join_replayed_and_live_events_without_a_gap_or_a_double() {
    model(|| {
        block_on(async {
            let manager: EventManager<u64> = EventManager::builder().capacity(2).retain(3).build();
            let quick = spawn(read_all(manager.subscribe()));
            let late = [Overflow::Wait, Overflow::Wait, Overflow::Disconnect].map(|overflow| {
                let manager = manager.clone();
                spawn(async move {
                    yield_now().await;
                    let options = SubscribeOptions::new().overflow(overflow).replay(3);
                    let mut late = manager.subscribe_with(options);
                    drop(manager);
                    let read: Vec<_> = late.by_ref().collect().await;
                    let first = read.first().copied().unwrap_or(1);
                    let all = read.len() as u64;
                    assert!(read.into_iter().eq(first..first + all), "in a row");
                    (first + all, late.end_reason() == Some(EndReason::Closed))
                })
            });
            for n in 1..=5 {
                if n % 2 == 0 {
                    manager.sync_notify(n).await.unwrap();
                } else {
                    manager.notify(n).await.unwrap();
                }
            }
            let mut last = manager.subscribe_with(SubscribeOptions::new().replay(2));
            drop(manager);
            for late in late {
                let (next, to_the_end) = late.await.unwrap();
                assert!(next == 6 || !to_the_end);
            }
            assert_eq!(quick.await.unwrap(), [1, 2, 3, 4, 5]);
            assert_eq!(last.next().await, Some(4));
            assert_eq!(read_all(last).await, [5]);
        });
    });
}

#[test]
fn two_publishers_share_one_place_in_turn() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reader = spawn(read_all(manager.subscribe()));
            let publishers = [10, 20].map(|base| {
                let manager = manager.clone();
                spawn(async move {
                    manager.notify(base + 1).await.unwrap();
                    manager.sync_notify(base + 2).await.unwrap();
                })
            });
            for publisher in publishers {
                publisher.await.unwrap();
            }
            drop(manager);
            let read = reader.await.unwrap();
            for base in [10, 20] {
                let own: Vec<_> = read.iter().filter(|n| **n / 10 * 10 == base).collect();
                assert_eq!(own, [&(base + 1), &(base + 2)]);
            }
            assert_eq!(read.len(), 4);
        });
    });
}

#[test]
fn a_lossy_reader_accounts_for_every_event() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let lossy = manager.subscribe_with(Overflow::DropOldest).with_missed();
            let reader = spawn(async move {
                let mut lossy = lossy;
                let mut next = 1;
                while let Some(received) = lossy.next().await {
                    match received {
                        Received::Event(n) => {
                            assert_eq!(n, next);
                            next += 1;
                        }
                        Received::Missed(n) => next += n,
                    }
                }
                (next - 1, lossy.get_ref().missed())
            });
            let mut acked = 0;
            for n in 1..=4 {
                if n == 2 {
                    let receipt = manager.sync_notify(n).await.unwrap();
                    acked += receipt.acked() + receipt.dropped();
                } else {
                    manager.try_notify(n).unwrap();
                }
            }
            assert_eq!(acked, 1);
            drop(manager);
            let (seen, missed) = reader.await.unwrap();
            assert_eq!(seen, 4);
            assert!(missed <= 2);
        });
    });
}

#[test]
fn a_disconnected_reader_still_reads_all_and_owes_only_what_it_holds() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut reader = manager.subscribe();
            let id = reader.id();
            for n in 1..=2 {
                manager.try_notify(n).unwrap();
            }
            let cutting = spawn({
                let manager = manager.clone();
                async move { manager.disconnect(id) }
            });
            let flushing = spawn({
                let manager = manager.clone();
                async move { manager.flush().await }
            });
            let receipt = spawn({
                let manager = manager.clone();
                async move { manager.sync_notify(3).await.unwrap() }
            });
            let mut read = Vec::new();
            while let Some(n) = reader.next().await {
                read.push(n);
            }
            assert!(cutting.await.unwrap());
            flushing.await.unwrap().unwrap();
            let receipt = receipt.await.unwrap();
            assert_eq!(read.len(), if receipt.is_unheard() { 2 } else { 3 });
            assert!(read.is_sorted());
        });
    });
}

#[test]
fn a_flush_ends_with_the_last_event_it_waits_for() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut reader = manager.subscribe();
            let worked = Arc::new(AtomicU64::new(0));
            for n in 1..=2 {
                manager.try_notify(n).unwrap();
            }
            let work = spawn({
                let worked = Arc::clone(&worked);
                async move {
                    while let Some(n) = reader.next().await {
                        worked.store(n, Ordering::SeqCst);
                        if n == 2 {
                            reader.ack();
                        }
                    }
                }
            });
            manager.flush().await.unwrap();
            assert_eq!(worked.load(Ordering::SeqCst), 2);
            drop(manager);
            work.await.unwrap();
        });
    });
}

#[test]
fn the_last_manager_may_go_while_a_subscriber_falls_asleep() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(1);
            let reader = spawn(read_all(manager.subscribe()));
            let other = spawn({
                let manager = manager.clone();
                async move { drop(manager) }
            });
            drop(manager);
            other.await.unwrap();
            assert_eq!(reader.await.unwrap(), [0; 0]);
        });
    });
}

#[test]
fn who_subscribes_while_an_event_is_stored_is_counted_or_does_not_see_it() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let late = spawn({
                let manager = manager.clone();
                async move {
                    let late = manager.subscribe();
                    drop(manager);
                    read_all(late).await
                }
            });
            let receipt = manager.sync_notify(1).await.unwrap();
            drop(manager);
            let read = late.await.unwrap();
            assert_eq!(read.len(), receipt.acked());
        });
    });
}

// ---- Deliveries, permits, sinks -------------------------------------------------------------

/// Two deliveries, out of order: each is counted in `done` before it is acknowledged.
async fn two_deliveries(
    manager: &EventManager<u64>,
) -> (Deliveries<u64>, [Delivery<u64>; 2], Arc<AtomicU64>) {
    let mut jobs = manager.subscribe().deliveries();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let one = jobs.next().await.unwrap();
    let two = jobs.next().await.unwrap();
    (jobs, [two, one], Arc::default())
}

#[test]
fn a_flush_hears_of_the_last_delivery_from_whatever_thread_also_without_the_stream() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let (jobs, out, done) = two_deliveries(&manager).await;
            for delivery in out {
                let done = Arc::clone(&done);
                spawn(async move {
                    done.fetch_add(1, Ordering::SeqCst);
                    delivery.ack();
                });
            }
            spawn(async move { drop(jobs) });
            manager.flush().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 2);
        });
    });
}

#[test]
fn a_flush_waits_for_a_delivery_however_it_comes_between_looking_and_listening() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut jobs = manager.subscribe().deliveries();
            let done = Arc::new(AtomicU64::new(0));
            manager.try_notify(1).unwrap();
            let worker = spawn({
                let done = Arc::clone(&done);
                async move {
                    let delivery = jobs.next().await.unwrap();
                    done.fetch_add(*delivery, Ordering::SeqCst);
                    delivery.ack();
                    jobs // neither polled nor dropped any more
                }
            });
            manager.flush().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 1);
            drop(worker.await.unwrap());
        });
    });
}

#[test]
fn a_flush_hears_of_deliveries_of_a_subscription_that_is_disconnected_meanwhile() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let (mut jobs, out, done) = two_deliveries(&manager).await;
            let id = jobs.id();
            manager.try_notify(3).unwrap();
            for delivery in out {
                let done = Arc::clone(&done);
                spawn(async move {
                    done.fetch_add(1, Ordering::SeqCst);
                    drop(delivery);
                });
            }
            let reader = spawn(async move {
                let three = jobs.next().await.unwrap().ack();
                (three, jobs.next().await.is_none())
            });
            let cutting = spawn({
                let manager = manager.clone();
                async move { manager.disconnect(id) }
            });
            manager.flush().await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 2);
            assert!(cutting.await.unwrap());
            assert_eq!(reader.await.unwrap(), (3, true));
        });
    });
}

#[test]
fn an_ack_from_another_thread_lets_the_next_delivery_out() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(4);
            let options = SubscribeOptions::new().max_unacked(1);
            let mut jobs = manager.subscribe_with(options).deliveries();
            let reader = spawn(async move {
                let mut read = Vec::new();
                while let Some(delivery) = jobs.next().await {
                    assert_eq!(jobs.unacked(), 1);
                    read.push(*delivery);
                    spawn(async move { delivery.ack() });
                }
                read
            });
            for n in 1..=3 {
                manager.notify(n).await.unwrap();
            }
            manager.stop().await.unwrap();
            assert_eq!(reader.await.unwrap(), [1, 2, 3]);
        });
    });
}

#[test]
fn a_receipt_counts_each_delivery_once_whoever_settles_it() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(4);
            let readers = [true, false].map(|finishes| {
                let mut jobs = manager.subscribe().deliveries();
                let id = jobs.id();
                spawn(async move {
                    let delivery = jobs.next().await.unwrap();
                    let settled = spawn(async move {
                        if finishes {
                            delivery.ack();
                        }
                    });
                    drop(jobs);
                    settled.await.unwrap();
                });
                id
            });
            let receipt = manager.sync_notify(1).await.unwrap();
            assert_eq!(receipt.acked(), 1);
            assert_eq!(receipt.dropped_by(), [readers[1]]);
        });
    });
}

/// Found by the soak: what was overwritten before `subscribe` returned was told to nobody.
#[test]
fn a_lossy_reader_that_joins_amid_a_flood_is_told_of_every_loss() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let flood = spawn({
                let manager = manager.clone();
                async move {
                    for n in 1..=3 {
                        manager.try_notify(n).unwrap();
                    }
                }
            });
            let mut late = manager.subscribe_with(Overflow::DropOldest).with_missed();
            flood.await.unwrap();
            drop(manager);
            let mut told = 0;
            while let Some(received) = late.next().await {
                if let Received::Missed(events) = received {
                    told += events;
                }
            }
            assert_eq!(told, late.get_ref().missed());
        });
    });
}

#[test]
fn stop_waits_for_every_permit_that_was_given_used_or_not() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let reader = spawn(read_all(manager.subscribe()));
            let out = Arc::new(AtomicU64::new(0));
            let holders = [true, false].map(|uses| {
                let (manager, out) = (manager.clone(), Arc::clone(&out));
                spawn(async move {
                    let Ok(permit) = manager.reserve().await else {
                        return 0;
                    };
                    out.fetch_add(1, Ordering::SeqCst);
                    yield_now().await;
                    out.fetch_sub(1, Ordering::SeqCst);
                    if uses { permit.notify(1) } else { 0 }
                })
            });
            yield_now().await;
            manager.stop().await.unwrap();
            assert_eq!(out.load(Ordering::SeqCst), 0);
            let mut delivered = 0;
            for holder in holders {
                delivered += holder.await.unwrap();
            }
            assert_eq!(reader.await.unwrap().len(), delivered);
        });
    });
}

#[test]
fn a_permit_that_is_dropped_passes_its_room_to_who_waits() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let narrow = SubscribeOptions::new().window(1);
            let reader = spawn(read_all(manager.subscribe_with(narrow)));
            let permit = manager.reserve().await.unwrap();
            let publishers = [1, 2].map(|n| {
                let manager = manager.clone();
                spawn(async move { manager.notify(n).await.unwrap() })
            });
            let dropping = spawn(async move { drop(permit) });
            for publisher in publishers {
                publisher.await.unwrap();
            }
            dropping.await.unwrap();
            drop(manager);
            let mut read = reader.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, [1, 2]);
        });
    });
}

#[test]
fn a_sync_sink_is_flushed_after_the_last_ack() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let mut jobs = manager.subscribe().deliveries();
            let done = Arc::new(AtomicU64::new(0));
            let worker = spawn({
                let done = Arc::clone(&done);
                async move {
                    while let Some(delivery) = jobs.next().await {
                        let done = Arc::clone(&done);
                        spawn(async move {
                            done.fetch_add(*delivery, Ordering::SeqCst);
                            delivery.ack();
                        });
                    }
                }
            });
            let source = futures::stream::iter([1, 2, 4]).map(Ok);
            source.forward(manager.sync_sink()).await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 7);
            drop(manager);
            worker.await.unwrap();
        });
    });
}

#[test]
fn a_flush_waits_for_a_delivery_that_is_taken_while_another_is_acked() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(4);
            let mut jobs = manager.subscribe().deliveries();
            manager.try_notify(1).unwrap();
            manager.try_notify(2).unwrap();
            let one = jobs.next().now_or_never().flatten().unwrap();
            let mut flush = manager.flush();
            assert!((&mut flush).now_or_never().is_none());
            let acking = shuttle::thread::spawn(move || one.ack());
            let two = jobs.next().now_or_never().flatten().unwrap();
            acking.join().unwrap();
            assert!((&mut flush).now_or_never().is_none(), "2 is out");
            drop(two);
            flush.await.unwrap();
        });
    });
}

#[test]
fn a_flush_waits_for_what_a_lossy_reader_takes_amid_overwriting() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(3);
            let mut reader = manager.subscribe_with(Overflow::DropOldest);
            for n in 1..=3 {
                manager.try_notify(n).unwrap();
            }
            assert_eq!(reader.next().now_or_never(), Some(Some(1)));
            reader.ack();
            let mut flush = manager.flush();
            assert!((&mut flush).now_or_never().is_none());
            manager.try_notify(4).unwrap();
            let publisher = manager.clone();
            let publishing = shuttle::thread::spawn(move || publisher.try_notify(5));
            let got = reader.next().now_or_never().flatten().unwrap();
            publishing.join().unwrap().unwrap();
            if got == 3 {
                assert!((&mut flush).now_or_never().is_none(), "3 is in hand");
            }
            reader.ack();
            if got < 3 {
                drop(reader);
            }
            flush.await.unwrap();
        });
    });
}

#[test]
fn whoever_asks_a_handler_while_it_ends_has_an_answer() {
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(2);
            let handler = manager.add_handler("a", handler_fn(|_: &u64| ())).unwrap();
            let callers = [1, 2].map(|_| {
                let handler = handler.clone();
                spawn(async move { while handler.call(|_| ()).await.is_ok() {} })
            });
            manager.notify(1).await.unwrap();
            drop(manager);
            for caller in callers {
                caller.await.unwrap();
            }
            assert_eq!(handler.stopped().await, StopReason::ManagerClosed);
        });
    });
}

#[test]
fn removal_abort_and_the_owners_end_meet_and_one_of_them_is_told() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let (owner, gone) = futures::channel::oneshot::channel::<()>();
            let seen = Arc::new(AtomicU64::new(0));
            let sum = Arc::clone(&seen);
            let handler = handler_fn(move |n: &u64| _ = sum.fetch_add(*n, Ordering::SeqCst));
            let group = manager.handler_group("group").unwrap();
            let handler = group.add_mon_handler("a", handler, gone).unwrap();
            let (removed, aborted) = (handler.clone(), handler.clone());
            let publisher = manager.clone();
            let others = [
                spawn(async move { drop(removed.remove().await) }),
                spawn(async move { aborted.abort() }),
                spawn(async move { drop(owner) }),
                spawn(async move { drop(publisher.sync_notify(1).await.unwrap()) }),
            ];
            let reason = handler.stopped().await;
            assert!(matches!(
                reason,
                StopReason::Removed | StopReason::Aborted | StopReason::OwnerGone
            ));
            let then = seen.load(Ordering::SeqCst);
            for other in others {
                other.await.unwrap();
            }
            drop(group);
            manager.stop().await.unwrap();
            assert_eq!(seen.load(Ordering::SeqCst), then, "nothing after the end");
        });
    });
}

#[test]
fn a_swap_hands_over_between_two_events_of_another_thread() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let (old, new) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let counting = |count: &Arc<AtomicU64>| {
                let count = Arc::clone(count);
                handler_fn(move |_: &u64| _ = count.fetch_add(1, Ordering::SeqCst))
            };
            let handler = manager.add_handler("a", counting(&old)).unwrap();
            let publisher = manager.clone();
            let publishing = spawn(async move {
                for n in 1..=3 {
                    publisher.notify(n).await.unwrap();
                }
            });
            let next = counting(&new);
            handler.swap(|_| next).await.unwrap();
            let before = old.load(Ordering::SeqCst);
            publishing.await.unwrap();
            manager.stop().await.unwrap();
            assert_eq!(old.load(Ordering::SeqCst), before);
            assert_eq!(before + new.load(Ordering::SeqCst), 3);
        });
    });
}

/// Whoever finds a handler by its name asks for what comes after it, also while it is added.
#[test]
fn who_is_found_in_a_group_by_its_name_has_come_to_it() {
    type Quiet = genevent::handler::HandlerFn<fn(&u64)>;
    model(|| {
        block_on(async {
            let manager = EventManager::<u64>::new(8);
            let group = Arc::new(manager.handler_group("group").unwrap());
            let asking = Arc::clone(&group);
            let asking = spawn(async move {
                match asking.handler::<Quiet>("a") {
                    Some(found) => found.call(|_| ()).await.is_ok(),
                    None => true,
                }
            });
            let quiet: Quiet = handler_fn(|_| ());
            let _a = group.add_handler("a", quiet).unwrap();
            assert!(asking.await.unwrap());
        });
    });
}
