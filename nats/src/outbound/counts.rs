//! The counts of an outbound bridge.

/// The counts of an [`Outbound`](crate::Outbound) so far, in events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboundCounts {
    /// Confirmed by the broker, and so acknowledged.
    pub confirmed: u64,
    /// Confirmed events already stored by an earlier attempt: the broker dropped the duplicate.
    pub duplicates: u64,
    /// Confirmed events whose first attempt was longer ago than the stream looks for duplicates: if the
    /// attempt was stored, the stream has the event twice, with the same id.
    pub unchecked: u64,
    /// Unconfirmed attempts to send: after each, the bridge began again with the first unconfirmed event.
    pub retries: u64,
    /// Refused, with the reason in the receipt: not encodable, too large, or a subject of no stream or
    /// of another stream.
    pub refused: u64,
}
