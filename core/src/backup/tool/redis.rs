//! Redis: the server gives its data as it gives them to a replica; they are read back when it starts.

mod noting;

use super::{LOADING, Tool, script};
use crate::backup::Server;
use crate::backup::SourceNote;
use crate::spec::InstanceSpec;

/// The password comes in a variable that the client knows.
const CLIENT: &str = r#"set -eu
user=$1
shift
ask() { redis-cli --no-auth-warning ${user:+--user "$user"} "$@"; }
"#;

/// A server that sends its data without a file of its own ends them with a mark of 40 letters. The client takes the mark off files
/// and leaves it in a stream, where a server that reads it as the beginning of its log stumbles over it.
const DUMP: &str = r#"case $(ask config get repl-diskless-sync) in
    *yes) ;;
    *) ask --rdb -; exit ;;
esac
exec 4>&1
code=$({ { ask --rdb - && echo 0 >&3 || echo $? >&3; } | head -c -40 >&4; } 3>&1)
exit "$code"
"#;

/// The file is moved to its place when it is complete. A server with a log of its changes would read only that log, so
/// the data become the log's beginning, in this version's form.
const LOAD: &str = r#"set -eu
cd "$1"
rm -f .fleet-new.rdb
cat >.fleet-new.rdb
redis-check-rdb .fleet-new.rdb >&2 || { echo 'what was to be loaded is no whole dump of Redis' >&2; exit 1; }
owner=$(stat -c %u:%g .)
chown "$owner" .fleet-new.rdb
if [ "$2" = yes ] || grep -qis '^[[:space:]]*appendonly[[:space:]][[:space:]]*"\{0,1\}yes' ./*.conf ||
    [ -e appendonlydir ] || [ -e appendonly.aof ]; then
    rm -rf .fleet-new.log
    case $(redis-server --version) in
        *v=[1-6].*)
            rm -f appendonly.aof
            cp -p .fleet-new.rdb .fleet-new.aof
            mv .fleet-new.aof appendonly.aof ;;
        *)
            mkdir .fleet-new.log
            cp -p .fleet-new.rdb .fleet-new.log/appendonly.aof.1.base.rdb
            : >.fleet-new.log/appendonly.aof.1.incr.aof
            printf 'file %s seq 1 type %s\n' appendonly.aof.1.base.rdb b appendonly.aof.1.incr.aof i \
                >.fleet-new.log/appendonly.aof.manifest
            chown -R "$owner" .fleet-new.log
            rm -rf appendonlydir
            mv .fleet-new.log appendonlydir ;;
    esac
fi
sync
mv .fleet-new.rdb dump.rdb
sync
"#;

/// Beside the keys: how often they were changed, and when it saved last.
const COUNT: &str = r#"ask info keyspace
ask info persistence | grep -E '^rdb_(changes_since_last_save|last_save_time):' || true
ask info stats | grep '^evicted_keys:' || true
"#;

/// Prints its folder, and its configured files and log. An account without the permission gets no answer and no error.
const SIDE_FILES: &str = r#"setting() { ask config get "$1" 2>/dev/null | tail -n +2 | head -n 1; }
printf 'folder\t%s\n' "$(setting dir)"
for name in aclfile tls-cert-file tls-key-file tls-ca-cert-file tls-client-cert-file tls-client-key-file tls-dh-params-file; do
    printf 'file\t%s\n' "$(setting "$name")"
done
printf 'log\t%s\n' "$(setting logfile)"
ask info server 2>/dev/null | tr -d '\r' | sed -n 's/^config_file:\(..*\)$/file\t\1/p'
"#;

pub fn side_files(server: &Server) -> Tool {
    run(server, SIDE_FILES, &[])
}

/// Returns the tool that queries the server's own facts about some keys: those recorded before, or as many as may be
/// recorded.
pub fn note(server: &Server, noted: Option<&SourceNote>) -> Tool {
    let asked = noted.map(noting::asked).unwrap_or_default();
    let words: Vec<&str> = asked.iter().map(String::as_str).collect();
    run(server, &noting::questions(), &words).taking(LOADING)
}

pub fn dump(server: &Server) -> Tool {
    run(server, DUMP, &[])
}

pub fn load(server: &Server, spec: &InstanceSpec) -> Tool {
    let command = spec.container(&server.service).and_then(|container| container.command.as_ref());
    let words: Vec<_> = command.into_iter().flatten().map(|word| word.expose().to_ascii_lowercase()).collect();
    let keeps_log = words.join(" ").contains("appendonly yes");
    let tool = script(&server.service, LOAD, &[&server.data, if keeps_log { "yes" } else { "no" }]);
    tool.in_one_off().by("0")
}

/// While it loads its data it answers that it does.
pub fn ready(server: &Server) -> Tool {
    run(server, "ask ping | grep -q PONG", &[])
}

pub fn count(server: &Server) -> Tool {
    run(server, COUNT, &[])
}

/// The words of a command, as at the client's prompt.
pub fn ask(server: &Server, query: &str) -> Tool {
    run(server, "ask --raw \"$@\"", &query.split_whitespace().collect::<Vec<_>>())
}

fn run(server: &Server, end: &str, words: &[&str]) -> Tool {
    let user = server.user.as_deref().unwrap_or_default();
    let words: Vec<&str> = [user].into_iter().chain(words.iter().copied()).collect();
    let tool = script(&server.service, &format!("{CLIENT}{end}\n"), &words);
    tool.with("REDISCLI_AUTH", server.password.as_ref())
}
