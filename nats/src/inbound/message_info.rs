//! The subject, numbers and headers of a message.

use async_nats::jetstream::Message;

use crate::headers::{self, MESSAGE_ID, ORIGIN};

/// The subject, numbers and headers of a message, for [`Inbound::map`](crate::Inbound::map).
#[derive(Debug, Clone, Copy)]
pub struct MessageInfo<'a> {
    message: &'a Message,
    numbers: Numbers,
}

/// The numbers of a delivery, which are parsed once: they are text in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) stream_sequence: u64,
    pub(super) delivered: u64,
}

impl Numbers {
    /// Parses the numbers of a message. `None` for a message that does not come from a consumer.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let info = message.info().ok()?;
        Some(Self {
            stream_sequence: info.stream_sequence,
            delivered: u64::try_from(info.delivered).unwrap_or(1),
        })
    }
}

impl<'a> MessageInfo<'a> {
    /// Joins a message and its numbers.
    pub(super) fn new(message: &'a Message, numbers: Numbers) -> Self {
        Self { message, numbers }
    }

    /// Returns the subject of the message.
    pub fn subject(&self) -> &'a str {
        self.message.subject.as_str()
    }

    /// Returns the number of the message in its stream, from 1. All deliveries of a message have the
    /// same number, which tells duplicates apart.
    pub fn stream_sequence(&self) -> u64 {
        self.numbers.stream_sequence
    }

    /// Returns how often the message was delivered, from 1, this time included.
    pub fn delivered(&self) -> u64 {
        self.numbers.delivered
    }

    /// Returns the id given to the message by its publisher. An event published twice has the
    /// same id twice.
    pub fn id(&self) -> Option<&'a str> {
        headers::get(self.message.headers.as_ref(), MESSAGE_ID)
    }

    /// Returns the node that published the message, if an [`Outbound`](crate::Outbound) did.
    pub fn origin(&self) -> Option<&'a str> {
        headers::get(self.message.headers.as_ref(), ORIGIN)
    }
}
