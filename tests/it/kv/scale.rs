//! A registry with very many names, with unusual names, and with a name that is created and stopped
//! many times. All tests together take a few seconds in a debug build.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use genevent::EventManager;
use genevent::kv::{CreateError, ExitReason, Registry, RegistryEvent, View, WatchEvent};

fn new_registry<V: Send + Sync + 'static>() -> Registry<V> {
    Registry::new(EventManager::default())
}

/// Ten million names with `cargo test --release`.
#[tokio::test]
async fn a_registry_holds_countless_names() {
    const MANY: usize = if cfg!(debug_assertions) {
        100_000
    } else {
        10_000_000
    };
    let registry = new_registry::<u8>();
    let mut refused = 0;
    for n in 0..MANY {
        let name = format!("{n:07}");
        while let Err(error) = registry.create(&name).await {
            assert_eq!(error, CreateError::QueueFull);
            refused += 1;
            registry.flush().await;
        }
    }
    assert!(refused > 0, "the line is bounded");
    let names = registry.names();
    assert_eq!(names.len(), MANY);
    assert!(names.is_sorted());
    assert_eq!(registry.lookup("0031415").unwrap().name(), "0031415");

    let view = View::new();
    let mut watch = registry.watch().reflect(view.clone());
    let existing = watch.by_ref().take(MANY + 1);
    let last = existing.fold(None, |_, event| async { Some(event) }).await;
    assert!(matches!(last, Some(WatchEvent::Ready)));
    assert_eq!(view.len(), MANY);

    let one = registry.lookup("0027182").unwrap();
    drop(registry);
    assert_eq!(one.stopped().now_or_never(), Some(ExitReason::RegistryGone));
    assert_eq!(watch.count().await, MANY, "exits are never refused");
    assert!(view.is_empty());
}

#[tokio::test]
async fn a_name_can_be_recreated_a_hundred_thousand_times() {
    const TIMES: usize = 100_000;
    let registry = new_registry();
    let value = Arc::new(());
    let log = registry.events().fold(0, |changes, event| async move {
        let is_created = matches!(event, RegistryEvent::Created { .. });
        assert_eq!(
            is_created,
            changes % 2 == 0,
            "`Exited` before the next `Created`"
        );
        changes + 1
    });
    let log = tokio::spawn(log);
    for n in 0..TIMES {
        let mut created = registry.create("a").await;
        if created.is_err() {
            registry.flush().await;
            created = registry.create("a").await;
        }
        let bucket = created.unwrap();
        bucket.put("k", Arc::clone(&value)).await;
        bucket.stop();
        assert_eq!(Arc::strong_count(&value), 1, "{n}: gone with the bucket");
    }
    assert_eq!(registry.names(), [""; 0]);
    drop(registry);
    assert_eq!(log.await.unwrap(), 2 * TIMES);
}

#[tokio::test]
async fn any_string_is_a_safe_name() {
    let names = [
        String::new(),
        " ".to_owned(),
        "\0".to_owned(),
        "a\n2026-11-22 ERROR exited shopping".to_owned(),
        "\r\u{1b}[2K\u{1b}[31mred\u{7}".to_owned(),
        "\", bucket: Bucket { name: \"x".to_owned(),
        "\u{202e}gnippohs\u{200b}\u{feff}\u{2028}".to_owned(),
        "é".to_owned(),
        "e\u{301}".to_owned(),
        "a".repeat(1 << 20),
    ];
    let registry = new_registry::<u8>();
    let mut events = registry.events();
    let mut watch = registry.watch().skip(1);
    let mut seen = std::collections::HashSet::new();
    for name in &names {
        let bucket = registry.create(name).await.unwrap();
        assert_eq!(bucket.name(), name);
        assert_eq!(registry.lookup(name), Some(bucket.clone()));
        let event = events.next().await.unwrap();
        assert_eq!(event.name(), name);
        let change = watch.next().await.unwrap();
        assert_eq!(change.name(), Some(&**name));
        events.ack();
        watch.get_mut().ack();
        let shown = [
            format!("{bucket:?}"),
            format!("{event:?}"),
            format!("{event:#?}")
                .replace("\n    ", "")
                .replace('\n', ""),
            format!("{change:?}"),
        ];
        for shown in shown {
            let strange =
                |c: char| c.is_control() || "\u{202e}\u{200b}\u{feff}\u{2028}".contains(c);
            assert!(!shown.contains(strange), "{shown}");
            assert_eq!(shown.replace("\\\"", "").matches('"').count(), 2, "{shown}");
        }
        assert!(seen.insert(format!("{bucket:?}")), "no two look the same");
    }
    let mut sorted = names.to_vec();
    sorted.sort();
    assert_eq!(registry.names(), sorted);
    for name in names {
        let bucket = registry.lookup(&name).unwrap();
        bucket.put("", 1).await;
        assert_eq!(bucket.get("").await, Some(1));
        bucket.stop();
        assert_eq!(registry.lookup(&name), None);
    }
    for error in [
        format!("{:?}", CreateError::QueueFull),
        CreateError::QueueFull.to_string(),
    ] {
        assert!(!error.contains(char::is_control));
    }
}
