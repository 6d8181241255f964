//! The measured curves, and their permitted growth.

use std::collections::VecDeque;

use futures::StreamExt;
use genevent::{EventManager, Filtered, Topics};

use crate::by_hand::{context, park, poll, ready, skip, take, time, typical};

/// The cost of an operation as a function of a number.
pub(crate) struct Curve {
    /// The name of the plot's file.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) number_of: &'static str,
    pub(crate) numbers: &'static [usize],
    pub(crate) grows: Growth,
    /// Measures the cost in nanoseconds.
    pub(crate) cost: fn(usize) -> f64,
}

/// The permitted growth of the cost with the number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Growth {
    /// Constant or logarithmic growth.
    Level,
    Linear,
}

const MANY: &[usize] = &[1, 10, 100, 1_000, 10_000, 100_000];
const UP_TO_1_000_000: &[usize] = &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const UP_TO_1_000: &[usize] = &[1, 10, 100, 1_000];
const UP_TO_10_000: &[usize] = &[1, 10, 100, 1_000, 10_000];
const CAPACITIES: &[usize] = &[1, 16, 256, 4_096, 65_536, 1 << 20];

/// The number of small operations timed together.
const BATCH: usize = 64;

pub(crate) static ALL: &[Curve] = &[
    Curve {
        name: "publish-parked",
        what: "publish, and every subscriber waits for it",
        number_of: "subscribers",
        numbers: MANY,
        grows: Growth::Linear,
        cost: publish_parked,
    },
    Curve {
        name: "publish-behind",
        what: "publish, and no subscriber waits for it",
        number_of: "subscribers",
        numbers: MANY,
        grows: Growth::Level,
        cost: publish_behind,
    },
    Curve {
        name: "publish-topics",
        what: "publish and read an event, with one subscriber of its key",
        number_of: "subscribers of other keys",
        numbers: UP_TO_1_000_000,
        grows: Growth::Level,
        cost: publish_topics,
    },
    Curve {
        name: "topics-full",
        what: "read one event of a full key, the waiting publisher stores, another waits",
        number_of: "subscribers of other keys",
        numbers: UP_TO_1_000_000,
        grows: Growth::Level,
        cost: publish_topics_full,
    },
    Curve {
        name: "topics-come",
        what: "subscribe to a new key, and leave",
        number_of: "subscribers of other keys",
        numbers: UP_TO_1_000_000,
        grows: Growth::Level,
        cost: topics_come_and_go,
    },
    Curve {
        name: "deliver",
        what: "a full round of capacity 256 published and read by all, per delivery",
        number_of: "subscribers",
        numbers: MANY,
        grows: Growth::Level,
        cost: deliver,
    },
    Curve {
        name: "sync-notify",
        what: "sync_notify, from the call to the receipt",
        number_of: "subscribers",
        numbers: MANY,
        grows: Growth::Linear,
        cost: |subscribers| round_trip(1024, subscribers),
    },
    Curve {
        name: "capacity",
        what: "publish one and read one, with room for one event",
        number_of: "capacity",
        numbers: CAPACITIES,
        grows: Growth::Level,
        cost: capacity,
    },
    Curve {
        name: "capacity-sync-notify",
        what: "sync_notify to one subscriber, from the call to the receipt",
        number_of: "capacity",
        numbers: CAPACITIES,
        grows: Growth::Level,
        cost: |capacity| round_trip(capacity, 1),
    },
    Curve {
        name: "waiting-publishers",
        what: "read one, the front publisher stores, another publisher waits",
        number_of: "waiting publishers",
        numbers: UP_TO_1_000,
        grows: Growth::Level,
        cost: waiting_publishers,
    },
    Curve {
        name: "outstanding-sync-notifys",
        what: "finish with one, its receipt, another sync_notify",
        number_of: "outstanding sync_notifys",
        numbers: UP_TO_10_000,
        grows: Growth::Level,
        cost: outstanding_sync_notifys,
    },
    Curve {
        name: "outstanding-deliveries",
        what: "publish one, take its delivery, acknowledge the oldest",
        number_of: "outstanding deliveries",
        numbers: UP_TO_10_000,
        grows: Growth::Level,
        cost: outstanding_deliveries,
    },
    Curve {
        name: "all-leave",
        what: "all subscribers leave at once with an event unread, per subscriber",
        number_of: "subscribers",
        numbers: UP_TO_10_000,
        grows: Growth::Level,
        cost: all_leave,
    },
    Curve {
        name: "flush-after",
        what: "flush with one subscriber, once all the rest have left",
        number_of: "subscribers that have left",
        numbers: MANY,
        grows: Growth::Level,
        cost: |left| {
            after_many(left, |manager| {
                ready(manager.flush()).expect("all events are settled")
            })
        },
    },
    Curve {
        name: "stats-after",
        what: "stats with one subscriber, once all the rest have left",
        number_of: "subscribers that have left",
        numbers: MANY,
        grows: Growth::Level,
        cost: |left| after_many(left, |manager| drop(manager.stats())),
    },
    Curve {
        name: "all-cancelled",
        what: "all waiting publishers are cancelled, the front first, per publisher",
        number_of: "waiting publishers",
        numbers: UP_TO_10_000,
        grows: Growth::Level,
        cost: |publishers| all_cancelled(publishers, false),
    },
    Curve {
        name: "all-cancelled-reverse",
        what: "all waiting publishers are cancelled, the last first, per publisher",
        number_of: "waiting publishers",
        numbers: UP_TO_10_000,
        grows: Growth::Level,
        cost: |publishers| all_cancelled(publishers, true),
    },
    Curve {
        name: "acknowledged-in-reverse",
        what: "all deliveries acknowledged, the newest first, per delivery",
        number_of: "deliveries",
        numbers: MANY,
        grows: Growth::Level,
        cost: acknowledged_in_reverse,
    },
];

fn send(manager: &EventManager<u64>) {
    assert!(manager.try_notify(1).is_ok(), "there is room");
}

fn publish_parked(subscribers: usize) -> f64 {
    let manager = EventManager::new(1024);
    let mut readers: Vec<_> = (0..subscribers).map(|_| manager.subscribe()).collect();
    readers.iter_mut().for_each(park);
    typical(|| {
        let elapsed = time(|| send(&manager));
        for reader in &mut readers {
            take(reader);
            park(reader);
        }
        elapsed
    })
}

fn publish_behind(subscribers: usize) -> f64 {
    let manager = EventManager::new(1024);
    let mut readers: Vec<_> = (0..subscribers).map(|_| manager.subscribe()).collect();
    let each = typical(|| {
        // A single unread event: the subscribers before have settled theirs.
        send(&manager);
        let elapsed = time(|| (0..BATCH).for_each(|_| send(&manager)));
        for reader in &mut readers {
            skip(reader, BATCH + 1);
        }
        elapsed
    });
    each / BATCH as f64
}

/// Opens topics with this many subscribers of keys that no event has, one each.
fn with_other_keys(
    capacity: usize,
    others: usize,
) -> (EventManager<u64>, Topics<u64, u64>, Vec<Filtered<u64>>) {
    let manager = EventManager::new(capacity);
    let topics = manager.topics(|event| *event);
    let others = (0..others as u64)
        .map(|key| topics.subscribe(2 + key))
        .collect();
    (manager, topics, others)
}

fn publish_topics(others: usize) -> f64 {
    let (manager, topics, _others) = with_other_keys(1024, others);
    let mut reader = topics.subscribe(1);
    let each = typical(|| {
        time(|| {
            for _ in 0..BATCH {
                send(&manager);
                take(&mut reader);
            }
        })
    });
    each / BATCH as f64
}

fn publish_topics_full(others: usize) -> f64 {
    let (manager, topics, _others) = with_other_keys(1, others);
    let mut reader = topics.subscribe(1);
    send(&manager);
    let mut waiting = Box::pin(manager.notify(1));
    assert!(poll(&mut waiting).is_pending());
    let each = typical(|| {
        time(|| {
            for _ in 0..BATCH {
                take(&mut reader);
                assert!(poll(&mut waiting).is_ready());
                waiting = Box::pin(manager.notify(1));
                assert!(poll(&mut waiting).is_pending());
            }
        })
    });
    each / BATCH as f64
}

fn topics_come_and_go(others: usize) -> f64 {
    let (_manager, topics, _others) = with_other_keys(1024, others);
    let each = typical(|| time(|| (0..BATCH).for_each(|_| drop(topics.subscribe(1)))));
    each / BATCH as f64
}

fn deliver(subscribers: usize) -> f64 {
    const CAPACITY: usize = 256;
    let manager = EventManager::new(CAPACITY);
    let mut readers: Vec<_> = (0..subscribers).map(|_| manager.subscribe()).collect();
    readers.iter_mut().for_each(park);
    let round = typical(|| {
        time(|| {
            (0..CAPACITY).for_each(|_| send(&manager));
            assert!(manager.try_notify(1).is_err(), "it is full");
            for reader in &mut readers {
                skip(reader, CAPACITY);
                park(reader);
            }
        })
    });
    round / (CAPACITY * subscribers) as f64
}

fn round_trip(capacity: usize, subscribers: usize) -> f64 {
    let manager = EventManager::new(capacity);
    let mut readers: Vec<_> = (0..subscribers).map(|_| manager.subscribe()).collect();
    readers.iter_mut().for_each(park);
    typical(|| {
        time(|| {
            let mut done = manager.sync_notify(1);
            assert!(poll(&mut done).is_pending());
            for reader in &mut readers {
                take(reader);
                park(reader);
            }
            let receipt = ready(done).expect("the manager is open");
            assert_eq!(receipt.acked(), subscribers);
        })
    })
}

fn capacity(capacity: usize) -> f64 {
    let manager = EventManager::new(capacity);
    let mut reader = manager.subscribe();
    (1..capacity).for_each(|_| send(&manager));
    let each = typical(|| {
        time(|| {
            for _ in 0..BATCH {
                send(&manager);
                take(&mut reader);
            }
        })
    });
    each / BATCH as f64
}

fn waiting_publishers(publishers: usize) -> f64 {
    let manager = EventManager::new(16);
    let mut reader = manager.subscribe();
    (0..16).for_each(|_| send(&manager));
    let wait = || {
        let mut waiting = manager.notify(1);
        assert!(poll(&mut waiting).is_pending());
        waiting
    };
    let mut queue: VecDeque<_> = (0..publishers).map(|_| wait()).collect();
    let each = typical(|| {
        time(|| {
            for _ in 0..BATCH {
                take(&mut reader);
                let head = queue.pop_front().expect("a publisher waits");
                assert_eq!(ready(head).ok(), Some(1));
                queue.push_back(wait());
            }
        })
    });
    each / BATCH as f64
}

fn outstanding_sync_notifys(outstanding: usize) -> f64 {
    let manager = EventManager::new(outstanding + 1);
    let mut reader = manager.subscribe();
    let publish = || {
        let mut waiting = manager.sync_notify(1);
        assert!(poll(&mut waiting).is_pending());
        waiting
    };
    let mut queue: VecDeque<_> = (0..outstanding).map(|_| publish()).collect();
    let each = typical(|| {
        time(|| {
            for _ in 0..BATCH {
                take(&mut reader);
                reader.ack();
                let done = queue.pop_front().expect("an event is outstanding");
                assert!(ready(done).is_ok());
                queue.push_back(publish());
            }
        })
    });
    each / BATCH as f64
}

fn outstanding_deliveries(outstanding: usize) -> f64 {
    let manager = EventManager::new(outstanding + 1024);
    let mut reader = manager.subscribe().deliveries();
    let mut held: VecDeque<_> = VecDeque::new();
    for _ in 0..outstanding {
        send(&manager);
        held.push_back(take(&mut reader));
    }
    let each = typical(|| {
        time(|| {
            for _ in 0..BATCH {
                send(&manager);
                // Acknowledge the oldest first: at most the capacity may be unacked.
                held.pop_front().expect("an event is outstanding").ack();
                held.push_back(take(&mut reader));
            }
        })
    });
    each / BATCH as f64
}

fn all_leave(subscribers: usize) -> f64 {
    let all = typical(|| {
        let manager = EventManager::new(16);
        let readers: Vec<_> = (0..subscribers).map(|_| manager.subscribe()).collect();
        let mut done = manager.sync_notify(1);
        assert!(poll(&mut done).is_pending());
        let elapsed = time(|| drop(readers));
        let receipt = ready(done).expect("the manager is open");
        assert_eq!(receipt.dropped(), subscribers);
        elapsed
    });
    all / subscribers as f64
}

fn after_many(left: usize, look: impl Fn(&EventManager<u64>)) -> f64 {
    let manager = EventManager::new(16);
    let crowd: Vec<_> = (0..left).map(|_| manager.subscribe()).collect();
    let _latest = manager.subscribe();
    drop(crowd);
    let each = typical(|| time(|| (0..BATCH).for_each(|_| look(&manager))));
    each / BATCH as f64
}

fn all_cancelled(publishers: usize, last_first: bool) -> f64 {
    let manager = EventManager::new(1);
    let _reader = manager.subscribe();
    send(&manager);
    let all = typical(|| {
        let mut queue = Vec::new();
        for _ in 0..publishers {
            let mut waiting = manager.notify(1);
            assert!(poll(&mut waiting).is_pending());
            queue.push(waiting);
        }
        if last_first {
            queue.reverse();
        }
        time(|| drop(queue))
    });
    all / publishers as f64
}

fn acknowledged_in_reverse(deliveries: usize) -> f64 {
    let manager = EventManager::new(deliveries.max(1024));
    let mut reader = manager.subscribe().deliveries();
    let all = typical(|| {
        (0..deliveries).for_each(|_| send(&manager));
        let held: Vec<_> = (0..deliveries).map(|_| take(&mut reader)).collect();
        let elapsed = time(|| {
            for delivery in held.into_iter().rev() {
                delivery.ack();
            }
        });
        assert!(reader.poll_next_unpin(&mut context()).is_pending());
        elapsed
    });
    all / deliveries as f64
}
