//! Feature `tracing`: what is told, by whose name, and that whoever listens can do no harm.

#[path = "support/drive.rs"]
mod drive;
#[path = "tracing/handlers.rs"]
mod handlers;

use std::cell::Cell;
use std::fmt::{Debug, Write};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drive::{now, read};
use futures::StreamExt;
use genevent::{EventManager, Overflow, SubscribeOptions, handler_fn};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, task};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Level, Metadata, Subscriber};

// ---- Whoever listens ----------------------------------------------------------------------------

type Told = Arc<Mutex<Vec<String>>>;

/// Writes everything down, and then does something.
struct Listener<F> {
    told: Told,
    then: F,
}

/// The message first, then the fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> Listener<F> {
    fn note(&self, line: &str) {
        self.told.lock().unwrap().push(line.to_owned());
        (self.then)(line);
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> Subscriber for Listener<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What tokio tells of itself is not ours to pin.
        metadata.target() == "genevent" || metadata.target().starts_with("tracing")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::default();
        span.record(&mut line);
        self.note(&format!("new {}:{}", span.metadata().name(), line.fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level();
        self.note(&format!("{level} {}:{}", line.message, line.fields));
    }

    fn enter(&self, _: &Id) {
        self.note("enter");
    }

    fn exit(&self, _: &Id) {
        self.note("exit");
    }
}

/// Listens on this thread, and does something whenever it has heard something.
fn listen_and(then: impl Fn(&str) + Send + Sync + 'static) -> (Told, DefaultGuard) {
    let told = Told::default();
    let listener = Listener {
        told: Arc::clone(&told),
        then,
    };
    (told, set_default(listener))
}

fn listen() -> (Told, DefaultGuard) {
    listen_and(|_| {})
}

/// What has been told since the last look.
fn news(told: &Told) -> Vec<String> {
    std::mem::take(&mut *told.lock().unwrap())
}

/// As `news`, of this level alone.
fn news_at(told: &Told, level: Level) -> Vec<String> {
    let mut news = news(told);
    news.retain(|line| line.starts_with(level.as_str()));
    news
}

fn orders<E: Send + Sync + 'static>(capacity: usize) -> EventManager<E> {
    let builder = EventManager::builder().name("orders");
    builder.capacity(capacity).build()
}

fn named(name: &str) -> SubscribeOptions {
    SubscribeOptions::new().name(name)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Neither `Debug` nor anything else but `Clone`: an event cannot be formatted.
#[derive(Clone)]
struct Opaque;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as a filter is called")]
fn is_odd(n: &u8) -> bool {
    n % 2 == 1
}

// ---- What is told -------------------------------------------------------------------------------

#[test]
fn who_joins_and_who_leaves_is_told_and_why() {
    let (told, _listening) = listen();
    let manager = orders::<Opaque>(4);
    let (kitchen, line) = (manager.subscribe_with(named("kitchen")), line!());
    let at = format!("{}:{line}:36", file!());
    assert_eq!(
        news(&told),
        [format!(
            "DEBUG subscribed: manager=\"orders\" subscriber=1 name=\"kitchen\" \
             kind=Stream at={at} overflow=Wait window=4"
        )]
    );

    drop(kitchen);
    let left = "DEBUG left: manager=\"orders\" subscriber";
    assert_eq!(
        news(&told),
        [format!(
            "{left}=1 name=\"kitchen\" why=\"its stream was dropped\""
        )]
    );

    let cut = manager.subscribe();
    manager.disconnect(cut.id());
    assert_eq!(
        news(&told)[1..],
        [format!("{left}=2 why=\"disconnected on request\"")]
    );
    assert!(!manager.disconnect(cut.id()));
    drop(cut);
    assert_eq!(news(&told), [""; 0], "it had left before");

    let mut last = manager.subscribe();
    manager.close();
    assert!(read(&mut last).is_none());
    drop((last, manager.subscribe()));
    assert_eq!(
        news(&told)[1..],
        [format!("{left}=3 why=\"the event manager is closed\"")]
    );
}

#[test]
fn every_event_is_told_of_by_its_number_and_what_became_of_it() {
    let (told, _listening) = listen();
    let manager = orders(4);
    let published = "TRACE published: manager=\"orders\" seq";
    manager.try_notify(Opaque).unwrap();
    assert_eq!(news(&told), [format!("{published}=1 subscribers=0")]);
    let mut reader = manager.subscribe();
    news(&told);
    now(manager.notify(Opaque)).unwrap();
    now(manager.reserve()).unwrap().notify(Opaque);
    let mut done = task::spawn(manager.sync_notify(Opaque));
    assert_pending!(done.poll());
    assert_eq!(
        news(&told),
        [2, 3, 4].map(|seq| format!("{published}={seq} subscribers=1"))
    );
    for _ in 0..3 {
        assert!(read(&mut reader).is_some());
    }
    assert_eq!(news(&told), [""; 0], "reading is not told of");
    reader.ack();
    assert_ready!(done.poll()).unwrap();
    assert_eq!(
        news(&told),
        ["TRACE settled: manager=\"orders\" seq=4 acked=1 dropped=0"]
    );
}

#[test]
fn what_a_subscriber_loses_and_its_being_cut_off_for_that_is_told() {
    let (told, _listening) = listen();
    let manager = orders(1);
    let screen = manager.subscribe_with(named("screen").overflow(Overflow::DropOldest));
    let replica = manager.subscribe_with(named("replica").overflow(Overflow::Disconnect));
    manager.try_notify(Opaque).unwrap();
    news(&told);
    manager.try_notify(Opaque).unwrap();
    let mut debug = news_at(&told, Level::DEBUG);
    debug.sort();
    assert_eq!(
        debug,
        [
            "DEBUG left: manager=\"orders\" subscriber=2 name=\"replica\" \
             why=\"disconnected: its window was full\"",
            "DEBUG lost an event: manager=\"orders\" subscriber=1 name=\"screen\" seq=1 missed=1",
        ]
    );
    drop((screen, replica));
}

#[test]
fn a_filtered_subscription_is_told_of_as_any_other() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(4);
    let (odd, line) = (manager.subscribe_where_with(named("odd"), is_odd), line!());
    let at = format!("{}:{line}:32", file!());
    let subscribed = news(&told);
    assert_eq!(
        subscribed,
        [format!(
            "DEBUG subscribed: manager=\"orders\" subscriber=1 name=\"odd\" \
             kind=Filtered at={at} overflow=Wait window=4"
        )]
    );
    drop(odd);
    let left = "DEBUG left: manager=\"orders\" subscriber";
    assert_eq!(
        news(&told),
        [format!(
            "{left}=1 name=\"odd\" why=\"its stream was dropped\""
        )]
    );

    let mut last = manager.subscribe_where(is_odd);
    manager.close();
    assert!(now(last.next()).is_none());
    drop((last, manager.subscribe_where(is_odd)));
    assert_eq!(
        news(&told)[1..],
        [format!("{left}=2 why=\"the event manager is closed\"")],
        "once, and nothing of one that came too late"
    );
}

#[test]
fn why_a_filtered_subscription_does_not_count_any_more_is_told_once() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(1);
    let left = "DEBUG left: manager=\"orders\" subscriber";

    let cut = manager.subscribe_where(is_odd);
    news(&told);
    assert!(manager.disconnect(cut.id()));
    assert!(!manager.disconnect(cut.id()));
    drop(cut);
    let requested = format!("{left}=1 why=\"disconnected on request\"");
    assert_eq!(news(&told), [requested]);

    let full = manager.subscribe_where_with(Overflow::Disconnect, is_odd);
    manager.try_notify(1).unwrap();
    news(&told);
    manager.try_notify(2).unwrap();
    manager.try_notify(3).unwrap();
    manager.try_notify(5).unwrap();
    drop(full);
    let overflow = format!("{left}=2 why=\"disconnected: its window was full\"");
    assert_eq!(news_at(&told, Level::DEBUG), [overflow]);

    let mut broken = manager.subscribe_map(|_: &u8| -> Option<u8> { resume_unwind(Box::new(())) });
    news(&told);
    manager.try_notify(7).unwrap();
    manager.try_notify(9).unwrap();
    assert!(now(broken.next()).is_none());
    drop(broken);
    let panicked = format!("{left}=3 why=\"disconnected: its filter panicked\"");
    assert_eq!(news_at(&told, Level::DEBUG), [panicked]);
}

#[test]
fn what_a_filtered_subscription_loses_is_told_by_its_number() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(2);
    let odd = manager.subscribe_where_with(named("odd").overflow(Overflow::DropOldest), is_odd);
    for n in 1..=4 {
        manager.try_notify(n).unwrap();
    }
    news(&told);
    let lost = "DEBUG lost an event: manager=\"orders\" subscriber=1 name=\"odd\" seq";
    manager.try_notify(5).unwrap();
    assert_eq!(news_at(&told, Level::DEBUG), [format!("{lost}=1 missed=1")]);
    manager.try_notify(7).unwrap();
    assert_eq!(news_at(&told, Level::DEBUG), [format!("{lost}=3 missed=2")]);
    assert_eq!((odd.pending(), odd.missed()), (2, 2));
}

#[test]
fn each_loss_is_told_with_the_count_of_its_own_moment() {
    thread_local!(static BUSY: Cell<bool> = const { Cell::new(false) });

    let manager = orders::<u8>(1);
    let [first, second] = ["first", "second"]
        .map(|name| manager.subscribe_with(named(name).overflow(Overflow::DropOldest)));
    let filtered = named("filtered").overflow(Overflow::DropOldest);
    let filtered = manager.subscribe_where_with(filtered, is_odd);
    manager.try_notify(1).unwrap();
    let weak = manager.downgrade();
    // Told of the first loss, it makes all of them lose one more before it hears of the others. Of
    // that it hears nothing: `tracing` keeps from it what it does while it is told.
    let (told, _listening) = listen_and(move |line| {
        if line.starts_with("DEBUG lost") && !BUSY.replace(true) {
            weak.upgrade().unwrap().try_notify(5).unwrap();
        }
    });
    manager.try_notify(3).unwrap();
    let mut lost = news_at(&told, Level::DEBUG);
    for line in &mut lost {
        *line = line.split_off(line.find("subscriber=").unwrap());
    }
    lost.sort();
    let expected = [
        "1 name=\"first\"",
        "2 name=\"second\"",
        "3 name=\"filtered\"",
    ];
    let expected = expected.map(|who| format!("subscriber={who} seq=1 missed=1"));
    assert_eq!(lost, expected);
    assert_eq!([first.missed(), second.missed(), filtered.missed()], [2; 3]);
    drop((first, second, filtered));
}

#[tokio::test]
async fn what_is_in_a_name_or_in_a_panic_message_forges_no_line() {
    const EVIL: &str = "x\nWARN forged: \u{1b}[31m\"quoted\"";
    const SHOWN: &str = r#""x\nWARN forged: \u{1b}[31m\"quoted\"""#;

    let (told, _listening) = listen();
    let manager = EventManager::<u8>::builder().name(EVIL).capacity(1).build();
    drop(manager.subscribe_with(named(EVIL)));
    let screen = manager.subscribe_with(named(EVIL).overflow(Overflow::DropOldest));
    let bad = handler_fn(|n: &u8| assert!(*n > 1, "{EVIL}"));
    manager.add_handler(EVIL, bad).unwrap();
    manager.try_notify(1).unwrap();
    tokio::task::yield_now().await;
    manager.try_notify(2).unwrap();
    let all = news(&told);
    for line in &all {
        assert!(!line.contains(char::is_control), "{line}");
        assert!(!line.contains("manager=") || line.contains(&format!("manager={SHOWN}")));
    }
    let stopped = format!(
        "WARN handler stopped: manager={SHOWN} handler={SHOWN} why=\"it panicked: {}",
        &SHOWN[1..]
    );
    assert!(all.contains(&stopped), "{all:?}");
    assert!(all.iter().any(|line| line.starts_with("DEBUG lost")));
    drop(screen);
}

#[tokio::test]
async fn a_handler_is_told_of_from_its_beginning_to_its_end() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(4);
    let picky = handler_fn(|n: &u8| assert!(*n < 3, "too much"));
    manager.add_handler("picky", picky).unwrap();
    let begun = news(&told);
    assert!(begun[0].contains("name=\"picky\" kind=Handler at=tests/tracing.rs:"));
    assert_eq!(
        begun[1..],
        ["new handler: manager=\"orders\" subscriber=1 name=\"picky\""]
    );
    assert_eq!(manager.sync_notify(3).await.unwrap().dropped(), 1);
    tokio::task::yield_now().await;
    let stopped: Vec<_> = news(&told)
        .into_iter()
        .filter(|line| line.contains("stopped") || line.contains("left"))
        .collect();
    assert_eq!(
        stopped,
        [
            "DEBUG left: manager=\"orders\" subscriber=1 name=\"picky\" \
             why=\"no handler reads it any more\"",
            "WARN handler stopped: manager=\"orders\" handler=\"picky\" \
             why=\"it panicked: too much\"",
        ]
    );
}

#[tokio::test]
async fn the_end_of_a_handler_is_told_with_its_reason_also_in_a_group() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(4);
    let group = manager.handler_group("metrics").unwrap();
    let hits = handler_fn(|_: &u8| ());
    let hits = group.add_handler("hits", hits).unwrap();
    let hits = hits.swap(|_| handler_fn(|_: &u8| ())).await.unwrap();
    hits.remove().await.unwrap();
    manager.stop().await.unwrap();
    let mut ends = news(&told);
    ends.retain(|line| line.contains("stopped"));
    assert_eq!(
        ends,
        [
            ("hits", "another handler has taken its place"),
            ("hits", "it was removed"),
            ("metrics", "the event manager is closed"),
        ]
        .map(|(name, why)| format!(
            "DEBUG handler stopped: manager=\"orders\" handler=\"{name}\" why=\"{why}\""
        ))
    );
}

#[tokio::test]
async fn what_a_handler_tells_itself_is_told_inside_of_its_span() {
    let (told, _listening) = listen();
    let manager = orders::<u8>(4);
    let chatty = handler_fn(|n: &u8| tracing::info!(n, "handled"));
    manager.add_handler("chatty", chatty).unwrap();
    manager.sync_notify(7).await.unwrap();
    let all = news(&told);
    let at = all.iter().position(|line| line == "INFO handled: n=7");
    let at = at.expect("it is told");
    assert_eq!((&*all[at - 1], &*all[at + 1]), ("enter", "exit"), "{all:?}");
}

// ---- The warning --------------------------------------------------------------------------------

fn warned(after: Duration) -> EventManager<Opaque> {
    let builder = EventManager::builder().name("orders").capacity(1);
    builder.warn_after(after).build()
}

/// The text of a warning, for so many publishers, after so long, of a subscriber from `line`.
fn warning(subscriber: &str, line: &str, held: &str, waiting: usize) -> String {
    format!(
        "WARN a subscriber holds publishers up: manager=\"orders\" subscriber={subscriber} \
         at={line} unread=1 window=1 held={held} waiting={waiting}"
    )
}

#[tokio::test(start_paused = true)]
async fn one_that_holds_publishers_for_too_long_is_warned_of_once_for_each_time() {
    let (told, _listening) = listen();
    let manager = warned(secs(5));
    let mut slow = manager.subscribe_with(named("slow"));
    let line = manager.subscribers()[0].created_at().to_string();
    manager.try_notify(Opaque).unwrap();
    advance(secs(60)).await;
    let mut first = task::spawn(manager.notify(Opaque));
    let mut second = task::spawn(manager.notify(Opaque));
    assert_pending!(first.poll());
    assert_pending!(second.poll());

    advance(Duration::from_millis(4_999)).await;
    assert!(!first.is_woken());
    advance(Duration::from_millis(1)).await;
    assert!(first.is_woken(), "without anybody else's doing");
    assert_eq!(news_at(&told, Level::WARN), [""; 0]);
    assert_pending!(first.poll());
    assert_eq!(
        news_at(&told, Level::WARN),
        [warning("1 name=\"slow\"", &line, "5s", 2)]
    );
    advance(secs(100)).await;
    assert_pending!(first.poll());
    assert_eq!(news_at(&told, Level::WARN), [""; 0], "once");

    assert!(read(&mut slow).is_some());
    assert_ready!(first.poll()).unwrap();
    assert_pending!(second.poll());
    advance(secs(5)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    assert_eq!(
        news_at(&told, Level::WARN),
        [warning("1 name=\"slow\"", &line, "5s", 1)],
        "and once more"
    );
}

#[tokio::test(start_paused = true)]
async fn after_no_time_at_all_it_is_warned_of_at_once() {
    let (told, _listening) = listen();
    let manager = warned(Duration::ZERO);
    let slow = manager.subscribe();
    let line = manager.subscribers()[0].created_at().to_string();
    manager.try_notify(Opaque).unwrap();
    assert!(manager.try_notify(Opaque).is_err());
    assert_eq!(news_at(&told, Level::WARN), [""; 0], "nobody waits");
    let mut waits = task::spawn(manager.notify(Opaque));
    assert_pending!(waits.poll());
    assert_eq!(news_at(&told, Level::WARN), [warning("1", &line, "0ns", 1)]);
    drop(slow);
    assert_ready!(waits.poll()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_in_time_is_not_warned_of() {
    let (told, _listening) = listen();
    let manager = warned(secs(5));
    let mut slow = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    for _ in 0..3 {
        let mut waits = task::spawn(manager.notify(Opaque));
        assert_pending!(waits.poll());
        advance(secs(4)).await;
        assert!(read(&mut slow).is_some());
        assert_ready!(waits.poll()).unwrap();
    }
    assert_eq!(news_at(&told, Level::WARN), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_warning_comes_although_the_publisher_at_the_head_gives_up() {
    let (told, _listening) = listen();
    let manager = warned(secs(5));
    let slow = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    let mut first = task::spawn(manager.notify(Opaque));
    assert_pending!(first.poll());
    let mut second = task::spawn(manager.reserve());
    assert_pending!(second.poll());
    advance(secs(3)).await;
    drop(first);
    assert!(second.is_woken(), "to set an alarm of its own");
    assert_pending!(second.poll());
    advance(secs(2)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    assert_eq!(news_at(&told, Level::WARN).len(), 1);
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn one_with_limited_patience_is_warned_of_before_it_is_cut_off() {
    let (told, _listening) = listen();
    let manager = warned(secs(2));
    let stuck = manager.subscribe_with(Overflow::WaitAtMost(secs(5)));
    let line = manager.subscribers()[0].created_at().to_string();
    manager.try_notify(Opaque).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(manager.notify(Opaque).await.unwrap(), 0);
    assert_eq!(start.elapsed(), secs(5));
    let told = news(&told);
    let at = |line: &str| told.iter().position(|told| told == line);
    let cut = "DEBUG left: manager=\"orders\" subscriber=1 \
               why=\"disconnected: it made publishers wait for too long\"";
    assert!(at(&warning("1", &line, "2s", 1)) < at(cut), "{told:?}");
    assert!(at(cut).is_some());
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn each_that_is_in_the_way_is_warned_of_by_its_own_time() {
    let (told, _listening) = listen();
    let manager = warned(secs(5));
    let mut one = manager.subscribe_with(named("one"));
    let other = manager.subscribe_with(named("other"));
    manager.try_notify(Opaque).unwrap();
    let mut waits = task::spawn(manager.notify(Opaque));
    assert_pending!(waits.poll());
    advance(secs(3)).await;
    assert!(read(&mut one).is_some());
    advance(secs(2)).await;
    assert_pending!(waits.poll());
    let warnings = news_at(&told, Level::WARN);
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("name=\"other\""));
    drop(other);
    assert_ready!(waits.poll()).unwrap();
}

/// One that wants odd numbers and has no room for another, and one publisher of an odd number
/// behind one of an even number; the first in line is in the way of nobody.
#[tokio::test(start_paused = true)]
async fn a_filtered_one_that_steps_aside_and_comes_back_is_warned_of_once() {
    let (told, _listening) = listen();
    let builder = EventManager::<u8>::builder().name("orders").capacity(1);
    let manager = builder.warn_after(secs(5)).build();
    let mut odd = manager.subscribe_where_with(named("odd"), is_odd);
    let mut all = manager.subscribe_with(named("all"));
    manager.try_notify(1).unwrap();

    // In the way for 3 s, aside for 1 s, in the way again.
    let mut first = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    advance(secs(3)).await;
    drop(first);
    assert!(read(&mut all).is_some());
    advance(secs(1)).await;
    assert_eq!(manager.stats().in_the_way().count(), 0, "aside");
    let mut second = task::spawn(manager.notify(5));
    assert_pending!(second.poll());
    let held = |manager: &EventManager<u8>| manager.subscribers()[0].holding();
    assert_eq!(held(&manager), Some(secs(4)), "its time went on");
    advance(Duration::from_millis(999)).await;
    assert_pending!(second.poll());
    assert_eq!(news_at(&told, Level::WARN), [""; 0]);
    advance(Duration::from_millis(1)).await;
    assert!(second.is_woken());
    assert_pending!(second.poll());
    let warnings = news_at(&told, Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("name=\"odd\"") && warnings[0].contains("held=5s"));

    // Warned of, aside, and back: no second.
    drop(second);
    let mut third = task::spawn(manager.notify(7));
    assert_pending!(third.poll());
    advance(secs(60)).await;
    assert_pending!(third.poll());
    assert_eq!(held(&manager), Some(secs(65)));
    assert_eq!(news_at(&told, Level::WARN), [""; 0], "once");

    // It takes one: time starts anew, and with it the warning.
    assert_eq!(now(odd.next()), Some(1));
    assert_ready!(third.poll()).unwrap();
    assert!(read(&mut all).is_some());
    let mut fourth = task::spawn(manager.notify(9));
    assert_pending!(fourth.poll());
    assert_eq!(held(&manager), Some(Duration::ZERO));
    advance(secs(5)).await;
    assert!(fourth.is_woken());
    assert_pending!(fourth.poll());
    let again = news_at(&told, Level::WARN);
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].contains("held=5s"));
}

#[tokio::test(start_paused = true)]
async fn one_whose_time_comes_while_it_is_aside_is_warned_of_when_it_is_back() {
    let (told, _listening) = listen();
    let manager = EventManager::<u8>::builder().capacity(1);
    let manager = manager.warn_after(secs(5)).build();
    let odd = manager.subscribe_where(is_odd);
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    drop(first);
    advance(secs(60)).await;
    manager.try_notify(2).unwrap();
    assert_eq!(news_at(&told, Level::WARN), [""; 0], "nobody waits for it");
    let mut second = task::spawn(manager.notify(5));
    assert_pending!(second.poll());
    let warnings = news_at(&told, Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("held=60s") && warnings[0].contains("waiting=1"));
    drop(odd);
}

#[tokio::test(start_paused = true)]
async fn the_patience_with_a_filtered_one_does_not_start_anew_when_it_steps_aside() {
    let (told, _listening) = listen();
    let manager = EventManager::<u8>::builder().name("orders").capacity(1);
    let manager = manager.warn_after(secs(2)).build();
    let odd = manager.subscribe_where_with(Overflow::WaitAtMost(secs(5)), is_odd);
    manager.try_notify(1).unwrap();
    let mut first = task::spawn(manager.notify(3));
    assert_pending!(first.poll());
    advance(secs(3)).await;
    assert_pending!(first.poll());
    assert_eq!(news_at(&told, Level::WARN).len(), 1);
    drop(first);
    manager.try_notify(2).unwrap();
    advance(secs(1)).await;
    let mut second = task::spawn(manager.notify(5));
    assert_pending!(second.poll());
    advance(Duration::from_millis(999)).await;
    assert!(!second.is_woken());
    assert_pending!(second.poll());
    advance(Duration::from_millis(1)).await;
    assert!(second.is_woken(), "after 5 s in all");
    assert_eq!(assert_ready!(second.poll()), Ok(0));
    let mut told = news(&told);
    told.retain(|line| !line.starts_with("TRACE"));
    assert_eq!(
        told,
        ["DEBUG left: manager=\"orders\" subscriber=1 \
          why=\"disconnected: it made publishers wait for too long\""]
    );
    drop(odd);
}

// ---- Whoever listens can do no harm -------------------------------------------------------------

/// A round of everything that is told of, and that all of it keeps its promises meanwhile.
async fn keeps_its_promises(manager: &EventManager<u8>) {
    let mut slow = manager.subscribe_with(named("slow"));
    let screen = manager.subscribe_with(Overflow::DropOldest);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let handler = handler_fn(move |n: &u8| {
        log.lock().unwrap().push(*n);
        assert!(*n != 3, "a bad number");
    });
    let handler = manager.add_handler("log", handler).unwrap();

    let receipt = {
        let mut done = task::spawn(manager.sync_notify(1));
        assert_pending!(done.poll());
        let mut waits = task::spawn(manager.notify(2));
        assert_pending!(waits.poll());
        advance(secs(60)).await;
        assert_pending!(waits.poll());
        assert_eq!(slow.next().await, Some(1));
        assert_eq!(waits.await, Ok(3));
        assert_eq!(slow.next().await, Some(2));
        slow.ack();
        done.await.unwrap()
    };
    assert_eq!(receipt.acked(), 2, "the slow one, and the handler");
    assert_eq!(receipt.dropped_by(), [screen.id()], "it lost it");
    assert_eq!(screen.missed(), 1);

    drop(slow);
    assert!(manager.disconnect(screen.id()));
    let receipt = manager.sync_notify(3).await.unwrap();
    assert_eq!(receipt.dropped(), 1, "the handler panicked over it");
    assert_eq!(
        handler.stopped().await.to_string(),
        "it panicked: a bad number"
    );
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    manager.stop().await.unwrap();
    assert_eq!(manager.stats().published(), 3);
}

fn for_everything() -> EventManager<u8> {
    let builder = EventManager::builder().capacity(1);
    builder.warn_after(secs(1)).build()
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_may_panic_whenever_it_is_called() {
    // Where it panics over a new span, it is not called for that span again.
    for but in ["nothing", "new handler"] {
        let (told, _listening) = listen_and(move |line| {
            if !line.starts_with(but) {
                resume_unwind(Box::new("it cannot stand it"));
            }
        });
        keeps_its_promises(&for_everything()).await;
        let all = news(&told);
        let has = |what: &str| all.iter().any(|line| line.starts_with(what));
        assert!(has("TRACE published") && has("TRACE settled"), "{all:?}");
        assert!(has("DEBUG left") && has("DEBUG lost") && has("WARN"));
        assert_eq!(has("enter") && has("exit"), but == "new handler");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_may_call_back_into_the_manager() {
    thread_local!(static BUSY: Cell<bool> = const { Cell::new(false) });

    let manager = for_everything();
    let weak = manager.downgrade();
    let other = manager.subscribe_with(Overflow::DropOldest);
    let (told, _listening) = listen_and(move |_| {
        // What it does is told, too.
        if BUSY.replace(true) {
            return;
        }
        if let Some(manager) = weak.upgrade() {
            let stats = manager.stats();
            assert!(stats.published() <= 3);
            let visitor = manager.subscribe_with(Overflow::Disconnect);
            assert!(manager.disconnect(visitor.id()) || manager.is_closed());
            let _ = manager.which_handlers();
        }
        BUSY.set(false);
    });
    drop(other);
    keeps_its_promises(&manager).await;
    assert!(news(&told).len() > 10);
}

#[test]
fn whoever_listens_may_close_the_manager_publish_and_drop_subscriptions() {
    // At each thing that is told of, one after the other.
    for stop in 0..11 {
        let manager = orders::<u8>(1);
        let kept = Mutex::new(None);
        let weak = manager.downgrade();
        let count = AtomicUsize::new(0);
        let (told, _listening) = listen_and(move |_| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            let Some(manager) = weak.upgrade().filter(|_| n == stop) else {
                return;
            };
            let all = manager.subscribe();
            let former = kept
                .lock()
                .unwrap()
                .replace(manager.subscribe_where(is_odd));
            drop(former);
            manager.try_notify(1).ok();
            drop(all);
            manager.close();
        });
        let odd = manager.subscribe_where_with(Overflow::DropOldest, is_odd);
        let mut all = manager.subscribe_with(Overflow::Disconnect);
        let broken = manager.subscribe_map(|n: &u8| -> Option<u8> {
            (*n == 1).then(|| resume_unwind(Box::new("it breaks")))
        });
        for n in [1, 3, 5] {
            manager.try_notify(n).ok();
        }
        while read(&mut all).is_some() {}
        drop((odd, all, broken));
        assert!(manager.is_closed(), "at {stop}: {:?}", news(&told));
        assert!(manager.stats().published() <= 4);
    }
}

#[test]
fn nobody_need_listen() {
    let manager = orders(1);
    let reader = manager.subscribe();
    manager.try_notify(Opaque).unwrap();
    assert_eq!(reader.pending(), 1);
}
