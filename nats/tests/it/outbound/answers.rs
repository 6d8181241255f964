//! The broker's answers: many, lost, in any order, and refusals in the middle of a window.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use async_nats::{Client, Subscriber};
use futures::{FutureExt, StreamExt as _};
use genevent::EventManager;
use genevent_nats::{Backoff, Outbound};

use super::Even;
use crate::setup::{Setup, events, until};

#[tokio::test]
async fn a_full_window_of_a_sole_publisher_never_begins_again() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(1024);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(256);
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    for number in 0..5000 {
        manager.notify(number).await.unwrap();
    }
    manager.flush().await.unwrap();
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.retries), (5000, 0));
}

#[tokio::test]
async fn answers_for_which_the_client_has_no_room_cost_time_and_no_event() {
    const EVENTS: u64 = 100;
    let setup = Setup::new().await;
    let options = async_nats::ConnectOptions::new().subscription_capacity(1);
    let client = options.connect(setup.server.url()).await.unwrap();
    let manager = EventManager::<u64>::new(128);
    let outbound = Outbound::new(jetstream::new(client), "events.numbers").max_in_flight(64);
    let outbound = outbound.confirm_within(Duration::from_millis(200));
    let outbound = outbound.backoff(Backoff::new(
        Duration::from_millis(1),
        Duration::from_millis(1),
    ));
    let outbound = outbound
        .run(manager.subscribe().deliveries())
        .await
        .unwrap();
    for number in 0..EVENTS {
        manager.notify(number).await.unwrap();
    }
    manager.flush().await.unwrap();
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(counts.confirmed, EVENTS, "{counts:?}");
    assert!(counts.retries > 0, "{counts:?}");
    setup.assert_stored_up_to(EVENTS).await;
}

#[tokio::test]
async fn events_too_large_in_the_middle_of_a_window_delay_no_other() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(16);
    let deliveries = manager.subscribe().deliveries();
    let mut receipts = Vec::new();
    // All are there before the bridge, which sends them in one go.
    for event in [2, 2_000_000, 4, 2_000_000, 2_000_000, 6, 8, 2_000_000] {
        let mut receipt = manager.sync_notify(event).boxed();
        assert!((&mut receipt).now_or_never().is_none());
        receipts.push((event, receipt));
    }
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").codec(Even);
    let outbound = outbound.max_in_flight(8).run(deliveries).await.unwrap();
    for (event, receipt) in receipts {
        let receipt = receipt.await.unwrap();
        assert_eq!(receipt.all_acked(), event < 10, "{event}: {receipt}");
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(
        (counts.confirmed, counts.refused, counts.retries),
        (4, 4, 0),
        "{counts:?}"
    );
    for (number, length) in (1..).zip([2, 4, 6, 8]) {
        assert_eq!(setup.stored(number).await.payload.len(), length);
    }
}

const STORED: &str = r#"{"stream":"EVENTS","seq":1}"#;
const DUPLICATE: &str = r#"{"stream":"EVENTS","seq":1,"duplicate":true}"#;

/// Deletes the stream. From here on, the test answers in its place.
async fn take_over(setup: &Setup) -> (Client, Subscriber) {
    setup.jetstream.delete_stream("EVENTS").await.unwrap();
    let client = async_nats::connect(setup.server.url()).await.unwrap();
    let mut sent = client.subscribe("events.>").await.unwrap();
    client.publish("events.ready", "".into()).await.unwrap();
    sent.next()
        .await
        .expect("the server knows the subscription");
    (client, sent)
}

#[tokio::test]
async fn answers_in_any_order_twice_malformed_or_about_no_event_confirm_each_event_once() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(16);
    let deliveries = manager.subscribe().deliveries();
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(4);
    let outbound = outbound.backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let outbound = outbound.run(deliveries).await.unwrap();
    let (client, mut sent) = take_over(&setup).await;
    let mut receipts = Vec::new();
    for event in 0..4 {
        let mut receipt = manager.sync_notify(event).boxed();
        assert!((&mut receipt).now_or_never().is_none());
        receipts.push(receipt);
    }
    let attempt = async |sent: &mut Subscriber, events: std::ops::Range<u32>| {
        let mut subjects = Vec::new();
        for event in events {
            let message = sent.next().await.unwrap();
            assert_eq!(message.payload, event.to_string());
            subjects.push(message.reply.unwrap().to_string());
        }
        subjects
    };
    let answer = async |subject: &str, payload: &'static str| {
        let published = client.publish(subject.to_owned(), payload.into()).await;
        published.unwrap();
    };

    let first = attempt(&mut sent, 0..4).await;
    let (prefix, _) = first[0].rsplit_once('.').unwrap();
    for other in [
        "4",
        "99",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "x",
    ] {
        answer(&format!("{prefix}.{other}"), STORED).await;
    }
    for number in [3, 2, 2] {
        answer(&first[number], STORED).await;
    }
    client.flush().await.unwrap();
    assert_eq!(outbound.counts().confirmed, 0, "the first has no answer");
    answer(&first[0], STORED).await;
    assert!(receipts.remove(0).await.unwrap().all_acked());
    // The bridge begins again with the second.
    answer(&first[1], "+OK").await;
    let second = attempt(&mut sent, 1..4).await;
    assert!(second.iter().all(|subject| !first.contains(subject)));
    for outdated in &first {
        answer(outdated, STORED).await;
    }
    client.flush().await.unwrap();
    for number in [2, 0, 0] {
        answer(&second[number], STORED).await;
    }
    assert!(receipts.remove(0).await.unwrap().all_acked());
    assert_eq!(
        outbound.counts().confirmed,
        2,
        "outdated answers are ignored"
    );
    answer(&second[1], DUPLICATE).await;
    for receipt in receipts {
        assert!(receipt.await.unwrap().all_acked());
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!(
        (counts.confirmed, counts.duplicates, counts.retries),
        (4, 1, 1),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_new_connection_without_an_event_on_its_way_is_no_retry() {
    let mut setup = Setup::new().await;
    let manager = EventManager::<u32>::new(8);
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers");
    let outbound = outbound.run(manager.subscribe().deliveries());
    let outbound = outbound.await.unwrap();
    assert!(manager.sync_notify(0).await.unwrap().all_acked());
    setup.server.restart();
    let client = setup.jetstream.client();
    let connects = || client.statistics().connects.load(Ordering::Relaxed);
    until("connected again", || connects() == 2).await;
    // Until the bridge has noticed.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.retries), (1, 0));
}

/// The stream ends with the id of the predecessor only once the predecessor is stored.
#[tokio::test]
async fn an_event_goes_ahead_of_answers_only_behind_an_id_that_is_new_to_the_stream() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(16);
    let deliveries = manager.subscribe().deliveries();
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers").max_in_flight(8);
    let outbound = outbound.message_id(u32::to_string).run(deliveries);
    let outbound = outbound.await.unwrap();
    let (client, mut sent) = take_over(&setup).await;
    for event in [1, 2, 3, 4, 3, 5] {
        manager.notify(event).await.unwrap();
    }
    // The last id of the stream is not known yet; and after the second 3, it may be that of the first.
    for together in [&[1][..], &[2, 3, 4, 3], &[5]] {
        let mut answers = Vec::new();
        for event in together {
            let message = sent.next().await.unwrap();
            assert_eq!(message.payload, event.to_string());
            answers.push(message.reply.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(sent.next().now_or_never().is_none());
        for answer in answers {
            client.publish(answer, STORED.into()).await.unwrap();
        }
    }
    assert_eq!(outbound.shutdown().await.unwrap().confirmed, 6);
}

#[tokio::test]
async fn an_event_confirmed_after_the_window_for_duplicates_may_be_stored_twice() {
    const WINDOW: Duration = Duration::from_millis(200);
    let setup = Setup::new().await;
    let config = stream::Config {
        duplicate_window: WINDOW,
        ..events()
    };
    setup.jetstream.update_stream(config).await.unwrap();
    let manager = EventManager::<u32>::new(16);
    let deliveries = manager.subscribe().deliveries();
    let outbound = Outbound::new(setup.jetstream.clone(), "events.numbers");
    let outbound = outbound.confirm_within(WINDOW / 2).run(deliveries);
    let outbound = outbound.await.unwrap();
    let (client, mut sent) = take_over(&setup).await;
    for (answer, is_late, unchecked) in [
        (STORED, false, 0),
        (STORED, true, 1),
        (DUPLICATE, true, 1),
        (STORED, true, 2),
    ] {
        let mut receipt = manager.sync_notify(0).boxed();
        assert!((&mut receipt).now_or_never().is_none());
        let mut message = sent.next().await.unwrap();
        let first = Instant::now();
        while is_late && first.elapsed() <= WINDOW {
            message = sent.next().await.unwrap();
        }
        let subject = message.reply.unwrap();
        client.publish(subject, answer.into()).await.unwrap();
        assert!(receipt.await.unwrap().all_acked());
        assert_eq!(outbound.counts().unchecked, unchecked);
    }
    let counts = outbound.shutdown().await.unwrap();
    assert_eq!((counts.confirmed, counts.duplicates), (4, 1));
}
