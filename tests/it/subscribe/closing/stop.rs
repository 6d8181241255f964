//! `stop` closes, and waits until all events are settled.

use std::time::Duration;

use futures::join;
use genevent::error::TryNotifyError;
use genevent::test_util::{assert_ended, assert_next};
use genevent::{EndReason, EventManager};
use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, assert_ready, task};

use crate::drive::{now, read, read_all};

// GenEvent cases 2, 15
#[test]
fn stop_closes_and_waits_for_stored_events() {
    let manager = EventManager::new(8);
    let (mut reader, leaver) = (manager.subscribe(), manager.subscribe());
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(stopped.poll());
    assert!(manager.is_closed());
    assert_eq!(manager.try_notify(3), Err(TryNotifyError::Closed(3)));

    assert_next!(reader, 1).now();
    assert_next!(reader, 2).now();
    assert_ended!(reader).now();
    assert_pending!(stopped.poll());
    drop(leaver);
    assert!(stopped.is_woken());
    assert_ready!(stopped.poll()).unwrap();
}

#[test]
fn stop_waits_for_an_event_in_flight() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    read(&mut reader);
    let mut stopped = task::spawn(manager.stop());
    assert_pending!(stopped.poll());
    reader.ack();
    assert!(stopped.is_woken());
    assert_ready!(stopped.poll()).unwrap();
    assert_ended!(reader, "its `None` was not waited for").now();
}

#[test]
fn stop_is_ready_at_once_without_debts() {
    let manager = EventManager::<u8>::new(8);
    let _idle = manager.subscribe();
    now(manager.stop()).unwrap();
    now(manager.stop()).unwrap();
    assert!(manager.is_closed());
}

#[test]
fn a_dropped_stop_has_closed_the_manager() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut stopped = task::spawn(manager.stop());
    assert!(!manager.is_closed(), "it is lazy");
    assert_pending!(stopped.poll());
    drop(stopped);
    assert!(manager.is_closed());
    assert_eq!(read_all(&mut reader), [1]);
}

// GenEvent case 16
#[tokio::test(start_paused = true)]
async fn a_timed_out_stop_closes_the_manager() {
    let manager = EventManager::new(8);
    let mut reader = manager.subscribe();
    manager.notify(1).await.unwrap();
    let work = async {
        while reader.next().await.is_some() {
            sleep(Duration::from_secs(10)).await;
        }
        reader.end_reason()
    };
    let stop = async {
        let impatient = timeout(Duration::from_secs(1), manager.stop()).await;
        impatient.unwrap_err();
        assert!(manager.is_closed());
        manager.stop().await.unwrap();
    };
    let (end, ()) = join!(work, stop);
    assert_eq!(end, Some(EndReason::Closed));
}
