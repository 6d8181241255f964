//! Time limits beside the step that they wait for. A model has no clock: the moment of a deadline is a step
//! of the schedule.

use std::time::Duration;

use genevent::error::{DeadlineError, ReserveDeadlineError, WaitError};
use genevent::{EventManager, Overflow};
use genevent_models::{model, spawn};
use shuttle::future::{block_on, yield_now};

use super::read_all;

const MOMENT: Duration = Duration::from_secs(1);

#[test]
fn a_publisher_in_time_is_stored_and_a_late_one_is_not() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reader = manager.subscribe();
            manager.try_notify(0).unwrap();
            let publishing = [1, 2].map(|n| {
                let (borrowed, owned) = (manager.clone(), manager.notify_owned(n));
                spawn(async move {
                    let stored = if n == 1 {
                        borrowed.notify(n).within(MOMENT).await
                    } else {
                        owned.within(MOMENT).await
                    };
                    match stored {
                        Ok(audience) => audience == 1,
                        Err(DeadlineError::NotStored(late)) => {
                            assert_eq!(late.into_event(), n);
                            false
                        }
                        Err(error) => panic!("{error}"),
                    }
                })
            });
            // A late publisher strands nobody.
            let patient = manager.notify_owned(3);
            let patient = spawn(async move { patient.await.unwrap() });
            let reading = spawn(read_all(reader));
            let mut stored = vec![0];
            for (n, publishing) in (1..).zip(publishing) {
                stored.extend(publishing.await.unwrap().then_some(n));
            }
            stored.push(3);
            patient.await.unwrap();
            drop(manager);
            let mut read = reading.await.unwrap();
            read.sort_unstable();
            assert_eq!(read, stored);
        });
    });
}

#[test]
fn a_permit_in_time_is_used_and_a_late_one_reserves_nothing() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(1);
            let reading = spawn(read_all(manager.subscribe()));
            manager.try_notify(0).unwrap();
            let reserving = [1, 2].map(|n| {
                let (borrowed, owned) = (manager.clone(), manager.reserve_owned());
                spawn(async move {
                    let permit = if n == 1 {
                        borrowed.reserve().within(MOMENT).await
                    } else {
                        owned.within(MOMENT).await
                    };
                    match permit {
                        Ok(permit) => permit.notify(n) == 1,
                        Err(ReserveDeadlineError::NotReserved(_)) => false,
                        Err(error) => panic!("{error}"),
                    }
                })
            });
            let mut stored = 1;
            for reserving in reserving {
                stored += usize::from(reserving.await.unwrap());
            }
            assert_eq!(manager.stats().permits(), 0);
            drop(manager);
            assert_eq!(reading.await.unwrap().len(), stored);
        });
    });
}

/// The error names a subscriber whose answer was missing, and `settled` goes on waiting for the same answers.
#[test]
fn a_late_receipt_is_settled_later() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut jobs = manager.subscribe().deliveries();
            let leaver = manager.subscribe_filter(|_: &u64| true);
            let ids = [jobs.id(), leaver.id()];
            let working = spawn(async move {
                let job = jobs.next().await.unwrap();
                yield_now().await;
                job.ack();
                jobs
            });
            let leaving = spawn(async move { drop(leaver) });
            let receipt = match manager.sync_notify(1).within(MOMENT).await {
                Ok(receipt) => receipt,
                Err(DeadlineError::Unanswered(late)) => {
                    assert!(!late.waiting_for().is_empty());
                    let so_far = late.receipt();
                    assert!(so_far.acked() + so_far.dropped() < 2);
                    for info in late.waiting_for() {
                        assert!(ids.contains(&info.id()));
                    }
                    let both = futures::join!(late.settled(), late.settled());
                    assert_eq!(both.0, both.1);
                    both.0
                }
                Err(error) => panic!("{error}"),
            };
            assert_eq!(receipt.acked(), 1);
            assert!(receipt.dropped() <= 1, "the leaver may have left before");
            drop(working.await.unwrap());
            leaving.await.unwrap();
        });
    });
}

#[test]
fn a_late_ack_notify_flush_quiet_or_stop_names_whom_it_waits_for() {
    model(|| {
        block_on(async {
            let manager = EventManager::new(2);
            let mut reader = manager.subscribe_with(Overflow::DropOldest);
            let id = reader.id();
            let publisher = manager.clone();
            let publishing = spawn(async move {
                match publisher.ack_notify(1).within(MOMENT).await {
                    Ok(receipt) => assert_eq!(receipt.acked(), 1),
                    Err(DeadlineError::Unanswered(late)) => {
                        assert_eq!(late.waiting_for()[0].id(), id);
                        assert_eq!(late.settled().await.acked(), 1);
                    }
                    Err(error) => panic!("{error}"),
                }
            });
            let waiting = [0, 1].map(|kind| {
                let manager = manager.clone();
                spawn(async move {
                    let waited = match kind {
                        0 => manager.flush().within(MOMENT).await,
                        _ => manager.quiet().within(MOMENT).await,
                    };
                    if let Err(WaitError::Unsettled(late)) = waited {
                        assert_eq!(late.waiting_for()[0].id(), id);
                    }
                })
            });
            let reading = spawn(async move {
                assert_eq!(reader.next().await, Some(1));
                yield_now().await;
                reader.ack();
                reader
            });
            publishing.await.unwrap();
            for waiting in waiting {
                waiting.await.unwrap();
            }
            if let Err(error) = manager.stop().within(MOMENT).await {
                assert_eq!(error.waiting_for()[0].id(), id);
            }
            drop(reading.await.unwrap());
        });
    });
}
