//! Deleted values and stopped buckets of the registry.

use genevent::EventManager;
use genevent::kv::{Registry, RegistryEvent};

use super::{CROWD, FEW_TABLES, leaves, leaves_little};

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().expect("a runtime can be made")
}

#[test]
fn deleted_values_free_their_memory() {
    runtime().block_on(async {
        let registry = Registry::<usize>::new(EventManager::default());
        let bucket = registry.create("bucket").await.unwrap();
        registry.flush().await;
        let work = async {
            for n in 0..=CROWD {
                bucket.put(n.to_string(), n).await;
            }
            for n in 0..CROWD {
                assert_eq!(bucket.delete(&n.to_string()).await, Some(n));
            }
        };
        leaves_little(|| crate::drive::now(tokio::task::unconstrained(work)));
        assert_eq!(bucket.get(&CROWD.to_string()).await, Some(CROWD));
    });
}

#[test]
fn stopped_buckets_free_their_memory() {
    let runtime = runtime();
    let registry = runtime.block_on(async { Registry::<u8>::new(EventManager::default()) });
    // The outbox keeps room for 1,024 events.
    let line = 1_024 * size_of::<RegistryEvent<u8>>();
    let line = i64::try_from(line).unwrap();
    let last = leaves(FEW_TABLES + line, || {
        runtime.block_on(async {
            let mut crowd = Vec::new();
            for n in 0..CROWD {
                crowd.push(registry.create(&n.to_string()).await.unwrap());
                if n % 1_000 == 0 {
                    registry.flush().await;
                }
            }
            let last = registry.create("last").await.unwrap();
            registry.flush().await;
            for bucket in crowd {
                bucket.stop();
            }
            registry.flush().await;
            last
        })
    });
    assert_eq!(registry.names(), ["last"]);
    drop(last);
}
