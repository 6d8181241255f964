//! The channel's entry points for filtered subscriptions.

use std::panic::Location;

use super::Channel;
use crate::channel::filter::Interest;
use crate::channel::filter::reading::Reading;
use crate::channel::machine::Replayed;
use crate::options::SubscribeOptions;
use crate::util::sync::Arc;

/// A new filtered subscriber.
pub(crate) struct JoinedFiltered<E, I: Interest<E>> {
    pub(crate) reading: Reading<I::Value>,
    /// The interest, to be asked for the values of retained events.
    pub(crate) joined: I::Joined,
    pub(crate) replayed: Replayed<E>,
    /// False if the channel is closed: nothing is to be read then.
    pub(crate) is_open: bool,
}

impl<E: 'static> Channel<E> {
    /// Attaches a filtered subscriber. The caller evaluates the retained events, without the lock.
    pub(crate) fn subscribe_filtered<I: Interest<E>>(
        &self,
        options: SubscribeOptions,
        created_at: &'static Location<'static>,
        interest: I,
    ) -> JoinedFiltered<E, I> {
        let too_early = seeded_bug!("filter-replays-before-joining")
            .then(|| self.run(|state, _| state.machine.replay(options.replay)));
        self.run(|state, effects| {
            let (reading, joined, replayed) =
                state.machine.join_filtered(options, created_at, interest);
            let replayed = too_early.unwrap_or(replayed);
            if state.machine.is_closed() {
                let key = reading.subscriber().id.number;
                state.machine.leave(key, effects);
                return JoinedFiltered {
                    reading,
                    joined,
                    replayed,
                    is_open: false,
                };
            }
            // Under the lock that attaches the subscriber, as for a log reader.
            let subscriber = reading.subscriber();
            if subscriber.kind.has_task() {
                state.running.insert(subscriber.id, Arc::clone(subscriber));
            }
            if !seeded_bug!("filter-joins-unnoticed") {
                state.notify_conditions(effects);
            }
            state.revoke_grants(reading.subscriber());
            // Publishers whose places were taken back wait again: the time counts from now on.
            state.serve_queue(effects);
            JoinedFiltered {
                reading,
                joined,
                replayed,
                is_open: true,
            }
        })
    }
}
