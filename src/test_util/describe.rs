//! Descriptions of items in messages: by `Debug` if the type has `Debug`, by the type's name
//! otherwise.

use std::any::type_name;
use std::fmt::Debug;

/// An item to describe by calling `.describe()`.
///
/// The inherent method exists only if `T: Debug`, and method lookup prefers an inherent method. For
/// any other type the call resolves to [`DescribeType`]. So assertions require no `Debug`.
#[derive(Debug)]
pub struct Item<'a, T>(pub &'a T);

impl<T: Debug> Item<'_, T> {
    /// Returns the item's `Debug` text.
    pub fn describe(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// The fallback of [`Item::describe`].
pub trait DescribeType {
    /// Returns the name of the item's type.
    fn describe(&self) -> String;
}

impl<T> DescribeType for Item<'_, T> {
    fn describe(&self) -> String {
        format!("an item, of type {}", type_name::<T>())
    }
}
