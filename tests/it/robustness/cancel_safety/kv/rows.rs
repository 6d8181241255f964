//! Every function of the registry that waits, and how to call the function.

use futures::future::LocalBoxFuture;
use futures::stream::LocalBoxStream;
use futures::{FutureExt, StreamExt};
use genevent::Subscription;
use genevent::kv::{Bucket, Registry, RegistryEvent, RegistryStreamExt, View, WatchEvent};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) call: Call,
}

pub(crate) enum Call {
    Handles(fn(Registry<u32>, Bucket<u32>) -> LocalBoxFuture<'static, Outcome>),
    /// `next` on an adapter of the registry's events.
    Adapter(fn(Subscription<RegistryEvent<u32>>) -> Changes),
    /// `next` on a watch of the registry.
    Watch(fn(&Registry<u32>) -> Changes),
}

/// The changes, as `+name` and `-name`.
pub(crate) type Changes = LocalBoxStream<'static, String>;

#[derive(Debug)]
pub(crate) enum Outcome {
    Changes(Option<String>),
    Done,
}

fn done<T>(_: T) -> Outcome {
    Outcome::Done
}

pub(crate) fn change(event: &RegistryEvent<u32>) -> String {
    let sign = if matches!(event, RegistryEvent::Created { .. }) {
        '+'
    } else {
        '-'
    };
    format!("{sign}{}", event.name())
}

/// The values of `"key"`: at first, and once a row has changed it.
pub(crate) const BEFORE: u32 = 1;
const AFTER: u32 = 2;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "Registry::create",
        call: Call::Handles(|registry, _| {
            async move { registry.create("new").await.map(done).expect("room") }.boxed_local()
        }),
    },
    Row {
        name: "Registry::flush",
        call: Call::Handles(|registry, _| {
            async move { registry.flush().await }
                .map(done)
                .boxed_local()
        }),
    },
    Row {
        name: "Bucket::get",
        call: Call::Handles(|_, bucket| async move { done(bucket.get("key").await) }.boxed_local()),
    },
    Row {
        name: "Bucket::put",
        call: Call::Handles(|_, bucket| {
            async move { done(bucket.put("key", AFTER).await) }.boxed_local()
        }),
    },
    Row {
        name: "Bucket::delete",
        call: Call::Handles(|_, bucket| {
            async move { done(bucket.delete("key").await) }.boxed_local()
        }),
    },
    Row {
        name: "Bucket::update",
        call: Call::Handles(|_, bucket| {
            async move { done(bucket.update("key", |_| Some(AFTER)).await) }.boxed_local()
        }),
    },
    Row {
        name: "Bucket::stopped",
        call: Call::Handles(|_, bucket| bucket.stopped().map(done).boxed_local()),
    },
    Row {
        name: "Created::next",
        call: Call::Adapter(|events| {
            events
                .created()
                .map(|(name, _)| format!("+{name}"))
                .boxed_local()
        }),
    },
    Row {
        name: "Exited::next",
        call: Call::Adapter(|events| {
            events
                .exited()
                .map(|(name, ..)| format!("-{name}"))
                .boxed_local()
        }),
    },
    Row {
        name: "Named::next",
        call: Call::Adapter(|events| events.named("main").map(|e| change(&e)).boxed_local()),
    },
    Row {
        name: "Reflect::next",
        call: Call::Adapter(|events| {
            let events = events.reflect(View::new());
            events.map(|e| change(&e)).boxed_local()
        }),
    },
    Row {
        name: "Watch::next",
        call: Call::Watch(|registry| {
            let changes = registry.watch().filter_map(|event| async move {
                match event {
                    WatchEvent::Created { name, .. } => Some(format!("+{name}")),
                    WatchEvent::Exited { name, .. } => Some(format!("-{name}")),
                    _ => None, // `Ready`: nothing exists before "main"
                }
            });
            changes.boxed_local()
        }),
    },
];

impl Row {
    /// The value of `"key"` after this call, if the call was ready.
    pub(crate) fn changes_to(&self) -> Option<u32> {
        match self.name {
            "Bucket::put" | "Bucket::update" => Some(AFTER),
            "Bucket::delete" => None,
            _ => Some(BEFORE),
        }
    }

    /// Whether an adapter lets this through.
    pub(crate) fn passes(&self, change: &str) -> bool {
        match self.name {
            "Created::next" => change.starts_with('+'),
            "Exited::next" => change.starts_with('-'),
            "Named::next" => change.ends_with("main"),
            _ => true,
        }
    }
}
