//! Recognises a permanent server, as opposed to a temporary one.
//!
//! Images initialise an empty database with a temporary server of a few seconds, which only they can reach. A server
//! that listens on the network, or is the container's main process, is permanent.

use super::{Tool, script};

/// Answer of a permanent server. Any other answer identifies a temporary one.
pub const SETTLED: &str = "settled";

/// A socket that listens has the state 0A. Addresses of the machine itself end with their first number, and the last of IPv6 is one.
const SCRIPT: &str = r#"is_open() {
    while read -r _ address _ state _; do
        case $state/$address in
            0A/*7F:* | 0A/00000000000000000000000001000000:*) ;;
            0A/*) return 0 ;;
        esac
    done
    return 1
}
for table in /proc/net/tcp /proc/net/tcp6; do
    if [ -r "$table" ] && is_open <"$table"; then
        echo settled
        exit 0
    fi
done
first= since=
for process in /proc/[0-9]*; do
    { read -r line <"$process/stat"; } 2>/dev/null || continue
    case $line in
        *'(postgres)'* | *'(mariadbd)'* | *'(mysqld)'* | *'(mongod)'*) ;;
        *) continue ;;
    esac
    set -- $line
    if [ -z "$first" ] || [ "$1" -lt "$first" ]; then
        first=$1
        shift 21
        since=$1
    fi
done
case $first in
    '') echo 'no server runs' >&2; exit 1 ;;
    1) echo settled ;;
    *) echo "process $first since $since" ;;
esac
"#;

pub fn settled(service: &str) -> Tool {
    script(service, SCRIPT, &[])
}
