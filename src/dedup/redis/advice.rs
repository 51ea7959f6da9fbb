//! Advice to operators, from the configuration that Redis reports.

use std::collections::BTreeMap;

use redis::{ErrorKind, RedisResult, ServerErrorKind};

use super::client::RedisClient;

const EVICTION: &str = "may evict records of handled messages when its memory is full, so that their duplicates run again: set its maxmemory-policy to noeviction, now";
const FORGETS: &str = "keeps nothing over a restart, so that redelivered messages run again after it: enable its append-only file (appendonly yes)";
const MAY_FORGET: &str = "has no append-only file, and may have no snapshots, since CONFIG GET is not permitted: make sure that its records survive a restart";

/// Queries every master, and returns a sentence for each problem.
pub(super) async fn advice(client: &RedisClient) -> RedisResult<Vec<String>> {
    let infos: BTreeMap<String, String> = match client.query_each(&redis::cmd("INFO")).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
            return Ok(vec![
                "cannot check that Redis keeps its records, since its user may not run INFO: permit +info".into(),
            ]);
        }
        infos => infos?,
    };
    let mut save = redis::cmd("CONFIG");
    save.arg("GET").arg("save");
    let saves: Option<BTreeMap<String, BTreeMap<String, String>>> =
        if_permitted(client.query_each(&save).await)?;
    let mut servers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (server, info) in &infos {
        let saves = saves
            .as_ref()
            .and_then(|saves| saves.get(server)?.get("save"));
        for sentence in about(info, saves.map(String::as_str)) {
            servers.entry(sentence).or_default().push(server);
        }
    }
    Ok(servers
        .into_iter()
        .map(|(sentence, servers)| format!("{} {sentence}", named(&servers)))
        .collect())
}

/// Returns `None` if the command is rejected: Memorystore does not permit CONFIG. A lost connection stays an error, which is retried.
fn if_permitted<T>(answer: RedisResult<T>) -> RedisResult<Option<T>> {
    match answer {
        Err(error) if error.kind() != ErrorKind::Io => Ok(None),
        answer => answer.map(Some),
    }
}

fn named(servers: &[&str]) -> String {
    match servers {
        [""] => "the Redis of PUSHGATE_STORE".into(),
        servers => format!("the Redis at {}", servers.join(", ")),
    }
}

/// Returns the advice for one server. `save` is the answer to `CONFIG GET save`, if it is permitted.
fn about(info: &str, save: Option<&str>) -> Vec<String> {
    let facts: BTreeMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect();
    let fact = |name: &str| facts.get(name).copied().unwrap_or_default();
    let mut advice = Vec::new();
    let policy = fact("maxmemory_policy");
    let is_bounded = !matches!(fact("maxmemory"), "" | "0");
    if is_bounded && !matches!(policy, "" | "noeviction") {
        advice.push(format!("{EVICTION} {policy}"));
    }
    if fact("aof_enabled") == "0" {
        match save.map(str::trim) {
            Some("" | "\"\"") => advice.push(FORGETS.into()),
            Some(_) => {}
            None => advice.push(MAY_FORGET.into()),
        }
    }
    advice
}

#[cfg(test)]
mod tests {
    use redis::RedisError;

    use super::*;

    fn check(info: &str, save: Option<&str>, expected: &[&str]) {
        let advice = about(&info.replace(' ', "\r\n"), save);
        assert_eq!(advice.len(), expected.len(), "{advice:?}");
        for (sentence, beginning) in advice.iter().zip(expected) {
            assert!(sentence.starts_with(beginning), "{sentence}");
        }
    }

    #[test]
    fn a_lost_connection_is_no_missing_permission() {
        let rejected = RedisError::from((ErrorKind::Server(ServerErrorKind::NoPerm), "CONFIG"));
        assert_eq!(if_permitted::<()>(Err(rejected)), Ok(None));
        let lost = RedisError::from((ErrorKind::Io, "the connection is lost"));
        assert!(if_permitted::<()>(Err(lost)).is_err());
    }

    #[test]
    fn advice_is_given_only_about_lost_records() {
        let safe = "maxmemory:100 maxmemory_policy:noeviction aof_enabled:1";
        check(safe, None, &[]);
        check(
            "maxmemory:0 maxmemory_policy:allkeys-lru aof_enabled:1",
            None,
            &[],
        );
        check(
            "maxmemory:100 maxmemory_policy:volatile-ttl aof_enabled:1",
            None,
            &[EVICTION],
        );
        check("maxmemory:0 aof_enabled:0", Some("3600 1"), &[]);
        check("maxmemory:0 aof_enabled:0", Some(""), &[FORGETS]);
        check("maxmemory:0 aof_enabled:0", None, &[MAY_FORGET]);
        check(
            "maxmemory:9 maxmemory_policy:allkeys-lfu aof_enabled:0",
            Some(""),
            &[EVICTION, FORGETS],
        );
    }
}
