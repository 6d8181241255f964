use std::collections::BTreeMap;

use super::*;

/// Members by number, each with the `WaitAtMost` of its overflow policy. [`FILTERED`] has a queue.
type Table = BTreeMap<u64, (BlockerSlot, Option<Duration>)>;

const FILTERED: u64 = 100;

impl BlockerSlots for Table {
    fn slot(&self, number: u64) -> &BlockerSlot {
        &self[&number].0
    }

    fn has_queue(&self, number: u64) -> bool {
        number == FILTERED
    }

    fn blocker_mut(&mut self, number: u64) -> BlockerMut<'_> {
        let has_queue = self.has_queue(number);
        let (slot, max_wait) = self.get_mut(&number).unwrap();
        BlockerMut {
            slot,
            max_wait: *max_wait,
            has_queue,
        }
    }
}

fn needs_reports(blockers: &Blockers, members: &Table, number: u64) -> bool {
    blockers.need_reports(number, members.slot(number))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Blocks members 1, 2, …, each with a `WaitAtMost`.
fn blocked(max_waits: &[Option<Duration>]) -> (Blockers, Table) {
    let (mut blockers, mut members) = (Blockers::default(), Table::new());
    for (number, &max_wait) in (1..).zip(max_waits) {
        members.insert(number, (BlockerSlot::default(), max_wait));
        blockers.block(number, &mut members);
    }
    blockers.check(&members);
    (blockers, members)
}

#[test]
fn members_unblock_in_any_order_timed_or_not() {
    for step in [1, 3, 5, 7] {
        let (mut blockers, mut members) = blocked(&[Some(seconds(1)); 8]);
        let start = Instant::now();
        blockers.start_clocks(&mut members, |_, number| number % 2 == 0, || start);
        blockers.check(&members);
        for index in 0..8 {
            let number = (index * step) % 8 + 1;
            blockers.unblock(number, &mut members);
            blockers.check(&members);
            assert!(!needs_reports(&blockers, &members, number));
            assert!(!blockers.numbers().contains(&number));
        }
        assert!(blockers.is_empty() && blockers.deadlines.is_empty());
    }
}

#[test]
fn publishers_wait_until_every_blocking_member_is_overdue() {
    let start = Instant::now();
    let (mut blockers, mut members) = blocked(&[Some(seconds(2)), Some(seconds(5))]);
    blockers.start_clocks(&mut members, |_, _| true, || start);
    assert_eq!(blockers.timer(true), Some(start + seconds(5)));
    assert_eq!(blockers.timer(false), None);
    assert!(!blockers.are_overdue(|| start + seconds(4)));
    assert!(blockers.are_overdue(|| start + seconds(5)));
    blockers.unblock(2, &mut members);
    assert!(blockers.are_overdue(|| start + seconds(2)));
}

#[test]
fn a_member_without_limit_or_that_is_not_waited_for_is_never_overdue() {
    let start = Instant::now();
    let (mut blockers, mut members) = blocked(&[Some(seconds(2)), None]);
    blockers.start_clocks(&mut members, |_, _| true, || start);
    assert!(!blockers.are_overdue(|| start + seconds(100)));

    let (mut blockers, mut members) = blocked(&[Some(seconds(2)), Some(seconds(2))]);
    blockers.start_clocks(&mut members, |_, number| number == 2, || start);
    assert!(!blockers.are_overdue(|| start + seconds(100)));
    assert_eq!(blockers.timer(true), None);
}

#[test]
fn time_counts_only_while_a_publisher_waits() {
    let start = Instant::now();
    let (mut blockers, mut members) = blocked(&[Some(seconds(5))]);
    let waits = |blockers: &mut Blockers, members: &mut Table, from, to| {
        blockers.start_clocks(members, |_, _| true, || start + seconds(from));
        blockers.pause(|| start + seconds(to));
    };
    waits(&mut blockers, &mut members, 0, 2);
    waits(&mut blockers, &mut members, 10, 12);
    let so_far = blockers.blocking_for(members.slot(1), start + seconds(100));
    assert_eq!(so_far, Some(seconds(4)));
    assert_eq!(blockers.timer(true), None);
    blockers.start_clocks(&mut members, |_, _| true, || start + seconds(20));
    assert_eq!(blockers.timer(true), Some(start + seconds(21)));
}

#[test]
fn a_suspended_member_keeps_its_time_until_it_reads() {
    let start = Instant::now();
    let (mut blockers, mut members) = blocked(&[Some(seconds(5))]);
    blockers.start_clocks(&mut members, |_, _| true, || start);
    blockers.suspend(1, || start + seconds(3), &mut members);
    blockers.check(&members);
    assert!(blockers.is_empty() && blockers.suspended().eq([1]));
    assert!(needs_reports(&blockers, &members, 1));

    // It blocks the next publisher: two of its five seconds are left.
    blockers.block(1, &mut members);
    blockers.resume(1, || start + seconds(3), &mut members);
    blockers.start_clocks(&mut members, |_, _| true, || start + seconds(10));
    blockers.check(&members);
    assert_eq!(blockers.timer(true), Some(start + seconds(12)));

    blockers.suspend(1, || start + seconds(11), &mut members);
    blockers.unblock(1, &mut members);
    blockers.check(&members);
    assert!(!needs_reports(&blockers, &members, 1));
}

#[test]
fn blocking_queues_and_readers_are_counted_apart() {
    let (mut blockers, mut members) = blocked(&[None, None]);
    members.insert(FILTERED, (BlockerSlot::default(), None));
    blockers.block(FILTERED, &mut members);
    assert_eq!(
        (blockers.readers(), blockers.queues(&members)),
        (2, vec![FILTERED])
    );
    blockers.unblock(1, &mut members);
    blockers.unblock(FILTERED, &mut members);
    assert_eq!((blockers.readers(), blockers.queues(&members)), (1, vec![]));
    blockers.check(&members);
}

#[test]
fn memory_is_given_back_once_few_members_are_left() {
    let (mut blockers, mut members) = blocked(&[None; 1_000]);
    let start = Instant::now();
    blockers.start_clocks(&mut members, |_, _| true, || start);
    for number in 1..=1_000 {
        blockers.unblock(number, &mut members);
    }
    blockers.give_back(0);
    assert!(blockers.numbers.capacity() <= MIN_CAPACITY);
    assert!(blockers.waited.capacity() <= MIN_CAPACITY);
}
