//! Notes about a server beside its dump: each difference of a restored one is found and named.

use super::engines::{cypher, neo4j_compose, redis_compose};
use super::harness::{DATABASES, Harness, harness};
use super::mongodb::{MONGODB_COMPOSE, fill_mongodb, mongosh};
use fleet_core::backup::{Differences, NotedAt, SourceNote, StoreDifference, Tool, note_tool};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the notes about a filled server.
async fn noted(harness: &Harness) -> SourceNote {
    let before = harness.noted().await.expect("it is asked");
    let after = harness.noted_again(Some(&before.note)).await.expect("it is asked");
    assert!(before.is_still(&after), "nobody writes");
    let all = before.note.clone();
    assert_eq!(before.settled(&after), all, "what is asked for again is the same");
    all
}

/// Returns differences as `OBJECT is missing`, `OBJECT: ATTRIBUTE is VALUE, was VALUE` and `OBJECT: ROWS`; none if there are none.
pub fn lines(found: &Differences) -> Option<String> {
    let line = |difference: &StoreDifference| match difference {
        StoreDifference::Missing { object } => format!("{object} is missing"),
        StoreDifference::Attribute { object, attribute, was, is } => {
            format!("{object}: {attribute} is {}, was {was}", is.as_deref().unwrap_or("absent"))
        }
        StoreDifference::Rows { object, rows } => format!("{object}: {rows}"),
        other => panic!("expected a difference of notes, found {other}"),
    };
    (!found.is_empty()).then(|| found.all().1.iter().map(line).collect::<Vec<_>>().join("; "))
}

/// Returns the differences between a server and earlier notes; none if they are equal.
async fn differs(harness: &Harness, was: &SourceNote) -> Option<String> {
    lines(&was.differences(&harness.noted_again(Some(was)).await.expect("it is asked").note))
}

async fn check(harness: &Harness, was: &SourceNote, spoil: impl Fn(&Harness), expect: &str) {
    spoil(harness);
    let found = differs(harness, was).await.unwrap_or_default();
    assert!(found.contains(expect), "{expect}: {found}");
}

const MONGODB_STORES: &str = "  it: { engine: mongodb, kind: truth, service: db }\n";

/// Each thing that a collection can have.
fn fill_forms(harness: &Harness) {
    fill_mongodb(harness);
    let run = |text: &str| mongosh(harness, "lab", &format!("db.runCommand({text})"));
    run(r#"{"collMod":"items","validator":{"note":{"$type":"string"}},"validationLevel":"moderate"}"#);
    run(r#"{"createIndexes":"items","indexes":[{"name":"one","key":{"note":1,"_id":-1},"unique":true}]}"#);
    run(r#"{"create":"capped","capped":true,"size":4096}"#);
    run(r#"{"create":"sorted","collation":{"locale":"de"}}"#);
    run(r#"{"create":"seen","viewOn":"items","pipeline":[{"$match":{"_id":3}}]}"#);
    run(r#"{"create":"times","timeseries":{"timeField":"at"}}"#);
    run(r#"{"createIndexes":"gone","indexes":[{"name":"ttl","key":{"at":1},"expireAfterSeconds":3600}]}"#);
    mongosh(harness, "lab", "db.gone.insertMany([{\"_id\":1}])");
    mongosh(harness, "lab", r#"db.runCommand({"createUser":"anna","pwd":"x","roles":["readWrite"]})"#);
}

#[tokio::test]
async fn mongodb_says_what_a_restored_one_lacks() {
    let Some(one) = harness(DATABASES, MONGODB_COMPOSE, MONGODB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MONGODB_COMPOSE, MONGODB_STORES).await else { return };
    one.ready().await;
    other.ready().await;
    fill_forms(&one);
    let was = noted(&one).await;
    other.load(&one.dump().await.expect("it is dumped")).await.expect("it is loaded");
    assert_eq!(differs(&other, &was).await, None);
    let run = |text: &'static str| move |harness: &Harness| mongosh(harness, "lab", &format!("db.runCommand({text})"));
    let expire = run(r#"{"collMod":"gone","index":{"name":"ttl","expireAfterSeconds":7200}}"#);
    check(&other, &was, expire, "collection `lab.gone`: index `ttl` is").await;
    let validator = run(r#"{"collMod":"items","validator":{}}"#);
    check(&other, &was, validator, "collection `lab.items`: option `validator` is absent, was").await;
    let index = run(r#"{"dropIndexes":"items","index":"one"}"#);
    check(&other, &was, index, "collection `lab.items`: index `one` is absent, was {\"key\":{\"note\":1,\"_id\":-1}")
        .await;
    let view = run(r#"{"collMod":"seen","viewOn":"items","pipeline":[]}"#);
    check(&other, &was, view, "view `lab.seen`: option `pipeline` is [], was").await;
    let roles = run(r#"{"updateUser":"anna","roles":[]}"#);
    check(&other, &was, roles, "account `anna@lab`: roles is , was readWrite@lab").await;
    let value = run(r#"{"update":"items","updates":[{"q":{"_id":695},"u":{"$set":{"note":"other"}}}]}"#);
    check(&other, &was, value, "lab.items: the 10 documents with the highest _id").await;
    let value = run(r#"{"update":"items","updates":[{"q":{"_id":3},"u":{"$set":{"note":"another"}}}]}"#);
    check(&other, &was, value, "lab.items: the 10 documents with the highest _id").await;
    check(&other, &was, run(r#"{"drop":"capped"}"#), "collection `lab.capped` is missing").await;
    // Facts that may expire are not compared.
    let is_of_gone = |thing: &&String| thing.contains("gone") || thing.contains("times");
    assert_eq!(was.rows.keys().find(is_of_gone), None);
}

#[tokio::test]
async fn a_dump_of_mongodb_that_loses_a_form_is_found() {
    let Some(one) = harness(DATABASES, MONGODB_COMPOSE, MONGODB_STORES).await else { return };
    let Some(other) = harness(DATABASES, MONGODB_COMPOSE, MONGODB_STORES).await else { return };
    one.ready().await;
    other.ready().await;
    fill_forms(&one);
    let was = noted(&one).await;
    for (lost, expect) in [
        ("one", "collection `lab.items`: index `one` is absent, was"),
        ("collation", "collection `lab.sorted`: option `collation` is absent, was"),
    ] {
        one.exec(&["sh", "-c", &format!("echo {lost} >/tmp/dump-loses")]);
        other.load(&one.dump().await.expect("it is dumped")).await.expect("it is loaded");
        check(&other, &was, |_| {}, expect).await;
    }
}

fn redis(harness: &Harness, words: &[&str]) -> String {
    harness.exec(&[&["redis-cli", "--no-auth-warning", "-a", "secret"], words].concat())
}

/// Adds each type of value, large ones, odd names, and expiring ones.
fn fill_keys(harness: &Harness) {
    let words: &[&[&str]] = &[
        &["set", "text", "x"],
        &["set", "expires", "x", "ex", "1000"],
        &["rpush", "list", "a", "b"],
        &["sadd", "set", "a", "b", "c"],
        &["zadd", "scores", "1.5", "a", "2", "b"],
        &["hset", "fields", "a", "1", "b", "2"],
        &["xadd", "stream", "1-1", "a", "1"],
        &["xgroup", "create", "stream", "readers", "0"],
        &["-n", "3", "set", "odd` of db0\n%", "x"],
        &[
            "eval",
            "redis.call('set', string.char(0, 255, 10), 'x') redis.call('set', 'large', string.rep('x', 1000000))",
            "0",
        ],
        &["eval", "for n = 1, 5000 do redis.call('rpush', 'long', n) redis.call('sadd', 'many', 'm'..n) end", "0"],
        &["function", "load", "#!lua name=mine\nredis.register_function('f', function() return 1 end)"],
    ];
    words.iter().for_each(|words| drop(redis(harness, words)));
}

/// Returns commands that change one value each, with the resulting difference.
fn other_values() -> [(&'static [&'static str], &'static str); 8] {
    [
        (&["set", "text", "y"][..], "key `text` of db0: its contents"),
        (&["lset", "list", "0", "z"], "key `list` of db0: its contents"),
        (&["zincrby", "scores", "1", "a"], "key `scores` of db0: its contents"),
        (&["hset", "fields", "a", "2"], "key `fields` of db0: its contents"),
        (&["xgroup", "destroy", "stream", "readers"], "key `stream` of db0: its contents"),
        (&["lset", "long", "-1", "z"], "key `long` of db0: its ends"),
        (&["setrange", "large", "0", "z"], "key `large` of db0: its ends"),
        (&["-n", "3", "set", "odd` of db0\n%", "y"], "key `odd` of db0%0A%25` of db3: its contents"),
    ]
}

#[tokio::test]
async fn redis_says_what_a_restored_one_lacks() {
    let (compose, stores) =
        (redis_compose(", --requirepass, secret"), "  it: { engine: redis, kind: truth, service: db }\n");
    let Some(one) = harness(DATABASES, &compose, stores).await else { return };
    let Some(other) = harness(DATABASES, &compose, stores).await else { return };
    one.ready().await;
    other.ready().await;
    fill_keys(&one);
    let was = noted(&one).await;
    assert!(was.facts.contains_key("key `%00%FF%0A` of db0") && !was.facts.contains_key("key `expires` of db0"));
    other.load(&one.dump().await.expect("it is dumped")).await.expect("it is loaded");
    other.ready().await;
    assert_eq!(differs(&other, &was).await, None);
    // Kept in memory in another form: small sets of numbers and of words, a list in one piece or in several.
    let long =
        "a long member beyond what is kept in one piece, which goes again at once, as if it had never been there";
    redis(&other, &["sadd", "set", long]);
    redis(&other, &["srem", "set", long]);
    assert_eq!(differs(&other, &was).await, None);
    for (words, expect) in other_values() {
        check(&other, &was, |harness| drop(redis(harness, words)), expect).await;
        other.load(&one.dump().await.expect("it is dumped")).await.expect("it is loaded");
        other.ready().await;
    }
    for (words, expect) in OTHER_FACTS {
        check(&other, &was, |harness| drop(redis(harness, words)), expect).await;
    }
}

/// Commands, and the fact that changes after each of them.
const OTHER_FACTS: [(&[&str], &str); 5] = [
    (&["srem", "many", "m7"], "key `many` of db0: length is 4999, was 5000"),
    (&["expire", "set", "1000"], "key `set` of db0: expires is yes, was no"),
    (&["del", "list"], "key `list` of db0 is missing"),
    (
        &["eval", "redis.call('del', 'text') redis.call('rpush', 'text', 'x')", "0"],
        "key `text` of db0: type is list, was string",
    ),
    (&["function", "flush"], "library of functions `mine` is missing"),
];

#[tokio::test]
async fn what_changes_while_redis_is_dumped_is_not_noted() {
    let (compose, stores) =
        (redis_compose(", --requirepass, secret"), "  it: { engine: redis, kind: truth, service: db }\n");
    let Some(one) = harness(DATABASES, &compose, stores).await else { return };
    one.ready().await;
    fill_keys(&one);
    let before = one.noted().await.expect("it is asked");
    redis(&one, &["set", "text", "longer"]);
    redis(&one, &["del", "list"]);
    let after = one.noted_again(Some(&before.note)).await.expect("it is asked");
    assert!(!before.is_still(&after), "somebody writes");
    // Nobody knows which keys were written and written back.
    let note = before.settled(&after);
    assert_eq!(note.facts.keys().collect::<Vec<_>>(), ["library of functions `mine`"]);
    assert_eq!(note.rows.len(), 0);
}

/// Replacement of a server with expiring fields: those named `short` expire.
const EXPIRING: &str = "local server = redis
local redis = setmetatable({ pcall = function(command, name, word, number, ...)
    if command ~= 'HPEXPIRETIME' then return server.pcall(command, name, word, number, ...) end
    local times = {}
    for index, field in ipairs({ ... }) do times[index] = field == 'short' and 1 or field == '' and -2 or -1 end
    return times
end }, { __index = server })
local lines,";

#[tokio::test]
async fn the_length_of_a_hash_is_noted_only_where_no_field_expires() {
    let (compose, stores) =
        (redis_compose(", --requirepass, secret"), "  it: { engine: redis, kind: truth, service: db }\n");
    let Some(one) = harness(DATABASES, &compose, stores).await else { return };
    one.ready().await;
    let fill = "for _, it in ipairs({ {'few', 3}, {'many', 3000}, {'beyond', 20001}, {'few-short', 3}, {'many-short', 3000} }) do
        for n = 1, it[2] do redis.call('hset', it[1], 'f'..n, n) end
        if it[1]:find('short') then redis.call('hset', it[1], 'short', 1) end
    end";
    redis(&one, &["eval", fill, "0"]);
    let mut tool = note_tool(one.store(), None).expect("it is asked");
    let lengths = async |tool: &Tool| {
        let note = NotedAt::read(&one.run(tool).await.expect("it answers")).expect("it is read").note;
        let of = |(thing, facts): (&String, &BTreeMap<String, String>)| {
            Some(format!("{}: {}", thing.split('`').nth(1)?, facts.get("length")?))
        };
        let lengths: BTreeSet<String> = note.facts.iter().filter_map(of).collect();
        (lengths.into_iter().collect::<Vec<_>>().join(", "), note.rows.len())
    };
    let all = "beyond: 20001, few-short: 4, few: 3, many-short: 3001, many: 3000";
    assert_eq!(lengths(&tool).await, (all.to_owned(), 2), "a server that knows no such fields");
    let places = tool.argv.iter_mut().filter(|word| word.contains("local lines,"));
    let changed = places.map(|word| *word = word.replacen("local lines,", EXPIRING, 1)).count();
    assert_eq!(changed, 1);
    assert_eq!(lengths(&tool).await, ("few: 3, many: 3000".to_owned(), 1));
}

#[tokio::test]
async fn neo4j_says_what_a_restored_one_lacks() {
    for version in ["5.18.0", "4.4", "2025.10"] {
        let (compose, stores) = (neo4j_compose(version), "  it: { engine: neo4j, kind: truth, service: db }\n");
        let Some(one) = harness(DATABASES, &compose, stores).await else { return };
        let Some(other) = harness(DATABASES, &compose, stores).await else { return };
        one.ready().await;
        other.ready().await;
        for text in [
            "node Task a",
            "node Task b",
            "edge NEEDS a b",
            "index by_name CREATE RANGE INDEX `by_name` FOR (n:`Task`) ON (n.`name`)",
            "constraint only CREATE CONSTRAINT `only` FOR (n:`Task`) REQUIRE (n.`name`) IS UNIQUE",
        ] {
            cypher(&one, &format!("CREATE {text}"));
        }
        let was = noted(&one).await;
        assert_eq!(was.size(), (2, 2));
        let dump = one.dump().await.expect("it is dumped");
        let of = |lost: &str| String::from_utf8_lossy(&dump).contains(lost);
        assert!(of("by_name"));
        other.load(&dump).await.expect("it is loaded");
        other.ready().await;
        assert_eq!(differs(&other, &was).await, None);
        one.ready().await;
        let number = if version == "2025.10" { "elementId" } else { "id" };
        for (lost, expect) in [
            ("^index", "index `by_name` is missing".to_owned()),
            ("^constraint", "constraint `only` is missing".to_owned()),
            ("Task b", format!("nodes: the 100 with the highest {number}")),
            ("^edge", format!("relationships: the 100 with the highest {number}")),
        ] {
            one.exec(&["sh", "-c", &format!("echo '{lost}' >/data/dump-loses; chown 7474:7474 /data/dump-loses")]);
            other.load(&one.dump().await.expect("it is dumped")).await.expect("it is loaded");
            other.ready().await;
            check(&other, &was, |_| {}, &expect).await;
            one.ready().await;
        }
    }
}
