//! The registry, subscribers and buckets around the future under test.

use futures::{FutureExt, StreamExt};
use genevent::kv::{Bucket, Registry, RegistryEvent};
use genevent::{EventManager, SubscriberId};
use tokio::task::yield_now;

use super::rows::{BEFORE, Call, Changes, Row, change};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    BucketStops,
    RegistryGoes,
    ManagerCloses,
    SubscriberLeaves,
    SubscriberIsDisconnected,
    SubscribersReadOn,
}

pub(crate) const TROUBLES: [Trouble; 7] = [
    Trouble::Nothing,
    Trouble::BucketStops,
    Trouble::RegistryGoes,
    Trouble::ManagerCloses,
    Trouble::SubscriberLeaves,
    Trouble::SubscriberIsDisconnected,
    Trouble::SubscribersReadOn,
];

pub(crate) struct Subscriber {
    pub(crate) stream: Option<Changes>,
    pub(crate) got: Vec<String>,
}

impl Subscriber {
    fn new(stream: Option<Changes>) -> Self {
        Self {
            stream,
            got: Vec::new(),
        }
    }

    /// Reads an event; returns false if there is none to read.
    fn read(&mut self) -> bool {
        let next = self
            .stream
            .as_mut()
            .and_then(|stream| stream.next().now_or_never());
        let event = next.flatten();
        let has_read = event.is_some();
        self.got.extend(event);
        has_read
    }
}

/// A registry with the bucket "main", and two subscribers; a third if the row is a subscriber.
pub(crate) struct World {
    trouble: Trouble,
    events: EventManager<RegistryEvent<u32>>,
    pub(crate) registry: Option<Registry<u32>>,
    pub(crate) bucket: Bucket<u32>,
    first: Subscriber,
    first_id: SubscriberId,
    second: Subscriber,
    pub(crate) mine: Subscriber,
}

impl World {
    pub(crate) async fn new(row: &Row, trouble: Trouble) -> Self {
        let events = EventManager::new(2);
        let (first, second) = (events.subscribe(), events.subscribe());
        let first_id = first.id();
        let registry = Registry::new(events.clone());
        let mine = match row.call {
            Call::Adapter(adapt) => Some(adapt(events.subscribe())),
            Call::Watch(watch) => Some(watch(&registry)),
            Call::Handles(_) => None,
        };
        let bucket = registry.create("main").await.unwrap();
        bucket.put("key", BEFORE).await;
        Self {
            trouble,
            events,
            registry: Some(registry),
            bucket,
            first: Subscriber::new(Some(first.map(|e| change(&e)).boxed_local())),
            first_id,
            second: Subscriber::new(Some(second.map(|e| change(&e)).boxed_local())),
            mine: Subscriber::new(mine),
        }
    }

    pub(crate) fn strike(&mut self) {
        match self.trouble {
            Trouble::Nothing => {}
            Trouble::BucketStops => self.bucket.stop(),
            Trouble::RegistryGoes => self.registry = None,
            Trouble::ManagerCloses => self.events.close(),
            Trouble::SubscriberLeaves => self.first.stream = None,
            Trouble::SubscriberIsDisconnected => _ = self.events.disconnect(self.first_id),
            Trouble::SubscribersReadOn => _ = (self.first.read(), self.second.read()),
        }
    }

    /// Runs a step of the world, after each poll of the future.
    pub(crate) async fn step(&mut self, step: usize) {
        match step {
            9 => self.bucket.stop(),
            _ if step % 3 == 0 => yield_now().await,
            _ if step % 3 == 1 => _ = self.first.read(),
            _ => _ = self.second.read(),
        }
    }

    /// Runs all tasks until they all wait.
    async fn settle(&mut self) {
        let mut idle = 0;
        while idle < 5 {
            yield_now().await;
            let read = [self.first.read(), self.second.read(), self.mine.read()];
            idle = if read.contains(&true) { 0 } else { idle + 1 };
        }
    }

    /// Lets all tasks continue, then checks that they did, and that they agree on the changes.
    pub(crate) async fn check(mut self, row: &Row, was_ready: bool) {
        let was_closed = self.events.is_closed();
        let lives = self.bucket.stopped().now_or_never().is_none();
        let value = if was_ready {
            row.changes_to()
        } else {
            Some(BEFORE)
        };
        let found = self
            .bucket
            .get("key")
            .now_or_never()
            .expect("it never waits");
        assert_eq!(found, value.filter(|_| lives));

        let creates = row.name == "Registry::create" && was_ready;
        if let Some(registry) = self.registry.take() {
            assert_eq!(registry.lookup("new").is_some(), creates, "half created");
            let mut flush = registry.flush().boxed_local();
            if (&mut flush).now_or_never().is_none() {
                self.settle().await;
                flush.now_or_never().expect("flush hangs");
            }
        }
        // The last registry was dropped: its buckets end.
        self.settle().await;
        let stopped = self.bucket.stopped().now_or_never();
        assert!(stopped.is_some(), "who waits for the bucket's end hangs");

        let all = &self.second.got;
        if !was_closed {
            let place = |change: &str| all.iter().position(|other| other == change);
            assert_eq!(all.len(), if creates { 4 } else { 2 }, "{all:?}");
            assert!(place("+main").is_some() && place("+main") < place("-main"));
            assert_eq!(place("+new").is_some(), creates);
            assert!(place("+new") < place("-new") || !creates);
        }
        assert!(all.starts_with(&self.first.got), "told to some");
        let leaves = [Trouble::SubscriberLeaves, Trouble::SubscriberIsDisconnected];
        if !leaves.contains(&self.trouble) {
            assert_eq!(self.first.got, *all, "told to some");
        }
        if self.mine.stream.is_some() {
            let passed = all.iter().filter(|change| row.passes(change));
            assert!(
                self.mine.got.iter().eq(passed),
                "{:?} of {all:?}",
                self.mine.got
            );
        }
    }
}
