//! The registry. Not `UnwindSafe`: code that catches a panic during a call of a registry has to
//! vouch for the registry.

use genevent::kv::{
    Bucket, CreateError, Created, ExitReason, Exited, Named, Reflect, Registry, RegistryBuilder,
    RegistryEvent, View, Watch, WatchEvent,
};

use super::{Cloned, Event, Subscription};
use super::{at_ease, clone, copy, default, equal, error, hash, stream, unwind_safe};

type Events = Subscription<RegistryEvent<Event>>;

#[test]
fn registries_and_buckets_have_their_auto_traits() {
    at_ease::<Registry<Event>>();
    at_ease::<RegistryBuilder<Event>>();
    at_ease::<Bucket<Event>>();
    at_ease::<RegistryEvent<Event>>();
    clone::<(Registry<Event>, Bucket<Event>, RegistryEvent<Event>)>();
    equal::<Bucket<Event>>();
    hash::<Bucket<Event>>();
}

#[test]
fn registry_reasons_are_plain_values() {
    at_ease::<ExitReason>();
    at_ease::<CreateError>();
    unwind_safe::<(ExitReason, CreateError)>();
    copy::<(ExitReason, CreateError)>();
    equal::<(ExitReason, CreateError)>();
    hash::<(ExitReason, CreateError)>();
    error::<CreateError>();
    error::<ExitReason>();
}

#[test]
fn watches_and_views_have_their_auto_traits() {
    at_ease::<Watch<Event>>();
    at_ease::<WatchEvent<Event>>();
    at_ease::<View<Event>>();
    clone::<(WatchEvent<Event>, View<Event>)>();
    default::<View<Event>>();
    stream::<Watch<Event>, WatchEvent<Event>>();
    at_ease::<Reflect<Watch<Event>, Event>>();
    stream::<Reflect<Watch<Event>, Event>, WatchEvent<Event>>();
}

#[test]
fn adapters_have_the_traits_of_their_streams() {
    at_ease::<Created<Events>>();
    at_ease::<Exited<Events>>();
    at_ease::<Named<Events>>();
    at_ease::<Reflect<Events, Event>>();
    stream::<Reflect<Events, Event>, RegistryEvent<Event>>();
    stream::<Created<Events>, (String, Bucket<Event>)>();
    stream::<Exited<Events>, (String, Bucket<Event>, ExitReason)>();
    stream::<Named<Events>, RegistryEvent<Event>>();
}

#[test]
fn futures_can_be_spawned() {
    fn may_be_sent<F: Future + Send>(_: &F) {}
    fn may_be_spawned<F: Future + Send + 'static>(_: &F) {}
    // Never called: compiling is enough.
    let _ = |registry: Registry<Cloned>, bucket: Bucket<Cloned>, value: Cloned| {
        may_be_sent(&registry.create("name"));
        may_be_sent(&registry.flush());
        may_be_sent(&bucket.get("key"));
        may_be_sent(&bucket.put("key", value));
        may_be_sent(&bucket.delete("key"));
        may_be_sent(&bucket.update("key", |old| old));
        may_be_spawned(&bucket.stopped());
    };
}
