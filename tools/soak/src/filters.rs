//! Filtered subscriptions of every kind.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use genevent::{EventManager, Overflow, SubscribeOptions};

use crate::book::Wants;
use crate::event::Event;
use crate::executor::{IntendedPanic, Job, yield_now};
use crate::reader::{RoundContext, note, work, work_options};

/// The behaviour of a subscriber after its last event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Leaves,
    Panics,
    /// Stalls until the round is over or until the subscriber is disconnected.
    Stalls,
}

impl RoundContext {
    /// Subscribes with a random policy, and a filter that may panic or accepts every event.
    pub(crate) fn filtered(
        &self,
        manager: &EventManager<Event>,
        mut rng: Rng,
        lifetime: usize,
    ) -> Job {
        let overflow = match rng.u8(0..6) {
            0 => Overflow::DropOldest,
            1 => Overflow::Disconnect,
            2 if self.executor.is_tokio() => {
                Overflow::WaitAtMost(Duration::from_micros(rng.u64(1..2_000)))
            }
            _ => Overflow::Wait,
        };
        let end = match rng.u8(0..4) {
            0 => End::Panics,
            1 => End::Stalls,
            _ => End::Leaves,
        };
        let wants = wants(&mut rng);
        // The two closure types and each key function have a filter group.
        let fails = (rng.u8(0..4) == 0).then(|| rng.u64(0..200));
        let window = rng.usize(1..20);
        let options = SubscribeOptions::new().overflow(overflow).window(window);
        let reader = match fails {
            None if rng.bool() => {
                let topics = &self.topics[wants.index()];
                topics.subscribe_with(wants.one, options)
            }
            None => manager.subscribe_filter_with(options, move |e: &Event| wants.this(e.id)),
            Some(fails) => manager.subscribe_filter_map_with(options, move |e: &Event| {
                if e.id & 0xff == fails {
                    std::panic::panic_any(IntendedPanic);
                }
                wants.this(e.id).then(|| e.clone())
            }),
        };
        let is_lossless = matches!(overflow, Overflow::Wait | Overflow::DropOldest);
        let cuttable = !is_lossless || fails.is_some() || end == End::Stalls;
        let record = self.book.filtered(reader.id(), cuttable, wants);
        let (stalled, over) = (Arc::clone(&self.stalled), self.over.clone());
        let mut reader = reader.with_missed();
        self.executor.spawn(async move {
            for at in 0.. {
                if at == lifetime {
                    match end {
                        End::Leaves => {
                            record.leave();
                            return;
                        }
                        End::Panics => {
                            record.panicked();
                            // The task owns the reader, which is dropped while the task panics.
                            let _reader = reader;
                            std::panic::panic_any(IntendedPanic);
                        }
                        End::Stalls => {
                            reader.get_mut().ack();
                            record.finish_last();
                            stalled.lock().unwrap().push(reader.get_ref().id());
                            over.clone().await.ok();
                        }
                    }
                }
                let Some(received) = reader.next().await else {
                    break;
                };
                note(&received, &record);
                match rng.u8(0..32) {
                    0 => {
                        reader.get_mut().ack();
                        record.finish_last();
                    }
                    1..=4 => yield_now().await,
                    _ => {}
                }
            }
            record.finish_last();
            record.read_to_the_end();
        })
    }

    pub(crate) fn filtered_deliveries(
        &self,
        manager: &EventManager<Event>,
        mut rng: Rng,
        lifetime: usize,
    ) -> Job {
        let wants = wants(&mut rng);
        let most = rng.usize(1..10);
        let (options, is_cuttable) = work_options(&mut rng, most);
        let jobs = manager.subscribe_filter_with(options, move |e: &Event| wants.this(e.id));
        let jobs = jobs.deliveries();
        let record = self.book.filtered(jobs.id(), is_cuttable, wants);
        self.executor.spawn(work(jobs, record, rng, lifetime, most))
    }
}

fn wants(rng: &mut Rng) -> Wants {
    let of = rng.u64(1..=Wants::MOST);
    let one = rng.u64(0..of);
    Wants { of, one }
}
