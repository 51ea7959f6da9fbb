//! What an operator should change about Redis, by what it says of itself.

use std::collections::BTreeMap;

use redis::{ErrorKind, RedisResult, ServerErrorKind};

use super::link::Link;

const EVICTION: &str = "may drop records of handled messages when its memory is full, and their duplicates would run again: set its maxmemory-policy to noeviction, now";
const FORGETS: &str = "keeps nothing over a restart, and all messages delivered again after it would run again: switch its append-only file on (appendonly yes)";
const MAY_FORGET: &str = "has no append-only file, and whether it saves snapshots is unknown, since CONFIG GET is not permitted: see that its records outlive a restart";

/// Asks every master; a sentence for each thing.
pub(super) async fn advice(link: &Link) -> RedisResult<Vec<String>> {
    let infos: BTreeMap<String, String> = match link.ask_each(&redis::cmd("INFO")).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
            return Ok(vec![
                "whether Redis may drop or forget records is unknown, since its user may not run INFO: permit +info".into(),
            ]);
        }
        infos => infos?,
    };
    let mut save = redis::cmd("CONFIG");
    save.arg("GET").arg("save");
    // Memorystore and careful operators permit no CONFIG.
    let saves: Option<BTreeMap<String, BTreeMap<String, String>>> = link.ask_each(&save).await.ok();
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

fn named(servers: &[&str]) -> String {
    match servers {
        [""] => "the Redis of PUSHGATE_STORE".into(),
        servers => format!("the Redis at {}", servers.join(", ")),
    }
}

/// `save` as `CONFIG GET` tells it, if it does.
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
    use super::*;

    fn check(info: &str, save: Option<&str>, expected: &[&str]) {
        let advice = about(&info.replace(' ', "\r\n"), save);
        assert_eq!(advice.len(), expected.len(), "{advice:?}");
        for (sentence, beginning) in advice.iter().zip(expected) {
            assert!(sentence.starts_with(beginning), "{sentence}");
        }
    }

    #[test]
    fn only_what_may_lose_records_is_said() {
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
