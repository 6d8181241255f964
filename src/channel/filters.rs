//! The channel's entry points for filtered subscriptions.

use std::panic::Location;

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::filter::Evaluation;
use crate::channel::filter::queue::FilterQueue;
use crate::options::SubscribeOptions;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> State<E> {
    /// Marks the full queues among the matches as blocking, before the event is stored.
    #[inline]
    pub(super) fn block_full_queues(&mut self, judged: &mut Evaluation, effects: &mut Effects<E>) {
        if let Some(matches) = judged.matches() {
            self.machine
                .block_full_queues(matches, Instant::now, effects);
        }
    }
}

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
            state.notify_conditions(effects);
            (queue, true)
        })
    }
}
