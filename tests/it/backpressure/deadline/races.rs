//! Acknowledgements and room arriving at the moment of the deadline are not overlooked.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::{BoxFuture, MaybeDone, maybe_done};
use genevent::error::DeadlineError;
use genevent::{EventManager, Filtered, Receipt, Subscription};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::{SECOND, ids, now, unanswered};
use crate::receipts::UnfinishedIds;

/// A waker that polls a future at once, before the waking code has finished.
struct Hasty(Mutex<MaybeDone<Late>>);

type Late = BoxFuture<'static, Result<Receipt, DeadlineError<u8>>>;

impl Wake for Hasty {
    fn wake(self: Arc<Self>) {
        let mut late = self.0.lock().unwrap();
        let _ = late.poll_unpin(&mut Context::from_waker(Waker::noop()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_in_progress_is_awaited() {
    // The hazard: a deadline error that names no subscriber.
    let manager: &EventManager<u8> = Box::leak(Box::new(EventManager::new(2)));
    let stuck = manager.subscribe();
    let late = manager.sync_notify(2).within(SECOND).boxed();
    let hasty = Arc::new(Hasty(Mutex::new(maybe_done(late))));
    let waker = Waker::from(Arc::clone(&hasty));
    // A publisher of the preceding event, acknowledged before the late event.
    let mut before = manager.sync_notify(1);
    assert!(
        before
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!((&mut *hasty.0.lock().unwrap()).now_or_never().is_none());

    advance(SECOND).await;
    assert!(manager.disconnect(stuck.id()));
    let mut late = hasty.0.lock().unwrap();
    now(&mut *late);
    let receipt = Pin::new(&mut *late).take_output().unwrap().unwrap();
    assert_eq!(receipt.unfinished_ids(), [stuck.id()]);
}

#[test]
fn missing_subscribers_are_named_during_concurrent_acks() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let manager = EventManager::<u32>::new(4);
    let mut reader = manager.subscribe();
    let reading = std::thread::spawn(move || {
        block_on(async {
            while let Some(event) = reader.next().await {
                if event % 3 == 0 {
                    reader.ack();
                }
            }
        });
    });
    runtime.block_on(async {
        for event in 0..2_000 {
            let late = manager.sync_notify(event).within(Duration::ZERO).await;
            let pending = late.err().map(|error| error.waiting_for().len());
            assert_ne!(pending, Some(0));
        }
    });
    drop(manager);
    reading.join().unwrap();
}

/// A part of a filter: runs its closure when dropped.
struct OnDrop(Option<Deed>);

type Deed = Box<dyn FnOnce() + Send + Sync>;

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.take().expect("`drop` runs once")();
    }
}

/// A filter with a panicking predicate; the evaluating code drops the filter after the panic.
fn panicking(deed: impl FnOnce() + Send + Sync + 'static) -> impl Fn(&u8) -> bool + Send + Sync {
    let part = OnDrop(Some(Box::new(deed)));
    move |_| {
        let _ = &part;
        panic!("asked")
    }
}

/// Lets `reader` read an event when a publisher has looked for room twice: when polled, and again
/// when its time is over. Returns the values to keep until then.
fn read_after_two_looks(
    manager: &EventManager<u8>,
    mut reader: Subscription<u8>,
) -> (Filtered<u8>, impl Sized) {
    let (keep, kept) = std::sync::mpsc::channel();
    let last = panicking(move || {
        assert_eq!(now(reader.next()), Some(1));
        keep.send(reader).unwrap();
    });
    let (own, (slot, filtered)) = (manager.clone(), std::sync::mpsc::channel());
    let first = panicking(move || slot.send(own.subscribe_filter(last)).unwrap());
    (manager.subscribe_filter(first), (filtered, kept))
}

/// The hazard: a deadline error that names no subscriber, while readers on other threads
/// acknowledge.
#[tokio::test(start_paused = true)]
async fn room_at_the_moment_of_timeout_is_taken() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let id = reader.id();
    manager.try_notify(1).unwrap();
    let mut late = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(late.poll());
    advance(SECOND).await;
    let kept = read_after_two_looks(&manager, reader);
    assert_pending!(late.poll());
    assert!(late.is_woken());
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!(ids(late.waiting_for()), [id]);
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn a_notify_takes_room_at_the_moment_of_timeout() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut notify = task::spawn(manager.notify(2).within(SECOND));
    assert_pending!(notify.poll());
    advance(SECOND).await;
    let kept = read_after_two_looks(&manager, reader);
    assert_pending!(notify.poll());
    assert!(notify.is_woken());
    assert_eq!(assert_ready!(notify.poll()).unwrap(), 1);
    drop(kept);
}

#[test]
fn full_subscribers_are_named_during_concurrent_reads() {
    let manager = EventManager::<u32>::new(1);
    let mut reader = manager.subscribe();
    let reading = std::thread::spawn(move || {
        block_on(async { while reader.next().await.is_some() {} });
    });
    for event in 0..1_000 {
        let late = block_on(manager.notify(event).within(Duration::ZERO)).err();
        assert_ne!(late.map(|error| error.waiting_for().len()), Some(0));
        match block_on(manager.reserve().within(Duration::ZERO)) {
            Ok(permit) => drop(permit.notify(event)),
            Err(error) => assert!(!error.waiting_for().is_empty()),
        }
    }
    drop(manager);
    reading.join().unwrap();
}
