//! Follow-ups from every kind of stream.

use futures::{FutureExt, Stream, StreamExt};
use genevent::error::{FollowUpError, TryNotifyError};
use genevent::{
    Batch, Delivery, EventManager, EventStreamExt, Filtered, FollowUps, SubscribeOptions,
    Subscription, WithMissed,
};

use crate::drive::{now, read};

/// A reader of a manager of numbers.
trait Reading {
    /// Reads the next event, and keeps it in flight.
    fn read(&mut self) -> u32;

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>>;

    /// Finishes the event in flight.
    fn finish(&mut self);
}

impl Reading for Subscription<u32> {
    fn read(&mut self) -> u32 {
        read(self).unwrap()
    }

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>> {
        self.follow_up(event)
    }

    fn finish(&mut self) {
        self.ack();
    }
}

impl Reading for WithMissed<u32> {
    fn read(&mut self) -> u32 {
        match read(self) {
            Some(genevent::Received::Event(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>> {
        self.get_ref().follow_up(event)
    }

    fn finish(&mut self) {
        self.get_mut().ack();
    }
}

impl<T: Into<u64> + Send + 'static> Reading for Filtered<T> {
    fn read(&mut self) -> u32 {
        u32::try_from(read(self).unwrap().into()).unwrap()
    }

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>> {
        self.follow_ups().notify(event)
    }

    fn finish(&mut self) {
        self.ack();
    }
}

/// A stage, and the subscription before it, which must finish each event first.
struct Stage {
    before: Subscription<u32>,
    stage: Subscription<u32>,
}

impl Reading for Stage {
    fn read(&mut self) -> u32 {
        let event = read(&mut self.before);
        self.before.ack();
        assert_eq!(read(&mut self.stage), event);
        event.unwrap()
    }

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>> {
        self.stage.follow_up(event)
    }

    fn finish(&mut self) {
        self.stage.ack();
    }
}

/// A plain subscription behind a combinator, with its handle.
struct Mapped<S>(S, FollowUps<u32>);

impl<S: Stream<Item = u32> + Unpin> Reading for Mapped<S> {
    fn read(&mut self) -> u32 {
        read(&mut self.0).unwrap()
    }

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>> {
        self.1.notify(event)
    }

    fn finish(&mut self) {
        assert!(self.0.next().now_or_never().is_none());
    }
}

/// An item of a stream with explicit acknowledgements.
trait Job {
    fn event(&self) -> u32;

    /// Publishes by the item, or by the handle of the stream if the item is no event.
    fn follow_up(&self, event: u32, handle: &FollowUps<u32>) -> Result<usize, FollowUpError<u32>>;

    fn finish(self);
}

impl Job for Delivery<u32> {
    fn event(&self) -> u32 {
        **self
    }

    fn follow_up(&self, event: u32, _: &FollowUps<u32>) -> Result<usize, FollowUpError<u32>> {
        self.follow_up(event)
    }

    fn finish(self) {
        self.ack();
    }
}

impl Job for Delivery<u64> {
    fn event(&self) -> u32 {
        u32::try_from(**self).unwrap()
    }

    fn follow_up(&self, event: u32, handle: &FollowUps<u32>) -> Result<usize, FollowUpError<u32>> {
        handle.notify(event)
    }

    fn finish(self) {
        self.ack();
    }
}

impl Job for Batch<u32> {
    fn event(&self) -> u32 {
        assert_eq!(self.len(), 1);
        self[0]
    }

    fn follow_up(&self, event: u32, _: &FollowUps<u32>) -> Result<usize, FollowUpError<u32>> {
        self.follow_up(event)
    }

    fn finish(self) {
        self.ack();
    }
}

struct Jobs<S: Stream> {
    stream: S,
    follow_ups: FollowUps<u32>,
    job: Option<S::Item>,
}

impl<S: Stream<Item: Job> + Unpin> Reading for Jobs<S> {
    fn read(&mut self) -> u32 {
        self.finish();
        self.job.insert(read(&mut self.stream).unwrap()).event()
    }

    fn follow_up(&self, event: u32) -> Result<usize, FollowUpError<u32>> {
        match &self.job {
            Some(job) => job.follow_up(event, &self.follow_ups),
            None => self.follow_ups.notify(event),
        }
    }

    fn finish(&mut self) {
        self.job.take().into_iter().for_each(Job::finish);
    }
}

fn jobs<S: Stream<Item: Job> + Unpin + 'static>(
    stream: S,
    follow_ups: FollowUps<u32>,
) -> Box<dyn Reading> {
    let job = None;
    Box::new(Jobs {
        stream,
        follow_ups,
        job,
    })
}

/// Subscribes; the first event to be read is event 1, which is published here.
type Subscribe = fn(&EventManager<u32>) -> Box<dyn Reading>;

const KINDS: [(&str, Subscribe); 12] = [
    ("plain", |manager| {
        let reader = manager.subscribe();
        manager.try_notify(1).unwrap();
        Box::new(reader)
    }),
    ("with missed", |manager| {
        let reader = manager.subscribe().with_missed();
        manager.try_notify(1).unwrap();
        Box::new(reader)
    }),
    ("filtered", |manager| {
        let reader = manager.subscribe_filter(|_| true);
        manager.try_notify(1).unwrap();
        Box::new(reader)
    }),
    ("filtered and mapped", |manager| {
        let reader = manager.subscribe_filter_map(|n| Some(u64::from(*n)));
        manager.try_notify(1).unwrap();
        Box::new(reader)
    }),
    ("stage", |manager| {
        let before = manager.subscribe();
        let stage = manager.subscribe_after(&before);
        manager.try_notify(1).unwrap();
        Box::new(Stage { before, stage })
    }),
    ("replaying", |manager| {
        manager.try_notify(1).unwrap();
        let reader = manager.subscribe_with(SubscribeOptions::new().replay(1));
        Box::new(reader)
    }),
    ("combinator", |manager| {
        let reader = manager.subscribe();
        let follow_ups = reader.follow_ups();
        manager.try_notify(1).unwrap();
        Box::new(Mapped(reader.map(|n| n), follow_ups))
    }),
    ("deliveries", |manager| {
        let reader = manager.subscribe().deliveries();
        manager.try_notify(1).unwrap();
        let follow_ups = reader.follow_ups();
        jobs(reader, follow_ups)
    }),
    ("converted deliveries", |manager| {
        let reader = manager.subscribe().deliveries();
        manager.try_notify(1).unwrap();
        let follow_ups = reader.follow_ups();
        let converted = |job: Delivery<u32>| job.map(u64::from);
        jobs(reader.map(converted), follow_ups)
    }),
    ("filtered deliveries", |manager| {
        let reader = manager.subscribe_filter_map(|n| Some(u64::from(*n)));
        let reader = reader.deliveries();
        manager.try_notify(1).unwrap();
        let follow_ups = reader.follow_ups();
        jobs(reader.filter_acked(|_| true), follow_ups)
    }),
    ("replaying deliveries", |manager| {
        manager.try_notify(1).unwrap();
        let reader = manager.subscribe_with(SubscribeOptions::new().replay(1));
        let reader = reader.deliveries();
        let follow_ups = reader.follow_ups();
        jobs(reader, follow_ups)
    }),
    ("batches", |manager| {
        let reader = manager.subscribe().deliveries();
        manager.try_notify(1).unwrap();
        let follow_ups = reader.follow_ups();
        jobs(reader.ready_batches(1), follow_ups)
    }),
];

#[test]
fn every_kind_of_reader_publishes_to_its_full_manager() {
    for (kind, subscribe) in KINDS {
        let manager = EventManager::builder().capacity(1).retain(1).build();
        let mut reader = subscribe(&manager);
        let audience = manager.subscriber_count();
        assert_eq!(reader.read(), 1, "{kind}");
        for n in 2..=4 {
            assert_eq!(reader.follow_up(n), Ok(audience), "{kind}");
        }
        assert_eq!(
            manager.try_notify(9),
            Err(TryNotifyError::Full(9)),
            "{kind}"
        );
        for n in 2..=4 {
            assert_eq!(reader.read(), n, "{kind}");
        }
        // A follow-up of a follow-up.
        assert_eq!(reader.follow_up(5), Ok(audience), "{kind}");
        assert_eq!(reader.read(), 5, "{kind}");
        assert_eq!(now(manager.notify(6)), Ok(audience), "{kind}");
    }
}

#[test]
fn without_an_event_in_flight_the_follow_up_comes_back() {
    for (kind, subscribe) in KINDS {
        let manager = EventManager::builder().capacity(1).retain(1).build();
        let mut reader = subscribe(&manager);
        let early = reader.follow_up(2);
        assert_eq!(early, Err(FollowUpError::NothingInFlight(2)), "{kind}");
        assert_eq!(reader.read(), 1, "{kind}");
        reader.finish();
        let late = reader.follow_up(2);
        assert_eq!(late, Err(FollowUpError::NothingInFlight(2)), "{kind}");
        assert_eq!(
            now(manager.notify(2)),
            Ok(manager.subscriber_count()),
            "{kind}"
        );
        assert_eq!(reader.read(), 2, "{kind}");
        assert!(reader.follow_up(3).is_ok(), "{kind}");
    }
}
