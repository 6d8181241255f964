//! Memory after the end of handlers.

use genevent::{EventManager, handler_fn};
use tokio::runtime::{Builder, Runtime};

use super::{CROWD, leaves_little};

/// A runtime with room in its tables for all tasks, so the tables do not count.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..2 * CROWD).map(|_| tokio::spawn(async {})).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    runtime
}

#[test]
fn ended_handlers_free_their_memory() {
    let manager = EventManager::<u8>::new(4);
    let runtime = runtime();
    let last = leaves_little(|| {
        runtime.block_on(async {
            let add = |name: String| manager.add_handler(name, handler_fn(|_: &u8| ())).unwrap();
            let crowd: Vec<_> = (0..CROWD).map(|n| add(n.to_string())).collect();
            let last = add("last".to_owned());
            manager.sync_notify(1).await.unwrap();
            for handler in crowd {
                handler.remove().await.unwrap();
            }
            last
        })
    });
    assert_eq!(manager.which_handlers(), ["last"]);
    drop(last);
}

#[test]
fn ended_group_members_free_their_memory() {
    let manager = EventManager::<u8>::new(4);
    let runtime = runtime();
    let group = runtime
        .block_on(async { manager.handler_group("group") })
        .unwrap();
    let last = leaves_little(|| {
        runtime.block_on(async {
            let add = |name: String| group.add_handler(name, handler_fn(|_: &u8| ())).unwrap();
            let crowd: Vec<_> = (0..CROWD).map(|n| add(n.to_string())).collect();
            let last = add("last".to_owned());
            manager.sync_notify(1).await.unwrap();
            for handler in crowd {
                handler.remove().await.unwrap();
            }
            last
        })
    });
    assert_eq!(group.which_handlers(), ["last"]);
    drop(last);
}
