//! The counts of an inbound bridge.

/// The counts of an [`Inbound`](crate::Inbound) so far, in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboundCounts {
    /// Acknowledged, because every subscriber finished the event, or because of
    /// [`WhenUnheard::Ack`](crate::WhenUnheard::Ack).
    pub acked: u64,
    /// Given back to the broker, to be delivered again.
    pub nacked: u64,
    /// Given up, after the dead-letter hook took them.
    pub dead: u64,
    /// Acknowledged without an event: the node itself had published them.
    pub own: u64,
    /// Arrived more than once, perhaps in another process before.
    pub redelivered: u64,
}
