//! The text form of an address: parsed, and written with masked passwords. It is not a general URL, since it may list several hosts.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::address::{Kind, Login, RedisAddress, RedisAddressError};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl FromStr for RedisAddress {
    type Err = RedisAddressError;

    fn from_str(url: &str) -> Result<Self, RedisAddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(RedisAddressError::NoUrl)?;
        let (rest, query) = halves(rest, '?');
        let (authority, path) = halves(rest, '/');
        if path.is_some_and(|path| path.contains('@')) {
            return Err(RedisAddressError::Slash);
        }
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        if user.is_some_and(|user| is_of_each(user, scheme)) {
            return Err(RedisAddressError::LoginEach);
        }
        let is_tls = scheme.starts_with("rediss");
        let (kind, database, port) = match scheme {
            "redis" | "rediss" => (Kind::Single, database(path)?, PORT),
            "redis-cluster" | "rediss-cluster" if path.unwrap_or_default().is_empty() => {
                (Kind::Cluster, None, PORT)
            }
            "redis-cluster" | "rediss-cluster" => return Err(RedisAddressError::ClusterDatabase),
            "redis-sentinel" | "rediss-sentinel" => {
                let (kind, database) = sentinel(path.unwrap_or_default(), query)?;
                (kind, database, SENTINEL_PORT)
            }
            other if is_scheme(other) => {
                return Err(RedisAddressError::Scheme(other.to_owned()));
            }
            // It may contain a password.
            _ => return Err(RedisAddressError::NoUrl),
        };
        if query.is_some() && !matches!(kind, Kind::Sentinel { .. }) {
            return Err(RedisAddressError::Query);
        }
        let nodes: Vec<_> = hosts
            .split(',')
            .map(|node| host_and_port(node, port))
            .collect::<Result<_, _>>()?;
        if matches!(kind, Kind::Single) && nodes.len() > 1 {
            return Err(RedisAddressError::Hosts);
        }
        Ok(Self {
            kind,
            is_tls,
            nodes,
            login: login(user)?,
            database,
            authorities: None,
        })
    }
}

fn is_scheme(text: &str) -> bool {
    text.len() <= 30
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Returns true if the text before the last `@` has, or may have, the log-ins of several nodes.
fn is_of_each(user: &str, scheme: &str) -> bool {
    let is_one_server = matches!(scheme, "redis" | "rediss");
    match user.rsplit_once(',') {
        Some((before, _)) => !is_one_server || before.contains('@'),
        None => false,
    }
}

fn halves(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((first, second)) => (first, Some(second)),
        None => (text, None),
    }
}

fn login(user: Option<&str>) -> Result<Login, RedisAddressError> {
    let (user, password) = halves(user.unwrap_or_default(), ':');
    let given = |text: &str| Ok(Some(decoded(text)?).filter(|text| !text.is_empty()));
    Ok(Login {
        user: given(user)?,
        password: given(password.unwrap_or_default())?,
    })
}

fn host_and_port(node: &str, default: u16) -> Result<(String, u16), RedisAddressError> {
    let (host, port) = match node.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(RedisAddressError::Host)?;
            let _is_address: Ipv6Addr = host.parse().map_err(|_| RedisAddressError::Host)?;
            let port = port.strip_prefix(':').or(port.is_empty().then_some(""));
            (host, port.ok_or(RedisAddressError::Host)?)
        }
        None => {
            let (host, port) = halves(node, ':');
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            if host.is_empty() || !host.chars().all(is_name) {
                return Err(RedisAddressError::Host);
            }
            (host, port.unwrap_or_default())
        }
    };
    let port = match port {
        "" => default,
        port => port.parse().map_err(|_| RedisAddressError::Port)?,
    };
    if port == 0 {
        return Err(RedisAddressError::Port);
    }
    Ok((host.to_owned(), port))
}

fn database(path: Option<&str>) -> Result<Option<i64>, RedisAddressError> {
    let number = path.filter(|path| !path.is_empty());
    let parse = |number: &str| number.parse::<u16>().map(i64::from);
    number
        .map(parse)
        .transpose()
        .map_err(|_| RedisAddressError::Database)
}

fn sentinel(path: &str, query: Option<&str>) -> Result<(Kind, Option<i64>), RedisAddressError> {
    let (master, number) = halves(path, '/');
    if master.is_empty() {
        return Err(RedisAddressError::Master);
    }
    let mut login = Login::default();
    let pairs = query.unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = halves(pair, '=');
        let value = Some(decoded(value.unwrap_or_default())?);
        match name {
            "sentinel_username" => login.user = value,
            "sentinel_password" => login.password = value,
            _ => return Err(RedisAddressError::Query),
        }
    }
    let master = decoded(master)?;
    Ok((Kind::Sentinel { master, login }, database(number)?))
}

fn decoded(text: &str) -> Result<String, RedisAddressError> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).ok_or(RedisAddressError::Encoding)?;
        let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok();
        bytes.push(
            byte.filter(|_| is_hexadecimal)
                .ok_or(RedisAddressError::Encoding)?,
        );
        bytes.extend(part.bytes().skip(2));
    }
    String::from_utf8(bytes).map_err(|_| RedisAddressError::Encoding)
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Single => "",
            Kind::Cluster => "-cluster",
            Kind::Sentinel { .. } => "-sentinel",
        };
        write!(f, "redis{}{kind}://", if self.is_tls { "s" } else { "" })?;
        match (&self.login.user, &self.login.password) {
            (None, None) => {}
            (user, None) => write!(f, "{}@", user.as_deref().unwrap_or_default())?,
            (user, Some(_)) => write!(f, "{}:***@", user.as_deref().unwrap_or_default())?,
        }
        for (position, (host, port)) in self.nodes.iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            if host.contains(':') {
                write!(f, "{comma}[{host}]:{port}")?;
            } else {
                write!(f, "{comma}{host}:{port}")?;
            }
        }
        if let Kind::Sentinel { master, .. } = &self.kind {
            write!(f, "/{master}")?;
        }
        if let Some(database) = self.database {
            write!(f, "/{database}")?;
        }
        let Kind::Sentinel { login, .. } = &self.kind else {
            return Ok(());
        };
        match (&login.user, &login.password) {
            (None, None) => Ok(()),
            (None, Some(_)) => write!(f, "?sentinel_password=***"),
            (Some(user), _) => write!(f, "?sentinel_username={user}&sentinel_password=***"),
        }
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_shown_without_its_passwords() {
        for (url, shown) in [
            ("redis://h", "redis://h:6379"),
            ("redis://h:6379/", "redis://h:6379"),
            ("rediss://h:7000/3", "rediss://h:7000/3"),
            ("redis://u:hush@[::1]:7000", "redis://u:***@[::1]:7000"),
            ("redis://:hu@sh@h", "redis://:***@h:6379"),
            ("redis://u:hu,sh@h", "redis://u:***@h:6379"),
            ("redis://u@h", "redis://u@h:6379"),
            (
                "redis-cluster://a,b:7000,[::1]",
                "redis-cluster://a:6379,b:7000,[::1]:6379",
            ),
            (
                "rediss-cluster://u:hush@a:1,b:2",
                "rediss-cluster://u:***@a:1,b:2",
            ),
            (
                "redis-sentinel://a,b:7000/main",
                "redis-sentinel://a:26379,b:7000/main",
            ),
            (
                "rediss-sentinel://u:hush@a/my%2Dmain/2?sentinel_username=s&sentinel_password=hush",
                "rediss-sentinel://u:***@a:26379/my-main/2?sentinel_username=s&sentinel_password=***",
            ),
        ] {
            let address: RedisAddress = url.parse().expect(url);
            assert_eq!(format!("{address} {address:?}"), format!("{shown} {shown}"));
        }
    }

    #[test]
    fn a_fault_of_an_address_is_named_without_its_passwords() {
        use RedisAddressError as Wrong;
        for (url, wrong) in [
            ("hush", Wrong::NoUrl),
            ("redis:u:hush@h", Wrong::NoUrl),
            ("mysql://u:hush@h", Wrong::Scheme("mysql".into())),
            ("u:hush@redis://h", Wrong::NoUrl),
            ("redis://", Wrong::Host),
            ("redis-cluster://u:hush@a:1,u:hush@b:2", Wrong::LoginEach),
            ("rediss-cluster://a:1,u:hush@b:2", Wrong::LoginEach),
            ("redis-cluster://:hush@[::1]:1,:hush@b", Wrong::LoginEach),
            ("redis-sentinel://u:hush@a,u:hush@b/main", Wrong::LoginEach),
            ("redis://u:hush@a:1,u:hush@b:2", Wrong::LoginEach),
            ("redis://u:hu/sh@h", Wrong::Slash),
            ("redis://hu#sh", Wrong::Host),
            ("redis://[hush]", Wrong::Host),
            ("redis://[::1]7000", Wrong::Host),
            ("redis://h:0", Wrong::Port),
            ("redis://h:65536", Wrong::Port),
            ("redis://a,b", Wrong::Hosts),
            ("redis-cluster://a,,b", Wrong::Host),
            ("redis://h/hush", Wrong::Database),
            ("redis://h/0#insecure", Wrong::Database),
            ("redis://h?password=hush", Wrong::Query),
            ("redis-cluster://h/1", Wrong::ClusterDatabase),
            ("redis-sentinel://h", Wrong::Master),
            ("redis-sentinel://h/main?password=hush", Wrong::Query),
            ("redis://u:hush%2@h", Wrong::Encoding),
            ("redis://u:hush%+1@h", Wrong::Encoding),
            ("redis://u:%FFhush@h", Wrong::Encoding),
        ] {
            let found = url.parse::<RedisAddress>().expect_err(url);
            assert_eq!(found, wrong, "{url}");
            assert!(!found.to_string().contains("hush"), "{found}");
        }
    }

    #[test]
    fn a_password_from_elsewhere_completes_an_address_that_has_none() {
        let parse = |url: &str| url.parse::<RedisAddress>().expect(url);
        assert_eq!(
            parse("redis://u@h").complete().expect_err("no password"),
            RedisAddressError::UserWithoutPassword
        );
        let completed = parse("redis://u@h")
            .with_password("hush")
            .and_then(RedisAddress::complete);
        assert_eq!(
            completed.expect("complete").to_string(),
            "redis://u:***@h:6379"
        );
        assert_eq!(
            parse("redis://u:x@h")
                .with_password("hush")
                .expect_err("two"),
            RedisAddressError::TwoPasswords
        );
        assert_eq!(
            parse("redis://h").trusting(Vec::new()).expect_err("no TLS"),
            RedisAddressError::NoTls
        );
    }

    #[test]
    fn a_percent_encoded_log_in_is_decoded() {
        let address: RedisAddress = "redis://%C3%BCser:p%40%2F%25@h"
            .parse()
            .expect("an address");
        assert_eq!(address.login.user.as_deref(), Some("üser"));
        assert_eq!(address.login.password.as_deref(), Some("p@/%"));
    }
}
