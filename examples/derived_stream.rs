//! A stream of one's own, made with `async_stream::stream!` over a subscription, that keeps the
//! acknowledgements exact: an event is finished with when what was made of it is.

use async_stream::stream;
use futures::{Stream, StreamExt, pin_mut};
use genevent::{Delivery, EventManager, Subscription};

/// The words of each line. A line is finished with when its last word is: the generator comes
/// back for the next line only after the consumer came back for the next word.
fn words(mut lines: Subscription<&'static str>) -> impl Stream<Item = &'static str> {
    stream! {
        while let Some(line) = lines.next().await {
            for word in line.split(' ') {
                yield word;
            }
        }
    }
}

/// Only the long lines, each with its acknowledgement: those left out are finished with here.
fn long(lines: Subscription<&'static str>) -> impl Stream<Item = Delivery<usize>> {
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
        "the last word is in hand"
    );
    assert!(futures::poll!(words.next()).is_pending());
    println!(
        "line: {} finished with it",
        saved.await.expect("it is open").acked()
    );

    let manager = EventManager::new(8);
    let lengths = long(manager.subscribe());
    pin_mut!(lengths);
    let mut short = manager.sync_notify("short");
    let mut long = manager.sync_notify("long enough");
    assert!(futures::poll!(&mut short).is_pending() && futures::poll!(&mut long).is_pending());
    let length = lengths.next().await.expect("one is long");
    println!(
        "short: {} finished with it",
        short.await.expect("it is open").acked()
    );
    assert!(
        futures::poll!(&mut long).is_pending(),
        "its delivery is out"
    );
    println!("long: {} characters", length.ack());
    assert!(long.await.expect("it is open").all_acked());
}
