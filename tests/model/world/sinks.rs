//! Permits and sinks.

use std::task::Context;

use proptest::prelude::*;

use super::super::driven::{EitherSink, Wakers};
use super::super::ops::Which;
use super::super::{Checked, Op};
use super::{Sinking, World};

const MAX_SINKS: usize = 3;

impl World<'_> {
    /// Uses every second permit, and drops the remaining permits.
    pub(crate) fn finish_permits(&mut self) -> Checked {
        while !self.permits.is_empty() {
            let is_even = self.permits.len() % 2 == 0;
            self.apply(if is_even {
                Op::UsePermit(0)
            } else {
                Op::DropPermit(0)
            })?;
        }
        Ok(())
    }

    pub(crate) fn new_sink(&mut self, sync: bool) {
        let Some(manager) = self.manager() else {
            return;
        };
        if self.sinks.len() == MAX_SINKS {
            return;
        }
        let sink = if sync {
            EitherSink::Sync(manager.sync_sink())
        } else {
            EitherSink::Plain(manager.sink())
        };
        self.sinks.push(Sinking {
            id: self.reference.sink(sync),
            sink,
            ready: Wakers::default(),
            flush: Wakers::default(),
        });
    }

    pub(crate) fn drop_sinks(&mut self) -> Checked {
        while !self.sinks.is_empty() {
            self.apply(Op::DropSink(0))?;
        }
        Ok(())
    }

    pub(crate) fn poll_ready(&mut self, index: usize, which: Which) -> Checked {
        let Sinking {
            id, sink, ready, ..
        } = &mut self.sinks[index];
        let waker = ready.set(which);
        let is_ready = sink.poll_ready(&mut Context::from_waker(&waker));
        prop_assert_eq!(is_ready, self.reference.poll_ready(*id), "poll_ready");
        Ok(())
    }

    pub(crate) fn send(&mut self, index: usize) {
        let payload = self.next_payload();
        let Sinking { id, sink, .. } = &mut self.sinks[index];
        if self.reference.sinks[*id].has_permit {
            self.reference.send(*id, payload);
            sink.send(payload);
        }
    }

    pub(crate) fn poll_flush(&mut self, index: usize, which: Which, close: bool) -> Checked {
        let Sinking {
            id, sink, flush, ..
        } = &mut self.sinks[index];
        let waker = flush.set(which);
        let mut cx = Context::from_waker(&waker);
        let flushed = if close {
            self.reference.release(*id);
            sink.poll_close(&mut cx)
        } else {
            sink.poll_flush(&mut cx)
        };
        prop_assert_eq!(flushed, self.reference.poll_flush(*id), "poll_flush");
        Ok(())
    }

    /// Whether the sink's `poll_ready` must have been woken, and whether that is exact.
    pub(crate) fn ready_woken(&self, sinking: &Sinking) -> (bool, bool) {
        let call = self.reference.sinks[sinking.id].ready;
        let call = call.map(|id| &self.reference.calls[id]);
        call.map_or((false, false), |call| {
            (call.woken, call.polled_at == self.reference.now)
        })
    }
}
