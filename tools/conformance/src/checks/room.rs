//! Room: how much is stored for a subscriber that does not read, and the order of publishers for free room.

use std::task::Poll;

use super::{goes_on, reads_all};
use crate::outcome::{Verdict, ensure};
use crate::trial::Setup;

pub(crate) fn bounded(setup: &Setup<'_>) -> Verdict {
    for capacity in [1, 2, 8] {
        let mut trial = setup.trial(capacity, 1);
        let _unread = trial.subscribe();
        let mut stored = 0;
        while stored <= trial.room && trial.publish().poll().is_ready() {
            stored += 1;
        }
        ensure!(
            stored >= capacity,
            "a subscriber with room for {capacity} got {stored} events"
        );
        ensure!(
            stored <= trial.room,
            "{stored} events were accepted for a subscriber that reads nothing and has room for {}",
            trial.room
        );
    }
    Ok(())
}

pub(crate) fn after_a_read(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(2, 1);
    let (mut slow, mut fast) = (trial.subscribe(), trial.subscribe());
    let (_, mut waiting) = trial.fill()?;
    fast.drain()?;
    ensure!(
        waiting.poll().is_pending(),
        "event {} was stored, though a subscriber has no room for it",
        waiting.number
    );
    ensure!(
        slow.take() == Poll::Ready(Some(1)),
        "a subscriber with unread events did not get event 1"
    );
    goes_on(&mut waiting, "the slowest subscriber has read an event")?;
    reads_all(&mut slow, waiting.number)?;
    reads_all(&mut fast, waiting.number)
}

pub(crate) fn after_a_leave(setup: &Setup<'_>) -> Verdict {
    // Once as the first of the subscribers, and once as the last.
    for place in [0, 1] {
        let mut trial = setup.trial(2, 1);
        let mut readers = vec![trial.subscribe(), trial.subscribe()];
        let (_, mut waiting) = trial.fill()?;
        readers[1 - place].drain()?;
        ensure!(
            waiting.poll().is_pending(),
            "event {} was stored, though a subscriber has no room for it",
            waiting.number
        );
        readers.remove(place).leave();
        goes_on(&mut waiting, "the subscriber that was full has left")?;
        reads_all(&mut readers[0], waiting.number)?;
        trial.store(2)?;
    }
    Ok(())
}

pub(crate) fn first_come(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(1, 3);
    let mut reader = trial.subscribe();
    let (_, first) = trial.fill()?;
    let mut waiting = vec![first];
    for publisher in [1, 2] {
        let mut publish = trial.publish_by(publisher);
        if publish.poll().is_pending() {
            waiting.push(publish);
        }
    }
    let expected: Vec<u64> = waiting.iter().map(|publish| publish.number).collect();
    let mut stored = Vec::new();
    for _ in 0..=trial.room * 4 {
        let _ = reader.take();
        // The publisher that came last is polled first, if it was woken.
        for at in (0..waiting.len()).rev() {
            // Once: a task that wakes itself runs again after all other tasks.
            if waiting[at].is_woken() && waiting[at].poll_once().is_ready() {
                stored.push(waiting.remove(at).number);
            }
        }
    }
    ensure!(
        stored.len() == expected.len(),
        "{} of {} waiting publishers never went on",
        waiting.len(),
        expected.len()
    );
    ensure!(
        stored == expected,
        "events {expected:?} waited in this order, and were stored in the order {stored:?}"
    );
    Ok(())
}
