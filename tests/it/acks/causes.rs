//! Receipts name the subscribers that did not finish an event, and why: every cause, on every kind
//! of subscription.

mod deliveries;
#[cfg(feature = "rt")]
mod handlers;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use genevent::future::SyncNotify;
use genevent::{
    Cause, DisconnectCause, EventManager, Filtered, Overflow, Receipt, SubscribeOptions,
    SubscriberId, SubscriberKind, Subscription,
};

use crate::drive::{now, read};
use crate::receipts::UnfinishedIds;

/// A subscription of any kind.
trait Reader {
    fn id(&self) -> SubscriberId;
    fn read(&mut self) -> Option<u32>;
    fn ack(&mut self);
    fn nack(&mut self, reason: &str);
}

macro_rules! reader {
    ($($reader:ty),+) => {$(
        impl Reader for $reader {
            fn id(&self) -> SubscriberId {
                self.id()
            }

            fn read(&mut self) -> Option<u32> {
                read(self)
            }

            fn ack(&mut self) {
                self.ack();
            }

            fn nack(&mut self, reason: &str) {
                self.nack(reason);
            }
        }
    )+};
}

reader!(Subscription<u32>, Filtered<u32>);

type Subscribe = fn(&EventManager<u32>, SubscribeOptions) -> Box<dyn Reader>;

const KINDS: [(&str, Subscribe); 4] = [
    ("plain", |manager, options| {
        Box::new(manager.subscribe_with(options))
    }),
    ("filtered", |manager, options| {
        Box::new(manager.subscribe_filter_with(options, |_| true))
    }),
    ("staged", |manager, options| {
        let left = manager.subscribe().id();
        Box::new(manager.subscribe_with(options.after(left)))
    }),
    ("replaying", |manager, options| {
        let mut reader = manager.subscribe_with(options.replay(1));
        assert_eq!(read(&mut reader), Some(0));
        reader.ack();
        Box::new(reader)
    }),
];

/// Runs a test on every kind of subscription, with a manager whose event 0 is retained.
fn on_each_kind(test: impl Fn(&str, &EventManager<u32>, Subscribe)) {
    for (kind, subscribe) in KINDS {
        let manager = EventManager::builder().capacity(2).retain(1).build();
        manager.try_notify(0).unwrap();
        test(kind, &manager, subscribe);
    }
}

/// Publishes `event`, for which nothing has to wait but its answers.
fn publish(manager: &EventManager<u32>, event: u32) -> SyncNotify<'_, u32> {
    let mut done = manager.sync_notify(event);
    assert!((&mut done).now_or_never().is_none());
    done
}

fn receipt(done: SyncNotify<'_, u32>) -> Receipt {
    now(done).unwrap()
}

fn failed(reason: &str) -> Vec<Cause> {
    vec![Cause::Failed(reason.into())]
}

fn disconnected(cause: DisconnectCause) -> Vec<Cause> {
    vec![Cause::Disconnected(cause)]
}

#[test]
fn a_dropped_stream_has_left() {
    on_each_kind(|kind, manager, subscribe| {
        let options = SubscribeOptions::new().name("audit");
        let mut reader = subscribe(manager, options);
        let id = reader.id();
        let in_flight = publish(manager, 1);
        let unread = publish(manager, 2);
        assert_eq!(reader.read(), Some(1));
        drop(reader);
        for done in [in_flight, unread] {
            let receipt = receipt(done);
            assert_eq!((receipt.acked(), receipt.dropped()), (0, 1), "{kind}");
            let entry = &receipt.unfinished()[0];
            assert_eq!((entry.id(), entry.name()), (id, Some("audit")), "{kind}");
            assert_eq!(entry.cause(), &Cause::Left, "{kind}");
            assert_eq!(entry.created_at().file(), file!(), "{kind}");
            let expected = match kind {
                "filtered" => SubscriberKind::Filtered,
                _ => SubscriberKind::Stream,
            };
            assert_eq!(entry.kind(), expected);
        }
    });
}

#[test]
fn a_stream_dropped_by_a_panic_has_left() {
    on_each_kind(|kind, manager, subscribe| {
        let mut reader = subscribe(manager, SubscribeOptions::new());
        let done = publish(manager, 1);
        let work = AssertUnwindSafe(move || {
            reader.read();
            panic!("over the event");
        });
        catch_unwind(work).unwrap_err();
        assert_eq!(receipt(done).causes(), [Cause::Left], "{kind}");
    });
}

#[test]
fn a_nacked_event_has_failed_and_the_stream_goes_on() {
    on_each_kind(|kind, manager, subscribe| {
        let mut reader = subscribe(manager, SubscribeOptions::new());
        let (first, second) = (publish(manager, 1), publish(manager, 2));
        assert_eq!(reader.read(), Some(1));
        reader.nack("no disk");
        let first = receipt(first);
        assert_eq!(first.unfinished_ids(), [reader.id()], "{kind}");
        assert_eq!(first.causes(), failed("no disk"), "{kind}");

        reader.nack("nothing is in flight");
        assert_eq!(reader.read(), Some(2));
        reader.ack();
        reader.nack("too late");
        assert!(receipt(second).all_acked(), "{kind}");
        assert_eq!(now(manager.flush()), Ok(()), "{kind}");
    });
}

#[test]
fn a_nack_without_a_waiting_publisher_changes_nothing() {
    on_each_kind(|kind, manager, subscribe| {
        let mut reader = subscribe(manager, SubscribeOptions::new());
        manager.try_notify(1).unwrap();
        let mut received = manager.ack_notify(2);
        assert!((&mut received).now_or_never().is_none());
        for n in 1..=2 {
            assert_eq!(reader.read(), Some(n));
            reader.nack("failed");
        }
        assert!(now(received).unwrap().all_acked(), "{kind}: received");
        assert_eq!(now(manager.flush()), Ok(()), "{kind}");
    });
}

#[test]
fn a_disconnected_stream_names_the_disconnect_for_unread_events() {
    on_each_kind(|kind, manager, subscribe| {
        let mut reader = subscribe(manager, SubscribeOptions::new());
        let (in_flight, unread) = (publish(manager, 1), publish(manager, 2));
        assert_eq!(reader.read(), Some(1));
        assert!(manager.disconnect(reader.id()));
        let requested = disconnected(DisconnectCause::Requested);
        assert_eq!(receipt(unread).causes(), requested, "{kind}");

        reader.nack("after the disconnect");
        assert_eq!(
            receipt(in_flight).causes(),
            failed("after the disconnect"),
            "{kind}"
        );
        assert_eq!(reader.read(), Some(2), "{kind}: owes nothing");
        reader.nack("nothing is owed");
    });
}

#[test]
fn a_disconnected_stream_that_leaves_has_left_its_event_in_flight() {
    on_each_kind(|kind, manager, subscribe| {
        let mut reader = subscribe(manager, SubscribeOptions::new());
        let done = publish(manager, 1);
        assert_eq!(reader.read(), Some(1));
        assert!(manager.disconnect(reader.id()));
        drop(reader);
        assert_eq!(receipt(done).causes(), [Cause::Left], "{kind}");
    });
}

#[test]
fn lossy_streams_name_their_policy() {
    on_each_kind(|kind, manager, subscribe| {
        let policies = [
            (Overflow::DropOldest, vec![Cause::Overwritten]),
            (
                Overflow::Disconnect,
                disconnected(DisconnectCause::Overflow),
            ),
        ];
        for (policy, causes) in policies {
            manager.try_notify(0).unwrap();
            let reader = subscribe(manager, SubscribeOptions::new().overflow(policy).window(1));
            let done = publish(manager, 1);
            let mut received = manager.ack_notify(2);
            let _ = (&mut received).now_or_never();
            let receipt = receipt(done);
            assert_eq!(receipt.unfinished_ids(), [reader.id()], "{kind}");
            assert_eq!(receipt.causes(), causes, "{kind}");
        }
    });
}

#[test]
fn a_panicking_filter_disconnects_with_that_cause() {
    let manager = EventManager::new(4);
    let broken = manager.subscribe_filter(|n| 10 / n > 0);
    let done = publish(&manager, 1);
    assert_eq!(manager.try_notify(0), Ok(0));
    let receipt = receipt(done);
    assert_eq!(receipt.unfinished_ids(), [broken.id()]);
    assert_eq!(receipt.causes(), disconnected(DisconnectCause::Panicked));
}

#[test]
fn an_event_whose_clone_panicked_has_been_left() {
    #[derive(Debug)]
    struct Fragile;

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            panic!("fragile")
        }
    }

    for explicit in [false, true] {
        let manager = EventManager::new(4);
        let mut done = manager.sync_notify(Fragile);
        let mut reader = manager.subscribe();
        assert!((&mut done).now_or_never().is_none());
        if explicit {
            let mut jobs = reader.deliveries();
            catch_unwind(AssertUnwindSafe(|| read(&mut jobs).is_some())).unwrap_err();
            drop(jobs);
        } else {
            catch_unwind(AssertUnwindSafe(|| read(&mut reader).is_some())).unwrap_err();
            drop(reader);
        }
        assert_eq!(now(done).unwrap().causes(), [Cause::Left]);
    }
}

#[test]
fn reasons_may_be_any_kind_of_text() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let owned = String::from("owned");
    let done = [1, 2, 3].map(|n| publish(&manager, n));
    assert_eq!(read(&mut reader), Some(1));
    reader.nack("static");
    assert_eq!(read(&mut reader), Some(2));
    reader.nack(owned);
    assert_eq!(read(&mut reader), Some(3));
    reader.nack(std::sync::Arc::from("shared"));
    let causes = done.map(|done| receipt(done).causes());
    assert_eq!(
        causes,
        [failed("static"), failed("owned"), failed("shared")]
    );
}

#[test]
fn entries_come_in_the_order_of_giving_up() {
    let manager = EventManager::new(4);
    let [mut one, two, mut three] = [0; 3].map(|_| manager.subscribe());
    let ids = [three.id(), two.id(), one.id()];
    let done = publish(&manager, 1);
    for reader in [&mut one, &mut three] {
        read(reader);
    }
    three.nack("third");
    drop(two);
    drop(one);
    let receipt = receipt(done);
    assert_eq!(receipt.unfinished_ids(), ids);
    assert_eq!(receipt.causes()[1..], [Cause::Left, Cause::Left]);
}
