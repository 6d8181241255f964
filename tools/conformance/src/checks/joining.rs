//! Joining and leaving: the events for a subscriber, and the events kept afterwards.

use std::task::Poll;

use super::{list, reads};
use crate::outcome::{Verdict, ensure};
use crate::trial::Setup;

pub(crate) fn late_joiner(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(8, 1);
    let mut early = trial.subscribe();
    trial.store(3)?;
    let first = early.take();
    ensure!(
        first == Poll::Ready(Some(1)),
        "the first subscriber did not get event 1"
    );
    let mut late = trial.subscribe();
    trial.store(3)?;
    reads(&mut early, &[2, 3, 4, 5, 6])?;
    let read = late.drain()?;
    // A channel may replay events from before. There is no gap behind the replay, and no duplicate.
    let first = read.first().copied().unwrap_or(7);
    ensure!(
        first <= 4 && read.iter().copied().eq(first..=6),
        "a subscriber that joined after event 3 of 6 read {}",
        list(&read)
    );
    Ok(())
}

pub(crate) fn nobody(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(2, 1);
    for _ in 0..trial.room + 2 {
        let mut publish = trial.publish();
        ensure!(
            publish.poll().is_ready(),
            "event {} waited, and there is no subscriber",
            publish.number
        );
    }
    let mut late = trial.subscribe();
    let early = late.drain()?;
    ensure!(
        early.is_empty(),
        "a subscriber read {}, published before it joined",
        list(&early)
    );
    let stored = trial.store(1)?;
    reads(&mut late, &stored)
}

pub(crate) fn freed(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let (mut reader, unread) = (trial.subscribe(), trial.subscribe());
    let mut traces = Vec::new();
    for _ in 0..3 {
        let event = trial.event();
        traces.push(event.trace());
        let mut publish = trial.publish_event(event);
        ensure!(
            publish.poll().is_ready(),
            "event {} waited, though every subscriber had room",
            publish.number
        );
    }
    reads(&mut reader, &[1, 2, 3])?;
    unread.leave();
    // A channel may learn of the leave by the next publish.
    let next = trial.store(1)?;
    reads(&mut reader, &next)?;
    let kept = traces.iter().filter(|trace| !trace.is_freed()).count();
    ensure!(
        kept == 0,
        "{kept} of 3 events were in memory after one subscriber had read them and the other had left"
    );
    Ok(())
}
