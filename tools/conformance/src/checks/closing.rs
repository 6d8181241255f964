//! The end of a channel.

use std::task::Poll;

use super::{list, reads};
use crate::Closed;
use crate::outcome::{Verdict, ensure};
use crate::trial::{Reader, Setup};

pub(crate) fn last_publisher(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 2);
    let (mut asleep, mut behind) = (trial.subscribe(), trial.subscribe());
    let stored = trial.store(3)?;
    reads(&mut asleep, &stored)?;
    trial.drop_publishers();
    ends(&mut asleep, &[], "the last publisher was dropped")?;
    // Not asleep: nothing wakes this subscriber.
    reads(&mut behind, &stored)?;
    is_over(&mut behind)
}

pub(crate) fn close(setup: &Setup<'_>) -> Verdict {
    setup.trial(2, 1).close()?; // or not applicable
    let mut trial = setup.trial(2, 1);
    let (mut asleep, mut behind) = (trial.subscribe(), trial.subscribe());
    let stored = trial.store(2)?;
    reads(&mut asleep, &stored)?;
    trial.close()?;
    ensure!(
        trial.publish().poll() == Poll::Ready(Err(Closed)),
        "a publish after close was not refused"
    );
    ends(&mut asleep, &[], "close")?;
    reads(&mut behind, &stored)?;
    is_over(&mut behind)?;

    let mut trial = setup.trial(2, 1);
    let mut unread = trial.subscribe();
    let Ok((stored, mut waiting)) = trial.fill() else {
        return Ok(()); // publishers never wait
    };
    trial.close()?;
    ensure!(
        waiting.is_woken(),
        "a waiting publisher was not woken by close"
    );
    ensure!(
        waiting.poll() == Poll::Ready(Err(Closed)),
        "a waiting publisher was not told that the channel is closed"
    );
    reads(&mut unread, &stored)?;
    is_over(&mut unread)
}

/// Checks that a sleeping subscriber is woken, reads `rest` and ends.
fn ends(reader: &mut Reader, rest: &[u64], after: &str) -> Verdict {
    ensure!(
        reader.is_woken(),
        "a sleeping subscriber was not woken after {after}"
    );
    let read = reader.drain()?;
    ensure!(
        read == rest,
        "after {after}, a subscriber read {}, not {}",
        list(&read),
        list(rest)
    );
    is_over(reader)
}

fn is_over(reader: &mut Reader) -> Verdict {
    ensure!(
        reader.has_ended(),
        "a subscriber that has read every event did not end"
    );
    Ok(())
}
