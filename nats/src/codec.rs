//! How events become the bytes of a message, and back.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Converts events to the payload of a message, and back.
///
/// # Examples
/// ```
/// use bytes::Bytes;
/// use genevent_nats::Codec;
///
/// /// Decimal digits.
/// struct Decimal;
///
/// impl Codec<u64> for Decimal {
///     type Error = std::num::ParseIntError;
///
///     fn encode(&self, event: &u64) -> Result<Bytes, Self::Error> {
///         Ok(event.to_string().into())
///     }
///
///     fn decode(&self, payload: Bytes) -> Result<u64, Self::Error> {
///         String::from_utf8_lossy(&payload).parse()
///     }
/// }
///
/// assert_eq!(Decimal.decode(Decimal.encode(&7).unwrap()), Ok(7));
/// ```
pub trait Codec<E>: Send + Sync + 'static {
    /// The reason why an event or a payload cannot be converted.
    type Error: Error + Send + Sync + 'static;

    /// Returns the payload of `event`.
    ///
    /// # Errors
    /// The codec's own, for an event without a payload.
    fn encode(&self, event: &E) -> Result<Bytes, Self::Error>;

    /// Returns the event of `payload`.
    ///
    /// # Errors
    /// The codec's own, for bytes without an event.
    fn decode(&self, payload: Bytes) -> Result<E, Self::Error>;
}

/// JSON by serde: the default [`Codec`].
///
/// # Examples
/// ```
/// use genevent_nats::{Codec, Json};
///
/// let payload = Json.encode(&vec![1, 2]).unwrap();
/// assert_eq!(&payload[..], b"[1,2]");
/// assert!(Codec::<u32>::decode(&Json, payload).is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json;

impl<E: Serialize + DeserializeOwned> Codec<E> for Json {
    type Error = serde_json::Error;

    fn encode(&self, event: &E) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(event).map(Bytes::from)
    }

    fn decode(&self, payload: Bytes) -> Result<E, Self::Error> {
        serde_json::from_slice(&payload)
    }
}

/// The bytes as they are: a [`Codec`] of `Bytes` and `Vec<u8>`.
///
/// # Examples
/// ```
/// use genevent_nats::{Codec, Raw};
///
/// let payload = Raw.encode(&vec![1_u8, 2]).unwrap();
/// assert_eq!(&payload[..], [1, 2]);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw;

impl Codec<Bytes> for Raw {
    type Error = Infallible;

    fn encode(&self, event: &Bytes) -> Result<Bytes, Infallible> {
        Ok(event.clone())
    }

    fn decode(&self, payload: Bytes) -> Result<Bytes, Infallible> {
        Ok(payload)
    }
}

impl Codec<Vec<u8>> for Raw {
    type Error = Infallible;

    fn encode(&self, event: &Vec<u8>) -> Result<Bytes, Infallible> {
        Ok(Bytes::copy_from_slice(event))
    }

    fn decode(&self, payload: Bytes) -> Result<Vec<u8>, Infallible> {
        Ok(payload.into())
    }
}
