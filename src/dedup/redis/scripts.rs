//! One script for each step, so that each step is atomic and uses the server's time.
//!
//! A value is `STATE:OWNER:TIME:NUMBER:FINGERPRINT`. The states are `h` (claimed), `b` (claimed, and the run has begun), `l` (claimed,
//! and a run of an earlier owner is lost), `p` (parked by an operator) and `d` (done). The time is the end of the lease, or the time of the finish, in
//! milliseconds since 1970. The number counts the claims of the message. The fingerprint may be empty.

use redis::{Cmd, Script};

/// Reads the server's time and the record.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
local state, owner, when, number, fingerprint = 'absent', '', 0, 0, ''
if value then
  state, owner, when, number, fingerprint = string.match(value, '^([hblpd]):(%x+):(%d+):(%d+):(%x*)$')
  if not state then return redis.error_reply('CORRUPT not a record of pushgate') end
  when, number = tonumber(when), tonumber(number)
end
local mine = owner == ARGV[1]
local held = state == 'h' or state == 'b' or state == 'l' or state == 'p'
local function put(as, time)
  local record = string.format('%s:%s:%.0f:%d:%s', as, ARGV[1], time, number, ARGV[4])
  redis.call('SET', KEYS[1], record, 'PX', ARGV[3])
end
";

/// A claim is remembered for longer than its lease, so that the next owner learns of a lost run. A claim after its deadline, for
/// example on a server that was frozen, changes nothing.
const CLAIM: &str = r"
if now > tonumber(ARGV[5]) then return {'late', 0, '', 0, now} end
if state == 'd' then return {'done', 0, fingerprint, 0, now} end
if held and not mine and when > now then return {'in progress', 0, '', 0, now} end
if state == 'absent' then state = 'h' end
if not mine then
  number = number + 1
  if state == 'b' then state = 'l' end
end
put(state, now + ARGV[2])
return {'granted', number, '', state == 'l' and 1 or state == 'p' and 2 or 0, now}
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
if state == 'l' or state == 'p' then put(state, 0) else redis.call('DEL', KEYS[1]) end
return 1
";

const LOOK: &str = r"
if held and when <= now then return {'expired', ''} end
if held then return {'held', ''} end
return {state, fingerprint}
";

const INSPECT: &str = r"
return {state, owner, when, number, math.max(redis.call('PTTL', KEYS[1]), 0), now, value or ''}
";

/// The owner of a parked record is nobody, and its lease has expired.
const REPLACE: &str = r"
if (value or '') ~= ARGV[2] then return 0 end
if ARGV[5] == 'parked' then put('p', 0) else redis.call('DEL', KEYS[1]) end
return 1
";

/// A text is `TIME:TEXT`, with the time of its writing.
const READ_TEXT: &str = r"
local time = redis.call('TIME')
return {redis.call('GET', KEYS[1]) or '', time[1] * 1000 + math.floor(time[2] / 1000)}
";

const WRITE_TEXT: &str = r"
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], string.format('%.0f:%s', now, ARGV[2]), 'PX', ARGV[3])
return 1
";

pub(super) struct Scripts {
    pub(super) claim: Step,
    pub(super) begin: Step,
    pub(super) renew: Step,
    pub(super) finish: Step,
    pub(super) release: Step,
    pub(super) look: Step,
    pub(super) inspect: Step,
    pub(super) replace: Step,
    pub(super) read_text: Step,
    pub(super) write_text: Step,
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
            inspect: Step::new(INSPECT),
            replace: Step::new(REPLACE),
            read_text: Step::of(READ_TEXT.to_owned()),
            write_text: Step::of(WRITE_TEXT.to_owned()),
        }
    }
}

pub(super) struct Step {
    source: String,
    hash: String,
}

impl Step {
    fn new(step: &str) -> Self {
        Self::of(format!("{READ}{step}"))
    }

    fn of(source: String) -> Self {
        let hash = Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }

    /// Returns the command for a server that has the script.
    pub(super) fn by_hash(&self, key: &str, arguments: &[String]) -> Cmd {
        command("EVALSHA", &self.hash, key, arguments)
    }

    /// Returns the command for a server that lacks the script, after a restart or a fail-over. The server keeps the script. `SCRIPT
    /// LOAD` would need every node of a cluster.
    pub(super) fn in_full(&self, key: &str, arguments: &[String]) -> Cmd {
        command("EVAL", &self.source, key, arguments)
    }
}

fn command(name: &str, script: &str, key: &str, arguments: &[String]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(1).arg(key).arg(arguments);
    command
}
