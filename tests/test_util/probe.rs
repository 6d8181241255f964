//! The probe, without a runtime.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures::executor::block_on;
use futures::{FutureExt, StreamExt, join};
use genevent::test_util::{Probe, assert_next, assert_no_event};

use super::{A_LONG_TIME, message, with};

#[test]
fn a_probe_keeps_its_items_in_order() {
    let mut probe = Probe::default();
    let other = probe.clone();
    for n in 1..=4 {
        other.record(n);
    }
    assert_next!(probe, 1).now();
    assert_eq!(probe.seen(), [2, 3, 4]);
    assert_eq!(other.drain(), [2, 3, 4]);
    assert_no_event!(probe).now();
    assert!(probe.seen().is_empty());
}

#[test]
fn a_following_probe_has_seen_acknowledged_events() {
    let (manager, reader) = with([]);
    let probe = Probe::new();
    let mut following = pin!(probe.follow(reader));
    block_on(async {
        let publishing = async {
            for n in 1..=3 {
                assert!(manager.sync_notify(n).await.unwrap().all_acked());
                assert_eq!(probe.seen().last(), Some(&n));
            }
            manager.close();
        };
        join!(following.as_mut(), publishing);
    });
    assert_eq!(probe.drain(), [1, 2, 3]);
}

#[test]
fn wait_for_ends_early_and_takes_nothing() {
    let probe = Probe::new();
    probe.wait_for(0).now();
    let mut waiting = probe.wait_for(2).within(A_LONG_TIME);
    let mut also = probe.wait_for(1).within(A_LONG_TIME);
    assert!((&mut waiting).now_or_never().is_none());
    assert!((&mut also).now_or_never().is_none());
    probe.record('a');
    assert!((&mut waiting).now_or_never().is_none());
    assert!(also.now_or_never().is_some());
    probe.record('b');
    assert!(waiting.now_or_never().is_some());
    probe.wait_for(1).now();
    assert_eq!(probe.drain(), ['a', 'b']);
    let text = message(|| probe.wait_for(1).now());
    assert!(text.ends_with("expected: 1 items\n     came: 0\n   within: 0ns"));
}

#[test]
fn a_panicking_waker_does_not_silence_other_waiters() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    let probe = Probe::new();
    let mut bad = probe.wait_for(1).within(A_LONG_TIME);
    let waker = Waker::from(Arc::new(Panics));
    assert!(
        bad.poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let mut good = tokio_test::task::spawn(probe.clone());
    tokio_test::assert_pending!(good.poll_next());
    probe.record(1);
    assert!(good.is_woken());
    tokio_test::assert_ready_eq!(good.poll_next(), Some(1));
}

#[test]
fn an_item_may_use_its_probe_during_clone() {
    struct Nosy(Probe<Nosy>);
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            self.0.record(Self(self.0.clone()));
            Self(self.0.clone())
        }
    }
    let probe = Probe::new();
    probe.record(Nosy(probe.clone()));
    assert_eq!(probe.seen().len(), 1);
    assert_eq!(probe.drain().len(), 2);
}

#[test]
fn changing_wakers_lose_no_wakeup() {
    let probe = Probe::<u32>::new();
    let mut waiting = tokio_test::task::spawn(probe.clone());
    for _ in 0..3 {
        let mut elsewhere = tokio_test::task::spawn(probe.clone());
        tokio_test::assert_pending!(elsewhere.poll_next());
    }
    tokio_test::assert_pending!(waiting.poll_next());
    probe.record(1);
    assert!(waiting.is_woken());
    let mut last = probe.clone();
    assert_eq!(
        poll_fn(|cx| last.poll_next_unpin(cx)).now_or_never(),
        Some(Some(1))
    );
}

/// A waker, and how many clones of it are held elsewhere.
fn counted() -> (Waker, impl Fn() -> usize) {
    struct Task;
    impl std::task::Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    let task = Arc::new(Task);
    let waker = Waker::from(Arc::clone(&task));
    (waker, move || Arc::strong_count(&task) - 2)
}

#[test]
fn a_dropped_assertion_leaves_no_waker() {
    let probe = Probe::<u32>::new();
    for _ in 0..3 {
        let (waker, held) = counted();
        let mut cx = Context::from_waker(&waker);
        let mut waiting = probe.wait_for(1).within(A_LONG_TIME);
        let mut also = probe.wait_for(2).within(A_LONG_TIME);
        let mut stream = probe.clone();
        for _ in 0..2 {
            assert!(waiting.poll_unpin(&mut cx).is_pending());
            assert!(also.poll_unpin(&mut cx).is_pending());
            assert!(stream.poll_next_unpin(&mut cx).is_pending());
            assert_eq!(held(), 3 + 2, "in the probe, and in two clocks");
        }
        drop(waiting);
        assert_eq!(held(), 2 + 1);
        probe.record(1);
        assert_eq!(held(), 1, "those in the probe have been called");
        assert_eq!(probe.drain(), [1]);
        assert!(also.poll_unpin(&mut cx).is_pending());
        assert!(stream.poll_next_unpin(&mut cx).is_pending());
        assert_eq!(held(), 2 + 1);
        drop((also, stream));
        assert_eq!(held(), 0);
    }
}

#[test]
fn a_probe_keeps_only_its_newest_waker() {
    let mut probe = Probe::<u32>::new();
    let (before, held_before) = counted();
    let (now, held_now) = counted();
    assert!((probe.poll_next_unpin(&mut Context::from_waker(&before))).is_pending());
    assert!((probe.poll_next_unpin(&mut Context::from_waker(&now))).is_pending());
    assert_eq!((held_before(), held_now()), (0, 1));
    let other = probe.clone();
    other.record(1);
    assert_next!(probe, 1).now();
    assert_eq!(held_now(), 0);
}

#[test]
fn a_failed_assertion_keeps_no_task() {
    let mut probe = Probe::<u32>::new();
    let (waker, held) = counted();
    let mut cx = Context::from_waker(&waker);
    let mut failing = probe.wait_for(1).within(std::time::Duration::ZERO);
    let text = message(|| assert!(failing.poll_unpin(&mut cx).is_ready()));
    assert!(text.contains("came: 0"), "{text}");
    assert_eq!(held(), 1, "until it is dropped");
    drop(failing);
    assert_eq!(held(), 0);
    assert!(probe.poll_next_unpin(&mut cx).is_pending());
    drop(probe);
    assert_eq!(held(), 0);
}
