//! One script a step, so that each step is atomic and keeps the server's time.
//!
//! Values: `h:OWNER:LAPSES:ATTEMPT:FINGERPRINT` while held, `d:OWNER:WHEN:ATTEMPT:FINGERPRINT` when done; times in
//! milliseconds since 1970, the fingerprint empty where the ticket has none. A held claim begins with `b` once its run has begun,
//! and with `l` if a run that an earlier owner began is lost.

use redis::{Cmd, Script};

/// The time on the server's clock, and the record as it is.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
local state, owner, when, attempt, fingerprint = 'absent', '', 0, 0, ''
if value then
  state, owner, when, attempt, fingerprint = string.match(value, '^([hbld]):(%x+):(%d+):(%d+):(%x*)$')
  if not state then return redis.error_reply('CORRUPT not a record of pushgate') end
  when, attempt = tonumber(when), tonumber(attempt)
end
local mine = owner == ARGV[1]
local held = state == 'h' or state == 'b' or state == 'l'
local function put(as, time)
  local record = string.format('%s:%s:%.0f:%d:%s', as, ARGV[1], time, attempt, ARGV[4])
  redis.call('SET', KEYS[1], record, 'PX', ARGV[3])
end
";

/// A crashed claim is remembered longer than its lease, so that the next owner knows of it. One that a frozen server would execute
/// after its sender has given it up changes nothing.
const CLAIM: &str = r"
if now > tonumber(ARGV[5]) then return {'late', 0, '', 0, now} end
if state == 'd' then return {'done', 0, fingerprint, 0, now} end
if held and not mine and when > now then return {'in progress', 0, '', 0, now} end
if state == 'absent' then state = 'h' end
if not mine then
  attempt = attempt + 1
  if state == 'b' then state = 'l' end
end
put(state, now + ARGV[2])
return {'granted', attempt, '', state == 'l' and 1 or 0, now}
";

const BEGIN: &str = r"
if now > tonumber(ARGV[5]) then return {'late', now} end
if not held or not mine then return {'lost', now} end
put('b', now + ARGV[2])
return {'held', now}
";

const RENEW: &str = r"
if not held or not mine then return 0 end
put(state, now + ARGV[2])
return 1
";

const FINISH: &str = r"
if not mine then return 0 end
if held then put('d', now) end
return 1
";

const RELEASE: &str = r"
if not held or not mine then return 0 end
if state == 'l' then put('l', 0) else redis.call('DEL', KEYS[1]) end
return 1
";

const LOOK: &str = r"
if held and when <= now then return {'expired', ''} end
if held then return {'held', ''} end
return {state, fingerprint}
";

/// All steps.
pub(super) struct Scripts {
    pub(super) claim: Step,
    pub(super) begin: Step,
    pub(super) renew: Step,
    pub(super) finish: Step,
    pub(super) release: Step,
    pub(super) look: Step,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            claim: Step::new(CLAIM),
            begin: Step::new(BEGIN),
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
