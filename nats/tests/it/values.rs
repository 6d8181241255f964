//! Errors, codecs, names and `Debug`.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use genevent::EventManager;
use genevent_nats::{
    Cluster, ClusterError, ClusterOptions, Codec, DeadReason, Inbound, InboundError, Outbound,
    OutboundError, Raw, RegistryError, SharedRegistry,
};

use crate::setup::Setup;

fn cause() -> Box<dyn Error + Send + Sync> {
    "cause".into()
}

#[test]
fn an_error_with_a_cause_says_its_own_part_and_gives_the_cause() {
    let errors: [Box<dyn Error>; 6] = [
        Box::new(InboundError::Unreachable(cause())),
        Box::new(OutboundError::Unreachable(cause())),
        Box::new(ClusterError::Unreachable(cause())),
        Box::new(ClusterError::NotEncodable(cause())),
        Box::new(RegistryError::Unreachable(cause())),
        Box::new(RegistryError::NotEncodable(cause())),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(!text.is_empty() && !text.contains("cause"), "{text:?}");
        assert_eq!(error.source().unwrap().to_string(), "cause");
    }
}

#[test]
fn an_error_without_a_cause_says_all() {
    let errors: [Box<dyn Error>; 4] = [
        Box::new(ClusterError::InvalidName),
        Box::new(ClusterError::TooLarge),
        Box::new(RegistryError::InvalidName),
        Box::new(RegistryError::NoBucket),
    ];
    for error in errors {
        assert!(!error.to_string().is_empty(), "{error:?}");
        assert!(error.source().is_none(), "{error:?}");
    }
}

#[test]
fn a_dead_letter_has_the_causes_if_they_are_known() {
    let text = |reason: DeadReason| reason.to_string();
    let undecodable = DeadReason::Undecodable(Arc::from(cause()));
    assert_eq!(text(undecodable), "not decodable: cause");
    let exhausted = |causes: &str| DeadReason::Exhausted(causes.to_owned());
    assert_eq!(text(exhausted("a, b")), "delivered too often: a, b");
    assert_eq!(text(exhausted("")), "delivered too often");
}

#[test]
fn raw_bytes_stay_as_they_are() {
    let bytes = Bytes::from_static(&[0, 255, 7]);
    let payload = Raw.encode(&bytes).unwrap();
    assert_eq!(payload, bytes);
    let back: Bytes = Raw.decode(payload).unwrap();
    assert_eq!(back, bytes);
}

#[tokio::test]
async fn debug_tells_bridges_nodes_and_registries_apart() {
    let (setup, consumer) = Setup::in_order([1]).await;
    let manager = EventManager::<u32>::new(8);
    let mut jobs = manager.subscribe().deliveries();

    let outbound = Outbound::<u32>::new(setup.jetstream.clone(), "events.numbers").origin("shop");
    let text = format!("{outbound:?}");
    assert!(
        text.contains(r#"Outbound { max_in_flight: 1, origin: Some("shop")"#),
        "{text}"
    );
    let inbound = Inbound::<u32>::new(consumer.clone());
    let text = format!("{inbound:?}");
    assert!(text.contains(r#"Inbound { consumer: "work""#), "{text}");

    let running = inbound.run(&manager).await.unwrap();
    jobs.next().await.unwrap().ack();
    setup.settled(&consumer).await;
    let text = format!("{running:?}");
    assert!(text.contains("Running { counts: InboundCounts {"), "{text}");

    let client = || async_nats::connect(setup.server.url());
    let options = ClusterOptions::<u32>::new().node("a").capacity(5);
    let text = format!("{options:?}");
    assert!(
        text.starts_with(r#"ClusterOptions { node: Some("a"), capacity: 5"#),
        "{text}"
    );
    let cluster = Cluster::join_with(client().await.unwrap(), "test", options)
        .await
        .unwrap();
    assert_eq!(cluster.node(), "a");
    let text = format!("{cluster:?}");
    assert!(
        text.contains(r#"Cluster { node: "a", stream: "GENEVENT_test""#),
        "{text}"
    );

    let registry = SharedRegistry::<u32>::open(client().await.unwrap(), "shops")
        .await
        .unwrap();
    let text = format!("{registry:?}");
    assert!(
        text.contains(r#"SharedRegistry { bucket: "shops""#),
        "{text}"
    );
}
