//! A service that answers POST when its consumers have finished, while browsers watch by
//! server-sent events.

use std::future::pending;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use genevent::{DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const WORK: Duration = Duration::from_millis(5);
const WINDOW: usize = 8;

/// How fast a browser reads from its socket.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Pace {
    AtOnce,
    /// An event takes longer than many requests.
    Slow,
    Never,
}

/// A closed connection: the bytes written, and the reason of a disconnect, if any.
struct Closed {
    pace: Pace,
    written: Vec<u32>,
    cut_off: Option<EndReason>,
}

/// A consumer, which takes some time for each event.
fn consumer(manager: &EventManager<u32>) -> JoinHandle<Vec<u32>> {
    let mut events = manager.subscribe();
    tokio::spawn(async move {
        let mut done = Vec::new();
        while let Some(event) = events.next().await {
            sleep(WORK).await;
            done.push(event);
        }
        done
    })
}

/// The connection of a browser: begins with the last 20 events, and closes at a disconnect.
fn browser(manager: &EventManager<u32>, pace: Pace) -> JoinHandle<Closed> {
    let options = SubscribeOptions::new().observer().replay(20);
    let options = options.overflow(Overflow::Disconnect).window(WINDOW);
    let mut events = manager.subscribe_with(options);
    let gone = events.disconnected();
    tokio::spawn(async move {
        let mut written = Vec::new();
        let writing = async {
            while let Some(event) = events.next().await {
                match pace {
                    Pace::AtOnce => {}
                    Pace::Slow => sleep(50 * WORK).await,
                    Pace::Never => pending().await,
                }
                written.push(event);
            }
        };
        let cut_off = tokio::select! {
            biased;
            () = writing => None,
            reason = gone => reason,
        };
        Closed {
            pace,
            written,
            cut_off,
        }
    })
}

/// Answers a request when all consumers have finished its event.
async fn post(manager: &EventManager<u32>, event: u32) {
    let start = Instant::now();
    let receipt = manager.sync_notify(event).within(20 * WORK).await.unwrap();
    assert_eq!((receipt.acked(), receipt.dropped()), (3, 0));
    assert_eq!(start.elapsed(), WORK, "as long as the consumers take");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_browsers_delay_no_answer() {
    let manager = EventManager::builder().capacity(64).retain(20).build();
    let consumers = [(); 3].map(|()| consumer(&manager));
    for event in 1..=30 {
        post(&manager, event).await;
    }
    let paces = [Pace::AtOnce, Pace::Slow, Pace::Never, Pace::AtOnce];
    let paces = paces.into_iter().cycle().take(200);
    let browsers: Vec<_> = paces.map(|pace| browser(&manager, pace)).collect();
    assert_eq!(manager.subscriber_count(), 203);
    for event in 31..=50 {
        post(&manager, event).await;
    }
    assert_eq!(manager.subscriber_count(), 103, "the slow ones are cut off");
    assert!(manager.flush().within(WORK).await.is_ok());

    // The sockets are closed already, before any poll of the streams.
    let is_cut_off = |browser: &&JoinHandle<Closed>| browser.is_finished();
    assert_eq!(browsers.iter().filter(is_cut_off).count(), 100);
    assert!(manager.stop().within(WORK).await.is_ok());

    let all: Vec<u32> = (11..=50).collect();
    for closed in join_all(browsers).await {
        let Closed {
            pace,
            written,
            cut_off,
        } = closed.unwrap();
        assert!(all.starts_with(&written), "from the last 20, without a gap");
        if pace == Pace::AtOnce {
            assert_eq!((written.len(), cut_off), (40, None));
        } else {
            let cause = match cut_off {
                Some(EndReason::Disconnected { cause, .. }) => cause,
                other => panic!("{other:?}"),
            };
            assert_eq!(cause, DisconnectCause::Overflow);
            assert!(written.len() <= 1, "of the replayed events");
        }
    }
    for done in join_all(consumers).await {
        assert_eq!(done.unwrap(), (1..=50).collect::<Vec<_>>());
    }
}

/// Browsers connecting between events get the last 20 and all later events, without a gap.
#[tokio::test(start_paused = true)]
async fn late_browsers_join_without_a_gap() {
    let manager = EventManager::builder().capacity(64).retain(20).build();
    let _consumers = [(); 3].map(|()| consumer(&manager));
    let mut browsers = Vec::new();
    for event in 1..=40 {
        post(&manager, event).await;
        browsers.push(browser(&manager, Pace::AtOnce));
    }
    manager.close();
    for (joined_after, closed) in (1_u32..).zip(join_all(browsers).await) {
        let first = 20_u32.max(joined_after) - 19;
        let written = closed.unwrap().written;
        assert_eq!(written.first().copied(), Some(first));
        assert_eq!(written.last().copied(), Some(40));
        assert!(written.is_sorted_by(|one, next| one + 1 == *next));
    }
    assert!(manager.stop().now_or_never().is_some());
}
