//! `replay_since`: a reader goes on where an earlier one stopped, and learns what it cannot have.

use std::task::Poll;

use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::FusedStream;
use genevent::error::TryNextError;
use genevent::{Overflow, Received};

use super::{SIZES, publish, replay, retaining, since};
use crate::drive::{read, read_all, waits, with_counted_waker};

#[test]
fn events_after_a_number_are_replayed_or_counted_as_missed() {
    for retained in [1, 2, 63, 64, 65, 300] {
        for published in SIZES {
            let manager = retaining(retained);
            publish(&manager, 1..=published);
            let newest = published as u64;
            for seq in [
                0,
                1,
                newest / 2,
                newest.saturating_sub(1),
                newest,
                newest + 7,
            ] {
                let late = manager.subscribe_with(since(seq));
                let first = (published + 1).saturating_sub(retained).max(1);
                let wanted = usize::try_from(seq).unwrap() + 1;
                let missed = first.saturating_sub(wanted) as u64;
                assert_eq!(late.missed(), missed, "{retained} {published} {seq}");
                let events: Vec<_> = (wanted.max(first)..=published).collect();
                assert_eq!(late.len(), events.len());
                assert_eq!(read_all(&mut late.take(events.len())), events);
            }
        }
    }
}

#[test]
fn missed_events_come_before_the_replay() {
    let manager = retaining(2);
    publish(&manager, 1..=5);
    let mut plain = manager.subscribe_with(since(1)).with_missed();
    let even = |n: &usize| n % 2 == 0;
    let mut filtered = manager.subscribe_filter_with(since(1), even).with_missed();
    publish(&manager, [6]);
    manager.close();
    assert_eq!(filtered.get_ref().missed(), 2);
    let [two, four, five, six] = [
        Received::Missed(2),
        Received::Event(4),
        Received::Event(5),
        Received::Event(6),
    ];
    assert_eq!(read_all(&mut plain), [two, four, five, six]);
    assert_eq!(read_all(&mut filtered), [two, four, six]);
}

#[test]
fn a_plain_stream_only_counts_missed_events() {
    let manager = retaining(2);
    publish(&manager, 1..=5);
    let mut plain = manager.subscribe_with(since(1));
    let mut filtered = manager.subscribe_filter_with(since(1), |_| true);
    for _ in 4..=5 {
        assert_eq!(read(&mut plain), read(&mut filtered));
    }
    assert!(waits(&mut plain) && waits(&mut filtered));
    assert_eq!((plain.missed(), filtered.missed()), (2, 2));
    // Nothing is reported later.
    let (mut plain, mut filtered) = (plain.with_missed(), filtered.with_missed());
    assert!(waits(&mut plain) && waits(&mut filtered));
}

#[test]
fn missed_events_are_reported_also_without_a_retained_event() {
    let manager = retaining(2);
    publish(&manager, 1..=5);
    manager.clear_retained();
    let lossy = || since(2).overflow(Overflow::DropOldest).window(1);
    let mut plain = manager.subscribe_with(lossy()).with_missed();
    let mut filtered = manager
        .subscribe_filter_with(lossy(), |_| true)
        .with_missed();
    assert_eq!(read(&mut filtered), Some(Received::Missed(3)));
    publish(&manager, 6..=8);
    assert_eq!(read(&mut filtered), Some(Received::Missed(2)));
    assert_eq!(read(&mut filtered), Some(Received::Event(8)));
    // Both losses are before the same event.
    assert_eq!(read(&mut plain), Some(Received::Missed(5)));
    assert_eq!(read(&mut plain), Some(Received::Event(8)));
    assert!(waits(&mut plain) && waits(&mut filtered));
    assert_eq!(plain.get_ref().missed(), 5);
    assert_eq!(filtered.get_ref().missed(), 5);
}

#[test]
fn try_next_tells_missed_events_also_without_an_event_to_read() {
    let manager = retaining(2);
    publish(&manager, 1..=5);
    manager.clear_retained();
    let topics = manager.topics(|n| n % 2);
    let mut plain = manager.subscribe_with(since(2)).with_missed();
    let filtered = manager.subscribe_filter_with(since(2), |_| true);
    let keyed = topics.subscribe_with(0, since(2));
    let told = [Ok(Received::Missed(3)), Err(TryNextError::Empty)];
    assert_eq!([plain.try_next(), plain.try_next()], told);
    for mut stream in [filtered.with_missed(), keyed.with_missed()] {
        assert_eq!([stream.try_next(), stream.try_next()], told);
    }
}

#[test]
fn a_loss_without_an_event_leaves_no_waker_behind() {
    let manager = retaining(2);
    publish(&manager, 1..=5);
    manager.clear_retained();
    let topics = manager.topics(|n| n % 2);
    let mut plain = manager.subscribe_with(since(2));
    let mut filtered = manager.subscribe_filter_with(since(2), |_| true);
    let mut keyed = topics.subscribe_with(0, since(2));
    let (_streams, wakers_left) = with_counted_waker(|cx| {
        assert!(plain.poll_next_unpin(cx).is_pending());
        assert!(filtered.poll_next_unpin(cx).is_pending());
        assert!(keyed.poll_next_unpin(cx).is_pending());
        let mut streams = [
            plain.with_missed().boxed(),
            filtered.with_missed().boxed(),
            keyed.with_missed().boxed(),
        ];
        for stream in &mut streams {
            let missed = stream.poll_next_unpin(cx);
            assert_eq!(missed, Poll::Ready(Some(Received::Missed(3))));
        }
        streams
    });
    assert_eq!(wakers_left, 0);
}

#[test]
fn losses_before_and_after_a_replay_are_reported_apart() {
    let manager = retaining(2);
    publish(&manager, 1..=5);
    let lossy = || since(0).overflow(Overflow::DropOldest).window(1);
    let plain = manager.subscribe_with(lossy()).with_missed();
    let filtered = manager
        .subscribe_filter_with(lossy(), |_| true)
        .with_missed();
    publish(&manager, 6..=8);
    manager.close();
    let wanted = [
        Received::Missed(3),
        Received::Event(4),
        Received::Event(5),
        Received::Missed(2),
        Received::Event(8),
    ];
    assert_eq!(read_all(&mut { plain }), wanted);
    assert_eq!(read_all(&mut { filtered }), wanted);
}

#[test]
fn the_last_replay_option_counts() {
    let manager = retaining(9);
    publish(&manager, 1..=5);
    assert_eq!(manager.subscribe_with(replay(1).replay_since(2)).len(), 3);
    assert_eq!(manager.subscribe_with(since(2).replay(1)).len(), 1);
}

#[test]
fn the_greatest_number_replays_nothing() {
    let manager = retaining(9);
    publish(&manager, 1..=5);
    let late = manager.subscribe_with(since(u64::MAX));
    assert_eq!((late.len(), late.missed()), (0, 0));
}

#[test]
fn a_closed_manager_has_nothing_to_replay_and_nothing_missed() {
    let manager = retaining(9);
    publish(&manager, 1..=5);
    manager.close();
    let mut late = manager.subscribe_with(since(0));
    let mut filtered = manager.subscribe_filter_with(since(0), |_| true);
    assert_eq!((late.missed(), filtered.missed()), (0, 0));
    assert_eq!((read(&mut late), read(&mut filtered)), (None, None));
}

#[test]
fn a_stream_that_has_ended_tells_no_loss() {
    let manager = retaining(4);
    publish(&manager, 0..2);
    manager.clear_retained();
    let mut plain = manager.subscribe_with(since(0));
    let mut filtered = manager.subscribe_filter_with(since(0), |_| true);
    assert_eq!((plain.missed(), filtered.missed()), (2, 2));
    assert!(manager.disconnect(plain.id()) && manager.disconnect(filtered.id()));
    assert_eq!(block_on(plain.next()), None);
    assert_eq!(block_on(filtered.next()), None);
    let (mut plain, mut filtered) = (plain.with_missed(), filtered.with_missed());
    assert!(plain.is_terminated() && filtered.is_terminated());
    assert_eq!(block_on(plain.next()), None);
    assert_eq!(block_on(filtered.next()), None);
}
