//! Publishing futures that borrow nothing.

use futures::{FutureExt, TryFutureExt};

use super::{
    A_LONG_TIME, Call, MILLISECOND, MINE, Row, answered, in_time, reserved, sent, stored, used,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "EventManager::notify_owned",
        call: Call::Manager(|manager| manager.notify_owned(MINE).map(stored).boxed_local()),
    },
    Row {
        name: "EventManager::ack_notify_owned",
        call: Call::Manager(|manager| manager.ack_notify_owned(MINE).map(answered).boxed_local()),
    },
    Row {
        name: "EventManager::sync_notify_owned",
        call: Call::Manager(|manager| manager.sync_notify_owned(MINE).map(answered).boxed_local()),
    },
    Row {
        name: "EventManager::reserve_owned",
        call: Call::Manager(|manager| {
            let reserve = manager.reserve_owned();
            reserve.map_ok(used).map(sent).boxed_local()
        }),
    },
    Row {
        name: "NotifyOwned::within",
        call: Call::Manager(|manager| {
            let notify = manager.notify_owned(MINE).within(5 * MILLISECOND);
            notify.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "AckNotifyOwned::within",
        call: Call::Manager(|manager| {
            let waits = manager.ack_notify_owned(MINE).within(5 * MILLISECOND);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "SyncNotifyOwned::within",
        call: Call::Manager(|manager| {
            let waits = manager.sync_notify_owned(MINE).within(5 * MILLISECOND);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "SyncNotifyOwned::within",
        call: Call::Manager(|manager| {
            let waits = manager.sync_notify_owned(MINE).within(A_LONG_TIME);
            waits.map(in_time).boxed_local()
        }),
    },
    Row {
        name: "ReserveOwned::within",
        call: Call::Manager(|manager| {
            let reserve = manager.reserve_owned().within(5 * MILLISECOND);
            reserve.map(reserved).boxed_local()
        }),
    },
];
