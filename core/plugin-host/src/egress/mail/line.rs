//! An open line, read one line at a time.
//!
//! **Invariant:** nothing that comes before the handshake is taken for an
//! answer within TLS. Between the server's "go ahead" and its handshake it has
//! nothing to say; what comes there was put in by somebody on the way (as in
//! CVE-2011-0411). A client that had read it ahead would believe it later. Here
//! it stays in front of the handshake, which fails over it.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    /// What came behind the end of the line that was given last.
    ahead: Vec<u8>,
}

impl Line {
    /// # Errors
    /// No address answers.
    pub async fn open(addresses: &[SocketAddr]) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(addresses).await?, ahead: Vec::new() })
    }
}

impl AsyncTokioStream for Line {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let mut space = [0; 4096];
            let mut came = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut came))?;
            self.ahead.extend_from_slice(came.filled());
        }
        let end = self.ahead.iter().position(|byte| *byte == b'\n').map_or(self.ahead.len(), |place| place + 1);
        let given = end.min(to.remaining());
        to.put_slice(&self.ahead[..given]);
        self.ahead.drain(..given);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
