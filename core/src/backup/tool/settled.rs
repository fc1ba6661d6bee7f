//! Whether the server that answers is the one that stays.
//!
//! Images begin an empty database with a server of a few seconds that nobody but themselves can reach. Whoever listens on the network,
//! or is what the container was started for, has come to stay.

use super::{Tool, script};

/// What a server is called that has come to stay. Any other answer tells one server from the next.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the script says of these tables, with no server among the processes that can be seen from here.
    fn check(v4: &str, v6: &str, expect: bool) {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
        let part = SCRIPT.split("for table").next().expect("it begins with it");
        let text = format!("{part}is_open || exit 1");
        let says = |table: &str| {
            let table: String = [head].into_iter().chain(table.lines()).map(|line| format!("{line}\n")).collect();
            let mut shell = std::process::Command::new("sh");
            let mut shell = shell.args(["-c", &text]).stdin(std::process::Stdio::piped()).spawn().expect("a shell");
            let mut input = shell.stdin.take().expect("it is piped");
            std::io::Write::write_all(&mut input, table.as_bytes()).expect("it reads");
            drop(input);
            shell.wait().expect("it ends").success()
        };
        assert_eq!(says(v4) || says(v6), expect, "{v4} {v6}");
    }

    #[test]
    fn only_who_listens_on_the_network_has_come_to_stay() {
        let open = "   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000 999 0 1 1";
        let inside = "   0: 0100007F:6989 00000000:0000 0A 00000000:00000000 00:00000000 00000000 999 0 1 1";
        let names = "   1: 0B00007F:8F1B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1";
        let talks = "   2: 020014AC:1538 030014AC:A1B2 01 00000000:00000000 00:00000000 00000000 999 0 1 1";
        let zeros = "00000000000000000000000000000000";
        let open6 = format!("   0: {zeros}:0CEA {zeros}:0000 0A 0:0 0:0 0 999 0 1 1");
        let own6 = format!("   0: 00000000000000000000000001000000:0CEA {zeros}:0000 0A 0:0 0:0 0 999 0 1 1");
        let mapped = format!("   0: 0000000000000000FFFF00000100007F:0CEA {zeros}:0000 0A 0:0 0:0 0 999 0 1 1");
        check("", "", false);
        check(&format!("{inside}\n{names}\n{talks}"), &format!("{own6}\n{mapped}"), false);
        check(&format!("{inside}\n{open}"), "", true);
        check(inside, &open6, true);
    }
}
