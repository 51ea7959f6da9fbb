//! A Redis cluster of one test, each of its nodes behind a separate network.

use std::time::Duration;

use async_trait::async_trait;

use super::authority::Authority;
use super::backend::Server;
use super::free_port;
use super::network::Network;
use super::redis_server::RedisServer;
use super::soon;

const MASTERS: usize = 3;

pub(crate) struct RedisCluster {
    /// The masters, then a replica of each, if there are any.
    pub(crate) nodes: Vec<RedisServer>,
    pub(crate) networks: Vec<Network>,
}

impl RedisCluster {
    /// Starts three masters, with a replica each for fail-overs. A node counts as dead after `node_timeout`.
    pub(crate) async fn start(has_replicas: bool, node_timeout: Duration) -> Self {
        let count = if has_replicas { 2 * MASTERS } else { MASTERS };
        Self::form(count, node_timeout, None).await
    }

    /// Starts three masters that use TLS with clients and with each other.
    pub(crate) async fn over_tls(authority: &Authority) -> Self {
        Self::form(MASTERS, Duration::from_secs(600), Some(authority)).await
    }

    async fn form(count: usize, node_timeout: Duration, authority: Option<&Authority>) -> Self {
        let mut cluster = Self {
            nodes: Vec::new(),
            networks: Vec::new(),
        };
        let mut buses = Vec::new();
        for _ in 0..count {
            let (server, tls, bus) = (free_port(), free_port(), free_port().to_string());
            let reached = authority.map_or(server, |_| tls);
            let network = match cluster.networks.first() {
                Some(first) => first.beside(reached),
                None => Network::before(reached),
            };
            let announced = network.port().to_string();
            let timeout = node_timeout.as_millis().to_string();
            let announced_port = match authority {
                Some(_) => "--cluster-announce-tls-port",
                None => "--cluster-announce-port",
            };
            let settings = [
                ["--appendonly", "yes"],
                ["--cluster-enabled", "yes"],
                ["--cluster-port", &bus],
                ["--cluster-announce-ip", "127.0.0.1"],
                [announced_port, &announced],
                ["--cluster-node-timeout", &timeout],
            ];
            let with_tls = authority.map(|authority| authority.redis_settings(tls));
            let with_tls = with_tls.iter().flatten().map(String::as_str);
            let settings: Vec<&str> = settings.concat().into_iter().chain(with_tls).collect();
            let node = RedisServer::with_port(server, &settings).await;
            cluster.nodes.push(node);
            cluster.networks.push(network);
            buses.push(bus);
        }
        cluster.introduce(&buses).await;
        cluster
    }

    async fn introduce(&self, buses: &[String]) {
        let slots = ["0 5460", "5461 10922", "10923 16383"];
        let meeting = &self.nodes[0];
        for (number, node) in self.nodes.iter().enumerate() {
            node.command(&["cluster", "set-config-epoch", &(number + 1).to_string()]);
            if let Some(slots) = slots.get(number) {
                let (first, last) = slots.split_once(' ').expect("a range");
                node.command(&["cluster", "addslotsrange", first, last]);
            }
            let port = node.port.to_string();
            meeting.command(&["cluster", "meet", "127.0.0.1", &port, &buses[number]]);
        }
        self.agreed().await;
        for (replica, master) in self.nodes.iter().skip(MASTERS).zip(&self.nodes) {
            let id = master.call(&["cluster", "myid"]);
            replica
                .answers(&["cluster", "replicate", &id], |answer| answer == "OK")
                .await;
            replica
                .answers(&["info", "replication"], |answer| {
                    answer.contains("master_link_status:up")
                })
                .await;
        }
        self.agreed().await;
    }

    /// Waits until all running nodes know each other and all slots.
    pub(crate) async fn agreed(&self) {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        for node in &self.nodes {
            node.answers(&["cluster", "info"], |answer| {
                answer.contains("cluster_state:ok") && answer.contains(&known)
            })
            .await;
        }
    }

    /// The address with two of its nodes; clients discover the others.
    pub(crate) fn url(&self) -> String {
        let ports: Vec<_> = self.networks.iter().map(Network::port).collect();
        format!(
            "redis-cluster://127.0.0.1:{},127.0.0.1:{}",
            ports[0], ports[1]
        )
    }

    /// Returns the master and the replica that have a record.
    pub(crate) async fn holders(&self) -> (usize, usize) {
        soon("a record on a master and its replica", async {
            loop {
                let holder = |node: usize| self.nodes[node].call(&["dbsize"]) == "1";
                if let Some(master) = (0..MASTERS).find(|master| holder(*master))
                    && holder(master + MASTERS)
                {
                    return (master, master + MASTERS);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    }
}

#[async_trait]
impl Server for RedisCluster {
    fn kill(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.kill());
    }

    async fn restart(&mut self) {
        for node in &mut self.nodes {
            node.restart().await;
        }
        self.agreed().await;
    }

    fn freeze(&self) {
        self.nodes.iter().for_each(|node| node.freeze());
    }

    fn thaw(&self) {
        self.nodes.iter().for_each(|node| node.thaw());
    }
}
