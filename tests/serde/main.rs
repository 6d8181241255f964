//! Feature `serde`: receipts, statistics and ids as JSON.

use futures::FutureExt;
use genevent::{
    Cause, DisconnectCause, EndReason, EventManager, Overflow, SubscribeOptions, SubscriberKind,
};
use serde_json::{json, to_value};

#[test]
fn a_receipt_names_names() {
    let manager = EventManager::new(4);
    let empty = manager.sync_notify(0).now_or_never().unwrap().unwrap();
    let expected = json!({ "seq": 1, "acked": 0, "unfinished": [] });
    assert_eq!(to_value(empty).unwrap(), expected);

    let mut mailer = manager.subscribe_with(SubscribeOptions::new().name("mailer"));
    let unnamed = manager.subscribe_filter(|_| true);
    let lines = manager.subscribers();
    let [mailer_line, unnamed_line] = [0, 1].map(|at: usize| lines[at].created_at().to_string());
    let mut done = manager.sync_notify(1);
    assert!((&mut done).now_or_never().is_none());
    mailer.next().now_or_never();
    mailer.nack("no such mailbox");
    drop(unnamed);
    let receipt = done.now_or_never().unwrap().unwrap();
    assert_eq!(
        to_value(&receipt).unwrap(),
        json!({
            "seq": 2,
            "acked": 0,
            "unfinished": [
                {
                    "id": 1,
                    "name": "mailer",
                    "kind": "stream",
                    "created_at": mailer_line,
                    "cause": { "failed": "no such mailbox" },
                },
                {
                    "id": 2,
                    "name": null,
                    "kind": "filtered",
                    "created_at": unnamed_line,
                    "cause": "left",
                },
            ],
        })
    );
}

#[test]
fn causes_and_reasons_are_words() {
    let cause = DisconnectCause::Requested;
    let values = [
        (to_value(Cause::Left), json!("left")),
        (to_value(Cause::Discarded), json!("discarded")),
        (
            to_value(Cause::Panicked("a bug".into())),
            json!({ "panicked": "a bug" }),
        ),
        (to_value(Cause::Overwritten), json!("overwritten")),
        (
            to_value(Cause::Disconnected(cause)),
            json!({ "disconnected": "requested" }),
        ),
        (to_value(EndReason::Closed), json!("closed")),
        (to_value(SubscriberKind::Handler), json!("handler")),
        (to_value(Overflow::DropOldest), json!("drop_oldest")),
    ];
    for (value, expected) in values {
        assert_eq!(value.unwrap(), expected);
    }
}

#[test]
fn statistics_have_a_field_for_each_method() {
    let manager = EventManager::builder().name("orders").capacity(1).build();
    let first = manager.subscribe();
    let options = SubscribeOptions::new().name("kitchen").after(first.id());
    let _kitchen = manager.subscribe_with(options);
    manager.try_notify(1).unwrap();

    let stats = to_value(manager.stats()).unwrap();
    assert_eq!(
        (&stats["name"], &stats["capacity"]),
        (&json!("orders"), &json!(1))
    );
    assert_eq!(
        (&stats["published"], &stats["closed"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(stats["leaving"], json!([]));
    let info = &manager.subscribers()[1];
    assert_eq!(stats["subscribers"][1], to_value(info).unwrap());
    assert_eq!(
        to_value(info).unwrap(),
        json!({
            "id": 2,
            "name": "kitchen",
            "kind": "stream",
            "is_observer": false,
            "created_at": info.created_at().to_string(),
            "overflow": "wait",
            "window": 1,
            "after": [1],
            "unread": 1,
            "unacked": 0,
            "missed": 0,
            "blocking_for": null,
        })
    );
    assert_eq!(to_value(first.id()).unwrap(), json!(1));
}
