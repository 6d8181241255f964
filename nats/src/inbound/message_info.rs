//! The subject, numbers and headers of a message.

use async_nats::Message;

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
        Self::parse(message.reply.as_ref()?)
    }

    /// Parses the subject for acknowledgements: `$JS.ACK.`, then the stream, the consumer, the numbers
    /// and two more tokens. Newer servers write the domain and the account before, and may add tokens.
    ///
    /// Not by `Message::info`, which parses all tokens, also the time: a multiple of this work, for each
    /// message.
    fn parse(reply: &str) -> Option<Self> {
        let tokens = reply.strip_prefix("$JS.ACK.")?;
        let mut dots = 0;
        // Of the first dots.
        let mut places = [0; 6];
        for (place, byte) in tokens.bytes().enumerate() {
            if byte == b'.' {
                if let Some(dot) = places.get_mut(dots) {
                    *dot = place;
                }
                dots += 1;
            }
        }
        let before = match dots {
            6 => 1,
            8.. => 3,
            _ => return None,
        };
        let number = |before: usize| tokens[places[before] + 1..places[before + 1]].parse().ok();
        Some(Self {
            delivered: number(before)?,
            stream_sequence: number(before + 1)?,
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

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn the_numbers_are_found_in_each_form_of_the_subject() {
        for reply in [
            "$JS.ACK.ORDERS.kitchen.2.17.5.1700000000000000000.3",
            "$JS.ACK._.hash.ORDERS.kitchen.2.17.5.1700000000000000000.3",
            "$JS.ACK.hub.hash.ORDERS.kitchen.2.17.5.1700000000000000000.3.token",
            "$JS.ACK.hub.hash.ORDERS.kitchen.2.17.5.1700000000000000000.3.token.more",
        ] {
            let numbers = Numbers::parse(reply).unwrap();
            assert_eq!(
                (numbers.delivered, numbers.stream_sequence),
                (2, 17),
                "{reply}"
            );
        }
    }

    #[test]
    fn other_subjects_have_no_numbers() {
        for reply in [
            "",
            "_INBOX.a.b",
            "$JS.ACK.",
            "$JS.ACK.ORDERS.kitchen.2.17.5.1700000000000000000",
            "$JS.ACK.hash.ORDERS.kitchen.2.17.5.1700000000000000000.3",
            "$JS.ACK.ORDERS.kitchen.two.17.5.1700000000000000000.3",
            "$JS.ACK.ORDERS.kitchen.2..5.1700000000000000000.3",
        ] {
            assert!(Numbers::parse(reply).is_none(), "{reply}");
        }
    }
}
