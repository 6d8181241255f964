//! Sinks: publishing from the end of a pipeline, stored or acknowledged end to end.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::task::noop_waker_ref;
use futures::{FutureExt, Sink, SinkExt, StreamExt, stream};
use genevent::error::{ReserveError, TryNotifyError};
use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

/// Polls the future once and returns its output.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

type Polled = Poll<Result<(), ReserveError>>;

/// Polls `poll_ready`, `poll_flush` or `poll_close` once.
fn poll<S: Unpin>(sink: &mut S, step: fn(Pin<&mut S>, &mut Context<'_>) -> Polled) -> Polled {
    step(Pin::new(sink), &mut Context::from_waker(noop_waker_ref()))
}

fn ready<S: Sink<u8, Error = ReserveError> + Unpin>(sink: &mut S) -> Polled {
    poll(sink, S::poll_ready)
}

fn flush<S: Sink<u8, Error = ReserveError> + Unpin>(sink: &mut S) -> Polled {
    poll(sink, S::poll_flush)
}

fn close<S: Sink<u8, Error = ReserveError> + Unpin>(sink: &mut S) -> Polled {
    poll(sink, S::poll_close)
}

fn send<S: Sink<u8, Error = ReserveError> + Unpin>(sink: &mut S, event: u8) {
    Pin::new(sink).start_send(event).expect("it was ready");
}

const OK: Polled = Poll::Ready(Ok(()));
const CLOSED: Polled = Poll::Ready(Err(ReserveError::Closed));

// ---- Stored -------------------------------------------------------------------------------------

#[test]
fn only_poll_ready_returns_errors() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    let (mut sink, mut sync_sink) = (manager.sink(), manager.sync_sink());
    assert_eq!((ready(&mut sink), ready(&mut sync_sink)), (OK, OK));
    manager.close();
    assert_eq!(
        (ready(&mut sink), ready(&mut sync_sink)),
        (OK, OK),
        "room is held"
    );
    send(&mut sink, 1);
    send(&mut sync_sink, 2);
    assert_eq!((ready(&mut sink), ready(&mut sync_sink)), (CLOSED, CLOSED));
    assert_eq!(flush(&mut sink), OK);
    assert_eq!(
        now(reader.collect::<Vec<_>>()),
        [1, 2],
        "sent while it was open"
    );
    assert_eq!(flush(&mut sync_sink), OK);
    assert_eq!((close(&mut sink), close(&mut sync_sink)), (OK, OK));
}

#[test]
fn forwarding_is_as_fast_as_reading() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    let source = stream::iter(1..=5).map(Ok);
    let mut forward = task::spawn(source.forward(manager.sink()));
    drop(manager);
    for read in 1..=3 {
        assert_pending!(forward.poll(), "two places, and more to come");
        assert_eq!(now(reader.next()), Some(read));
        assert!(forward.is_woken());
    }
    assert_ready!(forward.poll()).unwrap();
    assert_eq!(
        now(reader.collect::<Vec<_>>()),
        [4, 5],
        "stored, not read, is enough"
    );
}

#[test]
fn forwarding_to_a_closed_manager_fails() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let source = stream::iter(1..=5).map(Ok);
    let mut forward = task::spawn(source.forward(manager.sink()));
    assert_pending!(forward.poll());
    manager.close();
    assert!(forward.is_woken());
    assert_eq!(assert_ready!(forward.poll()), Err(ReserveError::Closed));
    assert_eq!(now(reader.collect::<Vec<_>>()), [1]);
}

#[test]
fn closing_a_sink_does_not_close_the_manager() {
    let manager = EventManager::new(2);
    let mut reader = manager.subscribe();
    let mut sink = manager.sink();
    drop(manager);
    now(sink.send(1)).unwrap();
    now(sink.close()).unwrap();
    now(sink.send(2)).unwrap();
    assert_eq!(now(reader.next()), Some(1));
    drop(sink);
    assert_eq!(now(reader.next()), Some(2));
    assert_eq!(now(reader.next()), None);
}

#[test]
fn a_ready_sink_reserves_room_once() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    let mut sink = manager.sink();
    for _ in 0..5 {
        assert_eq!(ready(&mut sink), OK);
    }
    assert_eq!(manager.try_notify(1), Ok(1));
    assert_eq!(manager.try_notify(2), Err(TryNotifyError::Full(2)));
    send(&mut sink, 3);
    assert_eq!(now(sink.close()), Ok(()));
    drop(manager);
    drop(sink);
    assert_eq!(now(reader.collect::<Vec<_>>()), [1, 3]);
}

#[test]
fn closing_or_dropping_a_ready_sink_returns_room() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    for by_dropping in [true, false] {
        let mut sink = manager.sink();
        let mut sync_sink = manager.sync_sink();
        assert_eq!(ready(&mut sink), OK);
        let mut waiting = task::spawn(manager.notify(1));
        assert_pending!(waiting.poll());
        if by_dropping {
            drop(sink);
        } else {
            assert_eq!(close(&mut sink), OK);
        }
        assert!(waiting.is_woken());
        assert_ready!(waiting.poll()).unwrap();
        assert_eq!(now(reader.next()), Some(1));

        assert_eq!(ready(&mut sync_sink), OK);
        let mut waiting = task::spawn(manager.notify(1));
        assert_pending!(waiting.poll());
        if by_dropping {
            drop(sync_sink);
        } else {
            assert_eq!(close(&mut sync_sink), OK);
        }
        assert!(waiting.is_woken());
        assert_ready!(waiting.poll()).unwrap();
        assert_eq!(now(reader.next()), Some(1));
    }
}

#[test]
fn closing_or_dropping_a_queued_sink_notifies_the_next() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    for by_dropping in [true, false] {
        let mut sink = manager.sink();
        assert_eq!(ready(&mut sink), Poll::Pending);
        let mut next = task::spawn(manager.notify(2));
        assert_pending!(next.poll());
        assert!(now(reader.next()).is_some());
        assert!(!next.is_woken(), "it is the sink's turn");
        if by_dropping {
            drop(sink);
        } else {
            assert_eq!(close(&mut sink), OK);
        }
        assert!(next.is_woken());
        assert_ready!(next.poll()).unwrap();
    }
}

#[test]
#[should_panic(expected = "`poll_ready` comes before `start_send`")]
fn start_send_without_poll_ready_panics() {
    send(&mut EventManager::new(1).sink(), 1);
}

#[test]
#[should_panic(expected = "`poll_ready` comes before `start_send`")]
fn sync_sink_needs_poll_ready_for_each_event() {
    let manager = EventManager::new(4);
    let mut sink = manager.sync_sink();
    assert_eq!(ready(&mut sink), OK);
    send(&mut sink, 1);
    send(&mut sink, 2);
}

// ---- Acknowledged -------------------------------------------------------------------------------

#[test]
fn forwarding_to_a_sync_sink_is_acknowledged() {
    let manager = EventManager::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let mut reader = manager.subscribe();
    let source = stream::iter([1, 2, 3]).map(Ok);
    let mut forward = task::spawn(source.forward(manager.sync_sink()));
    assert_pending!(forward.poll());
    let mut out: Vec<_> = (0..3).map(|_| now(jobs.next()).unwrap()).collect();
    out.pop().unwrap().ack();
    out.pop().unwrap().ack();
    for event in 1..=3 {
        assert_eq!(now(reader.next()), Some(event));
    }
    reader.ack();
    assert_pending!(forward.poll(), "the first one is still out");
    drop(out);
    assert!(forward.is_woken(), "dropped is settled, too");
    assert_ready!(forward.poll()).unwrap();
}

#[test]
fn a_pipeline_of_two_managers_is_acknowledged() {
    // An event of the first manager is finished when all readers of the second manager have
    // finished.
    let (first, second) = (EventManager::new(4), EventManager::new(4));
    let (jobs, mut reader) = (first.subscribe(), second.subscribe());
    let pipe = jobs.then(|n| {
        let mut sink = second.sync_sink();
        async move { sink.send(n * 10).await.unwrap() }
    });
    let mut pipe = task::spawn(pipe.collect::<Vec<_>>());
    let mut done = task::spawn(first.sync_notify(1));
    assert_pending!(done.poll());
    assert_pending!(pipe.poll());
    assert_eq!(now(reader.next()), Some(10));
    assert_pending!(done.poll());
    assert!(!pipe.is_woken());
    reader.ack();
    assert!(pipe.is_woken());
    assert_pending!(pipe.poll());
    assert!(assert_ready!(done.poll()).unwrap().all_acked());
}

#[test]
fn a_sync_sink_waits_only_for_its_events() {
    let manager = EventManager::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let mut sink = manager.sync_sink();
    manager.try_notify(1).unwrap();
    assert_eq!(ready(&mut sink), OK);
    send(&mut sink, 2);
    manager.try_notify(3).unwrap();
    let [one, two, three] = [(); 3].map(|()| now(jobs.next()).unwrap());
    assert_eq!(flush(&mut sink), Poll::Pending);
    two.ack();
    assert_eq!(flush(&mut sink), OK);
    drop((one, three));
}

#[test]
fn an_unheard_sync_sink_flushes_at_once() {
    let manager = EventManager::new(1);
    let mut sink = manager.sync_sink();
    assert_eq!(flush(&mut sink), OK, "nothing was sent");
    for event in 0..3 {
        now(sink.send(event)).unwrap();
    }
}

#[test]
fn a_cancelled_flush_loses_nothing() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut sink = manager.sync_sink();
    now(sink.feed(1_u8)).unwrap();
    now(sink.feed(2)).unwrap();
    let out = [(); 2].map(|()| now(jobs.next()).unwrap());
    assert!(sink.flush().now_or_never().is_none());
    let mut flushed = task::spawn(sink.flush());
    assert_pending!(flushed.poll());
    for delivery in out {
        delivery.ack();
    }
    assert!(flushed.is_woken());
    assert_eq!(assert_ready!(flushed.poll()), Ok(()));
}

#[test]
fn dropping_a_sync_sink_keeps_its_events() {
    let manager = EventManager::new(4);
    let options = SubscribeOptions::new().max_unacked(1);
    let mut jobs = manager.subscribe_with(options).deliveries();
    let mut sink = manager.sync_sink();
    now(sink.feed(1)).unwrap();
    assert!(sink.flush().now_or_never().is_none());
    drop(sink);
    assert_eq!(now(jobs.next()).unwrap().ack(), 1);
}

#[test]
fn dropping_a_flushing_sync_sink_wakes_no_task() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let mut sink = manager.sync_sink();
    now(sink.feed(1)).unwrap();
    let mut flushing = task::spawn(Some(sink));
    let flushed = flushing.enter(|cx, sink| {
        let sink = sink.get_mut().as_mut().expect("it is there");
        sink.poll_flush_unpin(cx)
    });
    assert!(flushed.is_pending());
    drop(flushing.take());
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
    assert!(!flushing.is_woken());
}

#[test]
fn acknowledged_events_behind_a_stuck_event_are_forgotten() {
    // The sink keeps only possibly unsettled events, not every event since the oldest unsettled
    // event.
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe().deliveries();
    let mut sink = manager.sync_sink();
    now(sink.feed(0)).unwrap();
    let stuck = now(jobs.next()).unwrap();
    for event in 1..1_000 {
        now(sink.feed(event)).unwrap();
        now(jobs.next()).unwrap().ack();
    }
    let shown = format!("{sink:?}");
    let sent = shown.rsplit("sent: ").next().unwrap();
    let sent: usize = sent.split(',').next().unwrap().parse().unwrap();
    assert!((1..=16).contains(&sent), "{shown}");
    stuck.ack();
    assert!(sink.flush().now_or_never().is_some());
}
