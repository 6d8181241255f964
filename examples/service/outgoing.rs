//! What is on its way to one client: a bounded queue that has to be sent in time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// Text that waits to be sent to one client.
///
/// Who fills the queue sends it whenever it [is full](Self::is_full), and waits for that. So the
/// queue never holds more than [`FULL`](Self::FULL) bytes and the text that was pushed last.
pub(crate) struct Outgoing<W> {
    output: W,
    queue: VecDeque<u8>,
    /// When the client must have taken all of the queue. `None` while the queue is empty.
    deadline: Option<Instant>,
    limit: Duration,
    queued: Queued,
}

/// How many bytes wait to be sent, over all clients: a number for the operator, and for the tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queued(Arc<AtomicUsize>);

impl Queued {
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// From how many bytes on the queue is full.
    pub(crate) const FULL: usize = 64 * 1024;

    /// `limit`: how long the client may take for the whole queue.
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

    /// Sends the whole queue. Dropped before the end, it has sent a part, and the rest is queued.
    ///
    /// `TimedOut` if the client has not taken all of it in time. The time is for the whole queue:
    /// if each byte that is taken bought more of it, a client could keep its queue for ever with a
    /// byte now and then.
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

    /// Sends what is left, and then the end.
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
