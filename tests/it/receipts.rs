//! Short forms for the entries of a receipt.

use genevent::{Cause, Receipt, SubscriberId, Unfinished};

pub(crate) trait UnfinishedIds {
    /// Returns the subscribers that did not finish the event.
    fn unfinished_ids(&self) -> Vec<SubscriberId>;

    /// Returns why they did not.
    fn causes(&self) -> Vec<Cause>;
}

impl UnfinishedIds for Receipt {
    fn unfinished_ids(&self) -> Vec<SubscriberId> {
        self.unfinished().iter().map(Unfinished::id).collect()
    }

    fn causes(&self) -> Vec<Cause> {
        let causes = self.unfinished().iter().map(Unfinished::cause);
        causes.cloned().collect()
    }
}
