//! The members of a cluster, and the receipts that wait for the members.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::protocol::Report;
use super::receipt::{ClusterReceipt, NodeOutcome, NodeReceipt};

/// A member is gone after this many beats of our own without a beat of the member.
pub(super) const SILENT_BEATS: u32 = 3;

/// The members known to this node, and the receipts that wait for members.
#[derive(Debug, Default)]
pub(super) struct Membership {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<String, Member>,
    /// The receipts, by the message ids of their events.
    awaited: HashMap<String, Arc<Awaited>>,
}

#[derive(Debug)]
struct Member {
    /// The member delivers the events after this number.
    since: u64,
    /// Our own confirmed beats since the last beat of this member. Comparing beats with beats needs no
    /// clock, and no node seems dead while the broker is away.
    silent: u32,
}

/// A receipt with a waiting publisher.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    outcomes: Mutex<BTreeMap<String, NodeOutcome>>,
    changed: Notify,
}

impl Membership {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the names of the members, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().members.keys().cloned().collect()
    }

    /// Returns the members that deliver event `seq`.
    pub(super) fn of(&self, seq: u64) -> Vec<String> {
        let state = self.lock();
        let members = state.members.iter();
        let members = members.filter(|(_, member)| member.since < seq);
        members.map(|(node, _)| node.clone()).collect()
    }

    /// Notes a heartbeat.
    pub(super) fn beat(&self, node: &str, since: u64) {
        let member = Member { since, silent: 0 };
        self.lock().members.insert(node.to_owned(), member);
    }

    /// Notes that a node has left.
    pub(super) fn left(&self, node: &str) {
        let mut state = self.lock();
        state.members.remove(node);
        state.give_up(node);
    }

    /// Notes a confirmed beat of this node, `own`. Returns the nodes silent for too long.
    pub(super) fn own_beat(&self, own: &str) -> Vec<String> {
        let mut state = self.lock();
        let mut silent = Vec::new();
        state.members.retain(|node, member| {
            member.silent += 1;
            let keep = node == own || member.silent < SILENT_BEATS;
            if !keep {
                silent.push(node.clone());
            }
            keep
        });
        for node in &silent {
            state.give_up(node);
        }
        silent
    }

    /// Notes an absence of the broker: the other nodes could not beat either.
    pub(super) fn forgive(&self) {
        let mut state = self.lock();
        state
            .members
            .values_mut()
            .for_each(|member| member.silent = 0);
    }

    /// Begins to collect the outcomes of the event with message id `id`, until the guard is dropped.
    pub(super) fn await_reports(self: &Arc<Self>, id: &str) -> AwaitedGuard {
        let awaited = Arc::new(Awaited::default());
        let mut state = self.lock();
        state.awaited.insert(id.to_owned(), Arc::clone(&awaited));
        drop(state);
        AwaitedGuard {
            membership: Arc::clone(self),
            id: id.to_owned(),
            awaited,
        }
    }

    /// Notes a report.
    pub(super) fn report(&self, report: Report) {
        let awaited = self.lock().awaited.get(&report.id).cloned();
        if let Some(awaited) = awaited {
            let outcome = NodeOutcome::Finished {
                acked: report.acked,
                unfinished: report.unfinished,
            };
            awaited.set(report.node, outcome);
        }
    }
}

impl State {
    fn give_up(&self, node: &str) {
        for awaited in self.awaited.values() {
            awaited.set(node.to_owned(), NodeOutcome::Gone);
        }
    }
}

impl Awaited {
    /// Notes the outcome of a node. The first outcome counts.
    fn set(&self, node: String, outcome: NodeOutcome) {
        self.lock().entry(node).or_insert(outcome);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, NodeOutcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops collecting when dropped.
#[derive(Debug)]
pub(super) struct AwaitedGuard {
    membership: Arc<Membership>,
    id: String,
    awaited: Arc<Awaited>,
}

impl AwaitedGuard {
    /// Returns the `members` without an outcome.
    pub(super) fn missing(&self, members: &[String]) -> Vec<String> {
        let outcomes = self.awaited.lock();
        let missing = members.iter().filter(|node| !outcomes.contains_key(*node));
        missing.cloned().collect()
    }

    /// Waits for another outcome.
    pub(super) async fn changed(&self) {
        self.awaited.changed.notified().await;
    }

    /// Returns the receipt of event `seq`, once no outcome is missing.
    pub(super) fn receipt(&self, seq: u64, members: &[String]) -> ClusterReceipt {
        let outcomes = self.awaited.lock();
        let receipt = |node: &String| NodeReceipt {
            node: node.clone(),
            outcome: outcomes.get(node).cloned().unwrap_or(NodeOutcome::Gone),
        };
        ClusterReceipt {
            seq,
            nodes: members.iter().map(receipt).collect(),
        }
    }
}

impl Drop for AwaitedGuard {
    fn drop(&mut self) {
        self.membership.lock().awaited.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_node_is_gone_after_our_own_beats_and_not_while_the_broker_is_away() {
        let membership = Arc::new(Membership::default());
        membership.beat("a", 0);
        membership.beat("b", 5);
        assert_eq!((membership.of(5).len(), membership.of(6).len()), (1, 2));
        let awaited = membership.await_reports("event");

        assert!(membership.own_beat("a").is_empty());
        membership.forgive();
        assert!(membership.own_beat("a").is_empty());
        assert!(membership.own_beat("a").is_empty());
        let members = membership.of(6);
        assert_eq!(awaited.missing(&members), ["a", "b"]);
        assert_eq!(membership.own_beat("a"), ["b"]);
        assert_eq!(awaited.missing(&members), ["a"]);
        membership.report(Report {
            node: "a".to_owned(),
            id: "event".to_owned(),
            acked: 2,
            unfinished: Vec::new(),
        });
        let receipt = awaited.receipt(6, &members);
        assert_eq!(receipt.to_string(), "event 6: a 2 of 2, b gone");
        assert_eq!((receipt.acked(), receipt.all_acked()), (2, false));
        drop(awaited);
        assert!(membership.lock().awaited.is_empty());
    }

    #[test]
    fn a_node_that_says_farewell_is_gone_at_once() {
        let membership = Arc::new(Membership::default());
        membership.beat("a", 0);
        let awaited = membership.await_reports("event");
        let members = membership.of(1);
        membership.left("a");
        assert!(membership.names().is_empty());
        assert!(awaited.missing(&members).is_empty());
    }
}
