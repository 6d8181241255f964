//! Sequences of operations, chosen by the bytes: the crate agrees with the reference of `tests/model`
//! after each operation.
#![no_main]

use std::time::Duration;

use genevent::Overflow;
use libfuzzer_sys::fuzz_target;
use model::{
    Bounded, By, During, Ending, Failing, From, Kind, Op, Owned, Policy, Publishing, Sequence,
    Settling,
};

#[allow(dead_code, unused_imports, reason = "the model's tests are not built here")]
#[path = "../../../tests/model/main.rs"]
mod model;

fuzz_target!(|data: &[u8]| {
    let sequence = Choices(data).sequence();
    if let Err(error) = model::run(&sequence) {
        panic!("{error}\n{sequence:?}");
    }
});

/// Bytes, each of which makes a choice; zeros after the last byte.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn sequence(mut self) -> Sequence {
        let capacity = usize::from(self.below(40)) + 1;
        let retain = usize::from(self.below(8));
        let default_overflow = self.overflow();
        let ending = match self.below(3) {
            0 => Ending::Close,
            1 => Ending::Leave,
            _ => Ending::DropManagers,
        };
        let mut ops = Vec::new();
        while !self.0.is_empty() && ops.len() < 300 {
            ops.push(self.op());
        }
        Sequence {
            capacity,
            retain,
            default_overflow,
            in_runtime: true,
            ops,
            ending,
        }
    }

    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn overflow(&mut self) -> Overflow {
        match self.below(4) {
            0 => Overflow::Wait,
            1 => Overflow::DropOldest,
            2 => Overflow::Disconnect,
            _ => Overflow::WaitAtMost(Duration::from_millis(self.below(20).into())),
        }
    }

    fn policy(&mut self) -> Policy {
        Policy {
            overflow: self.flag().then(|| self.overflow()),
            observer: self.below(4) == 0,
        }
    }

    fn window(&mut self) -> u8 {
        self.below(8) + 1
    }

    fn kind(&mut self) -> Kind {
        match self.below(13) {
            0 => Kind::Notify,
            1 => Kind::AckNotify,
            2 => Kind::SyncNotify,
            3 => Kind::Reserve,
            4 => Kind::Flush,
            5 => Kind::Stop,
            6 => Kind::Closed,
            7 => Kind::WaitForSubscribers(self.below(7)),
            8 => Kind::Quiet,
            9 => Kind::Unsubscribed,
            10 => Kind::Owned(self.owned()),
            11 => Kind::OwnedWithin(self.owned(), self.below(30)),
            _ => {
                let bounded = match self.below(7) {
                    0 => Bounded::Notify,
                    1 => Bounded::Reserve,
                    2 => Bounded::AckNotify,
                    3 => Bounded::SyncNotify,
                    4 => Bounded::Flush,
                    5 => Bounded::Quiet,
                    _ => Bounded::Stop,
                };
                Kind::Within(bounded, self.below(30))
            }
        }
    }

    fn owned(&mut self) -> Owned {
        match self.below(4) {
            0 => Owned::Notify,
            1 => Owned::AckNotify,
            2 => Owned::SyncNotify,
            _ => Owned::Reserve,
        }
    }

    fn by(&mut self) -> By {
        let number = self.below(3) + 1;
        match self.below(4) {
            0 => By::Filter(number),
            1 => By::Key(number),
            2 => By::Keys(number),
            _ => By::Breaking(number),
        }
    }

    fn from(&mut self) -> From {
        match self.below(3) {
            0 => From::Now,
            1 => From::Newest(self.below(9)),
            _ => From::Since(self.below(9)),
        }
    }

    fn during(&mut self) -> During {
        match self.below(4) {
            0 => During::Fail,
            events => During::Publish(events),
        }
    }

    fn publish_failing(&mut self) -> Op {
        let failing = if self.flag() {
            Failing::Key
        } else {
            Failing::Clone
        };
        let publishing = match self.below(3) {
            0 => Publishing::TryNotify,
            1 => Publishing::Future(self.owned()),
            _ => Publishing::Permit(self.byte()),
        };
        Op::PublishFailing(failing, publishing)
    }

    fn settling(&mut self) -> Settling {
        match self.below(3) {
            0 => Settling::Ack,
            1 => Settling::Nack,
            _ => Settling::Drop,
        }
    }

    fn op(&mut self) -> Op {
        match self.below(40) {
            0 => Op::TryNotify,
            1 => Op::Flood(self.below(20) + 1),
            2 => Op::Start(self.kind(), true),
            3 => Op::Start(self.kind(), false),
            4 => Op::Poll(self.byte(), self.flag()),
            5 | 6 => Op::Run(self.byte()),
            7 => Op::Cancel(self.byte()),
            8 => Op::Subscribe(self.policy(), self.window(), self.from()),
            9 => Op::SubscribeFilter(self.policy(), self.window(), self.by(), self.from()),
            10 => Op::SubscribeAfter(self.policy(), self.window(), self.byte()),
            11 | 12 => Op::Next(self.byte(), self.flag()),
            13 if self.flag() => Op::Nack(self.byte()),
            13 => Op::Ack(self.byte()),
            14 => Op::Convert(self.byte()),
            15 => Op::Deliver(self.byte()),
            16 => Op::Settle(self.byte(), self.settling()),
            17 => Op::Transform(self.byte(), self.flag()),
            18 => Op::Leave(self.byte()),
            19 => Op::Crash(self.byte()),
            20 => Op::Disconnect(self.byte()),
            21 => Op::UsePermit(self.byte()),
            22 => Op::DropPermit(self.byte()),
            23 => Op::Sink(self.flag()),
            24 => Op::PollReady(self.byte(), self.flag()),
            25 => Op::Send(self.byte()),
            26 => Op::PollFlush(self.byte(), self.flag()),
            27 => Op::PollClose(self.byte(), self.flag()),
            28 => Op::DropSink(self.byte()),
            29 => Op::CloneHandle,
            30 => Op::DropHandle,
            31 => Op::TryNext(self.byte()),
            32 => Op::NextDuringClone(self.byte(), self.flag(), self.during()),
            33 => Op::FollowUp(self.byte()),
            34 => Op::ClearRetained,
            35 => self.publish_failing(),
            36 => {
                let wants = self.flag().then(|| self.below(3) + 1);
                Op::AddHandler(self.policy(), self.window(), wants, self.from())
            }
            37 => Op::RemoveHandler(self.byte()),
            38 if self.below(8) == 0 => Op::StopNow,
            38 if self.below(8) == 0 => Op::Close,
            _ => Op::Advance(self.below(12) + 1),
        }
    }
}
