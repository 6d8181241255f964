//! Wake-ups: none is lost, and none comes for nothing.

use super::reads;
use crate::outcome::{Verdict, ensure};
use crate::trial::Setup;

pub(crate) fn none_lost(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(8, 1);
    let mut readers = [trial.subscribe(), trial.subscribe(), trial.subscribe()];
    for _ in 0..6 {
        for reader in &mut readers {
            reader.sleep()?;
        }
        let stored = trial.store(1)?;
        for (at, reader) in readers.iter_mut().enumerate() {
            ensure!(
                reader.is_woken(),
                "subscriber {} of 3 slept, and event {} did not wake it",
                at + 1,
                stored[0]
            );
            reads(reader, &stored)?;
        }
    }
    Ok(())
}

pub(crate) fn none_idle(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let mut asleep = trial.subscribe();
    asleep.sleep()?;
    for _ in 0..3 {
        ensure!(
            asleep.poll_once().is_pending(),
            "a subscriber got an event that nobody published"
        );
        ensure!(
            asleep.wakes() == 0,
            "a subscriber with nothing to read woke itself"
        );
    }
    let stored = trial.store(4)?;
    ensure!(
        asleep.wakes() <= stored.len(),
        "{} events woke a sleeping subscriber {} times",
        stored.len(),
        asleep.wakes()
    );
    let Ok((_, mut waiting)) = trial.fill() else {
        return Ok(()); // publishers never wait
    };
    // A publish may let other tasks run once before waiting.
    for _ in 0..8 {
        let _ = waiting.poll_once();
    }
    for _ in 0..3 {
        ensure!(
            waiting.poll_once().is_pending(),
            "a publish went on without room"
        );
        ensure!(
            !waiting.is_woken(),
            "a publisher that waits for room woke itself"
        );
    }
    Ok(())
}
