//! The assertions as they are written. They expand to one call each: what they are given lives as
//! long as the assertion, and a panic has the line of whoever wrote it.

/// Asserts that the stream yields an item as expected, and gives it.
///
/// - `assert_next!(stream)`: any item.
/// - `assert_next!(stream, expected)`: one that `== expected`.
/// - `assert_next!(stream, matches Pattern)`: one that matches; with ` if guard` as an arm of a
///   `match`, and with ` => value` made of what the pattern has bound. It gives the value, or `()`.
///
/// The last two take a message at the end, as `assert_eq!`. The [`Assertion`] is to be awaited, which
/// waits up to 100 ms, or asked with `now()`; see [`test_util`].
///
/// [`Assertion`]: crate::test_util::Assertion
/// [`test_util`]: crate::test_util
///
/// # Panics
/// When it is awaited or asked: if another item comes, none in time, or the end.
///
/// # Cancel safety
/// Dropped before it is ready, it has taken nothing from the stream.
///
/// # Examples
/// ```
/// use genevent::EventManager;
/// use genevent::test_util::assert_next;
///
/// #[derive(Clone, Debug, PartialEq)]
/// enum Order {
///     Tea { cups: u32 },
///     Bill,
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let mut orders = manager.subscribe();
/// tokio::spawn(async move {
///     for order in [Order::Tea { cups: 2 }, Order::Tea { cups: 1 }, Order::Bill] {
///         manager.notify(order).await.unwrap();
///     }
/// });
///
/// assert_next!(orders, Order::Tea { cups: 2 }).await;
/// let cups = assert_next!(orders, matches Order::Tea { cups } if cups < 2 => cups).await;
/// assert_eq!(cups, 1);
/// assert_eq!(assert_next!(orders, matches bill @ Order::Bill => bill).await, Order::Bill);
/// # }
/// ```
///
/// With deliveries, and without a runtime:
///
/// ```
/// use genevent::EventManager;
/// use genevent::test_util::assert_next;
///
/// let manager = EventManager::new(8);
/// let mut orders = manager.subscribe().deliveries();
/// manager.try_notify("tea").unwrap();
/// assert_next!(orders, matches order if *order == "tea" => order.ack()).now();
/// assert_eq!(orders.unacked(), 0);
/// ```
///
/// One that fails:
///
/// ```should_panic
/// # use genevent::EventManager;
/// # use genevent::test_util::assert_next;
/// let manager = EventManager::new(8);
/// let mut orders = manager.subscribe();
/// manager.try_notify("coffee").unwrap();
/// assert_next!(orders, "tea", "at {} o'clock", 5).now();
/// ```
#[doc(hidden)] // Shown where it is used from, in `test_util`.
#[macro_export]
macro_rules! assert_next {
    ($stream:expr $(,)?) => {
        $crate::test_util::hidden::next(
            $crate::__genevent_lent!($stream),
            "an item",
            ::core::result::Result::Ok,
            |item| $crate::__genevent_shown!(item),
            |told| $crate::__genevent_fail!(told, "assert_next", $stream),
        )
    };
    (
        $stream:expr,
        matches $pattern:pat $(if $guard:expr)? $(=> $value:expr)? $(, $($message:tt)*)?
    ) => {
        $crate::test_util::hidden::next(
            $crate::__genevent_lent!($stream),
            ::core::concat!(
                "what matches ",
                ::core::stringify!($pattern)
                $(, " if ", ::core::stringify!($guard))?
            ),
            |item| match item {
                $pattern $(if $guard)? => ::core::result::Result::Ok({ $($value)? }),
                #[allow(unreachable_patterns)]
                other => ::core::result::Result::Err(other),
            },
            |item| $crate::__genevent_shown!(item),
            |told| $crate::__genevent_fail!(told, "assert_next", $stream $(, $($message)*)?),
        )
    };
    ($stream:expr, $expected:expr $(, $($message:tt)*)?) => {
        $crate::test_util::hidden::equal(
            $crate::__genevent_lent!($stream),
            $expected,
            |item, expected| *item == *expected,
            |item| $crate::__genevent_shown!(item),
            |expected| $crate::__genevent_shown!(expected),
            |told| $crate::__genevent_fail!(told, "assert_next", $stream $(, $($message)*)?),
        )
    };
}

/// Asserts that the stream yields nothing, and has not ended.
///
/// Awaited, for 100 ms: so long it takes where the clock is not a paused one. Asked with `now()`,
/// at this moment; see [`test_util`](crate::test_util). It takes a message at the end, as
/// `assert!`.
///
/// # Panics
/// When it is awaited or asked: if there is an item, which is taken and shown, or the end.
///
/// # Cancel safety
/// Dropped before it is ready, it has taken nothing from the stream.
///
/// # Examples
/// ```
/// use genevent::EventManager;
/// use genevent::test_util::{assert_next, assert_no_event};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::new(8);
/// let mut orders = manager.subscribe();
/// assert_no_event!(orders).await;
/// manager.notify("tea").await.unwrap();
/// assert_eq!(assert_next!(orders).await, "tea", "nothing was consumed");
/// # }
/// ```
///
/// ```should_panic
/// # use genevent::EventManager;
/// # use genevent::test_util::assert_no_event;
/// let manager = EventManager::<u8>::new(8);
/// let mut orders = manager.subscribe();
/// manager.close();
/// assert_no_event!(orders).now(); // it has ended
/// ```
#[doc(hidden)] // Shown where it is used from, in `test_util`.
#[macro_export]
macro_rules! assert_no_event {
    ($stream:expr $(, $($message:tt)*)?) => {
        $crate::test_util::hidden::pending(
            $crate::__genevent_lent!($stream),
            |item| $crate::__genevent_shown!(item),
            |told| $crate::__genevent_fail!(told, "assert_no_event", $stream $(, $($message)*)?),
        )
    };
}

/// Asserts that the stream ends.
///
/// Awaited, within 100 ms; asked with `now()`, at this moment; see
/// [`test_util`](crate::test_util). It takes a message at the end, as `assert!`.
///
/// # Panics
/// When it is awaited or asked: if there is an item, which is taken and shown, or no end in time.
///
/// # Cancel safety
/// Dropped before it is ready, it has taken nothing from the stream.
///
/// # Examples
/// ```
/// use genevent::{EndReason, EventManager};
/// use genevent::test_util::assert_ended;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let manager = EventManager::<u8>::new(8);
/// let mut orders = manager.subscribe();
/// tokio::spawn(async move { manager.stop().await });
/// assert_ended!(orders).await;
/// assert_eq!(orders.end_reason(), Some(EndReason::Closed));
/// # }
/// ```
///
/// ```should_panic
/// # use genevent::EventManager;
/// # use genevent::test_util::assert_ended;
/// let manager = EventManager::<u8>::new(8);
/// let mut orders = manager.subscribe();
/// assert_ended!(orders).now(); // it is open
/// ```
#[doc(hidden)] // Shown where it is used from, in `test_util`.
#[macro_export]
macro_rules! assert_ended {
    ($stream:expr $(, $($message:tt)*)?) => {
        $crate::test_util::hidden::ended(
            $crate::__genevent_lent!($stream),
            |item| $crate::__genevent_shown!(item),
            |told| $crate::__genevent_fail!(told, "assert_ended", $stream $(, $($message)*)?),
        )
    };
}

/// As `next()` of `StreamExt` takes it: a stream, or a `&mut` of one.
#[doc(hidden)]
#[macro_export]
macro_rules! __genevent_lent {
    ($stream:expr) => {{
        use $crate::test_util::hidden::Lend as _;
        $stream.lend()
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __genevent_shown {
    ($item:ident) => {{
        #[allow(unused_imports)]
        use $crate::test_util::hidden::{Opaque as _, WithDebug as _};
        (&$crate::test_util::hidden::Shown($item)).shown()
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __genevent_fail {
    ($told:ident, $name:literal, $stream:expr $(,)?) => {
        ::std::panic!("{}!({}){}", $name, ::core::stringify!($stream), $told)
    };
    ($told:ident, $name:literal, $stream:expr, $($message:tt)+) => {
        ::std::panic!(
            "{}!({}): {}{}",
            $name,
            ::core::stringify!($stream),
            ::std::format_args!($($message)+),
            $told
        )
    };
}
