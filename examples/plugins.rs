//! A host of plug-ins: handlers of types that the host does not know are added, asked, replaced,
//! restarted and removed by name.

use std::ops::ControlFlow;
use std::time::Duration;

use genevent::handler::DynHandler;
use genevent::{EventManager, Handled, Handler, HandlerOptions, Restart, StopReason, handler_fn};

/// An order of a customer.
#[derive(Clone, Copy, Debug)]
struct Order {
    cents: i64,
}

/// A plug-in, of any type.
type Plugin = Box<dyn DynHandler<Order>>;

/// Sums up the orders.
#[derive(Default)]
struct Turnover {
    cents: i64,
}

impl Handler<Order> for Turnover {
    async fn handle_event(&mut self, order: &Order) -> Handled {
        self.cents += order.cents;
        Ok(ControlFlow::Continue(()))
    }

    async fn terminate(&mut self, reason: &StopReason) {
        println!("turnover: {} cents; {reason}", self.cents);
    }
}

/// Finds a plug-in by its name. A real host would look into a table of its plug-ins, or load a
/// library.
fn load(name: &str) -> Option<Plugin> {
    Some(match name {
        "turnover" => Box::new(Turnover::default()),
        "print" => Box::new(handler_fn(|order: &Order| println!("print: {order:?}"))),
        "short print" => Box::new(handler_fn(|order: &Order| {
            println!("print: {}", order.cents);
        })),
        "audit" => Box::new(handler_fn(|order: &Order| {
            assert!(order.cents >= 0, "an order of {} cents", order.cents);
        })),
        _ => return None,
    })
}

struct Host {
    orders: EventManager<Order>,
}

impl Host {
    /// Adds a plug-in. A plug-in that panics is loaded again, three times in a minute.
    fn add(&self, name: &'static str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        load(name).ok_or_else(|| format!("there is no plug-in {name:?}"))?;
        let make = move || load(name).expect("the plug-in was there before");
        let restart = Restart::on_failure(3, Duration::from_secs(60));
        self.orders
            .add_handler_with(HandlerOptions::new(name).restart(restart), make)?;
        Ok(())
    }

    /// Asks the plug-in `turnover`, whose type the caller knows.
    async fn turnover(&self) -> Option<i64> {
        let plugin = self.orders.handler::<Plugin>("turnover")?;
        let cents = plugin.call(|plugin| Some(plugin.downcast_ref::<Turnover>()?.cents));
        cents.await.ok()?
    }

    /// Replaces a plug-in between two orders.
    async fn replace(&self, name: &str, new: &'static str) -> bool {
        let plugin = self.orders.handler::<Plugin>(name);
        let Some((plugin, new)) = plugin.zip(load(new)) else {
            return false;
        };
        plugin.swap(|_old| new).await.is_ok()
    }

    /// Removes a plug-in behind the orders stored so far; a stuck plug-in is aborted.
    async fn remove(&self, name: &str) -> Option<StopReason> {
        let plugin = self.orders.handler_by_name(name)?;
        let stopped = plugin.stopped();
        let removed = tokio::time::timeout(Duration::from_secs(1), plugin.clone().remove());
        if removed.await.is_err() {
            plugin.abort();
        }
        Some(stopped.await)
    }

    async fn order(&self, cents: i64) -> usize {
        let receipt = self.orders.sync_notify(Order { cents }).await;
        receipt.expect("the host is open").acked()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let host = Host {
        orders: EventManager::new(64),
    };
    for name in ["turnover", "print", "audit"] {
        host.add(name).expect("the name is free");
    }
    for name in ["print", "magic"] {
        println!(
            "host: {}",
            host.add(name).expect_err("no such plug-in, or a used name")
        );
    }
    assert_eq!(host.order(250).await, 3);

    // The audit panics, and is loaded again.
    assert_eq!(host.order(-100).await, 2);
    assert_eq!(host.order(300).await, 3);
    assert_eq!(host.turnover().await, Some(450));

    assert!(host.replace("print", "short print").await);
    assert_eq!(host.order(50).await, 3);

    assert_eq!(host.remove("print").await, Some(StopReason::Removed));
    assert_eq!(host.remove("print").await, None);
    assert_eq!(host.orders.which_handlers(), ["turnover", "audit"]);

    host.orders.stop().await.expect("the caller is no plug-in");
    println!("host: closed");
}
