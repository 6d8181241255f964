//! `within`: whoever waits only so long is told what became of the event, and whose fault it is.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::future::{BoxFuture, MaybeDone, maybe_done};
use futures::{FutureExt, StreamExt};
use genevent::error::{DeadlineError, NotStored, Unanswered};
use genevent::{EventManager, Overflow, Receipt, SubscribeOptions, SubscriberId, SubscriberInfo};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

/// What the future gives without waiting.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("there is nothing to wait for")
}

const SECOND: Duration = Duration::from_secs(1);

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

fn ids(pending: &[SubscriberInfo]) -> Vec<SubscriberId> {
    pending.iter().map(SubscriberInfo::id).collect()
}

#[track_caller]
fn not_stored<T, E>(result: Result<T, DeadlineError<E>>) -> NotStored<E> {
    match result {
        Err(DeadlineError::NotStored(not_stored)) => not_stored,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("in time"),
    }
}

#[track_caller]
fn unanswered<T, E>(result: Result<T, DeadlineError<E>>) -> Unanswered {
    match result {
        Err(DeadlineError::Unanswered(unanswered)) => {
            assert!(!unanswered.would_deadlock(), "nobody waits for itself");
            unanswered
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("in time"),
    }
}

// ---- Not stored ---------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn an_event_still_in_line_comes_back_and_nobody_sees_it() {
    let manager = EventManager::new(1);
    let mut full = manager.subscribe_with(named("full"));
    manager.try_notify("stored").unwrap();
    let mut free = manager.subscribe_with(named("free"));
    let start = Instant::now();

    for sync in [true, false] {
        let result = if sync {
            manager.sync_notify("late").within(SECOND).await
        } else {
            manager.ack_notify("late").within(SECOND).await
        };
        let error = result.unwrap_err();
        assert_eq!(ids(error.pending()), [full.id()]);
        let not_stored = not_stored::<(), _>(Err(error));
        assert_eq!(ids(not_stored.pending()), [full.id()], "who holds the room");
        assert_eq!(not_stored.into_event(), "late");
    }
    assert_eq!(start.elapsed(), 2 * SECOND);
    drop(manager);
    assert_eq!(now(full.next()), Some("stored"));
    assert_eq!((now(full.next()), now(free.next())), (None, None));
}

#[tokio::test(start_paused = true)]
async fn the_line_goes_on_behind_who_gave_up() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut late = task::spawn(manager.sync_notify(2).within(SECOND));
    let mut patient = task::spawn(manager.notify(3));
    assert_pending!(late.poll());
    assert_pending!(patient.poll());
    advance(SECOND).await;
    assert!(late.is_woken());
    let error = assert_ready!(late.poll()).unwrap_err();
    assert_eq!(now(reader.next()), Some(1));
    assert!(
        patient.is_woken(),
        "though the future that gave up is still there"
    );
    assert_eq!(assert_ready!(patient.poll()), Ok(1));
    assert_eq!(error.into_event(), Some(2));
    drop(late);
}

#[tokio::test(start_paused = true)]
async fn who_stood_behind_others_blames_those_that_have_no_room() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut head = task::spawn(manager.notify(2));
    assert_pending!(head.poll());
    let behind = manager.sync_notify(3).within(SECOND).await;
    assert_eq!(ids(not_stored(behind).pending()), [reader.id()]);

    // Or nobody, once there is room and the head of the line does not take it.
    assert_eq!(now(reader.next()), Some(1));
    let behind = not_stored(manager.sync_notify(3).within(SECOND).await);
    assert!(behind.pending().is_empty());
    assert_eq!(
        behind.to_string(),
        "not stored in time: other publishers are in front, or permits hold the room"
    );
    assert_ready!(head.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_stood_behind_permits_is_told_so() {
    // A line behind somebody who waits for a permit: only that one can be in front without a
    // subscriber being in the way.
    let manager = EventManager::<u8>::new(1);
    let permit = now(manager.reserve()).unwrap();
    let mut in_front = manager.reserve();
    assert!((&mut in_front).now_or_never().is_none());
    let late = not_stored(manager.sync_notify(3).within(SECOND).await);
    assert!(late.pending().is_empty());
    assert!(late.to_string().ends_with("permits hold the room"));
    drop(permit);
}

#[tokio::test(start_paused = true)]
async fn all_that_hold_the_room_are_named_with_their_lines() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(named("one"));
    let line = line!() - 1;
    let limited = manager.subscribe_with(Overflow::WaitAtMost(5 * SECOND));
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    let late = not_stored(manager.sync_notify(2).within(SECOND).await);
    assert_eq!(ids(late.pending()), [reader.id(), limited.id()]);
    let message = late.to_string();
    let expected = format!(
        "not stored in time: no room at #1 \"one\" from tests/deadline.rs:{line}:26: 1 of 1 \
         unread, 0 in hand, holding publishers for 1.0s, #2 from tests/deadline.rs:{}:27: 1 of 1 \
         unread, 0 in hand, holding publishers for 1.0s",
        line + 2
    );
    assert_eq!(message, expected);
    assert_eq!(DeadlineError::NotStored(late).to_string(), expected);
    drop(lossy);
}

#[tokio::test(start_paused = true)]
async fn a_closed_manager_gives_the_event_back_at_once() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut waiting = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(waiting.poll());
    manager.close();
    assert!(waiting.is_woken());
    for result in [
        assert_ready!(waiting.poll()),
        manager.ack_notify(2).within(SECOND).await,
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, DeadlineError::Closed(2)));
        assert_eq!(error.to_string(), "the event manager is closed");
        assert!(error.pending().is_empty());
        assert_eq!(error.into_event(), Some(2));
    }
    drop(reader);
}

// ---- Not answered -------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn those_that_have_not_answered_are_named_whatever_state_they_are_in() {
    let manager = EventManager::new(4);
    let unread = manager.subscribe_with(named("unread"));
    let mut in_hand = manager.subscribe_with(named("in hand"));
    let mut out = manager.subscribe_with(named("out")).deliveries();
    let mut gone = manager.subscribe_with(named("gone")).deliveries();
    let mut disconnected = manager.subscribe_with(named("disconnected"));
    let lossy = manager.subscribe_with(named("lossy").overflow(Overflow::DropOldest));
    // These have.
    let mut acked = manager.subscribe_with(named("acked"));
    let mut settled = manager.subscribe_with(named("settled")).deliveries();
    let left = manager.subscribe_with(named("left"));
    let overwritten = named("overwritten").overflow(Overflow::DropOldest);
    let overwritten = manager.subscribe_with(overwritten.window(1));
    let cut = manager.subscribe_with(named("cut"));

    let mut late = task::spawn(manager.sync_notify("event").within(SECOND));
    assert_pending!(late.poll());
    // None of this is about the event.
    let after = manager.subscribe_with(named("after"));
    manager.try_notify("another").unwrap();

    assert_eq!(now(in_hand.next()), Some("event"));
    let _out = [now(out.next()), now(out.next())];
    let _gone = now(gone.next());
    let pending = [
        unread.id(),
        in_hand.id(),
        out.id(),
        gone.id(),
        disconnected.id(),
        lossy.id(),
    ];
    drop(gone);
    assert_eq!(now(disconnected.next()), Some("event"));
    assert!(manager.disconnect(disconnected.id()));
    assert_eq!(now(acked.next()), Some("event"));
    acked.ack();
    now(settled.next()).unwrap().ack();
    let dropped = [left.id(), cut.id()];
    drop(left);
    assert!(manager.disconnect(cut.id()));

    advance(SECOND).await;
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!(ids(late.pending()), pending);
    let receipt = late.receipt().unwrap();
    assert_eq!(
        (receipt.seq(), receipt.acked(), receipt.dropped()),
        (1, 2, 3)
    );
    let [first, others @ ..] = receipt.dropped_by() else {
        panic!("three dropped it");
    };
    assert_eq!((*first, others), (overwritten.id(), dropped.as_slice()));
    let unacked = late.pending().iter().map(SubscriberInfo::unacked);
    assert!(unacked.eq([0, 1, 2, 1, 1, 0]));
    drop(after);
}

#[tokio::test(start_paused = true)]
async fn the_event_stays_delivered() {
    let manager = EventManager::new(4);
    let mut slow = manager.subscribe();
    let late = manager.sync_notify("event").within(SECOND).await;
    assert!(unanswered::<_, &str>(late).receipt().unwrap().all_acked());
    assert_eq!(slow.pending(), 1);
    let mut settled = task::spawn(manager.flush());
    assert_pending!(settled.poll());
    assert_eq!(now(slow.next()), Some("event"));
    slow.ack();
    assert_ready!(settled.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn ack_notify_waits_only_for_those_that_have_not_received() {
    let manager = EventManager::new(4);
    let unread = manager.subscribe();
    let mut in_hand = manager.subscribe();
    let mut out = manager.subscribe().deliveries();
    let mut late = task::spawn(manager.ack_notify("event").within(SECOND));
    assert_pending!(late.poll());
    assert_eq!(now(in_hand.next()), Some("event"));
    let _out = now(out.next());
    advance(SECOND).await;
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!(ids(late.pending()), [unread.id()]);
    assert_eq!(late.receipt().unwrap().acked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_shows_eight_and_counts_the_others() {
    let manager = EventManager::new(4);
    let readers: Vec<_> = (0..20)
        .map(|n| manager.subscribe_with(named(&format!("reader {n}"))))
        .collect();
    let error = manager.sync_notify("event").within(SECOND).await;
    let error = error.unwrap_err();
    assert_eq!(error.pending().len(), 20, "all of them");
    let message = error.to_string();
    assert!(message.starts_with("not answered in time by #1 \"reader 0\" from tests/deadline.rs:"));
    assert!(message.contains("\"reader 7\"") && !message.contains("\"reader 8\""));
    assert!(message.ends_with(" and 12 more"));
    drop(readers);
}

#[tokio::test(start_paused = true)]
async fn errors_can_be_shown_whatever_the_event_is() {
    struct Secret;

    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let late = manager.sync_notify(Secret).within(SECOND).await;
    let late: Box<dyn std::error::Error> = late.unwrap_err().into();
    assert!(format!("{late:?}").contains("Unanswered"));
    assert!(late.source().is_none());
    let late = manager.sync_notify(Secret).within(SECOND).await;
    let late: Box<dyn std::error::Error> = late.unwrap_err().into();
    assert!(format!("{late:?}").contains("NotStored"));
    drop(reader);
}

// ---- In time ------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn an_answer_at_the_last_moment_is_in_time() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1).within(SECOND));
    assert_pending!(done.poll());
    advance(SECOND).await;
    assert!(done.is_woken());
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
    let receipt = assert_ready!(done.poll()).unwrap();
    assert_eq!(receipt.acked(), 1);
}

#[tokio::test(start_paused = true)]
async fn room_at_the_last_moment_is_in_time_to_be_stored() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut done = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(done.poll());
    advance(SECOND).await;
    assert_eq!(now(reader.next()), Some(1));
    let late = unanswered(assert_ready!(done.poll()));
    assert_eq!(ids(late.pending()), [reader.id()]);
    assert_eq!(now(reader.next()), Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_nothing_is_in_time_with_no_time_at_all() {
    let manager = EventManager::new(1);
    assert!(
        manager
            .sync_notify(1)
            .within(Duration::ZERO)
            .await
            .unwrap()
            .is_unheard()
    );
    assert!(
        manager
            .ack_notify(1)
            .within(Duration::ZERO)
            .await
            .unwrap()
            .is_unheard()
    );
    manager.flush().within(Duration::ZERO).await.unwrap();

    let reader = manager.subscribe();
    let start = Instant::now();
    let late = manager.sync_notify(2).within(Duration::ZERO).await;
    assert_eq!(ids(unanswered(late).pending()), [reader.id()]);
    let late = manager.sync_notify(3).within(Duration::ZERO).await;
    assert_eq!(not_stored(late).into_event(), 3);
    assert!(start.elapsed() <= Duration::from_millis(2));
    drop(reader);
    manager.stop().within(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_time_than_a_clock_can_tell_is_for_ever() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut done = task::spawn(manager.sync_notify(1).within(Duration::MAX));
    assert_pending!(done.poll());
    advance(1_000_000 * SECOND).await;
    assert_pending!(done.poll());
    assert_eq!(now(reader.next()), Some(1));
    reader.ack();
    assert_ready!(done.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn time_runs_from_the_call_and_nothing_happens_before_the_first_poll() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let late = manager.sync_notify(1).within(SECOND);
    advance(2 * SECOND).await;
    assert_eq!(reader.pending(), 0);
    assert_eq!(ids(unanswered(late.await).pending()), [reader.id()]);
    assert_eq!(reader.pending(), 1, "the first look comes before the clock");
}

#[tokio::test(start_paused = true)]
async fn dropped_before_the_deadline_it_is_as_what_it_waits_for() {
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let mut stored = task::spawn(manager.sync_notify(1).within(SECOND));
    let mut waiting = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(stored.poll());
    assert_pending!(waiting.poll());
    drop((stored, waiting));
    assert_eq!(now(reader.next()), Some(1));
    assert_eq!(manager.try_notify(3), Ok(1));
    assert_eq!(now(reader.next()), Some(3));
}

// ---- Flush and stop -----------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn flush_names_whom_it_waits_for() {
    let manager = EventManager::new(4);
    let mut in_hand = manager.subscribe_with(named("in hand"));
    let mut out = manager.subscribe_with(named("out")).deliveries();
    let mut done = manager.subscribe_with(named("done"));
    manager.try_notify(1).unwrap();
    assert_eq!(now(in_hand.next()), Some(1));
    let delivery = now(out.next()).unwrap();
    assert_eq!(now(done.next()), Some(1));
    done.ack();
    let (first, second) = (in_hand.id(), out.id());
    drop(out);

    let late = manager.flush().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.pending()), [first, second]);
    assert_eq!(late.receipt(), None);
    assert!(
        late.to_string()
            .starts_with("not answered in time by #1 \"in hand\" from ")
    );
    in_hand.ack();
    let late = manager.flush().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.pending()), [second]);
    delivery.ack();
    manager.flush().within(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_name_those_that_only_have_newer_events() {
    let manager = EventManager::new(4);
    let mut quick = manager.subscribe();
    let slow = manager.subscribe();
    manager.try_notify(1).unwrap();
    assert_eq!(now(quick.next()), Some(1));
    quick.ack();
    let mut late = task::spawn(manager.flush().within(SECOND));
    assert_pending!(late.poll());
    manager.try_notify(2).unwrap();
    assert_eq!(now(quick.next()), Some(2));
    advance(SECOND).await;
    let late = assert_ready!(late.poll()).unwrap_err();
    assert_eq!(ids(late.pending()), [slow.id()]);
}

#[tokio::test(start_paused = true)]
async fn stop_names_whom_it_waits_for_and_the_manager_is_closed() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe_with(named("reader"));
    manager.try_notify(1).unwrap();
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.pending()), [reader.id()]);
    assert!(manager.is_closed());
    assert_eq!(now(reader.next()), Some(1));
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(late.pending()[0].unacked(), 1);
    assert_eq!(now(reader.next()), None);
    manager.stop().within(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stop_tells_that_permits_are_out() {
    let manager = EventManager::new(4);
    let permit = now(manager.reserve()).unwrap();
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert!(late.pending().is_empty());
    assert_eq!(late.to_string(), "not over in time: permits are out");

    // And who else is waited for.
    let mut reader = manager.subscribe();
    assert_eq!(now(reader.next()), None, "too late to be one");
    permit.notify(1);
    manager.stop().within(SECOND).await.unwrap();

    let manager = EventManager::new(4);
    let reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    manager.try_notify(1).unwrap();
    let late = manager.stop().within(SECOND).await.unwrap_err();
    assert_eq!(ids(late.pending()), [reader.id()]);
    drop(permit);
}

// ---- Every answer is seen -----------------------------------------------------------------------

/// A waker that polls a future at once, while whoever wakes it has more to do.
struct Hasty(Mutex<MaybeDone<Late>>);

type Late = BoxFuture<'static, Result<Receipt, DeadlineError<u8>>>;

impl Wake for Hasty {
    fn wake(self: Arc<Self>) {
        let mut late = self.0.lock().unwrap();
        let _ = late.poll_unpin(&mut Context::from_waker(Waker::noop()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_on_its_way_is_waited_for() {
    // It gave up with an error that named nobody.
    let manager: &EventManager<u8> = Box::leak(Box::new(EventManager::new(2)));
    let stuck = manager.subscribe();
    let late = manager.sync_notify(2).within(SECOND).boxed();
    let hasty = Arc::new(Hasty(Mutex::new(maybe_done(late))));
    let waker = Waker::from(Arc::clone(&hasty));
    // Of the event before, so its answer comes before that to the late one.
    let mut before = manager.sync_notify(1);
    assert!(
        before
            .poll_unpin(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!((&mut *hasty.0.lock().unwrap()).now_or_never().is_none());

    advance(SECOND).await;
    assert!(manager.disconnect(stuck.id()));
    let mut late = hasty.0.lock().unwrap();
    now(&mut *late);
    let receipt = Pin::new(&mut *late).take_output().unwrap().unwrap();
    assert_eq!(receipt.dropped_by(), [stuck.id()]);
}

#[test]
fn whoever_is_waited_for_is_named_while_readers_answer_on_other_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let manager = EventManager::<u32>::new(4);
    let mut reader = manager.subscribe();
    let reading = std::thread::spawn(move || {
        futures::executor::block_on(async {
            while let Some(event) = reader.next().await {
                if event % 3 == 0 {
                    reader.ack();
                }
            }
        });
    });
    runtime.block_on(async {
        for event in 0..2_000 {
            let late = manager.sync_notify(event).within(Duration::ZERO).await;
            let pending = late.err().map(|error| error.pending().len());
            assert_ne!(pending, Some(0));
        }
    });
    drop(manager);
    reading.join().unwrap();
}

/// Part of a filter: does this when it is dropped.
struct OnDrop(Option<Deed>);

type Deed = Box<dyn FnOnce() + Send + Sync>;

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.take().expect("it is dropped once")();
    }
}

/// A filter that panics when it is asked; whoever asked lets go of it then.
fn panicking(deed: impl FnOnce() + Send + Sync + 'static) -> impl Fn(&u8) -> bool + Send + Sync {
    let part = OnDrop(Some(Box::new(deed)));
    move |_| {
        let _ = &part;
        panic!("asked")
    }
}

#[tokio::test(start_paused = true)]
async fn room_that_comes_when_it_is_about_to_give_up_is_taken() {
    // It gave up with an error that named nobody, as readers on other threads could see.
    let manager = EventManager::new(1);
    let mut reader = manager.subscribe();
    let id = reader.id();
    manager.try_notify(1).unwrap();
    let mut late = task::spawn(manager.sync_notify(2).within(SECOND));
    assert_pending!(late.poll());
    advance(SECOND).await;

    // It looks twice: for room, and once more when its time is over. After that it is read.
    let (keep, kept) = std::sync::mpsc::channel();
    let last = panicking(move || {
        assert_eq!(now(reader.next()), Some(1));
        keep.send(reader).unwrap();
    });
    let (own, (slot, filtered)) = (manager.clone(), std::sync::mpsc::channel());
    let first = panicking(move || slot.send(own.subscribe_where(last)).unwrap());
    let first = manager.subscribe_where(first);
    assert_pending!(late.poll());
    assert!(late.is_woken());
    let late = unanswered(assert_ready!(late.poll()));
    assert_eq!(ids(late.pending()), [id]);
    drop((first, filtered, kept));
}
