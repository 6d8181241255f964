//! A list of channels, each for a reader, that readers join and leave at any time.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::each::Channel;
use super::{Open, Reader};
use crate::event::Event;

/// The list is replaced when a reader joins or leaves, so a publisher holds no lock while
/// sending.
type Members<C, E> = Arc<Vec<(u64, <C as Channel<E>>::Tx)>>;

struct List<C: Channel<E>, E> {
    members: Members<C, E>,
    next: u64,
}

pub(crate) struct Hub<C: Channel<E>, E> {
    list: Arc<Mutex<List<C, E>>>,
    capacity: usize,
}

impl<C: Channel<E>, E> Clone for Hub<C, E> {
    fn clone(&self) -> Self {
        Self {
            list: Arc::clone(&self.list),
            capacity: self.capacity,
        }
    }
}

pub(crate) struct HubReader<C: Channel<E>, E>
where
    C::Tx: Clone,
{
    receiver: C::Rx,
    id: u64,
    /// Weak: the list has the hub's own sender, which must be dropped with the last hub.
    list: Weak<Mutex<List<C, E>>>,
}

impl<C: Channel<E>, E: Event> Open<E> for Hub<C, E>
where
    C::Tx: Clone + Sync,
{
    const NAME: &'static str = C::NAME;

    type Reader = HubReader<C, E>;

    fn open(capacity: usize) -> Self {
        let members = Arc::default();
        let list = Arc::new(Mutex::new(List { members, next: 0 }));
        Self { list, capacity }
    }

    fn subscribe(&self) -> Self::Reader {
        let (sender, receiver) = C::open(self.capacity);
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let id = list.next;
        list.next += 1;
        Arc::make_mut(&mut list.members).push((id, sender));
        HubReader {
            receiver,
            id,
            list: Arc::downgrade(&self.list),
        }
    }

    async fn publish(&mut self, event: E) {
        let members = {
            let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&list.members)
        };
        for (_, sender) in members.iter() {
            // A reader that has left in between does not matter.
            C::send(&mut sender.clone(), event.clone()).await;
        }
    }
}

impl<C: Channel<E>, E: Event> Reader<E> for HubReader<C, E>
where
    C::Tx: Clone + Sync,
{
    async fn next(&mut self) -> Option<E> {
        C::recv(&mut self.receiver).await
    }
}

impl<C: Channel<E>, E> Drop for HubReader<C, E>
where
    C::Tx: Clone,
{
    fn drop(&mut self) {
        if let Some(list) = self.list.upgrade() {
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            let id = self.id;
            Arc::make_mut(&mut list.members).retain(|(member, _)| *member != id);
        }
    }
}
