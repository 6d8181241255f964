//! The public documentation of `tokio::sync::broadcast`, as 42 behaviours. tokio's own channel is the control: where
//! it deviates, the documentation is read wrongly.

mod behaviours;
mod control;
mod shim;
mod value;

use futures::future::BoxFuture;
use tokio::sync::broadcast::error::{RecvError, SendError, TryRecvError};

use super::{Cell, Kind, Matrix, Row};
use behaviours::behaviours;
use control::Tokio;
use shim::Genevent;
use value::Value;

/// The functions of the module.
trait Channels {
    type Sender: Sender<Receiver = Self::Receiver>;
    type Receiver: Receiver;

    /// `channel`.
    fn channel(&self, capacity: usize) -> (Self::Sender, Self::Receiver);

    /// Lets other tasks run, where values pass through a task.
    fn turn(&self) {}

    /// `Sender::new`.
    fn sender(&self, capacity: usize) -> Self::Sender;
}

/// The methods of `Sender`.
trait Sender: Clone + Send + Sync {
    type Receiver;
    type Weak: WeakSender<Sender = Self>;

    fn send(&self, value: Value) -> Result<usize, SendError<Value>>;
    fn subscribe(&self) -> Self::Receiver;
    fn downgrade(&self) -> Self::Weak;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool;
    fn receiver_count(&self) -> usize;
    fn same_channel(&self, other: &Self) -> bool;
    fn closed(&self) -> BoxFuture<'_, ()>;
    fn strong_count(&self) -> usize;
    fn weak_count(&self) -> usize;
}

/// The methods of `WeakSender`.
trait WeakSender: Clone {
    type Sender;

    fn upgrade(&self) -> Option<Self::Sender>;
}

/// The methods of `Receiver`.
trait Receiver: Send {
    fn recv(&mut self) -> BoxFuture<'_, Result<Value, RecvError>>;
    fn try_recv(&mut self) -> Result<Value, TryRecvError>;
    fn blocking_recv(&mut self) -> Result<Value, RecvError>;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool;
    fn same_channel(&self, other: &Self) -> bool;
    fn is_closed(&self) -> bool;
    fn resubscribe(&self) -> Self;
}

/// Checks every behaviour: of tokio, and of each kind of subscription with a lossy policy.
pub fn matrix() -> Matrix {
    let kinds: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| kind.can_be_lossy())
        .collect();
    let names = kinds.iter().map(|kind| kind.name());
    let rows = behaviours::<Tokio>()
        .into_iter()
        .zip(behaviours::<Genevent>());
    let rows = rows.enumerate().map(|(at, (control, shim))| {
        let control = Cell::of(|| (control.check)(&Tokio));
        let shims = kinds
            .iter()
            .map(|kind| Cell::of(|| (shim.check)(&Genevent(*kind))));
        Row {
            number: (at + 1).to_string(),
            fact: shim.fact,
            cells: [control].into_iter().chain(shims).collect(),
        }
    });
    Matrix {
        columns: ["tokio"].into_iter().chain(names).collect(),
        rows: rows.collect(),
        reasons: behaviours::REASONS,
    }
}
