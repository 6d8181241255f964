//! Crashing handlers with restarts, and a group with leaving members.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use genevent::{EventManager, Handled, Handler, HandlerOptions, Restart};

use crate::book::{Book, EventOutcome, Record};
use crate::event::Event;
use crate::executor::{IntendedPanic, yield_now};

struct Crashes {
    record: Arc<Record>,
    rng: Rng,
}

impl Handler<Event> for Crashes {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        self.record.see(event.id);
        match self.rng.u8(0..64) {
            0 => {
                self.record.decide(event.id, EventOutcome::GivenUp);
                std::panic::panic_any(IntendedPanic);
            }
            1 => {
                self.record.decide(event.id, EventOutcome::GivenUp);
                return Err("by chance".into());
            }
            2..=8 => yield_now().await,
            _ => {}
        }
        self.record.decide(event.id, EventOutcome::Finished);
        Ok(ControlFlow::Continue(()))
    }
}

struct Member {
    record: Arc<Record>,
    /// How many events the member handles before it panics.
    lifetime: Option<usize>,
}

impl Handler<Event> for Member {
    async fn handle_event(&mut self, event: &Event) -> Handled {
        self.record.see(event.id);
        if let Some(left) = &mut self.lifetime {
            if *left == 0 {
                self.record.decide(event.id, EventOutcome::GivenUp);
                std::panic::panic_any(IntendedPanic);
            }
            *left -= 1;
        }
        self.record.decide(event.id, EventOutcome::Finished);
        Ok(ControlFlow::Continue(()))
    }
}

/// Adds the handlers before the first publish.
pub(crate) fn add(manager: &EventManager<Event>, book: &Book, rng: &mut Rng) {
    for name in ["one", "two"] {
        let record = Record::unknown(false);
        let factory = {
            let (record, mut rng) = (Arc::clone(&record), Rng::with_seed(rng.u64(..)));
            move || Crashes {
                record: Arc::clone(&record),
                rng: rng.fork(),
            }
        };
        let restart = Restart::on_failure(usize::MAX, Duration::from_secs(1));
        let added = manager.add_handler_with(HandlerOptions::new(name).restart(restart), factory);
        added.expect("the name is not in use");
        enter(manager, book, record, name);
    }
    let group = manager
        .handler_group("group")
        .expect("the name is not in use");
    let add = |name: String, lifetime| {
        let record = Record::unknown(true);
        let member = Member {
            record: Arc::clone(&record),
            lifetime,
        };
        let added = group.add_handler(name.as_str(), member);
        added.expect("the name is not in use");
        enter(manager, book, record, &name);
    };
    add("steady".to_owned(), None);
    for number in 0..rng.usize(0..100) {
        add(format!("member {number}"), Some(rng.usize(0..100)));
    }
}

fn enter(manager: &EventManager<Event>, book: &Book, record: Arc<Record>, name: &str) {
    let infos = manager.subscribers();
    let info = infos.iter().find(|info| info.name() == Some(name));
    record.is(info.expect("the handler has just been added").id());
    book.enter(record);
}
