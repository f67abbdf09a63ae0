//! One connection, from its first byte to its last.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Notify, watch},
};
use tower::ServiceExt as _;

use super::{
    Activity, Phase, ResponseGuard, Transport, activity::ExpiredLimit, answer::AnswerBody, connections::ConnectionSlot,
    stream::ObservedStream,
};
use crate::config::Timeouts;

/// The most of a head, and of an answer, that is buffered.
const BUFFER_BYTES: usize = 128 << 10;
/// Header fields of a request in HTTP/2, with 32 bytes for each.
const HEADER_LIST_BYTES: u32 = 64 << 10;
/// Requests at once on a connection of HTTP/2.
const STREAMS: u32 = 100;
/// Bytes of answers that HTTP/2 buffers for a stream.
const STREAM_BUFFER_BYTES: usize = 64 << 10;

/// Runs until the connection ends, or has to.
pub(super) async fn run(
    transport: Arc<Transport>,
    socket: TcpStream,
    peer: SocketAddr,
    router: Router,
    slot: ConnectionSlot,
    mut phase: watch::Receiver<Phase>,
) {
    // A socket that refuses the option still works.
    drop(socket.set_nodelay(true));
    let activity = &slot.activity;
    let closing = Notify::new();
    let mut finishing = phase.clone();
    let asked_to_close = async {
        tokio::select! {
            () = closing.notified() => {}
            // A sender that is gone has stopped too.
            _ = finishing.wait_for(|phase| *phase >= Phase::Finishing) => {}
        }
    };
    let requests = Requests { router, peer, activity: activity.clone() };
    let stream = ObservedStream::new(socket, activity.clone());
    tokio::select! {
        biased;
        () = activity.evicted() => tracing::debug!(%peer, "closed to make room"),
        _ = phase.wait_for(|phase| *phase == Phase::Cut) => {}
        overdue = watch(activity, &transport.timeouts, &closing) => tracing::debug!(%peer, ?overdue, "closed"),
        () = serve_stream(&transport, stream, requests, asked_to_close) => {}
    }
}

/// Resolves when the client has made the server wait for too long. One that is
/// merely idle is asked to close first, and gets the time of a head for it.
async fn watch(activity: &Activity, timeouts: &Timeouts, closing: &Notify) -> ExpiredLimit {
    let shortest = timeouts.head.min(timeouts.write).min(timeouts.idle);
    let mut asked = None;
    loop {
        tokio::time::sleep(shortest / 8).await;
        let now = Instant::now();
        match activity.overdue(now, timeouts) {
            None => {}
            Some(ExpiredLimit::Idle) if asked.is_none() => {
                closing.notify_one();
                asked = Some(now);
            }
            Some(ExpiredLimit::Idle) if asked.is_some_and(|asked| now.duration_since(asked) < timeouts.head) => {}
            Some(overdue) => return overdue,
        }
    }
}

async fn serve_stream(
    transport: &Transport,
    stream: ObservedStream<TcpStream>,
    requests: Requests,
    asked_to_close: impl Future<Output = ()>,
) {
    let Some(tls) = &transport.tls else { return serve_http1(stream, requests, asked_to_close).await };
    // A client that does not speak TLS has gone: there is nobody to tell.
    let Ok(stream) = tls.acceptor().accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve_http2(stream, requests, asked_to_close).await;
    } else {
        serve_http1(stream, requests, asked_to_close).await;
    }
}

async fn serve_http1<S>(stream: S, requests: Requests, asked_to_close: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    requests.activity.begins(false, Instant::now());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // `Activity` measures it: hyper's would also end idle connections.
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| requests.answer(request)));
    drive(connection, asked_to_close).await;
}

async fn serve_http2<S>(stream: S, requests: Requests, asked_to_close: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    requests.activity.begins(true, Instant::now());
    // The limits on streams that are reset stay hyper's.
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_send_buf_size(STREAM_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| requests.answer(request)));
    drive(connection, asked_to_close).await;
}

/// Runs a connection; once it is asked to close, until its requests are answered.
/// How it ends concerns the client, who knows.
async fn drive(connection: impl GracefulConnection, asked_to_close: impl Future<Output = ()>) {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = asked_to_close => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}

/// Where the requests of a connection go.
struct Requests {
    router: Router,
    peer: SocketAddr,
    activity: Arc<Activity>,
}

impl Requests {
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + use<> {
        let (open, router) = (self.activity.request(), self.router.clone());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.activity.clone());
        async move {
            let Ok(mut response) = router.oneshot(request).await;
            let held = response.extensions_mut().remove::<ResponseGuard>();
            Ok(response.map(|body| AnswerBody::new(body, open, held)))
        }
    }
}
