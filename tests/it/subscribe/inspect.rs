//! Information that is visible from outside: ids, infos, counts, `Debug`, the texts of errors.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::{Debug, Display};

use crate::drive::{now, read, read_all};
use genevent::error::{NotifyError, TryNotifyError};
use genevent::{EndReason, EventManager, Overflow, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready_eq, task};

// ---- Subscribers --------------------------------------------------------------------------------

// GenEvent case 1
#[test]
fn a_new_manager_has_no_subscribers() {
    let manager = EventManager::<u8>::new(4);
    assert!(manager.subscribers().is_empty());
    assert_eq!(manager.subscriber_count(), 0);
}

#[test]
fn subscriber_ids_are_never_reused() {
    let manager = EventManager::<u8>::new(4);
    let _stays = manager.subscribe();
    let mut ids = HashSet::new();
    for round in 0..100 {
        let (one, two) = (manager.subscribe(), manager.subscribe());
        let numbers = (one.id().number(), two.id().number());
        assert_eq!(numbers, (2 * round + 2, 2 * round + 3));
        assert!(ids.insert(one.id()) && ids.insert(two.id()));
    }
    manager.close();
    assert!(ids.insert(manager.subscribe().id()));
    assert_eq!(ids.len(), 201);
}

#[test]
fn infos_list_the_settings_oldest_first() {
    let manager = EventManager::<u8>::new(16);
    let gone = manager.subscribe();
    let plain = manager.subscribe();
    drop(gone);
    let audit = manager.subscribe_with(SubscribeOptions::new().name("audit").window(3));
    let screen = manager.subscribe_with(Overflow::DropOldest);
    let replica = manager.subscribe_with(
        SubscribeOptions::new()
            .overflow(Overflow::Disconnect)
            .name(String::from("replica"))
            .window(100),
    );

    let infos = manager.subscribers();
    let settings: Vec<_> = infos
        .iter()
        .map(|info| (info.id(), info.name(), info.overflow(), info.window()))
        .collect();
    assert_eq!(
        settings,
        [
            (plain.id(), None, Overflow::Wait, 16),
            (audit.id(), Some("audit"), Overflow::Wait, 3),
            (screen.id(), None, Overflow::DropOldest, 16),
            (replica.id(), Some("replica"), Overflow::Disconnect, 16),
        ]
    );
}

#[test]
fn infos_show_how_far_each_has_read() {
    let manager = EventManager::new(3);
    let mut reader = manager.subscribe();
    let _lossy = manager.subscribe_with(SubscribeOptions::from(Overflow::DropOldest).window(1));
    let look = || {
        let infos = manager.subscribers();
        let counts = infos.iter().map(|i| (i.unread(), i.unacked(), i.missed()));
        <[_; 2]>::try_from(counts.collect::<Vec<_>>()).unwrap()
    };
    assert_eq!(look(), [(0, 0, 0), (0, 0, 0)]);
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(look(), [(3, 0, 0), (1, 0, 2)]);
    read(&mut reader);
    assert_eq!(look(), [(2, 1, 0), (1, 0, 2)]);
    read(&mut reader);
    assert_eq!(look(), [(1, 1, 0), (1, 0, 2)]);
    reader.ack();
    assert_eq!(look(), [(1, 0, 0), (1, 0, 2)]);
}

#[test]
fn created_at_is_the_subscribing_source_line() {
    let manager = EventManager::<u8>::new(4);
    let (one, line_one) = (manager.subscribe(), line!());
    let (two, line_two) = (manager.subscribe_with(Overflow::DropOldest), line!());
    let places: Vec<_> = manager
        .subscribers()
        .iter()
        .map(|info| {
            (
                info.id(),
                info.created_at().file(),
                info.created_at().line(),
            )
        })
        .collect();
    assert_eq!(
        places,
        [(one.id(), file!(), line_one), (two.id(), file!(), line_two)]
    );
}

#[test]
fn only_attached_subscribers_are_listed() {
    let manager = EventManager::new(1);
    let leaver = manager.subscribe();
    let disconnected = manager.subscribe();
    let overflown = manager.subscribe_with(Overflow::Disconnect);
    let mut reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    drop(leaver);
    manager.disconnect(disconnected.id());
    assert_eq!(manager.subscriber_count(), 2);
    read(&mut reader);
    manager.try_notify(2).unwrap();
    assert_eq!(manager.subscriber_count(), 1);
    assert_eq!(manager.subscribers()[0].id(), reader.id());
    manager.close();
    read_all(&mut reader);
    assert!(manager.subscribers().is_empty());
    drop((disconnected, overflown));
}

#[test]
fn an_info_displays_a_readable_summary() {
    let manager = EventManager::new(4);
    let small = SubscribeOptions::from(Overflow::DropOldest).window(1);
    let lossy = manager.subscribe_with(small.name("screen"));
    manager.try_notify(1).unwrap();
    manager.try_notify(2).unwrap();
    let line = manager.subscribers()[0].to_string();
    assert_eq!(lossy.id().to_string(), "#1");
    assert!(line.starts_with(&format!("#1 \"screen\" from {}:", file!())));
    assert!(
        line.ends_with(": 1 of 1 unread, 0 in flight, 1 missed"),
        "{line}"
    );
}

#[test]
fn wait_for_subscribers_resolves_with_the_count() {
    let manager = EventManager::<u8>::new(4);
    assert_eq!(now(manager.wait_for_subscribers(0)), 0);
    let mut two = task::spawn(manager.wait_for_subscribers(2));
    let mut three = task::spawn(manager.wait_for_subscribers(3));
    assert_pending!(two.poll());
    assert_pending!(three.poll());
    let _one = manager.subscribe();
    assert!(!two.is_woken());
    let leaves = manager.subscribe();
    assert!(two.is_woken() && !three.is_woken());

    drop(leaves);
    assert_pending!(two.poll(), "one has left before it could look");
    let _again = manager.subscribe();
    assert!(two.is_woken());
    assert_ready_eq!(two.poll(), 2);
    manager.close();
    assert!(three.is_woken());
    assert_ready_eq!(three.poll(), 2);
}

#[test]
fn the_builder_sets_a_name_and_capacity() {
    let built: EventManager<u8> = EventManager::builder().name("audit").capacity(8).build();
    assert_eq!((built.name(), built.capacity()), (Some("audit"), 8));
    assert_eq!(built.clone().name(), Some("audit"));
    assert_eq!(EventManager::<u8>::new(8).name(), None);
}

// ---- Debug, for any event -----------------------------------------------------------------------

/// Implements neither `Debug` nor any other trait but `Clone`.
#[derive(Clone)]
struct Opaque;

fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}

#[test]
fn every_public_type_is_debug_for_any_event() {
    let manager = EventManager::new(1);
    let weak = manager.downgrade();
    let mut reader = manager.subscribe();
    let screen = manager.subscribe().with_missed();
    assert!(shown(&manager).starts_with("EventManager"));
    assert!(shown(&weak).starts_with("WeakEventManager"));
    assert!(shown(&EventManager::<Opaque>::builder()).starts_with("EventManagerBuilder"));
    assert!(shown(&reader).starts_with("Subscription"));
    assert!(shown(&reader.follow_ups()).starts_with("FollowUps { subscriber: SubscriberId(1)"));
    assert!(shown(&screen).starts_with("WithMissed"));
    assert!(shown(&manager.notify(Opaque)).starts_with("Notify"));
    assert!(shown(&manager.ack_notify(Opaque)).starts_with("AckNotify"));
    assert!(shown(&manager.sync_notify(Opaque)).starts_with("SyncNotify"));
    assert!(shown(&manager.flush()).starts_with("Flush"));
    assert!(shown(&manager.stop()).starts_with("Stop"));
    assert!(shown(&manager.closed()).starts_with("Closed"));
    assert!(shown(&manager.wait_for_subscribers(1)).starts_with("WaitForSubscribers"));
    assert!(shown(&reader.disconnected()).starts_with("Disconnected"));
    assert!(shown(&reader.next()).starts_with("Next"));
    assert!(shown(&manager.subscribers()[0]).starts_with("SubscriberInfo"));
    assert_eq!(shown(&reader.id()), "SubscriberId(1)");
    assert!(shown(&SubscribeOptions::new()).starts_with("SubscribeOptions"));
    assert_eq!(shown(&Overflow::Wait), "Wait");
    drop(screen);

    manager.try_notify(Opaque).unwrap();
    let full = manager.try_notify(Opaque).err().unwrap();
    assert_eq!(shown(&full), "Full(..)");
    read(&mut reader);
    manager.close();
    let closed = manager.try_notify(Opaque).err().unwrap();
    assert_eq!(shown(&closed), "Closed(..)");
    let closed = now(manager.notify(Opaque)).err().unwrap();
    assert_eq!(shown(&closed), "Closed(..)");
    assert!(read(&mut reader).is_none());
    assert_eq!(shown(&reader.end_reason()), "Some(Closed)");
    drop(reader);
    let receipt = now(EventManager::new(1).sync_notify(Opaque)).unwrap();
    assert!(shown(&receipt).starts_with("Receipt"));
}

#[test]
fn debug_shows_the_current_state() {
    let manager: EventManager<u8> = EventManager::builder().name("audit").capacity(4).build();
    let reader = manager.subscribe();
    manager.try_notify(7).unwrap();
    let text = shown(&manager);
    assert!(
        text.contains("audit") && text.contains("capacity: 4"),
        "{text}"
    );
    assert!(
        text.contains("subscribers: 1") && text.contains("closed: false"),
        "{text}"
    );
    let text = shown(&reader);
    assert!(
        text.contains("SubscriberId(1)") && text.contains("len: 1"),
        "{text}"
    );
}

#[test]
fn an_event_is_never_formatted() {
    #[derive(Clone)]
    struct Secret;

    impl Debug for Secret {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("nobody may look")
        }
    }

    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(Secret).unwrap();
    let _ = shown(&manager) + &shown(&reader);
    let full = manager.try_notify(Secret).unwrap_err();
    let _ = shown(&full) + &full.to_string();
    let mut waiting = task::spawn(manager.sync_notify(Secret));
    assert_pending!(waiting.poll());
    let _ = shown(&*waiting);
    manager.close();
    let closed = now(waiting.into_inner()).unwrap_err();
    let _ = shown(&closed) + &closed.to_string();
}

// ---- Errors -------------------------------------------------------------------------------------

#[test]
fn error_messages_are_short_and_lower_case() {
    fn check(error: &(impl Error + Send + Sync + 'static), text: &str) {
        assert_eq!(error.to_string(), text);
        assert!(error.source().is_none());
        is_plain(error);
    }

    fn is_plain(message: &impl Display) {
        let text = message.to_string();
        assert!(text.starts_with(char::is_lowercase), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }

    check(&TryNotifyError::Full('e'), "no room for the event");
    check(&TryNotifyError::Closed('e'), "the event manager is closed");
    check(&NotifyError::Closed('e'), "the event manager is closed");
    is_plain(&EndReason::Closed);
    for overflow in [true, false] {
        let manager = EventManager::new(1);
        let mut reader = manager.subscribe_with(Overflow::Disconnect);
        manager.try_notify(1).unwrap();
        if overflow {
            manager.try_notify(2).unwrap();
        } else {
            manager.disconnect(reader.id());
        }
        read_all(&mut reader);
        is_plain(&reader.end_reason().unwrap());
    }
}

#[test]
fn every_error_returns_the_event() {
    assert_eq!(TryNotifyError::Full('e').into_event(), 'e');
    assert_eq!(TryNotifyError::Closed('e').into_event(), 'e');
    assert_eq!(NotifyError::Closed('e').into_event(), 'e');
}

#[test]
fn an_info_is_a_snapshot() {
    let manager = EventManager::new(1);
    let lossy = manager.subscribe_with(Overflow::DropOldest);
    let before = manager.subscribers().remove(0);
    for n in 1..=3 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!((before.unread(), before.missed()), (0, 0));
    assert_eq!((lossy.len(), lossy.missed()), (1, 2));
}
