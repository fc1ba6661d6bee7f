//! Counts the items of a dump from its bytes, in pieces of any size.

use super::*;
use crate::backup::{Server, StoreKind};

fn check(engine: fn(Server) -> DatabaseEngine, dump: &[u8], expect: &str) {
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
    check(DatabaseEngine::Postgresql, dump, "more.empty=0 public.Sam.\"ples=5");
}

#[test]
fn rows_of_mariadb_and_mysql_are_brackets_in_what_inserts() {
    let maria = b"-- MariaDB dump 10.19\n--\n-- Dumping data for table `a``b`\n--\n\nLOCK TABLES `a``b` WRITE;\n/*!40000 ALTER TABLE `a``b` DISABLE KEYS */;\nINSERT INTO `a``b` VALUES\n(1,'a),(\\'b',NULL),\n(2,'it''s (;',0x00),\n(3,'\\\\',1.5);\nINSERT INTO `a``b` VALUES\n(4,'',NULL);\n/*!40000 ALTER TABLE `a``b` ENABLE KEYS */;\nUNLOCK TABLES;\nDELIMITER ;;\nINSERT INTO `log` VALUES (1),(2);\n;;\n--\n-- Dumping data for table `empty`\n--\n\nLOCK TABLES `empty` WRITE;\nUNLOCK TABLES;\n-- Dump completed\n";
    check(DatabaseEngine::Mariadb, maria, "a`b=4 empty=0");
    let mysql = b"-- MySQL dump 10.13\n-- Dumping data for table `t`\n--\n\nLOCK TABLES `t` WRITE;\nINSERT INTO `t` (`id`, `V(alue`) VALUES (1,'x'),(2,_binary 'y'),(3,0xFF);\nINSERT INTO `t` (`id`, `V(alue`) VALUES (-4,'z');\nUNLOCK TABLES;\n-- Dump completed\n";
    check(DatabaseEngine::Mysql, mysql, "t=4");
}

#[test]
fn a_name_with_lines_in_it_is_one_name() {
    let dump = b"--\n-- PostgreSQL database dump\n--\n
--\n-- Data for Name: tab\tand new=line; Type: TABLE DATA; Schema: public; Owner: lab\n--\n\nCOPY public.\"tab\tand\nnew=line\" (a, \"c\n\"\"d\") FROM stdin;\n1\tx\n2\t\"y\n\\.\n\n\n--\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: lab\n--\n\nCOPY public.t (\"first\nsecond\") FROM stdin;\n1\n\\.\n";
    check(DatabaseEngine::Postgresql, dump, "public.t=1 public.tab\tand\nnew=line=2");
    let maria = b"-- MariaDB dump 10.19\n--\n-- Dumping data for table `tab\tand\n-- newline`\n--\n\n/*M!101100 SET @old=1 */;\nLOCK TABLES `tab\tand\nnewline` WRITE;\n/*!40000 ALTER TABLE `tab\tand\nnewline` DISABLE KEYS */;\nINSERT INTO `tab\tand\nnewline` VALUES\n(1,'a'),\n(2,'b');\nUNLOCK TABLES;\n--\n-- Dumping data for table `empty\n-- one`\n--\n\nLOCK TABLES `empty\none` WRITE;\nUNLOCK TABLES;\n--\n-- Dumping data for table `back\\\\sl=ash'\"$%p`\n--\n\nLOCK TABLES `back\\\\sl=ash'\"$%p` WRITE;\nINSERT INTO `back\\\\sl=ash'\"$%p` VALUES\n(1);\nUNLOCK TABLES;\n--\n-- Dumping data for table `unlocked`\n--\n\n-- Dump completed\n";
    check(DatabaseEngine::Mariadb, maria, "back\\\\sl=ash'\"$%p=1 empty\none=0 tab\tand\nnewline=2 unlocked=0");
}
