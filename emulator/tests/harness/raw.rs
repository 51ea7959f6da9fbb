//! An endpoint that answers byte by byte, for cases that HTTP libraries do not support.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::PATIENCE;

pub(crate) struct RawEndpoint(TcpListener);

/// One connection of the pusher.
pub(crate) struct RawConnection(TcpStream);

impl RawEndpoint {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.0.local_addr().unwrap())
    }

    pub(crate) async fn connection(&self) -> RawConnection {
        let accepted = timeout(PATIENCE, self.0.accept()).await;
        RawConnection(accepted.expect("no connection came").unwrap().0)
    }

    /// Accepts a connection, and reads its first request.
    pub(crate) async fn pushed(&self) -> RawConnection {
        let mut connection = self.connection().await;
        connection.request().await;
        connection
    }
}

impl RawConnection {
    /// Reads one request.
    pub(crate) async fn request(&mut self) -> String {
        let mut request = Vec::new();
        while !is_whole(&request) {
            let read = timeout(PATIENCE, self.0.read_buf(&mut request)).await;
            assert_ne!(read.expect("no request came").unwrap(), 0, "closed");
        }
        String::from_utf8(request).unwrap()
    }

    /// Reads the first bytes of a request, and leaves the rest unread.
    pub(crate) async fn begin_request(&mut self) {
        let read = timeout(PATIENCE, self.0.read_u8()).await;
        read.expect("no request came").expect("closed");
    }

    pub(crate) async fn answer(&mut self, answer: &str) {
        self.0.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Waits until the pusher closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let end = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        // A reset also closes the connection.
        end.expect("the connection stayed open").ok();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
