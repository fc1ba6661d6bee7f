//! Tools of every engine: their containers, and their common requirements. Their effects are tested on real servers.

use super::*;
use crate::app::testing::{COMPOSE, bundle, rendered};
use crate::backup::{Commands, Server, StoreKind};
use crate::spec::Text;
use std::collections::BTreeMap;

fn engines() -> Vec<DatabaseEngine> {
    let server = || Server {
        service: "db".to_owned(),
        database: Some("lab'; drop".to_owned()),
        user: Some("me".to_owned()),
        password: Some(Text::secret("hunter'2")),
        data: "/data".to_owned(),
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let commands = Commands {
        service: "db".to_owned(),
        dump: words(&["dump", "all"]),
        load: words(&["load", "all"]),
        count: words(&["count"]),
        environment: BTreeMap::from([("KEY".to_owned(), Text::secret("hunter'2"))]),
        magic: None,
        trailer: None,
    };
    vec![
        DatabaseEngine::Postgresql(server()),
        DatabaseEngine::Mongodb(server()),
        DatabaseEngine::Mariadb(server()),
        DatabaseEngine::Mysql(server()),
        DatabaseEngine::Redis(server()),
        DatabaseEngine::Neo4j(server()),
        DatabaseEngine::Command(commands),
    ]
}

fn store(engine: DatabaseEngine) -> Store {
    Store { engine, kind: StoreKind::Truth, stop: Vec::new(), pause: Vec::new(), checks: Vec::new() }
}

fn spec(command: &str) -> InstanceSpec {
    let compose = COMPOSE.replace("image: postgres:15", &format!("image: redis\n    command: '{command}'"));
    rendered(&bundle(&[("docker-compose.yaml", &compose)]), "1", &[]).expect("the demo is good").spec
}

/// Returns all tools of a store, each with its purpose.
fn tools(store: &Store) -> Vec<(&'static str, Tool)> {
    let query =
        Check { ask: DatabaseQuestion::Query("a 'b' \"c\"".to_owned()), expect: crate::backup::Expected::Success };
    let one = |name: &'static str, tool: Option<Tool>| tool.map(|tool| (name, tool));
    let all = [
        one("dump", dump_tool(store)),
        one("load", load_tool(store, &spec("serve"))),
        one("count", count_tool(store)),
        one("note", note_tool(store, None)),
        one("others", others_tool(store)),
        one("ready", ready_tool(store)),
        one("check", check_tool(store, &query)),
    ];
    let named = |name: &'static str, tools: Vec<Tool>| tools.into_iter().map(move |tool| (name, tool));
    let around = named("prepare", prepare_tools(store)).chain(named("after", after_tools(store)));
    all.into_iter().flatten().chain(around).chain(named("undo", undo_tools(store))).collect()
}

#[test]
fn each_engine_has_its_tools_at_their_places() {
    let mut lines = Vec::new();
    for engine in engines() {
        let store = store(engine);
        let place = |tool: &Tool| match &tool.at {
            ExecTarget::In { .. } => "in",
            ExecTarget::OneOff { .. } => "beside",
        };
        let said = tools(&store).into_iter().map(|(name, tool)| format!("{name} {}", place(&tool)));
        lines.push(format!("{:?}: {}", store.engine.kind(), said.collect::<Vec<_>>().join(", ")));
    }
    assert_eq!(
        lines.join("\n"),
        "Postgresql: dump in, load in, count in, note in, others in, ready in, check in, prepare in, after in, undo in
Mongodb: dump in, load in, count in, note in, others in, ready in, check in, prepare in
Mariadb: dump in, load in, count in, note in, others in, ready in, check in, prepare in
Mysql: dump in, load in, count in, note in, others in, ready in, check in, prepare in
Redis: dump in, load beside, count in, note in, ready in, check in
Neo4j: dump beside, load beside, count in, note in, others in, ready in, check in, prepare beside, after beside, undo beside
Command: dump in, load in, count in"
    );
}

#[test]
fn a_password_is_never_a_word() {
    for engine in engines() {
        let store = store(engine);
        for (name, tool) in tools(&store) {
            let words = tool.argv.join(" ");
            assert!(!words.contains("hunter"), "{name} of {:?}: {words}", store.engine.kind());
            assert!(!format!("{tool:?}").contains("hunter"));
        }
        let dump = dump_tool(&store).expect("it is dumped");
        let has_password = dump.env.values().any(|secret| secret.0.contains("hunter"));
        assert_eq!(has_password, !matches!(store.engine, DatabaseEngine::Neo4j(_)), "{:?}", store.engine.kind());
    }
}

#[test]
fn names_are_words_and_never_part_of_a_script() {
    for engine in engines() {
        let store = store(engine);
        for (name, tool) in tools(&store).into_iter().filter(|(_, tool)| tool.argv[0] == "sh") {
            assert!(!tool.argv[2].contains("lab'"), "{name} of {:?}", store.engine.kind());
            assert!(tool.argv[3] == "sh" && tool.argv[1] == "-c");
        }
    }
}

#[test]
fn a_server_that_keeps_a_log_gets_its_data_as_one() {
    let keeps = |command: &str| {
        let store = store(engines().remove(4));
        load_tool(&store, &spec(command)).expect("it is loaded").argv.last().cloned()
    };
    assert_eq!(keeps("redis-server --appendonly yes").as_deref(), Some("yes"));
    assert_eq!(keeps("redis-server").as_deref(), Some("no"));
}

#[test]
fn a_password_of_mongodb_is_a_line_of_a_file() {
    let dump = dump_tool(&store(engines().remove(1))).expect("it is dumped");
    assert_eq!(dump.env["FLEET_MONGO"].0, "password: 'hunter''2'");
}

#[test]
fn counts_are_read_as_each_engine_prints_them() {
    let check = |index: usize, printed: &str, expect: &str| {
        let found = counts(&store(engines().remove(index)), printed);
        let line = |(name, number): (&String, &u64)| format!("{name}={number}");
        let found =
            found.map_or_else(|error| error.to_string(), |found| found.iter().map(line).collect::<Vec<_>>().join(" "));
        assert_eq!(found, expect, "for {printed:?}");
    };
    check(0, "7075626c69632e61\t3\n622062\t0\n", "b b=0 public.a=3");
    check(2, "74610A62\t3\n", "ta\nb=3");
    check(1, "lab.items\t12\r\nlab.a%09b%0A\t1\n", "lab.a\tb\n=1 lab.items=12");
    check(6, "mine own\t12\n", "mine own=12");
    check(4, "# Keyspace\r\ndb0:keys=5,expires=0,avg_ttl=0\r\ndb3:keys=1,expires=1,avg_ttl=9\r\n", "db0=5 db3=0");
    check(4, "db0:keys=5\r\n", "`db0:keys=5` is not a name and a number");
    check(5, "name, number\n\"(:Ta%22%0Ask)\", 3\n\"[:NEEDS]\", 12\n", "(:Ta\"\nsk)=3 [:NEEDS]=12");
    check(0, "", "");
    check(0, "what is this", "`what is this` is not a name and a number");
    check(0, "61\t-1", "`61\t-1` is not a name and a number");
    check(0, "a\t1", "`a\t1` is not a name and a number");
    let many: String = (0..2000).map(|number| format!("{number:04}\t1\n")).collect();
    assert_eq!(counts(&store(engines().remove(0)), &many).map(|found| found.len()), Ok(COUNT_LIMIT));
}

#[test]
fn redis_says_how_often_it_was_changed() {
    let says = |printed: &str| reading(&store(engines().remove(4)), printed).expect("it is read").changes;
    let all = "db0:keys=5,expires=0,avg_ttl=0\r\nrdb_changes_since_last_save:7\r\nrdb_last_save_time:99\r\nevicted_keys:2\r\n";
    assert_eq!(says(all), Some(crate::backup::Changes { number: 9, since: 99 }));
    assert_eq!(says("db0:keys=5,expires=0,avg_ttl=0\r\nevicted_keys:2\r\n"), None);
}

fn postgresql(database: &str) -> Store {
    let DatabaseEngine::Postgresql(server) = engines().remove(0) else { panic!("the first is PostgreSQL") };
    store(DatabaseEngine::Postgresql(Server { database: Some(database.to_owned()), ..server }))
}

#[test]
fn a_server_is_ready_when_it_answers_about_a_database_that_each_has() {
    let ready = ready_tool(&postgresql("made-by-a-migration")).expect("it answers");
    assert!(!ready.argv.join(" ").contains("made-by-a-migration"), "{:?}", ready.argv);
}

#[test]
fn names_beside_a_database_are_never_cut_whatever_it_is_called() {
    for length in [1, 52, 53, 54, 55, 56, 57, 62, 63] {
        let name = "d".repeat(length);
        let load = load_tool(&postgresql(&name), &spec("serve")).expect("it is loaded");
        let [database, new, old, new_before, old_before] = &load.argv[5..] else { panic!("{:?}", load.argv) };
        let all = [database, new, old];
        assert!(all.iter().all(|it| it.len() <= 63), "{all:?}");
        assert!(database != new && database != old && new != old, "{all:?}");
        let before = [new_before, old_before].map(String::as_str);
        let ours = [new.as_str(), old.as_str()];
        let previous = [format!("{name}_fleet_new"), format!("{name}_fleet_old")];
        let expected = if length <= 53 { [previous[0].as_str(), previous[1].as_str()] } else { ours };
        assert_eq!(before, expected, "what earlier versions left is found where the server did not cut it");
    }
    let named = |name: &str| load_tool(&postgresql(name), &spec("serve")).expect("it is loaded").argv[6].clone();
    assert_ne!(named("lab"), named("lab2"));
}
