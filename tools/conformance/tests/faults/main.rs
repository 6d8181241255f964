//! The kit itself: a channel that keeps every promise passes, and each fault is noticed by the check of the broken
//! promise, and by random sequences.

mod fault;
mod publishing;
mod reader;
mod reference;
mod state;

use std::cell::Cell;

use fault::{Fault, NOT_AT_RANDOM, NOTICED};
use genevent_conformance::{Kit, Outcome, Promise};
use reference::Reference;

fn kit(fault: Option<Fault>) -> Kit {
    Kit::new("a channel", move |capacity| Reference::new(capacity, fault))
}

#[test]
fn a_correct_channel_keeps_every_promise() {
    for (promise, outcome) in kit(None).run().outcomes() {
        assert_eq!(*outcome, Outcome::Kept, "{promise:?}");
    }
}

#[test]
fn every_fault_is_noticed_by_the_check_of_its_promise() {
    for (fault, promises) in NOTICED {
        for promise in *promises {
            let outcome = kit(Some(*fault)).check(*promise);
            let noticed = matches!(outcome, Outcome::NotKept(_));
            assert!(noticed, "{fault:?}: {promise:?} is {outcome}");
        }
    }
}

#[test]
fn a_single_channel_that_serves_the_last_publisher_first_is_noticed() {
    let opened = Cell::new(0);
    let kit = Kit::new("faulty once", move |capacity| {
        let is_first = opened.replace(opened.get() + 1) == 0;
        Reference::new(capacity, is_first.then_some(Fault::LastComeFirst))
    });
    let outcome = kit.check(Promise::FirstCome);
    assert!(matches!(outcome, Outcome::NotKept(_)), "{outcome}");
}

#[test]
fn every_check_notices_a_fault() {
    for promise in Promise::ALL {
        let noticed = NOTICED
            .iter()
            .any(|(_, promises)| promises.contains(&promise));
        assert!(noticed || promise == Promise::Random, "{promise:?}");
    }
}

#[test]
fn random_sequences_notice_every_fault() {
    let noticed = |fault| {
        let outcome = kit(Some(fault)).check(Promise::Random);
        matches!(outcome, Outcome::NotKept(_))
    };
    let faults = NOTICED.iter().map(|(fault, _)| *fault);
    let unnoticed: Vec<_> = faults.filter(|fault| !noticed(*fault)).collect();
    let excused: Vec<_> = NOT_AT_RANDOM.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(unnoticed, excused);
}
