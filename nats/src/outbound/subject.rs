//! The subject of each event.

use std::fmt;

/// A fixed subject, for [`IntoSubject`].
#[derive(Debug)]
pub enum Fixed {}

/// A subject chosen for each event, for [`IntoSubject`].
#[derive(Debug)]
pub enum ByEvent {}

/// The subjects of an [`Outbound`](crate::Outbound): a string, or a closure from the event to a
/// string. `Kind` tells the two apart and is inferred.
pub trait IntoSubject<E, Kind> {
    /// Converts the value.
    #[doc(hidden)]
    fn into_subject(self) -> Subject<E>;
}

/// A subject, fixed or by event.
#[doc(hidden)]
#[expect(unnameable_types, reason = "users give strings and closures")]
pub enum Subject<E> {
    Fixed(async_nats::Subject),
    ByEvent(Box<dyn Fn(&E) -> String + Send + Sync>),
}

impl<E> fmt::Debug for Subject<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(subject) => f.debug_tuple("Fixed").field(subject).finish(),
            Self::ByEvent(_) => f.write_str("ByEvent"),
        }
    }
}

impl<E, S: Into<String>> IntoSubject<E, Fixed> for S {
    fn into_subject(self) -> Subject<E> {
        Subject::Fixed(self.into().into())
    }
}

impl<E, F, S> IntoSubject<E, ByEvent> for F
where
    F: Fn(&E) -> S + Send + Sync + 'static,
    S: Into<String>,
{
    fn into_subject(self) -> Subject<E> {
        Subject::ByEvent(Box::new(move |event| self(event).into()))
    }
}

impl<E> Subject<E> {
    /// Returns the subject of `event`.
    pub(super) fn of(&self, event: &E) -> async_nats::Subject {
        match self {
            Self::Fixed(subject) => subject.clone(),
            Self::ByEvent(subject) => subject(event).into(),
        }
    }
}

/// Returns whether a message can be published to `subject`.
pub(crate) fn is_publishable(subject: &str) -> bool {
    let token = |token: &str| {
        !token.is_empty()
            && token != "*"
            && token != ">"
            && !token.contains(|c: char| c.is_ascii_whitespace() || c == '\0')
    };
    subject.split('.').all(token)
}

#[cfg(test)]
mod tests {
    use super::is_publishable;

    #[test]
    fn subjects_have_tokens_without_wildcards_and_spaces() {
        for good in ["a", "orders.new", "orders.*x", "ä.ö"] {
            assert!(is_publishable(good), "{good:?}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "a\r\nb"] {
            assert!(!is_publishable(bad), "{bad:?}");
        }
    }
}
