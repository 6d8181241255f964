//! How often handlers yield to other tasks: regularly, but not at every step.

use std::future::ready;

use futures::FutureExt;
use genevent::EventManager;
use tokio::task::yield_now;

/// Enough members for five polls: 64 members are a step, and 64 steps are a poll.
const MEMBERS: usize = 64 * 64 * 5;

#[tokio::test]
async fn many_ready_futures_take_a_few_polls() {
    let manager = EventManager::<u8>::new(8);
    let group = manager.handler_group("group").unwrap();
    for n in 0..MEMBERS {
        group
            .add_handler(n.to_string(), |_: &u8| ready(()))
            .unwrap();
    }
    manager.sync_notify(1).await.unwrap();
    let mut turns = 0;
    let mut done = manager.sync_notify(2).boxed();
    while (&mut done).now_or_never().is_none() {
        yield_now().await;
        turns += 1;
    }
    assert!((5..8).contains(&turns), "{turns} turns");
}
