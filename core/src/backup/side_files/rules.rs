//! Decides which files of a data folder are kept beside the dump, for each engine.
//!
//! Notes of an image or a server for itself are not kept: the marker of a first start, or the password of a generated
//! account, would be wrong beside a new server.

use crate::backup::EngineKind;

/// Time at which a restore puts such files back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutTime {
    /// The server needs them to start: a key file, a list of accounts.
    BeforeStart,
    /// The server begins its data only in an empty folder, and the dump is loaded under its own access rules first.
    AfterLoad,
}

/// Returns the time for an engine; none for engines without such files.
pub fn put_time(engine: EngineKind) -> Option<PutTime> {
    match engine {
        EngineKind::Redis | EngineKind::Mongodb | EngineKind::Neo4j => Some(PutTime::BeforeStart),
        EngineKind::Postgresql | EngineKind::Mariadb | EngineKind::Mysql => Some(PutTime::AfterLoad),
        EngineKind::Volume | EngineKind::S3 | EngineKind::Command => None,
    }
}

/// Endings of settings, accounts, keys and certificates.
const ENDINGS: [&str; 17] = [
    ".conf", ".cnf", ".acl", ".ini", ".toml", ".yaml", ".yml", ".pem", ".crt", ".cert", ".cer", ".crl", ".key", ".p12",
    ".pfx", ".jks", ".keyfile",
];
const NAMES: [&str; 4] = ["keyfile", ".pgpass", "pgpass", "mongod-keyfile"];

/// Folders below the data folder that may have such files. Others are the server's own: a database, a log.
const FOLDERS: [&str; 10] = ["conf", "config", "ssl", "tls", "certs", "certificates", "pki", "keys", "acl", "private"];

/// Returns whether a path below the data folder is kept. Files named by a server or a command are kept too.
pub fn is_side_file(engine: EngineKind, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    !is_of_server(engine, path) && (ENDINGS.iter().any(|end| name.ends_with(end)) || NAMES.contains(&name))
}

/// Returns whether a folder is searched.
pub fn can_descend(name: &str) -> bool {
    FOLDERS.contains(&name) || name.ends_with(".d")
}

/// Returns whether the server or its image creates the file by itself: it is never kept, even if it is named.
pub fn is_of_server(engine: EngineKind, path: &str) -> bool {
    let top = path.split('/').next().unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_leftover =
        name.starts_with(".fleet") || name.ends_with(".tmp") || name.ends_with(".pid") || name.ends_with(".sock");
    is_leftover
        || match engine {
            EngineKind::Postgresql => is_of_postgresql(top),
            EngineKind::Redis => {
                top == "appendonlydir" || name.ends_with(".rdb") || name.ends_with(".aof") || name.starts_with("temp-")
            }
            EngineKind::Mongodb => {
                top.starts_with("WiredTiger")
                    || name.ends_with(".wt")
                    || name.ends_with(".bson")
                    || top == "mongod.lock"
            }
            // The first is the password of an account that the image generates; the second is a server's identity.
            EngineKind::Mariadb | EngineKind::Mysql => {
                [".my-healthcheck.cnf", "auto.cnf", "ibdata1", "aria_log_control"].contains(&name)
                    || ["mysql", "sys", "performance_schema"].contains(&top)
            }
            EngineKind::Neo4j => ["databases", "transactions", "dbms", "cluster-state", "server_id"].contains(&top),
            EngineKind::Volume | EngineKind::S3 | EngineKind::Command => true,
        }
}

/// Names starting with `pg_` that PostgreSQL creates: users' access rules or certificates may start so too.
const OF_POSTGRESQL: [&str; 22] = [
    "pg_clog",
    "pg_commit_ts",
    "pg_control",
    "pg_dynshmem",
    "pg_filenode.map",
    "pg_internal.init",
    "pg_log",
    "pg_logical",
    "pg_multixact",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_subtrans",
    "pg_tblspc",
    "pg_twophase",
    "pg_upgrade_output.d",
    "pg_wal",
    "pg_xact",
    "pg_xlog",
];

fn is_of_postgresql(top: &str) -> bool {
    let names = ["base", "global", "PG_VERSION", "log", "current_logfiles", "backup_label", "tablespace_map"];
    let of_recovery = ["standby.signal", "recovery.signal", "recovery.conf", "recovery.done", "postmaster.opts"];
    OF_POSTGRESQL.contains(&top) || names.contains(&top) || of_recovery.contains(&top)
}
