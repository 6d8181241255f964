//! Permits and sinks wake the publishers that wait for their room or acknowledgements.

use std::task::Poll;

use futures::{FutureExt, SinkExt};
use genevent::EventManager;

use super::{Alarm, read};

#[test]
fn returning_but_not_using_a_permit_notifies_the_next() {
    for used in [true, false] {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe();
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        let (first, second) = (Alarm::new(), Alarm::new());
        let (mut one, mut two) = (manager.reserve(), manager.notify(2));
        assert!(first.poll(&mut one).is_pending());
        assert!(second.poll(&mut two).is_pending());
        if used {
            assert_eq!(permit.notify(1), 1);
            assert_eq!(first.rings(), 0, "the room is used");
            read(&mut reader);
        } else {
            drop(permit);
        }
        assert_eq!((first.rings(), second.rings()), (1, 0));
        let Poll::Ready(Ok(permit)) = first.poll(&mut one) else {
            panic!("there is room");
        };
        assert_eq!(second.rings(), 0, "its place is taken");
        drop(permit);
        assert_eq!((first.rings(), second.rings()), (1, 1));
        assert_eq!(second.poll(&mut two), Poll::Ready(Ok(1)));
    }
}

#[test]
fn the_last_permit_after_close_wakes_readers_and_stop() {
    for used in [true, false] {
        let manager = EventManager::new(2);
        let mut reader = manager.subscribe();
        let permit = manager.reserve().now_or_never().unwrap().unwrap();
        let (reads, stops) = (Alarm::new(), Alarm::new());
        assert!(reads.poll_next(&mut reader).is_pending());
        let mut stop = manager.stop();
        assert!(stops.poll(&mut stop).is_pending());
        assert_eq!((reads.rings(), stops.rings()), (0, 0), "more may come");
        if used {
            permit.notify('x');
        } else {
            drop(permit);
        }
        assert_eq!((reads.rings(), stops.rings()), (1, 1));
        assert_eq!(
            reads.poll_next(&mut reader),
            Poll::Ready(used.then_some('x'))
        );
        assert_eq!(stops.poll(&mut stop).is_pending(), used, "it is in hand");
        drop(reader);
        assert_eq!(stops.rings(), 1 + usize::from(used));
        assert_eq!(reads.held() + usize::from(used) * stops.held(), 0);
    }
}

#[test]
fn the_oldest_event_wakes_a_sync_sink() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut sink = manager.sync_sink();
    for n in 1..=3 {
        assert!(sink.feed(n).now_or_never().is_some());
    }
    let alarm = Alarm::new();
    assert!(alarm.poll(&mut sink.flush()).is_pending());
    assert_eq!(read(&mut reader), 1);
    assert_eq!(alarm.rings(), 0);
    assert_eq!((read(&mut reader), read(&mut reader)), (2, 3));
    assert_eq!(alarm.rings(), 1, "the first is finished");
    assert!(
        alarm.poll(&mut sink.flush()).is_pending(),
        "the third is not"
    );
    reader.ack();
    assert_eq!(alarm.rings(), 2);
    assert!(alarm.poll(&mut sink.flush()).is_ready());
    assert_eq!(alarm.held(), 0);
}
