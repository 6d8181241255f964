//! From a manager to the broker.

mod answers;

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use futures::FutureExt;
use genevent::EventManager;
use genevent_nats::{Backoff, Codec, Inbound, ORIGIN, Outbound, OutboundError, Raw};

use crate::proxy::Proxy;
use crate::server::Server;
use crate::setup::{Setup, events, in_order, until};

#[tokio::test]
async fn a_receipt_says_that_the_stream_has_the_event() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(8);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").origin("a");
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    for number in 0..3 {
        let receipt = manager.sync_notify(number).await.unwrap();
        assert!(receipt.all_acked(), "{receipt}");
        let stored = setup.stored(u64::from(number) + 1).await;
        assert_eq!(stored.payload, number.to_string());
        assert_eq!(stored.headers.get(ORIGIN).unwrap().as_str(), "a");
        assert!(stored.headers.get("Nats-Msg-Id").is_some());
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.retries), (3, 0));
    assert_eq!(manager.subscriber_count(), 0);
}

#[tokio::test]
async fn each_event_chooses_its_subject_and_id() {
    let setup = Setup::new().await;
    let manager = EventManager::<Vec<u8>>::new(8);
    let subject = |event: &Vec<u8>| format!("events.{}", event.len());
    let outbound = Outbound::new(setup.jetstream.clone(), subject)
        .codec(Raw)
        .message_id(|event| format!("{event:?}"));
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    for event in [vec![1, 2], vec![1, 2], vec![3]] {
        assert!(manager.sync_notify(event).await.unwrap().all_acked());
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(
        (counts.confirmed, counts.duplicates),
        (3, 1),
        "the same id twice"
    );
    let last = setup.stored(2).await;
    assert_eq!(
        (last.subject.as_str(), &last.payload[..]),
        ("events.1", &[3][..])
    );
}

#[tokio::test]
async fn order_survives_cut_connections_beside_another_publisher() {
    const EVENTS: u32 = 3000;
    let setup = Setup::new().await;
    let mut proxies = Vec::new();
    let mut bridges = Vec::new();
    for node in 0..2 {
        let proxy = Proxy::before(setup.server.port()).await;
        let client = async_nats::connect(proxy.url()).await.unwrap();
        let manager = EventManager::<u32>::new(64);
        let subject = format!("events.{node}");
        let outbound = Outbound::new(jetstream::new(client), subject).max_in_flight(32);
        let outbound = outbound
            .run(manager.subscribe().deliveries())
            .await
            .unwrap();
        let published = tokio::spawn(async move {
            for number in 0..EVENTS {
                manager.notify(number).await.unwrap();
            }
            manager.flush().await.unwrap();
        });
        bridges.push((outbound, published));
        proxies.push(proxy);
    }
    while !bridges.iter().all(|it| it.1.is_finished()) {
        tokio::time::sleep(Duration::from_millis(40)).await;
        proxies.iter().for_each(Proxy::cut);
        tokio::time::sleep(Duration::from_millis(160)).await;
    }
    let mut retries = 0;
    for (outbound, published) in bridges {
        published.await.unwrap();
        let counts = outbound.shutdown().await.unwrap();
        assert_eq!((counts.confirmed, counts.unchecked), (u64::from(EVENTS), 0));
        retries += counts.retries;
    }
    assert!(retries > 0, "the connections were cut");
    let state = setup.stream.get_info().await.unwrap().state;
    assert_eq!(
        state.messages,
        2 * u64::from(EVENTS),
        "neither lost nor twice"
    );
    let mut next = [0, 0];
    for sequence in 1..=state.last_sequence {
        let stored = setup.stored(sequence).await;
        let node = usize::from(stored.subject.ends_with('1'));
        assert_eq!(stored.payload, next[node].to_string());
        next[node] += 1;
    }
}

/// A message that is lost with its connection, while the next ones reach the broker by a new
/// connection: the window is not full, so they are not held back.
#[tokio::test]
async fn a_lost_message_leaves_no_hole_in_the_order() {
    const EVENTS: u32 = 1500;
    let setup = Setup::new().await;
    let proxy = Proxy::before(setup.server.port()).await;
    let client = async_nats::connect(proxy.url()).await.unwrap();
    let manager = EventManager::<u32>::new(64);
    let outbound = Outbound::new(jetstream::new(client), "events.numbers").max_in_flight(1000);
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    for number in 0..EVENTS {
        manager.notify(number).await.unwrap();
        if number % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if number % 50 == 49 {
            proxy.cut();
        }
    }
    manager.flush().await.unwrap();
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(counts.confirmed, u64::from(EVENTS));
    setup.assert_stored_up_to(u64::from(EVENTS)).await;
}

#[tokio::test]
async fn a_restarted_server_gets_what_was_unconfirmed() {
    let mut setup = Setup::new().await;
    let manager = EventManager::<u32>::new(64);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(8);
    let outbound = outbound.confirm_within(Duration::from_secs(1));
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    manager.sync_notify(0).await.unwrap();
    setup.server.kill();
    for number in 1..20 {
        manager.notify(number).await.unwrap();
    }
    let mut stored = manager.flush().boxed();
    assert!(
        (&mut stored).now_or_never().is_none(),
        "nobody has them yet"
    );
    setup.server.restart();
    stored.await.unwrap();
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(counts.confirmed, 20);
    setup.assert_stored_up_to(20).await;
}

/// Refuses odd numbers.
struct Even;

impl Codec<u32> for Even {
    type Error = std::io::Error;

    fn encode(&self, event: &u32) -> Result<bytes::Bytes, Self::Error> {
        if event % 2 == 1 {
            return Err(std::io::Error::other("odd"));
        }
        Ok(vec![b'x'; *event as usize].into())
    }

    fn decode(&self, payload: bytes::Bytes) -> Result<u32, Self::Error> {
        Ok(u32::try_from(payload.len()).expect("payloads are small"))
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_published_is_named_in_its_receipt_and_delays_no_other() {
    let setup = Setup::new().await;
    let other = stream::Config {
        name: "OTHER".to_owned(),
        subjects: vec!["other.>".to_owned()],
        ..Default::default()
    };
    setup.jetstream.create_stream(other).await.unwrap();
    let manager = EventManager::<u32>::new(8);
    let subject = |event: &u32| match event {
        0 => "nobody.listens",
        4 => "other.stream",
        6 => "not a subject",
        _ => "events.numbers",
    };
    let outbound = Outbound::new(setup.jetstream.clone(), subject).codec(Even);
    let outbound = outbound
        .max_in_flight(4)
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    for (event, reason) in [
        (0, "no stream stores subject \"nobody.listens\""),
        (2, ""),
        (1, "not encodable: odd"),
        (4, "expected stream does not match"),
        (6, "no subject: \"not a subject\""),
        (2_000_000, "max payload size exceeded"),
        (8, ""),
    ] {
        let receipt = manager.sync_notify(event).await.unwrap();
        assert_eq!(receipt.all_acked(), reason.is_empty(), "{receipt}");
        assert!(receipt.to_string().contains(reason), "{receipt}");
    }
    // Together, so that refused events are in the middle of the chain.
    for event in [2, 4, 6, 1, 4, 8] {
        manager.notify(event).await.unwrap();
    }
    manager.flush().await.unwrap();
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.refused), (4, 9), "{counts:?}");
}

#[tokio::test]
async fn a_stream_that_would_store_doubles_is_refused() {
    let server = Server::start();
    let jetstream = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let manager = EventManager::<u32>::new(8);
    let confirm_within = |time| {
        let outbound = Outbound::new(jetstream.clone(), "events.numbers").confirm_within(time);
        outbound.run(manager.subscribe().deliveries())
    };
    let brief = Duration::from_millis(50);
    let error = confirm_within(brief).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no stream stores subject \"events.numbers\""
    );

    let config = stream::Config {
        duplicate_window: Duration::from_millis(100),
        ..events()
    };
    jetstream.create_stream(config).await.unwrap();
    let error = confirm_within(brief * 2).await.unwrap_err();
    assert!(
        matches!(error, OutboundError::NoDedupWindow { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("`duplicate_window`"));
    assert_eq!(manager.subscriber_count(), 0, "its deliveries are dropped");
    let twice_fits = confirm_within(brief).await.unwrap();
    twice_fits.shutdown().await.unwrap();
}

#[tokio::test]
async fn refused_credentials_and_permissions_are_errors_and_lose_nothing() {
    let server = Server::with(
        "authorization { users: [
            { user: \"boss\", password: \"b\" },
            { user: \"guest\", password: \"g\", permissions: {
                publish: { deny: \"events.>\" } } } ] }",
    );
    assert!(async_nats::connect(server.url()).await.is_err(), "nobody");
    let connect = |user: &str| {
        let options = async_nats::ConnectOptions::new();
        let options = options.user_and_password(user.to_owned(), user[..1].to_owned());
        options.connect(server.url())
    };
    let boss = jetstream::new(connect("boss").await.unwrap());
    boss.create_stream(events()).await.unwrap();

    let manager = EventManager::<u32>::new(8);
    let guest = jetstream::new(connect("guest").await.unwrap());
    let outbound = Outbound::new(guest, "events.numbers");
    let outbound = outbound.confirm_within(Duration::from_millis(200));
    let outbound = outbound.backoff(Backoff::new(
        Duration::from_millis(1),
        Duration::from_millis(1),
    ));
    let mut outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    manager.notify(1).await.unwrap();
    until("two attempts", || outbound.counts().retries >= 2).await;
    assert_eq!(outbound.counts().confirmed, 0);
    assert!(outbound.ended().now_or_never().is_none(), "it tries again");
    let unsent = tokio::time::timeout(Duration::from_millis(300), outbound.shutdown()).await;
    assert!(unsent.is_err(), "shutdown waits for the broker");
    assert_eq!(manager.subscriber_count(), 0, "and was aborted");
}

#[tokio::test]
async fn two_nodes_hear_each_other_and_not_themselves() {
    let setup = Setup::new().await;
    let mut nodes = Vec::new();
    for name in ["a", "b"] {
        let config = async_nats::jetstream::consumer::pull::Config {
            durable_name: Some(name.to_owned()),
            ..in_order()
        };
        let consumer = setup.consumer(config).await;
        // An event of this node is `(event, true)`.
        let manager = EventManager::<(u32, bool)>::new(8);
        let own = manager.subscribe_filter_map(|(event, own)| own.then_some(*event));
        let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").origin(name);
        let outbound = outbound.run(own.deliveries()).await.unwrap();
        let heard = manager.subscribe_filter_map(|(event, own)| (!own).then_some(*event));
        let inbound = Inbound::new(consumer)
            .map(|event: u32, _| (event, false))
            .origin(name);
        let inbound = inbound.run(&manager).await.unwrap();
        nodes.push((manager, heard, inbound, outbound));
    }
    assert!(nodes[0].0.sync_notify((1, true)).await.unwrap().all_acked());
    assert!(nodes[1].0.sync_notify((2, true)).await.unwrap().all_acked());
    for (node, expected) in [(0, 2), (1, 1)] {
        let heard = &mut nodes[node].1;
        assert_eq!(heard.next().await, Some(expected));
        heard.ack();
    }
    for (_, mut heard, inbound, outbound) in nodes {
        until("both seen", || {
            inbound.counts().acked == 1 && inbound.counts().own == 1
        })
        .await;
        inbound.shutdown().await.unwrap();
        outbound.shutdown().await.unwrap();
        assert!(heard.next().now_or_never().is_none());
    }
}

#[tokio::test]
async fn a_bridge_takes_no_more_than_may_be_in_flight() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(8);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(2);
    let outbound = outbound.run(manager.subscribe().deliveries());
    let outbound = outbound.await.unwrap();
    setup.server.signal("STOP");
    for number in 0..5 {
        manager.notify(number).await.unwrap();
    }
    until("two are taken", || manager.subscribers()[0].unread() == 3).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(manager.subscribers()[0].unread(), 3);
    setup.server.signal("CONT");
    assert_eq!(outbound.shutdown().await.unwrap().confirmed, 2);
}

#[tokio::test]
async fn an_event_after_a_long_rest_has_all_of_its_time() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(8);
    let time = Duration::from_millis(500);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").confirm_within(time);
    let outbound = outbound.run(manager.subscribe().deliveries());
    let outbound = outbound.await.unwrap();
    for number in 0..2 {
        tokio::time::sleep(time * 3 / 2).await;
        assert!(manager.sync_notify(number).await.unwrap().all_acked());
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.retries), (2, 0));
}
