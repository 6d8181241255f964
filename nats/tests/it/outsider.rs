//! Accidents: panics, closed managers, runtimes that end, odd windows and ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use bytes::Bytes;
use genevent::{EventManager, EventStreamExt};
use genevent_nats::{
    Backoff, Cluster, ClusterOptions, Codec, Inbound, InboundError, Json, Outbound, OutboundError,
};

use crate::server::Server;
use crate::setup::{Setup, in_order, until};

const SHORT: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));

/// JSON, with a panic at number 13.
struct Unlucky;

impl Codec<u32> for Unlucky {
    type Error = <Json as Codec<u32>>::Error;

    fn encode(&self, event: &u32) -> Result<Bytes, Self::Error> {
        assert_ne!(*event, 13, "cannot encode 13");
        Json.encode(event)
    }

    fn decode(&self, payload: Bytes) -> Result<u32, Self::Error> {
        let event = Json.decode(payload)?;
        assert_ne!(event, 13, "cannot decode 13");
        Ok(event)
    }
}

#[tokio::test]
async fn a_codec_that_panics_ends_its_bridge_and_acknowledges_nothing() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(8);
    let deliveries = manager.subscribe().deliveries();
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").codec(Unlucky);
    let outbound = outbound.max_in_flight(4).run(deliveries).await.unwrap();
    assert!(manager.sync_notify(1).await.unwrap().all_acked());
    let receipt = manager.sync_notify(13).await.unwrap();
    assert!(!receipt.all_acked() && !receipt.is_unheard(), "{receipt}");
    let panic = tokio::spawn(outbound.shutdown()).await.unwrap_err();
    assert!(panic.is_panic());

    setup.publish([13, 2]).await;
    let consumer = setup.consumer(in_order()).await;
    let kitchen = EventManager::<u32>::new(8);
    let work = kitchen.subscribe().deliveries();
    tokio::spawn(work.for_each_acked(1, async |_| ()));
    let inbound = Inbound::new(consumer.clone()).codec(Unlucky);
    let mut inbound = inbound.run(&kitchen).await.unwrap();
    let panic = tokio::spawn(async move { inbound.ended().await });
    assert!(panic.await.unwrap_err().is_panic());
    assert_eq!(setup.unacknowledged(&consumer).await, 2, "13 and 2");
}

#[tokio::test]
async fn a_node_that_delivers_no_longer_is_not_waited_for() {
    let server = Server::start();
    let join = async |node: &str| {
        let client = async_nats::connect(server.url()).await.unwrap();
        let options = ClusterOptions::with_codec(Unlucky).node(node);
        Cluster::join_with(
            client,
            "test",
            options.heartbeat(Duration::from_millis(600)),
        )
        .await
        .unwrap()
    };
    let client = async_nats::connect(server.url()).await.unwrap();
    let options = ClusterOptions::<u32>::new().node("a");
    let a = Cluster::join_with(
        client,
        "test",
        options.heartbeat(Duration::from_millis(600)),
    );
    let (a, b, c) = (a.await.unwrap(), join("b").await, join("c").await);
    until("three members", || a.members() == ["a", "b", "c"]).await;

    b.local().close();
    let receipt = a.sync_notify(&1).await.unwrap();
    assert!(receipt.gone().all(|node| node == "b"), "{receipt}");
    until("b is gone", || a.members() == ["a", "c"]).await;

    let mut events = c.subscribe();
    let receipt = a.sync_notify(&13).await.unwrap();
    assert_eq!(receipt.gone().collect::<Vec<_>>(), ["c"]);
    assert_eq!(events.next().await, None, "the manager of c is closed");
    until("c is gone", || a.members() == ["a"]).await;
    b.leave().await;
    c.leave().await;
}

#[tokio::test]
async fn events_of_several_managers_are_no_doubles_of_each_other() {
    let mut setup = Setup::new().await;
    let managers = [EventManager::<u32>::new(8), EventManager::<u32>::new(8)];
    let deliveries = managers.each_ref().map(|it| it.subscribe().deliveries());
    let deliveries = futures::stream::select_all(deliveries);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(4);
    let outbound = outbound.run(deliveries).await.unwrap();
    for number in 0..3 {
        for manager in &managers {
            assert!(manager.sync_notify(number).await.unwrap().all_acked());
        }
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.duplicates), (6, 0));
    assert_eq!(setup.stream.info().await.unwrap().state.messages, 6);
}

#[tokio::test]
async fn ids_of_the_user_may_repeat_and_are_refused_if_they_are_none() {
    let mut setup = Setup::new().await;
    let manager = EventManager::<u32>::new(64);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(8);
    let outbound = outbound.message_id(|event: &u32| match event {
        100 => String::new(),
        101 => "two\r\nlines".to_owned(),
        102 => " 1".to_owned(),
        _ => event.to_string(),
    });
    let outbound = outbound.run(manager.subscribe().deliveries());
    let outbound = outbound.await.unwrap();
    for event in [1, 2, 1, 3, 3, 100, 4, 2, 101, 5, 102, 6] {
        manager.notify(event).await.unwrap();
    }
    manager.flush().await.unwrap();
    let receipt = manager.sync_notify(101).await.unwrap();
    assert!(receipt.to_string().contains("no message id"), "{receipt}");
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.refused), (9, 4), "{counts:?}");
    let last = setup.stream.info().await.unwrap().state.last_sequence;
    let mut stored = Vec::new();
    for number in 1..=last {
        let message = setup.stored(number).await;
        stored.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    assert_eq!(stored, ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn a_window_without_bound_is_bounded_by_what_the_broker_and_the_client_take() {
    const EVENTS: u32 = 3000;
    let setup = Setup::new().await;
    let consumer = setup
        .consumer(pull::Config {
            max_ack_pending: -1,
            ack_wait: Duration::from_secs(30),
            ..in_order()
        })
        .await;
    let kitchen = EventManager::<u32>::new(4096);
    let work = kitchen.subscribe().deliveries();
    tokio::spawn(work.for_each_acked(None, async |_| ()));
    let inbound = Inbound::new(consumer).max_in_flight(usize::MAX);
    let inbound = inbound.run(&kitchen).await.unwrap();

    let shop = EventManager::<u32>::new(4096);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers");
    let outbound = outbound.max_in_flight(usize::MAX);
    let outbound = outbound.run(shop.subscribe().deliveries()).await.unwrap();
    for number in 0..EVENTS {
        shop.notify(number).await.unwrap();
    }
    until("all acknowledged", || {
        inbound.counts().acked == u64::from(EVENTS)
    })
    .await;
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(counts.confirmed, u64::from(EVENTS));
    assert_eq!(inbound.shutdown().await.unwrap().redelivered, 0);
}

#[tokio::test]
async fn a_subscriber_that_leaves_in_the_middle_has_not_finished() {
    let (setup, consumer) = Setup::in_order([1]).await;
    let manager = EventManager::<u32>::new(8);
    let mut leaver = manager.subscribe();
    let mut stayer = manager.subscribe().deliveries();
    let inbound = Inbound::new(consumer.clone()).backoff(SHORT);
    let inbound = inbound.run(&manager).await.unwrap();
    assert_eq!(leaver.next().await, Some(1));
    stayer.next().await.unwrap().ack();
    drop(leaver);
    assert_eq!(stayer.next().await.unwrap().ack(), 1, "once more");
    setup.settled(&consumer).await;
    let counts = inbound.shutdown().await.unwrap();
    assert_eq!((counts.acked, counts.nacked), (1, 1));
}

#[tokio::test]
async fn a_manager_closed_in_the_middle_still_acknowledges_what_its_subscribers_finish() {
    let (setup, consumer) = Setup::in_order([1, 2]).await;
    let manager = EventManager::<u32>::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let mut inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    let job = jobs.next().await.unwrap();
    manager.close();
    job.ack();
    assert_eq!(inbound.ended().await.unwrap().acked, 1);
    assert_eq!(setup.settled(&consumer).await, 1, "2 is left");
}

#[tokio::test]
async fn a_dropped_shutdown_gives_up_and_the_message_comes_again() {
    let (setup, consumer) = Setup::in_order([1]).await;
    let manager = EventManager::<u32>::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    let job = jobs.next().await.unwrap();
    let shutdown = tokio::time::timeout(Duration::from_millis(50), inbound.shutdown());
    assert!(shutdown.await.is_err());
    job.ack(); // the broker is not told
    let inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    assert_eq!(jobs.next().await.unwrap().ack(), 1, "after ack_wait");
    setup.settled(&consumer).await;
    assert_eq!(inbound.shutdown().await.unwrap().redelivered, 1);
}

#[tokio::test]
async fn a_server_that_is_gone_at_the_start_is_an_error() {
    let mut setup = Setup::new().await;
    let consumer = setup.consumer(in_order()).await;
    setup.server.kill();
    let manager = EventManager::<u32>::new(8);
    let inbound = Inbound::new(consumer).run(&manager);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers")
        .confirm_within(Duration::from_millis(500))
        .run(manager.subscribe().deliveries());
    let (inbound, outbound) = tokio::join!(inbound, outbound);
    assert!(matches!(inbound, Err(InboundError::Unreachable(_))));
    assert!(matches!(outbound, Err(OutboundError::Unreachable(_))));
    assert_eq!(manager.subscriber_count(), 0);
}

#[test]
fn a_bridge_may_run_on_another_runtime_than_its_client_and_end_with_it() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (clients, bridges) = (runtime(), runtime());
    let manager = EventManager::<u32>::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let (setup, consumer) = clients.block_on(async { Setup::in_order([1, 2]).await });
    let started = Inbound::new(consumer.clone()).run(&manager);
    let lost = bridges.block_on(started).unwrap();
    assert_eq!(clients.block_on(jobs.next()).unwrap().ack(), 1);
    let job = clients.block_on(jobs.next()).unwrap();
    bridges.shutdown_timeout(Duration::from_secs(5));
    job.ack(); // the bridge is gone
    let panicked = Arc::new(AtomicBool::new(false));
    clients.block_on(async {
        let shutdown = tokio::spawn(lost.shutdown()).await;
        panicked.store(shutdown.is_err(), Ordering::Relaxed);
        let inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
        assert_eq!(jobs.next().await.unwrap().ack(), 2, "again");
        setup.settled(&consumer).await;
        inbound.shutdown().await.unwrap();
    });
    assert!(panicked.load(Ordering::Relaxed));
    clients.block_on(async { drop(setup) });
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_not_published_without_a_pause() {
    let (_setup, consumer) = Setup::in_order([1]).await;
    let manager = EventManager::<u32>::new(8);
    let _picky = manager.subscribe_filter(|_| false);
    let hour = Duration::from_secs(3600);
    let inbound = Inbound::new(consumer).backoff(Backoff::new(hour, hour));
    let inbound = inbound.run(&manager).await.unwrap();
    until("published", || manager.stats().published() == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(manager.stats().published(), 1);
    assert_eq!(inbound.shutdown().await.unwrap().nacked, 1);
}
