//! Errors of adding handlers.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a handler was not added. The error names the name, and gives the handler back.
///
/// The error is `Send` and `Sync` for every handler, so `?` turns the error into a
/// `Box<dyn Error + Send + Sync>`.
///
/// # Examples
/// ```
/// use genevent::{EventManager, handler::AddHandlerError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// fn add_log(manager: &EventManager<u8>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     manager.add_handler("log", handler_fn(|_: &u8| ()))?;
///     Ok(())
/// }
///
/// let manager = EventManager::new(8);
/// add_log(&manager).unwrap();
/// let text = add_log(&manager).unwrap_err().to_string();
/// assert_eq!(text, "a handler or a group with the name \"log\" is already present");
///
/// let again = manager.add_handler("log", handler_fn(|_: &u8| ()));
/// assert!(matches!(again, Err(AddHandlerError::AlreadyPresent(_))));
/// # }
/// ```
#[non_exhaustive]
pub enum AddHandlerError<H> {
    /// The name is in use.
    AlreadyPresent(Refused<H>),
    /// The manager is closed, or the group has ended.
    Closed(Refused<H>),
}

impl<H> AddHandlerError<H> {
    fn refused(&self) -> &Refused<H> {
        match self {
            Self::AlreadyPresent(refused) | Self::Closed(refused) => refused,
        }
    }

    /// Returns the name that the handler was to be added under.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.close();
    /// let refused = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap_err();
    /// assert_eq!(refused.name(), "log");
    /// # }
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.refused().name
    }

    /// Returns the refused handler, or the factory.
    ///
    /// # Examples
    /// ```
    /// use genevent::{EventManager, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let manager = EventManager::<u8>::new(8);
    /// manager.close();
    /// let refused = manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap_err();
    /// let log = refused.into_handler();
    /// assert!(EventManager::new(8).add_handler("log", log).is_ok());
    /// # }
    /// ```
    pub fn into_handler(self) -> H {
        match self {
            Self::AlreadyPresent(refused) | Self::Closed(refused) => refused.into_handler(),
        }
    }
}

impl AddHandlerError<()> {
    /// Returns the error with the refused handler.
    pub(super) fn with<H>(self, handler: H) -> AddHandlerError<H> {
        match self {
            Self::AlreadyPresent(Refused { name, .. }) => {
                AddHandlerError::AlreadyPresent(Refused::new(name, handler))
            }
            Self::Closed(Refused { name, .. }) => {
                AddHandlerError::Closed(Refused::new(name, handler))
            }
        }
    }
}

impl<H> fmt::Debug for AddHandlerError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self {
            Self::AlreadyPresent(_) => "AlreadyPresent",
            Self::Closed(_) => "Closed",
        };
        f.debug_tuple(variant).field(self.refused()).finish()
    }
}

impl<H> fmt::Display for AddHandlerError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::AlreadyPresent(_) => {
                write!(
                    f,
                    "a handler or a group with the name {name:?} is already present"
                )
            }
            Self::Closed(_) => write!(
                f,
                "{name:?} was not added: the event manager is closed, or the group has ended"
            ),
        }
    }
}

impl<H> Error for AddHandlerError<H> {}

/// The handler that was not added, or its factory, with the refused name.
///
/// # Examples
/// ```
/// use genevent::{EventManager, handler::AddHandlerError, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// manager.add_handler("log", handler_fn(|_: &u8| ())).unwrap();
/// let again = manager.add_handler("log", handler_fn(|_: &u8| ()));
/// let Err(AddHandlerError::AlreadyPresent(refused)) = again else { panic!() };
/// let second = format!("{} 2", refused.name());
/// manager.add_handler(second, refused.into_handler()).unwrap();
/// assert_eq!(manager.which_handlers(), ["log", "log 2"]);
/// # }
/// ```
pub struct Refused<H> {
    name: Arc<str>,
    /// Never locked: the mutex makes the error `Sync`, as a handler only has to be `Send`.
    handler: Mutex<H>,
}

impl<H> Refused<H> {
    pub(super) fn new(name: Arc<str>, handler: H) -> Self {
        Self {
            name,
            handler: Mutex::new(handler),
        }
    }

    /// Returns the name that the handler was to be added under.
    ///
    /// # Examples
    /// See [`Refused`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the handler, or the factory.
    ///
    /// # Examples
    /// See [`Refused`].
    pub fn into_handler(self) -> H {
        (self.handler.into_inner()).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H> fmt::Debug for Refused<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
