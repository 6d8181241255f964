//! A subscriber that blocks publishers for too long is warned of.

use std::time::Duration;

use futures::StreamExt;
use genevent::{EventManager, Overflow};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};
use tracing::Level;

use super::listener::{listen, new_entries, new_entries_at};
use super::{Opaque, is_odd, named, secs};
use crate::drive::{now, read};

fn warned(after: Duration) -> EventManager<Opaque> {
    let builder = EventManager::builder().name("orders").capacity(1);
    builder.warn_after(after).build()
}

/// The text of a warning, for so many publishers, after so long, of a subscriber from `line`.
fn warning(subscriber: &str, line: &str, held: &str, waiting: usize) -> String {
    format!(
        "WARN a subscriber blocks publishers: manager=\"orders\" subscriber={subscriber} \
         at={line} unread=1 window=1 blocking_for={held} waiting={waiting}"
    )
}

#[tokio::test(start_paused = true)]
async fn blocking_too_long_is_warned_of_once() {
    let (entries, _listening) = listen();
    let manager = warned(secs(5));
    let mut slow = manager.subscribe_with(named("slow"));
    let line = manager.subscribers()[0].created_at().to_string();
    manager.try_notify(Opaque).unwrap();
    advance(secs(60)).await;
    let mut first = task::spawn(manager.notify(Opaque));
    let mut second = task::spawn(manager.notify(Opaque));
    assert_pending!(first.poll());
    assert_pending!(second.poll());

    advance(Duration::from_millis(4_999)).await;
    assert!(!first.is_woken());
    advance(Duration::from_millis(1)).await;
    assert!(first.is_woken(), "without anybody else's doing");
    assert_eq!(new_entries_at(&entries, Level::WARN), [""; 0]);
    assert_pending!(first.poll());
    assert_eq!(
        new_entries_at(&entries, Level::WARN),
        [warning("1 name=\"slow\"", &line, "5s", 2)]
    );
    advance(secs(100)).await;
    assert_pending!(first.poll());
    assert_eq!(new_entries_at(&entries, Level::WARN), [""; 0], "once");

    assert!(read(&mut slow).is_some());
    assert_ready!(first.poll()).unwrap();
    assert_pending!(second.poll());
    advance(secs(5)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    assert_eq!(
        new_entries_at(&entries, Level::WARN),
        [warning("1 name=\"slow\"", &line, "5s", 1)],
        "and once more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_zero_limit_warns_at_once() {
    let (entries, _listening) = listen();
    let manager = warned(Duration::ZERO);
    let slow = manager.subscribe();
    let line = manager.subscribers()[0].created_at().to_string();
    manager.try_notify(Opaque).unwrap();
    assert!(manager.try_notify(Opaque).is_err());
    assert_eq!(
        new_entries_at(&entries, Level::WARN),
        [""; 0],
        "nobody waits"
    );
    let mut waits = task::spawn(manager.notify(Opaque));
    assert_pending!(waits.poll());
    assert_eq!(
        new_entries_at(&entries, Level::WARN),
        [warning("1", &line, "0ns", 1)]
    );
    drop(slow);
    assert_ready!(waits.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn reading_in_time_causes_no_warning() {
    let (entries, _listening) = listen();
    let manager = warned(secs(5));
    let mut slow = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    for _ in 0..3 {
        let mut waits = task::spawn(manager.notify(Opaque));
        assert_pending!(waits.poll());
        advance(secs(4)).await;
        assert!(read(&mut slow).is_some());
        assert_ready!(waits.poll()).unwrap();
    }
    assert_eq!(new_entries_at(&entries, Level::WARN), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_front_does_not_prevent_the_warning() {
    let (entries, _listening) = listen();
    let manager = warned(secs(5));
    let slow = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    let mut first = task::spawn(manager.notify(Opaque));
    assert_pending!(first.poll());
    let mut second = task::spawn(manager.reserve());
    assert_pending!(second.poll());
    advance(secs(3)).await;
    drop(first);
    assert!(second.is_woken(), "to set an alarm of its own");
    assert_pending!(second.poll());
    advance(secs(2)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    assert_eq!(new_entries_at(&entries, Level::WARN).len(), 1);
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn wait_at_most_warns_before_disconnecting() {
    let (entries, _listening) = listen();
    let manager = warned(secs(2));
    let stuck = manager.subscribe_with(Overflow::WaitAtMost(secs(5)));
    let line = manager.subscribers()[0].created_at().to_string();
    manager.try_notify(Opaque).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(manager.notify(Opaque).await.unwrap(), 0);
    assert_eq!(start.elapsed(), secs(5));
    let entries = new_entries(&entries);
    let at = |line: &str| entries.iter().position(|entry| entry == line);
    let cut = "DEBUG left: manager=\"orders\" subscriber=1 \
               why=\"disconnected: it made publishers wait for too long\"";
    assert!(at(&warning("1", &line, "2s", 1)) < at(cut), "{entries:?}");
    assert!(at(cut).is_some());
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn each_blocking_subscriber_has_its_own_warning_time() {
    let (entries, _listening) = listen();
    let manager = warned(secs(5));
    let mut one = manager.subscribe_with(named("one"));
    let other = manager.subscribe_with(named("other"));
    manager.try_notify(Opaque).unwrap();
    let mut waits = task::spawn(manager.notify(Opaque));
    assert_pending!(waits.poll());
    advance(secs(3)).await;
    assert!(read(&mut one).is_some());
    advance(secs(2)).await;
    assert_pending!(waits.poll());
    let warnings = new_entries_at(&entries, Level::WARN);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("name=\"other\""));
    drop(other);
    assert_ready!(waits.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_time_with_waiting_publishers_counts() {
    let (entries, _listening) = listen();
    let manager = warned(secs(5));
    let slow = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    for _ in 0..2 {
        let mut waits = task::spawn(manager.notify(Opaque));
        assert_pending!(waits.poll());
        advance(secs(2)).await;
        assert_pending!(waits.poll());
        drop(waits);
        advance(secs(3600)).await;
    }
    let mut waits = task::spawn(manager.notify(Opaque));
    assert_pending!(waits.poll());
    assert_eq!(new_entries_at(&entries, Level::WARN), [""; 0]);
    advance(secs(1)).await;
    assert!(waits.is_woken());
    assert_pending!(waits.poll());
    let warnings = new_entries_at(&entries, Level::WARN);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("blocking_for=5s"));
    drop(slow);
}

/// A full filter that wants odd numbers, and a publisher of an odd number behind a publisher of an
/// even number; the filter does not block the front.
#[tokio::test(start_paused = true)]
async fn a_reblocking_filter_is_warned_of_once() {
    let (entries, _listening) = listen();
    let builder = EventManager::<u8>::builder().name("orders").capacity(1);
    let manager = builder.warn_after(secs(5)).build();
    let mut odd = manager.subscribe_filter_with(named("odd"), is_odd);
    let mut all = manager.subscribe_with(named("all"));
    manager.try_notify(1).unwrap();

    // Blocking for 3 s, not blocking for 1 s, which does not count, blocking again.
    let mut first = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    advance(secs(3)).await;
    drop(first);
    assert!(read(&mut all).is_some());
    advance(secs(1)).await;
    assert_eq!(manager.stats().blocking().count(), 0, "aside");
    let mut second = task::spawn(manager.notify(5));
    assert_pending!(second.poll());
    let held = |manager: &EventManager<u8>| manager.subscribers()[0].blocking_for();
    assert_eq!(held(&manager), Some(secs(3)), "its time goes on");
    advance(Duration::from_millis(1999)).await;
    assert_pending!(second.poll());
    assert_eq!(new_entries_at(&entries, Level::WARN), [""; 0]);
    advance(Duration::from_millis(1)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    let warnings = new_entries_at(&entries, Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("name=\"odd\"") && warnings[0].contains("blocking_for=5s"));

    // Warned of already: blocking again causes no second warning.
    drop(second);
    let mut third = task::spawn(manager.notify(7));
    assert_pending!(third.poll());
    advance(secs(60)).await;
    assert_pending!(third.poll());
    assert_eq!(held(&manager), Some(secs(65)));
    assert_eq!(new_entries_at(&entries, Level::WARN), [""; 0], "once");

    // Taking an event restarts the time, and with it the warning.
    assert_eq!(now(odd.next()), Some(1));
    assert_ready!(third.poll()).unwrap();
    assert!(read(&mut all).is_some());
    let mut fourth = task::spawn(manager.notify(9));
    assert_pending!(fourth.poll());
    assert_eq!(held(&manager), Some(Duration::ZERO));
    advance(secs(5)).await;
    assert!(fourth.is_woken());
    assert_pending!(fourth.poll());
    let again = new_entries_at(&entries, Level::WARN);
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].contains("blocking_for=5s"));
}

#[tokio::test(start_paused = true)]
async fn time_waiting_for_other_subscribers_does_not_count() {
    let (entries, _listening) = listen();
    let manager = EventManager::<u8>::builder().capacity(1);
    let manager = manager.warn_after(secs(5)).build();
    let odd = manager.subscribe_filter(is_odd);
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    advance(secs(4)).await;
    drop(first);
    advance(secs(60)).await;
    manager.try_notify(2).unwrap();
    let mut second = task::spawn(manager.notify(5));
    assert_pending!(second.poll());
    assert_eq!(
        new_entries_at(&entries, Level::WARN),
        [""; 0],
        "nobody waited for it"
    );
    advance(secs(1)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    let warnings = new_entries_at(&entries, Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("blocking_for=5s") && warnings[0].contains("waiting=1"));
    drop(odd);
}

#[tokio::test(start_paused = true)]
async fn unblocking_does_not_reset_a_filters_limit() {
    let (entries, _listening) = listen();
    let manager = EventManager::<u8>::builder().name("orders").capacity(1);
    let manager = manager.warn_after(secs(2)).build();
    let odd = manager.subscribe_filter_with(Overflow::WaitAtMost(secs(5)), is_odd);
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    advance(secs(3)).await;
    assert_pending!(first.poll());
    assert_eq!(new_entries_at(&entries, Level::WARN).len(), 1);
    drop(first);
    manager.try_notify(2).unwrap();
    advance(secs(1)).await;
    let mut second = task::spawn(manager.notify(5));
    assert_pending!(second.poll());
    advance(Duration::from_millis(1999)).await;
    assert!(!second.is_woken());
    assert_pending!(second.poll());
    advance(Duration::from_millis(1)).await;
    assert!(second.is_woken(), "after 5 s of waiting in all");
    assert_eq!(assert_ready!(second.poll()), Ok(0));
    let mut entries = new_entries(&entries);
    entries.retain(|line| !line.starts_with("TRACE"));
    assert_eq!(
        entries,
        ["DEBUG left: manager=\"orders\" subscriber=1 \
          why=\"disconnected: it made publishers wait for too long\""]
    );
    drop(odd);
}
