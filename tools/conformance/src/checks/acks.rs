//! Acknowledgements and receipts.

use std::task::Poll;

use super::reads;
use crate::outcome::{Stop, Verdict, ensure};
use crate::trial::{Setup, Waiting};
use crate::{Closed, Receipt};

pub(crate) fn not_early(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let mut readers = [trial.subscribe(), trial.subscribe()];
    for order in [[0, 1], [1, 0]] {
        let mut waiting = trial.publish_and_wait()?;
        let number = waiting.number;
        unanswered(&mut waiting, "nobody has read it")?;
        for at in order {
            ensure!(
                readers[at].poll() == Poll::Ready(Some(number)),
                "a subscriber did not get event {number}"
            );
            unanswered(&mut waiting, "a subscriber has only received it")?;
        }
        readers[order[0]].finish();
        unanswered(&mut waiting, "one of two subscribers has finished")?;
        readers[order[1]].finish();
        answered(&mut waiting, "both subscribers have finished")?;
    }
    Ok(())
}

pub(crate) fn leaving(setup: &Setup<'_>) -> Verdict {
    // A subscriber leaves without reading, or in the middle of the event.
    for received in [false, true] {
        let mut trial = setup.trial(4, 1);
        let (mut stays, mut leaves) = (trial.subscribe(), trial.subscribe());
        let mut waiting = trial.publish_and_wait()?;
        unanswered(&mut waiting, "nobody has read it")?;
        reads(&mut stays, &[1])?;
        if received {
            let _ = leaves.poll();
        }
        unanswered(&mut waiting, "one of two subscribers has finished")?;
        leaves.leave();
        answered(&mut waiting, "one has finished and the other has left")?;
        let mut next = trial.publish_and_wait()?;
        let _ = next.poll();
        reads(&mut stays, &[2])?;
        ensure!(
            next.poll().is_ready(),
            "event 2 waits for a subscriber that has left"
        );
    }
    Ok(())
}

pub(crate) fn joining(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let mut early = trial.subscribe();
    let mut waiting = trial.publish_and_wait()?;
    unanswered(&mut waiting, "nobody has read it")?;
    let _late = trial.subscribe();
    reads(&mut early, &[1])?;
    ensure!(
        waiting.poll().is_ready(),
        "event 1 waits for a subscriber that joined later"
    );
    Ok(())
}

pub(crate) fn cancelled(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 2);
    let mut readers = [trial.subscribe(), trial.subscribe()];
    let mut waiting = trial.publish_and_wait()?;
    unanswered(&mut waiting, "nobody has read it")?;
    reads(&mut readers[0], &[1])?;
    waiting.cancel();
    reads(&mut readers[1], &[1])?;
    let mut next = trial.publish_and_wait_by(1)?;
    unanswered(&mut next, "nobody has read it")?;
    for reader in &mut readers {
        reads(reader, &[2])?;
    }
    answered(&mut next, "both subscribers have finished")
}

pub(crate) fn receipt(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let mut readers: Vec<_> = (0..4).map(|_| trial.subscribe()).collect();
    let mut waiting = trial.publish_and_wait()?;
    unanswered(&mut waiting, "nobody has read it")?;
    let mut received = readers.remove(3);
    let _ = received.poll();
    received.leave();
    readers.remove(2).leave();
    let late = trial.subscribe();
    late.leave();
    for reader in &mut readers {
        reads(reader, &[1])?;
    }
    counts(
        &mut waiting,
        Receipt {
            finished: 2,
            unfinished: 2,
        },
    )?;
    // A subscriber that finished before leaving did finish.
    let mut waiting = trial.publish_and_wait()?;
    unanswered(&mut waiting, "nobody has read it")?;
    let mut done = readers.remove(1);
    reads(&mut done, &[2])?;
    done.leave();
    reads(&mut readers[0], &[2])?;
    counts(
        &mut waiting,
        Receipt {
            finished: 2,
            unfinished: 0,
        },
    )?;
    readers.remove(0).leave();
    let mut unheard = trial.publish_and_wait()?;
    counts(
        &mut unheard,
        Receipt {
            finished: 0,
            unfinished: 0,
        },
    )
}

fn unanswered(waiting: &mut Waiting, though: &str) -> Verdict {
    ensure!(
        waiting.poll().is_pending(),
        "event {} was reported as finished, and {though}",
        waiting.number
    );
    Ok(())
}

fn answered(waiting: &mut Waiting, after: &str) -> Verdict {
    let number = waiting.number;
    ensure!(
        waiting.is_woken(),
        "the publisher of event {number} was not woken after {after}"
    );
    ensure!(
        waiting.poll().is_ready(),
        "the publisher of event {number} still waits after {after}"
    );
    Ok(())
}

fn counts(waiting: &mut Waiting, expected: Receipt) -> Verdict {
    let number = waiting.number;
    match waiting.poll() {
        Poll::Ready(Ok(Some(receipt))) => {
            ensure!(
                receipt == expected,
                "the receipt of event {number} counts {} finished and {} unfinished subscribers; right are {} and {}",
                receipt.finished,
                receipt.unfinished,
                expected.finished,
                expected.unfinished
            );
            Ok(())
        }
        Poll::Ready(Ok(None)) => Err(Stop::NotApplicable("an acknowledgement does not count")),
        Poll::Ready(Err(Closed)) => Err(Stop::NotKept(format!("event {number} was refused"))),
        Poll::Pending => Err(Stop::NotKept(format!(
            "the publisher of event {number} still waits, though everybody has finished or left"
        ))),
    }
}
