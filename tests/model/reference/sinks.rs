//! Sinks, ready or not.

use std::task::Poll;

use super::{Answer, Question, Reference, Sink};

impl Reference {
    pub(crate) fn sink(&mut self, sync: bool) -> usize {
        self.sinks.push(Sink {
            sync,
            ready: None,
            has_permit: false,
            sent: Vec::new(),
            flushing: None,
            flush_woken: false,
        });
        self.sinks.len() - 1
    }

    /// Whether it is ready; `false` if it is closed.
    pub(crate) fn poll_ready(&mut self, sink: usize) -> Poll<bool> {
        if self.sinks[sink].has_permit {
            return Poll::Ready(true);
        }
        let id = match self.sinks[sink].ready {
            Some(id) => id,
            None => self.call(Question::Reserve, None),
        };
        self.sinks[sink].ready = Some(id);
        self.poll(id).map(|answer| {
            self.sinks[sink].ready = None;
            self.sinks[sink].has_permit = answer == Answer::Reserved;
            self.sinks[sink].has_permit
        })
    }

    pub(crate) fn send(&mut self, sink: usize, payload: u64) {
        self.sinks[sink].has_permit = false;
        if self.sinks[sink].sync {
            self.sinks[sink].sent.push(self.events.len());
        }
        self.use_permit(payload);
    }

    pub(crate) fn poll_flush(&mut self, sink: usize) -> Poll<()> {
        let mut sent = self.sinks[sink].sent.iter().copied();
        let flushing = sent.find(|&event| !self.is_settled(event));
        self.sinks[sink].flushing = flushing;
        self.sinks[sink].flush_woken = false;
        match flushing {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }

    /// Returns the room of a sink.
    pub(crate) fn release(&mut self, sink: usize) {
        if std::mem::take(&mut self.sinks[sink].has_permit) {
            self.drop_permit();
        }
        if let Some(id) = self.sinks[sink].ready.take() {
            self.cancel(id);
        }
    }

    pub(crate) fn drop_sink(&mut self, sink: usize) {
        self.release(sink);
        self.sinks[sink].flushing = None;
        self.sinks[sink].flush_woken = false;
    }
}
