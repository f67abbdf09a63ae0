//! What may run at once, and for how long; an answer even when a handler panics.
//!
//! A request first arrives: that takes as long as its client wants, within a
//! limit. Then it is worked on: for that there is a number of places, and
//! another limit. Both limits end the handler, whatever it waits for.

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures::FutureExt as _;
use http_body::{Body as HttpBody, Frame, SizeHint};
use lyceum_kernel::{ErrorCode, Failure};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{client::ClientAddress, envelope::request_id, refused};
use crate::{
    config::{Capacity, Timeouts},
    transport::{Activity, Network, ResponseGuard, Work},
};

/// Counts what runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission {
    timeouts: Timeouts,
    most: usize,
    most_per_network: usize,
    running: Arc<Semaphore>,
    open: Arc<Mutex<OpenRequests>>,
}

/// The requests of each network that are not answered whole, oldest first.
#[derive(Default)]
struct OpenRequests {
    next: u64,
    count: usize,
    by_network: HashMap<Network, BTreeMap<u64, Arc<Progress>>>,
}

impl Admission {
    pub fn new(timeouts: Timeouts, capacity: Capacity) -> Self {
        let running = Arc::new(Semaphore::new(capacity.requests.min(Semaphore::MAX_PERMITS)));
        Self {
            timeouts,
            // HTTP/1.1 has one on each connection; HTTP/2 gets no more.
            most: capacity.connections,
            most_per_network: capacity.per_network,
            running,
            open: Arc::default(),
        }
    }

    /// A place among the requests of a network. When it has too many, or all
    /// together, one that waits for its client is given up, as with connections.
    fn enter(&self, network: Network, activity: Option<Arc<Activity>>) -> Option<NetworkSlot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = open.by_network.get(&network).is_some_and(|own| own.len() >= self.most_per_network);
        if (crowded && !open.give_up_of(network)) || (open.count >= self.most && !open.give_up_any()) {
            return None;
        }
        let progress = Arc::new(Progress { activity, ..Progress::default() });
        let number = open.insert(network, progress.clone());
        Some(NetworkSlot { admission: self.clone(), network, number, progress })
    }

    /// Resolves when the request has to be given up.
    async fn expires(&self, arrival: &Arrival, is_upload: bool) -> Refusal {
        let (body, work) = match is_upload {
            true => (self.timeouts.upload, self.timeouts.upload),
            false => (self.timeouts.body, self.timeouts.request),
        };
        match tokio::time::timeout(body, arrival.progress().ended()).await {
            Err(_) => Refusal::SlowBody(body),
            Ok(false) => Refusal::Busy,
            Ok(true) => {
                tokio::time::sleep(work).await;
                Refusal::SlowWork(work)
            }
        }
    }
}

impl OpenRequests {
    fn insert(&mut self, network: Network, progress: Arc<Progress>) -> u64 {
        self.next += 1;
        self.count += 1;
        self.by_network.entry(network).or_default().insert(self.next, progress);
        self.next
    }

    fn remove(&mut self, network: Network, number: u64) {
        let Some(own) = self.by_network.get_mut(&network) else { return };
        self.count -= usize::from(own.remove(&number).is_some());
        if own.is_empty() {
            self.by_network.remove(&network);
        }
    }

    /// The one that has been arriving for longest, or else the first whose answer
    /// is not taken.
    fn give_up_of(&mut self, network: Network) -> bool {
        let Some(own) = self.by_network.get(&network) else { return false };
        let arriving = own.iter().find(|(_, progress)| progress.turn_away());
        let given_up = arriving.or_else(|| own.iter().find(|(_, progress)| progress.leave_untaken()));
        let number = given_up.map(|(number, _)| *number);
        number.inspect(|number| self.remove(network, *number)).is_some()
    }

    /// One of the network that has the most.
    fn give_up_any(&mut self) -> bool {
        let mut networks: Vec<_> = self.by_network.iter().map(|(network, own)| (own.len(), *network)).collect();
        networks.sort_unstable_by_key(|(count, _)| std::cmp::Reverse(*count));
        networks.into_iter().any(|(_, network)| self.give_up_of(network))
    }
}

/// One request of a network, until it is answered whole.
struct NetworkSlot {
    admission: Admission,
    network: Network,
    number: u64,
    progress: Arc<Progress>,
}

impl Drop for NetworkSlot {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(self.network, self.number);
    }
}

/// Why a request is not answered as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Busy,
    SlowBody(Duration),
    SlowWork(Duration),
}

impl Refusal {
    fn response(self, request_id: &str) -> Response {
        let seconds = |limit: Duration| limit.as_secs_f64();
        let (status, code, message) = match self {
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                "The server has as many requests as it takes. Try again.".to_owned(),
            ),
            Self::SlowBody(limit) => (
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::QueryTimeout,
                format!("The request did not arrive whole within {} seconds.", seconds(limit)),
            ),
            Self::SlowWork(limit) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::QueryTimeout,
                format!("The request took longer than {} seconds and was ended.", seconds(limit)),
            ),
        };
        let mut response = refused(status, &Failure::new(code, message), request_id);
        if self == Self::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Runs a request when there is room for it, and as long as it may.
pub(super) async fn limited(
    State(admission): State<Admission>,
    Extension(client): Extension<ClientAddress>,
    activity: Option<Extension<Arc<Activity>>>,
    request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers()).to_owned();
    let Some(place) = admission.enter(client.network(), activity.map(|Extension(activity)| activity)) else {
        return Refusal::Busy.response(&id);
    };
    let arrival = Arc::new(Arrival::new(place, admission.running.clone()));
    let is_upload = is_upload(&request);
    let request = request.map(|body| Body::new(ArrivingBody { inner: body, arrival: arrival.clone() }));
    if request.body().is_end_stream() && !arrival.end() {
        return Refusal::Busy.response(&id);
    }
    let handler = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = tokio::select! {
        biased;
        answer = handler => answer.unwrap_or_else(|_| broken(&id)),
        refusal = admission.expires(&arrival, is_upload) => refusal.response(&id),
    };
    arrival.worked();
    response.extensions_mut().insert(ResponseGuard(arrival));
    response
}

/// A handler panicked. The panic hook has logged where.
fn broken(id: &str) -> Response {
    refused(StatusCode::INTERNAL_SERVER_ERROR, &Failure::internal("a handler panicked"), id)
}

/// Whether the request brings files, as `/graphql` takes them.
fn is_upload(request: &Request) -> bool {
    let multipart = |headers: &HeaderMap| {
        let value = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
        value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
    };
    request.uri().path() == "/graphql" && multipart(request.headers())
}

const ARRIVING: u8 = 0;
const ADMITTED: u8 = 1;
const TURNED_AWAY: u8 = 2;
const WORKED: u8 = 3;

/// How far a request is.
#[derive(Default)]
struct Progress {
    state: AtomicU8,
    changed: Notify,
    /// Of its connection, when it came by one.
    activity: Option<Arc<Activity>>,
}

impl Progress {
    /// Returns whether it was this call that ended the arrival.
    fn end(&self, state: u8) -> bool {
        let ended = self.state.compare_exchange(ARRIVING, state, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if ended {
            self.changed.notify_one();
        }
        ended
    }

    fn turn_away(&self) -> bool {
        self.end(TURNED_AWAY)
    }

    /// Closes the connection of an answer that is on its way.
    fn leave_untaken(&self) -> bool {
        self.state.load(Ordering::Acquire) == WORKED
            && self.activity.as_ref().is_some_and(|activity| activity.give_up())
    }

    fn is_admitted(&self) -> bool {
        self.state.load(Ordering::Acquire) == ADMITTED
    }

    /// Resolves when the request is here: whether it may be worked on.
    async fn ended(&self) -> bool {
        while self.state.load(Ordering::Acquire) == ARRIVING {
            self.changed.notified().await;
        }
        self.is_admitted()
    }
}

/// A request that arrives and is worked on. Held until it is answered whole.
struct Arrival {
    network: NetworkSlot,
    running: Arc<Semaphore>,
    place: Mutex<Option<WorkSlot>>,
}

/// A place among those that are worked on, which the connection knows of.
struct WorkSlot {
    _permit: OwnedSemaphorePermit,
    _work: Option<Work>,
}

impl Arrival {
    fn new(network: NetworkSlot, running: Arc<Semaphore>) -> Self {
        Self { network, running, place: Mutex::default() }
    }

    fn progress(&self) -> &Progress {
        &self.network.progress
    }

    /// The request is here. Returns whether it may be worked on.
    fn end(&self) -> bool {
        if self.progress().is_admitted() {
            return true;
        }
        match self.running.clone().try_acquire_owned() {
            Ok(permit) if self.progress().end(ADMITTED) => {
                let work = self.progress().activity.as_ref().map(Activity::work);
                *self.place.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(WorkSlot { _permit: permit, _work: work });
                true
            }
            _ => {
                self.progress().turn_away();
                false
            }
        }
    }

    /// The work is done; the answer is still on its way.
    fn worked(&self) {
        self.progress().state.store(WORKED, Ordering::Release);
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The body of a request, which says when it has arrived. One that may not be
/// worked on does not end: the handler goes no further.
struct ArrivingBody {
    inner: Body,
    arrival: Arc<Arrival>,
}

impl HttpBody for ArrivingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let ends = frame.is_none() || self.inner.is_end_stream();
        if ends && !self.arrival.end() { Poll::Pending } else { Poll::Ready(frame) }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn admission(connections: usize, per_network: usize, requests: usize) -> Admission {
        Admission::new(Config::default().server.timeouts, Capacity { connections, per_network, requests })
    }

    fn arriving(admission: &Admission, last: u8) -> Option<Arrival> {
        let place = admission.enter(Network::of([192, 0, 2, last].into()), None)?;
        Some(Arrival::new(place, admission.running.clone()))
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_makes_room_for_another_request() {
        let admission = admission(100, 2, 10);
        let (slow, slower) = (arriving(&admission, 1).expect("room"), arriving(&admission, 1).expect("room"));
        let new = arriving(&admission, 1).expect("the oldest one makes room");
        assert!(!slow.progress().ended().await && !slow.end());
        assert!(slower.end() && new.end());
        assert!(arriving(&admission, 1).is_none(), "both are worked on");
        assert!(arriving(&admission, 2).is_some(), "another network is not concerned");
        drop(slower);
        assert!(arriving(&admission, 1).is_some());
    }

    #[tokio::test]
    async fn the_network_with_the_most_makes_room_when_there_are_too_many_in_all() {
        let admission = admission(3, 2, 10);
        let quiet = arriving(&admission, 1).expect("room");
        let (loud, louder) = (arriving(&admission, 2).expect("room"), arriving(&admission, 2).expect("room"));
        let new = arriving(&admission, 3).expect("room is made");
        assert!(!loud.end() && quiet.end() && louder.end() && new.end());
        assert!(arriving(&admission, 4).is_none(), "all are worked on");
    }

    #[tokio::test]
    async fn so_many_are_worked_on_at_once() {
        let admission = admission(100, 10, 1);
        let (first, second) = (arriving(&admission, 1).expect("room"), arriving(&admission, 2).expect("room"));
        assert!(first.end() && first.end(), "the end is told twice");
        assert!(!second.end());
        first.worked();
        assert!(arriving(&admission, 2).expect("room").end(), "an answer on its way takes no place");
        drop((first, second));
        assert!(admission.open.lock().expect("whole").by_network.is_empty());
    }
}
