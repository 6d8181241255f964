//! A registry across nodes.

use futures::{FutureExt, StreamExt};
use genevent::kv::{ExitReason, Reflect, RegistryEvent, View, Watch, WatchEvent};
use genevent_nats::{RegistryError, SharedRegistry};

use crate::server::Server;
use crate::setup::until;

async fn open(server: &Server) -> SharedRegistry<u32> {
    let client = async_nats::connect(server.url()).await.unwrap();
    SharedRegistry::open(client, "shops").await.unwrap()
}

/// Reads a watch up to the event of a name.
async fn read_to(watch: &mut Reflect<Watch<u32>, u32>, name: &str) -> WatchEvent<u32> {
    loop {
        let event = watch.next().await.unwrap();
        if event.name() == Some(name) {
            return event;
        }
    }
}

#[tokio::test]
async fn a_view_on_another_node_follows_and_a_late_node_starts_with_the_snapshot() {
    let server = Server::start();
    let (here, there) = (open(&server).await, open(&server).await);
    let mut watch = there.watch().reflect(View::new());
    assert!(matches!(watch.next().await, Some(WatchEvent::Ready)));

    here.create("shopping").await.unwrap();
    here.put("shopping", "milk", &3).await.unwrap();
    here.put("shopping", "eggs", &12).await.unwrap();
    here.delete("shopping", "eggs").await.unwrap();
    here.create("a.b >*").await.unwrap();
    assert_eq!(
        here.lookup("shopping").unwrap().get("milk").await,
        Some(3),
        "own writes"
    );
    assert!(matches!(
        read_to(&mut watch, "a.b >*").await,
        WatchEvent::Created { .. }
    ));
    assert_eq!(watch.view().names(), ["a.b >*", "shopping"]);
    assert_eq!(there.lookup("shopping").unwrap().get("milk").await, Some(3));

    let late = open(&server).await;
    let mut snapshot = late.watch();
    for name in ["a.b >*", "shopping"] {
        let event = snapshot.next().await.unwrap();
        assert!(matches!(event, WatchEvent::Existing { .. }), "{event:?}");
        assert!(late.lookup(name).is_some());
    }
    assert!(matches!(snapshot.next().await, Some(WatchEvent::Ready)));
    let shopping = late.lookup("shopping").unwrap();
    assert_eq!(
        (shopping.get("milk").await, shopping.get("eggs").await),
        (Some(3), None)
    );

    assert!(there.stop("shopping").await.unwrap());
    assert!(!there.stop("shopping").await.unwrap());
    match read_to(&mut watch, "shopping").await {
        WatchEvent::Exited { reason, .. } => assert_eq!(reason, ExitReason::Stopped),
        other => panic!("{other:?}"),
    }
    assert_eq!(watch.view().names(), ["a.b >*"]);
    until("late follows", || late.lookup("shopping").is_none()).await;

    late.create("shopping").await.unwrap();
    assert_eq!(
        late.lookup("shopping").unwrap().get("milk").await,
        None,
        "a new bucket"
    );
}

#[tokio::test]
async fn a_name_that_two_nodes_create_at_once_is_a_single_bucket() {
    let server = Server::start();
    let (here, there) = (open(&server).await, open(&server).await);
    let mut events = here.local().events();
    for number in 0..20 {
        let name = number.to_string();
        let (one, other) = futures::join!(here.create(&name), there.create(&name));
        one.and(other).unwrap();
        here.put(&name, "by", &1).await.unwrap();
        assert_eq!(events.next().await.unwrap().name(), name);
        assert!(events.next().now_or_never().is_none());
    }
}

#[tokio::test]
async fn changes_survive_a_restarted_server() {
    let mut server = Server::start();
    let (here, there) = (open(&server).await, open(&server).await);
    for number in 0..3 {
        let name = format!("bucket {number}");
        here.create(&name).await.unwrap();
        server.restart();
        here.put(&name, "n", &number).await.unwrap();
        until("the other node follows", || {
            let bucket = there.lookup(&name);
            bucket.is_some_and(|it| it.get("n").now_or_never() == Some(Some(number)))
        })
        .await;
    }
}

#[tokio::test]
async fn missing_buckets_and_bad_names_are_errors() {
    let server = Server::start();
    let registry = open(&server).await;
    let error = registry.put("nothing", "key", &1).await.unwrap_err();
    assert!(matches!(error, RegistryError::NoBucket), "{error:?}");
    let client = async_nats::connect(server.url()).await.unwrap();
    let error = SharedRegistry::<u32>::open(client, "a.b")
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::InvalidName), "{error:?}");
}

#[tokio::test]
async fn a_value_larger_than_the_broker_accepts_is_an_error() {
    let server = Server::start();
    let client = async_nats::connect(server.url()).await.unwrap();
    let texts = SharedRegistry::<String>::open(client, "texts")
        .await
        .unwrap();
    texts.create("novels").await.unwrap();
    let error = texts.put("novels", "long", &"x".repeat(2_000_000)).await;
    assert!(matches!(error, Err(RegistryError::Unreachable(_))));
}

#[tokio::test]
async fn the_local_registry_ends_with_the_last_clone() {
    let server = Server::start();
    let registry = open(&server).await;
    let mut events = registry.local().events();
    drop(registry.clone());
    registry.create("shopping").await.unwrap();
    assert_eq!(events.next().await.unwrap().name(), "shopping");
    drop(registry);
    let exited = events.next().await.unwrap();
    assert!(matches!(
        exited,
        RegistryEvent::Exited {
            reason: ExitReason::RegistryGone,
            ..
        }
    ));
    assert!(events.next().await.is_none());
}
