//! The wake and the drop of a waker, at every place where they run.

mod acknowledgements;
mod manager;
mod publishers;
mod readers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use genevent::EventManager;

use super::{ACTS, Odd, OddWaker, OnPanic, World, now, read, silent_panic, wait};

/// A future or stream, waiting with a waker until the crate calls or drops the waker.
struct Wait {
    name: &'static str,
    /// Whether the waker is called, and not only dropped.
    wakes: bool,
    run: fn(&World, Waker),
}

const fn wakes(name: &'static str, run: fn(&World, Waker)) -> Wait {
    Wait {
        name,
        wakes: true,
        run,
    }
}

const fn drops(name: &'static str, run: fn(&World, Waker)) -> Wait {
    Wait {
        name,
        wakes: false,
        run,
    }
}

const WAITS: [&[Wait]; 4] = [
    readers::WAITS,
    publishers::WAITS,
    acknowledgements::WAITS,
    manager::WAITS,
];

#[test]
fn a_panicking_or_reentrant_wake_harms_no_call() {
    for place in WAITS.into_iter().flatten().filter(|place| place.wakes) {
        for act in ACTS {
            let _said = OnPanic(format!("{}, {act:?}", place.name));
            let world = World::new();
            let waker = OddWaker {
                on_wake: Some(world.hook(act)),
                on_drop: None,
            };
            (place.run)(&world, Waker::from(Arc::new(waker)));
            world.check();
        }
    }
}

#[test]
fn a_panicking_waker_drop_harms_no_call() {
    for place in WAITS.into_iter().flatten() {
        for act in ACTS {
            let _said = OnPanic(format!("{}, {act:?}", place.name));
            let world = World::new();
            let waker = OddWaker {
                on_wake: None,
                on_drop: Some(world.hook(act)),
            };
            (place.run)(&world, Waker::from(Arc::new(waker)));
            world.check();
        }
    }
}

#[test]
fn a_panicking_wake_still_wakes_other_tasks() {
    let manager = EventManager::new(8);
    let woken = Arc::new(AtomicUsize::new(0));
    let mut readers: Vec<_> = (0..9).map(|_| manager.subscribe()).collect();
    for reader in &mut readers {
        let woken = Arc::clone(&woken);
        let waker = OddWaker {
            on_wake: Some(Arc::new(move || {
                woken.fetch_add(1, Ordering::Relaxed);
                silent_panic();
            })),
            on_drop: Some(Arc::new(|| {
                if !std::thread::panicking() {
                    silent_panic();
                }
            })),
        };
        wait(&mut reader.next(), Waker::from(Arc::new(waker)));
    }
    assert!(matches!(manager.try_notify(Odd::plain(1)), Ok(9)));
    assert_eq!(woken.load(Ordering::Relaxed), 9);
    for reader in &mut readers {
        assert_eq!(read(reader), Some(1));
    }
}

#[test]
fn wakes_that_publish_wake_each_other() {
    const READERS: u32 = 100;
    let manager = EventManager::new(READERS as usize + 1);
    let mut readers: Vec<_> = (0..READERS).map(|_| manager.subscribe()).collect();
    for (reader, n) in readers.iter_mut().zip(1..) {
        let inside = manager.downgrade();
        let waker = OddWaker {
            on_wake: Some(Arc::new(move || {
                let manager = inside.upgrade().expect("the manager is open");
                assert!(manager.try_notify(Odd::plain(n)).is_ok());
            })),
            on_drop: None,
        };
        wait(&mut reader.next(), Waker::from(Arc::new(waker)));
    }
    assert!(manager.try_notify(Odd::plain(0)).is_ok());
    manager.close();
    let mut all = readers.into_iter().map(|reader| {
        let events = now(reader.collect::<Vec<_>>());
        events.iter().map(|event| event.n).collect::<Vec<_>>()
    });
    let first = all.next().expect("there are a hundred");
    assert!(all.all(|events| events == first), "one order for all");
    let mut events = first;
    events.sort_unstable();
    assert!(events.into_iter().eq(0..=READERS));
}

/// A task run inside its own `wake`, as on some executors.
struct Inline(Mutex<Option<BoxFuture<'static, ()>>>);

impl Inline {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        let task = Arc::new(Self(Mutex::new(Some(future.boxed()))));
        Arc::clone(&task).wake();
        task
    }

    fn is_done(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let mut future = self.0.try_lock().expect("it is not woken while it runs");
        let waker = Waker::from(Arc::clone(&self));
        let mut cx = Context::from_waker(&waker);
        if let Some(Poll::Ready(())) = future.as_mut().map(|task| task.poll_unpin(&mut cx)) {
            *future = None;
        }
    }
}

#[test]
fn tasks_run_inside_their_wake_continue() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    assert!(manager.try_notify(Odd::plain(1)).is_ok());
    let publisher = Inline::spawn({
        let manager = manager.clone();
        async move {
            assert!(manager.notify(Odd::plain(2)).await.is_ok());
            assert!(manager.sync_notify(Odd::plain(3)).await.is_ok());
        }
    });
    let (sum, total) = (Arc::new(AtomicUsize::new(0)), 2 + 3);
    let reader = Inline::spawn({
        let (sum, mut reader) = (Arc::clone(&sum), manager.subscribe());
        async move {
            while let Some(event) = reader.next().await {
                sum.fetch_add(event.n as usize, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(read(&mut slow), Some(1));
    assert_eq!(
        read(&mut slow),
        Some(2),
        "stored inside the poll that made room"
    );
    assert_eq!(read(&mut slow), Some(3));
    assert_eq!(
        sum.load(Ordering::Relaxed),
        total,
        "read inside the call that published"
    );
    assert!(!publisher.is_done());
    slow.ack();
    assert!(publisher.is_done() && !reader.is_done());
    manager.close();
    assert!(reader.is_done());
}
