//! The streams, futures, sinks and deliveries that the model polls by hand.

mod calls;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::stream::FusedStream;
use futures::{Sink, Stream};
use genevent::error::{FollowUpError, TryNextError};
use genevent::future::Disconnected;
use genevent::{
    Ack, Deliveries, Delivery, EndReason, EventSink, Filtered, Received, SubscriberId,
    Subscription, SyncSink, WithMissed,
};
use proptest::prelude::*;

pub(crate) use self::calls::{Called, with_steps};
use super::Checked;
use super::ops::Which;
use super::payload::Payload;
use super::reference::Item;

/// Counts its wakeups.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two wakers of one future or stream; the waker of the last poll must be called.
#[derive(Default)]
pub(crate) struct Wakers {
    alarms: [Arc<Alarm>; 2],
    pub(crate) last: Which,
}

impl Wakers {
    /// Prepares a poll: from here on, wakeups are counted from zero.
    pub(crate) fn set(&mut self, which: Which) -> Waker {
        self.last = which;
        for alarm in &self.alarms {
            alarm.0.store(0, Ordering::Relaxed);
        }
        Waker::from(Arc::clone(&self.alarms[usize::from(which)]))
    }

    /// Requires an exact match unless time has passed since the last poll.
    pub(crate) fn check_in_time(&self, woken: bool, exactly: bool) -> Checked {
        if exactly {
            return self.check(woken);
        }
        let count = self.alarms[usize::from(self.last)]
            .0
            .load(Ordering::Relaxed);
        prop_assert!(count >= usize::from(woken), "it was not woken");
        Ok(())
    }

    pub(crate) fn check(&self, woken: bool) -> Checked {
        let [first, second] = &self.alarms;
        let count = (
            first.0.load(Ordering::Relaxed),
            second.0.load(Ordering::Relaxed),
        );
        let woken = usize::from(woken);
        let expected = if self.last { (0, woken) } else { (woken, 0) };
        prop_assert_eq!(count, expected, "calls of its first and second waker");
        Ok(())
    }
}

pub(crate) enum Events {
    Plain(Subscription<Payload>),
    WithMissed(WithMissed<Payload>),
    Deliveries(Deliveries<Payload>),
    Filtered(Filtered<u64>),
    FilteredWithMissed(WithMissed<u64, Filtered<u64>>),
    FilteredDeliveries(Deliveries<u64, Filtered<u64>>),
    Keyed(Filtered<Payload>),
    KeyedWithMissed(WithMissed<Payload, Filtered<Payload>>),
    KeyedDeliveries(Deliveries<Payload, Filtered<Payload>>),
}

pub(crate) enum Unacked {
    Delivery(Delivery<u64>),
    Ack(Ack),
}

pub(crate) enum EitherSink {
    Plain(EventSink<Payload>),
    Sync(SyncSink<Payload>),
}

/// The state that a stream reports.
pub(crate) struct Known {
    pub(crate) id: SubscriberId,
    pub(crate) pending: usize,
    pub(crate) missed: u64,
    pub(crate) seq: u64,
    pub(crate) size_hint: (usize, Option<usize>),
    pub(crate) end_reason: Option<EndReason>,
    pub(crate) is_terminated: bool,
}

impl Events {
    pub(crate) fn known(&self) -> Known {
        macro_rules! known {
            ($stream:expr, $of:expr) => {
                Known {
                    id: $of.id(),
                    pending: $of.len(),
                    missed: $of.missed(),
                    seq: $of.seq(),
                    size_hint: $stream.size_hint(),
                    end_reason: $of.end_reason(),
                    is_terminated: $stream.is_terminated(),
                }
            };
        }
        match self {
            Self::Plain(stream) => known!(stream, stream),
            Self::WithMissed(stream) => known!(stream, stream.get_ref()),
            Self::Deliveries(stream) => known!(stream, stream),
            Self::Filtered(stream) => known!(stream, stream),
            Self::Keyed(stream) => known!(stream, stream),
            Self::FilteredWithMissed(stream) => known!(stream, stream.get_ref()),
            Self::KeyedWithMissed(stream) => known!(stream, stream.get_ref()),
            Self::FilteredDeliveries(stream) => known!(stream, stream),
            Self::KeyedDeliveries(stream) => known!(stream, stream),
        }
    }

    pub(crate) fn disconnected(&self) -> Disconnected {
        match self {
            Self::Plain(stream) => stream.disconnected(),
            Self::WithMissed(stream) => stream.get_ref().disconnected(),
            Self::Deliveries(stream) => stream.disconnected(),
            Self::Filtered(stream) => stream.disconnected(),
            Self::Keyed(stream) => stream.disconnected(),
            Self::FilteredWithMissed(stream) => stream.get_ref().disconnected(),
            Self::KeyedWithMissed(stream) => stream.get_ref().disconnected(),
            Self::FilteredDeliveries(stream) => stream.disconnected(),
            Self::KeyedDeliveries(stream) => stream.disconnected(),
        }
    }

    pub(crate) fn is_deliveries(&self) -> bool {
        self.unacked().is_some()
    }

    pub(crate) fn tells_missed(&self) -> bool {
        matches!(
            self,
            Self::WithMissed(_) | Self::FilteredWithMissed(_) | Self::KeyedWithMissed(_)
        )
    }

    /// The number of unacked deliveries; `Some` for streams of deliveries.
    pub(crate) fn unacked(&self) -> Option<usize> {
        match self {
            Self::Deliveries(stream) => Some(stream.unacked()),
            Self::FilteredDeliveries(stream) => Some(stream.unacked()),
            Self::KeyedDeliveries(stream) => Some(stream.unacked()),
            _ => None,
        }
    }

    pub(crate) fn ack(&mut self) {
        match self {
            Self::Plain(stream) => stream.ack(),
            Self::WithMissed(stream) => stream.get_mut().ack(),
            Self::Filtered(stream) => stream.ack(),
            Self::Keyed(stream) => stream.ack(),
            Self::FilteredWithMissed(stream) => stream.get_mut().ack(),
            Self::KeyedWithMissed(stream) => stream.get_mut().ack(),
            Self::Deliveries(_) | Self::FilteredDeliveries(_) | Self::KeyedDeliveries(_) => {}
        }
    }

    pub(crate) fn follow_up(&self, event: Payload) -> Result<usize, FollowUpError<Payload>> {
        match self {
            Self::Plain(stream) => stream.follow_up(event),
            Self::WithMissed(stream) => stream.get_ref().follow_up(event),
            Self::Deliveries(stream) => stream.follow_ups().notify(event),
            Self::Filtered(stream) => stream.follow_ups().notify(event),
            Self::Keyed(stream) => stream.follow_ups().notify(event),
            Self::FilteredWithMissed(stream) => stream.get_ref().follow_ups().notify(event),
            Self::KeyedWithMissed(stream) => stream.get_ref().follow_ups().notify(event),
            Self::FilteredDeliveries(stream) => stream.follow_ups().notify(event),
            Self::KeyedDeliveries(stream) => stream.follow_ups().notify(event),
        }
    }

    pub(crate) fn nack(&mut self, reason: &str) {
        match self {
            Self::Plain(stream) => stream.nack(reason),
            Self::WithMissed(stream) => stream.get_mut().nack(reason),
            Self::Filtered(stream) => stream.nack(reason),
            Self::Keyed(stream) => stream.nack(reason),
            Self::FilteredWithMissed(stream) => stream.get_mut().nack(reason),
            Self::KeyedWithMissed(stream) => stream.get_mut().nack(reason),
            Self::Deliveries(_) | Self::FilteredDeliveries(_) | Self::KeyedDeliveries(_) => {}
        }
    }

    pub(crate) fn convert(self) -> Self {
        match self {
            Self::Plain(stream) => Self::WithMissed(stream.with_missed()),
            Self::WithMissed(stream) => Self::Plain(stream.into_inner()),
            Self::Filtered(stream) => Self::FilteredWithMissed(stream.with_missed()),
            Self::Keyed(stream) => Self::KeyedWithMissed(stream.with_missed()),
            Self::FilteredWithMissed(stream) => Self::Filtered(stream.into_inner()),
            Self::KeyedWithMissed(stream) => Self::Keyed(stream.into_inner()),
            deliveries => deliveries,
        }
    }

    pub(crate) fn deliver(self) -> Self {
        match self {
            Self::Plain(stream) => Self::Deliveries(stream.deliveries()),
            Self::WithMissed(stream) => Self::Deliveries(stream.into_inner().deliveries()),
            Self::Filtered(stream) => Self::FilteredDeliveries(stream.deliveries()),
            Self::Keyed(stream) => Self::KeyedDeliveries(stream.deliveries()),
            Self::FilteredWithMissed(stream) => {
                Self::FilteredDeliveries(stream.into_inner().deliveries())
            }
            Self::KeyedWithMissed(stream) => {
                Self::KeyedDeliveries(stream.into_inner().deliveries())
            }
            deliveries => deliveries,
        }
    }

    /// Pending if there is nothing to read.
    pub(crate) fn try_next(&mut self) -> (Poll<Option<Item>>, Option<Delivery<u64>>) {
        fn polled<T>(result: Result<T, TryNextError>) -> Poll<Option<T>> {
            match result {
                Ok(item) => Poll::Ready(Some(item)),
                Err(TryNextError::Ended) => Poll::Ready(None),
                Err(_) => Poll::Pending,
            }
        }
        let received = |received: Received<u64>| match received {
            Received::Event(event) => Item::Event(event),
            Received::Missed(missed) => Item::Missed(missed),
            other => panic!("{other:?}"),
        };
        let number = |event: Received<Payload>| match event {
            Received::Event(event) => Received::Event(event.0),
            Received::Missed(missed) => Received::Missed(missed),
            other => panic!("{other:?}"),
        };
        let delivery = match self {
            Self::Plain(stream) => {
                let event = stream.try_next().map(|event| Item::Event(event.0));
                return (polled(event), None);
            }
            Self::Filtered(stream) => return (polled(stream.try_next().map(Item::Event)), None),
            Self::Keyed(stream) => {
                let event = stream.try_next().map(|event| Item::Event(event.0));
                return (polled(event), None);
            }
            Self::KeyedWithMissed(stream) => {
                let event = stream.try_next().map(number).map(received);
                return (polled(event), None);
            }
            Self::WithMissed(stream) => {
                let event = stream.try_next().map(number).map(received);
                return (polled(event), None);
            }
            Self::FilteredWithMissed(stream) => {
                return (polled(stream.try_next().map(received)), None);
            }
            Self::Deliveries(stream) => {
                let delivery = stream.try_next();
                polled(delivery.map(|delivery| delivery.map(|event| event.0)))
            }
            Self::FilteredDeliveries(stream) => polled(stream.try_next()),
            Self::KeyedDeliveries(stream) => {
                let delivery = stream.try_next();
                polled(delivery.map(|delivery| delivery.map(|event| event.0)))
            }
        };
        item_of(delivery)
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> (Poll<Option<Item>>, Option<Delivery<u64>>) {
        let number = |event: Received<Payload>| match event {
            Received::Event(event) => Received::Event(event.0),
            Received::Missed(missed) => Received::Missed(missed),
            other => panic!("{other:?}"),
        };
        let received = |received: Option<Received<u64>>| {
            received.map(|received| match received {
                Received::Event(event) => Item::Event(event),
                Received::Missed(missed) => Item::Missed(missed),
                _ => unreachable!("an event, or a loss"),
            })
        };
        let delivery = match self {
            Self::Plain(stream) => {
                let event = Pin::new(stream).poll_next(cx);
                return (
                    event.map(|event| event.map(|event| Item::Event(event.0))),
                    None,
                );
            }
            Self::Filtered(stream) => {
                let event = Pin::new(stream).poll_next(cx);
                return (event.map(|event| event.map(Item::Event)), None);
            }
            Self::Keyed(stream) => {
                let event = Pin::new(stream).poll_next(cx);
                return (
                    event.map(|event| event.map(|event| Item::Event(event.0))),
                    None,
                );
            }
            Self::KeyedWithMissed(stream) => {
                let event = Pin::new(stream).poll_next(cx);
                return (event.map(|event| received(event.map(number))), None);
            }
            Self::KeyedDeliveries(stream) => {
                let delivery = Pin::new(stream).poll_next(cx);
                delivery.map(|delivery| delivery.map(|delivery| delivery.map(|event| event.0)))
            }
            Self::WithMissed(stream) => {
                let event = Pin::new(stream).poll_next(cx);
                return (event.map(|event| received(event.map(number))), None);
            }
            Self::FilteredWithMissed(stream) => {
                return (Pin::new(stream).poll_next(cx).map(received), None);
            }
            Self::Deliveries(stream) => {
                let delivery = Pin::new(stream).poll_next(cx);
                delivery.map(|delivery| delivery.map(|delivery| delivery.map(|event| event.0)))
            }
            Self::FilteredDeliveries(stream) => Pin::new(stream).poll_next(cx),
        };
        item_of(delivery)
    }
}

fn item_of(delivery: Poll<Option<Delivery<u64>>>) -> (Poll<Option<Item>>, Option<Delivery<u64>>) {
    match delivery {
        Poll::Ready(Some(delivery)) => {
            let item = Item::Delivery {
                seq: delivery.seq(),
                payload: *delivery,
            };
            (Poll::Ready(Some(item)), Some(delivery))
        }
        Poll::Ready(None) => (Poll::Ready(None), None),
        Poll::Pending => (Poll::Pending, None),
    }
}

impl Unacked {
    pub(crate) fn transform(self, map: bool) -> Self {
        match self {
            Self::Delivery(delivery) if map => Self::Delivery(delivery.map(|event| event + 1)),
            Self::Delivery(delivery) => Self::Ack(delivery.into_parts().1),
            Self::Ack(ack) => Self::Ack(ack),
        }
    }
}

impl EitherSink {
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let ready = match self {
            Self::Plain(sink) => Pin::new(sink).poll_ready(cx),
            Self::Sync(sink) => Pin::new(sink).poll_ready(cx),
        };
        ready.map(|ready| ready.is_ok())
    }

    pub(crate) fn send(&mut self, payload: u64) {
        let sent = match self {
            Self::Plain(sink) => Pin::new(sink).start_send(Payload::new(payload)),
            Self::Sync(sink) => Pin::new(sink).start_send(Payload::new(payload)),
        };
        sent.expect("it is ready");
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = match self {
            Self::Plain(sink) => Pin::new(sink).poll_flush(cx),
            Self::Sync(sink) => Pin::new(sink).poll_flush(cx),
        };
        flushed.map(|flushed| flushed.expect("only `poll_ready` fails"))
    }

    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let closed = match self {
            Self::Plain(sink) => Pin::new(sink).poll_close(cx),
            Self::Sync(sink) => Pin::new(sink).poll_close(cx),
        };
        closed.map(|closed| closed.expect("only `poll_ready` fails"))
    }
}
