//! The minima genevent must reach.

use crate::args::Args;
use crate::measure::Measured;
use crate::stats::{lower_quartile, median, upper_quartile};

/// The cells, by the parts of their names; `*` matches any part, and the pattern may end early.
struct Minimum {
    cells: &'static str,
    bound: Bound,
}

enum Bound {
    /// The least ratio to every peer whose name contains the text.
    Times(f64, &'static str),
    /// A bound of the figure itself.
    AtMost(f64),
}

use Bound::{AtMost, Times};

/// Matches every peer.
const ALL: &str = "";

#[rustfmt::skip]
static MINIMA: &[Minimum] = &[
    Minimum { cells: "W1-u64-*-s1", bound: Times(0.75, ALL) },
    Minimum { cells: "W1-u64-*-s4", bound: Times(0.75, ALL) },
    Minimum { cells: "W1-u64-*-s16", bound: Times(1.5, ALL) },
    Minimum { cells: "W1-u64-*-s64", bound: Times(1.6, ALL) },
    Minimum { cells: "W1-u64-*-s64", bound: Times(5.0, "BroadcastStream") },
    Minimum { cells: "W1-u64-*-s256", bound: Times(1.6, ALL) },
    Minimum { cells: "W1-u64-*-s256", bound: Times(5.0, "BroadcastStream") },
    Minimum { cells: "W1-arc-*-s64", bound: Times(1.2, ALL) },
    Minimum { cells: "W1-string-*-s64", bound: Times(0.95, ALL) },
    Minimum { cells: "W2-s4", bound: Times(1.2, ALL) },
    Minimum { cells: "W2-s16", bound: Times(1.5, ALL) },
    Minimum { cells: "W2-s64", bound: Times(1.5, ALL) },
    Minimum { cells: "W2-c64", bound: Times(1.2, ALL) },
    Minimum { cells: "W2-c16", bound: Times(0.9, ALL) },
    Minimum { cells: "W2-p16", bound: Times(1.0, ALL) },
    Minimum { cells: "W3-s1", bound: Times(0.55, "kanal") },
    Minimum { cells: "W3-s4", bound: Times(0.75, "kanal") },
    Minimum { cells: "W3-s16", bound: Times(0.75, "kanal") },
    Minimum { cells: "W3-s64", bound: Times(0.65, "kanal") },
    Minimum { cells: "W3-s256", bound: Times(0.65, "kanal") },
    Minimum { cells: "W3", bound: Times(0.85, "a counter in each event") },
    Minimum { cells: "W5", bound: Times(0.5, "tokio broadcast") },
    Minimum { cells: "W6-read", bound: AtMost(400.0) },
    Minimum { cells: "W6-buffered", bound: AtMost(32.0) },
    Minimum { cells: "W7", bound: Times(1.0, "per reader") },
    Minimum { cells: "W8", bound: Times(1.0, "async-broadcast") },
    Minimum { cells: "W9-group-s1", bound: Times(1.5, ALL) },
    Minimum { cells: "W9-group-s8", bound: Times(2.0, ALL) },
    Minimum { cells: "W9-group-s64", bound: Times(4.0, ALL) },
    Minimum { cells: "W9-group-s512", bound: Times(6.0, ALL) },
    Minimum { cells: "W9-each", bound: Times(2.0, ALL) },
    Minimum { cells: "W10", bound: Times(0.8, "tokio broadcast") },
];

/// A minimum, and whether the measurement reaches it.
pub(crate) struct Verdict {
    pub(crate) cell: String,
    pub(crate) against: &'static str,
    pub(crate) found: f64,
    /// The bound of `found`, in words.
    pub(crate) wanted: String,
    pub(crate) holds: bool,
}

/// Judges by the lower quartile in full mode, so a pass is certain, and by the upper quartile
/// in quick mode, so a failure is certain.
pub(crate) fn judge(results: &[Measured], args: &Args) -> Vec<Verdict> {
    let typical = if args.full {
        lower_quartile
    } else {
        upper_quartile
    };
    let mut verdicts = Vec::new();
    for measured in results {
        for minimum in MINIMA.iter().filter(|m| m.is_for(&measured.cell)) {
            match minimum.bound {
                Times(times, against) => {
                    let peers = measured.peers().filter(|s| s.peer.contains(against));
                    let ratios = peers.map(|s| (typical(&measured.ratios(s)), s.peer));
                    let worst = ratios.min_by(|a, b| a.0.total_cmp(&b.0));
                    verdicts.extend(worst.map(|(found, against)| Verdict {
                        cell: measured.cell.clone(),
                        against,
                        found,
                        wanted: format!("at least {times} times"),
                        holds: found >= times,
                    }));
                }
                AtMost(most) => {
                    let found = median(&measured.series[0].figures());
                    verdicts.push(Verdict {
                        cell: measured.cell.clone(),
                        against: "",
                        found,
                        wanted: format!("at most {most} {}", measured.workload.figure.name),
                        holds: found <= most,
                    });
                }
            }
        }
    }
    verdicts
}

/// Returns the least ratio to the best peer, for the chart.
pub(crate) fn times_best(cell: &str) -> Option<f64> {
    let mut minima = MINIMA.iter().filter(|minimum| minimum.is_for(cell));
    minima.find_map(|minimum| match minimum.bound {
        Times(times, ALL) => Some(times),
        _ => None,
    })
}

impl Minimum {
    fn is_for(&self, cell: &str) -> bool {
        let mut parts = cell.split('-');
        let mut wanted = self.cells.split('-');
        wanted.all(|wanted| {
            parts
                .next()
                .is_some_and(|part| wanted == "*" || wanted == part)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads;

    #[test]
    fn every_minimum_is_for_some_cell() {
        let all = workloads::ALL.iter();
        let cells: Vec<_> = all.flat_map(|workload| (workload.cells)()).collect();
        for minimum in MINIMA {
            assert!(
                cells.iter().any(|cell| minimum.is_for(&cell.name)),
                "{}",
                minimum.cells
            );
        }
    }

    #[test]
    fn a_part_of_a_name_is_matched_as_a_whole() {
        let minimum = &MINIMA[0];
        assert!(minimum.is_for("W1-u64-c16-s1-multi"));
        assert!(!minimum.is_for("W1-u64-c16-s16-multi"));
    }
}
