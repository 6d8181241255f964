//! `SubscriberInfo::blocking_for`, and the statistics of managers with publishers that have waited.

use std::ops::ControlFlow;
use std::time::Duration;

use genevent::{EventManager, Handled, Handler, Overflow, StopReason, SubscriberInfo, handler_fn};
use tokio::sync::oneshot;
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};

use super::named;
use crate::drive::{now, read};

/// The blocking time of each subscriber.
fn holding<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Vec<Option<Duration>> {
    let infos = manager.subscribers();
    infos.iter().map(SubscriberInfo::blocking_for).collect()
}

/// The handler ends when its sender does.
struct Slow(Option<oneshot::Receiver<()>>);

impl Handler<u8> for Slow {
    async fn handle_event(&mut self, _: &u8) -> Handled {
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, _: &StopReason) {
        let _ = self.0.take().unwrap().await;
    }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn blocking_time_runs_from_the_first_waiting_publisher() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    let quick = manager.subscribe_with(Overflow::DropOldest);
    manager.try_notify(1).unwrap();
    advance(secs(5)).await;
    assert!(manager.try_notify(2).is_err(), "it does not wait");
    assert_eq!(holding(&manager), [None, None]);

    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    advance(secs(3)).await;
    assert_eq!(holding(&manager), [Some(secs(3)), None]);

    assert_eq!(read(&mut slow), Some(1));
    assert_eq!(holding(&manager), [None, None], "there is room");
    assert_eq!(assert_ready!(waits.poll()), Ok(2));
    drop(quick);
}

#[tokio::test(start_paused = true)]
async fn taking_an_event_restarts_the_blocking_time() {
    let manager = EventManager::new(1);
    let mut slow = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(2));
    assert_pending!(first.poll());
    advance(secs(1)).await;
    drop(first);
    assert_eq!(holding(&manager), [None], "nobody waits");
    advance(secs(1)).await;
    let (mut second, mut third) = (
        task::spawn(manager.notify(2)),
        task::spawn(manager.notify(3)),
    );
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    assert_eq!(
        holding(&manager),
        [Some(secs(1))],
        "one second in which somebody waited"
    );

    assert_eq!(read(&mut slow), Some(1));
    assert_ready!(second.poll()).unwrap();
    advance(secs(4)).await;
    assert_eq!(holding(&manager), [Some(secs(4))], "for the third");
}

#[tokio::test(start_paused = true)]
async fn each_blocking_subscriber_has_its_own_time() {
    let manager = EventManager::new(2);
    let mut one = manager.subscribe();
    manager.try_notify(1).unwrap();
    let mut other = manager.subscribe_with(Overflow::WaitAtMost(secs(60)));
    manager.try_notify(2).unwrap();
    let mut waits = task::spawn(manager.notify(3));
    assert_pending!(waits.poll());
    advance(secs(1)).await;
    assert_eq!(holding(&manager), [Some(secs(1)), None]);
    assert_eq!(read(&mut one), Some(1));
    assert_ready!(waits.poll()).unwrap();

    let mut waits = task::spawn(manager.notify(4));
    assert_pending!(waits.poll());
    advance(secs(2)).await;
    assert_eq!(holding(&manager), [Some(secs(2)), Some(secs(2))]);
    read(&mut one);
    advance(secs(2)).await;
    assert_eq!(holding(&manager), [None, Some(secs(4))]);
    read(&mut other);
    assert_ready!(waits.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn permits_do_not_make_a_subscriber_blocking() {
    let manager = EventManager::new(1);
    let reader = manager.subscribe();
    let permit = now(manager.reserve()).unwrap();
    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    advance(secs(1)).await;
    assert_eq!(holding(&manager), [None]);
    assert_eq!(
        manager.stats().to_string().lines().nth(1),
        Some("1 publisher waits for permits")
    );
    permit.notify(1);
    advance(secs(1)).await;
    assert_eq!(holding(&manager), [Some(secs(1))], "now it has an event");
    drop(reader);
}

#[tokio::test(start_paused = true)]
async fn a_filter_blocks_only_with_wanted_unread_events() {
    let manager = EventManager::<u8>::new(1);
    let odd = manager.subscribe_filter(|n| n % 2 == 1);
    let permit = now(manager.reserve()).unwrap();
    let mut waits = task::spawn(manager.notify(3));
    assert_pending!(waits.poll());
    advance(secs(1)).await;
    assert_eq!(holding(&manager), [None], "the permit has its room");
    let mut even = task::spawn(manager.notify(2));
    assert_pending!(even.poll());
    permit.notify(1);
    assert_pending!(waits.poll());
    advance(secs(1)).await;
    assert_eq!(holding(&manager), [Some(secs(1))], "now it has an event");
    drop(waits);
    assert_eq!(assert_ready!(even.poll()), Ok(0));
    assert_eq!(holding(&manager), [None], "nobody waits");
    drop(odd);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_error_shows_each_blocking_time() {
    let manager = EventManager::new(1);
    let slow = manager.subscribe();
    manager.try_notify(1).unwrap();
    let error = manager.sync_notify(2).within(secs(5)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("blocking publishers for 5.0s"), "{text}");
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_handler_counts_as_leaving() {
    let manager = EventManager::<u8>::new(4);
    let (let_go, gone) = oneshot::channel::<()>();
    let slow = manager.add_handler("slow", Slow(Some(gone))).unwrap();
    manager.disconnect(manager.subscribers()[0].id());
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let stats = manager.stats();
    assert!(stats.subscribers().is_empty());
    assert_eq!(stats.leaving()[0].name(), Some("slow"));
    let text = stats.to_string();
    assert!(text.contains("no longer subscribed, and not finished:\n  handler #1 \"slow\""));
    drop(let_go);
    slow.stopped().await;
    manager.stop().await.unwrap();
    assert!(manager.stats().leaving().is_empty());
}

#[tokio::test(start_paused = true)]
async fn stats_display_is_a_readable_summary() {
    let manager = EventManager::builder().name("orders").capacity(2).build();
    let (kitchen, line) = (manager.subscribe_with(named("kitchen")), line!());
    let mut screen = manager.subscribe_with(Overflow::DropOldest);
    let mut quick = manager.subscribe();
    for n in 1..=2 {
        manager.try_notify(n).unwrap();
    }
    assert_eq!(read(&mut screen), Some(1));
    while read(&mut quick) != Some(2) {}
    quick.ack();
    let mut permit = task::spawn(manager.reserve());
    let mut waits = task::spawn(manager.sync_notify(3));
    assert_pending!(permit.poll());
    assert_pending!(waits.poll());
    advance(Duration::from_millis(5_240)).await;
    let file = file!();
    let next = line + 1;
    let last = line + 2;
    assert_eq!(
        manager.stats().to_string(),
        format!(
            "\"orders\": 2 published, capacity 2, open\n\
             2 publishers wait for #1 \"kitchen\"\n\
             3 subscribers:\n  \
             stream  #1 \"kitchen\" from {file}:{line}:36: 2 of 2 unread, 0 in flight, \
             blocking publishers for 5.2s\n  \
             stream  #2 from {file}:{next}:30: 1 of 2 unread, 1 in flight\n  \
             stream  #3 from {file}:{last}:29: 0 of 2 unread, 0 in flight"
        )
    );
    drop(kitchen);
    let held = manager.stats();
    let second_line = held.to_string().lines().nth(1).map(str::to_owned);
    assert_eq!(
        second_line.as_deref(),
        Some("2 publishers wait; the front has been notified, and not polled since")
    );
    let permit = assert_ready!(permit.poll()).unwrap();
    manager.close();
    drop((screen, quick, waits));
    assert_eq!(
        manager.stats().to_string(),
        "\"orders\": 2 published, capacity 2, closed\n1 permit is out\nno subscribers"
    );
    drop(permit);
}

#[tokio::test(start_paused = true)]
async fn a_drawing_shows_the_waiting_dependencies() {
    let manager = EventManager::builder().name("orders").capacity(1).build();
    let kitchen = manager.subscribe_with(named("kitchen"));
    let log = handler_fn(|_: &u8| ());
    manager.add_handler("log", log).unwrap();
    let group = manager.handler_group("metrics").unwrap();
    group.add_handler("hits", handler_fn(|_: &u8| ())).unwrap();
    manager.try_notify(1).unwrap();
    while manager.stats().subscribers()[1..]
        .iter()
        .any(|info| info.unread() + info.unacked() > 0)
    {
        tokio::task::yield_now().await;
    }
    let mut waits = task::spawn(manager.notify(2));
    assert_pending!(waits.poll());
    advance(secs(90)).await;
    assert_eq!(
        manager.stats().to_dot(),
        r##"digraph genevent {
  rankdir=LR;
  manager [shape=box, label="\"orders\"\n1 published, capacity 1"];
  s1 [shape=ellipse, style=solid, label="#1 \"kitchen\"\n1 of 1 unread, 0 in flight"];
  manager -> s1 [style=solid];
  s2 [shape=component, style=solid, label="#2 \"log\"\n0 of 1 unread, 0 in flight"];
  manager -> s2 [style=solid];
  s4 [shape=component, style=solid, label="#4 \"hits\" of \"metrics\"\n0 of 1 unread, 0 in flight"];
  manager -> s4 [style=solid];
  publishers [shape=cds, label="publishers queued: 1"];
  publishers -> manager;
  publishers -> s1 [color=red, label="90.0s"];
}
"##
    );
    drop((kitchen, group));
}
