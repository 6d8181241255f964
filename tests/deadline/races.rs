//! Every answer is seen, however late it comes.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::future::{BoxFuture, MaybeDone, maybe_done};
use futures::{FutureExt, StreamExt};
use genevent::error::DeadlineError;
use genevent::{EventManager, Receipt};
use tokio::time::advance;

use super::{SECOND, now};

/// A waker that polls a future at once, while whoever wakes it has more to do.
struct Hasty(Mutex<MaybeDone<Late>>);

type Late = BoxFuture<'static, Result<Receipt, DeadlineError<u8>>>;

impl Wake for Hasty {
    fn wake(self: Arc<Self>) {
        let mut late = self.0.lock().unwrap();
        let _ = late.poll_unpin(&mut Context::from_waker(Waker::noop()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_on_its_way_is_waited_for() {
    // It gave up with an error that named nobody.
    let manager: &EventManager<u8> = Box::leak(Box::new(EventManager::new(1)));
    let stuck = manager.subscribe();
    let mut late = manager.sync_notify(1).within(SECOND).boxed();
    assert!((&mut late).now_or_never().is_none());
    let hasty = Arc::new(Hasty(Mutex::new(maybe_done(late))));
    let waker = Waker::from(Arc::clone(&hasty));
    let mut waiting = manager.notify(2);
    assert!(
        waiting
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );

    advance(SECOND).await;
    assert!(manager.disconnect(stuck.id()));
    let mut late = hasty.0.lock().unwrap();
    now(&mut *late);
    let receipt = Pin::new(&mut *late).take_output().unwrap().unwrap();
    assert_eq!(receipt.dropped_by(), [stuck.id()]);
}

#[test]
fn whoever_is_waited_for_is_named_while_readers_answer_on_other_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let manager = EventManager::<u32>::new(4);
    let mut reader = manager.subscribe();
    let reading = std::thread::spawn(move || {
        futures::executor::block_on(async {
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
            let pending = late.err().map(|error| error.pending().len());
            assert_ne!(pending, Some(0));
        }
    });
    drop(manager);
    reading.join().unwrap();
}
