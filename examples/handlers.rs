//! Handlers instead of streams: a forwarder bound to its owner, a counter that is asked, and a
//! log that is swapped while events come in.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use genevent::{EventManager, Handler, StopReason, handler_fn};
use tokio::sync::mpsc;

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

    // A connection: when its task ends, so does its handler.
    let (to, mut from) = mpsc::channel(8);
    let connection = tokio::spawn(async move {
        let first = from.recv().await;
        println!("connection: got {first:?}, and hangs up");
        first
    });
    let (hang_up, closed) = tokio::sync::oneshot::channel::<()>();
    let forwarder = manager
        .add_mon_handler("forwarder", Forwarder { to }, closed)
        .expect("the name is free");

    let counter = manager
        .add_handler("counter", Counter::default())
        .expect("the name is free");
    let log = manager
        .add_handler("log", handler_fn(|e: &Event| println!("log: {e:?}")))
        .expect("the name is free");
    println!("handlers: {:?}", manager.which_handlers());

    manager
        .notify(Event::Login("ada"))
        .await
        .expect("it is open");
    let first = connection.await.expect("it does not panic");
    assert_eq!(first, Some(Event::Login("ada")));
    drop(hang_up);
    assert_eq!(forwarder.stopped().await, StopReason::OwnerGone);

    // No event is lost or logged twice, whenever this is done.
    let verbose = handler_fn(|e: &Event| println!("log, in other words: {e:?}"));
    log.swap(|_quiet| verbose).await.expect("it was running");

    manager
        .notify(Event::Logout("ada"))
        .await
        .expect("it is open");
    manager
        .notify(Event::Login("ada"))
        .await
        .expect("it is open");

    // After all that was published until now.
    let logins = counter.call(|counter| counter.logins["ada"]).await;
    assert_eq!(logins, Ok(2));
    assert_eq!(manager.which_handlers(), ["counter", "log"]);

    // Everything is handled, and everybody has ended.
    manager.stop().await.expect("this is no handler");
    assert_eq!(counter.stopped().await, StopReason::ManagerClosed);
}
