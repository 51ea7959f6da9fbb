//! One script a step, so that each step is atomic and keeps the server's time.
//!
//! Values: `h:OWNER:LAPSES:ATTEMPT:FINGERPRINT` while held, `d:OWNER:WHEN:ATTEMPT:FINGERPRINT` when done; times in
//! milliseconds since 1970, the fingerprint empty where the ticket has none.

use redis::{Cmd, Script};

/// The time on the server's clock, and the record as it is.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
local state, owner, when, attempt, fingerprint = 'absent', '', 0, 0, ''
if value then
  state, owner, when, attempt, fingerprint = string.match(value, '^([hd]):(%x+):(%d+):(%d+):(%x*)$')
  if not state then return redis.error_reply('CORRUPT not a record of pushgate') end
  when, attempt = tonumber(when), tonumber(attempt)
end
local mine = owner == ARGV[1]
local function put(as, time)
  local record = string.format('%s:%s:%.0f:%d:%s', as, ARGV[1], time, attempt, ARGV[4])
  redis.call('SET', KEYS[1], record, 'PX', ARGV[3])
end
";

/// A crashed claim is remembered longer than its lease, so that whoever takes over knows that it does.
const CLAIM: &str = r"
if state == 'd' then return {'done', 0, fingerprint} end
if state == 'h' and not mine and when > now then return {'in progress', 0, ''} end
if not mine then attempt = attempt + 1 end
put('h', now + ARGV[2])
return {'granted', attempt, ''}
";

const RENEW: &str = r"
if state ~= 'h' or not mine then return 0 end
put('h', now + ARGV[2])
return 1
";

const FINISH: &str = r"
if not mine then return 0 end
if state == 'h' then put('d', now) end
return 1
";

const RELEASE: &str = r"
if state ~= 'h' or not mine then return 0 end
redis.call('DEL', KEYS[1])
return 1
";

const LOOK: &str = r"
if state == 'h' and when <= now then return {'lapsed', ''} end
return {state, fingerprint}
";

/// All steps.
pub(super) struct Scripts {
    pub(super) claim: Step,
    pub(super) renew: Step,
    pub(super) finish: Step,
    pub(super) release: Step,
    pub(super) look: Step,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            claim: Step::new(CLAIM),
            renew: Step::new(RENEW),
            finish: Step::new(FINISH),
            release: Step::new(RELEASE),
            look: Step::new(LOOK),
        }
    }
}

/// One script.
pub(super) struct Step {
    source: String,
    hash: String,
}

impl Step {
    fn new(step: &str) -> Self {
        let source = format!("{READ}{step}");
        let hash = Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }

    /// For a server that has seen the script before.
    pub(super) fn by_hash(&self, key: &str, arguments: &[String]) -> Cmd {
        command("EVALSHA", &self.hash, key, arguments)
    }

    /// For a server that has not: after its restart, or after a fail-over, since scripts are not replicated. It runs the
    /// script and keeps it; loading it first would ask every node of a cluster, one of which may be down.
    pub(super) fn in_full(&self, key: &str, arguments: &[String]) -> Cmd {
        command("EVAL", &self.source, key, arguments)
    }
}

fn command(name: &str, script: &str, key: &str, arguments: &[String]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(1).arg(key).arg(arguments);
    command
}
