//! Unread items of a filtered subscription that is disconnected while they are read or dropped.

use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use futures::FutureExt;
use genevent::{EventManager, Filtered};

use crate::drive::{now, read_all};
use crate::receipts::UnfinishedIds;

/// Runs its closure on a subscription when woken for the first time.
struct OnWake {
    reader: Mutex<Option<Filtered<usize>>>,
    act: fn(&mut Option<Filtered<usize>>),
}

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        (self.act)(&mut self.reader.lock().unwrap());
    }
}

/// Publishers await many events of one subscription, which is disconnected. As soon as the first of
/// the events is settled, and so in the middle of the disconnect, `act` runs.
fn all_are_answered_for_once(act: fn(&mut Option<Filtered<usize>>)) {
    const EVENTS: usize = 300;
    let manager = EventManager::new(EVENTS);
    let reader = manager.subscribe_filter_map(|n| Some(*n));
    let id = reader.id();
    let on_wake = Arc::new(OnWake {
        reader: Mutex::new(Some(reader)),
        act,
    });
    let waker = Waker::from(Arc::clone(&on_wake));
    let mut awaited: Vec<_> = (0..EVENTS).map(|n| manager.sync_notify(n)).collect();
    let mut cx = Context::from_waker(&waker);
    assert!(awaited[0].poll_unpin(&mut cx).is_pending());
    for event in &mut awaited[1..] {
        assert!(event.now_or_never().is_none());
    }
    assert!(manager.disconnect(id));
    for event in awaited {
        let receipt = now(event).unwrap();
        assert_eq!((receipt.acked(), receipt.unfinished_ids()), (0, vec![id]));
    }
    drop(on_wake.reader.lock().unwrap().take());
    now(manager.flush()).unwrap();
}

#[test]
fn items_read_during_a_disconnect_settle_once() {
    all_are_answered_for_once(|reader| {
        let reader = reader.as_mut().unwrap();
        for n in 0..200 {
            assert_eq!(reader.next().now_or_never(), Some(Some(n)));
        }
    });
}

#[test]
fn reading_all_during_a_disconnect_settles_once() {
    all_are_answered_for_once(|reader| assert_eq!(read_all(reader.as_mut().unwrap()).len(), 300));
}

#[test]
fn items_dropped_during_a_disconnect_settle_once() {
    all_are_answered_for_once(|reader| drop(reader.take()));
}
