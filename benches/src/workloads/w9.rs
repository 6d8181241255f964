//! W9: callbacks and `sync_notify`, beside Elixir's `GenEvent`, which is another runtime.

use std::sync::Arc;

use genevent::{EventManager, handler_fn};

use super::w3::{self, Processed};
use super::{Beside, Better, CAPACITY, Cell, Figure, Kind, Load, Peer, Sample, Workload};
use crate::peers::beam;
use crate::runtime::{Flavor, spawn};
use crate::tally::Tally;

pub(super) static WORKLOAD: Workload = Workload {
    name: "W9",
    title: "callbacks, beside Elixir",
    what: "N callbacks and sync_notify, u64: many in one task (group; GenEvent's handlers), or with \
           a subscription each (GenEvent's streams). Elixir is another runtime",
    figure: Figure {
        name: "k events/s",
        unit: 1e3,
        better: Better::More,
    },
    beside: Beside::Latency,
    cells,
};

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for flavor in Flavor::ALL {
        for callbacks in [1, 8, 64, 512] {
            let cell = Cell::new("W9-group", callbacks, flavor, groups());
            cells.push(cell.headline([1, 64].contains(&callbacks)));
        }
        for callbacks in [1, 8, 64] {
            let cell = Cell::new("W9-each", callbacks, flavor, each());
            cells.push(cell.headline([1, 64].contains(&callbacks)));
        }
    }
    cells
}

fn groups() -> Vec<Peer> {
    vec![
        Peer::new(Kind::Ours, "genevent, handler group", group),
        Peer::new(Kind::Peer, "Elixir's GenEvent, handlers", beam::handlers).with_events(0),
    ]
}

fn each() -> Vec<Peer> {
    vec![
        Peer::new(
            Kind::Ours,
            "genevent, a stream each",
            w3::sample::<EventManager<u64>>,
        ),
        Peer::new(Kind::Ours, "genevent, a handler each", handlers),
        Peer::new(Kind::Peer, "Elixir's GenEvent, streams", beam::streams).with_events(0),
    ]
}

fn group(load: Load) -> Sample {
    load.flavor.run(async move {
        let manager = EventManager::new(CAPACITY);
        let group = manager
            .handler_group("callbacks")
            .expect("the name is not in use");
        let processed = Processed::by_each(load.subscribers);
        for index in 0..load.subscribers {
            let callback = handler_fn(callback(index, &processed));
            let added = group.add_handler(index.to_string(), callback);
            assert!(added.is_ok(), "the names differ");
        }
        send_all(manager, load, processed).await
    })
}

fn handlers(load: Load) -> Sample {
    load.flavor.run(async move {
        let manager = EventManager::new(CAPACITY);
        let processed = Processed::by_each(load.subscribers);
        for index in 0..load.subscribers {
            let callback = handler_fn(callback(index, &processed));
            let added = manager.add_handler(index.to_string(), callback);
            assert!(added.is_ok(), "the names differ");
        }
        send_all(manager, load, processed).await
    })
}

/// Checks that every event is received once and in order.
fn callback(index: usize, processed: &Arc<[Processed]>) -> impl FnMut(&u64) + Send + use<> {
    let processed = Arc::clone(processed);
    let mut tally = Tally::default();
    move |number| {
        assert_eq!(*number, tally.count(), "every event comes once");
        tally.see(*number);
        processed[index].note(*number);
    }
}

async fn send_all(manager: EventManager<u64>, load: Load, processed: Arc<[Processed]>) -> Sample {
    let producer = w3::send_all(manager.clone(), load.events, Arc::clone(&processed));
    let sample = spawn(producer).await;
    manager
        .stop()
        .await
        .expect("the call is outside of every handler");
    for processed in processed.iter() {
        assert_eq!(processed.count(), load.events, "every event came");
    }
    sample.expect("every acknowledgement follows its work")
}
