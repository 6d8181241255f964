//! The size of a measurement, and its result: known to workloads and peers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::runtime::Flavor;

/// The size of a measurement, and its runtime.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    pub(crate) capacity: usize,
    pub(crate) flavor: Flavor,
    pub(crate) events: u64,
    /// The time a sample should take, for workloads that do not count events.
    pub(crate) time: Duration,
}

/// The result of a measurement.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sample {
    /// In the unit of the workload: per second, seconds or bytes.
    pub(crate) figure: f64,
    /// In nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) p50: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) p99: Option<f64>,
    /// The number of lost deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lost: Option<u64>,
}

impl Sample {
    pub(crate) fn of(figure: f64) -> Self {
        Self {
            figure,
            p50: None,
            p99: None,
            lost: None,
        }
    }

    pub(crate) fn per_second(done: u64, elapsed: Duration) -> Self {
        Self::of(done as f64 / elapsed.as_secs_f64())
    }

    pub(crate) fn seconds_each(elapsed: Duration, done: u64) -> Self {
        Self::of(elapsed.as_secs_f64() / done as f64)
    }
}
