//! The address of Redis: a single server, a cluster, or Sentinels.

use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult,
    TlsCertificates,
};

/// An address of Redis or Valkey, shown without its passwords:
/// - `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`
/// - `redis-cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`
/// - `redis-sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/MASTER[/DB][?sentinel_username=…&sentinel_password=…]`
///
/// `rediss…` adds TLS to each form. Special characters in a user, a password or a master are percent-encoded.
#[derive(Clone)]
pub struct RedisAddress {
    pub(super) kind: Kind,
    pub(super) is_tls: bool,
    pub(super) nodes: Vec<(String, u16)>,
    pub(super) login: Login,
    pub(super) database: Option<i64>,
    /// The certificate authorities that replace the system's, as PEM.
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

/// The fault of an address. No text quotes a part that may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisAddressError {
    /// No `://`.
    #[error("is not a URL")]
    NoUrl,
    /// Not a scheme of Redis.
    #[error("has the scheme {0:?}")]
    Scheme(String),
    /// Neither a name nor an IP address.
    #[error(
        "has a host that is neither a name nor an IP address; percent-encode special characters before it"
    )]
    Host,
    /// Several hosts for a single server.
    #[error("has several hosts, but is neither redis-cluster:// nor redis-sentinel://")]
    Hosts,
    /// Not 1 to 65535.
    #[error(
        "has a port that is not a number from 1 to 65535; percent-encode special characters before it"
    )]
    Port,
    /// A log-in before each host, although one applies to all.
    #[error(
        "has a user or a password before each host, or a comma in one of them: write them once, before the first host, with @ as %40 and , as %2C"
    )]
    LoginEach,
    /// A raw `/` in the user or the password.
    #[error("has a / before its @: write it as %2F")]
    Slash,
    /// Not a number.
    #[error("has a path that is not a database number")]
    Database,
    /// A database number for a cluster.
    #[error("has a path, although a cluster has only one database")]
    ClusterDatabase,
    /// No name of a master.
    #[error("has no name of a master after the Sentinels, expected redis-sentinel://HOST/MASTER")]
    Master,
    /// An unknown parameter.
    #[error(
        "has a parameter after ?, expected sentinel_username or sentinel_password of redis-sentinel://"
    )]
    Query,
    /// `%` without two hexadecimal digits, or not UTF-8.
    #[error("has a % that is not part of a percent-encoded character")]
    Encoding,
    /// A user without a password, which Redis would ignore.
    #[error("has a user without a password")]
    UserWithoutPassword,
    /// A second password.
    #[error("has a password already")]
    TwoPasswords,
    /// Certificates for an address without TLS.
    #[error("is an address without TLS")]
    NoTls,
}

impl RedisAddress {
    /// Adds the password, for a URL without one.
    ///
    /// # Errors
    /// The URL has a password.
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
    /// The address is without TLS.
    pub fn trusting(mut self, authorities: Vec<u8>) -> Result<Self, RedisAddressError> {
        if !self.is_tls {
            return Err(RedisAddressError::NoTls);
        }
        self.authorities = Some(authorities);
        Ok(self)
    }

    /// Checks that the log-in is complete.
    ///
    /// # Errors
    /// A user has no password.
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

    /// Returns the servers or Sentinels of the address, each with its log-in.
    pub(super) fn named(&self) -> RedisResult<Vec<ConnectionInfo>> {
        let login = match &self.kind {
            Kind::Sentinel { login, .. } => self.settings(login, None),
            Kind::Single | Kind::Cluster => self.settings(&self.login, self.database),
        };
        let node = |(host, port): &(String, u16)| self.node(host, *port, login.clone());
        self.nodes.iter().map(node).collect()
    }

    /// Returns the server that a Sentinel names.
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
