//! The consumer `billing`: a handler with an account for each customer.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use genevent::{Handled, Handler};

use crate::order::{Customer, Placed};

/// The largest quantity of a single order that billing gives credit for.
const CREDIT: u32 = 20;

/// The number of accounts. Strangers choose the names of customers, and must not fill the memory.
const ACCOUNTS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Billing {
    accounts: HashMap<Customer, u64>,
}

impl Handler<Arc<Placed>> for Billing {
    /// Adds the order to the account. An error ends neither the handler nor the service: the receipt
    /// of the order reports the error to the request.
    async fn handle_event(&mut self, placed: &Arc<Placed>) -> Handled {
        let order = &placed.order;
        let (customer, quantity) = (&order.customer, order.quantity.get());
        if quantity > CREDIT {
            let name = customer.as_str();
            return Err(format!("{name} has credit for {CREDIT}, not for {quantity}").into());
        }
        if self.accounts.len() >= ACCOUNTS && !self.accounts.contains_key(customer) {
            return Err("no more accounts can be opened".into());
        }
        *self.accounts.entry(customer.clone()).or_default() += u64::from(quantity);
        Ok(ControlFlow::Continue(()))
    }
}
