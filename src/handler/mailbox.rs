//! Messages to a task.

use std::task::{Context, Waker};

use crate::util::panic_guard::wake;
use crate::util::sync::{AtomicBool, Mutex, MutexGuard, Ordering};

/// Messages not yet seen by the receiving task, and the waker of this task.
///
/// Closing the mailbox and taking its messages is a single step: a message is either refused or
/// seen.
///
/// # Invariants
/// 1. While `has_mail` is false, the mailbox is empty and holds the receiver's waker: the next
///    message wakes the receiver. The receiver is the same task for as long as the mailbox is open.
pub(super) struct Mailbox<T> {
    mail: Mutex<Mail<T>>,
    /// Written under the lock; the receiver reads the flag without the lock, at every event.
    has_mail: AtomicBool,
}

struct Mail<T> {
    messages: Vec<T>,
    /// Some handler has been aborted.
    abort_requested: bool,
    closed: bool,
    /// Waker of the receiver, while the receiver is parked.
    runner_waker: Option<Waker>,
    /// The receiver is parked in user code, and reads messages only afterwards.
    in_user_code: bool,
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Self {
        Self {
            mail: Mutex::new(Mail {
                messages: Vec::new(),
                abort_requested: false,
                closed: false,
                runner_waker: None,
                in_user_code: false,
            }),
            has_mail: AtomicBool::new(true),
        }
    }

    /// Locks the mail for a change to be seen by the receiver.
    fn lock_and_mark(&self) -> MutexGuard<'_, Mail<T>> {
        let early = seeded_bug!("mailbox-marked-too-early");
        if early {
            self.has_mail.store(true, Ordering::Release);
        }
        let mail = self.mail.lock();
        // Mark under the lock: `drain` in between would clear the mark and find nothing.
        if !early {
            self.has_mail.store(true, Ordering::Release);
        }
        mail
    }

    /// Adds a message and wakes the receiver, unless the receiver is busy in user code. Returns the
    /// message if the mailbox is closed.
    pub(super) fn send(&self, message: T) -> Result<(), T> {
        self.post(message)?.into_iter().for_each(wake);
        Ok(())
    }

    /// Adds a message as [`send`](Self::send) does, and returns the waker of the receiver, for a caller that
    /// holds a lock.
    pub(super) fn post(&self, message: T) -> Result<Option<Waker>, T> {
        let mut mail = self.lock_and_mark();
        if mail.closed && !seeded_bug!("commands-left-behind") {
            return Err(message);
        }
        mail.messages.push(message);
        let waker = if mail.in_user_code {
            None
        } else {
            mail.runner_waker.take()
        };
        Ok(waker)
    }

    /// Requests the abort of some handler.
    pub(super) fn request_abort(&self) {
        let mut mail = self.lock_and_mark();
        mail.abort_requested = true;
        let waker = mail.runner_waker.take();
        drop(mail);
        waker.into_iter().for_each(wake);
    }

    /// Takes the messages, and whether an abort was requested; `None` if there is no mail. The next
    /// message wakes the task of `cx`.
    #[inline]
    pub(super) fn take(&self, cx: &Context<'_>) -> Option<(Vec<T>, bool)> {
        (self.has_mail.load(Ordering::Acquire)).then(|| self.drain(cx))
    }

    #[inline(never)]
    fn drain(&self, cx: &Context<'_>) -> (Vec<T>, bool) {
        let mut mail = self.mail.lock();
        self.has_mail.store(false, Ordering::Relaxed);
        mail.register_runner(cx, false);
        (
            std::mem::take(&mut mail.messages),
            std::mem::take(&mut mail.abort_requested),
        )
    }

    /// Registers the task of `cx`, parked in user code: only a request to abort wakes the task.
    pub(super) fn wake_on_abort(&self, cx: &Context<'_>) {
        self.lock_and_mark().register_runner(cx, true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.mail.lock().closed
    }

    /// Refuses messages from now on, and returns all earlier messages.
    pub(super) fn close(&self) -> Vec<T> {
        let mut mail = self.lock_and_mark();
        mail.closed = true;
        let messages = std::mem::take(&mut mail.messages);
        // The waker holds the task: references to an ended handler would keep its memory.
        let waker = mail.runner_waker.take();
        drop(mail);
        drop(waker);
        messages
    }
}

impl<T> Mail<T> {
    fn register_runner(&mut self, cx: &Context<'_>, in_user_code: bool) {
        self.in_user_code = in_user_code;
        let known = self.runner_waker.as_ref();
        if !known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            // Cloned under the lock: a runner is spawned on tokio, so the waker is not user code.
            self.runner_waker = Some(cx.waker().clone());
        }
    }
}

#[cfg(all(test, not(any(genevent_shuttle, genevent_loom))))]
mod tests {
    use std::task::Wake;

    use super::*;
    use crate::util::sync::Arc;

    struct Quiet;

    impl Wake for Quiet {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_closed_mailbox_does_not_keep_the_task() {
        let task = Arc::new(Quiet);
        let waker = Waker::from(Arc::clone(&task));
        let mailbox = Mailbox::<u32>::new();
        drop(mailbox.take(&Context::from_waker(&waker)));
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 2);
        drop(mailbox.close());
        assert_eq!(Arc::strong_count(&task), 1);
    }
}
