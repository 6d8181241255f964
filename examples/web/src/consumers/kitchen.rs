//! The consumer `kitchen`: a loop over a stream. The kitchen takes breaks, and is late then.

use std::sync::Arc;

use genevent::Subscription;
use tokio::sync::watch;

use crate::order::Placed;

/// Whether the kitchen works. `false`: it takes a break.
pub(crate) type Works = bool;

/// Cooks until the manager is closed.
pub(crate) async fn cook(mut orders: Subscription<Arc<Placed>>, mut works: watch::Receiver<Works>) {
    // Coming back for the next order says that the previous order is finished.
    while let Some(_placed) = orders.next().await {
        // An error means that the switch is gone, and with it the service: cook what is left.
        let _ = works.wait_for(|works| *works).await;
    }
}
