//! Items in messages: by `Debug` if they have it, which nobody is asked for.

use std::any::type_name;
use std::fmt::Debug;

/// An item to be shown. Calling `(&Shown(item)).shown()` looks for [`WithDebug`] first.
#[derive(Debug)]
pub struct Shown<'a, T>(pub &'a T);

/// What can be shown as it is.
pub trait WithDebug {
    /// In words.
    fn shown(&self) -> String;
}

impl<T: Debug> WithDebug for Shown<'_, T> {
    fn shown(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Behind one more reference, so that it is found only where the other is not.
pub trait Opaque {
    /// In words.
    fn shown(&self) -> String;
}

impl<T> Opaque for &Shown<'_, T> {
    fn shown(&self) -> String {
        format!("an item, of type {}", type_name::<T>())
    }
}
