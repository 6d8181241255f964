//! Two subscribers, one event, and a receipt when both have finished with it.

use genevent::EventManager;

#[tokio::main]
async fn main() {
    let manager = EventManager::new(64);

    for name in ["kitchen", "billing"] {
        let mut orders = manager.subscribe();
        tokio::spawn(async move {
            while let Some(order) = orders.next().await {
                println!("{name} handles {order}");
            }
        });
    }

    let receipt = manager.sync_notify("order 1").await.expect("it is open");
    println!("{} have finished with it", receipt.acked());
}
