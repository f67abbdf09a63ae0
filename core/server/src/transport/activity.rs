//! What a connection is doing, and since when: from this it is decided when a
//! connection has made the server wait for too long, and which one may be
//! closed to make room.
//!
//! **Invariant:** whatever a client does or leaves undone, one of the limits
//! runs, unless the server itself is at work; that has limits of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::Notify;

use crate::config::Timeouts;

/// A client that takes less than this of a blocked answer takes nothing.
const PROGRESS_BYTES: usize = 4096;

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpiredLimit {
    /// The head of a request, or a handshake, is not complete.
    Head,
    /// No request has come.
    Idle,
    /// The client takes nothing of its answer.
    Write,
}

/// Who waits for whom; what comes first has to go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// The server waits for the client to send something.
    Waiting,
    /// The server waits for the client to take its answers.
    Answering,
    /// The client waits for the server.
    Working,
}

/// One connection, as seen by its socket, its requests and its answers.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Debug)]
struct State {
    /// Whether requests run beside each other in frames (HTTP/2): then bytes
    /// that arrive need not be the head of a request.
    multiplexed: bool,
    head_since: Option<Instant>,
    idle_since: Option<Instant>,
    /// Since when the socket takes no more, and the bytes that it has taken since.
    blocked: Option<(Instant, usize)>,
    next: u64,
    /// Requests that are not answered whole; those that are being answered
    /// with the time at which a part of the answer was taken last.
    requests: BTreeMap<u64, Option<Instant>>,
    /// Requests that wait for the server, not for the client.
    working: usize,
}

impl Activity {
    pub fn new(now: Instant) -> Arc<Self> {
        let state = State {
            multiplexed: false,
            head_since: Some(now),
            idle_since: None,
            blocked: None,
            next: 0,
            requests: BTreeMap::new(),
            working: 0,
        };
        Arc::new(Self { state: Mutex::new(state), evicted: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handshake is done; from here on requests come.
    pub(super) fn begins(&self, multiplexed: bool, now: Instant) {
        let mut state = self.state();
        state.multiplexed = multiplexed;
        state.head_since = Some(now);
    }

    /// Bytes arrived.
    pub(super) fn read(&self, now: Instant) {
        let mut state = self.state();
        if !state.multiplexed && state.requests.is_empty() && state.idle_since.take().is_some() {
            state.head_since = Some(now);
        }
    }

    /// The socket takes no more for now.
    pub(super) fn write_blocked(&self, now: Instant) {
        self.state().blocked.get_or_insert((now, 0));
    }

    pub(super) fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        if let Some((_, taken)) = &mut state.blocked {
            *taken += bytes;
            if *taken >= PROGRESS_BYTES {
                state.blocked = None;
            }
        }
    }

    /// Everything that was to be written has been taken by the socket.
    pub(super) fn flushed(&self, now: Instant) {
        let mut state = self.state();
        if state.blocked.take().is_some() && state.idle_since.is_some() {
            state.idle_since = Some(now);
        }
    }

    /// A request has come. It lasts until what is returned is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Request {
        let mut state = self.state();
        (state.head_since, state.idle_since) = (None, None);
        state.next += 1;
        let number = state.next;
        state.requests.insert(number, None);
        drop(state);
        Request { activity: self.clone(), number }
    }

    /// The server is at work on a request, until what is returned is dropped.
    pub(crate) fn work(self: &Arc<Self>) -> Work {
        self.state().working += 1;
        Work(self.clone())
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        match (state.working, state.requests.values().any(Option::is_some)) {
            (0, false) => Standing::Waiting,
            (0, true) => Standing::Answering,
            _ => Standing::Working,
        }
    }

    /// Another connection gets the place of this one.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Closes this one, unless the server is at work on it. Returns whether it did.
    pub(crate) fn give_up(&self) -> bool {
        let may = self.standing() != Standing::Working;
        if may {
            self.evict();
        }
        may
    }

    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    pub(super) fn overdue(&self, now: Instant, limits: &Timeouts) -> Option<ExpiredLimit> {
        let state = self.state();
        let over = |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
        let oldest_answer = state.requests.values().flatten().min().copied().filter(|_| state.multiplexed);
        if over(state.head_since, limits.head) {
            Some(ExpiredLimit::Head)
        } else if over(state.blocked.map(|(since, _)| since), limits.write) || over(oldest_answer, limits.write) {
            Some(ExpiredLimit::Write)
        } else if state.blocked.is_none() && over(state.idle_since, limits.idle) {
            Some(ExpiredLimit::Idle)
        } else {
            None
        }
    }
}

/// A request that is not answered whole.
#[derive(Debug)]
pub(super) struct Request {
    activity: Arc<Activity>,
    number: u64,
}

impl Request {
    /// The connection asks for a part of the answer: it has room for it.
    pub fn answering(&self, now: Instant) {
        self.activity.state().requests.insert(self.number, Some(now));
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.requests.remove(&self.number);
        if state.requests.is_empty() {
            state.idle_since = Some(Instant::now());
        }
    }
}

/// Work of the server on a request.
#[derive(Debug)]
pub(crate) struct Work(Arc<Activity>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.state().working -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMITS: Timeouts = Timeouts {
        head: SECOND,
        body: SECOND,
        upload: SECOND,
        request: SECOND,
        write: Duration::from_secs(2),
        idle: Duration::from_secs(3),
    };

    #[test]
    fn a_head_has_its_time_from_its_first_byte_on() {
        let start = Instant::now();
        let activity = Activity::new(start);
        assert_eq!(activity.overdue(start, &LIMITS), None);
        assert_eq!(activity.overdue(start + SECOND, &LIMITS), Some(ExpiredLimit::Head), "nothing was ever sent");
        drop(activity.request());
        let idle = Instant::now();
        assert_eq!(activity.overdue(idle + 2 * SECOND, &LIMITS), None, "an idle connection may stay a while");
        assert_eq!(activity.overdue(idle + 4 * SECOND, &LIMITS), Some(ExpiredLimit::Idle));
        activity.read(idle + 2 * SECOND);
        assert_eq!(activity.overdue(idle + 3 * SECOND, &LIMITS), Some(ExpiredLimit::Head));
        activity.read(idle + 3 * SECOND);
        assert_eq!(
            activity.overdue(idle + 3 * SECOND, &LIMITS),
            Some(ExpiredLimit::Head),
            "another byte gives no more time"
        );
    }

    #[test]
    fn a_request_at_work_is_never_overdue() {
        let activity = Activity::new(Instant::now());
        let request = activity.request();
        let work = activity.work();
        assert_eq!(activity.overdue(Instant::now() + 100 * SECOND, &LIMITS), None);
        assert_eq!(activity.standing(), Standing::Working);
        drop(work);
        request.answering(Instant::now());
        assert_eq!(activity.standing(), Standing::Answering);
        drop(request);
        assert_eq!(activity.standing(), Standing::Waiting);
    }

    #[test]
    fn a_reader_that_takes_a_byte_now_and_then_takes_nothing() {
        let start = Instant::now();
        let activity = Activity::new(start);
        let _request = activity.request();
        activity.write_blocked(start);
        activity.wrote(1);
        activity.write_blocked(start + SECOND);
        assert_eq!(activity.overdue(start + 2 * SECOND, &LIMITS), Some(ExpiredLimit::Write));
        activity.wrote(PROGRESS_BYTES);
        activity.write_blocked(start + 2 * SECOND);
        assert_eq!(activity.overdue(start + 3 * SECOND, &LIMITS), None, "a slow reader that goes on may go on");
    }

    #[test]
    fn one_stalled_answer_of_many_is_seen() {
        let start = Instant::now();
        let activity = Activity::new(start);
        activity.begins(true, start);
        let (stalled, lively) = (activity.request(), activity.request());
        stalled.answering(start);
        lively.answering(start + 2 * SECOND);
        assert_eq!(activity.overdue(start + 2 * SECOND, &LIMITS), Some(ExpiredLimit::Write));
        drop(stalled);
        assert_eq!(activity.overdue(start + 2 * SECOND, &LIMITS), None);
    }
}
