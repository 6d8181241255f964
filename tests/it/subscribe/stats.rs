//! The statistics of a manager: as values, as text and as a drawing.

#[cfg(feature = "rt")]
mod in_time;

use genevent::{EventManager, SubscribeOptions};
use tokio_test::{assert_pending, assert_ready, task};

use crate::drive::{now, read};

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

#[test]
fn stats_count_heard_and_unheard_events() {
    let manager = EventManager::new(4);
    assert_eq!(manager.stats().published(), 0);
    manager.try_notify(1).unwrap();
    let reader = manager.subscribe();
    manager.try_notify(2).unwrap();
    let stats = manager.stats();
    assert_eq!((stats.published(), stats.capacity()), (2, 4));
    assert_eq!((stats.name(), stats.is_closed()), (None, false));
    assert_eq!(stats.subscribers()[0].unread(), 1);
    manager.close();
    assert!(manager.stats().is_closed());
    assert!(!stats.is_closed(), "a plain value, as of its moment");
    drop(reader);
}

#[test]
fn stats_count_waiting_publishers_and_permits() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    manager.try_notify(1).unwrap();
    let (mut one, mut two) = (
        task::spawn(manager.notify(2)),
        task::spawn(manager.reserve()),
    );
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    let stats = manager.stats();
    assert_eq!((stats.waiting_publishers(), stats.permits()), (2, 1));
    assert_eq!(stats.blocking().count(), 1);
    assert!(!stats.is_front_notified());

    drop(permit);
    let stats = manager.stats();
    assert_eq!((stats.waiting_publishers(), stats.permits()), (2, 0));
    assert_eq!(
        stats.blocking().count(),
        1,
        "for the second, beside the granted place"
    );
    assert!(stats.is_front_notified(), "the first has a place");
    assert_ready!(one.poll()).unwrap();
    assert!(!manager.stats().is_front_notified(), "the window is full");
    drop(reader);
}

#[test]
fn cancelled_publishers_leave_the_count() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(0).unwrap();
    let mut publishers: Vec<_> = (1..=10).map(|n| task::spawn(manager.notify(n))).collect();
    for publisher in &mut publishers {
        assert_pending!(publisher.poll());
    }
    // From the middle of the queue, and each time from its front.
    for (gone, left) in [(4, 9), (0, 8), (0, 7), (0, 6), (0, 5)] {
        drop(publishers.remove(gone));
        assert_eq!(manager.stats().waiting_publishers(), left);
    }
    drop(reader);
}

#[test]
fn detached_subscribers_with_debts_are_counted_separately() {
    let manager = EventManager::new(4);
    let mut jobs = manager.subscribe_with(named("jobs")).deliveries();
    let mut cut = manager.subscribe_with(named("cut"));
    manager.try_notify(1).unwrap();
    let job = now(jobs.next()).unwrap();
    assert_eq!(read(&mut cut), Some(1));
    drop(jobs);
    manager.disconnect(cut.id());
    let stats = manager.stats();
    assert!(stats.subscribers().is_empty());
    let leaving = stats.leaving().iter();
    let leaving: Vec<_> = leaving.map(|info| (info.name(), info.unacked())).collect();
    assert_eq!(leaving, [(Some("jobs"), 1), (Some("cut"), 1)]);
    assert!(stats.to_dot().contains("s1 [shape=ellipse, style=dashed"));

    job.ack();
    drop(cut);
    assert!(manager.stats().leaving().is_empty());
}

#[test]
fn an_event_is_never_formatted() {
    #[derive(Clone)]
    struct Secret;

    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(Secret).unwrap();
    let stats = manager.stats();
    assert!(format!("{stats:?}").starts_with("Stats"));
    assert!(stats.to_string().contains("1 published"));
    assert!(stats.to_dot().contains("1 published"));
    drop(reader);
}

// ---- The drawing --------------------------------------------------------------------------------

#[test]
fn a_drawing_escapes_any_subscriber_name() {
    let nasty = "a\"b\\c\nd\u{7}\0&lt;\u{202e}]; x -> y [";
    let manager = EventManager::<u8>::builder().name(nasty).build();
    let reader = manager.subscribe_with(named(nasty));
    let drawing = manager.stats().to_dot();
    let shown = r#"\"a\\\"b\\\\c\\nd\\u{7}\\0&amp;lt;\\u{202e}]; x -> y [\""#;
    let lines: Vec<_> = drawing.lines().collect();
    assert_eq!(
        lines[2],
        format!("  manager [shape=box, label=\"{shown}\\n0 published, capacity 1024\"];")
    );
    assert!(lines[3].contains(shown), "{}", lines[3]);
    assert_eq!(lines.len(), 6, "{drawing}");
    assert!(!drawing.contains(|c: char| c.is_control() && c != '\n'));
    drop(reader);
}

#[test]
fn thousands_of_subscribers_are_listed_and_drawn() {
    const MANY: usize = 10_000;
    let manager = EventManager::<u8>::new(1);
    let readers: Vec<_> = (0..MANY / 2).map(|_| manager.subscribe()).collect();
    let filtered: Vec<_> = (0..MANY / 2)
        .map(|_| manager.subscribe_filter(|n| *n == 1))
        .collect();
    manager.try_notify(1).unwrap();
    let mut waits = task::spawn(manager.notify(1));
    assert_pending!(waits.poll());
    let stats = manager.stats();
    assert_eq!(stats.subscribers().len(), MANY);
    assert_eq!(stats.blocking().count(), MANY);
    // The first line, the waiting publishers, the number of subscribers, and a line for each
    // subscriber.
    assert_eq!(stats.to_string().lines().count(), 3 + MANY);
    let drawing = stats.to_dot();
    let arrows = |from: &str| {
        drawing
            .lines()
            .filter(|line| line.starts_with(from))
            .count()
    };
    assert_eq!(arrows("  manager -> s"), MANY);
    assert_eq!(arrows("  publishers -> s"), MANY);
    drop((readers, filtered));
}

#[test]
fn an_empty_manager_is_drawn_alone() {
    let manager = EventManager::<u8>::new(3);
    manager.close();
    assert_eq!(
        manager.stats().to_dot(),
        "digraph genevent {\n  rankdir=LR;\n  \
         manager [shape=box, label=\"0 published, capacity 3, closed\"];\n}\n"
    );
}
