//! Cancelling: dropped futures, and subscribers that change tasks.

use super::{goes_on, list, reads};
use crate::outcome::{Verdict, ensure};
use crate::trial::Setup;

pub(crate) fn all_or_nobody(setup: &Setup<'_>) -> Verdict {
    // The subscriber without room is the first, or the last.
    for full in [0, 1] {
        // The publish is dropped while waiting, or once woken.
        for woken in [false, true] {
            let mut trial = setup.trial(2, 1);
            let mut readers = [trial.subscribe(), trial.subscribe()];
            let (_, mut cancelled) = trial.fill()?;
            readers[1 - full].drain()?;
            ensure!(
                cancelled.poll().is_pending(),
                "event {} was stored, though a subscriber has no room for it",
                cancelled.number
            );
            if woken {
                let _ = readers[full].take();
            }
            let number = cancelled.number;
            cancelled.cancel();
            readers[0].drain()?;
            readers[1].drain()?;
            let got = [0, 1].map(|at| readers[at].read.contains(&number));
            ensure!(
                got[0] == got[1],
                "event {number}, cancelled, reached one of two subscribers"
            );
            let next = trial.store(1)?;
            for reader in &mut readers {
                reads(reader, &next)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn room_is_passed_on(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(1, 2);
    let mut reader = trial.subscribe();
    let (_, cancelled) = trial.fill()?;
    let number = cancelled.number;
    let mut next = trial.publish_by(1);
    if next.poll().is_ready() {
        // The second publisher has a place of its own in this channel.
        return Ok(());
    }
    let _ = reader.take();
    cancelled.cancel();
    if !next.is_woken() {
        // Right if the cancelled event was stored, in the place just freed.
        let _ = reader.drain()?;
    }
    let stored = reader.read.contains(&number);
    ensure!(
        stored || next.is_woken(),
        "the publish of event {} was not woken after the one before it was dropped with the room it was woken for",
        next.number
    );
    goes_on(&mut next, "the publish before it was dropped")?;
    let _ = reader.drain()?;
    let expected: Vec<u64> = (1..=next.number)
        .filter(|n| stored || *n != number)
        .collect();
    ensure!(
        reader.read == expected,
        "a subscriber read {}, not {}",
        list(&reader.read),
        list(&expected)
    );
    Ok(())
}

pub(crate) fn moved(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let (mut reader, mut other) = (trial.subscribe(), trial.subscribe());
    reader.sleep()?;
    other.sleep()?;
    let first_task_is_woken = reader.move_to_another_task();
    reader.sleep()?;
    let stored = trial.store(1)?;
    ensure!(
        reader.is_woken(),
        "a subscriber slept in a second task, and an event {} woke it there",
        if first_task_is_woken() {
            "woke its first task and never"
        } else {
            "never"
        }
    );
    reads(&mut reader, &stored)?;
    reads(&mut other, &stored)
}
