//! The checks after every operation.

use genevent::{EndReason, SubscriberInfo};
use proptest::prelude::*;

use super::super::Checked;
use super::super::payload::alive;
use super::super::reference::{End, Reader, State};
use super::{Reading, World, within};

impl World<'_> {
    /// The checks after every operation.
    pub(crate) fn check(&mut self) -> Checked {
        self.run_handlers();
        self.reference.end_step(&self.turns.take());
        for call in &self.calls {
            let expected = &self.reference.calls[call.id];
            let exactly = expected.polled_at == self.reference.now;
            call.wakers
                .check_in_time(expected.woken, exactly)
                .map_err(|error| within(format_args!("{expected:?}"), &error))?;
            if let Ok(mut waiting_for) = call.future.waiting_for(&self.ids) {
                let mut expected = self.reference.waiting_for(call.id);
                for list in [&mut waiting_for, &mut expected].into_iter().flatten() {
                    list.sort_unstable();
                }
                prop_assert_eq!(waiting_for, expected, "waiting for");
            }
        }
        for sinking in &self.sinks {
            let expected = &self.reference.sinks[sinking.id];
            let (woken, exactly) = self.ready_woken(sinking);
            sinking
                .ready
                .check_in_time(woken, exactly)
                .and_then(|()| sinking.flush.check(expected.flush_woken))
                .map_err(|error| within(format_args!("a sink"), &error))?;
        }
        for reading in &self.streams {
            let expected = &self.reference.readers[reading.who];
            self.check_stream(reading, expected)
                .map_err(|error| within(format_args!("#{}", reading.who + 1), &error))?;
        }
        self.check_ends()?;
        self.check_handlers()?;
        self.check_memory()?;
        self.check_manager()
    }

    /// A completed flush leaves no event in memory that every reader has finished with.
    fn check_memory(&mut self) -> Checked {
        let (most, alive) = (self.reference.most_kept(), alive());
        prop_assert!(most.is_none_or(|most| alive <= most), "{alive} of {most:?}");
        Ok(())
    }

    fn check_stream(&self, reading: &Reading, expected: &Reader) -> Checked {
        let Reading {
            who,
            stream,
            wakers,
        } = reading;
        wakers.check(expected.woken)?;
        let unread = expected.pending();
        let end = match expected.state {
            State::Ended(end) => Some(end),
            _ => None,
        };
        let known = stream.known();
        prop_assert_eq!(known.id, self.ids[*who]);
        prop_assert_eq!(known.pending, unread, "pending");
        prop_assert_eq!(known.missed, expected.missed, "missed");
        prop_assert_eq!(known.seq, expected.last, "seq");
        let is_last = self.reference.is_complete() || expected.state != State::Attached;
        let hint = if stream.tells_missed() {
            (unread, None)
        } else {
            (unread, is_last.then_some(unread))
        };
        prop_assert_eq!(known.size_hint, hint, "size_hint");
        prop_assert_eq!(known.end_reason.map(end_of), end, "end_reason");
        prop_assert_eq!(known.is_terminated, end.is_some());
        if let Some(unacked) = stream.unacked() {
            prop_assert_eq!(unacked, expected.unacked(), "unacked");
        }
        Ok(())
    }

    fn check_manager(&self) -> Checked {
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        prop_assert_eq!(manager.is_closed(), self.reference.closed);
        let attached = self.reference.attached();
        prop_assert_eq!(manager.subscriber_count(), attached.len());
        let stats = manager.stats();
        prop_assert_eq!(stats.is_closed(), self.reference.closed);
        prop_assert_eq!(stats.published(), self.reference.published() as u64);
        prop_assert_eq!(stats.permits(), self.reference.permits, "permits out");
        prop_assert_eq!(
            stats.waiting_publishers(),
            self.reference.waiting(),
            "queued publishers"
        );
        prop_assert_eq!(
            stats.is_front_notified(),
            self.reference.is_front_notified(),
            "whether the front is notified"
        );
        prop_assert!(
            !self.reference.has_lost_wakeup(),
            "a publisher sleeps beside room"
        );
        let leaving: Vec<_> = stats.leaving().iter().map(SubscriberInfo::id).collect();
        let expected = self.reference.leaving().into_iter();
        let expected: Vec<_> = expected.map(|who| self.ids[who]).collect();
        prop_assert_eq!(leaving, expected, "those that are leaving");
        let infos = stats.subscribers();
        prop_assert_eq!(infos.len(), attached.len());
        for (info, who) in infos.iter().zip(attached) {
            let expected = &self.reference.readers[who];
            prop_assert_eq!(info.id(), self.ids[who]);
            prop_assert_eq!(info.overflow(), expected.overflow);
            prop_assert_eq!(info.window(), expected.window);
            prop_assert_eq!(info.is_observer(), expected.sees.observer);
            prop_assert_eq!(info.unread(), expected.unread.len());
            let unacked = expected.unacked() + usize::from(expected.unyielded.is_some());
            prop_assert_eq!(info.unacked(), unacked, "unacked of {}", info);
            prop_assert_eq!(info.missed(), expected.missed);
            let (time, expected) = (info.blocking_for(), self.reference.blocking_for(who));
            // Outside of a runtime, the clock is the system's.
            if self.runtime.is_some() {
                prop_assert_eq!(time, expected, "blocking time of {}", info);
            } else {
                prop_assert_eq!(
                    time.is_some(),
                    expected.is_some(),
                    "whether {} blocks",
                    info
                );
            }
        }
        Ok(())
    }
}

pub(super) fn end_of(reason: EndReason) -> End {
    match reason {
        EndReason::Closed => End::Closed,
        EndReason::Disconnected { cause, .. } => End::Disconnected(cause),
        _ => unreachable!("there are no other reasons"),
    }
}
