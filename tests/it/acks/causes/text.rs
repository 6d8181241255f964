//! Receipts and causes as text, in one line.

use genevent::{Cause, DisconnectCause, EventManager, SubscribeOptions};

use super::{publish, receipt};
use crate::drive::{now, read};

#[test]
fn a_receipt_is_one_readable_line() {
    let manager = EventManager::new(4);
    assert_eq!(
        now(manager.sync_notify(0)).unwrap().to_string(),
        "event 1: no subscriber"
    );

    let mut reader = manager.subscribe();
    let mut mailer = manager.subscribe_with(SubscribeOptions::new().name("mailer"));
    let done = publish(&manager, 1);
    for reader in [&mut reader, &mut mailer] {
        read(reader);
        reader.ack();
    }
    assert_eq!(receipt(done).to_string(), "event 2: acked by 2 of 2");

    let done = publish(&manager, 2);
    read(&mut mailer);
    let line = manager.subscribers()[1].created_at();
    mailer.nack("no such mailbox");
    read(&mut reader);
    reader.ack();
    assert_eq!(
        receipt(done).to_string(),
        format!(
            "event 3: acked by 1 of 2, not by #2 \"mailer\" from {line}: failed: no such mailbox"
        )
    );
}

#[test]
fn reasons_of_several_lines_are_escaped() {
    let manager = EventManager::new(4);
    let mut reader = manager.subscribe();
    let done = publish(&manager, 1);
    read(&mut reader);
    reader.nack("left: 1\nright: \u{1b}[2m\"ä\"");
    let text = receipt(done).to_string();
    assert!(
        text.ends_with(r#"failed: left: 1\nright: \u{1b}[2m"ä""#),
        "{text}"
    );
}

#[test]
fn a_long_receipt_is_shortened() {
    let manager = EventManager::new(4);
    let readers: Vec<_> = (0..20).map(|_| manager.subscribe()).collect();
    let done = publish(&manager, 1);
    drop(readers);
    let receipt = receipt(done);
    assert!(receipt.to_string().ends_with(" and 12 more"));
    assert_eq!(
        receipt.to_string().matches("left before finishing").count(),
        8
    );
    let debug = format!("{:?}", receipt.unfinished()[0]);
    assert!(debug.starts_with("Unfinished { id: SubscriberId(1), name: None, kind: Stream, "));
    assert!(debug.ends_with("cause: Left }"));
}

#[test]
fn each_cause_has_a_text() {
    let texts = [
        (Cause::Left, "left before finishing"),
        (Cause::Discarded, "dropped its delivery"),
        (Cause::Failed("no disk".into()), "failed: no disk"),
        (Cause::Panicked("a bug".into()), "panicked: a bug"),
        (Cause::Overwritten, "overwritten before it was read"),
        (
            Cause::Disconnected(DisconnectCause::Requested),
            "disconnected on request",
        ),
    ];
    for (cause, text) in texts {
        assert_eq!(cause.to_string(), text);
    }
}
