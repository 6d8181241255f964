//! The reports sent by this node, for publishers that missed a report.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::protocol::Report;

/// The number of reports kept. A publisher asks three times in the time of a heartbeat.
const KEPT: usize = 16_384;

/// The last reports sent by this node.
#[derive(Debug, Default)]
pub(super) struct Reports {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_id: HashMap<String, Report>,
    oldest_first: VecDeque<String>,
}

impl Reports {
    /// Keeps a report.
    pub(super) fn keep(&self, report: Report) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.oldest_first.push_back(report.id.clone());
        state.by_id.insert(report.id.clone(), report);
        if state.oldest_first.len() > KEPT
            && let Some(oldest) = state.oldest_first.pop_front()
        {
            state.by_id.remove(&oldest);
        }
    }

    /// Returns the report about the event with message id `id`, if sent.
    pub(super) fn find(&self, id: &str) -> Option<Report> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_id.get(id).cloned()
    }
}
