//! Streams in and out, compared with stock restic.

mod common;

use common::{Drips, Fails, Home, gate, noise, part, part_at, read_all, short, stream, stream_of};
use fleet_repository::{Error, FileKind, Kind, Repository};
use std::io::Cursor;

/// Lines that pack about as a dump does.
fn dump(lines: u32) -> Vec<u8> {
    (0..lines)
        .flat_map(|n| format!("INSERT INTO runs VALUES ({n}, 'sample {}', {});\n", n % 97, n * 7919).into_bytes())
        .collect()
}

#[test]
fn stock_restic_lists_checks_and_gives_back_what_streams_held() {
    let home = Home::new();
    let repository = home.open();
    let (database, globals) = (dump(120_000), b"CREATE ROLE nomad;\n".to_vec());
    let streams = vec![stream("db/site.sql", database.clone()), stream("db/globals.sql", globals.clone())];
    let archived = repository.archive_streams(&part("b1"), streams, &gate()).expect("archived");
    repository.write_set(&part("b1"), b"{\"name\":\"b1\"}".to_vec()).expect("a set");

    let names: Vec<_> = archived.streams.iter().map(|stream| (stream.name.as_str(), stream.bytes)).collect();
    assert_eq!(names, [("db/globals.sql", 19), ("db/site.sql", database.len() as u64)]);
    assert_eq!(read_all(&repository, &archived.snapshot, "db/site.sql"), database);

    let listed = home.restic_is_content(&["ls", "-l", &archived.snapshot.to_string()]);
    assert!(listed.contains("-rw-------") && listed.contains("/db/globals.sql"), "{listed}");
    assert!(listed.contains("2026-09-21"), "{listed}");
    home.restic_is_content(&["check", "--read-data"]);
    let given = home.restic(&["dump", &archived.snapshot.to_string(), "/db/site.sql"]);
    assert!(given.stdout == database, "{}", String::from_utf8_lossy(&given.stderr));
    let to = home.folder.path().join("restored");
    let restored = home.restic_is_content(&[
        "restore",
        "--verify",
        &archived.snapshot.to_string(),
        "--target",
        &to.display().to_string(),
    ]);
    assert!(std::fs::read(to.join("db/site.sql")).expect("restored") == database, "{restored}");
}

#[test]
fn a_stream_that_drips_is_cut_like_one_that_pours() {
    let content = noise(7, 6_000_000);
    let (poured, dripped) = (Home::new(), Home::new());
    let into = |home: &Home, stream| {
        // The same polynomial cuts the same chunks.
        std::fs::remove_dir_all(home.path()).expect("emptied");
        let copied = std::process::Command::new("cp").arg("-r").arg(poured.path()).arg(home.path()).status();
        assert!(copied.expect("cp runs").success());
        let repository = Repository::open(home.place(), &poured.secrets).expect("opened");
        repository.archive_streams(&part("b1"), vec![stream], &gate()).expect("archived").added
    };
    let other = into(&dripped, stream_of("a", Some(6_000_000), Drips(Cursor::new(content.clone()), 1500)));
    let repository = poured.open();
    let one = repository.archive_streams(&part("b1"), vec![stream("a", content)], &gate()).expect("archived").added;
    assert_eq!(one, other);
}

#[test]
fn a_source_that_fails_leaves_an_error_and_no_snapshot() {
    let home = Home::new();
    let repository = home.open();
    let streams = vec![stream("a", noise(1, 100_000)), stream_of("b", None, Fails(Cursor::new(noise(2, 3_000_000))))];
    let failed = repository.archive_streams(&part("b1"), streams, &gate()).expect_err("it failed");
    assert!(
        matches!(&failed, Error::Source { name, reason } if name == "b" && reason.contains("exited 1")),
        "{failed}"
    );
    assert!(home.files(FileKind::Snapshot).is_empty());
    assert!(repository.sets().expect("sets").sets.is_empty() && repository.unfinished().expect("parts").is_empty());
    home.restic_is_content(&["check", "--read-data"]);
}

#[test]
fn a_gate_that_somebody_shuts_keeps_the_snapshot_out() {
    let home = Home::new();
    let gate = gate();
    gate.shut("db", "the container was killed");
    let failed = home.open().archive_streams(&part("b1"), vec![stream("a", noise(1, 1000))], &gate).expect_err("shut");
    assert!(failed.to_string().contains("the container was killed"), "{failed}");
    assert!(home.files(FileKind::Snapshot).is_empty());
}

#[test]
fn a_backup_exists_when_its_set_does() {
    let home = Home::new();
    let repository = home.open();
    repository
        .archive_streams(&part_at("b1", 1_000_000), vec![stream("a", noise(1, 1000))], &gate())
        .expect("archived");
    assert!(repository.sets().expect("sets").sets.is_empty());
    let unfinished = repository.unfinished().expect("parts");
    assert_eq!(
        unfinished.iter().map(|part| (short(&part.backup), part.kind)).collect::<Vec<_>>(),
        [("b1".to_owned(), Kind::Dumps)]
    );

    repository.write_set(&part_at("b1", 2_000_000), b"first".to_vec()).expect("a set");
    repository.write_set(&part_at("b0", 3_000_000), b"second".to_vec()).expect("a set");
    let sets = repository.sets().expect("sets").sets;
    let recorded: Vec<_> =
        sets.iter().map(|set| (short(&set.backup), set.time.0, set.manifest.as_slice(), set.parts.len())).collect();
    assert_eq!(
        recorded,
        [("b1".to_owned(), 2_000_000, &b"first"[..], 1), ("b0".to_owned(), 3_000_000, &b"second"[..], 0)]
    );
    assert!(repository.unfinished().expect("parts").is_empty());
}

#[test]
fn names_that_lead_elsewhere_or_into_each_other_are_refused() {
    let home = Home::new();
    let repository = home.open();
    for names in [&["../a"][..], &["a", "a/b"], &["a", "a"], &[""], &["a/../b"], &[]] {
        let streams = names.iter().map(|name| stream(name, vec![1])).collect();
        let refused = repository.archive_streams(&part("b1"), streams, &gate()).expect_err("refused");
        assert!(matches!(refused, Error::Refused { .. }), "{names:?}: {refused}");
    }
}

#[test]
fn another_key_opens_nothing() {
    let (home, other) = (Home::new(), Home::new());
    assert!(matches!(Repository::open(home.place(), &other.secrets), Err(Error::WrongKey { .. })));
    assert!(matches!(Repository::create(&home.place(), &other.secrets), Err(Error::Occupied { .. })));
    assert_eq!(format!("{:?}", home.secrets), "Secrets(…)");
}

#[test]
fn creating_again_is_creating_once() {
    let home = Home::new();
    let before = home.files(FileKind::Key);
    Repository::create(&home.place(), &home.secrets).expect("created again");
    assert_eq!(before, home.files(FileKind::Key));
    std::fs::remove_file(&before[0]).expect("as if it had been cut off");
    Repository::create(&home.place(), &home.secrets).expect("completed");
    assert_eq!(home.files(FileKind::Key).len(), 1);
    home.restic_is_content(&["snapshots"]);
}
