//! The causes of deliveries, of a plain and of a filtered stream.

use futures::Stream;
use genevent::{Cause, Delivery, DisconnectCause, EventManager, EventStreamExt};

use super::{disconnected, failed, publish, receipt};
use crate::drive::{now, read};
use crate::receipts::UnfinishedIds;

type Jobs = Box<dyn Stream<Item = Delivery<u32>> + Unpin>;

fn on_each_kind(test: impl Fn(&EventManager<u32>, Jobs)) {
    let manager = EventManager::new(4);
    let jobs = manager.subscribe().deliveries();
    test(&manager, Box::new(jobs));
    let manager = EventManager::new(4);
    let jobs = manager.subscribe_filter(|_| true).deliveries();
    test(&manager, Box::new(jobs));
}

#[test]
fn a_dropped_delivery_is_discarded() {
    on_each_kind(|manager, mut jobs| {
        let done = [1, 2].map(|n| publish(manager, n));
        drop(read(&mut jobs));
        let (_, ack) = read(&mut jobs).unwrap().into_parts();
        drop(ack);
        let causes = done.map(|done| receipt(done).causes());
        assert_eq!(causes, [[Cause::Discarded], [Cause::Discarded]]);
    });
}

#[test]
fn a_nacked_delivery_has_failed() {
    on_each_kind(|manager, mut jobs| {
        let done = [1, 2, 3].map(|n| publish(manager, n));
        assert_eq!(read(&mut jobs).unwrap().nack("one"), 1);
        let (event, ack) = read(&mut jobs).unwrap().into_parts();
        ack.nack(format!("event {event}"));
        let mapped = read(&mut jobs).unwrap().map(|n| n.to_string());
        assert_eq!(mapped.nack("mapped"), "3");
        let causes = done.map(|done| receipt(done).causes());
        assert_eq!(causes, [failed("one"), failed("event 2"), failed("mapped")]);
        assert_eq!(now(manager.flush()), Ok(()), "nothing is owed any more");
        assert_eq!(manager.subscribers()[0].unacked(), 0);
    });
}

#[test]
fn deliveries_are_settled_after_their_stream_has_left() {
    on_each_kind(|manager, mut jobs| {
        let done = [1, 2, 3].map(|n| publish(manager, n));
        let (one, two) = (read(&mut jobs).unwrap(), read(&mut jobs).unwrap());
        drop(jobs);
        one.nack("late");
        two.ack();
        let causes = done.map(|done| receipt(done).causes());
        assert_eq!(causes, [failed("late"), vec![], vec![Cause::Left]]);
    });
}

#[test]
fn a_disconnect_leaves_deliveries_in_flight_to_their_holders() {
    on_each_kind(|manager, mut jobs| {
        let done = [1, 2].map(|n| publish(manager, n));
        let one = read(&mut jobs).unwrap();
        assert!(manager.disconnect(manager.subscribers()[0].id()));
        one.nack("failed");
        read(&mut jobs).unwrap().nack("owes nothing");
        let causes = done.map(|done| receipt(done).causes());
        let requested = disconnected(DisconnectCause::Requested);
        assert_eq!(causes, [failed("failed"), requested]);
    });
}

#[test]
fn a_nacked_batch_fails_each_event() {
    on_each_kind(|manager, jobs| {
        let mut batches = jobs.ready_batches(10);
        let done = [1, 2].map(|n| publish(manager, n));
        assert_eq!(read(&mut batches).unwrap().nack("rolled back"), [1, 2]);
        for done in done {
            assert_eq!(receipt(done).causes(), failed("rolled back"));
        }
    });
}

#[cfg(feature = "rt")]
#[test]
fn failed_work_nacks_with_the_text_of_its_error() {
    use std::future::ready;

    use futures::FutureExt;
    use genevent::EventStreamExt;

    let work = |n: u32| {
        ready(if n == 2 {
            Err(format!("{n} is even"))
        } else {
            Ok(())
        })
    };
    on_each_kind(|manager, jobs| {
        let done = [1, 2, 3].map(|n| publish(manager, n));
        let first = jobs.try_for_each_acked(1, work).now_or_never();
        assert_eq!(first, Some(Err("2 is even".to_owned())));
        let causes = done.map(|done| receipt(done).causes());
        assert_eq!(causes, [vec![], failed("2 is even"), vec![Cause::Left]]);
    });
    on_each_kind(|manager, jobs| {
        let done = [1, 2, 3].map(|n| publish(manager, n));
        manager.close();
        let all = jobs.try_for_each_acked(1, work).continue_on_error(drop);
        assert_eq!(all.now_or_never(), Some(()));
        let causes = done.map(|done| receipt(done).causes());
        assert_eq!(causes, [vec![], failed("2 is even"), vec![]]);
    });
}
