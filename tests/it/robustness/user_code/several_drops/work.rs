//! Work on deliveries, and timed batches, dropped with several events whose `Drop` panics.

use std::time::Duration;

use futures::channel::oneshot;
use futures::future::pending;
use futures::{FutureExt, StreamExt};
use genevent::EventStreamExt;

use super::Field;

#[tokio::test(start_paused = true)]
async fn dropping_batches_drops_gathered_events() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let mut batches = jobs.batches(8, Duration::from_secs(1));
    assert!(batches.next().now_or_never().is_none());
    field.assert_drops(3, batches);
}

#[test]
fn dropping_started_work_drops_each_event() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let own = field.bomb();
    let mut work = jobs.for_each_acked(None, move |event| {
        let _own = &own;
        async move {
            let _event = event;
            pending::<()>().await;
        }
    });
    assert!((&mut work).now_or_never().is_none());
    field.assert_drops(4, work);
}

#[test]
fn dropping_failed_work_drops_errors_and_closures() {
    let field = Field::new();
    let (jobs, _other) = field.jobs();
    let (fail, failed) = oneshot::channel::<()>();
    let failed = failed.shared();
    let mut begun = 0;
    let mut work = jobs.try_for_each_acked(None, |event| {
        begun += 1;
        let (failed, is_last) = (failed.clone(), begun == 3);
        async move {
            failed.await.unwrap();
            if is_last {
                pending::<()>().await;
            }
            Err::<(), _>(event)
        }
    });
    assert!((&mut work).now_or_never().is_none());
    fail.send(()).unwrap();
    assert!((&mut work).now_or_never().is_none());
    assert_eq!(field.take_drops(), 1, "the second error");
    field.assert_drops(2, work);

    let (jobs, _other) = field.jobs();
    let (own, handed) = (field.bomb(), field.bomb());
    let work = jobs.try_for_each_acked(None, move |event| {
        let _own = &own;
        async move {
            pending::<Result<(), String>>()
                .map(|done| (done, event).0)
                .await
        }
    });
    let mut work = work.continue_on_error(move |_| drop(handed.clone()));
    assert!((&mut work).now_or_never().is_none());
    field.assert_drops(5, work);
}

#[test]
fn a_stream_and_closure_are_dropped_separately() {
    let field = Field::new();
    let (own, its) = (field.bomb(), field.bomb());
    let stream = field.manager.subscribe().deliveries().map(move |delivery| {
        let _its = &its;
        delivery
    });
    field.assert_drops(
        2,
        stream.for_each_acked(None, move |event| {
            let _own = &own;
            async move { std::mem::forget(event) }
        }),
    );
}
