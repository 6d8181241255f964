//! Stats as a drawing: which optional parts are drawn besides the subscribers, and when.

use genevent::{EventManager, Overflow};
use tokio_test::{assert_pending, task};

use crate::drive::now;

fn drawing(manager: &EventManager<u8>) -> String {
    manager.stats().to_dot()
}

#[test]
fn missed_events_are_drawn() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    assert!(!drawing(&manager).contains("missed"));
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    assert!(drawing(&manager).contains("0 in flight\\n2 missed\""));
    drop(reader);
}

const PERMITS: &str = "  permits [shape=note, label=\"permits out: 1\"];\n  \
                       permits -> manager [style=dotted];\n";
const QUEUED: &str = "  publishers [shape=cds, label=\"publishers queued: 1\"];\n";
const FOR_PERMITS: &str = "  publishers -> permits [color=red];\n";

#[test]
fn permits_are_drawn_as_blocking_when_alone() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    assert!(!drawing(&manager).contains("permits"));
    let permit = now(manager.reserve()).unwrap();
    let alone = drawing(&manager);
    assert!(alone.contains(PERMITS) && !alone.contains("publishers"));

    let mut waits = task::spawn(manager.notify(1));
    assert_pending!(waits.poll());
    let waited_for = drawing(&manager);
    assert!(waited_for.contains(PERMITS) && waited_for.contains(QUEUED));
    assert!(waited_for.contains(FOR_PERMITS));

    drop(permit);
    let called = drawing(&manager);
    assert!(!called.contains("permits"));
    assert!(called.contains("queued: 1\\nthe front has been notified\""));
    drop(reader);
}

#[test]
fn publishers_waiting_for_subscribers_point_only_there() {
    let manager = EventManager::new(2);
    let reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    manager.try_notify(1).unwrap();
    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    let drawn = drawing(&manager);
    assert!(drawn.contains(PERMITS) && drawn.contains(QUEUED));
    assert!(drawn.contains("  publishers -> s1 [color=red"));
    assert!(!drawn.contains(FOR_PERMITS));

    drop(permit);
    let called = drawing(&manager);
    assert!(called.contains("notified") && !called.contains("[color=red"));
    drop(reader);
}

#[test]
fn without_permits_publishers_wait_for_none() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    assert!(drawing(&manager).contains("  publishers -> s1 [color=red"));
    assert!(!drawing(&manager).contains("permits"));
    drop(reader);
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn arrows_lead_from_each_handler_of_a_group_to_the_stage_after_it() {
    let manager = EventManager::new(1);
    let group = manager.handler_group("group").unwrap();
    let stage = manager.subscribe_with(genevent::SubscribeOptions::new().after(group.id()));
    assert!(
        !drawing(&manager).contains("after"),
        "no handler is drawn yet"
    );
    for name in ["a", "b"] {
        let handler = genevent::handler_fn(|_: &u8| ());
        group.add_handler(name, handler).unwrap();
    }
    let drawing = drawing(&manager);
    for first in ["s3", "s4"] {
        let arrow = format!("  {first} -> s2 [color=blue, label=after];\n");
        assert!(drawing.contains(&arrow), "{drawing}");
    }
    drop(stage);
}
