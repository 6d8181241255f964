use super::*;

fn sleep(queue: &mut WaitQueue) -> QueueKey {
    queue.sleep(None, Request::Event, Waker::noop().clone()).0
}

#[test]
fn tombstones_are_at_most_half_of_the_entries() {
    let mut queue = WaitQueue::default();
    let front = sleep(&mut queue);
    for waiting in 1..100 {
        sleep(&mut queue);
        for _ in 0..100 {
            let key = sleep(&mut queue);
            drop(queue.remove(key));
        }
        assert_eq!(queue.len(), 1 + waiting);
        assert!(queue.waiters.len() <= 2 * queue.len() + 1);
    }
    assert_eq!(queue.index(front), Some(0));
}

#[test]
fn emptied_queue_keeps_little_memory() {
    let mut queue = WaitQueue::default();
    let keys: Vec<_> = (0..1_000).map(|_| sleep(&mut queue)).collect();
    for &key in &keys[..500] {
        queue.grant_front();
        assert!(queue.take_place(key));
    }
    for _ in &keys[500..] {
        queue.grant_front();
    }
    for &key in &keys[500..] {
        assert!(matches!(queue.remove(key), Removed::Place));
    }
    assert!(queue.len() == 0 && queue.asleep == 0);
    assert!(queue.waiters.capacity() <= MIN_CAPACITY);
    assert!(queue.granted.capacity() <= MIN_CAPACITY);
}

#[test]
fn a_place_is_taken_over_only_after_yielding_to_its_grant() {
    let mut queue = WaitQueue::default();
    let kept = sleep(&mut queue);
    let other = sleep(&mut queue);
    assert!(queue.grant_front().is_some());
    assert!(!queue.take_over(other));
    let _ = queue.yield_to_granted(Some(other), Request::Event);
    assert!(queue.take_over(other));
    assert!(!queue.take_place(kept));
    drop(queue.remove(other));
    // The displaced publisher is the first again.
    let last = sleep(&mut queue);
    let (kept_again, _) = queue.sleep(Some(kept), Request::Event, Waker::noop().clone());
    assert!(kept_again == kept && !queue.has_sleeper_before(Some(kept)));
    assert!(queue.has_sleeper_before(Some(last)) && queue.len() == 2);
}

#[test]
fn a_revoked_place_keeps_the_rank_of_its_publisher() {
    let mut queue = WaitQueue::default();
    let keys: Vec<_> = (0..4).map(|_| sleep(&mut queue)).collect();
    for _ in 0..3 {
        queue.grant_front();
    }
    queue.revoke_last();
    assert_eq!((queue.granted(), queue.len()), (2, 4));
    queue.grant_front();
    assert!(queue.take_place(keys[2]) && !queue.take_place(keys[3]));
}

#[test]
fn a_publisher_waits_again_in_the_place_of_its_tombstone() {
    let mut queue = WaitQueue::default();
    let first = sleep(&mut queue);
    let second = sleep(&mut queue);
    let _ = queue.grant_polled(Some(second), Request::Event);
    assert_eq!((queue.tombstones, queue.len()), (1, 2));
    queue.revoke_last();
    assert_eq!((queue.tombstones, queue.displaced), (0, 0));
    assert_eq!((queue.len(), queue.index(second)), (2, Some(1)));
    queue.grant_front();
    assert!(queue.take_place(first));
}
