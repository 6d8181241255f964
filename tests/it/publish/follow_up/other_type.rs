//! Streams whose values are no events give them back, and their handles publish events.

use genevent::error::FollowUpError;
use genevent::{EventManager, EventStreamExt, Filtered};

use crate::drive::read;

/// Returns a manager of strings and a stream of it, for which event "7" is stored.
fn one_event<S>(subscribe: impl FnOnce(&EventManager<String>) -> S) -> (EventManager<String>, S) {
    let manager = EventManager::new(1);
    let stream = subscribe(&manager);
    manager.try_notify("7".to_owned()).unwrap();
    (manager, stream)
}

fn numbers(manager: &EventManager<String>) -> Filtered<u32> {
    manager.subscribe_filter_map(|line| line.parse().ok())
}

#[test]
fn a_value_that_is_no_event_comes_back() {
    let (manager, mut numbers) = one_event(numbers);
    assert_eq!(numbers.follow_up(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(read(&mut numbers), Some(7));
    let error = numbers.follow_up(8).unwrap_err();
    assert_eq!(error, FollowUpError::OtherType(8));
    assert_eq!(error.into_event(), 8);
    manager.close();
    assert_eq!(numbers.follow_up(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(numbers.len(), 0, "nothing was stored");
}

#[test]
fn handles_of_filtered_subscriptions_publish_events_only() {
    let (_manager, mut numbers) = one_event(numbers);
    let (strings, wrong) = (numbers.follow_ups::<String>(), numbers.follow_ups::<u32>());
    assert_eq!(wrong.notify(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(read(&mut numbers), Some(7));
    assert_eq!(wrong.notify(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(strings.notify("8".to_owned()), Ok(1));
    assert_eq!(strings.clone().notify("9".to_owned()), Ok(1));
    assert_eq!((read(&mut numbers), read(&mut numbers)), (Some(8), Some(9)));
}

#[test]
fn handles_of_deliveries_publish_events_only() {
    let (_manager, mut jobs) = one_event(|manager| numbers(manager).deliveries());
    let (strings, wrong) = (jobs.follow_ups::<String>(), jobs.follow_ups::<u32>());
    let job = read(&mut jobs).unwrap();
    assert_eq!(job.follow_up(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(wrong.notify(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(strings.notify("8".to_owned()), Ok(1));
    job.ack();
    assert_eq!(read(&mut jobs).unwrap().ack(), 8);

    let (_manager, mut jobs) = one_event(|manager| manager.subscribe().deliveries());
    let strings = jobs.follow_ups();
    let job = read(&mut jobs).unwrap();
    assert_eq!(strings.notify("8".to_owned()), Ok(1));
    job.ack();
}

#[test]
fn converted_deliveries_and_batches_give_the_value_back() {
    let (manager, mut jobs) = one_event(|manager| manager.subscribe().deliveries());
    let job = read(&mut jobs).unwrap().map(|line| line.len());
    assert_eq!(job.follow_up(8), Err(FollowUpError::OtherType(8)));
    let same = job.map(|_| String::new());
    assert_eq!(same.follow_up("8".to_owned()), Ok(1), "an event again");
    drop((manager, jobs));
    let closed = FollowUpError::Closed(String::new());
    assert_eq!(same.follow_up(String::new()), Err(closed));

    let (_manager, mut batches) =
        one_event(|manager| numbers(manager).deliveries().ready_batches(2));
    let batch = read(&mut batches).unwrap();
    assert_eq!(batch.follow_up(8), Err(FollowUpError::OtherType(8)));
    assert_eq!(batch.ack(), [7]);
}
