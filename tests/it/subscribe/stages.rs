//! Stages: subscriptions that see an event only after other subscribers have settled the event.

mod gate;
mod leaving;
mod upstream_kinds;

use genevent::{EventManager, Subscription};

use crate::drive::read;

fn publish(manager: &EventManager<u64>, events: impl IntoIterator<Item = u64>) {
    for n in events {
        manager.try_notify(n).expect("there is room");
    }
}

/// Takes the next event and finishes it.
fn finish(stage: &mut Subscription<u64>) -> u64 {
    let event = read(stage).expect("there is one");
    stage.ack();
    event
}
