//! An endpoint that answers according to the script, byte for byte, and records the requests.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::script::{Answer, Scripted};

/// The attribute with the index of the message in the script.
pub(super) const PLACE: &str = "place";

/// A received push.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The message's index in the script.
    pub(super) message: usize,
    /// The fields of the push.
    pub(super) attempt: Option<u64>,
    pub(super) at: Instant,
}

pub(super) struct Endpoint {
    pub(super) url: String,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

struct Seen {
    messages: Vec<Scripted>,
    arrivals: Mutex<Vec<Arrival>>,
}

impl Endpoint {
    pub(super) async fn start(messages: Vec<Scripted>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Arc::new(Seen {
            messages,
            arrivals: Mutex::default(),
        });
        Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            server: tokio::spawn(accept(listener, Arc::clone(&seen))),
            seen,
        }
    }

    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.seen.arrivals.lock().unwrap().clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let seen = Arc::clone(&seen);
        tokio::spawn(async move { seen.serve(stream).await });
    }
}

impl Seen {
    async fn serve(&self, mut stream: TcpStream) {
        while let Some(body) = request(&mut stream).await {
            let written = match self.note(&body) {
                Answer::Nothing => return,
                Answer::Fragment => {
                    stream.write_all(b"HTTP/1.1 20").await.ok();
                    return;
                }
                // The next event is the close of the connection by the pusher.
                Answer::Silence => Ok(()),
                Answer::Status(102) => stream.write_all(b"HTTP/1.1 102 Wait\r\n\r\n").await,
                Answer::Status(status) => {
                    let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await
                }
            };
            written.ok();
        }
    }

    fn note(&self, body: &Value) -> Answer {
        let place = body["message"]["attributes"][PLACE].as_str().unwrap();
        let message = place.parse().unwrap();
        let mut arrivals = self.arrivals.lock().unwrap();
        arrivals.push(Arrival {
            message,
            attempt: body["deliveryAttempt"].as_u64(),
            at: Instant::now(),
        });
        let same = arrivals.iter().filter(|each| each.message == message);
        self.messages[message].answer(same.count())
    }
}

/// Returns the body of the next request, or `None` if the connection is closed.
async fn request(stream: &mut TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    loop {
        if let Some(body) = body(&request) {
            return Some(body);
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}

/// Returns the body of a complete request. JSON is complete if it ends with its last bracket.
fn body(request: &[u8]) -> Option<Value> {
    let text = str::from_utf8(request).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}
