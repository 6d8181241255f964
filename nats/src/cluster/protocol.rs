//! What the nodes of a cluster tell each other beside the stream.

use serde::{Deserialize, Serialize};

/// The header of an event whose publisher waits for reports: the subject to report to.
pub(super) const REPORT_TO: &str = "Genevent-Report-To";

/// The names at the broker.
#[derive(Debug, Clone)]
pub(super) struct Names {
    cluster: String,
}

impl Names {
    /// Returns the names of a cluster; `None` if the name has other characters than letters, digits,
    /// `-` and `_`.
    pub(super) fn new(cluster: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = !cluster.is_empty() && cluster.chars().all(fits);
        fits.then(|| Self {
            cluster: cluster.to_owned(),
        })
    }

    /// The stream of all events.
    pub(super) fn stream(&self) -> String {
        format!("GENEVENT_{}", self.cluster)
    }

    /// The subject of all events.
    pub(super) fn events(&self) -> String {
        format!("genevent.{}.events", self.cluster)
    }

    /// The subject of the reports to a node.
    pub(super) fn reports(&self, node: &str) -> String {
        format!("genevent.{}.reports.{node}", self.cluster)
    }

    /// The subject of the questions to a node.
    pub(super) fn questions(&self, node: &str) -> String {
        format!("genevent.{}.questions.{node}", self.cluster)
    }

    /// The bucket of the members.
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
    pub(super) acked: usize,
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
