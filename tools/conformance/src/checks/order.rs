//! Order, and the arrival of every event.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::{list, reads};
use crate::outcome::{Verdict, ensure};
use crate::trial::{Publish, Reader, Setup};

pub(crate) fn in_order(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(8, 1);
    let mut readers = [trial.subscribe(), trial.subscribe()];
    for burst in [1, 2, 5, 8, 3] {
        let stored = trial.store(burst)?;
        for reader in &mut readers {
            reads(reader, &stored)?;
        }
    }
    Ok(())
}

pub(crate) fn slow(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let mut slow = trial.subscribe();
    let mut read = Vec::new();
    for _ in 0..20 {
        let mut publish = trial.publish();
        // Reads an event at a time, and only if the publisher waits.
        while publish.poll().is_pending() {
            let Poll::Ready(Some(event)) = slow.take() else {
                ensure!(
                    false,
                    "event {} waits, though the subscriber has read every event",
                    publish.number
                );
                return Ok(());
            };
            read.push(event);
        }
    }
    read.extend(slow.drain()?);
    ensure!(
        read.iter().copied().eq(1..=20),
        "of the events 1 to 20, a subscriber that reads late read {}",
        list(&read)
    );
    Ok(())
}

pub(crate) fn fast_beside_slow(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(4, 1);
    let slow = trial.subscribe();
    let mut fast = trial.subscribe();
    let last = trial.subscribe();
    for event in 1..=4 {
        trial.store(1)?;
        ensure!(
            fast.take() == Poll::Ready(Some(event)),
            "a fast subscriber did not get event {event}, which is stored"
        );
    }
    slow.leave();
    last.leave();
    fast.sleep()
}

pub(crate) fn same_order(setup: &Setup<'_>) -> Verdict {
    let mut trial = setup.trial(2, 2);
    let mut readers = [trial.subscribe(), trial.subscribe()];
    let mut read = [Vec::new(), Vec::new()];
    let mut publishes: [Option<Publish>; 2] = [None, None];
    let mut started = 0;
    for round in 0..60 {
        let turn = round % 3 % 2;
        for publisher in [turn, 1 - turn] {
            if publishes[publisher].is_none() && started < 30 {
                started += 1;
                publishes[publisher] = Some(trial.publish_by(publisher));
            }
            if let Some(publish) = &mut publishes[publisher] {
                if publish.poll().is_ready() {
                    publishes[publisher] = None;
                }
            }
        }
        // The subscribers read at different paces.
        take(&mut readers[0], &mut read[0]);
        if round % 2 == 1 {
            take(&mut readers[1], &mut read[1]);
            take(&mut readers[1], &mut read[1]);
        }
    }
    finish(&mut publishes, &mut readers, &mut read)?;
    let [one, two] = read;
    agree(&one, &two)
}

fn take(reader: &mut Reader, read: &mut Vec<u64>) {
    if let Poll::Ready(Some(event)) = reader.take() {
        read.push(event);
    }
}

/// Lets every publish end, and reads every event.
fn finish(
    publishes: &mut [Option<Publish>],
    readers: &mut [Reader],
    read: &mut [Vec<u64>],
) -> Verdict {
    for _ in 0..4 {
        for (reader, read) in readers.iter_mut().zip(&mut *read) {
            read.extend(reader.drain()?);
        }
        for publish in &mut *publishes {
            if publish
                .as_mut()
                .is_some_and(|publish| publish.poll().is_ready())
            {
                *publish = None;
            }
        }
    }
    for publish in publishes.iter().flatten() {
        ensure!(
            false,
            "event {} waits, though every subscriber has read every event",
            publish.number
        );
    }
    Ok(())
}

/// Checks the order of the events read by both.
fn agree(one: &[u64], two: &[u64]) -> Verdict {
    let common = |read: &[u64], other: &[u64]| -> Vec<u64> {
        read.iter().copied().filter(|n| other.contains(n)).collect()
    };
    let (of_one, of_two) = (common(one, two), common(two, one));
    if let Some(at) = (0..of_one.len().min(of_two.len())).find(|&at| of_one[at] != of_two[at]) {
        ensure!(
            false,
            "a subscriber read event {} before {}, and another read {} first",
            of_one[at],
            of_two[at],
            of_two[at]
        );
    }
    Ok(())
}

/// How long a publish on the other thread may take. Used up by channels alone that clone under a lock.
const OTHER_THREAD: Duration = Duration::from_secs(2);

/// A second publisher publishes on another thread, in the middle of a publish: when the channel clones the event
/// for the first, second or third time.
pub(crate) fn same_order_on_threads(setup: &Setup<'_>) -> Verdict {
    for clones in 0..3 {
        if interrupted(setup, clones)? == Other::Held {
            break; // at every clone
        }
    }
    Ok(())
}

/// The publish on the other thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    WentOn,
    /// The publish had to wait for the first publish.
    Held,
}

fn interrupted(setup: &Setup<'_>, clones: usize) -> Verdict<Other> {
    let mut trial = setup.trial(4, 2);
    let mut readers = [trial.subscribe(), trial.subscribe(), trial.subscribe()];
    let (start, started) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let (mut first, second) = (trial.event(), trial.event());
    let held = Arc::new(AtomicBool::new(false));
    let held_by_clone = Arc::clone(&held);
    let interruption = first.interrupt(clones, move || {
        let _ = start.send(());
        // Times out if the channel clones under a lock: then the other publish waits for this publish.
        if is_done.recv_timeout(OTHER_THREAD).is_err() {
            held_by_clone.store(true, Ordering::Relaxed);
        }
    });
    let mut first = trial.publishing(0, first);
    let mut second = trial.publishing(1, second);
    let stored = thread::scope(|scope| {
        // Moved here: dropped before the scope waits for the other thread, also after a panic.
        let interruption = interruption;
        let other = scope.spawn(move || {
            // Fails if the channel did not clone during the first publish, which is over then.
            let _ = started.recv();
            let stored = poll_here(&mut second);
            let _ = done.send(());
            stored
        });
        let stored = poll_here(&mut first);
        drop(interruption);
        stored && other.join().unwrap_or(false)
    });
    trial.run_tasks();
    ensure!(stored, "a publish waited, though every subscriber had room");
    let read = readers
        .iter_mut()
        .map(Reader::drain)
        .collect::<Verdict<Vec<_>>>()?;
    agree(&read[0], &read[1])?;
    agree(&read[1], &read[2])?;
    let held = held.load(Ordering::Relaxed);
    Ok(if held { Other::Held } else { Other::WentOn })
}

fn poll_here(publish: &mut crate::Publishing) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    publish.as_mut().poll(&mut cx).is_ready()
}
