//! A publishing future kept without being polled delays no other publisher.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Sink;
use genevent::future::{AckNotify, Notify, Reserve, SyncNotify};
use genevent::{EventManager, EventSink, Subscription, SyncSink};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use crate::drive::{now, read};

const CAPACITIES: [usize; 4] = [1, 2, 8, 1_000];

/// A kept publisher, polled once.
enum Kept<'a> {
    Notify(task::Spawn<Notify<'a, usize>>),
    AckNotify(task::Spawn<AckNotify<'a, usize>>),
    SyncNotify(task::Spawn<SyncNotify<'a, usize>>),
    Reserve(task::Spawn<Reserve<'a, usize>>),
    Sink(task::Spawn<EventSink<usize>>),
    SyncSink(task::Spawn<SyncSink<usize>>),
}

type Keep = for<'a> fn(&'a EventManager<usize>) -> Kept<'a>;

const KINDS: [(&str, Keep); 6] = [
    ("notify", |m| Kept::Notify(task::spawn(m.notify(0)))),
    ("ack_notify", |m| {
        Kept::AckNotify(task::spawn(m.ack_notify(0)))
    }),
    ("sync_notify", |m| {
        Kept::SyncNotify(task::spawn(m.sync_notify(0)))
    }),
    ("reserve", |m| Kept::Reserve(task::spawn(m.reserve()))),
    ("sink", |m| Kept::Sink(task::spawn(m.sink()))),
    ("sync_sink", |m| Kept::SyncSink(task::spawn(m.sync_sink()))),
];

impl Kept<'_> {
    /// Polls for room, without publishing if there is room.
    fn assert_waits(&mut self) {
        match self {
            Kept::Notify(future) => assert_pending!(future.poll()),
            Kept::AckNotify(future) => assert_pending!(future.poll()),
            Kept::SyncNotify(future) => assert_pending!(future.poll()),
            Kept::Reserve(future) => assert!(future.poll().is_pending()),
            Kept::Sink(sink) => sink.enter(assert_sink_waits),
            Kept::SyncSink(sink) => sink.enter(assert_sink_waits),
        }
    }

    fn is_woken(&self) -> bool {
        match self {
            Kept::Notify(future) => future.is_woken(),
            Kept::AckNotify(future) => future.is_woken(),
            Kept::SyncNotify(future) => future.is_woken(),
            Kept::Reserve(future) => future.is_woken(),
            Kept::Sink(sink) => sink.is_woken(),
            Kept::SyncSink(sink) => sink.is_woken(),
        }
    }
}

fn assert_sink_waits<S: Sink<usize>>(cx: &mut Context<'_>, sink: Pin<&mut S>) {
    assert!(sink.poll_ready(cx).is_pending());
}

/// A manager with a full window.
fn full(capacity: usize) -> (EventManager<usize>, Subscription<usize>) {
    let manager = EventManager::new(capacity);
    let reader = manager.subscribe();
    for n in 0..capacity {
        manager.try_notify(n).unwrap();
    }
    (manager, reader)
}

/// Keeps publishers, then empties the window, so each publisher has a granted place.
fn keep<'a>(
    manager: &'a EventManager<usize>,
    reader: &mut Subscription<usize>,
    kind: Keep,
    count: usize,
) -> Vec<Kept<'a>> {
    let mut kept: Vec<_> = (0..count).map(|_| kind(manager)).collect();
    kept.iter_mut().for_each(Kept::assert_waits);
    while !reader.is_empty() {
        read(reader);
    }
    assert!(kept.iter().all(Kept::is_woken));
    kept
}

#[test]
fn kept_publishers_hold_newcomers_up_for_one_poll() {
    for (name, kind) in KINDS {
        for capacity in CAPACITIES {
            for count in [1, capacity] {
                let (manager, mut reader) = full(capacity);
                let _kept = keep(&manager, &mut reader, kind, count);
                for n in 0..2 * capacity.min(20) {
                    let mut newcomer = task::spawn(manager.notify(n));
                    let waits = newcomer.poll().is_pending();
                    if waits {
                        assert!(newcomer.is_woken(), "{name}, {capacity}: it yields");
                        assert_ready_eq!(newcomer.poll(), Ok(1), "{name}, {capacity}, {n}");
                    }
                    assert_eq!(read(&mut reader), Some(n));
                }
            }
        }
    }
}

#[test]
fn every_kind_of_publisher_takes_over_a_place() {
    for (name, kind) in KINDS {
        let (manager, mut reader) = full(1);
        let _kept = keep(&manager, &mut reader, kind, 1);

        let mut ack = task::spawn(manager.ack_notify(1));
        assert_pending!(ack.poll());
        assert_pending!(ack.poll());
        assert_eq!(read(&mut reader), Some(1), "{name}");
        assert!(assert_ready!(ack.poll()).unwrap().all_acked());

        let mut sync = task::spawn(manager.sync_notify(2));
        assert_pending!(sync.poll());
        assert_eq!(read(&mut reader), Some(2), "{name}");
        reader.ack();
        assert!(assert_ready!(sync.poll()).unwrap().all_acked());

        let permit = now(manager.reserve()).unwrap();
        permit.notify(3);
        assert_eq!(read(&mut reader), Some(3), "{name}");

        let mut sink = task::spawn(manager.sink());
        sink.enter(|cx, mut sink| {
            assert!(matches!(sink.as_mut().poll_ready(cx), Poll::Ready(Ok(()))));
            sink.start_send(4).unwrap();
        });
        assert_eq!(read(&mut reader), Some(4), "{name}");
    }
}

#[test]
fn a_displaced_publisher_keeps_its_rank() {
    let (manager, mut reader) = full(1);
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    read(&mut reader);
    let mut other = task::spawn(manager.notify(2));
    assert_pending!(other.poll());
    assert_ready_eq!(other.poll(), Ok(1));

    let mut behind = task::spawn(manager.notify(3));
    assert_pending!(behind.poll());
    assert_pending!(kept.poll());
    read(&mut reader);
    assert!(kept.is_woken() && !behind.is_woken());
    assert_ready_eq!(kept.poll(), Ok(1));
    read(&mut reader);
    assert_ready_eq!(behind.poll(), Ok(1));
    assert_eq!(manager.stats().waiting_publishers(), 0);
}

#[test]
fn a_granted_place_holds_only_itself() {
    let (manager, mut reader) = full(4);
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    while !reader.is_empty() {
        read(&mut reader);
    }
    // Three of four places are free.
    for n in 0..3 {
        assert_eq!(manager.try_notify(n), Ok(1));
    }
    assert!(manager.try_notify(3).is_err(), "the last place is granted");
    assert_ready_eq!(kept.poll(), Ok(1));
    assert_eq!(reader.len(), 4);
}

#[test]
fn dropping_a_displaced_publisher_leaves_the_queue() {
    let (manager, mut reader) = full(1);
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    read(&mut reader);
    let mut other = task::spawn(manager.notify(2));
    assert_pending!(other.poll());
    assert_ready_eq!(other.poll(), Ok(1));
    assert_eq!(manager.stats().waiting_publishers(), 1);
    drop(kept);
    assert_eq!(manager.stats().waiting_publishers(), 0);
    read(&mut reader);
    assert_eq!(manager.try_notify(3), Ok(1));
}

// ---- Publishers that sleep ----------------------------------------------------------------------

/// Wakes each of the sleeping publishers, although more publishers are kept before them than there
/// are places, and the reader reads no further.
#[cfg(feature = "rt")]
async fn sleeping_publishers_get_on(capacities: &[usize]) {
    use std::time::Duration;

    for &capacity in capacities {
        for count in [1, capacity, capacity + 1] {
            // With a used-up coop budget, the kept publishers would not be queued.
            tokio::task::yield_now().await;
            let (manager, mut reader) = full(capacity);
            let mut kept: Vec<_> = (0..count)
                .map(|_| Kept::Notify(task::spawn(manager.notify(0))))
                .collect();
            kept.iter_mut().for_each(Kept::assert_waits);
            let others: Vec<_> = (0..capacity)
                .map(|n| {
                    let manager = manager.clone();
                    tokio::spawn(async move { manager.notify(n).await })
                })
                .collect();
            while manager.stats().waiting_publishers() < count + capacity {
                tokio::task::yield_now().await;
            }
            for _ in 0..capacity {
                reader.next().await.unwrap();
            }
            let stored = futures::future::join_all(others);
            let stored = tokio::time::timeout(Duration::from_secs(60), stored).await;
            let stored =
                stored.unwrap_or_else(|_| panic!("{capacity}, {count}: {:#?}", manager.stats()));
            assert!(stored.iter().all(|stored| matches!(stored, Ok(Ok(1)))));
            assert_eq!(reader.len(), capacity);
        }
    }
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn sleeping_publishers_get_on_in_one_thread() {
    sleeping_publishers_get_on(&CAPACITIES).await;
}

#[cfg(feature = "rt")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sleeping_publishers_get_on_in_two_threads() {
    sleeping_publishers_get_on(&CAPACITIES[..3]).await;
}

#[test]
fn a_released_permit_goes_past_kept_publishers() {
    // No reader reads: the newcomer finds the stalled place.
    let manager = EventManager::<usize>::new(1);
    let _reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    let mut kept = task::spawn(manager.notify(1));
    assert_pending!(kept.poll());
    drop(permit);
    assert!(kept.is_woken());
    let mut newcomer = task::spawn(manager.notify(2));
    assert_pending!(newcomer.poll());
    assert_ready_eq!(newcomer.poll(), Ok(1));
}

// ---- The programs that hung -----------------------------------------------------------------------

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn select_may_keep_a_publisher_while_another_publishes() {
    use std::time::Duration;

    for capacity in CAPACITIES {
        let (manager, mut reader) = full(capacity);
        let read_later = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            for _ in 0..=capacity {
                reader.next().await.unwrap();
            }
        };
        let publish = async {
            let mut first = manager.notify(1);
            tokio::select! {
                _ = &mut first => unreachable!("the window is full"),
                () = tokio::time::sleep(Duration::from_secs(1)) => {
                    assert_eq!(manager.notify(2).await, Ok(1));
                }
            }
            assert_eq!(first.await, Ok(1));
        };
        let both = futures::future::join(read_later, publish);
        let both = tokio::time::timeout(Duration::from_secs(60), both).await;
        assert!(both.is_ok(), "{capacity}");
    }
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_timed_out_send_holds_up_nobody() {
    use std::time::Duration;

    use futures::SinkExt;

    for capacity in CAPACITIES {
        let (manager, mut reader) = full(capacity);
        let (mut sink, mut sync_sink) = (manager.sink(), manager.sync_sink());
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, sink.send(1)).await.is_err());
        assert!(
            tokio::time::timeout(second, sync_sink.send(1))
                .await
                .is_err()
        );
        for _ in 0..capacity {
            reader.next().await.unwrap();
        }
        let minute = Duration::from_secs(60);
        let stored = tokio::time::timeout(minute, manager.notify(2)).await;
        assert_eq!(stored, Ok(Ok(1)), "{capacity}");
    }
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn kept_publishers_delay_a_whole_window_once() {
    use std::time::Duration;

    for (kind, keep) in KINDS {
        let capacity = 8;
        let (manager, mut reader) = full(capacity);
        let mut kept: Vec<_> = (0..capacity).map(|_| keep(&manager)).collect();
        kept.iter_mut().for_each(Kept::assert_waits);
        for _ in 0..capacity {
            reader.next().await.unwrap();
        }
        let began = tokio::time::Instant::now();
        for n in 0..capacity {
            assert_eq!(manager.notify(n).await, Ok(1), "{kind}");
        }
        let took = began.elapsed();
        assert!(took <= Duration::from_millis(20), "{kind}: {took:?}");
    }
}
