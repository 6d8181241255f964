//! From the broker to a manager.

mod ends;

use std::collections::HashSet;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures::FutureExt;
use genevent::{EventManager, EventStreamExt, SubscribeOptions};
use genevent_nats::{
    Backoff, DeadReason, Inbound, InboundError, MessageInfo, ORIGIN, Raw, WhenUnheard,
};

use crate::setup::{Setup, in_order, until};

const SHORT: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));

#[tokio::test]
async fn a_message_is_acknowledged_once_every_subscriber_has_finished() {
    let (setup, mut consumer) = Setup::in_order([7]).await;

    let manager = EventManager::<u32>::new(8);
    let mut quick = manager.subscribe().deliveries();
    let mut slow = manager.subscribe().deliveries();
    let inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    assert_eq!(quick.next().await.unwrap().ack(), 7);
    let last = slow.next().await.unwrap();
    assert_eq!(consumer.info().await.unwrap().num_ack_pending, 1);
    assert_eq!(inbound.counts().acked, 0);

    last.ack();
    setup.settled(&consumer).await;
    let counts = inbound.shutdown().await.unwrap();
    assert_eq!((counts.acked, counts.nacked), (1, 0));
}

#[tokio::test]
async fn a_failed_event_comes_again_before_the_next() {
    let (setup, consumer) = Setup::in_order(1..=3).await;

    let manager = EventManager::<(u32, u64)>::new(8);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&seen);
    let work = manager.subscribe().deliveries();
    let work = work.try_for_each_acked(1, move |event| {
        recorded.lock().unwrap().push(event);
        ready(match event {
            (2, ..=2) => Err("not yet"),
            _ => Ok(()),
        })
    });
    let work = work.continue_on_error(|_| ());
    tokio::spawn(work);
    let inbound = Inbound::new(consumer.clone())
        .map(|event: u32, info: &MessageInfo<'_>| (event, info.delivered()))
        .backoff(SHORT);
    let inbound = inbound.run(&manager).await.unwrap();
    until("three acknowledged", || inbound.counts().acked == 3).await;
    assert_eq!(
        *seen.lock().unwrap(),
        [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]
    );
    let counts = inbound.shutdown().await.unwrap();
    assert_eq!((counts.nacked, counts.redelivered), (2, 2));
    assert_eq!(setup.settled(&consumer).await, 0);
}

#[tokio::test]
async fn subscribers_may_work_for_longer_than_ack_wait() {
    let (setup, consumer) = Setup::in_order([1]).await;

    let manager = EventManager::<u32>::new(8);
    let mut jobs = manager.subscribe().deliveries();
    let inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    let job = jobs.next().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(jobs.next().now_or_never().is_none(), "no duplicate");
    job.ack();
    setup.settled(&consumer).await;
    let counts = inbound.shutdown().await.unwrap();
    assert_eq!((counts.acked, counts.redelivered), (1, 0));
}

#[tokio::test]
async fn several_messages_are_under_way_at_once_and_no_more_than_allowed() {
    for max_ack_pending in [3, 1000] {
        let setup = Setup::new().await;
        let consumer = setup
            .consumer(pull::Config {
                max_ack_pending,
                ..in_order()
            })
            .await;
        setup.publish(0..20).await;

        let manager = EventManager::<u32>::new(64);
        let mut jobs = manager.subscribe().deliveries();
        let inbound = Inbound::new(consumer.clone()).max_in_flight(3);
        let inbound = inbound.run(&manager).await.unwrap();
        let mut held = vec![
            jobs.next().await.unwrap(),
            jobs.next().await.unwrap(),
            jobs.next().await.unwrap(),
        ];
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(jobs.next().now_or_never().is_none(), "three are under way");
        let mut seen = HashSet::new();
        while seen.len() < 20 {
            seen.insert(held.remove(0).ack());
            if seen.len() + held.len() < 20 {
                held.push(jobs.next().await.unwrap());
            }
        }
        until("20 acknowledged", || inbound.counts().acked == 20).await;
        assert_eq!(inbound.shutdown().await.unwrap().redelivered, 0);
        assert_eq!(setup.settled(&consumer).await, 0);
    }
}

#[tokio::test]
async fn an_event_without_subscribers_waits_or_is_acknowledged_or_comes_again() {
    let (setup, consumer) = Setup::in_order([1]).await;
    let manager = EventManager::<u32>::new(8);
    let inbound = Inbound::new(consumer.clone()).backoff(SHORT);
    let inbound = inbound.run(&manager).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut late = manager.subscribe();
    assert_eq!(late.next().await, Some(1), "waited for");
    late.ack();
    setup.settled(&consumer).await;
    assert_eq!(inbound.shutdown().await.unwrap().acked, 1);
    drop(late);

    setup.publish([2]).await;
    let inbound = Inbound::new(consumer.clone()).when_unheard(WhenUnheard::Nak);
    let inbound = inbound.backoff(SHORT).run(&manager).await.unwrap();
    until("given back twice", || inbound.counts().nacked >= 2).await;
    inbound.shutdown().await.unwrap();

    let inbound = Inbound::new(consumer.clone()).when_unheard(WhenUnheard::Ack);
    let inbound = inbound.run(&manager).await.unwrap();
    until("acknowledged", || inbound.counts().acked == 1).await;
    inbound.shutdown().await.unwrap();
    assert_eq!(setup.settled(&consumer).await, 0);
}

#[tokio::test]
async fn undecodable_and_exhausted_messages_go_to_the_hook_and_block_nothing() {
    let setup = Setup::new().await;
    let consumer = setup.consumer(in_order()).await;
    let garbage = setup.jetstream.publish("events.numbers", "{".into()).await;
    garbage.unwrap().await.unwrap();
    setup.publish([1, 2]).await;

    let manager = EventManager::<u32>::new(8);
    let picky = manager.subscribe_with(SubscribeOptions::new().name("picky"));
    let picky = picky.deliveries().try_for_each_acked(1, async |n| match n {
        1 => Err("one is bad"),
        _ => Ok(()),
    });
    tokio::spawn(picky.continue_on_error(|_| ()));
    let dead = Arc::new(Mutex::new(Vec::new()));
    let (buried, calls) = (Arc::clone(&dead), AtomicUsize::new(0));
    let inbound = Inbound::new(consumer.clone())
        .backoff(SHORT)
        .max_deliver(3)
        .dead_letters(move |letter| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            if !first {
                buried.lock().unwrap().push(letter);
            }
            async move {
                if first {
                    Err("disk full".into())
                } else {
                    Ok(())
                }
            }
        });
    let inbound = inbound.run(&manager).await.unwrap();
    until("2 is acknowledged", || inbound.counts().acked == 1).await;
    let counts = inbound.shutdown().await.unwrap();
    assert_eq!((counts.dead, counts.nacked), (2, 2));
    assert_eq!(setup.settled(&consumer).await, 0);

    let dead = dead.lock().unwrap();
    assert_eq!(
        (&dead[0].payload[..], dead[0].stream_sequence),
        (&b"{"[..], 1)
    );
    assert!(matches!(dead[0].reason, DeadReason::Undecodable(_)));
    assert_eq!((&dead[1].payload[..], dead[1].delivered), (&b"1"[..], 3));
    let reason = dead[1].reason.to_string();
    assert!(
        reason.contains("one is bad") && reason.contains("\"picky\""),
        "{reason}"
    );
}

#[tokio::test]
async fn a_node_does_not_hear_itself() {
    let setup = Setup::new().await;
    let consumer = setup.consumer(in_order()).await;
    for (number, node) in [("1", "a"), ("2", "b")] {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, node);
        let publish =
            setup
                .jetstream
                .publish_with_headers("events.numbers", headers, number.into());
        publish.await.unwrap().await.unwrap();
    }
    let manager = EventManager::<Vec<u8>>::new(8);
    let mut events = manager.subscribe();
    let inbound = Inbound::new(consumer.clone()).codec(Raw).origin("a");
    let inbound = inbound.run(&manager).await.unwrap();
    assert_eq!(events.next().await.unwrap(), b"2");
    events.ack();
    setup.settled(&consumer).await;
    assert_eq!(inbound.shutdown().await.unwrap().own, 1);
}

#[tokio::test]
async fn shutdown_finishes_what_is_under_way_and_gives_the_rest_back() {
    let setup = Setup::new().await;
    let consumer = setup
        .consumer(pull::Config {
            max_ack_pending: 10,
            ack_wait: Duration::from_secs(2),
            ..in_order()
        })
        .await;
    setup.publish(0..10).await;
    let manager = EventManager::<u32>::new(64);
    let mut jobs = manager.subscribe().deliveries();
    let inbound = Inbound::new(consumer.clone()).max_in_flight(10);
    let inbound = inbound.run(&manager).await.unwrap();
    let first = jobs.next().await.unwrap();
    let mut shutdown = tokio::spawn(inbound.shutdown());
    assert!((&mut shutdown).now_or_never().is_none(), "one is under way");
    first.ack();
    tokio::spawn(jobs.for_each_acked(None, async |_| ()));
    let counts = shutdown.await.unwrap().unwrap();
    // The rest comes again: at once what had arrived, after `ack_wait` what was still on its way.
    let left = 10 - counts.acked;
    let rest = Inbound::new(consumer.clone()).max_in_flight(10);
    let rest = rest.run(&manager).await.unwrap();
    until("all", || rest.counts().acked == left).await;
    rest.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_closed_manager_gives_its_messages_back_and_ends_the_bridge() {
    let setup = Setup::new().await;
    let consumer = setup.consumer(in_order()).await;
    let manager = EventManager::<u32>::new(8);
    let mut inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    manager.close();
    let counts = inbound.ended().await.unwrap();
    assert_eq!(counts.acked, 0);
    setup.publish([1]).await;
    assert_eq!(setup.settled(&consumer).await, 1);
}

#[tokio::test]
async fn a_restarted_server_goes_on_where_it_was() {
    let mut setup = Setup::new().await;
    let consumer = setup.consumer(in_order()).await;
    let manager = EventManager::<u32>::new(8);
    let mut events = manager.subscribe();
    let inbound = Inbound::new(consumer.clone()).run(&manager).await.unwrap();
    for number in 0..3 {
        setup.publish([number]).await;
        loop {
            let event = events.next().await.unwrap();
            events.ack();
            if event == number {
                break;
            }
            assert!(event < number, "only duplicates of earlier ones");
        }
        setup.server.restart();
    }
    inbound.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_would_break_a_promise_is_refused() {
    let setup = Setup::new().await;
    let manager = EventManager::<u32>::new(8);
    let consumer = setup
        .consumer(pull::Config {
            max_ack_pending: 0,
            ..in_order()
        })
        .await;
    let error = Inbound::new(consumer.clone())
        .run(&manager)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            InboundError::NotInOrder {
                max_ack_pending: 1000,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("max_in_flight"));

    let unacknowledged = pull::Config {
        durable_name: Some("careless".to_owned()),
        ack_policy: AckPolicy::None,
        ..Default::default()
    };
    let careless = setup.consumer(unacknowledged).await;
    let error = Inbound::new(careless).run(&manager).await.unwrap_err();
    assert!(
        matches!(error, InboundError::NotExplicit { .. }),
        "{error:?}"
    );

    let brief = pull::Config {
        durable_name: Some("brief".to_owned()),
        max_deliver: 2,
        ..in_order()
    };
    let brief = setup.consumer(brief).await;
    let as_often = Inbound::new(brief.clone()).max_deliver(2).run(&manager);
    as_often.await.unwrap().shutdown().await.unwrap();
    let error = Inbound::new(brief)
        .max_deliver(3)
        .run(&manager)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            InboundError::GivesUpFirst {
                consumer: 2,
                inbound: 3
            }
        ),
        "{error:?}"
    );

    setup.stream.delete_consumer("work").await.unwrap();
    let error = Inbound::new(consumer)
        .max_in_flight(1)
        .run(&manager)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no consumer \"work\" on stream \"EVENTS\""
    );
}
