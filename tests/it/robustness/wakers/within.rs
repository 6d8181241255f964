//! A future with a deadline is woken by the acknowledgement or by the timer.

use std::task::Poll;

use genevent::EventManager;

use super::{Alarm, read};

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn an_ack_or_the_timer_wakes_within() {
    let second = std::time::Duration::from_secs(1);
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    for answered in [true, false] {
        let alarm = Alarm::new();
        let mut done = Box::pin(manager.sync_notify(1).within(second));
        assert!(alarm.poll(&mut done).is_pending());
        read(&mut reader);
        assert_eq!(alarm.rings(), 0);
        if answered {
            reader.ack();
        } else {
            tokio::time::advance(second).await;
        }
        assert_eq!(alarm.rings(), 1);
        let Poll::Ready(result) = alarm.poll(&mut done) else {
            panic!("it is answered, or late");
        };
        assert_eq!(result.is_ok(), answered);
        drop(done);
        assert_eq!(alarm.held(), 0);
        reader.ack();
        assert_eq!(alarm.rings(), 1);
    }

    let alarm = Alarm::new();
    manager.try_notify(1).unwrap();
    let mut queued = Box::pin(manager.sync_notify(2).within(second));
    assert!(alarm.poll(&mut queued).is_pending());
    drop(queued);
    assert_eq!(alarm.held(), 0);
    tokio::time::advance(second).await;
    assert_eq!(alarm.rings(), 0);
}

#[cfg(feature = "rt")]
#[tokio::test(start_paused = true)]
async fn a_late_stop_mentions_permits() {
    let manager = EventManager::<u32>::new(1);
    let permit = manager.reserve().await.unwrap();
    let late = manager
        .stop()
        .within(std::time::Duration::from_secs(1))
        .await;
    let late = late.unwrap_err();
    assert!(late.waiting_for().is_empty());
    assert_eq!(
        late.to_string(),
        "not over in time: permits are out, or publishers are queued"
    );
    drop(permit);
}
