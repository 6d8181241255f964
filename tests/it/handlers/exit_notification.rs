//! Every task that waits for the exit of a handler is notified.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use genevent::handler::CallError;
use genevent::{EventManager, StopReason, handler_fn};
use tokio::task::yield_now;

async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_panicking_waker_hides_no_exit_from_others() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("waker"));
        }
    }
    let manager = EventManager::<u32>::new(8);
    let a = manager.add_handler("a", handler_fn(|_: &u32| ())).unwrap();
    // Enough tasks to meet the panicking waker, in whatever order they are woken.
    let reported: Vec<_> = (0..16).map(|_| tokio::spawn(a.stopped())).collect();
    let mut bad: Vec<_> = (0..16).map(|_| Box::pin(a.stopped())).collect();
    settle().await;
    for future in &mut bad {
        let waker = Waker::from(Arc::new(Bad));
        let poll = future.poll_unpin(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
    }
    let more: Vec<_> = (0..16).map(|_| tokio::spawn(a.stopped())).collect();
    settle().await;
    assert!(a.remove().await.is_ok());
    for reported in reported.into_iter().chain(more) {
        assert_eq!(reported.await.unwrap(), StopReason::Removed);
    }
}

#[tokio::test]
async fn dropping_a_stopped_future_drops_its_waker() {
    struct Quiet;
    impl Wake for Quiet {
        fn wake(self: Arc<Self>) {}
    }
    let manager = EventManager::<u32>::new(8);
    let a = manager.add_handler("a", handler_fn(|_: &u32| ())).unwrap();
    let quiet = Arc::new(Quiet);
    let waker = Waker::from(Arc::clone(&quiet));
    let mut stopped = Box::pin(a.stopped());
    let mut cx = Context::from_waker(&waker);
    assert!(stopped.poll_unpin(&mut cx).is_pending());
    assert!(stopped.poll_unpin(&mut cx).is_pending());
    assert_eq!(Arc::strong_count(&quiet), 3);
    drop(stopped);
    assert_eq!(Arc::strong_count(&quiet), 2);
}

/// Callers keep calling while the manager closes and the handler ends: each call is answered, and
/// an answered call was made.
#[test]
fn calls_during_the_exit_are_answered() {
    let builder = &mut tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(3).build().unwrap();
    for round in 0..400 {
        runtime.block_on(async {
            let manager = EventManager::<u32>::new(8);
            let made = Arc::new(AtomicUsize::new(0));
            let a = manager.add_handler("a", handler_fn(|_: &u32| ())).unwrap();
            let callers: Vec<_> = (0..6)
                .map(|_| {
                    let (a, made) = (a.clone(), Arc::clone(&made));
                    tokio::spawn(async move {
                        let mut answered = 0;
                        loop {
                            let made = Arc::clone(&made);
                            let call = a.call(move |_| made.fetch_add(1, Ordering::Relaxed));
                            match call.await {
                                Ok(_) => answered += 1,
                                Err(error) => return (answered, error),
                            }
                        }
                    })
                })
                .collect();
            for _ in 0..round % 16 {
                yield_now().await;
            }
            drop(manager);
            let mut all = 0;
            for caller in callers {
                let (answered, error) = caller.await.unwrap();
                assert_eq!(error, CallError::Stopped(StopReason::ManagerClosed));
                all += answered;
            }
            assert_eq!(made.load(Ordering::Relaxed), all);
        });
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>;

/// tokio's channels return pending to a task that has exhausted its coop budget.
#[tokio::test]
async fn ready_replies_arrive_inside_despite_coop_budget() {
    let manager = EventManager::<u32>::new(8);
    let asked = Arc::new(Mutex::new(Vec::<Asked>::new()));
    let answers = Arc::new(Mutex::new(Vec::new()));
    let (calls, had) = (Arc::clone(&asked), Arc::clone(&answers));
    let awaits = move |_: &u32| {
        let (calls, had) = (std::mem::take(&mut *calls.lock().unwrap()), had.clone());
        async move {
            for call in calls {
                let answer = call.await;
                had.lock().unwrap().push(answer);
            }
        }
    };
    let a = manager.add_handler("a", awaits).unwrap();
    for _ in 0..300 {
        let a = a.clone();
        let mut call: Asked = Box::pin(async move { a.call(|_| ()).await });
        // Polled outside, and before the event.
        assert!(futures::poll!(&mut call).is_pending());
        asked.lock().unwrap().push(call);
    }
    manager.sync_notify(1).await.unwrap();
    assert_eq!(*answers.lock().unwrap(), vec![Ok(()); 300]);
}
