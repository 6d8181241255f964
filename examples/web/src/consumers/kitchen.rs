//! The consumer `kitchen`: a loop over a stream. The kitchen takes breaks, and is late then.

use std::sync::Arc;

use genevent::Subscription;
use tokio::sync::watch;

use crate::order::Placed;

/// Whether the kitchen works. `false`: the kitchen takes a break.
pub(crate) type Works = bool;

/// Cooks until the manager is closed.
pub(crate) async fn cook(mut orders: Subscription<Arc<Placed>>, mut works: watch::Receiver<Works>) {
    // Polling for the next order acknowledges the previous order.
    while let Some(_placed) = orders.next().await {
        // An error means that the service is gone, and the switch with the service: cook the rest.
        let _ = works.wait_for(|works| *works).await;
    }
}
