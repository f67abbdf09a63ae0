//! The body of an answer on its way out.

use std::{
    any::Any,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::activity::Request;

/// The most that a connection takes at once: so what HTTP/2 buffers of an
/// answer that nobody reads is bounded, and that nobody reads it is seen.
const PART_BYTES: usize = 16 << 10;

/// What lives as long as a request is not answered whole, as an extension of
/// the answer.
#[derive(Clone)]
pub(crate) struct ResponseGuard(#[expect(dead_code, reason = "it is held, not read")] pub Arc<dyn Any + Send + Sync>);

/// Hands an answer out in parts, and keeps its request open until the last one.
pub(super) struct AnswerBody {
    inner: Body,
    rest: Bytes,
    request: Request,
    _held: Option<ResponseGuard>,
}

impl AnswerBody {
    pub fn new(inner: Body, request: Request, held: Option<ResponseGuard>) -> Self {
        request.answering(Instant::now());
        Self { inner, rest: Bytes::new(), request, _held: held }
    }

    fn part(&mut self) -> Frame<Bytes> {
        let part = self.rest.split_to(self.rest.len().min(PART_BYTES));
        Frame::data(part)
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.request.answering(Instant::now());
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.part())));
        }
        match std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx)).transpose()?.map(Frame::into_data) {
            Some(Ok(data)) => {
                self.rest = data;
                Poll::Ready(Some(Ok(self.part())))
            }
            Some(Err(trailers)) => Poll::Ready(Some(Ok(trailers))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
