//! The messages between the nodes of a cluster, beside the stream.

use serde::{Deserialize, Serialize};

/// The header with the subject to report to, if the publisher of the event waits for reports.
pub(super) const REPORT_TO: &str = "Genevent-Report-To";

/// The names of a cluster's stream, bucket and subjects at the broker.
#[derive(Debug, Clone)]
pub(super) struct Names {
    cluster: String,
}

impl Names {
    /// Returns the names of a cluster. The cluster's own name must be valid for a bucket.
    pub(super) fn new(cluster: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
        }
    }

    /// Returns the name of the stream of all events.
    pub(super) fn stream(&self) -> String {
        format!("GENEVENT_{}", self.cluster)
    }

    /// Returns the subject of all events.
    pub(super) fn events(&self) -> String {
        format!("genevent.{}.events", self.cluster)
    }

    /// Returns the subject of the reports to a node.
    pub(super) fn reports(&self, node: &str) -> String {
        format!("genevent.{}.reports.{node}", self.cluster)
    }

    /// Returns the subject of the questions to a node.
    pub(super) fn questions(&self, node: &str) -> String {
        format!("genevent.{}.questions.{node}", self.cluster)
    }

    /// Returns the name of the bucket with the heartbeats of the members.
    pub(super) fn members(&self) -> String {
        format!("GENEVENT_{}_members", self.cluster)
    }
}

/// A node's report: its subscribers have answered an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) node: String,
    /// The message id of the event.
    pub(super) id: String,
    /// The number of subscribers that finished the event.
    pub(super) acked: usize,
    /// A line for each other subscriber.
    pub(super) unfinished: Vec<String>,
}

/// A question for a report that may have got lost.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) report_to: String,
}

/// The heartbeat of a member.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    /// The node delivers the events after this number.
    pub(super) since: u64,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Names;

    #[test]
    fn clusters_and_nodes_share_no_name() {
        let mut all = HashSet::new();
        for names in ["one", "other"].map(Names::new) {
            assert!(all.insert(names.stream()) && all.insert(names.events()));
            assert!(all.insert(names.members()));
            for node in ["a", "b"] {
                assert!(all.insert(names.reports(node)) && all.insert(names.questions(node)));
            }
        }
    }
}
