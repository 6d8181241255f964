//! Publishing while user code of the publisher panics.

use std::task::Context;

use proptest::prelude::*;

use super::super::driven::Wakers;
use super::super::payload::{Payload, with_failing};
use super::super::{Checked, Failing, Owned, Publishing};
use super::calls::{MAX_CALLS, owned_call};
use super::{Calling, World, choose};

impl World<'_> {
    /// A key function that panics panics in the call, which stores nothing. A clone that panics ends the
    /// subscription that it is for.
    pub(crate) fn publish_failing(&mut self, failing: Failing, publishing: Publishing) -> Checked {
        self.reference.failing = Some(failing);
        let published = match publishing {
            Publishing::TryNotify => self.try_failing(failing),
            Publishing::Future(owned) => self.poll_failing(failing, owned),
            Publishing::Permit(pick) => match choose(pick, self.permits.len()) {
                Some(index) => self.permit_failing(failing, index),
                None => Ok(()),
            },
        };
        self.reference.failing = None;
        published
    }

    fn is_unwound(&self, failing: Failing, is_future: bool) -> bool {
        failing == Failing::Key && self.reference.calls_key_functions(is_future)
    }

    fn try_failing(&mut self, failing: Failing) -> Checked {
        let payload = self.next_payload();
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        let event = Payload::new(payload);
        let result = with_failing(failing, || manager.try_notify(event));
        let is_unwound = self.is_unwound(failing, false);
        prop_assert_eq!(result.is_none(), is_unwound, "whether it panics");
        match result {
            Some(result) => self.check_published(payload, &result),
            None => Ok(()),
        }
    }

    fn poll_failing(&mut self, failing: Failing, owned: Owned) -> Checked {
        let payload = self.next_payload();
        let Some(manager) = self.manager() else {
            return Ok(());
        };
        if self.calls.len() == MAX_CALLS {
            return Ok(());
        }
        let (question, mut future) = owned_call(manager, owned, payload);
        let mut wakers = Wakers::default();
        let waker = wakers.set(false);
        let mut cx = Context::from_waker(&waker);
        let answer = with_failing(failing, || {
            future.poll(&mut cx, &self.ids, &mut self.permits)
        });
        let is_unwound = !matches!(owned, Owned::Reserve) && self.is_unwound(failing, true);
        prop_assert_eq!(answer.is_none(), is_unwound, "whether it panics");
        let Some(answer) = answer else {
            return Ok(());
        };
        let id = self.reference.call(question, None);
        self.calls.push(Calling { id, future, wakers });
        self.check_answer(self.calls.len() - 1, answer)
    }

    fn permit_failing(&mut self, failing: Failing, index: usize) -> Checked {
        let payload = self.next_payload();
        let permit = self.permits.remove(index);
        let event = Payload::new(payload);
        let stored = with_failing(failing, || permit.notify(event));
        let is_unwound = failing == Failing::Key && self.reference.has_keyed();
        prop_assert_eq!(stored.is_none(), is_unwound, "whether it panics");
        match stored {
            Some(stored) => prop_assert_eq!(stored, self.reference.use_permit(payload)),
            None => self.reference.drop_permit(),
        }
        Ok(())
    }
}
