//! The rows of the docs page's table, as programs.

use std::future::{pending, ready};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures::future::{AbortHandle, Abortable};
use futures::{FutureExt, SinkExt, StreamExt, sink, stream};
use genevent::{Delivery, EventStreamExt, Subscription};
use tokio_stream::{StreamExt as TokioStreamExt, StreamMap};

use super::Verdict::{Dropped, Early, Exact, Open};
use super::items::Event;
use super::work::{all_done, one_by_one, work_and_panic};
use super::{MILLISECOND, Row};

/// A row with the same code in both columns, with different code, or with code in a single column.
macro_rules! row {
    ($name:literal, $implicit:ident, $deliveries:ident, |$s:ident, $work:ident| $body:expr) => {
        Row {
            name: $name,
            implicit: Some(($implicit, |$s, $work| Box::pin($body))),
            deliveries: Some(($deliveries, |$s, $work| Box::pin($body))),
        }
    };
    ($name:literal, implicit: $verdict:ident, |$s:ident, $work:ident| $body:expr) => {
        Row {
            name: $name,
            implicit: Some(($verdict, |$s, $work| Box::pin($body))),
            deliveries: None,
        }
    };
    ($name:literal, deliveries: $verdict:ident, |$s:ident, $work:ident| $body:expr) => {
        Row {
            name: $name,
            implicit: None,
            deliveries: Some(($verdict, |$s, $work| Box::pin($body))),
        }
    };
}
const HOUR: Duration = Duration::from_secs(3_600);

/// The table of the docs page. `GenEvent` cases 131 and 132.
pub(crate) const TABLE: &[Row] = &[
    // ---- Poll for the next event after the work on the event ------------------------------------
    row!("while let", Exact, Exact, |s, work| async move {
        let mut s = s;
        while let Some(event) = StreamExt::next(&mut s).await {
            work.on(event).await;
        }
    }),
    row!("for_each", Exact, Exact, |s, work| s
        .for_each(move |event| work.on(event).map(drop))),
    row!("then", Exact, Exact, |s, work| all_done(StreamExt::then(
        s,
        move |event| work.on(event)
    ))),
    row!("fold", Exact, Exact, |s, work| {
        let sum = move |sum, event| work.on(event).map(move |event| sum + event);
        StreamExt::fold(s, 0, sum).map(drop)
    }),
    row!("scan", Exact, Exact, |s, work| all_done(
        s.scan((), move |(), event| work.on(event).map(Some))
    )),
    row!("map", Exact, Exact, |s, work| one_by_one(
        StreamExt::map(s, Event::change),
        work
    )),
    // To a future, which is awaited before the next event is polled for.
    row!("map", Exact, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        map.for_each(|work| work.map(drop))
    }),
    row!("buffered(1)", Exact, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        all_done(map.buffered(1))
    }),
    row!("filter", Exact, Exact, |s, work| one_by_one(
        StreamExt::filter(s, |_| ready(true)),
        work
    )),
    // The combinator itself does the work.
    row!("filter", Exact, Exact, |s, work| {
        let filter = move |event: &_| work.on(Event::value(event)).map(|_| true);
        all_done(StreamExt::filter(s, filter))
    }),
    row!("filter_map", Exact, Exact, |s, work| {
        let filter_map = move |event| work.on(event).map(Some);
        all_done(StreamExt::filter_map(s, filter_map))
    }),
    row!("flat_map", Exact, Exact, |s, work| all_done(
        s.flat_map(move |event| stream::once(work.on(event)))
    )),
    row!("flatten", Exact, Exact, |s, work| {
        let streams = StreamExt::map(s, move |event| stream::once(work.on(event)));
        all_done(streams.flatten())
    }),
    row!("zip", Exact, Exact, |s, work| one_by_one(
        s.zip(stream::repeat('x')),
        work
    )),
    row!("select", Exact, Exact, |s, work| one_by_one(
        stream::select(s, stream::pending()),
        work
    )),
    row!("select", Exact, Exact, |s, work| one_by_one(
        stream::select(stream::pending(), s),
        work
    )),
    row!("merge", Exact, Exact, |s, work| one_by_one(
        TokioStreamExt::merge(s, stream::pending()),
        work
    )),
    row!("StreamMap", Exact, Exact, |s, work| async move {
        let mut streams = StreamMap::new();
        streams.insert("idle", stream::pending().left_stream());
        streams.insert("events", s.right_stream());
        one_by_one(streams, work).await;
    }),
    row!("timeout", Exact, Exact, |s, work| one_by_one(
        TokioStreamExt::timeout(s, HOUR),
        work
    )),
    row!("throttle", Exact, Exact, |s, work| one_by_one(
        TokioStreamExt::throttle(s, MILLISECOND),
        work
    )),
    row!("select!", Exact, Exact, |s, work| async move {
        let mut s = s;
        let mut other = stream::pending::<()>();
        loop {
            futures::select! {
                event = s.select_next_some() => { work.on(event).await; }
                _ = StreamExt::next(&mut other).fuse() => {}
                complete => break,
            }
        }
    }),
    // The `select!` of tokio.
    row!("select!", Exact, Exact, |s, work| async move {
        let mut s = s;
        loop {
            tokio::select! {
                Some(event) = StreamExt::next(&mut s) => { work.on(event).await; }
                () = pending() => {}
                else => break,
            }
        }
    }),
    row!("async_stream::stream!", Exact, Exact, |s, work| {
        let derived = async_stream::stream! {
            let mut s = s;
            while let Some(event) = StreamExt::next(&mut s).await {
                yield event.change();
            }
        };
        one_by_one(derived, work)
    }),
    row!("peekable", Exact, Exact, |s, work| one_by_one(
        StreamExt::peekable(s),
        work
    )),
    // Peeks between events.
    row!("peekable", Exact, Exact, |s, work| async move {
        let mut s = pin!(StreamExt::peekable(s));
        while s.as_mut().peek().await.is_some() {
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
        }
    }),
    // ---- Leave after the work, without polling again --------------------------------------------
    row!("the last event of take(n)", Dropped, Exact, |s, work| {
        one_by_one(StreamExt::take(s, 1), work)
    }),
    row!(
        "leaving a loop by break or ?",
        Dropped,
        Exact,
        |s, work| async move {
            let mut s = s;
            while let Some(event) = StreamExt::next(&mut s).await {
                if work.on(event).await == 1 {
                    break;
                }
            }
        }
    ),
    row!(
        "leaving a loop by break or ?",
        Dropped,
        Exact,
        |s, work| async move {
            let consumer = async move {
                let mut s = s;
                while let Some(event) = StreamExt::next(&mut s).await {
                    if work.on(event).await == 1 {
                        Err(1_u32)?;
                    }
                }
                Ok::<_, u32>(())
            };
            assert_eq!(consumer.await, Err(1));
        }
    ),
    row!(
        "dropping the stream",
        Dropped,
        Exact,
        |s, work| async move {
            let mut s = s;
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
            drop(s);
            pending::<()>().await;
        }
    ),
    row!(
        "aborting the task during the work",
        Dropped,
        Dropped,
        |s, work| async move {
            let (abort, registration) = AbortHandle::new_pair();
            let task = async move {
                let mut s = s;
                while let Some(event) = StreamExt::next(&mut s).await {
                    // The event is kept for the rest of the work.
                    let (value, _event) = (event.value(), event);
                    work.on(value).await;
                    abort.abort();
                    pending::<()>().await;
                }
            };
            Abortable::new(task, registration).await.unwrap_err();
        }
    ),
    // ---- Read ahead -----------------------------------------------------------------------------
    row!("buffered(n)", Early, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        all_done(map.buffered(2))
    }),
    row!("buffer_unordered(n)", Early, Exact, |s, work| {
        let map = StreamExt::map(s, move |event| work.on(event));
        all_done(map.buffer_unordered(2))
    }),
    row!("for_each_concurrent(n)", Early, Exact, |s, work| s
        .for_each_concurrent(2, move |event| work
            .on(event)
            .map(drop))),
    row!("chunks", Early, Exact, |s, work| one_by_one(
        s.chunks(2),
        work
    )),
    row!("ready_chunks", Early, Exact, |s, work| one_by_one(
        s.ready_chunks(2),
        work
    )),
    row!("chunks_timeout", Early, Exact, |s, work| one_by_one(
        TokioStreamExt::chunks_timeout(s, 9, MILLISECOND),
        work
    )),
    row!("flatten_unordered", Early, Exact, |s, work| {
        let streams = StreamExt::map(s, move |event| stream::once(work.on(event)).boxed_local());
        all_done(streams.flatten_unordered(2))
    }),
    row!("forward", Early, Exact, |s, work| {
        let sink = sink::unfold((), move |(), event| work.on(event).map(|_| Ok::<_, ()>(())));
        StreamExt::map(s, Ok).forward(sink).map(drop)
    }),
    row!("send_all", Early, Exact, |s, work| async move {
        let sink = sink::unfold((), move |(), event| work.on(event).map(|_| Ok::<_, ()>(())));
        pin!(sink)
            .send_all(&mut StreamExt::map(s, Ok))
            .await
            .unwrap();
    }),
    row!("a task for each event", Early, Exact, |s, work| s.for_each(
        move |event| {
            tokio::spawn(work.on(event));
            ready(())
        }
    )),
    row!(
        "peekable while an event is in hand",
        Early,
        Exact,
        |s, work| async move {
            let mut s = pin!(StreamExt::peekable(s));
            while let Some(event) = StreamExt::next(&mut s).await {
                let _ = s.as_mut().peek().now_or_never();
                work.on(event).await;
            }
        }
    ),
    // ---- Never poll again -----------------------------------------------------------------------
    row!(
        "holding the stream idle",
        Open,
        Exact,
        |s, work| async move {
            let mut s = s;
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
            pending::<()>().await; // and never polls the stream again
            drop(s);
        }
    ),
    row!(
        "Subscription::ack before going idle",
        implicit: Exact,
        |s, work| async move {
            let mut s: Subscription<_> = s;
            let event = StreamExt::next(&mut s).await.unwrap();
            work.on(event).await;
            s.ack();
            pending::<()>().await;
        }
    ),
    // ---- Separate the event from its acknowledgement --------------------------------------------
    row!("map that acknowledges", deliveries: Early, |s, work| one_by_one(
        StreamExt::map(s, Delivery::ack),
        work
    )),
    row!(
        "map that copies the value out",
        Exact,
        Dropped,
        |s, work| one_by_one(StreamExt::map(s, |event| event.value()), work)
    ),
    row!("what filter filters out", Exact, Dropped, |s, work| {
        let filter = move |event: &_| work.on(Event::value(event)).map(|_| false);
        all_done(StreamExt::filter(s, filter))
    }),
    row!("keeping the item", Exact, Open, |s, work| async move {
        let (mut s, mut kept) = (s, Vec::new());
        while let Some(event) = StreamExt::next(&mut s).await {
            work.on(event.value()).await;
            kept.push(event);
        }
    }),
    // ---- Panic, and the panic is caught ---------------------------------------------------------
    row!(
        "a caught panic, the stream is dropped",
        Dropped,
        Dropped,
        |s, work| {
            let consumer = s.for_each(move |event| work_and_panic(event, work.clone()));
            let caught = AssertUnwindSafe(consumer).catch_unwind();
            caught.map(|result| drop(result.unwrap_err()))
        }
    ),
    // The stream is held outside, and read on.
    row!(
        "a caught panic, the stream is polled again",
        Exact,
        Dropped,
        |s, work| async move {
            let mut s = s;
            loop {
                let consumer = (&mut s).for_each(|event| work_and_panic(event, work.clone()));
                let result = AssertUnwindSafe(consumer).catch_unwind().await;
                result.unwrap_err();
            }
        }
    ),
    row!(
        "a caught panic, the stream is dropped",
        Dropped,
        Dropped,
        |s, work| {
            let consumer = async move {
                let mut s = s;
                while let Some(event) = StreamExt::next(&mut s).await {
                    work_and_panic(event, work.clone()).await;
                }
            };
            let caught = AssertUnwindSafe(consumer).catch_unwind();
            caught.map(|result| drop(result.unwrap_err()))
        }
    ),
    // ---- Acknowledge explicitly -----------------------------------------------------------------
    row!("filter_acked", deliveries: Exact, |s, work| one_by_one(
        s.filter_acked(|_| true),
        work
    )),
    row!("ready_batches", deliveries: Exact, |s, work| {
        one_by_one(s.ready_batches(2), work)
    }),
    // Of the deliveries that are yielded.
    row!("latest", deliveries: Exact, |s, work| one_by_one(
        StreamExt::take(s, 1).latest(),
        work
    )),
    #[cfg(feature = "rt")]
    row!("debounce_acked", deliveries: Exact, |s, work| one_by_one(
        Box::pin(s.debounce_acked(MILLISECOND, |n| *n)),
        work
    )),
    // The first delivery is followed by a second, which is worked on.
    row!("what latest skips", deliveries: Early, |s, work| one_by_one(
        s.chunks(2).flat_map(stream::iter).latest(),
        work
    )),
    #[cfg(feature = "rt")]
    row!("what debounce_acked supersedes", deliveries: Early, |s, work| {
        let quiet = s.debounce_acked(HOUR, |_| ());
        one_by_one(Box::pin(quiet), work)
    }),
    #[cfg(feature = "rt")]
    row!("batches", deliveries: Exact, |s, work| {
        one_by_one(s.batches(9, MILLISECOND), work)
    }),
    #[cfg(feature = "rt")]
    row!("for_each_acked", deliveries: Exact, |s, work| s
        .for_each_acked(2, move |event| work.on(event).map(drop))),
    #[cfg(feature = "rt")]
    row!("for_each_acked", deliveries: Exact, |s, work| s
        .ready_batches(2)
        .for_each_acked(2, move |events: Vec<u32>| work.on(events).map(drop))),
    #[cfg(feature = "rt")]
    row!("retry", deliveries: Exact, |s, work| s
        .try_for_each_acked(2, move |event| work.on(event).map(|_| Ok::<_, String>(())))
        .retry([MILLISECOND])
        .map(drop)),
    // The first try fails.
    #[cfg(feature = "rt")]
    row!("retry", deliveries: Exact, |s, work| {
        let mut tries = 0;
        s.try_for_each_acked(2, move |event| {
            tries += 1;
            let result = if tries == 1 { Err("again") } else { Ok(()) };
            let work = result.is_ok().then(|| work.on(event));
            async move {
                if let Some(work) = work {
                    work.await;
                }
                result
            }
        })
        .retry([MILLISECOND])
        .map(drop)
    }),
    #[cfg(feature = "rt")]
    row!("try_for_each_acked", deliveries: Exact, |s, work| s
        .try_for_each_acked(2, move |event| work.on(event).map(|_| Ok::<_, String>(())))
        .map(drop)),
];
