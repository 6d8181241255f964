//! `tokio::sync::watch`, read as a stream.

use std::future::ready;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::{Channel, Event, Kit, Publishing};

#[derive(Clone)]
struct TokioWatch(watch::Sender<Option<Event>>);

impl Channel for TokioWatch {
    type Subscriber = BoxStream<'static, Event>;

    fn subscribe(&self) -> Self::Subscriber {
        WatchStream::from_changes(self.0.subscribe())
            .filter_map(ready)
            .boxed()
    }

    fn publish(&self, event: Event) -> Publishing {
        self.0.send_replace(Some(event));
        Box::pin(ready(Ok(())))
    }
}

pub(super) fn kit() -> Kit {
    Kit::new("tokio watch", |_| TokioWatch(watch::Sender::new(None)))
}
