//! Orders: as a customer sends them, as an event with consumers, and as a row of the database.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// An order with valid fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) customer: Customer,
    pub(crate) item: Item,
    pub(crate) quantity: Quantity,
}

/// The name of a customer, which is also the topic of the customer's orders.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Customer(String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Item(String);

/// 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub(crate) struct Quantity(u32);

impl TryFrom<String> for Customer {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        check_text("customer", &name, 40).map(|()| Self(name))
    }
}

impl Customer {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Item {
    type Error = String;

    fn try_from(item: String) -> Result<Self, String> {
        check_text("item", &item, 200).map(|()| Self(item))
    }
}

impl Item {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<u32> for Quantity {
    type Error = String;

    fn try_from(quantity: u32) -> Result<Self, String> {
        match quantity {
            1..=100 => Ok(Self(quantity)),
            _ => Err(format!("`quantity` is {quantity}, not 1 to 100")),
        }
    }
}

impl Quantity {
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

fn check_text(field: &str, text: &str, longest: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        Err(format!("`{field}` is empty"))
    } else if text.chars().count() > longest {
        Err(format!("`{field}` has more than {longest} characters"))
    } else if text.chars().any(char::is_control) {
        Err(format!("`{field}` contains control characters"))
    } else {
        Ok(())
    }
}

/// The event for the consumers of an order.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) order: Order,
    /// The id of the order in the database, set by the consumer `database`. The request that waits for
    /// the consumers reads the id afterwards.
    pub(crate) id: OnceLock<i64>,
}

impl Placed {
    pub(crate) fn new(order: Order) -> Self {
        Self {
            order,
            id: OnceLock::new(),
        }
    }
}

/// An order in the database. Browsers see stored orders only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stored {
    /// 1 for the first order, and one more for each further order.
    pub(crate) id: i64,
    #[serde(flatten)]
    pub(crate) order: Order,
}
