//! The connections that are open, and who has to go when there are too many.
//!
//! **Invariant:** a connection on which the server works is never closed for
//! another one. A flood of connections that send nothing closes its like first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use super::{
    activity::{Activity, Standing},
    network::Network,
};

/// Connections that were told to go and have not gone yet, beyond the maximum.
const LEAVING: usize = 64;

/// All connections of a server.
pub(super) struct Connections {
    most: usize,
    most_per_network: usize,
    state: Mutex<State>,
    /// Sockets that are open, those that were told to go included.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    next: u64,
    count: usize,
    /// In the order in which they came. Of no network: those of trusted proxies.
    by_network: HashMap<Option<Network>, BTreeMap<u64, Arc<Activity>>>,
}

/// One of the connections that are open.
pub(super) struct ConnectionSlot {
    connections: Arc<Connections>,
    network: Option<Network>,
    number: u64,
    pub activity: Arc<Activity>,
}

impl Connections {
    pub fn new(most: usize, most_per_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_network, state: Mutex::default(), open: watch::channel(0).0 })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection, or none when the server works on all others.
    pub fn admit(self: &Arc<Self>, network: Option<Network>) -> Option<ConnectionSlot> {
        let mut state = self.state();
        let crowded = network.is_some() && state.connections_of(network) >= self.most_per_network;
        if *self.open.borrow() >= self.most.saturating_add(LEAVING)
            || (crowded && !state.evict_of(network))
            || (state.count >= self.most && !state.evict_any())
        {
            return None;
        }
        let activity = Activity::new(Instant::now());
        let number = state.insert(network, activity.clone());
        self.open.send_modify(|open| *open += 1);
        drop(state);
        Some(ConnectionSlot { connections: self.clone(), network, number, activity })
    }

    /// Closes one that waits for its client: the system has no more descriptors.
    pub fn make_room(&self) {
        self.state().evict_any();
    }

    /// Resolves when none is open.
    pub async fn closed(&self) {
        // The sender lives in `self`, so that there is no other end.
        drop(self.open.subscribe().wait_for(|open| *open == 0).await);
    }
}

impl State {
    fn connections_of(&self, network: Option<Network>) -> usize {
        self.by_network.get(&network).map_or(0, BTreeMap::len)
    }

    fn insert(&mut self, network: Option<Network>, activity: Arc<Activity>) -> u64 {
        self.next += 1;
        self.count += 1;
        self.by_network.entry(network).or_default().insert(self.next, activity);
        self.next
    }

    fn remove(&mut self, network: Option<Network>, number: u64) -> Option<Arc<Activity>> {
        let of_network = self.by_network.get_mut(&network)?;
        let removed = of_network.remove(&number);
        if of_network.is_empty() {
            self.by_network.remove(&network);
        }
        self.count -= usize::from(removed.is_some());
        removed
    }

    /// Closes the oldest one of a network that sends nothing, or else the oldest
    /// one that takes its answers slowly.
    fn evict_of(&mut self, network: Option<Network>) -> bool {
        let own = self.by_network.get(&network).into_iter().flatten();
        let idle = own.map(|(number, activity)| (activity.standing(), *number));
        let first = idle.filter(|(standing, _)| *standing != Standing::Working).min();
        let removed = first.and_then(|(_, number)| self.remove(network, number));
        removed.inspect(|activity| activity.evict()).is_some()
    }

    /// Closes one of the network that has the most; of trusted proxies last.
    fn evict_any(&mut self) -> bool {
        let size = |(network, own): (&Option<Network>, &BTreeMap<_, _>)| (network.is_some(), own.len(), *network);
        let mut networks: Vec<_> = self.by_network.iter().map(size).collect();
        networks.sort_unstable_by_key(|(direct, count, _)| std::cmp::Reverse((*direct, *count)));
        networks.into_iter().any(|(_, _, network)| self.evict_of(network))
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.state().remove(self.network, self.number);
        self.connections.open.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Option<Network> {
        Some(Network::of([192, 0, 2, last].into()))
    }

    async fn was_evicted(admitted: &ConnectionSlot) -> bool {
        let now = std::future::ready(());
        tokio::select! { biased; () = admitted.activity.evicted() => true, () = now => false }
    }

    #[tokio::test]
    async fn the_oldest_that_waits_for_its_client_makes_room_for_its_own_network() {
        let connections = Connections::new(10, 2);
        let other = connections.admit(network(1)).expect("room");
        let (first, second) =
            (connections.admit(network(2)).expect("room"), connections.admit(network(2)).expect("room"));
        let _at_work = first.activity.work();
        let _third = connections.admit(network(2)).expect("the second makes room");
        assert!(was_evicted(&second).await);
        assert!(!was_evicted(&first).await && !was_evicted(&other).await);
    }

    #[tokio::test]
    async fn the_network_with_the_most_makes_room_when_all_are_full() {
        let connections = Connections::new(3, 2);
        let quiet = connections.admit(network(1)).expect("room");
        let loud = connections.admit(network(2)).expect("room");
        let _loud = connections.admit(network(2)).expect("room");
        let _new = connections.admit(network(3)).expect("room is made");
        assert!(was_evicted(&loud).await && !was_evicted(&quiet).await);
    }

    #[tokio::test]
    async fn who_sends_nothing_goes_before_who_takes_an_answer() {
        let connections = Connections::new(10, 2);
        let (reader, silent) =
            (connections.admit(network(1)).expect("room"), connections.admit(network(1)).expect("room"));
        let answering = reader.activity.request();
        answering.answering(Instant::now());
        let third = connections.admit(network(1)).expect("the silent one makes room");
        assert!(was_evicted(&silent).await && !was_evicted(&reader).await);
        let _at_work = third.activity.work();
        let _fourth = connections.admit(network(1)).expect("the reader makes room");
        assert!(was_evicted(&reader).await && !was_evicted(&third).await);
    }

    #[tokio::test]
    async fn nobody_is_admitted_while_all_are_worked_for() {
        let connections = Connections::new(10, 1);
        let only = connections.admit(network(1)).expect("room");
        let work = only.activity.work();
        assert!(connections.admit(network(1)).is_none());
        assert!(connections.admit(network(2)).is_some(), "another network is not concerned");
        drop(work);
        assert!(connections.admit(network(1)).is_some());
    }

    #[tokio::test]
    async fn trusted_proxies_count_in_all_only() {
        let connections = Connections::new(3, 1);
        let all: Vec<_> = (0..3).map(|_| connections.admit(None).expect("room")).collect();
        let work: Vec<_> = all.iter().map(|admitted| admitted.activity.work()).collect();
        assert!(connections.admit(None).is_none());
        drop((work, all));
        connections.closed().await;
    }
}
