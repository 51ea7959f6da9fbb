//! A TCP proxy before a server that cuts, refuses, freezes, delays or loses answers on request.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::free_port;

/// The state of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Everything passes.
    Clear,
    /// New connections are refused, and old ones are cut.
    Refuse,
    /// Connections are accepted and never answer, even later.
    Frozen,
    /// Each answer is delayed by this time.
    Slow(Duration),
    /// Requests reach the server, but the connection is cut instead of an answer.
    LoseReplies,
    /// One answer is lost like this; then the network is clear.
    LoseOneReply,
}

/// The network before one server.
pub(crate) struct Network {
    port: u16,
    weather: Arc<watch::Sender<Weather>>,
    /// The number of cuts; each ends all open connections.
    cuts: Arc<watch::Sender<usize>>,
}

impl Network {
    /// A clear network before the server at this port.
    pub(crate) fn before(server: u16) -> Self {
        Self::sharing(&Arc::new(watch::Sender::new(Weather::Clear)), server)
    }

    /// A network before one more server that shares this one's weather, so that one of them loses one answer.
    pub(crate) fn beside(&self, server: u16) -> Self {
        Self::sharing(&self.weather, server)
    }

    fn sharing(weather: &Arc<watch::Sender<Weather>>, server: u16) -> Self {
        let network = Self {
            port: free_port(),
            weather: Arc::clone(weather),
            cuts: Arc::new(watch::Sender::new(0)),
        };
        let link = Link {
            server,
            weather: Arc::clone(&network.weather),
            cuts: Arc::clone(&network.cuts),
        };
        tokio::spawn(listen(network.port, open(network.port), link));
        network
    }

    /// The port that clients connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
        if weather == Weather::Refuse {
            self.cut();
        }
    }

    /// Cuts all open connections; new ones work.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

#[derive(Clone)]
struct Link {
    server: u16,
    weather: Arc<watch::Sender<Weather>>,
    cuts: Arc<watch::Sender<usize>>,
}

/// Keeps the port reserved but closed while connections are refused.
async fn listen(port: u16, mut listener: TcpListener, link: Link) {
    let _kept = bound(port);
    let mut weather = link.weather.subscribe();
    let is_refused = |weather: &Weather| *weather == Weather::Refuse;
    loop {
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (client, _) = accepted.expect("a connection");
                    tokio::spawn(carry(client, link.clone()));
                }
                refused = weather.wait_for(is_refused) => match refused {
                    Ok(_) => break,
                    Err(_) => return,
                },
            }
        }
        drop(listener);
        if weather
            .wait_for(|weather| !is_refused(weather))
            .await
            .is_err()
        {
            return;
        }
        listener = open(port);
    }
}

fn open(port: u16) -> TcpListener {
    bound(port).listen(1024).expect("the port")
}

/// Opens a socket with port reuse, so that it may share the port with others and with lingering connections.
fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("a socket");
    socket.set_reuseaddr(true).expect("a socket");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.bind(address).expect("the port");
    socket
}

async fn carry(client: TcpStream, link: Link) {
    let mut cuts = link.cuts.subscribe();
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, link.server)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = requests(from_client, to_server, &link) => {}
        () = answers(from_server, to_client, &link) => {}
        _ = cuts.changed() => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &Link) {
    let mut bytes = vec![0; 16 * 1024];
    let mut is_swallowed = false;
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        is_swallowed |= *link.weather.borrow() == Weather::Frozen;
        if !is_swallowed && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &Link) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let weather = *link.weather.borrow();
        match weather {
            Weather::Slow(delay) => tokio::time::sleep(delay).await,
            Weather::LoseReplies => return,
            Weather::LoseOneReply => {
                link.weather.send_replace(Weather::Clear);
                return;
            }
            Weather::Clear | Weather::Refuse | Weather::Frozen => {}
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
