//! `tokio::sync::broadcast`, read as a stream.

use std::future::ready;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::{Channel, Event, Kit, Publishing};

#[derive(Clone)]
struct TokioBroadcast(broadcast::Sender<Event>);

impl Channel for TokioBroadcast {
    type Subscriber = BoxStream<'static, Event>;

    fn subscribe(&self) -> Self::Subscriber {
        let events = BroadcastStream::new(self.0.subscribe());
        // An error tells how many events were lost.
        events.filter_map(|event| ready(event.ok())).boxed()
    }

    fn publish(&self, event: Event) -> Publishing {
        // An error: there is no receiver.
        let _ = self.0.send(event);
        Box::pin(ready(Ok(())))
    }
}

pub(super) fn kit() -> Kit {
    Kit::new("tokio broadcast", |capacity| {
        TokioBroadcast(broadcast::Sender::new(capacity))
    })
}
