//! The checks: a file for each group of promises, a function for each promise.
//!
//! A check drives its tasks by hand, in a fixed order, so the answer is the same each time. Numbers of events
//! count from 1 in the order of publishing.

pub(crate) mod acks;
pub(crate) mod cancelling;
pub(crate) mod closing;
pub(crate) mod joining;
pub(crate) mod order;
pub(crate) mod random;
pub(crate) mod room;
pub(crate) mod wake_ups;

use crate::outcome::{Verdict, ensure};
use crate::trial::{Publish, Reader};

/// Polls a publish, which must be woken and get ready.
pub(crate) fn goes_on(publish: &mut Publish, after: &str) -> Verdict {
    let number = publish.number;
    ensure!(
        publish.is_woken(),
        "the publish of event {number} was not woken after {after}"
    );
    ensure!(
        publish.poll().is_ready(),
        "the publish of event {number} still waits after {after}"
    );
    Ok(())
}

/// Checks that the subscriber reads exactly `expected` and sleeps.
pub(crate) fn reads(reader: &mut Reader, expected: &[u64]) -> Verdict {
    let read = reader.drain()?;
    ensure!(
        read == expected,
        "a subscriber read {}, not {}",
        list(&read),
        list(expected)
    );
    Ok(())
}

/// Checks that the subscriber reads the rest of the events 1 to `last`, and has read each once, in order.
pub(crate) fn reads_all(reader: &mut Reader, last: u64) -> Verdict {
    reader.drain()?;
    ensure!(
        reader.read.iter().copied().eq(1..=last),
        "a subscriber read {}, not {}",
        list(&reader.read),
        list(&(1..=last).collect::<Vec<_>>())
    );
    Ok(())
}

/// The events as text: runs of numbers are shortened.
pub(crate) fn list(events: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &event in events {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == event => *last = event,
            _ => runs.push((event, event)),
        }
    }
    let run = |(first, last): (u64, u64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    match runs.len() {
        0 => "nothing".to_owned(),
        _ => runs.into_iter().map(run).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_of_events_are_short() {
        assert_eq!(super::list(&[]), "nothing");
        assert_eq!(super::list(&[1, 2, 3, 5, 7, 8, 8]), "1 to 3, 5, 7, 8, 8");
    }
}
