//! Filtered subscriptions: joining, and what publishers must look at for them.

use std::panic::Location;

use super::{Channel, State};
use crate::channel::effects::Effects;
use crate::channel::filter::Evaluation;
use crate::channel::filter::queue::FilterQueue;
use crate::options::SubscribeOptions;
use crate::util::clock::Instant;
use crate::util::sync::Arc;

impl<E> State<E> {
    /// Before the event that was judged is stored: whose queues are in its way.
    #[inline]
    pub(super) fn block_full_queues(&mut self, judged: &mut Evaluation, effects: &mut Effects<E>) {
        if let Some(answers) = judged.matches() {
            self.machine
                .block_full_queues(answers, Instant::now, effects);
        }
    }
}

impl<E: 'static> Channel<E> {
    /// A new subscriber to what `judge` makes of the events. False if the channel is closed: it
    /// is one of nothing then.
    pub(crate) fn subscribe_filtered<T: Send + 'static>(
        &self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        judge: impl Fn(&E) -> Option<T> + Send + Sync + 'static,
    ) -> (Arc<FilterQueue<T>>, bool) {
        self.run(|state, effects| {
            let lane = state.machine.join_filtered(options, created_at, judge);
            if state.machine.is_closed() {
                state.machine.leave(lane.place().id.number, effects);
                return (lane, false);
            }
            state.notify_watchers(effects);
            (lane, true)
        })
    }
}
