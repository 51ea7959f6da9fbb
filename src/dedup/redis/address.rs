//! Where Redis is: one server, a cluster, or a master that Sentinels know.

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult,
    TlsCertificates,
};

/// An address of Redis or Valkey, shown without its passwords:
/// - `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`
/// - `redis-cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`
/// - `redis-sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/MASTER[/DB][?sentinel_username=…&sentinel_password=…]`
///
/// and each with TLS as `rediss…`. What is special in a user, password or master is percent-encoded.
#[derive(Clone)]
pub struct RedisAddress {
    pub(super) kind: Kind,
    pub(super) is_tls: bool,
    pub(super) nodes: Vec<(String, u16)>,
    pub(super) login: Login,
    pub(super) database: Option<i64>,
    /// Trusted instead of the system's, as PEM.
    pub(super) authorities: Option<Vec<u8>>,
}

#[derive(Clone)]
pub(super) enum Kind {
    Single,
    Cluster,
    Sentinel { master: String, login: Login },
}

#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// What is wrong with an address; never with a part of it that may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisAddressError {
    /// No `://`.
    #[error("is no URL")]
    NoUrl,
    /// Not one of Redis.
    #[error("has the scheme {0:?}")]
    Scheme(String),
    /// Neither a name nor an IP address.
    #[error(
        "has a host that is no name and no IP address; a special character before it is percent-encoded"
    )]
    Host,
    /// Two or more, where one server is meant.
    #[error("has several hosts, but is neither redis-cluster:// nor redis-sentinel://")]
    Hosts,
    /// Not 1 to 65535.
    #[error(
        "has a port that is no number from 1 to 65535; a special character before it is percent-encoded"
    )]
    Port,
    /// One log-in counts for all nodes.
    #[error(
        "has a user or a password before each host, or a comma in one of them: they stand once, before the first host, with @ as %40 and , as %2C"
    )]
    LoginEach,
    /// The user or the password ends at the first one.
    #[error("has a / before its @, which is written as %2F there")]
    Slash,
    /// No number.
    #[error("has a path that is no database number")]
    Database,
    /// A cluster has one database.
    #[error("has a path, but a cluster has one database only")]
    ClusterDatabase,
    /// Sentinels know masters by name.
    #[error("names no master after the Sentinels, as in redis-sentinel://HOST/MASTER")]
    Master,
    /// Unknown, or in the wrong place.
    #[error(
        "has something after ? that is neither sentinel_username nor sentinel_password of Sentinels"
    )]
    Query,
    /// `%` without two hexadecimal digits, or no UTF-8.
    #[error("has a % that does not begin a percent-encoded character")]
    Encoding,
    /// Redis would not be told the user at all.
    #[error("has a user without a password")]
    UserWithoutPassword,
    /// Which one is meant?
    #[error("has a password already")]
    TwoPasswords,
    /// The certificates would never be looked at.
    #[error("is an address without TLS")]
    NoTls,
}

impl RedisAddress {
    /// Logs in with this password, which is not in the URL.
    ///
    /// # Errors
    /// When the URL has one.
    pub fn with_password(mut self, password: impl Into<String>) -> Result<Self, RedisAddressError> {
        if self.login.password.is_some() {
            return Err(RedisAddressError::TwoPasswords);
        }
        self.login.password = Some(password.into());
        Ok(self)
    }

    /// Trusts these certificate authorities, as PEM, instead of the system's.
    ///
    /// # Errors
    /// When the address is one without TLS.
    pub fn trusting(mut self, authorities: Vec<u8>) -> Result<Self, RedisAddressError> {
        if !self.is_tls {
            return Err(RedisAddressError::NoTls);
        }
        self.authorities = Some(authorities);
        Ok(self)
    }

    /// Whether all that belongs together is there, once the password that is not in the URL is known.
    ///
    /// # Errors
    /// When a user has no password.
    pub fn complete(self) -> Result<Self, RedisAddressError> {
        let is_complete = |login: &Login| login.user.is_none() || login.password.is_some();
        let sentinels = match &self.kind {
            Kind::Sentinel { login, .. } => is_complete(login),
            Kind::Single | Kind::Cluster => true,
        };
        if sentinels && is_complete(&self.login) {
            Ok(self)
        } else {
            Err(RedisAddressError::UserWithoutPassword)
        }
    }

    /// The servers or Sentinels that the address names, each with its own log-in.
    pub(super) fn named(&self) -> RedisResult<Vec<ConnectionInfo>> {
        let login = match &self.kind {
            Kind::Sentinel { login, .. } => self.settings(login, None),
            Kind::Single | Kind::Cluster => self.settings(&self.login, self.database),
        };
        let node = |(host, port): &(String, u16)| self.node(host, *port, login.clone());
        self.nodes.iter().map(node).collect()
    }

    /// The server that a Sentinel names.
    pub(super) fn master(&self, host: &str, port: u16) -> RedisResult<ConnectionInfo> {
        self.node(host, port, self.settings(&self.login, self.database))
    }

    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        self.authorities.clone().map(|authorities| TlsCertificates {
            client_tls: None,
            root_cert: Some(authorities),
        })
    }

    fn node(
        &self,
        host: &str,
        port: u16,
        login: RedisConnectionInfo,
    ) -> RedisResult<ConnectionInfo> {
        let host = host.to_owned();
        let address = if self.is_tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let node = address.into_connection_info()?.set_redis_settings(login);
        match self.certificates() {
            Some(certificates) => Ok(redis::Client::build_with_tls(node, certificates)?
                .get_connection_info()
                .clone()),
            None => Ok(node),
        }
    }

    fn settings(&self, login: &Login, database: Option<i64>) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_db(database.unwrap_or_default());
        if let Some(user) = &login.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &login.password {
            settings = settings.set_password(password);
        }
        settings
    }
}
