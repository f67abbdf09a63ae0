//! Telling a client that there is no room for its connection.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};

const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json; charset=utf-8\r\n\
    content-length: 121\r\n\
    cache-control: no-store\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"errors\":[{\"message\":\"The server has as many connections as it takes. Try again.\",\"extensions\":{\"code\":\"UNAVAILABLE\"}}]}";

/// Clients that are being told so; others are hung up on.
const AT_ONCE: usize = 64;
/// How long one may take to read it.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Refusals(Arc<Semaphore>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Refusals {
    /// Answers 503, or closes at once where that is not to be had: in the middle
    /// of many, and before a handshake.
    pub fn refuse(&self, socket: TcpStream, encrypted: bool) {
        let Ok(permit) = self.0.clone().try_acquire_owned() else { return };
        if !encrypted {
            tokio::spawn(async move {
                // Who has gone already needs no answer.
                drop(tokio::time::timeout(PATIENCE, answer(socket)).await);
                drop(permit);
            });
        }
    }
}

/// What the client sends is read up to its end: otherwise the system would
/// reset the connection, and the answer with it.
async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    socket.write_all(ANSWER).await?;
    socket.shutdown().await?;
    let mut ignored = [0; 4096];
    while socket.read(&mut ignored).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(ANSWER).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("head and body");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        assert!(body.contains("UNAVAILABLE") && serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
