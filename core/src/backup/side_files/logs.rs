//! Recognises logs in a data folder: they are never kept beside a dump, and a restore may lose them.
//!
//! **Invariant:** a file named like settings, accounts, keys or certificates is never a log, whatever the server
//! reports.

use super::rules::is_side_file;
use crate::backup::EngineKind;
use std::collections::BTreeSet;

/// Endings that rotation and compression put behind a name.
const BEHIND: [&str; 6] = [".gz", ".bz2", ".xz", ".zst", ".old", ".bak"];

/// Returns whether a path below the data folder is a well-known log of its engine.
pub fn is_log(engine: EngineKind, path: &str) -> bool {
    let name = without_rotation(path.rsplit('/').next().unwrap_or(path));
    let is_known = match engine {
        EngineKind::Postgresql => name == "logfile",
        EngineKind::Mariadb | EngineKind::Mysql => name.ends_with(".err"),
        EngineKind::Redis | EngineKind::Mongodb | EngineKind::Neo4j => false,
        EngineKind::Volume | EngineKind::S3 | EngineKind::Command => return false,
    };
    !is_side_file(engine, path) && (is_known || name.ends_with(".log") || name.contains(".log."))
}

/// Returns whether a server or a command names the file as its log: by its path, or by a pattern like PostgreSQL's
/// `log_filename`.
pub fn is_named_log(engine: EngineKind, path: &str, logs: &BTreeSet<String>) -> bool {
    !is_side_file(engine, path) && logs.iter().any(|log| is_alike(log, path) || is_alike(log, without_rotation(path)))
}

/// PostgreSQL writes `.csv` and `.json` beside a `.log`.
fn is_alike(pattern: &str, path: &str) -> bool {
    let other = |ending: &str| pattern.strip_suffix(".log").map(|stem| format!("{stem}{ending}"));
    [Some(pattern.to_owned()), other(".csv"), other(".json")].iter().flatten().any(|pattern| matches(pattern, path))
}

/// Returns whether the pattern matches; `%` with a letter matches any text without `/`.
fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('%');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    // After each `%` comes its letter, then literal text.
    let parts: Vec<&str> =
        parts.map(|part| part.get(part.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default()).collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        if rest[..at].contains('/') {
            return false;
        }
        rest = &rest[at + part.len()..];
    }
    rest.strip_suffix(last).is_some_and(|text| !text.contains('/'))
}

/// `redis.log.2.gz` and `redis.log-20260101` are `redis.log`.
fn without_rotation(path: &str) -> &str {
    let mut path = path;
    loop {
        let digits = path.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = digits.strip_suffix(['.', '-']).filter(|_| digits.len() < path.len());
        match number.or_else(|| BEHIND.iter().find_map(|end| path.strip_suffix(end))) {
            Some(shorter) if !shorter.is_empty() => path = shorter,
            _ => return path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_have_the_names_of_their_engines() {
        let logs = [
            (EngineKind::Postgresql, "logfile"),
            (EngineKind::Postgresql, "logfile.log"),
            (EngineKind::Redis, "redis.log"),
            (EngineKind::Redis, "redis.log.2.gz"),
            (EngineKind::Redis, "conf/redis.log-20260101"),
            (EngineKind::Mariadb, "mariadb.err"),
            (EngineKind::Mysql, "host-slow.log.old"),
            (EngineKind::Mongodb, "mongod.log"),
            (EngineKind::Mongodb, "mongod.log.2026-01-01T00-00-00"),
            (EngineKind::Neo4j, "logs/debug.log"),
        ];
        for (engine, path) in logs {
            assert!(is_log(engine, path), "{engine:?} {path}");
        }
        let not = [
            (EngineKind::Redis, "users.acl"),
            (EngineKind::Redis, "mariadb.err"),
            (EngineKind::Redis, "log.conf"),
            (EngineKind::Postgresql, "pg_hba_prod"),
            (EngineKind::Mongodb, "keyfile"),
            (EngineKind::Mariadb, "2026"),
            (EngineKind::Volume, "a.log"),
        ];
        for (engine, path) in not {
            assert!(!is_log(engine, path), "{engine:?} {path}");
        }
    }

    #[test]
    fn what_a_server_names_as_its_log_is_one_unless_it_is_settings() {
        let check = |log: &str, path: &str, expect: bool| {
            let logs = [log.to_owned()].into();
            assert_eq!(is_named_log(EngineKind::Postgresql, path, &logs), expect, "{log}: {path}");
        };
        check("diary/out", "diary/out", true);
        check("diary/out", "diary/out.1", true);
        check("diary/out", "diary/outer", false);
        check("diary/pg-%Y-%m-%d.log", "diary/pg-2026-11-28.log", true);
        check("diary/pg-%Y-%m-%d.log", "diary/pg-2026-11-28.csv", true);
        check("diary/pg-%Y-%m-%d.log", "diary/pg-2026.log", false);
        check("diary/pg-%Y-%m-%d.log", "diary/pg-1-2-3/x.log", false);
        check("%a", "Mon", true);
        check("%a", "pg_hba.conf", false);
        check("server.key", "server.key", false);
        check("a%", "ab", true);
    }
}
