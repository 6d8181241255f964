//! Texts of values and errors. None of them needs `Debug` of the event.

use std::error::Error;
use std::fmt;

use futures::FutureExt;
use genevent::error::{FollowUpError, NotifyError, ReserveError, TryNextError, TryNotifyError};
use genevent::{EventManager, Received};

use crate::drive::{now, read};

/// An event that cannot be formatted.
#[derive(Clone)]
struct Opaque;

#[track_caller]
fn shows(value: &impl fmt::Debug, text: &str) {
    assert_eq!(format!("{value:?}"), text);
}

#[track_caller]
fn says(error: &(dyn Error + 'static), text: &str) {
    assert_eq!(error.to_string(), text);
}

#[test]
fn subscriptions_show_name_and_unread_events() {
    let manager = EventManager::<Opaque>::new(4);
    let reader = manager.subscribe();
    now(manager.notify(Opaque)).unwrap();
    let id = reader.id();
    let text = format!("Subscription {{ id: {id:?}, len: 1, end_reason: None, .. }}");
    shows(&reader, &text);
    let reader = reader.with_missed();
    shows(&reader, &format!("WithMissed {{ subscription: {text} }}"));

    let filtered = manager.subscribe_filter(|_| true);
    let id = filtered.id();
    let text = format!("Filtered {{ id: {id:?}, len: 0, end_reason: None, .. }}");
    shows(&filtered, &text);
    shows(
        &filtered.with_missed(),
        &format!("WithMissed {{ subscription: {text} }}"),
    );

    shows(&Received::Event(Opaque), "Event(..)");
    shows(&Received::<Opaque>::Missed(3), "Missed(3)");
}

#[test]
fn a_receipt_shows_who_did_not_finish() {
    let manager = EventManager::<Opaque>::new(4);
    let reader = manager.subscribe();
    let mut done = manager.sync_notify(Opaque);
    assert!((&mut done).now_or_never().is_none());
    drop(reader);
    let receipt = format!("{:?}", now(done).unwrap());
    assert!(receipt.contains("unfinished: [Unfinished {"), "{receipt}");
    let receipt = format!("{:?}", now(manager.sync_notify(Opaque)).unwrap());
    assert!(receipt.contains("unfinished: []"), "{receipt}");
}

#[test]
fn subscriber_info_shows_the_subscriber() {
    let manager = EventManager::<Opaque>::new(4);
    let reader = manager.subscribe();
    let id = reader.id();
    let info = format!("{:?}", manager.subscribers()[0]);
    let who = format!("SubscriberInfo {{ id: {id:?}, name: None, kind: Stream, ");
    assert!(info.starts_with(&who), "{info}");
    assert!(
        info.contains(", is_observer: false, created_at: "),
        "{info}"
    );
    let settings = "overflow: Wait, window: 4, after: [], unread: 0, unacked: 0, missed: 0";
    assert!(info.contains(settings), "{info}");
}

#[test]
fn deliveries_show_event_and_unacked_count() {
    let manager = EventManager::<Opaque>::new(4);
    let mut deliveries = manager.subscribe().deliveries();
    let mut filtered = manager.subscribe_filter(|_| true).deliveries();
    now(manager.notify(Opaque)).unwrap();
    let delivery = read(&mut deliveries).unwrap();
    shows(&delivery, "Delivery { seq: 1, .. }");
    let kept = read(&mut filtered).unwrap();
    assert!(format!("{deliveries:?}").ends_with(", unacked: 1 }"));
    assert!(format!("{filtered:?}").ends_with(", unacked: 1 }"));
    assert!(format!("{filtered:?}").starts_with("Deliveries { subscription: Filtered {"));
    let (_, ack) = delivery.into_parts();
    shows(&ack, "Ack { seq: 1, .. }");
    ack.ack();
    drop(kept);
    assert!(format!("{deliveries:?}").ends_with(", unacked: 0 }"));
}

#[test]
fn permits_and_sinks_show_their_state() {
    let manager = EventManager::<Opaque>::new(4);
    shows(&now(manager.reserve()).unwrap(), "Permit { .. }");
    let mut sink = manager.sink();
    shows(&sink, "EventSink { ready: false, .. }");
    now(futures::future::poll_fn(|cx| {
        futures::Sink::<Opaque>::poll_ready(std::pin::Pin::new(&mut sink), cx)
    }))
    .unwrap();
    shows(&sink, "EventSink { ready: true, .. }");
}

/// The error has no constructor here: a handler has to ask for it.
#[cfg(feature = "rt")]
#[tokio::test]
async fn a_flushing_handler_gets_a_readable_error() {
    let manager = EventManager::<Opaque>::new(4);
    let (tell, told) = std::sync::mpsc::channel();
    let inside = manager.downgrade();
    let flushing = move |_: &Opaque| {
        let (manager, tell) = (inside.upgrade().unwrap(), tell.clone());
        async move { tell.send(manager.flush().await).unwrap() }
    };
    manager.add_handler("flushing", flushing).unwrap();
    manager.sync_notify(Opaque).await.unwrap();
    let error = told.recv().unwrap().unwrap_err();
    says(&error, "the handler would wait for itself");
    shows(&error, "WouldDeadlock");
}

#[test]
fn error_messages_are_readable() {
    let closed = "the event manager is closed";
    let deadlock = "the handler would wait for itself";
    says(&ReserveError::Closed, closed);
    says(&ReserveError::WouldDeadlock, deadlock);
    says(&NotifyError::Closed(Opaque), closed);
    says(&NotifyError::WouldDeadlock(Opaque), deadlock);
    says(&TryNotifyError::Closed(Opaque), closed);
    says(&FollowUpError::Closed(Opaque), closed);
    says(&TryNextError::Empty, "no event is ready");
    says(&TryNextError::Ended, "the stream has ended");
    let other_type = "the manager publishes events of another type";
    says(&FollowUpError::OtherType(Opaque), other_type);
}

#[test]
fn with_missed_shows_the_end_reason() {
    let manager = EventManager::<Opaque>::new(4);
    let mut reader = manager.subscribe().with_missed();
    assert!(reader.next().now_or_never().is_none());
    drop(manager);
    assert!(read(&mut reader).is_none());
    assert!(format!("{reader:?}").contains("end_reason: Some(Closed)"));
}

#[cfg(feature = "rt")]
mod with_tokio {
    use std::time::Duration;

    use genevent::error::DeadlineError;
    use genevent::handler::{
        AddHandlerError, CallError, HandlerFn, RemoveError, SwapError, TrySwapError,
    };
    use genevent::kv::Registry;
    use genevent::test_util::Probe;
    use genevent::{StopReason, SubscribeOptions, handler_fn};

    use super::*;

    /// A swap that is refused.
    fn refuse<H>(handler: H) -> Result<H, H> {
        Err(handler)
    }

    #[tokio::test]
    async fn handlers_show_name_and_state() {
        let manager = EventManager::<Opaque>::new(4);
        let quiet = || handler_fn(|_: &Opaque| {});
        shows(&quiet(), "HandlerFn { .. }");
        let handler = manager.add_handler("quiet", quiet()).unwrap();
        shows(
            &handler,
            r#"HandlerRef { name: "quiet", stopped: None, .. }"#,
        );

        let guard = manager
            .add_handler("guarded", quiet())
            .unwrap()
            .drop_guard();
        let text = r#"HandlerGuard(HandlerRef { name: "guarded", stopped: None, .. })"#;
        shows(&guard, text);

        let group = manager.handler_group("metrics").unwrap();
        assert_eq!(group.name(), "metrics");
        group.add_handler("count", quiet()).unwrap();
        let text = r#"HandlerGroup { name: "metrics", handlers: ["count"], .. }"#;
        shows(&group, text);

        let again = manager.add_handler("quiet", quiet()).unwrap_err();
        shows(&again, r#"AlreadyPresent(Refused { name: "quiet", .. })"#);
        says(
            &again,
            r#"a handler or a group with the name "quiet" is already present"#,
        );
        manager.close();
        let late = manager.add_handler("late", quiet()).unwrap_err();
        shows(&late, r#"Closed(Refused { name: "late", .. })"#);
        says(
            &late,
            r#""late" was not added: the event manager is closed, or the group has ended"#,
        );
        assert!(matches!(late, AddHandlerError::Closed(_)));
        handler.stopped().await;
        let text = r#"HandlerRef { name: "quiet", stopped: Some(ManagerClosed), .. }"#;
        shows(&handler, text);
    }

    #[tokio::test]
    async fn handler_errors_name_their_cause() {
        let stopped = CallError::Stopped(StopReason::Removed);
        says(&stopped, "the handler has ended");
        says(stopped.source().unwrap(), "it was removed");
        let panicked = CallError::Panicked("no".to_owned());
        says(&panicked, "the call panicked: no");
        assert!(panicked.source().is_none());
        says(
            &CallError::WouldDeadlock,
            "the handler would wait for itself",
        );

        let removal = RemoveError::Stopped(StopReason::Removed);
        says(&removal, "the handler has ended");
        says(removal.source().unwrap(), "it was removed");
        let swap = SwapError::Stopped(StopReason::Removed);
        says(&swap, "the handler has ended");
        says(swap.source().unwrap(), "it was removed");
        let itself = "the handler would wait for itself";
        says(&RemoveError::WouldDeadlock, itself);
        says(&SwapError::WouldDeadlock, itself);
        let swap = TrySwapError::<Opaque, HandlerFn<fn(&Opaque)>>::WouldDeadlock;
        says(&swap, itself);
        shows(&swap, "WouldDeadlock");
        assert!(swap.source().is_none());

        let manager = EventManager::<Opaque>::new(4);
        let quiet = || handler_fn(|_: &Opaque| {});
        let handler = manager.add_handler("quiet", quiet()).unwrap();
        let refused = handler.clone().try_swap(refuse).await.unwrap_err();
        says(&refused, "the closure refused to swap the handler");
        assert!(refused.source().is_none());
        let text = r#"Refused(HandlerRef { name: "quiet", stopped: None, .. })"#;
        shows(&refused, text);
        assert!(manager.remove_handler("quiet").await);
        let stopped = handler.try_swap(refuse).await.unwrap_err();
        says(&stopped, "the handler has ended");
        says(stopped.source().unwrap(), "it was removed");
        shows(&stopped, "Stopped(Removed)");
        assert!(matches!(stopped, TrySwapError::Stopped(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_errors_name_the_subscribers_waited_for() {
        let manager = EventManager::<Opaque>::new(4);
        let _reader = manager.subscribe();
        let waiting = manager.sync_notify(Opaque).within(Duration::from_secs(1));
        shows(&waiting, "Within { .. }");
        let late = waiting.await.unwrap_err();
        assert!(late.to_string().starts_with("not answered in time by "));
        assert!(format!("{late:?}").starts_with("Unanswered {"));
        let DeadlineError::Unanswered(late) = late else {
            panic!("no subscriber has read the event");
        };
        shows(&late.settled(), "Settled { .. }");
        let late = manager.flush().within(Duration::ZERO).await.unwrap_err();
        assert!(late.to_string().starts_with("not answered in time by "));
        assert!(format!("{late:?}").starts_with("Unsettled(Unsettled {"));
        let full = manager.subscribe_with(SubscribeOptions::new().window(1));
        manager.try_notify(Opaque).unwrap();
        let late = manager.reserve().within(Duration::ZERO).await.unwrap_err();
        assert!(
            late.to_string()
                .starts_with("not reserved in time: no room at ")
        );
        assert!(format!("{late:?}").starts_with("NotReserved(NotReserved {"));
        drop(full);
    }

    #[test]
    fn assertions_show_their_time_limit() {
        let probe = Probe::<Opaque>::new();
        probe.record(Opaque);
        shows(&probe, "Probe { items: 1, .. }");
        let assertion = probe.wait_for(1).within(Duration::from_secs(9));
        shows(
            &assertion,
            "Assertion { limit: 9s, progress: Unpolled, .. }",
        );
        assertion.now();
    }

    #[tokio::test]
    async fn a_registry_builder_shows_its_settings() {
        let builder = Registry::<Opaque>::builder().queue_capacity(9);
        shows(&builder, "RegistryBuilder { queue_capacity: 9 }");
    }
}
