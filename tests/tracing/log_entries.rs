//! Which entries are logged, for which subscriber, and under which name.

use std::cell::Cell;
use std::panic::resume_unwind;

use genevent::{EventManager, Overflow, handler_fn};
use tokio_test::{assert_pending, assert_ready, task};
use tracing::Level;

use super::listener::{listen, listen_and, new_entries, new_entries_at};
use super::{Opaque, is_odd, named, orders};
use crate::drive::{now, read};

#[test]
fn joining_and_leaving_are_logged_with_reasons() {
    let (entries, _listening) = listen();
    let manager = orders::<Opaque>(4);
    let (kitchen, line) = (manager.subscribe_with(named("kitchen")), line!());
    let at = format!("{}:{line}:36", file!());
    assert_eq!(
        new_entries(&entries),
        [format!(
            "DEBUG subscribed: manager=\"orders\" subscriber=1 name=\"kitchen\" \
             kind=Stream observer=false at={at} overflow=Wait window=4"
        )]
    );

    drop(kitchen);
    let left = "DEBUG left: manager=\"orders\" subscriber";
    assert_eq!(
        new_entries(&entries),
        [format!(
            "{left}=1 name=\"kitchen\" why=\"its stream was dropped\""
        )]
    );

    let cut = manager.subscribe();
    manager.disconnect(cut.id());
    assert_eq!(
        new_entries(&entries)[1..],
        [format!("{left}=2 why=\"disconnected on request\"")]
    );
    assert!(!manager.disconnect(cut.id()));
    drop(cut);
    assert_eq!(new_entries(&entries), [""; 0], "it had left before");

    let mut last = manager.subscribe();
    manager.close();
    assert!(read(&mut last).is_none());
    drop((last, manager.subscribe()));
    assert_eq!(
        new_entries(&entries)[1..],
        [format!("{left}=3 why=\"the event manager is closed\"")]
    );
}

#[test]
fn every_event_is_logged_with_its_outcome() {
    let (entries, _listening) = listen();
    let manager = orders(4);
    let published = "TRACE published: manager=\"orders\" seq";
    manager.try_notify(Opaque).unwrap();
    assert_eq!(
        new_entries(&entries),
        [format!("{published}=1 subscribers=0")]
    );
    let mut reader = manager.subscribe();
    new_entries(&entries);
    now(manager.notify(Opaque)).unwrap();
    now(manager.reserve()).unwrap().notify(Opaque);
    let mut done = task::spawn(manager.sync_notify(Opaque));
    assert_pending!(done.poll());
    assert_eq!(
        new_entries(&entries),
        [2, 3, 4].map(|seq| format!("{published}={seq} subscribers=1"))
    );
    for _ in 0..3 {
        assert!(read(&mut reader).is_some());
    }
    assert_eq!(new_entries(&entries), [""; 0], "reading is not told of");
    reader.ack();
    assert_ready!(done.poll()).unwrap();
    assert_eq!(
        new_entries(&entries),
        ["TRACE settled: manager=\"orders\" seq=4 acked=1 dropped=0"]
    );
}

#[test]
fn losses_and_disconnects_are_logged() {
    let (entries, _listening) = listen();
    let manager = orders(1);
    let screen = manager.subscribe_with(named("screen").overflow(Overflow::DropOldest));
    let replica = manager.subscribe_with(named("replica").overflow(Overflow::Disconnect));
    manager.try_notify(Opaque).unwrap();
    new_entries(&entries);
    manager.try_notify(Opaque).unwrap();
    let mut debug = new_entries_at(&entries, Level::DEBUG);
    debug.sort();
    assert_eq!(
        debug,
        [
            "DEBUG left: manager=\"orders\" subscriber=2 name=\"replica\" \
             why=\"disconnected: its window was full\"",
            "DEBUG lost an event: manager=\"orders\" subscriber=1 name=\"screen\" seq=1 missed=1",
        ]
    );
    drop((screen, replica));
}

#[test]
fn filtered_subscriptions_are_logged_too() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(4);
    let options = named("odd").observer();
    let (odd, line) = (manager.subscribe_filter_with(options, is_odd), line!());
    let at = format!("{}:{line}:32", file!());
    let subscribed = new_entries(&entries);
    assert_eq!(
        subscribed,
        [format!(
            "DEBUG subscribed: manager=\"orders\" subscriber=1 name=\"odd\" \
             kind=Filtered observer=true at={at} overflow=Wait window=4"
        )]
    );
    drop(odd);
    let left = "DEBUG left: manager=\"orders\" subscriber";
    assert_eq!(
        new_entries(&entries),
        [format!(
            "{left}=1 name=\"odd\" why=\"its stream was dropped\""
        )]
    );

    let mut last = manager.subscribe_filter(is_odd);
    manager.close();
    assert!(now(last.next()).is_none());
    drop((last, manager.subscribe_filter(is_odd)));
    assert_eq!(
        new_entries(&entries)[1..],
        [format!("{left}=2 why=\"the event manager is closed\"")],
        "once, and nothing of one that came too late"
    );
}

#[test]
fn the_end_of_a_filter_is_logged_once() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(1);
    let left = "DEBUG left: manager=\"orders\" subscriber";

    let cut = manager.subscribe_filter(is_odd);
    new_entries(&entries);
    assert!(manager.disconnect(cut.id()));
    assert!(!manager.disconnect(cut.id()));
    drop(cut);
    let requested = format!("{left}=1 why=\"disconnected on request\"");
    assert_eq!(new_entries(&entries), [requested]);

    let full = manager.subscribe_filter_with(Overflow::Disconnect, is_odd);
    manager.try_notify(1).unwrap();
    new_entries(&entries);
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    manager.try_notify(5).unwrap();
    drop(full);
    let overflow = format!("{left}=2 why=\"disconnected: its window was full\"");
    assert_eq!(new_entries_at(&entries, Level::DEBUG), [overflow]);

    let mut broken =
        manager.subscribe_filter_map(|_: &u8| -> Option<u8> { resume_unwind(Box::new(())) });
    new_entries(&entries);
    manager.try_notify(7).unwrap();
    manager.try_notify(9).unwrap();
    assert!(now(broken.next()).is_none());
    drop(broken);
    let panicked = format!("{left}=3 why=\"disconnected: its filter panicked\"");
    assert_eq!(new_entries_at(&entries, Level::DEBUG), [panicked]);
}

#[test]
fn a_filters_losses_are_logged_by_number() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(2);
    let odd = manager.subscribe_filter_with(named("odd").overflow(Overflow::DropOldest), is_odd);
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    new_entries(&entries);
    let lost = "DEBUG lost an event: manager=\"orders\" subscriber=1 name=\"odd\" seq";
    manager.try_notify(5).unwrap();
    assert_eq!(
        new_entries_at(&entries, Level::DEBUG),
        [format!("{lost}=1 missed=1")]
    );
    manager.try_notify(7).unwrap();
    assert_eq!(
        new_entries_at(&entries, Level::DEBUG),
        [format!("{lost}=3 missed=2")]
    );
    assert_eq!((odd.len(), odd.missed()), (2, 2));
}

#[test]
fn each_loss_is_logged_with_its_count() {
    thread_local!(static BUSY: Cell<bool> = const { Cell::new(false) });

    let manager = orders::<u8>(1);
    let [first, second] = ["first", "second"]
        .map(|name| manager.subscribe_with(named(name).overflow(Overflow::DropOldest)));
    let filtered = named("filtered").overflow(Overflow::DropOldest);
    let filtered = manager.subscribe_filter_with(filtered, is_odd);
    manager.try_notify(1).unwrap();
    let weak = manager.downgrade();
    // At the first loss, the listener makes all subscribers lose another event before the listener
    // hears of their losses. `tracing` hides the entries caused by the listener from the listener.
    let (entries, _listening) = listen_and(move |line| {
        if line.starts_with("DEBUG lost") && !BUSY.replace(true) {
            weak.upgrade().unwrap().try_notify(5).unwrap();
        }
    });
    manager.try_notify(3).unwrap();
    let mut lost = new_entries_at(&entries, Level::DEBUG);
    for line in &mut lost {
        *line = line.split_off(line.find("subscriber=").unwrap());
    }
    lost.sort();
    let expected = [
        "1 name=\"first\"",
        "2 name=\"second\"",
        "3 name=\"filtered\"",
    ];
    let expected = expected.map(|who| format!("subscriber={who} seq=1 missed=1"));
    assert_eq!(lost, expected);
    assert_eq!([first.missed(), second.missed(), filtered.missed()], [2; 3]);
    drop((first, second, filtered));
}

#[tokio::test]
async fn names_and_panic_messages_cannot_forge_lines() {
    const EVIL: &str = "x\nWARN forged: \u{1b}[31m\"quoted\"";
    const SHOWN: &str = r#""x\nWARN forged: \u{1b}[31m\"quoted\"""#;

    let (entries, _listening) = listen();
    let manager = EventManager::<u8>::builder().name(EVIL).capacity(1).build();
    drop(manager.subscribe_with(named(EVIL)));
    let screen = manager.subscribe_with(named(EVIL).overflow(Overflow::DropOldest));
    let bad = handler_fn(|n: &u8| assert!(*n > 1, "{EVIL}"));
    manager.add_handler(EVIL, bad).unwrap();
    manager.try_notify(1).unwrap();
    tokio::task::yield_now().await;
    manager.try_notify(2).unwrap();
    let all = new_entries(&entries);
    for line in &all {
        assert!(!line.contains(char::is_control), "{line}");
        assert!(!line.contains("manager=") || line.contains(&format!("manager={SHOWN}")));
    }
    let stopped = format!(
        "WARN handler stopped: manager={SHOWN} handler={SHOWN} why=\"it panicked: {}",
        &SHOWN[1..]
    );
    assert!(all.contains(&stopped), "{all:?}");
    assert!(all.iter().any(|line| line.starts_with("DEBUG lost")));
    drop(screen);
}

#[tokio::test]
async fn a_handler_is_logged_from_begin_to_end() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(4);
    let picky = handler_fn(|n: &u8| assert!(*n < 3, "too much"));
    manager.add_handler("picky", picky).unwrap();
    let begun = new_entries(&entries);
    assert!(
        begun[0].contains(
            "name=\"picky\" kind=Handler observer=false at=tests/tracing/log_entries.rs:"
        )
    );
    assert_eq!(
        begun[1..],
        ["new handler: manager=\"orders\" subscriber=1 name=\"picky\""]
    );
    assert_eq!(manager.sync_notify(3).await.unwrap().dropped(), 1);
    tokio::task::yield_now().await;
    let stopped: Vec<_> = new_entries(&entries)
        .into_iter()
        .filter(|line| line.contains("stopped") || line.contains("left"))
        .collect();
    assert_eq!(
        stopped,
        [
            "DEBUG left: manager=\"orders\" subscriber=1 name=\"picky\" \
             why=\"no handler reads it any more\"",
            "WARN handler stopped: manager=\"orders\" handler=\"picky\" \
             why=\"it panicked: too much\"",
        ]
    );
}

#[tokio::test]
async fn the_exit_of_a_member_is_logged() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(4);
    let group = manager.handler_group("metrics").unwrap();
    let hits = handler_fn(|_: &u8| ());
    let hits = group.add_handler("hits", hits).unwrap();
    let hits = hits.swap(|_| handler_fn(|_: &u8| ())).await.unwrap();
    hits.remove().await.unwrap();
    manager.stop().await.unwrap();
    let mut ends = new_entries(&entries);
    ends.retain(|line| line.contains("stopped"));
    assert_eq!(
        ends,
        [
            ("hits", "another handler has taken its place"),
            ("hits", "it was removed"),
            ("metrics", "the event manager is closed"),
        ]
        .map(|(name, why)| format!(
            "DEBUG handler stopped: manager=\"orders\" handler=\"{name}\" why=\"{why}\""
        ))
    );
}

#[tokio::test]
async fn a_handlers_own_messages_are_in_its_span() {
    let (entries, _listening) = listen();
    let manager = orders::<u8>(4);
    let chatty = handler_fn(|n: &u8| tracing::info!(n, "handled"));
    manager.add_handler("chatty", chatty).unwrap();
    manager.sync_notify(7).await.unwrap();
    let all = new_entries(&entries);
    let at = all.iter().position(|line| line == "INFO handled: n=7");
    let at = at.expect("it is told");
    assert_eq!((&*all[at - 1], &*all[at + 1]), ("enter", "exit"), "{all:?}");
}
