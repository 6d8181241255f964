//! Handlers instead of streams: a forwarder, a counter that is asked, a log that is swapped while
//! events come in, and a handler that ends with the task that owns it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use genevent::{EventManager, Handler, StopReason, handler_fn};
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Login(&'static str),
    Logout(&'static str),
}

/// What the chapter on `GenEvent` in Elixir's guide begins with: sends every event on.
struct Forwarder {
    to: mpsc::Sender<Event>,
}

impl Handler<Event> for Forwarder {
    async fn handle_event(&mut self, event: &Event) -> ControlFlow<()> {
        match self.to.send(event.clone()).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()), // nobody listens any more
        }
    }
}

/// Keeps account, to be asked.
#[derive(Default)]
struct Counter {
    logins: BTreeMap<&'static str, u32>,
}

impl Handler<Event> for Counter {
    async fn handle_event(&mut self, event: &Event) -> ControlFlow<()> {
        if let Event::Login(who) = event {
            *self.logins.entry(who).or_default() += 1;
        }
        ControlFlow::Continue(())
    }

    async fn terminate(&mut self, reason: &StopReason) {
        println!("counter: {reason}; logins in the end: {:?}", self.logins);
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

    // A session: when its task ends, however it does, its handler ends too.
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

    // No event is lost or logged twice, whenever this is done.
    let verbose = handler_fn(|e: &Event| println!("log, in other words: {e:?}"));
    log.swap(|_quiet| verbose).await.expect("it was running");

    publish(&manager, Event::Logout("ada")).await;
    publish(&manager, Event::Login("ada")).await;

    // After all that was published until now.
    let logins = counter.call(|counter| counter.logins["ada"]).await;
    let logins = logins.expect("it is running");
    println!("counter: {logins} logins of ada so far");
    assert_eq!(logins, 2);

    // The forwarder ends over the next event, as nobody listens any more.
    drop(from);
    publish(&manager, Event::Login("bob")).await;

    // Everything is handled, and everybody has ended.
    manager.stop().await.expect("this is no handler");
    assert_eq!(counter.stopped().await, StopReason::ManagerClosed);
    assert!(manager.which_handlers().is_empty());
}

async fn publish(manager: &EventManager<Event>, event: Event) {
    manager.notify(event).await.expect("it is open");
}
