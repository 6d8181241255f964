//! When an event is in flight, for `follow_up`.

use genevent::error::FollowUpError;
use genevent::{EventManager, FollowUps, Overflow, SubscribeOptions};

use crate::drive::{read, waits};

const NOTHING: Result<usize, FollowUpError<u32>> = Err(FollowUpError::NothingInFlight(0));

#[track_caller]
fn assert_nothing_in_flight(follow_ups: &FollowUps<u32>) {
    assert_eq!(follow_ups.notify(0), NOTHING);
}

#[test]
fn the_poll_that_finds_no_event_finishes_the_last() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut filtered = manager.subscribe_filter(|_| true);
    manager.try_notify(1).unwrap();
    assert_eq!((read(&mut reader), read(&mut filtered)), (Some(1), Some(1)));
    assert!(waits(&mut reader) && waits(&mut filtered));
    assert_eq!(
        (reader.follow_up(0), filtered.follow_up(0)),
        (NOTHING, NOTHING)
    );
    assert_eq!(reader.len(), 0, "nothing was stored");
}

#[test]
fn the_end_of_the_stream_finishes_the_last_event() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut filtered = manager.subscribe_filter(|_| true);
    manager.try_notify(1).unwrap();
    assert_eq!((read(&mut reader), read(&mut filtered)), (Some(1), Some(1)));
    for id in [reader.id(), filtered.id()] {
        manager.disconnect(id);
    }
    assert_eq!((read(&mut reader), read(&mut filtered)), (None, None));
    assert_eq!(
        (reader.follow_up(0), filtered.follow_up(0)),
        (NOTHING, NOTHING)
    );
}

#[test]
fn nothing_follows_once_the_stream_is_dropped() {
    let manager = EventManager::builder().capacity(4).retain(1).build();
    let mut reader = manager.subscribe();
    let mut filtered = manager.subscribe_filter(|_| true);
    manager.try_notify(1).unwrap();
    let mut replaying = manager.subscribe_with(SubscribeOptions::new().replay(1));
    let handles = [
        reader.follow_ups(),
        filtered.follow_ups(),
        replaying.follow_ups(),
    ];
    assert_eq!((read(&mut reader), read(&mut filtered)), (Some(1), Some(1)));
    assert_eq!(read(&mut replaying), Some(1));
    assert!(handles.iter().all(|handle| handle.notify(2).is_ok()));
    drop((reader, filtered, replaying));
    handles.iter().for_each(assert_nothing_in_flight);
}

#[test]
fn deliveries_are_in_flight_after_the_stream_is_dropped() {
    let manager = EventManager::<u32>::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let follow_ups = jobs.follow_ups();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let (one, two) = (read(&mut jobs).unwrap(), read(&mut jobs).unwrap());
    drop(jobs);
    one.ack();
    assert_eq!(follow_ups.notify(3), Ok(0));
    drop(two);
    assert_nothing_in_flight(&follow_ups);
}

#[test]
fn each_replayed_event_is_in_flight_until_the_next_poll() {
    let manager = EventManager::builder().capacity(4).retain(2).build();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let mut reader = manager.subscribe_with(SubscribeOptions::new().replay(2));
    assert_eq!(reader.follow_up(0), NOTHING);
    assert_eq!(read(&mut reader), Some(1));
    assert_eq!(reader.follow_up(3), Ok(1));
    reader.ack();
    assert_eq!(reader.follow_up(0), NOTHING);
    assert_eq!(read(&mut reader), Some(2));
    assert_eq!(reader.follow_up(4), Ok(1));
    assert_eq!(read(&mut reader), Some(3));
    assert_eq!(read(&mut reader), Some(4));
    assert!(waits(&mut reader));
    assert_eq!(reader.follow_up(0), NOTHING);
}

#[test]
fn events_read_after_a_disconnect_have_follow_ups() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    let mut filtered = manager.subscribe_filter(|_| true);
    let mut jobs = manager.subscribe_filter(|_| true).deliveries();
    let mut other = manager.subscribe();
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    assert_eq!((read(&mut reader), read(&mut filtered)), (Some(1), Some(1)));
    for id in [reader.id(), filtered.id(), jobs.id()] {
        manager.disconnect(id);
    }
    assert_eq!((reader.follow_up(3), filtered.follow_up(4)), (Ok(1), Ok(1)));
    assert_eq!((read(&mut reader), read(&mut filtered)), (Some(2), Some(2)));
    assert_eq!((reader.follow_up(5), filtered.follow_up(6)), (Ok(1), Ok(1)));
    let job = read(&mut jobs).unwrap();
    assert_eq!((*job, job.follow_up(7)), (1, Ok(1)));
    filtered.ack();
    assert_eq!(filtered.follow_up(0), NOTHING);
    assert_eq!((read(&mut reader), read(&mut filtered)), (None, None));
    assert_eq!(
        (reader.follow_up(0), filtered.follow_up(0)),
        (NOTHING, NOTHING)
    );
    let all: Vec<_> = (0..7).map(|_| read(&mut other).unwrap()).collect();
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
}

/// Overwriting moves the reader's position, while its event is in flight.
#[test]
fn overwriting_does_not_finish_the_event_in_flight() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    assert_eq!(read(&mut reader), Some(1));
    for n in 2..=4 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(reader.missed(), 2);
    assert_eq!(reader.follow_up(5), Ok(1));
    reader.ack();
    assert_eq!(reader.follow_up(0), NOTHING);
    assert_eq!(read(&mut reader), Some(5));
}

/// A subscription that becomes a stream of deliveries acknowledges its event in flight.
#[test]
fn deliveries_begin_with_nothing_in_flight() {
    let manager = EventManager::<u32>::builder().capacity(4).retain(1).build();
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut replaying = manager.subscribe_with(SubscribeOptions::new().replay(1));
    assert_eq!(
        (read(&mut reader), read(&mut replaying)),
        (Some(1), Some(1))
    );
    for jobs in [reader.deliveries(), replaying.deliveries()] {
        assert_nothing_in_flight(&jobs.follow_ups());
    }
}
