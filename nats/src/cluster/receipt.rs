//! The result of an acknowledged publish to a cluster.

use std::fmt;

/// How an event ended on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeOutcome {
    /// Every subscriber of the node has answered.
    Finished {
        /// The number of subscribers that finished the event.
        acked: usize,
        /// A line for each other subscriber, with the cause.
        unfinished: Vec<String>,
    },
    /// The node left, died, or was silent for the heartbeat's time before it reported.
    Gone,
}

/// How an event ended on a node: an entry of a [`ClusterReceipt`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeReceipt {
    /// The name of the node.
    pub node: String,
    /// How the event ended there.
    pub outcome: NodeOutcome,
}

/// The result of [`Cluster::sync_notify`](crate::Cluster::sync_notify): an entry for each node that
/// was a member when the stream stored the event.
///
/// `Display` writes one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterReceipt {
    pub(super) seq: u64,
    pub(super) nodes: Vec<NodeReceipt>,
}

impl ClusterReceipt {
    /// Returns the event's number in the stream.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns an entry for each node, sorted by name.
    pub fn nodes(&self) -> &[NodeReceipt] {
        &self.nodes
    }

    /// Returns how many subscribers of all nodes finished the event.
    pub fn acked(&self) -> usize {
        let acked = |receipt: &NodeReceipt| match &receipt.outcome {
            NodeOutcome::Finished { acked, .. } => *acked,
            NodeOutcome::Gone => 0,
        };
        self.nodes.iter().map(acked).sum()
    }

    /// Returns whether every node reported that all its subscribers finished the event.
    pub fn all_acked(&self) -> bool {
        self.nodes.iter().all(|receipt| match &receipt.outcome {
            NodeOutcome::Finished { unfinished, .. } => unfinished.is_empty(),
            NodeOutcome::Gone => false,
        })
    }

    /// Returns the names of the nodes without a report.
    pub fn gone(&self) -> impl Iterator<Item = &str> {
        let gone = |receipt: &&NodeReceipt| receipt.outcome == NodeOutcome::Gone;
        let gone = self.nodes.iter().filter(gone);
        gone.map(|receipt| receipt.node.as_str())
    }
}

impl fmt::Display for ClusterReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}:", self.seq)?;
        for (index, NodeReceipt { node, outcome }) in self.nodes.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match outcome {
                NodeOutcome::Finished { acked, unfinished } => {
                    let all = acked + unfinished.len();
                    write!(f, "{comma} {node} {acked} of {all}")?;
                    if !unfinished.is_empty() {
                        write!(f, ", not {}", unfinished.join(", "))?;
                    }
                }
                NodeOutcome::Gone => write!(f, "{comma} {node} gone")?,
            }
        }
        Ok(())
    }
}
