//! The events of the workloads.

use std::sync::Arc;

/// An event with its number, so its reader can check the order.
pub(crate) trait Event: Clone + Send + Sync + Unpin + 'static {
    fn numbered(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Event for u64 {
    fn numbered(number: u64) -> Self {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

impl Event for Arc<[u8; 256]> {
    fn numbered(number: u64) -> Self {
        let mut bytes = [0; 256];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Arc::new(bytes)
    }

    fn number(&self) -> u64 {
        let bytes = self[..8].try_into().expect("the slice has eight bytes");
        u64::from_le_bytes(bytes)
    }
}

/// 64 bytes; the first eight hold the number, with seven bits in each, which is cheap to read.
impl Event for String {
    fn numbered(number: u64) -> Self {
        let mut text = String::with_capacity(64);
        text.extend((0..8).map(|place| char::from((number >> (7 * place)) as u8 & 0x7f)));
        text.push_str("and fifty-six more bytes, as in a line of a log or a message");
        text.truncate(64);
        text
    }

    fn number(&self) -> u64 {
        let places = self.as_bytes()[..8].iter().rev();
        places.fold(0, |number, place| (number << 7) | u64::from(*place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_knows_its_number() {
        for number in [0, 1, 127, 128, 1 << 40] {
            assert_eq!(Arc::<[u8; 256]>::numbered(number).number(), number);
            let text = String::numbered(number);
            assert_eq!((text.number(), text.len()), (number, 64));
        }
    }
}
