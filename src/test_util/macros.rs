//! The assertion macros. Each macro expands to a single call, so temporaries in its arguments live
//! as long as the assertion. Each macro panics in its own expansion, so the panic has the caller's
//! line.

/// Asserts that the stream yields an expected item, and returns the item.
///
/// - `assert_next!(stream)` accepts any item.
/// - `assert_next!(stream, expected)` accepts an item that `== expected`.
/// - `assert_next!(stream, matches Pattern)` accepts an item that matches the pattern. Optional are
///   ` if guard`, as in an arm of a `match`, and ` => value`, an expression over the pattern's
///   bindings. The assertion returns the value, or `()`.
///
/// The last two forms accept a message at the end, as `assert_eq!` does. Either await the
/// [`Assertion`], which waits up to 100 ms, or check once with `now()`; see [`test_util`].
///
/// [`Assertion`]: crate::test_util::Assertion
/// [`test_util`]: crate::test_util
///
/// # Panics
/// Panics when awaited or checked: if another item comes, no item comes in time, or the stream
/// ends.
///
/// # Cancel safety
/// An assertion dropped before completion has taken nothing from the stream.
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
/// assert_next!(orders, "tea").now().ack();
/// assert_eq!(orders.unacked(), 0);
/// ```
///
/// A failing assertion:
///
/// ```should_panic
/// # use genevent::EventManager;
/// # use genevent::test_util::assert_next;
/// let manager = EventManager::new(8);
/// let mut orders = manager.subscribe();
/// manager.try_notify("coffee").unwrap();
/// assert_next!(orders, "tea", "at {} o'clock", 5).now();
/// ```
#[doc(hidden)] // Documented at the re-export in `test_util`.
#[macro_export]
macro_rules! assert_next {
    ($stream:expr $(,)?) => {
        $crate::test_util::hidden::next(
            $crate::__genevent_lend!($stream),
            "an item",
            ::core::result::Result::Ok,
            |item| $crate::__genevent_describe!(item),
            |message| $crate::__genevent_fail!(message, "assert_next", $stream),
        )
    };
    (
        $stream:expr,
        matches $pattern:pat $(if $guard:expr)? $(=> $value:expr)? $(, $($message:tt)*)?
    ) => {
        $crate::test_util::hidden::next(
            $crate::__genevent_lend!($stream),
            ::core::concat!(
                "an item matching ",
                ::core::stringify!($pattern)
                $(, " if ", ::core::stringify!($guard))?
            ),
            |item| match item {
                $pattern $(if $guard)? => ::core::result::Result::Ok({ $($value)? }),
                #[allow(unreachable_patterns)]
                other => ::core::result::Result::Err(other),
            },
            |item| $crate::__genevent_describe!(item),
            |message| $crate::__genevent_fail!(message, "assert_next", $stream $(, $($message)*)?),
        )
    };
    ($stream:expr, $expected:expr $(, $($message:tt)*)?) => {
        $crate::test_util::hidden::equal(
            $crate::__genevent_lend!($stream),
            $expected,
            |item, expected| *item == *expected,
            |item| $crate::__genevent_describe!(item),
            |expected| $crate::__genevent_describe!(expected),
            |message| $crate::__genevent_fail!(message, "assert_next", $stream $(, $($message)*)?),
        )
    };
}

/// Asserts that the stream yields nothing, and has not ended.
///
/// An awaited assertion covers 100 ms, and takes as long unless the clock is paused. An assertion
/// checked with `now()` covers only this moment; see [`test_util`](crate::test_util). The macro
/// accepts a message at the end, as `assert!` does.
///
/// # Panics
/// Panics when awaited or checked: if an item comes, which is taken and printed, or the stream
/// ends.
///
/// # Cancel safety
/// An assertion dropped before completion has taken nothing from the stream.
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
/// assert_no_event!(orders).now(); // the stream has ended
/// ```
#[doc(hidden)] // Documented at the re-export in `test_util`.
#[macro_export]
macro_rules! assert_no_event {
    ($stream:expr $(, $($message:tt)*)?) => {
        $crate::test_util::hidden::no_event(
            $crate::__genevent_lend!($stream),
            |item| $crate::__genevent_describe!(item),
            |message| $crate::__genevent_fail!(message, "assert_no_event", $stream $(, $($message)*)?),
        )
    };
}

/// Asserts that the stream ends.
///
/// An awaited assertion waits up to 100 ms for the end. An assertion checked with `now()` accepts
/// only a stream ending at this moment; see [`test_util`](crate::test_util). The macro accepts a
/// message at the end, as `assert!` does.
///
/// # Panics
/// Panics when awaited or checked: if an item comes, which is taken and printed, or the stream does
/// not end in time.
///
/// # Cancel safety
/// An assertion dropped before completion has taken nothing from the stream.
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
/// assert_ended!(orders).now(); // the stream is open
/// ```
#[doc(hidden)] // Documented at the re-export in `test_util`.
#[macro_export]
macro_rules! assert_ended {
    ($stream:expr $(, $($message:tt)*)?) => {
        $crate::test_util::hidden::ended(
            $crate::__genevent_lend!($stream),
            |item| $crate::__genevent_describe!(item),
            |message| $crate::__genevent_fail!(message, "assert_ended", $stream $(, $($message)*)?),
        )
    };
}

/// Borrows a stream, or a `&mut` of a stream, as `StreamExt::next` does.
#[doc(hidden)]
#[macro_export]
macro_rules! __genevent_lend {
    ($stream:expr) => {{
        use $crate::test_util::hidden::Lend as _;
        $stream.lend()
    }};
}

/// Describes an item, which need not be `Debug`. A macro, because method lookup must see the type.
#[doc(hidden)]
#[macro_export]
macro_rules! __genevent_describe {
    ($item:ident) => {{
        #[allow(unused_imports)]
        use $crate::test_util::hidden::DescribeType as _;
        $crate::test_util::hidden::Item($item).describe()
    }};
}

/// Panics at the caller's line, with the caller's message if there is one.
#[doc(hidden)]
#[macro_export]
macro_rules! __genevent_fail {
    ($text:ident, $name:literal, $stream:expr $(,)?) => {
        ::std::panic!("{}!({}){}", $name, ::core::stringify!($stream), $text)
    };
    ($text:ident, $name:literal, $stream:expr, $($message:tt)+) => {
        ::std::panic!(
            "{}!({}): {}{}",
            $name,
            ::core::stringify!($stream),
            ::std::format_args!($($message)+),
            $text
        )
    };
}
