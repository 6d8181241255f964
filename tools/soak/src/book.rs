//! Records of published and received events, and the check that both agree.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use genevent::{Receipt, SubscriberId};

/// The outcome of an event at a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EventOutcome {
    /// Received. Unknown after the subscriber's end, as an aborted task may have polled again.
    InHand,
    Finished,
    /// The stream left with the event in flight, or a delivery was discarded.
    GivenUp,
}

/// The events a filter wants: a single event of each `every` in a row.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    pub(crate) of: u64,
    pub(crate) one: u64,
}

impl Wants {
    const ALL: Self = Self { of: 1, one: 0 };
    /// The greatest `of`.
    pub(crate) const MOST: u64 = 7;

    /// The index of `of` among all.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.of - 1).expect("a small number")
    }

    pub(crate) fn this(self, event: u64) -> bool {
        event % self.of == self.one
    }
}

/// The record of a subscriber.
pub(crate) struct Record {
    id: OnceLock<SubscriberId>,
    /// Set if the subscriber may be disconnected: after a disconnect, it reads events without owing
    /// acknowledgements.
    cuttable: bool,
    /// No receipt counts or names an observer.
    observer: bool,
    wants: Wants,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// The events in order, each with the number of missed events before.
    seen: Vec<(u64, u64)>,
    outcomes: HashMap<u64, EventOutcome>,
    lost: u64,
    panicked: bool,
    /// The stream is dropped without another poll.
    left: bool,
    until_the_end: bool,
}

impl Record {
    /// Makes a record without a subscriber id, which is set later.
    pub(crate) fn unknown(cuttable: bool) -> Arc<Self> {
        Arc::new(Self::new(cuttable, Wants::ALL))
    }

    fn new(cuttable: bool, wants: Wants) -> Self {
        Self {
            id: OnceLock::new(),
            cuttable,
            observer: false,
            wants,
            notes: Mutex::default(),
        }
    }

    pub(crate) fn is(&self, id: SubscriberId) {
        self.id.set(id).expect("the id is set once");
    }

    fn id(&self) -> SubscriberId {
        *self.id.get().expect("the id was set")
    }

    pub(crate) fn lost(&self, events: u64) {
        self.notes.lock().unwrap().lost += events;
    }

    pub(crate) fn see(&self, event: u64) {
        let mut notes = self.notes.lock().unwrap();
        let lost = std::mem::take(&mut notes.lost);
        notes.seen.push((event, lost));
        let twice = notes.outcomes.insert(event, EventOutcome::InHand);
        assert_eq!(twice, None, "{:?} sees {event:#x} twice", self.id());
    }

    pub(crate) fn decide(&self, event: u64, outcome: EventOutcome) {
        self.notes.lock().unwrap().outcomes.insert(event, outcome);
    }

    /// Records the poll for the next event, which finishes the previous event.
    pub(crate) fn finish_last(&self) {
        let mut notes = self.notes.lock().unwrap();
        if let Some(&(last, _)) = notes.seen.last() {
            let outcome = notes
                .outcomes
                .get_mut(&last)
                .expect("the event was received");
            if *outcome == EventOutcome::InHand {
                *outcome = EventOutcome::Finished;
            }
        }
    }

    /// Records a drop of the stream without another poll.
    pub(crate) fn leave(&self) {
        self.notes.lock().unwrap().left = true;
    }

    /// Records a drop of the stream by a panic.
    pub(crate) fn panicked(&self) {
        self.leave();
        self.notes.lock().unwrap().panicked = true;
    }

    /// Records the end of the stream.
    pub(crate) fn read_to_the_end(&self) {
        self.notes.lock().unwrap().until_the_end = true;
    }
}

/// The outcome of a publish, as known to its publisher.
pub(crate) enum Sent {
    Stored,
    NotStored,
    /// Cancelled, possibly after the event was stored.
    Perhaps,
}

#[derive(Default)]
pub(crate) struct Book {
    records: Mutex<Vec<Arc<Record>>>,
    sent: Mutex<Vec<(u64, Sent)>>,
    received: Mutex<Vec<(u64, Receipt)>>,
    finished: Mutex<Vec<(u64, Receipt)>>,
}

/// The totals.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) rounds: u64,
    pub(crate) subscribers: u64,
    pub(crate) published: u64,
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
    pub(crate) deliveries: u64,
    pub(crate) lost: u64,
    pub(crate) receipts: u64,
    pub(crate) panics: u64,
}

impl Book {
    pub(crate) fn record(&self, id: SubscriberId, cuttable: bool) -> Arc<Record> {
        self.filtered(id, cuttable, Wants::ALL)
    }

    /// Makes the record of an observer.
    pub(crate) fn observer(&self, id: SubscriberId) -> Arc<Record> {
        let record = Record::new(false, Wants::ALL);
        self.subscribed(
            id,
            Record {
                observer: true,
                ..record
            },
        )
    }

    /// Makes the record of a filtered subscription.
    pub(crate) fn filtered(&self, id: SubscriberId, cuttable: bool, wants: Wants) -> Arc<Record> {
        self.subscribed(id, Record::new(cuttable, wants))
    }

    fn subscribed(&self, id: SubscriberId, record: Record) -> Arc<Record> {
        let record = Arc::new(record);
        record.is(id);
        self.enter(Arc::clone(&record));
        record
    }

    pub(crate) fn enter(&self, record: Arc<Record>) {
        self.records.lock().unwrap().push(record);
    }

    pub(crate) fn sent(&self, event: u64, what: Sent) {
        self.sent.lock().unwrap().push((event, what));
    }

    /// Records the receipt of an `ack_notify`.
    pub(crate) fn received(&self, event: u64, receipt: Receipt) {
        self.received.lock().unwrap().push((event, receipt));
    }

    /// Records the receipt of a `sync_notify`.
    pub(crate) fn finished(&self, event: u64, receipt: Receipt) {
        self.finished.lock().unwrap().push((event, receipt));
    }

    /// Compares all records with the first record, of a subscriber that has seen every event.
    pub(crate) fn check(&self, totals: &mut Totals) {
        let records = self.records.lock().unwrap();
        let all: Vec<u64> = {
            let notes = records[0].notes.lock().unwrap();
            assert!(notes.until_the_end, "the first reader reads to the end");
            notes.seen.iter().map(|&(event, _)| event).collect()
        };
        let index: HashMap<u64, usize> = all.iter().enumerate().map(|(at, &e)| (e, at)).collect();
        self.check_sent(&all, &index, totals);
        for record in records.iter() {
            record.check(&all, &index, totals);
        }
        let (received, finished) = (self.received.lock().unwrap(), self.finished.lock().unwrap());
        for (event, receipt) in received.iter() {
            check_receipt(*event, receipt, &records, &index, |_| true);
        }
        for (event, receipt) in finished.iter() {
            check_receipt(*event, receipt, &records, &index, |outcome| {
                outcome == EventOutcome::Finished
            });
        }
        totals.receipts += (received.len() + finished.len()) as u64;
        totals.subscribers += records.len() as u64;
        totals.rounds += 1;
    }

    fn check_sent(&self, all: &[u64], index: &HashMap<u64, usize>, totals: &mut Totals) {
        let mut newest: HashMap<u64, u64> = HashMap::new();
        for &event in all {
            let before = newest.insert(event >> 32, event);
            let in_order = before.is_none_or(|before| before < event);
            assert!(
                in_order,
                "{event:#x} comes after a later one of its publisher"
            );
        }
        for (event, what) in self.sent.lock().unwrap().iter() {
            let is_stored = index.contains_key(event);
            match what {
                Sent::Stored => assert!(is_stored, "{event:#x} was stored, and never came"),
                Sent::NotStored => assert!(!is_stored, "{event:#x} was refused, and came"),
                Sent::Perhaps => {}
            }
            match what {
                Sent::Stored => totals.published += 1,
                Sent::NotStored => totals.refused += 1,
                Sent::Perhaps => totals.cancelled += 1,
            }
        }
    }
}

impl Record {
    /// Checks a filtered subscription like `check_all`, among its wanted events.
    fn check(&self, all: &[u64], index: &HashMap<u64, usize>, totals: &mut Totals) {
        if self.wants.of == 1 {
            return self.check_all(all, index, totals);
        }
        let wanted: Vec<u64> = (all.iter().copied())
            .filter(|&event| self.wants.this(event))
            .collect();
        let index = wanted.iter().enumerate().map(|(at, &e)| (e, at));
        self.check_all(&wanted, &index.collect(), totals);
    }

    /// Checks for unreported gaps, duplicates and unpublished events.
    fn check_all(&self, all: &[u64], index: &HashMap<u64, usize>, totals: &mut Totals) {
        let mut notes = self.notes.lock().unwrap();
        let mut next = None;
        for &(event, lost) in &notes.seen {
            let at = *index
                .get(&event)
                .expect("the event was published and wanted");
            if let Some(next) = next {
                assert_eq!(
                    next + usize::try_from(lost).unwrap(),
                    at,
                    "{}: a gap",
                    self.id()
                );
            }
            next = Some(at + 1);
            totals.lost += lost;
            totals.deliveries += 1;
        }
        if let Some(next) = next.filter(|_| notes.until_the_end && !self.cuttable) {
            let lost = usize::try_from(notes.lost).unwrap();
            assert_eq!(
                next + lost,
                all.len(),
                "{}: the last events are missing",
                self.id()
            );
        }
        totals.panics += u64::from(notes.panicked);
        if notes.left {
            let outcomes = notes.outcomes.values_mut();
            outcomes
                .filter(|outcome| **outcome == EventOutcome::InHand)
                .for_each(|outcome| *outcome = EventOutcome::GivenUp);
        }
    }

    fn outcome(&self, event: u64) -> Option<EventOutcome> {
        self.notes.lock().unwrap().outcomes.get(&event).copied()
    }
}

/// Checks a receipt: the subscribers with an outcome that `counts` are counted, and not listed as
/// dropped.
fn check_receipt(
    event: u64,
    receipt: &Receipt,
    records: &[Arc<Record>],
    index: &HashMap<u64, usize>,
    counts: impl Fn(EventOutcome) -> bool,
) {
    assert_eq!(receipt.seq(), index[&event] as u64 + 1, "its number");
    let (mut surely, mut perhaps) = (0, 0);
    for record in records {
        let Some(outcome) = record.outcome(event) else {
            continue;
        };
        let named = receipt
            .unfinished()
            .iter()
            .any(|entry| entry.id() == record.id());
        if record.observer {
            assert!(!named, "{} is an observer", record.id());
        } else if outcome == EventOutcome::InHand && !counts(outcome) {
            perhaps += usize::from(!named);
        } else if !counts(outcome) {
            assert!(
                named || record.cuttable,
                "{} dropped {event:#x} unnamed",
                record.id()
            );
        } else if record.cuttable {
            perhaps += usize::from(!named);
        } else {
            assert!(
                !named,
                "{} is named, and finished with {event:#x}",
                record.id()
            );
            surely += 1;
        }
    }
    let acked = receipt.acked();
    assert!(
        surely <= acked,
        "{event:#x}: {surely} acked it, {receipt:?}"
    );
    assert!(
        acked <= surely + perhaps,
        "{event:#x}: {surely} and {perhaps}, {receipt:?}"
    );
    assert_eq!(receipt.dropped(), receipt.unfinished().len());
}
