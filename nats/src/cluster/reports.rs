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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_report_makes_room_for_the_newest() {
        let reports = Reports::default();
        let keep = |number: usize| {
            reports.keep(Report {
                node: "a".to_owned(),
                id: number.to_string(),
                acked: number,
                unfinished: Vec::new(),
            });
        };
        let acked = |number: usize| reports.find(&number.to_string()).map(|it| it.acked);
        (0..KEPT).for_each(keep);
        assert_eq!((acked(0), acked(KEPT - 1)), (Some(0), Some(KEPT - 1)));
        for newest in KEPT..KEPT + 3 {
            keep(newest);
            let oldest = newest - KEPT;
            assert_eq!((acked(oldest), acked(oldest + 1)), (None, Some(oldest + 1)));
            assert_eq!(acked(newest), Some(newest));
        }
    }
}
