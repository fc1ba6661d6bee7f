//! Selection of files, and archives that give back their input.

use super::*;

fn file(path: &str, content: &[u8]) -> (SideFile, Vec<u8>) {
    let content_noted = SideContent::File { bytes: content.len() as u64, sha256: String::new() };
    (
        SideFile { path: path.to_owned(), content: content_noted, mode: 0o600, uid: 999, gid: 4_000_000 },
        content.to_vec(),
    )
}

#[test]
fn settings_accounts_keys_and_certificates_are_kept_and_data_is_not() {
    let kept = [
        (EngineKind::Redis, "users.acl"),
        (EngineKind::Redis, "redis.conf"),
        (EngineKind::Redis, "acl/lab.acl"),
        (EngineKind::Postgresql, "postgresql.auto.conf"),
        (EngineKind::Postgresql, "postgresql.conf"),
        (EngineKind::Postgresql, "pg_hba.conf"),
        (EngineKind::Postgresql, "pg_ident.conf"),
        (EngineKind::Postgresql, "pg_hba_prod.conf"),
        (EngineKind::Postgresql, "pg_hba.conf.d/lab.conf"),
        (EngineKind::Postgresql, "server.key"),
        (EngineKind::Postgresql, "conf.d/memory.conf"),
        (EngineKind::Mariadb, "my.cnf"),
        (EngineKind::Mysql, "server-key.pem"),
        (EngineKind::Mongodb, "keyfile"),
        (EngineKind::Neo4j, "neo4j.conf"),
    ];
    for (engine, path) in kept {
        assert!(is_side_file(engine, path), "{engine:?} {path}");
    }
    let not = [
        (EngineKind::Redis, "dump.rdb"),
        (EngineKind::Redis, "appendonlydir/appendonly.aof.1.incr.aof"),
        (EngineKind::Postgresql, "base/1/pg_filenode.map"),
        (EngineKind::Postgresql, "pg_wal/archive.conf"),
        (EngineKind::Postgresql, "recovery.conf"),
        (EngineKind::Postgresql, "postmaster.pid"),
        (EngineKind::Mariadb, ".my-healthcheck.cnf"),
        (EngineKind::Mysql, "auto.cnf"),
        (EngineKind::Mysql, "mysql/user.conf"),
        (EngineKind::Mongodb, ".user"),
        (EngineKind::Volume, "a.conf"),
    ];
    for (engine, path) in not {
        assert!(!is_side_file(engine, path), "{engine:?} {path}");
    }
}

#[test]
fn an_archive_gives_back_what_went_in() {
    let link = SideFile {
        path: "server.crt".to_owned(),
        content: SideContent::Link { to: "/etc/ssl/lab.crt".to_owned() },
        mode: 0o777,
        uid: 0,
        gid: 0,
    };
    let files = [file("a.conf", b"x"), file("empty.conf", b""), file("b.acl", &[7; 1500]), (link, Vec::new())];
    let archive = pack(&files);
    let back = unpack(&archive).expect("it is whole");
    assert_eq!(back.len(), 3);
    assert!(files[..3].iter().all(|(file, content)| back[&file.path] == *content));
    assert_eq!(unpack(&archive[..archive.len() - 1024]), Err(UnpackError::CutOff), "its end is missing");
    assert_eq!(unpack(&archive[..700]), Err(UnpackError::CutOff));
}

#[test]
fn a_path_that_leads_out_of_its_folder_is_none_in_it() {
    assert_eq!(relative("/data/acl/users.acl", "/data").as_deref(), Some("acl/users.acl"));
    assert_eq!(relative("/data/", "/data").as_deref(), Some(""));
    for wrong in ["/data/../etc/shadow", "/database/x", "/etc/x", "data/x"] {
        assert_eq!(relative(wrong, "/data"), None, "{wrong}");
    }
}

#[test]
fn what_a_server_says_of_its_files_is_read_line_by_line() {
    let said = said_files("folder\t/data\nfile\t/data/users.acl\r\nNOPERM nothing\nfile\t\nfile\tserver.key\n");
    assert_eq!(said.folder.as_deref(), Some("/data"));
    assert_eq!(said.files, ["/data/users.acl".to_owned(), "server.key".to_owned()].into());
}
