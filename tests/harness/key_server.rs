//! A key server that answers any bytes, late, endlessly or never, and counts its requests and bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::soon;

const ENDLESS_BYTES: usize = 100_000_000;
/// The lifetime of the keys in the server's answer.
pub(crate) const MAX_AGE_SECONDS: u64 = 60;

#[derive(Clone)]
pub(crate) enum Answer {
    /// The request is read, but not answered until another value is set.
    Withheld,
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// A hundred megabytes, with or without a content length.
    Endless { is_announced: bool },
}

impl Answer {
    pub(crate) fn keys(keys: &[Value]) -> Self {
        let headers = format!("cache-control: public, max-age={MAX_AGE_SECONDS}\r\n");
        Self::reply("200 OK", &headers, json!({"keys": keys}).to_string())
    }

    /// Returns an answer with `headers`, which are whole lines.
    pub(crate) fn reply(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len();
        Self::cut(status, headers, body, length)
    }

    /// Returns an answer whose content length is wrong.
    pub(crate) fn cut(
        status: &str,
        headers: &str,
        body: impl AsRef<[u8]>,
        announced: usize,
    ) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {announced}\r\nconnection: close\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.as_ref());
        Self::Bytes(bytes)
    }
}

struct Shared {
    answer: watch::Sender<Answer>,
    /// The heads of all requests so far.
    request_heads: watch::Sender<Vec<String>>,
    longest_answer: watch::Sender<usize>,
}

pub(crate) struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<JoinHandle<()>>,
}

impl KeyServer {
    pub(crate) async fn start(answer: Answer) -> Self {
        let shared = Arc::new(Shared {
            answer: watch::Sender::new(answer),
            request_heads: watch::Sender::default(),
            longest_answer: watch::Sender::default(),
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let accepting = Mutex::new(tokio::spawn(accept(socket, Arc::clone(&shared))));
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/certs", self.address)
    }

    pub(crate) fn set_answer(&self, answer: Answer) {
        self.shared.answer.send_replace(answer);
    }

    /// Refuses connections from now on.
    pub(crate) async fn go_down(&self) {
        let accepting = std::mem::replace(
            &mut *self.accepting.lock().expect("the task"),
            tokio::spawn(async {}),
        );
        accepting.abort();
        let _ = accepting.await;
    }

    pub(crate) async fn come_up(&self) {
        let socket = TcpListener::bind(self.address).await.expect("the port");
        *self.accepting.lock().expect("the task") =
            tokio::spawn(accept(socket, Arc::clone(&self.shared)));
    }

    /// Returns the number of requests.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.request_heads.borrow().len()
    }

    /// The heads of all requests so far.
    pub(crate) fn request_heads(&self) -> Vec<String> {
        self.shared.request_heads.borrow().clone()
    }

    /// Waits for this number of requests.
    pub(crate) async fn fetched(&self, times: usize) {
        let mut requests = self.shared.request_heads.subscribe();
        soon(
            "a fetch",
            requests.wait_for(|requests| requests.len() >= times),
        )
        .await
        .expect("the server");
    }

    /// Returns the bytes of the longest answer that a client has read.
    pub(crate) fn longest_answer(&self) -> usize {
        *self.shared.longest_answer.borrow()
    }
}

async fn accept(socket: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = socket.accept().await.expect("a connection");
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { serve(stream, &shared).await });
    }
}

/// Errors of the connection end the answer only, since a client may disconnect at any time.
async fn serve(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    shared
        .request_heads
        .send_modify(|requests| requests.push(head));
    let mut answer = shared.answer.subscribe();
    let answer = answer
        .wait_for(|answer| !matches!(answer, Answer::Withheld))
        .await
        .ok()?
        .clone();
    match answer {
        Answer::Withheld => None,
        Answer::Bytes(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.shutdown().await.ok()
        }
        Answer::Endless { is_announced } => send_endlessly(stream, is_announced, shared).await,
    }
}

async fn send_endlessly(mut stream: TcpStream, is_announced: bool, shared: &Shared) -> Option<()> {
    let length = if is_announced {
        format!("content-length: {ENDLESS_BYTES}\r\n")
    } else {
        String::new()
    };
    let head = format!("HTTP/1.1 200 OK\r\n{length}connection: close\r\n\r\n{{\"keys\":[");
    stream.write_all(head.as_bytes()).await.ok()?;
    let chunk = [b' '; 10_000];
    for sent in (0..ENDLESS_BYTES).step_by(chunk.len()) {
        shared
            .longest_answer
            .send_modify(|longest| *longest = sent.max(*longest));
        stream.write_all(&chunk).await.ok()?;
    }
    None
}
