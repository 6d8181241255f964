//! Assertions that hold, and the items that they return.

use std::pin::pin;

use futures::executor::block_on;
use futures::{FutureExt, StreamExt, stream};
use genevent::Subscription;
use genevent::test_util::{assert_ended, assert_next, assert_no_event};

use super::{Opaque, message, with};

#[test]
fn an_item_is_compared_matched_or_taken() {
    let (_manager, mut words) = with(["tea", "coffee", "milk", "bill"].map(String::from));
    let word: String = assert_next!(words, "tea").now();
    assert_eq!(word, "tea");
    assert_eq!(assert_next!(words).now(), "coffee");
    let len = assert_next!(words, matches word if word.starts_with('m') => word.len()).now();
    assert_eq!(len, 4);
    assert_next!(words, matches _).now();

    let expected = [Some(1), None, Some(3)];
    let (_manager, mut numbers) = with(expected);
    for (place, number) in expected.into_iter().enumerate() {
        assert_next!(numbers, number, "at {place}").now();
    }
    let (_manager, mut numbers) = with([1_u64, 2, 3]);
    assert_next!(numbers, 1).now();
    assert_next!(numbers, matches 2 | 3).now();
    assert_next!(numbers, matches n @ 3.. => assert_eq!(n, 3),).now();
}

#[test]
fn pattern_bindings_are_moved_out() {
    let mut items = stream::iter([Ok(Opaque), Err("no")]);
    let _moved: Opaque = assert_next!(items, matches Ok(opaque) => opaque).now();
    let text = String::from("owned");
    let moved = assert_next!(items, matches Err(no) => (no, text)).now();
    assert_eq!(moved, ("no", "owned".to_owned()));
}

#[test]
fn assert_no_event_takes_nothing_and_sees_no_end() {
    let (manager, mut reader) = with([]);
    assert_no_event!(reader).now();
    manager.try_notify(1).unwrap();
    assert_next!(reader, 1).now();
    assert_no_event!(reader).now();
    manager.close();
    assert_ended!(reader).now();
    assert!(message(|| assert_no_event!(reader).now()).contains("came: the end of the stream"));
}

#[test]
fn asking_again_finishes_the_previous_event() {
    let (manager, mut reader) = with([]);
    let mut answer = manager.sync_notify(1);
    assert!((&mut answer).now_or_never().is_none());
    assert_next!(reader, 1).now();
    assert!((&mut answer).now_or_never().is_none(), "it is in hand");
    assert_no_event!(reader).now();
    assert!(answer.now_or_never().unwrap().unwrap().all_acked());
}

#[test]
fn streams_can_be_asked_wherever_stored() {
    struct World {
        reader: Subscription<u32>,
    }
    fn by_reference(reader: &mut Subscription<u32>) {
        assert_next!(reader, 2).now();
    }
    let (manager, reader) = with(1..=3);
    let mut world = World { reader };
    assert_next!(world.reader, 1).now();
    by_reference(&mut world.reader);
    let mut pinned = pin!(world.reader.then(async |n| n * 10));
    assert_next!(pinned, 30).now();
    drop(manager);
    assert_ended!(pinned).now();
}

#[test]
fn an_ended_stream_is_not_polled_again() {
    // `unfold` panics when it is polled after its end.
    let mut once = pin!(stream::unfold((), async |()| None::<(u32, ())>));
    assert_ended!(once).now();
    let mut once = pin!(stream::unfold((), async |()| None::<(u32, ())>));
    assert!(message(|| block_on(assert_next!(once))).contains("came: the end of the stream"));
}

#[test]
fn an_ended_subscription_stays_ended() {
    let (manager, mut reader) = with([1]);
    drop(manager);
    assert_next!(reader, 1).now();
    for _ in 0..3 {
        assert_ended!(reader).now();
        block_on(assert_ended!(reader));
        assert!(message(|| assert_next!(reader).now()).contains("came: the end of the stream"));
    }
}
