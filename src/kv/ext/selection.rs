//! The operators that select events: `created`, `exited` and `named`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::kv::bucket::Bucket;
use crate::kv::event::RegistryEvent;
use crate::kv::exit::ExitReason;

/// Declares a stream with fields beside `events`. The stream yields `$selected` for the events that
/// match `$pattern`, and skips all others. `$this` is the projection of the stream.
macro_rules! selection {
    (
        $(#[$docs:meta])*
        $name:ident { $($field:ident: $type:ty)? } -> $item:ty;
        |$this:ident| $pattern:pat $(if $condition:expr)? => $selected:expr
    ) => {
        pin_project! {
            $(#[$docs])*
            #[derive(Debug, Clone)]
            #[must_use = "streams do nothing unless polled"]
            pub struct $name<S> {
                #[pin]
                events: S,
                $($field: $type,)?
            }
        }

        impl<S> $name<S> {
            pub(super) fn new(events: S $(, $field: $type)?) -> Self {
                Self { events $(, $field)? }
            }
        }

        impl<V, S: Stream<Item = RegistryEvent<V>>> Stream for $name<S> {
            type Item = $item;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<$item>> {
                let mut $this = self.project();
                loop {
                    match ready!($this.events.as_mut().poll_next(cx)) {
                        Some($pattern) $(if $condition)? => return Poll::Ready(Some($selected)),
                        Some(_) => {}
                        None => return Poll::Ready(None),
                    }
                }
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (0, self.events.size_hint().1)
            }
        }

        impl<V, S: FusedStream<Item = RegistryEvent<V>>> FusedStream for $name<S> {
            fn is_terminated(&self) -> bool {
                self.events.is_terminated()
            }
        }
    };
}

selection! {
    /// Stream of [`RegistryStreamExt::created`](crate::kv::RegistryStreamExt::created).
    Created {} -> (String, Bucket<V>);
    |this| RegistryEvent::Created { name, bucket } => (name, bucket)
}

selection! {
    /// Stream of [`RegistryStreamExt::exited`](crate::kv::RegistryStreamExt::exited).
    Exited {} -> (String, Bucket<V>, ExitReason);
    |this| RegistryEvent::Exited { name, bucket, reason } => (name, bucket, reason)
}

selection! {
    /// Stream of [`RegistryStreamExt::named`](crate::kv::RegistryStreamExt::named).
    Named { name: String } -> RegistryEvent<V>;
    |this| event if event.name() == this.name => event
}
