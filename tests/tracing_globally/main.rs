//! Feature `tracing` with a listener that is set for the whole process, as programs do. `tracing`
//! hides nothing from such a listener: an entry that the listener itself causes would reach the
//! listener at once, which would cause another entry.
//!
//! This program has a single test, because `tracing` behaves differently in all threads as soon as
//! one of them has a listener of its own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use genevent::kv::Registry;
use genevent::{EventManager, HandlerOptions, Overflow, Restart, handler_fn};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Act = Arc<dyn Fn() + Send + Sync>;

thread_local! {
    /// Calls of the listener that have not returned.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// How often an entry was logged, and how often while the listener was being called.
static LOGGED: Mutex<BTreeMap<String, (u32, u32)>> = Mutex::new(BTreeMap::new());
/// The action of the listener, and how many more times it acts.
static ACT: Mutex<(Option<Act>, u32)> = Mutex::new((None, 0));

struct Listener;

/// Returns from a call of the listener, also by a panic.
struct Return;

impl Drop for Return {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn logged(what: &str) {
    let depth = DEPTH.replace(DEPTH.get() + 1);
    let _return = Return;
    {
        let mut logged = LOGGED.lock().unwrap();
        let (at_all, inside) = logged.entry(what.to_owned()).or_default();
        *at_all += 1;
        *inside += u32::from(depth > 0);
    }
    // A single nested call suffices as a proof; endless nesting would abort the process.
    if depth <= 1 {
        act();
    }
}

fn let_act(act: Option<Act>, times: u32) {
    let old = std::mem::replace(&mut *ACT.lock().unwrap(), (act, times));
    // Without the lock: dropping the old action may log.
    drop(old);
}

fn act() {
    let act = {
        let (act, more) = &mut *ACT.lock().unwrap();
        let left = more.checked_sub(1);
        *more = left.unwrap_or(0);
        act.clone().filter(|_| left.is_some())
    };
    if let Some(act) = act {
        act();
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "genevent"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        logged("new span");
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        logged(&message.0);
    }

    fn enter(&self, _: &Id) {
        logged("enter");
    }

    fn exit(&self, _: &Id) {
        logged("exit");
    }
}

/// Does everything that is logged.
async fn live(manager: EventManager<u8>) {
    let reader = manager.subscribe_with(Overflow::DropOldest);
    let picky = || {
        handler_fn(|n: &u8| {
            if *n == 3 {
                resume_unwind(Box::new("three"));
            }
        })
    };
    let restart = Restart::on_failure(1, Duration::from_secs(1));
    let handler = manager.add_handler_with(HandlerOptions::new("picky").restart(restart), picky);
    let handler = handler.ok();
    for n in [1, 3, 3, 4] {
        manager.notify(n).await.ok();
        manager.sync_notify(n).now_or_never();
        yield_now().await;
    }
    if let Some(Ok(permit)) = manager.reserve().now_or_never() {
        permit.notify(5);
    }
    manager.disconnect(reader.id());
    manager.close();
    if let Some(handler) = handler {
        handler.stopped().await;
    }
}

fn runtime() -> Runtime {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_time().build().unwrap()
}

/// Runs a life in which the listener does `act`.
fn life(what: &str, act: impl Fn(&EventManager<u8>) + Send + Sync + 'static) {
    let manager = EventManager::new(1);
    let weak = manager.downgrade();
    let act = move || {
        if let Some(manager) = weak.upgrade() {
            act(&manager);
        }
    };
    // The later effects of an action are logged, and cause more effects: in general without end,
    // but not in this test.
    let_act(Some(Arc::new(act)), 200);
    LOGGED.lock().unwrap().clear();
    runtime().block_on(live(manager));
    let_act(None, 0);

    let logged = std::mem::take(&mut *LOGGED.lock().unwrap());
    for kind in ["published", "subscribed", "left", "new span"] {
        assert!(logged.contains_key(kind), "{what}: {logged:?}");
    }
    // After a panic of the listener at a new span, there is no span to be entered.
    let is_entered = logged.contains_key("enter") && logged.contains_key("exit");
    assert!(is_entered || what.contains("panics"), "{what}: {logged:?}");
    let of = |kind| logged.get(kind).map(|(at_all, _)| *at_all);
    assert_eq!(of("enter"), of("exit"), "{what}");
    let again: Vec<_> = logged
        .iter()
        .filter(|(_, (_, inside))| *inside > 0)
        .collect();
    assert!(again.is_empty(), "{what}, and is logged of that: {again:?}");
}

#[test]
fn a_listener_is_not_told_of_its_own_calls() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    life("it does nothing", |_| ());
    life("it panics", |_| resume_unwind(Box::new("enough")));
    life("it publishes", |manager| {
        manager.try_notify(10).ok();
    });
    life("it publishes, and panics", |manager| {
        manager.try_notify(10).ok();
        resume_unwind(Box::new("enough"));
    });
    life("it publishes and waits", |manager| {
        manager.notify(10).now_or_never();
        manager.sync_notify(11).now_or_never();
    });
    life("it publishes by a permit", |manager| {
        if let Some(Ok(permit)) = manager.reserve().now_or_never() {
            permit.notify(10);
        }
    });
    life("it subscribes", |manager| {
        let reader = manager.subscribe();
        let other = manager.subscribe_filter(|n| n % 2 == 0);
        manager.disconnect(reader.id());
        drop(other);
    });
    life("it adds a handler", |manager| {
        manager.add_handler("visitor", handler_fn(|_| ())).ok();
        manager.remove_handler("visitor").now_or_never();
        drop(manager.handler_group("group"));
    });
    life("it uses a registry", |_| {
        let registry = Registry::<u8>::new(EventManager::new(1));
        registry.create("bucket").now_or_never();
    });

    // Outside of any runtime, a listener may drive the tasks of handlers.
    let other = EventManager::<u8>::new(1);
    let runtime = runtime();
    {
        let _inside = runtime.enter();
        other.add_handler("other", handler_fn(|_| ())).unwrap();
    }
    let driven = other.clone();
    let drive = move || {
        if Handle::try_current().is_err() {
            driven.try_notify(1).ok();
            runtime.block_on(yield_now());
        }
    };
    LOGGED.lock().unwrap().clear();
    let_act(Some(Arc::new(drive)), 10);
    other.try_notify(1).unwrap();
    let logged = std::mem::take(&mut *LOGGED.lock().unwrap());
    let_act(None, 0);
    assert_eq!(logged, BTreeMap::from([("published".to_owned(), (1, 0))]));
}
