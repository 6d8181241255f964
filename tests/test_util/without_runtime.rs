//! Time limits without a runtime.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::executor::{ThreadPool, block_on};
use futures::task::SpawnExt;
use futures::{FutureExt, join, stream};
use genevent::test_util::{assert_ended, assert_next, assert_no_event};

use super::{A_LONG_TIME, message, with};

#[test]
fn without_a_runtime_other_threads_are_awaited() {
    let (manager, mut reader) = with([]);
    let pool = ThreadPool::new().unwrap();
    let publishing = manager.clone();
    pool.spawn(async move {
        publishing.wait_for_subscribers(1).await;
        for n in 1..=3 {
            publishing.sync_notify(n).await.unwrap();
        }
        publishing.close();
    })
    .unwrap();
    for n in 1..=3 {
        block_on(assert_next!(reader, n).within(A_LONG_TIME));
    }
    block_on(assert_ended!(reader).within(A_LONG_TIME));
}

#[test]
fn without_a_runtime_time_limits_work() {
    let (_manager, mut reader) = with::<u32>([]);
    let at_once = Duration::from_nanos(1);
    block_on(assert_no_event!(reader).within(at_once));
    let text = message(|| block_on(assert_next!(reader).within(at_once)));
    assert!(text.ends_with("came: nothing\n   within: 1ns"), "{text}");
    assert!(message(|| block_on(assert_ended!(reader).within(at_once))).contains("nothing"));
}

#[test]
fn a_waiting_assertion_may_move_between_tasks() {
    let (manager, mut reader) = with([]);
    let mut next = assert_next!(reader);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(next.poll_unpin(&mut cx).is_pending());
    let (next, notified) = block_on(async { join!(next, manager.notify(7)) });
    assert_eq!((next, notified), (7, Ok(1)));
}

#[test]
fn a_zero_limit_polls_once() {
    let (_manager, mut reader) = with([1]);
    block_on(async {
        assert_next!(reader, 1).within(Duration::ZERO).await;
        assert_no_event!(reader).within(Duration::ZERO).await;
    });
    let text = message(|| block_on(assert_next!(reader).within(Duration::ZERO)));
    assert!(text.ends_with("came: nothing\n   within: 0ns"));
    let mut looks = 0;
    let mut counted = stream::poll_fn(|_| {
        looks += 1;
        Poll::<Option<u32>>::Pending
    });
    assert_no_event!(counted).now();
    block_on(assert_no_event!(counted).within(Duration::ZERO));
    assert_eq!(looks, 2);
}
