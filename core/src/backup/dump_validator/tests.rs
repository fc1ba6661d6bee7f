//! Dumps as they are, cut off, empty, and none at all.

use super::*;
use crate::backup::{Commands, Server, StoreKind};
use proptest::prelude::*;

const SQL: &[u8] = b"-- MariaDB dump 10.19\nCREATE TABLE `a` (`b` int);\n-- Dump completed\n";
const DATED: &[u8] = b"/*M!999999\\- enable the sandbox mode */ \n-- Dump completed on 2026-11-20  6:26:38\n";
const POSTGRESQL: &[u8] =
    b"--\n-- PostgreSQL database dump\n--\n\nCOPY a FROM stdin;\n1\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
const RESTRICTED: &[u8] = b"--\n-- PostgreSQL database dump\n--\n\n\\restrict Key\nSELECT 1;\n\
    --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict Key\n\n";

fn server() -> Server {
    Server { service: "db".to_owned(), database: None, user: None, password: None, data: "/data".to_owned() }
}

fn store(engine: DatabaseEngine) -> Store {
    Store { engine, kind: StoreKind::Truth, stop: Vec::new(), pause: Vec::new(), checks: Vec::new() }
}

/// Judges the bytes as a tool that ended well gave them, in pieces of some size.
fn judge(engine: &DatabaseEngine, bytes: &[u8], pieces: usize) -> Result<Vec<DataNote>, DumpError> {
    let mut validator = DumpValidator::of(&store(engine.clone())).expect("it is dumped");
    bytes.chunks(pieces).for_each(|piece| validator.observe(piece));
    assert_eq!(validator.bytes(), bytes.len() as u64);
    validator.verdict(&ToolEnd::well(), None)
}

fn rdb(body: &[u8]) -> Vec<u8> {
    let mut dump = [b"REDIS0010".as_slice(), body, &[0xff]].concat();
    let crc = super::rdb::crc(0, &dump);
    dump.extend(crc.to_le_bytes());
    dump
}

/// A document with texts and, at its end, a truth.
fn document(texts: &[(&str, &str)], end: Option<bool>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, text) in texts {
        body.extend([&[2], name.as_bytes(), &[0]].concat());
        body.extend(u32::try_from(text.len() + 1).expect("it is short").to_le_bytes());
        body.extend([text.as_bytes(), &[0]].concat());
    }
    if let Some(end) = end {
        body.extend([b"\x08EOF\0".as_slice(), &[u8::from(end)]].concat());
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).expect("it is short");
    [length.to_le_bytes().as_slice(), &body].concat()
}

const END: [u8; 4] = [0xff; 4];

fn archive(collections: &[(&str, &[&str])]) -> Vec<u8> {
    let mut dump = vec![0x6d, 0xe2, 0x99, 0x81];
    dump.extend(document(&[("version", "0.1")], None));
    for (name, _) in collections {
        dump.extend(document(&[("db", "lab"), ("collection", name), ("type", "collection")], None));
    }
    dump.extend(document(&[("db", "lab"), ("collection", "seen"), ("type", "view")], None));
    dump.extend(END);
    for (name, documents) in collections {
        dump.extend(document(&[("db", "lab"), ("collection", name)], Some(false)));
        documents.iter().for_each(|text| dump.extend(document(&[("text", text)], None)));
        dump.extend(END);
        dump.extend(document(&[("db", "lab"), ("collection", name)], Some(true)));
        dump.extend(END);
    }
    dump
}

#[test]
fn documents_are_counted_by_collection() {
    let dump = archive(&[("a", &["x", "y"]), ("empty", &[])]);
    for pieces in [1, 5, 1000] {
        let mut validator = DumpValidator::of(&store(DatabaseEngine::Mongodb(server()))).expect("it is dumped");
        dump.chunks(pieces).for_each(|piece| validator.observe(piece));
        let expect = [("lab.a".to_owned(), 2), ("lab.empty".to_owned(), 0)].into();
        assert_eq!(validator.counts(), Some(expect), "in pieces of {pieces}");
    }
}

fn neo4j(blocks: &[&[u8]], has_checksum: bool) -> Vec<u8> {
    let flags = 0xa0 | if has_checksum { 4 } else { 0 };
    let mut dump = [b"DZV1".as_slice(), &[0x28, 0xb5, 0x2f, 0xfd, flags, 1, 0, 0, 0]].concat();
    for (index, block) in blocks.iter().enumerate() {
        let word = u32::try_from(block.len()).expect("it is short") << 3 | u32::from(index + 1 == blocks.len());
        dump.extend(&word.to_le_bytes()[..3]);
        dump.extend(*block);
    }
    dump.extend(vec![7; if has_checksum { 4 } else { 0 }]);
    dump
}

fn own() -> DatabaseEngine {
    DatabaseEngine::Command(Commands {
        service: "db".to_owned(),
        dump: vec!["dump".to_owned()],
        load: vec!["load".to_owned()],
        count: Vec::new(),
        environment: [].into(),
        magic: Some("BEGIN".to_owned()),
        trailer: Some("END\n".to_owned()),
    })
}

fn good() -> Vec<(DatabaseEngine, Vec<u8>)> {
    vec![
        (DatabaseEngine::Postgresql(server()), POSTGRESQL.to_vec()),
        (DatabaseEngine::Postgresql(server()), RESTRICTED.to_vec()),
        (DatabaseEngine::Mariadb(server()), SQL.to_vec()),
        (DatabaseEngine::Mysql(server()), DATED.to_vec()),
        (DatabaseEngine::Redis(server()), rdb(b"\x00\x01a\x01b")),
        (DatabaseEngine::Mongodb(server()), archive(&[("a", &["x", "y"]), ("b", &[])])),
        (DatabaseEngine::Neo4j(server()), neo4j(&[b"graph", b"", b"more"], false)),
        (DatabaseEngine::Neo4j(server()), neo4j(&[b"graph"], true)),
        (own(), b"BEGIN\nEND\n".to_vec()),
    ]
}

#[test]
fn a_good_dump_is_good_however_it_comes() {
    for (engine, dump) in good() {
        for pieces in [1, 2, 3, 7, 4096] {
            assert_eq!(judge(&engine, &dump, pieces), Ok(Vec::new()), "{:?} by {pieces}", engine.kind());
        }
    }
}

#[test]
fn no_good_dump_is_good_when_it_is_cut_off_anywhere() {
    for (engine, dump) in good() {
        for length in 0..dump.len() {
            let evaluate = judge(&engine, &dump[..length], 64);
            assert!(evaluate.is_err(), "{:?} is good with {length} of {} bytes", engine.kind(), dump.len());
        }
    }
}

#[test]
fn what_the_engine_says_is_no_dump() {
    let said =
        b"OCI runtime exec failed: exec failed: container_linux.go:380: \"pg_dump\": executable file not found\r\n";
    for (engine, _) in good() {
        let evaluate = judge(&engine, said, 4096).expect_err("it is no dump");
        assert!(
            matches!(&evaluate, DumpError::NotStarted { answer } if answer.starts_with("OCI runtime exec failed")),
            "{evaluate}"
        );
    }
}

#[test]
fn a_dump_of_something_else_is_no_dump() {
    for (engine, _) in good() {
        for (other, dump) in good() {
            let is_sql =
                |engine: &DatabaseEngine| matches!(engine, DatabaseEngine::Mariadb(_) | DatabaseEngine::Mysql(_));
            if engine.kind() != other.kind() && !(is_sql(&engine) && is_sql(&other)) {
                assert!(judge(&engine, &dump, 64).is_err(), "{:?} takes a {:?}", engine.kind(), other.kind());
            }
        }
    }
}

#[test]
fn a_tool_that_failed_made_no_dump_however_it_looks() {
    for (engine, dump) in good() {
        let mut validator = DumpValidator::of(&store(engine)).expect("it is dumped");
        validator.observe(&dump);
        let end = ToolEnd { code: 1, words: " connection lost\n".to_owned() };
        let error = validator.verdict(&end, None).expect_err("its tool failed");
        assert_eq!(error, DumpError::ToolFailed { code: 1, output: "connection lost".to_owned() });
    }
}

#[test]
fn a_byte_that_changed_on_the_way_is_seen_by_a_checksum() {
    let mut dump = rdb(b"\x00\x01a\x01b");
    dump[12] ^= 1;
    assert_eq!(judge(&DatabaseEngine::Redis(server()), &dump, 64), Err(DumpError::WrongChecksum));
    // The server is configured to write none.
    let end = dump.len() - 8;
    dump[end..].fill(0);
    assert_eq!(judge(&DatabaseEngine::Redis(server()), &dump, 64), Ok(Vec::new()));
}

#[test]
fn an_archive_says_which_collection_is_cut_off() {
    let whole = archive(&[("a", &["x"]), ("b", &["y"])]);
    let without_b = archive(&[("a", &["x"])]);
    // The last part is missing, and the cut is between two parts.
    let shorter = whole.len() - (without_b.len() - archive(&[]).len())
        + document(&[("db", "lab"), ("collection", "a"), ("type", "collection")], None).len();
    let evaluate = judge(&DatabaseEngine::Mongodb(server()), &whole[..shorter], 64);
    assert_eq!(evaluate, Err(DumpError::CollectionBreaksOff { collection: "lab.b".to_owned() }));
}

#[test]
fn a_dump_that_shrank_is_said_never_silent() {
    let check = |previous: Option<u64>, expect: &[DataNote]| {
        let mut validator = DumpValidator::of(&store(DatabaseEngine::Mariadb(server()))).expect("it is dumped");
        validator.observe(SQL);
        let notes = validator.verdict(&ToolEnd::well(), previous).expect("it is good");
        assert_eq!(notes, expect, "for {previous:?}");
    };
    let bytes = SQL.len() as u64;
    check(None, &[]);
    check(Some(0), &[]);
    check(Some(bytes), &[]);
    check(Some(bytes / 2), &[]);
    check(Some(bytes * 100 / 80), &[DataNote::Smaller { bytes, before: bytes * 100 / 80 }]);
    check(Some(bytes * 3), &[DataNote::Smaller { bytes, before: bytes * 3 }]);
}

#[test]
fn the_checksum_is_the_one_of_redis() {
    assert_eq!(super::rdb::crc(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
}

proptest! {
    #[test]
    fn a_cut_is_always_seen(
        texts in proptest::collection::vec("[a-z]{0,40}", 0..20),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        part in 0.0..1.0_f64,
        pieces in 1_usize..50,
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let sql = [b"-- MySQL dump\n".as_slice(), texts.join("\n").as_bytes(), b"\n-- Dump completed\n"].concat();
        for (engine, dump) in [
            (DatabaseEngine::Mongodb(server()), archive(&[("a", &texts), ("b", &[]), ("c", &texts)])),
            (DatabaseEngine::Redis(server()), rdb(&body)),
            (DatabaseEngine::Neo4j(server()), neo4j(&[&body, &body], true)),
            (DatabaseEngine::Mysql(server()), sql),
        ] {
            prop_assert_eq!(judge(&engine, &dump, pieces), Ok(Vec::new()));
            let cut = ((dump.len() as f64) * part) as usize;
            prop_assert!(judge(&engine, &dump[..cut], pieces).is_err(), "{:?} at {}", engine.kind(), cut);
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..2000), pieces in 1_usize..50) {
        for (engine, dump) in good() {
            let _ = judge(&engine, &bytes, pieces);
            let _ = judge(&engine, &[&dump[..dump.len().min(20)], bytes.as_slice()].concat(), pieces);
        }
    }
}

/// The same counts from pieces of any size.
fn check_counts(engine: fn(Server) -> DatabaseEngine, dump: &[u8], expect: &str) {
    let text = |text: &str| Some(text.to_owned());
    let data = "/data".to_owned();
    let server = Server { service: "db".to_owned(), database: text("lab"), user: None, password: None, data };
    let (kind, stop, pause, checks) = (StoreKind::Truth, Vec::new(), Vec::new(), Vec::new());
    let store = Store { engine: engine(server), kind, stop, pause, checks };
    for pieces in [1, 2, 3, 7, 50, 1 << 20] {
        let mut validator = DumpValidator::of(&store).expect("it is dumped");
        dump.chunks(pieces).for_each(|piece| validator.observe(piece));
        let counts = validator.counts().expect("its form tells");
        let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name}={count}")).collect();
        assert_eq!(counts.join(" "), expect, "in pieces of {pieces}");
    }
}

#[test]
fn rows_of_postgresql_are_lines_below_what_announces_them() {
    let dump = b"--\n-- PostgreSQL database dump\n--\n\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS '\nCOPY public.evil (a) FROM stdin;\n1\n';\n
--\n-- Data for Name: Sam.ples; Type: TABLE DATA; Schema: public; Owner: lab\n--\n\nCOPY public.\"Sam.\"\"ples\" (id, note) FROM stdin;\n1\tCOPY public.x (a) FROM stdin;\n2\t\\\\.\n3\t\\N\n\n\\.x\n\\.\n\n\n--\n-- Data for Name: empty; Type: TABLE DATA; Schema: more; Owner: lab\n--\n\nCOPY more.empty (a) FROM stdin;\n\\.\n\n\nSELECT pg_catalog.setval('public.s', 3, true);\n\nCOPY public.late (a) FROM stdin;\n1\n\\.\n";
    check_counts(DatabaseEngine::Postgresql, dump, "more.empty=0 public.Sam.\"ples=5");
}

#[test]
fn rows_of_mariadb_and_mysql_are_brackets_in_what_inserts() {
    let maria = b"-- MariaDB dump 10.19\n--\n-- Dumping data for table `a``b`\n--\n\nLOCK TABLES `a``b` WRITE;\n/*!40000 ALTER TABLE `a``b` DISABLE KEYS */;\nINSERT INTO `a``b` VALUES\n(1,'a),(\\'b',NULL),\n(2,'it''s (;',0x00),\n(3,'\\\\',1.5);\nINSERT INTO `a``b` VALUES\n(4,'',NULL);\n/*!40000 ALTER TABLE `a``b` ENABLE KEYS */;\nUNLOCK TABLES;\nDELIMITER ;;\nINSERT INTO `log` VALUES (1),(2);\n;;\n--\n-- Dumping data for table `empty`\n--\n\nLOCK TABLES `empty` WRITE;\nUNLOCK TABLES;\n-- Dump completed\n";
    check_counts(DatabaseEngine::Mariadb, maria, "a`b=4 empty=0");
    let mysql = b"-- MySQL dump 10.13\n-- Dumping data for table `t`\n--\n\nLOCK TABLES `t` WRITE;\nINSERT INTO `t` (`id`, `V(alue`) VALUES (1,'x'),(2,_binary 'y'),(3,0xFF);\nINSERT INTO `t` (`id`, `V(alue`) VALUES (-4,'z');\nUNLOCK TABLES;\n-- Dump completed\n";
    check_counts(DatabaseEngine::Mysql, mysql, "t=4");
}

#[test]
fn a_name_with_lines_in_it_is_one_name() {
    let dump = b"--\n-- PostgreSQL database dump\n--\n
--\n-- Data for Name: tab\tand new=line; Type: TABLE DATA; Schema: public; Owner: lab\n--\n\nCOPY public.\"tab\tand\nnew=line\" (a, \"c\n\"\"d\") FROM stdin;\n1\tx\n2\t\"y\n\\.\n\n\n--\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: lab\n--\n\nCOPY public.t (\"first\nsecond\") FROM stdin;\n1\n\\.\n";
    check_counts(DatabaseEngine::Postgresql, dump, "public.t=1 public.tab\tand\nnew=line=2");
    let maria = b"-- MariaDB dump 10.19\n--\n-- Dumping data for table `tab\tand\n-- newline`\n--\n\n/*M!101100 SET @old=1 */;\nLOCK TABLES `tab\tand\nnewline` WRITE;\n/*!40000 ALTER TABLE `tab\tand\nnewline` DISABLE KEYS */;\nINSERT INTO `tab\tand\nnewline` VALUES\n(1,'a'),\n(2,'b');\nUNLOCK TABLES;\n--\n-- Dumping data for table `empty\n-- one`\n--\n\nLOCK TABLES `empty\none` WRITE;\nUNLOCK TABLES;\n--\n-- Dumping data for table `back\\\\sl=ash'\"$%p`\n--\n\nLOCK TABLES `back\\\\sl=ash'\"$%p` WRITE;\nINSERT INTO `back\\\\sl=ash'\"$%p` VALUES\n(1);\nUNLOCK TABLES;\n--\n-- Dumping data for table `unlocked`\n--\n\n-- Dump completed\n";
    check_counts(DatabaseEngine::Mariadb, maria, "back\\\\sl=ash'\"$%p=1 empty\none=0 tab\tand\nnewline=2 unlocked=0");
}
