//! Receipts of a group, whose handlers come, go, fail and panic.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock};

use genevent::{Cause, Handled, Handler, HandlerGroup, StopReason, SubscriberId, Unfinished};

use super::{Dice, EVENTS, model};

/// What a handler of a group did with an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Did {
    Finish,
    Fail,
    Panic,
}

/// The deeds of all handlers of a group: the event, the id of the handler, the deed.
type Deeds = Arc<Mutex<Vec<(u64, SubscriberId, Did)>>>;

/// Finishes an event, fails or panics at random, at once or later.
struct Moody {
    id: Arc<OnceLock<SubscriberId>>,
    deeds: Deeds,
    dice: Dice,
}

impl Handler<u64> for Moody {
    async fn handle_event(&mut self, n: &u64) -> Handled {
        self.dice.dawdle().await;
        let did = match self.dice.below(6) {
            0 => Did::Fail,
            1 => Did::Panic,
            _ => Did::Finish,
        };
        let id = *self.id.get().expect("an event after it was added");
        self.deeds.lock().unwrap().push((*n, id, did));
        match did {
            Did::Finish => Ok(ControlFlow::Continue(())),
            Did::Fail => Err("moody".into()),
            Did::Panic => std::panic::resume_unwind(Box::new("moody")),
        }
    }

    async fn terminate(&mut self, _: &StopReason) {
        self.dice.dawdle().await;
    }
}

fn add_moody(group: &HandlerGroup<u64>, name: u64, deeds: &Deeds, dice: &mut Dice) {
    let id = Arc::<OnceLock<_>>::default();
    let moody = Moody {
        id: Arc::clone(&id),
        deeds: Arc::clone(deeds),
        dice: dice.fork(),
    };
    if let Ok(handler) = group.add_handler(name.to_string(), moody) {
        id.set(handler.id()).unwrap();
    }
}

/// The reference: a receipt has an entry for each handler that failed, panicked, or left before, and
/// counts each that finished.
#[test]
fn the_receipts_of_a_group_are_the_answers_of_its_handlers() {
    model(async |mut run| {
        let deeds = Deeds::default();
        let group = run.manager.handler_group("group").unwrap();
        let mut dice = run.dice.fork();
        for name in 0..3 {
            add_moody(&group, name, &deeds, &mut dice);
        }
        let publishers: Vec<_> = (0..2)
            .map(|publisher| {
                let (manager, mut dice) = (run.manager.clone(), run.dice.fork());
                tokio::spawn(async move {
                    let mut receipts = Vec::new();
                    for n in 0..EVENTS / 4 {
                        dice.dawdle().await;
                        let n = publisher * EVENTS + n;
                        receipts.push((n, manager.sync_notify(n).await.unwrap()));
                    }
                    receipts
                })
            })
            .collect();
        for name in 3..8 {
            dice.dawdle().await;
            match dice.below(4) {
                0 => drop(group.abort_handler(&dice.below(name).to_string())),
                1 => drop(group.remove_handler(&dice.below(name).to_string()).await),
                _ => add_moody(&group, name, &deeds, &mut dice),
            }
        }
        for publisher in publishers {
            for (n, receipt) in publisher.await.unwrap() {
                let deeds = deeds.lock().unwrap();
                let of = |wanted: Did| {
                    let deeds = deeds.iter();
                    let ids = deeds.filter(move |(event, _, did)| *event == n && *did == wanted);
                    ids.map(|(_, id, _)| *id).collect::<BTreeSet<_>>()
                };
                let entries = |cause: &dyn Fn(&Cause) -> bool| {
                    let entries = receipt.unfinished().iter();
                    let ids = entries
                        .filter(|entry| cause(entry.cause()))
                        .map(Unfinished::id);
                    ids.collect::<BTreeSet<_>>()
                };
                let (failed, panicked) = (of(Did::Fail), of(Did::Panic));
                assert_eq!(receipt.acked(), of(Did::Finish).len(), "{receipt}");
                assert_eq!(entries(&|cause| matches!(cause, Cause::Failed(_))), failed);
                assert_eq!(
                    entries(&|cause| matches!(cause, Cause::Panicked(_))),
                    panicked
                );
                let left = entries(&|cause| *cause == Cause::Left).len();
                assert_eq!(failed.len() + panicked.len() + left, receipt.dropped());
            }
        }
        drop(group);
        run.manager.stop().await.unwrap();
    });
}
