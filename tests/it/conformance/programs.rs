//! Short programs of users: the registry, the state as text, and the translations from other
//! crates.

use std::ops::ControlFlow;

use futures::{FutureExt, StreamExt};
use genevent::kv::{Registry, RegistryStreamExt};
use genevent::{EventManager, Handled, Handler, Overflow, Received, SubscribeOptions, handler_fn};

#[tokio::test]
async fn a_registry_reports_the_end_of_a_bucket() {
    let registry = Registry::new(EventManager::default());
    let mut exited = registry.events().exited();

    let shopping = registry.create("shopping").await.unwrap();
    shopping.put("milk", 3).await;
    assert_eq!(shopping.get("milk").await, Some(3));

    shopping.stop();
    let (name, _bucket, reason) = exited.next().await.unwrap();
    assert_eq!(format!("{name} {reason}"), "shopping stopped");
}

#[test]
fn the_state_as_text_names_the_blocking_subscriber() {
    let orders = EventManager::builder().name("orders").capacity(1).build();
    let _kitchen = orders.subscribe_with(SubscribeOptions::new().name("kitchen"));
    orders.try_notify("tea").unwrap();
    let mut soup = orders.notify("soup");
    assert!((&mut soup).now_or_never().is_none());

    let text = orders.stats().to_string();
    assert!(text.starts_with(
        "\"orders\": 1 published, capacity 1, open\n1 publisher waits for #1 \"kitchen\""
    ));
}

#[tokio::test]
async fn a_handler_is_swapped_under_its_name() {
    let manager = EventManager::new(64);
    let log = manager
        .add_handler("log", handler_fn(|_: &String| ()))
        .unwrap();
    log.swap(|_old| handler_fn(|_: &String| ())).await.unwrap();
    assert_eq!(manager.which_handlers(), ["log"]);
    manager.stop().await.unwrap();
}

#[tokio::test]
async fn code_for_a_broadcast_channel_has_a_translation() {
    let prices = EventManager::new(16); // broadcast::channel(16)
    let mut screen = prices.subscribe_with(Overflow::DropOldest); // tx.subscribe()
    prices.try_notify(100).unwrap(); // tx.send(100)
    assert_eq!(screen.next().await, Some(100)); // rx.recv(); `None` is `Closed`
    assert_eq!(screen.missed(), 0); // `Lagged(n)`
}

#[tokio::test]
async fn code_for_a_vector_of_senders_has_a_translation() {
    let orders = EventManager::new(64);
    let mut kitchen = orders.subscribe(); // readers.push(tx), with mpsc::channel(64)
    let billing = orders.subscribe_with(SubscribeOptions::new().window(8)); // mpsc::channel(8)
    drop(billing); // readers.retain(|tx| !tx.is_closed())
    orders.notify("tea").await.unwrap(); // for tx in &readers { tx.send("tea").await }
    assert_eq!(kitchen.next().await, Some("tea"));
}

#[tokio::test]
async fn code_for_async_broadcast_has_a_translation() {
    let prices = EventManager::new(1); // broadcast(1)
    let screen = prices.subscribe_with(Overflow::DropOldest); // set_overflow(true), for all
    let mut screen = screen.with_missed();
    prices.notify(1).await.unwrap(); // tx.broadcast(1).await
    prices.notify(2).await.unwrap();
    assert_eq!(screen.next().await, Some(Received::Missed(1))); // `Overflowed(1)`
    assert_eq!(screen.next().await, Some(Received::Event(2)));
}

struct Logins(u32);

impl Handler<&'static str> for Logins {
    async fn handle_event(&mut self, _user: &&'static str) -> Handled {
        self.0 += 1;
        Ok(ControlFlow::Continue(())) // {:ok, count + 1}; `Break` is :remove_handler
    }
}

#[tokio::test]
async fn code_for_gen_event_has_a_translation() {
    let manager = EventManager::new(64); // GenEvent.start_link
    let logins = manager.add_handler("logins", Logins(0)).unwrap();
    manager.notify("ada").await.unwrap(); // GenEvent.notify(manager, "ada")
    assert_eq!(logins.call(|logins| logins.0).await, Ok(1)); // GenEvent.call(…)
}
