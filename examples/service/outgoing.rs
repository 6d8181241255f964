//! The output to a client: a bounded queue that has to be sent in time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// The queued output of a client.
///
/// The user of the queue calls [`send`](Self::send) whenever the queue [is full](Self::is_full). So
/// the queue never holds more than [`FULL`](Self::FULL) bytes and the last pushed text.
pub(crate) struct Outgoing<W> {
    output: W,
    queue: VecDeque<u8>,
    /// The time when the client must have read the whole queue. `None` while the queue is empty.
    deadline: Option<Instant>,
    limit: Duration,
    queued: Queued,
}

/// The number of queued bytes of all clients, for the operator and for the tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queued(Arc<AtomicUsize>);

impl Queued {
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// The number of bytes from which on the queue is full.
    pub(crate) const FULL: usize = 64 * 1024;

    /// Creates an empty queue. `limit` is the time for the client to read a whole queue.
    pub(crate) fn new(output: W, limit: Duration, queued: Queued) -> Self {
        Self {
            output,
            queue: VecDeque::new(),
            deadline: None,
            limit,
            queued,
        }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.queue.extend(text.as_bytes());
        self.queued.0.fetch_add(text.len(), Ordering::Relaxed);
        if !text.is_empty() {
            self.deadline
                .get_or_insert_with(|| Instant::now() + self.limit);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= Self::FULL
    }

    /// Sends the whole queue. If the future is dropped, the unsent part stays queued.
    ///
    /// # Errors
    /// `TimedOut` if the client has not read the whole queue in time. The limit covers the whole
    /// queue: if each byte extended the limit, a client could keep its queue forever by reading
    /// single bytes.
    pub(crate) async fn send(&mut self) -> io::Result<()> {
        if let Some(deadline) = self.deadline {
            timeout_at(deadline, self.send_all()).await??;
            self.deadline = None;
        }
        Ok(())
    }

    async fn send_all(&mut self) -> io::Result<()> {
        while !self.queue.is_empty() {
            let sent = self.output.write_buf(&mut self.queue).await?;
            self.queued.0.fetch_sub(sent, Ordering::Relaxed);
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.output.flush().await
    }

    /// Sends the remaining queue, and then the end of the output.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.send().await?;
        self.output.shutdown().await
    }
}

impl<W> Drop for Outgoing<W> {
    fn drop(&mut self) {
        self.queued.0.fetch_sub(self.queue.len(), Ordering::Relaxed);
    }
}
