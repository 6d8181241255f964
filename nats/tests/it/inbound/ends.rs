//! The end of a bridge, and the last delivery of a message.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use futures::FutureExt;
use genevent::{EventManager, EventStreamExt};
use genevent_nats::{Inbound, InboundError, MessageInfo};

use super::SHORT;
use crate::setup::{Setup, in_order, until};

#[tokio::test]
async fn a_deleted_consumer_ends_the_bridge_with_its_name() {
    let setup = Setup::new().await;
    let consumer = setup.consumer(in_order()).await;
    let manager = EventManager::<u32>::new(8);
    let mut inbound = Inbound::new(consumer).run(&manager).await.unwrap();
    setup.stream.delete_consumer("work").await.unwrap();
    let error = inbound.ended().await.unwrap_err();
    assert!(
        matches!(error, InboundError::NoConsumer { .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_stops_gives_all_arrived_messages_back_however_many() {
    // More than a task takes at once, by tokio's budget.
    const MESSAGES: u32 = 600;
    for max_ack_pending in [1000, 2000] {
        let setup = Setup::new().await;
        let consumer = setup
            .consumer(pull::Config {
                max_ack_pending,
                ack_wait: Duration::from_secs(30),
                ..in_order()
            })
            .await;
        setup.publish(0..MESSAGES).await;
        let manager = EventManager::<u32>::new(1024);
        let jobs = manager.subscribe().deliveries();
        tokio::spawn(jobs.for_each_acked(None, async |_| ()));
        // The first message is held up until the others have arrived and the bridge is to stop.
        let (began, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let inbound = Inbound::new(consumer.clone()).max_in_flight(1000);
        let inbound = inbound.map(move |event: u32, _: &MessageInfo<'_>| {
            if event == 0 {
                began.send(()).unwrap();
                wait.lock().unwrap().recv().unwrap();
            }
            event
        });
        let inbound = inbound.run(&manager).await.unwrap();
        has_begun.recv().await.unwrap();
        let delivered = async || consumer.get_info().await.unwrap().num_ack_pending;
        // A standing request asks for no more than 256 messages before it is polled again.
        let arriving = if max_ack_pending == 1000 {
            256
        } else {
            MESSAGES as usize
        };
        while delivered().await < arriving {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The answer comes behind the messages.
        assert_eq!(delivered().await, arriving);
        let mut shutdown = Box::pin(inbound.shutdown());
        assert!((&mut shutdown).now_or_never().is_none());
        go_on.send(()).unwrap();
        let counts = shutdown.await.unwrap();
        assert!(
            counts.acked + counts.nacked >= arriving as u64,
            "{counts:?}"
        );
    }
}

#[tokio::test]
async fn a_deleted_consumer_ends_the_bridge_also_with_an_unheard_event_and_a_failing_hook() {
    let setup = Setup::new().await;
    let consumer = setup
        .consumer(pull::Config {
            max_ack_pending: 3,
            ..in_order()
        })
        .await;
    for payload in ["1", "{"] {
        let publish = setup.jetstream.publish("events.numbers", payload.into());
        publish.await.unwrap().await.unwrap();
    }
    let manager = EventManager::<u32>::new(8);
    let inbound = Inbound::new(consumer.clone())
        .max_in_flight(3)
        .dead_letters(|_| ready(Err("disk full".into())));
    let mut inbound = inbound.run(&manager).await.unwrap();
    while consumer.get_info().await.unwrap().num_ack_pending < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    setup.stream.delete_consumer("work").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), inbound.ended());
    let error = ended.await.expect("it ends").unwrap_err();
    assert!(
        matches!(error, InboundError::NoConsumer { .. }),
        "{error:?}"
    );
    assert_eq!(inbound.counts().nacked, 2);
}

#[tokio::test]
async fn the_last_delivery_counts_also_for_an_event_that_waited_for_subscribers() {
    let setup = Setup::new().await;
    let consumer = setup
        .consumer(pull::Config {
            max_ack_pending: 2,
            max_deliver: 2,
            ..in_order()
        })
        .await;
    setup.publish([1]).await;
    let manager = EventManager::<u32>::new(8);
    let dead = Arc::new(Mutex::new(Vec::new()));
    let buried = Arc::clone(&dead);
    let inbound = Inbound::new(consumer.clone())
        .max_in_flight(2)
        .backoff(SHORT)
        .dead_letters(move |letter| {
            buried.lock().unwrap().push(letter.delivered);
            ready(Ok(()))
        });
    let inbound = inbound.run(&manager).await.unwrap();
    while consumer.get_info().await.unwrap().num_ack_pending < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The server hears nothing for longer than `ack_wait`, and delivers again.
    while inbound.counts().redelivered == 0 {
        setup.server.signal("STOP");
        tokio::time::sleep(Duration::from_millis(1200)).await;
        setup.server.signal("CONT");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let picky = manager.subscribe().deliveries();
    let picky = picky.try_for_each_acked(1, async |_| Err::<(), _>("never"));
    tokio::spawn(picky.continue_on_error(|_| ()));
    until("given up", || inbound.counts().dead == 1).await;
    assert_eq!(*dead.lock().unwrap(), [2]);
    inbound.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_message_has_a_subject_a_number_and_an_id() {
    let (setup, consumer) = Setup::in_order([7, 8]).await;
    let manager = EventManager::<(String, u64, Option<String>)>::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let inbound = Inbound::new(consumer.clone()).map(|_: u32, info: &MessageInfo<'_>| {
        assert_eq!(info.origin(), None);
        let id = info.id().map(str::to_owned);
        (info.subject().to_owned(), info.stream_sequence(), id)
    });
    let inbound = inbound.run(&manager).await.unwrap();
    for (number, id) in [(1, "test-7"), (2, "test-8")] {
        let expected = ("events.numbers".to_owned(), number, Some(id.to_owned()));
        assert_eq!(jobs.next().await.unwrap().ack(), expected);
    }
    setup.settled(&consumer).await;
    inbound.shutdown().await.unwrap();
}
