//! Publishers: every way to publish and to cancel.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use fastrand::Rng;
use genevent::EventManager;
use genevent::error::TryNotifyError;

use crate::book::{Book, Sent};
use crate::event::Event;
use crate::executor::yield_now;

/// Publishes a number of events and cancels some.
pub(crate) async fn publish(
    manager: EventManager<Event>,
    book: Arc<Book>,
    me: u32,
    events: u32,
    mut rng: Rng,
) {
    for number in 0..events {
        let event = Event::new(me, number);
        let id = event.id;
        let patience = if rng.u8(0..10) == 0 {
            rng.usize(0..5)
        } else {
            usize::MAX
        };
        match rng.u8(0..10) {
            0..=2 => match manager.try_notify(event) {
                Ok(_) => book.sent(id, Sent::Stored),
                Err(TryNotifyError::Full(back)) => {
                    assert_eq!(back.id, id);
                    book.sent(id, Sent::NotStored);
                    yield_now().await;
                }
                Err(error) => {
                    assert_eq!(error.into_event().id, id);
                    book.sent(id, Sent::NotStored);
                }
            },
            3..=5 => match wait(manager.notify(event), patience).await {
                Some(Ok(_)) => book.sent(id, Sent::Stored),
                // A permit dropped while waiting has stored no event.
                Some(Err(_)) | None => book.sent(id, Sent::NotStored),
            },
            6 => match wait(manager.reserve(), patience).await {
                Some(Ok(permit)) if rng.bool() => {
                    yield_now().await;
                    permit.notify(event);
                    book.sent(id, Sent::Stored);
                }
                _ => book.sent(id, Sent::NotStored),
            },
            7 => match wait(manager.ack_notify(event), patience).await {
                Some(Ok(receipt)) => {
                    book.sent(id, Sent::Stored);
                    book.received(id, receipt);
                }
                Some(Err(_)) => book.sent(id, Sent::NotStored),
                None => book.sent(id, Sent::Perhaps),
            },
            _ => match wait(manager.sync_notify(event), patience).await {
                Some(Ok(receipt)) => {
                    book.sent(id, Sent::Stored);
                    book.finished(id, receipt);
                }
                Some(Err(_)) => book.sent(id, Sent::NotStored),
                None => book.sent(id, Sent::Perhaps),
            },
        }
    }
}

/// Cancels a future after more than `patience` pending polls.
async fn wait<F: Future>(future: F, mut patience: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if patience == 0 => Poll::Ready(None),
        Poll::Pending if patience == usize::MAX => Poll::Pending,
        Poll::Pending => {
            patience -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
