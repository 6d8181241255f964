//! A custom stream, made with `async_stream::stream!` over a subscription, with exact
//! acknowledgements: an event is finished when all items made from the event are finished.

use async_stream::stream;
use futures::{Stream, StreamExt, pin_mut};
use genevent::{Delivery, EventManager, Subscription};

/// Yields the words of each line. A line is finished when its last word is finished: the generator
/// polls for the next line only after the consumer has polled for the next word.
fn words(mut lines: Subscription<&'static str>) -> impl Stream<Item = &'static str> {
    stream! {
        while let Some(line) = lines.next().await {
            for word in line.split(' ') {
                yield word;
            }
        }
    }
}

/// Yields the lengths of long lines as deliveries. A short line is acknowledged here.
fn long_lines(lines: Subscription<&'static str>) -> impl Stream<Item = Delivery<usize>> {
    let mut lines = lines.deliveries();
    stream! {
        while let Some(line) = lines.next().await {
            if line.len() > 10 {
                yield line.map(str::len);
            } else {
                line.ack();
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let manager = EventManager::new(8);
    let words = words(manager.subscribe());
    pin_mut!(words);
    let mut saved = manager.sync_notify("to be acknowledged");
    for expected in ["to", "be", "acknowledged"] {
        assert!(futures::poll!(&mut saved).is_pending(), "words are left");
        assert_eq!(words.next().await, Some(expected));
        println!("word: {expected}");
    }
    assert!(
        futures::poll!(&mut saved).is_pending(),
        "the last word is in flight"
    );
    assert!(futures::poll!(words.next()).is_pending());
    println!(
        "line: finished by {} subscriber",
        saved.await.expect("the manager is open").acked()
    );

    let manager = EventManager::new(8);
    let lengths = long_lines(manager.subscribe());
    pin_mut!(lengths);
    let mut short = manager.sync_notify("short");
    let mut long = manager.sync_notify("long enough");
    assert!(futures::poll!(&mut short).is_pending() && futures::poll!(&mut long).is_pending());
    let length = lengths.next().await.expect("the second line is long");
    println!(
        "short: finished by {} subscriber",
        short.await.expect("the manager is open").acked()
    );
    assert!(
        futures::poll!(&mut long).is_pending(),
        "its delivery is in flight"
    );
    println!("long: {} characters", length.ack());
    assert!(long.await.expect("the manager is open").all_acked());
}
