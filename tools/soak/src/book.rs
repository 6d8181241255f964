//! What was published and what was seen, and whether that is one story.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use genevent::{Receipt, SubscriberId};

/// What a subscriber did with one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Received. When the subscriber has ended: finished with, if it did not panic.
    InHand,
    Finished,
    /// A panic, or a delivery that was dropped.
    GivenUp,
}

/// Which events concern a subscriber: of so many one after the other, one.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    pub(crate) of: u64,
    pub(crate) one: u64,
}

impl Wants {
    const ALL: Self = Self { of: 1, one: 0 };

    pub(crate) fn this(self, event: u64) -> bool {
        event % self.of == self.one
    }
}

/// One subscriber's notes.
pub(crate) struct Record {
    id: OnceLock<SubscriberId>,
    /// It may be cut off, and then reads what it does not owe any more.
    cuttable: bool,
    wants: Wants,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// The events in order, each with how many were lost before it.
    seen: Vec<(u64, u64)>,
    fates: HashMap<u64, Fate>,
    lost: u64,
    panicked: bool,
    until_the_end: bool,
}

impl Record {
    /// Who it is, is found out later.
    pub(crate) fn unknown(cuttable: bool) -> Arc<Self> {
        Self::new(cuttable, Wants::ALL)
    }

    fn new(cuttable: bool, wants: Wants) -> Arc<Self> {
        Arc::new(Self {
            id: OnceLock::new(),
            cuttable,
            wants,
            notes: Mutex::default(),
        })
    }

    pub(crate) fn is(&self, id: SubscriberId) {
        self.id.set(id).expect("it is told once");
    }

    fn id(&self) -> SubscriberId {
        *self.id.get().expect("it was told")
    }

    pub(crate) fn lost(&self, events: u64) {
        self.notes.lock().unwrap().lost += events;
    }

    pub(crate) fn see(&self, event: u64) {
        let mut notes = self.notes.lock().unwrap();
        let lost = std::mem::take(&mut notes.lost);
        notes.seen.push((event, lost));
        let twice = notes.fates.insert(event, Fate::InHand);
        assert_eq!(twice, None, "{:?} sees {event:#x} twice", self.id());
    }

    pub(crate) fn decide(&self, event: u64, fate: Fate) {
        self.notes.lock().unwrap().fates.insert(event, fate);
    }

    /// The one before is finished with when the next is asked for.
    pub(crate) fn finish_last(&self) {
        let mut notes = self.notes.lock().unwrap();
        if let Some(&(last, _)) = notes.seen.last() {
            let fate = notes.fates.get_mut(&last).expect("it was seen");
            if *fate == Fate::InHand {
                *fate = Fate::Finished;
            }
        }
    }

    pub(crate) fn panicked(&self) {
        self.notes.lock().unwrap().panicked = true;
    }

    /// Its stream has ended by itself.
    pub(crate) fn read_to_the_end(&self) {
        self.notes.lock().unwrap().until_the_end = true;
    }
}

/// What became of an event, as its publisher knows it.
pub(crate) enum Sent {
    Stored,
    NotStored,
    /// Cancelled; it may have been stored before.
    Perhaps,
}

#[derive(Default)]
pub(crate) struct Book {
    records: Mutex<Vec<Arc<Record>>>,
    sent: Mutex<Vec<(u64, Sent)>>,
    received: Mutex<Vec<(u64, Receipt)>>,
    finished: Mutex<Vec<(u64, Receipt)>>,
}

/// What was counted.
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

    /// Of one that sees what it wants alone.
    pub(crate) fn filtered(&self, id: SubscriberId, cuttable: bool, wants: Wants) -> Arc<Record> {
        let record = Record::new(cuttable, wants);
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

    /// Of an `ack_notify`.
    pub(crate) fn received(&self, event: u64, receipt: Receipt) {
        self.received.lock().unwrap().push((event, receipt));
    }

    /// Of a `sync_notify`.
    pub(crate) fn finished(&self, event: u64, receipt: Receipt) {
        self.finished.lock().unwrap().push((event, receipt));
    }

    /// Compares everything with what the first record, which has seen all, says.
    pub(crate) fn check(&self, totals: &mut Totals) {
        let records = self.records.lock().unwrap();
        let all: Vec<u64> = {
            let notes = records[0].notes.lock().unwrap();
            assert!(notes.until_the_end, "the first reader reads to the end");
            notes.seen.iter().map(|&(event, _)| event).collect()
        };
        let place: HashMap<u64, usize> = all.iter().enumerate().map(|(at, &e)| (e, at)).collect();
        self.check_sent(&all, &place, totals);
        for record in records.iter() {
            record.check(&all, &place, totals);
        }
        let (received, finished) = (self.received.lock().unwrap(), self.finished.lock().unwrap());
        for (event, receipt) in received.iter() {
            check_receipt(*event, receipt, &records, &place, |_| true);
        }
        for (event, receipt) in finished.iter() {
            check_receipt(*event, receipt, &records, &place, |fate| {
                fate == Fate::Finished
            });
        }
        totals.receipts += (received.len() + finished.len()) as u64;
        totals.subscribers += records.len() as u64;
        totals.rounds += 1;
    }

    fn check_sent(&self, all: &[u64], place: &HashMap<u64, usize>, totals: &mut Totals) {
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
            let is_stored = place.contains_key(event);
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
    /// As `check_all`, among the events that it wants.
    fn check(&self, all: &[u64], place: &HashMap<u64, usize>, totals: &mut Totals) {
        if self.wants.of == 1 {
            return self.check_all(all, place, totals);
        }
        let wanted: Vec<u64> = (all.iter().copied())
            .filter(|&event| self.wants.this(event))
            .collect();
        let place = wanted.iter().enumerate().map(|(at, &e)| (e, at));
        self.check_all(&wanted, &place.collect(), totals);
    }

    /// No gap but those it was told of, no double, no event that never was.
    fn check_all(&self, all: &[u64], place: &HashMap<u64, usize>, totals: &mut Totals) {
        let mut notes = self.notes.lock().unwrap();
        let mut next = None;
        for &(event, lost) in &notes.seen {
            let at = *place.get(&event).expect("it was published, and wanted");
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
        let panicked = notes.panicked;
        totals.panics += u64::from(panicked);
        for fate in notes
            .fates
            .values_mut()
            .filter(|fate| **fate == Fate::InHand)
        {
            *fate = if panicked {
                Fate::GivenUp
            } else {
                Fate::Finished
            };
        }
    }

    fn fate(&self, event: u64) -> Option<Fate> {
        self.notes.lock().unwrap().fates.get(&event).copied()
    }
}

/// It counts those whose fate `counts`, and names nobody of them as having dropped it.
fn check_receipt(
    event: u64,
    receipt: &Receipt,
    records: &[Arc<Record>],
    place: &HashMap<u64, usize>,
    counts: impl Fn(Fate) -> bool,
) {
    assert_eq!(receipt.seq(), place[&event] as u64 + 1, "its number");
    let (mut surely, mut perhaps) = (0, 0);
    for record in records {
        let Some(fate) = record.fate(event) else {
            continue;
        };
        let named = receipt.dropped_by().contains(&record.id());
        if !counts(fate) {
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
    assert_eq!(receipt.dropped(), receipt.dropped_by().len());
}
