//! Which subscribers block publishers: `SubscriberInfo::blocking_for` and `stats()`, as text and as
//! a drawing.

use std::time::Duration;

use crate::drive::{now, read};
use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions, SubscriberInfo};
use tokio_test::{assert_pending, assert_ready, task};

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

/// The blocking time of each subscriber.
fn holding<E: Send + Sync + 'static>(manager: &EventManager<E>) -> Vec<Option<Duration>> {
    let infos = manager.subscribers();
    infos.iter().map(SubscriberInfo::blocking_for).collect()
}

// ---- Blocking time ------------------------------------------------------------------------------

#[cfg(feature = "rt")]
mod in_time {
    use std::ops::ControlFlow;

    use genevent::{Handler, StopReason, handler_fn};
    use tokio::sync::oneshot;
    use tokio::time::advance;

    use super::*;

    /// The handler ends when its sender does.
    struct Slow(Option<oneshot::Receiver<()>>);

    impl Handler<u8> for Slow {
        async fn handle_event(&mut self, _: &u8) -> ControlFlow<()> {
            ControlFlow::Continue(())
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
                 stream  #1 \"kitchen\" from {file}:{line}:40: 2 of 2 unread, 0 in flight, \
                 blocking publishers for 5.2s\n  \
                 stream  #2 from {file}:{next}:34: 1 of 2 unread, 1 in flight\n  \
                 stream  #3 from {file}:{last}:33: 0 of 2 unread, 0 in flight"
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
  s3 [shape=folder, style=solid, label="#3 \"metrics\"\n0 of 1 unread, 0 in flight"];
  manager -> s3 [style=solid];
  publishers [shape=cds, label="publishers queued: 1"];
  publishers -> manager;
  publishers -> s1 [color=red, label="90.0s"];
}
"##
        );
        drop((kitchen, group));
    }
}

// ---- Stats --------------------------------------------------------------------------------------

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
    assert_eq!(stats.blocking().count(), 0);
    assert!(
        stats.is_front_notified(),
        "there is room, and it is its turn"
    );
    assert_ready!(one.poll()).unwrap();
    assert!(
        !manager.stats().is_front_notified(),
        "the ring is full again"
    );
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
