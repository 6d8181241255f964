//! Handlers and groups of handlers.

mod async_calls;
mod basics;
mod by_name;
mod disconnected;
mod ends_from_outside;
mod exit;
mod exit_notification;
mod failing;
mod genevent_idioms;
mod group;
mod group_exit;
mod members;
mod missed;
mod model;
mod options;
mod overflow;
mod permits;
mod restart;
mod scale;
mod stop_reasons;
mod user_code;
mod wait_queue;
mod would_deadlock;
mod yielding;
