//! Handlers instead of streams: a forwarder, a counter with calls, a log swapped while events
//! arrive, and a handler that ends with its owner's task.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use genevent::{EventManager, Handled, Handler, StopReason, handler_fn};
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Login(&'static str),
    Logout(&'static str),
}

/// A handler that forwards every event, as in the first example of the `GenEvent` chapter in
/// Elixir's guide.
struct Forwarder {
    to: mpsc::Sender<Event>,
}

impl Handler<Event> for Forwarder {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        match self.to.send(event.clone()).await {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(_) => Ok(ControlFlow::Break(())), // the receiver is gone
        }
    }
}

/// A handler that counts logins, and answers calls.
#[derive(Default)]
struct Counter {
    logins: BTreeMap<&'static str, u32>,
}

impl Handler<Event> for Counter {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        if let Event::Login(user) = event {
            *self.logins.entry(user).or_default() += 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        println!("counter: {reason}; final logins: {:?}", self.logins);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let manager = EventManager::new(64);

    let (to, mut from) = mpsc::channel(8);
    manager
        .add_handler("forwarder", Forwarder { to })
        .expect("the name is free");
    let counter = manager
        .add_handler("counter", Counter::default())
        .expect("the name is free");
    let log = manager
        .add_handler("log", handler_fn(|e: &Event| println!("log: {e:?}")))
        .expect("the name is free");

    // A session, with a task that owns a handler. The handler ends with the task, also by a panic.
    let (log_out, logged_out) = oneshot::channel::<()>();
    let session = tokio::spawn(async move {
        logged_out.await.ok();
        println!("session: over");
    });
    let greeting = handler_fn(|e: &Event| println!("session: sees {e:?}"));
    let greeter = manager
        .add_mon_handler("greeter", greeting, session)
        .expect("the name is free");
    println!("handlers: {:?}", manager.which_handlers());

    publish(&manager, Event::Login("ada")).await;
    assert_eq!(from.recv().await, Some(Event::Login("ada")));

    drop(log_out);
    assert_eq!(greeter.stopped().await, StopReason::OwnerGone);
    println!("handlers: {:?}", manager.which_handlers());

    // A swap loses no event and handles no event twice, whenever the swap happens.
    let verbose = handler_fn(|e: &Event| println!("verbose log: {e:?}"));
    log.swap(|_quiet| verbose)
        .await
        .expect("the log handler is running");

    publish(&manager, Event::Logout("ada")).await;
    publish(&manager, Event::Login("ada")).await;

    // The call is queued behind all events published so far.
    let logins = counter.call(|counter| counter.logins["ada"]).await;
    let logins = logins.expect("the counter is running");
    println!("counter: {logins} logins of ada so far");
    assert_eq!(logins, 2);

    // The forwarder stops at the next event, because its receiver is dropped.
    drop(from);
    publish(&manager, Event::Login("bob")).await;

    // `stop` returns when all events are handled and all handlers have ended.
    manager.stop().await.expect("the caller is no handler");
    assert_eq!(counter.stopped().await, StopReason::ManagerClosed);
    assert!(manager.which_handlers().is_empty());
}

async fn publish(manager: &EventManager<Event>, event: Event) {
    manager.notify(event).await.expect("the manager is open");
}
