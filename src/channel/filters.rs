//! The channel's entry points for filtered subscriptions.

use std::panic::Location;

use super::Channel;
use crate::channel::filter::queue::FilterQueue;
use crate::options::SubscribeOptions;
use crate::util::sync::Arc;

impl<E: 'static> Channel<E> {
    /// Attaches a filtered subscriber.
    ///
    /// Returns its queue, and false if the channel is closed: the queue then stays empty.
    pub(crate) fn subscribe_filtered<T: Send + 'static>(
        &self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        predicate: impl Fn(&E) -> Option<T> + Send + Sync + 'static,
    ) -> (Arc<FilterQueue<T>>, bool) {
        self.run(|state, effects| {
            let queue = state.machine.join_filtered(options, created_at, predicate);
            if state.machine.is_closed() {
                let key = queue.subscriber().id.number;
                state.machine.leave(key, effects);
                return (queue, false);
            }
            // Under the lock that attaches the subscriber, as for a log reader.
            let subscriber = queue.subscriber();
            if subscriber.kind.has_task() {
                state.running.insert(subscriber.id, Arc::clone(subscriber));
            }
            state.notify_conditions(effects);
            state.revoke_grants(queue.subscriber());
            // Publishers whose places were taken back wait again: the time counts from now on.
            state.serve_queue(effects);
            (queue, true)
        })
    }
}
